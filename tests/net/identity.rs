//! Nobody passes for somebody else.

use quinn::ConnectionError;
use timeline::net::CloseCode;
use timeline::seam::{NetError, Transport};
use timeline::types::Contact;

use crate::raw::{self, Identity, Server};
use crate::support::{ALPN, Node, id, loopback, quick, run, until};

/// Dials `expected` where a bare server with `identity` listens, and returns the error.
async fn dial_impostor(identity: Identity, alpn: &[u8]) -> NetError {
    let server = Server::start(identity, alpn, b"stolen".to_vec());
    let a = Node::new(1);
    let error = a.ask(&Contact::hint(id(2), server.address), "e secret").await.expect_err("an impostor answered");
    assert!(server.received.borrow().is_empty(), "the impostor was sent something");
    assert!(a.quic.connected().is_empty());
    error
}

/// Connects a bare client to a node, asserts that it gets nowhere, and returns why.
async fn be_refused(identity: Option<Identity>, alpn: &[&[u8]]) -> ConnectionError {
    let b = Node::new(2);
    let end = match raw::connect(identity, alpn, b.quic.local_addr(), 1 << 20).await {
        Err(end) => end,
        Ok(connection) => {
            assert_eq!(raw::ask(&connection, b"\x01hello").await, None, "a stranger was answered");
            connection.closed().await
        }
    };
    assert!(b.probe.hellos.borrow().is_empty() && b.probe.requests.borrow().is_empty());
    assert!(b.quic.connected().is_empty());
    end
}

fn refused_in_the_handshake(end: &ConnectionError) -> bool {
    matches!(end, ConnectionError::ConnectionClosed(close) if u64::from(close.error_code) >> 8 == 1)
}

#[test]
fn bare_endpoints_with_the_right_identity_get_through() {
    // Without this, the tests below could pass for the wrong reason.
    run(async {
        let server = Server::start(raw::own(2), ALPN, b"fine".to_vec());
        let a = Node::new(1);
        assert_eq!(a.ask(&Contact::hint(id(2), server.address), "e x").await, Ok("fine".into()));
        assert_eq!(*server.received.borrow(), [b"\x01hello".to_vec(), b"e x".to_vec()]);
        let connection = raw::connect(Some(raw::own(3)), &[ALPN], a.quic.local_addr(), 1 << 20).await;
        let connection = connection.expect("a handshake");
        assert_eq!(raw::ask(&connection, b"\x01hello").await.as_deref(), Some(&b"welcome"[..]));
        assert_eq!(raw::ask(&connection, b"e y").await.as_deref(), Some(&b"e y"[..]));
        assert_eq!(*a.probe.hellos.borrow(), [id(3)]);
    });
}

#[test]
fn a_server_with_another_identity_is_the_wrong_peer() {
    run(async {
        assert_eq!(dial_impostor(raw::own(3), ALPN).await, NetError::WrongPeer);
        // The same between two whole nodes.
        let (a, c) = (Node::new(1), Node::new(3));
        let contact = Contact::hint(id(2), c.quic.local_addr());
        assert_eq!(a.ask(&contact, "e secret").await, Err(NetError::WrongPeer));
        assert!(c.probe.hellos.borrow().is_empty() && c.probe.requests.borrow().is_empty());
    });
}

#[test]
fn a_server_with_a_copied_certificate_is_the_wrong_peer() {
    run(async {
        assert_eq!(dial_impostor(raw::copied(2, 3), ALPN).await, NetError::WrongPeer);
        assert_eq!(dial_impostor(raw::copied_with_ecdsa(2), ALPN).await, NetError::WrongPeer);
    });
}

#[test]
fn a_client_with_a_copied_certificate_is_refused() {
    run(async {
        let end = be_refused(Some(raw::copied(3, 4)), &[ALPN]).await;
        assert!(refused_in_the_handshake(&end), "{end:?}");
        let end = be_refused(Some(raw::copied_with_ecdsa(3)), &[ALPN]).await;
        assert!(refused_in_the_handshake(&end), "{end:?}");
    });
}

#[test]
fn a_client_without_a_certificate_is_refused() {
    run(async {
        let end = be_refused(None, &[ALPN]).await;
        assert!(refused_in_the_handshake(&end), "{end:?}");
    });
}

#[test]
fn other_kinds_of_keys_are_refused() {
    run(async {
        assert_eq!(dial_impostor(raw::ecdsa(), ALPN).await, NetError::WrongPeer);
        let end = be_refused(Some(raw::ecdsa()), &[ALPN]).await;
        assert!(refused_in_the_handshake(&end), "{end:?}");
    });
}

#[test]
fn another_protocol_is_refused_at_both_ends() {
    run(async {
        let other: &[u8] = b"timeline/1/fedcba9876543210";
        assert_eq!(dial_impostor(raw::own(2), other).await, NetError::Refused);
        let end = be_refused(Some(raw::own(3)), &[other]).await;
        assert!(refused_in_the_handshake(&end), "{end:?}");
        let end = be_refused(Some(raw::own(3)), &[]).await;
        assert!(refused_in_the_handshake(&end), "{end:?}");
        let (a, b) = (Node::new(1), Node::at(2, quick(), loopback(), other));
        assert_eq!(a.ask(&b.contact(), "e x").await, Err(NetError::Refused));
    });
}

#[test]
fn a_node_does_not_talk_to_itself() {
    run(async {
        let a = Node::new(1);
        assert!(a.ask(&a.contact(), "e x").await.is_err());
        // Nor to somebody who has its key.
        let connection = raw::connect(Some(raw::own(1)), &[ALPN], a.quic.local_addr(), 1 << 20).await;
        let end = connection.expect("a handshake").closed().await;
        let refused = |code: u64| code == CloseCode::Refused as u64;
        assert!(matches!(&end, ConnectionError::ApplicationClosed(c) if refused(c.error_code.into())), "{end:?}");
        assert!(a.probe.hellos.borrow().is_empty());
    });
}

#[test]
fn a_wrong_address_does_not_hide_the_right_one() {
    run(async {
        let (a, b, c) = (Node::new(1), Node::new(2), Node::new(3));
        let mut contact = Contact::hint(b.id, c.quic.local_addr());
        contact.addresses.push(b.quic.local_addr());
        assert_eq!(a.ask(&contact, "e x").await, Ok("e x".into()));
        assert!(c.probe.hellos.borrow().is_empty());
        until("the impostor is left alone", || c.quic.connected().is_empty()).await;
    });
}

#[test]
fn whoever_is_at_an_address_proves_who_it_is() {
    run(async {
        let (a, b) = (Node::new(1), Node::new(2));
        assert_eq!(a.quic.identify(b.quic.local_addr()).await, Ok(b.id));
        assert!(b.probe.requests.borrow().is_empty() && b.probe.hellos.borrow().is_empty(), "nothing is asked");
        // What was learned so does not let another take its place.
        let impostor = Contact::hint(id(3), b.quic.local_addr());
        assert_eq!(a.ask(&impostor, "e x").await, Err(NetError::WrongPeer));
        assert_eq!(a.ask(&b.contact(), "e x").await, Ok("e x".into()));
        let nobody = b.quic.local_addr();
        b.close().await;
        assert_eq!(a.quic.identify(nobody).await, Err(NetError::Unreachable));
    });
}
