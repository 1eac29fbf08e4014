//! HELLO comes first, and either side may say no to it.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use quinn::{Connection, ConnectionError};
use timeline::net::{CloseCode, NetLimits};
use timeline::seam::{Class, NetError, Transport};
use timeline::types::Contact;

use crate::raw::{self, Welcome};
use crate::support::{ALPN, Node, id, impatient, loopback, quick, run, until};

async fn connect(to: &Node) -> Connection {
    raw::connect(Some(raw::own(3)), &[ALPN], to.quic.local_addr(), 1 << 20).await.expect("a handshake")
}

async fn assert_closed(connection: &Connection, code: CloseCode) {
    let end = connection.closed().await;
    let found = match &end {
        ConnectionError::ApplicationClosed(close) => u64::from(close.error_code),
        _ => panic!("{end:?}"),
    };
    assert_eq!(found, code as u64);
}

#[test]
fn a_first_request_that_is_no_hello_ends_the_connection() {
    run(async {
        let b = Node::new(2);
        for first in [&b"w hello"[..], b"", b"\x02\x01"] {
            let connection = connect(&b).await;
            assert_eq!(raw::ask(&connection, first).await, None);
            assert_closed(&connection, CloseCode::NoHello).await;
        }
        assert!(b.probe.requests.borrow().is_empty() && b.quic.connected().is_empty());
    });
}

#[test]
fn a_connection_without_a_hello_is_ended() {
    run(async {
        let b = Node::with(2, impatient());
        let silent = connect(&b).await;
        assert_closed(&silent, CloseCode::NoHello).await;
        let slow = connect(&b).await;
        let _stream = raw::begin(&slow, b"\x01he").await;
        assert_closed(&slow, CloseCode::NoHello).await;
        assert!(b.probe.hellos.borrow().is_empty());
    });
}

#[test]
fn requests_sent_with_the_hello_wait_for_it() {
    run(async {
        let b = Node::new(2);
        let connection = connect(&b).await;
        let (hello, request) = tokio::join!(raw::ask(&connection, b"\x01hello"), raw::ask(&connection, b"e early"));
        assert_eq!((hello.as_deref(), request.as_deref()), (Some(&b"welcome"[..]), Some(&b"e early"[..])));
        b.probe.refuse_hello.set(true);
        let connection = connect(&b).await;
        let (hello, request) = tokio::join!(raw::ask(&connection, b"\x01hello"), raw::ask(&connection, b"e early"));
        assert_eq!((hello.as_deref(), request), (Some(&b"go away"[..]), None));
        assert_closed(&connection, CloseCode::Refused).await;
        assert_eq!(b.probe.requests.borrow().len(), 1);
    });
}

#[test]
fn a_refused_hello_is_answered_before_the_connection_ends() {
    run(async {
        let (a, b) = (Node::new(1), Node::new(2));
        b.probe.refuse_hello.set(true);
        assert_eq!(a.ask(&b.contact(), "e x").await, Err(NetError::Refused));
        assert_eq!(*a.probe.answers.borrow(), [(b.id, Bytes::from("go away"))]);
        assert!(b.probe.requests.borrow().is_empty());
        assert!(a.quic.connected().is_empty() && b.quic.connected().is_empty());
        b.probe.refuse_hello.set(false);
        assert_eq!(a.ask(&b.contact(), "e x").await, Ok("e x".into()));
    });
}

#[test]
fn an_answer_that_displeases_ends_the_connection() {
    run(async {
        let (a, b) = (Node::new(1), Node::new(2));
        a.probe.refuse_answer.set(true);
        assert_eq!(a.ask(&b.contact(), "e x").await, Err(NetError::Refused));
        // What went with the HELLO may have been done there; its answer is not believed, and nothing comes after it.
        assert!(a.quic.connected().is_empty() && b.probe.requests.borrow().len() <= 1);
        until("the connection is gone", || b.quic.connected().is_empty()).await;
    });
}

#[test]
fn a_first_request_does_not_wait_for_the_answer_to_hello() {
    run(async {
        let a = Node::new(1);
        for (secret, class) in [(2, Class::Read), (3, Class::Write), (4, Class::Bulk)] {
            // One that answers HELLO only when the request is there: two round trips from the first packet to the answer.
            let late = raw::Server::welcoming(raw::own(secret), ALPN, b"fine".to_vec(), Welcome::Late);
            let contact = Contact::hint(id(secret), late.address);
            let (one, two) = tokio::join!(a.ask_as(&contact, "e x", class), a.ask_as(&contact, "e y", class));
            assert_eq!((one, two), (Ok("fine".into()), Ok("fine".into())));
            let received = late.received.borrow();
            assert_eq!(received.iter().filter(|body| body[0] == 1).count(), 1, "they share a connection");
            assert_eq!((&received[0][..], received.len()), (&b"\x01hello"[..], 3));
            assert!(a.quic.path(&id(secret)).is_some_and(|path| path.connected));
        }
    });
}

#[test]
fn an_answer_without_an_answer_to_hello_is_not_believed() {
    run(async {
        let mute = raw::Server::welcoming(raw::own(2), ALPN, b"fine".to_vec(), Welcome::Never);
        let contact = Contact::hint(id(2), mute.address);
        for class in [Class::Read, Class::Write] {
            let a = Node::new(1);
            let heard = until("the answer is there", || a.quic.traffic().bytes_received == b"fine".len() as u64);
            tokio::select! {
                biased;
                outcome = a.ask_as(&contact, "e x", class) => panic!("{outcome:?}"),
                () = heard => {}
            }
            assert!(a.quic.connected().is_empty() && a.quic.path(&id(2)).is_none());
            // Whoever waits no longer hears what it hears of a peer that is not there.
            let hasty = a.quic.request(&contact, "e y".into(), class, Duration::from_millis(1)).await;
            assert_eq!(hasty, Err(NetError::Unreachable));
            let limited = Node::with(1, NetLimits { dial: Duration::from_millis(300), ..quick() });
            assert_eq!(limited.ask_as(&contact, "e z", class).await, Err(NetError::Unreachable));
            assert!(limited.quic.connected().is_empty());
        }
    });
}

#[test]
fn requests_are_answered_while_the_answer_to_hello_is_on_its_way() {
    run(async {
        let b = Node::new(2);
        // A window that takes the answer to a short request, and not that to HELLO.
        let connection = raw::connect(Some(raw::own(3)), &[ALPN], b.quic.local_addr(), 3).await.expect("a handshake");
        let (mut hello, _unread) = raw::begin(&connection, b"\x01hello").await;
        hello.finish().expect("open");
        assert_eq!(raw::ask(&connection, b"e").await.as_deref(), Some(&b"e"[..]));
    });
}

#[test]
fn a_node_that_does_not_serve_is_unreachable_until_it_does() {
    run(async {
        let a = Node::new(1);
        let b = Node::silent(2, quick(), loopback(), ALPN);
        assert_eq!(a.ask(&b.contact(), "e x").await, Err(NetError::Unreachable));
        b.serve();
        assert_eq!(a.ask(&b.contact(), "e x").await, Ok("e x".into()));
        // It ends with its receiver, on connections that are up as well.
        let Node { quic, probe, id } = b;
        assert_eq!(Rc::strong_count(&probe), 1);
        drop(probe);
        let contact = Contact::hint(id, quic.local_addr());
        assert!(a.ask(&contact, "e x").await.is_err());
        assert_eq!(a.ask(&contact, "e x").await, Err(NetError::Unreachable));
    });
}

#[test]
fn a_node_that_does_not_serve_cannot_greet() {
    run(async {
        let a = Node::silent(1, quick(), loopback(), ALPN);
        let b = Node::new(2);
        assert_eq!(a.ask(&b.contact(), "e x").await, Err(NetError::Closed));
        assert_eq!(b.id, id(2));
    });
}
