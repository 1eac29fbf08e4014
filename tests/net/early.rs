//! What is asked of a peer that was met before goes in the first flight, and only what changes nothing.

use std::net::SocketAddr;

use bytes::Bytes;
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint, TransportErrorCode};
use timeline::net::CloseCode;
use timeline::seam::{Class, Transport};
use timeline::types::Contact;

use crate::raw;
use crate::support::{ALPN, Node, loopback, quick, run, until};

const HELLO: &[u8] = b"\x01hello";

/// Has `a` meet `b` and lose the connection.
async fn met(a: &Node, b: &Node) {
    assert_eq!(a.ask(&b.contact(), "e first").await, Ok("e first".into()));
    lose(a, b).await;
}

async fn lose(a: &Node, b: &Node) {
    a.quic.begin_anew();
    until("the connection is gone", || b.quic.connected().is_empty()).await;
    b.probe.order.borrow_mut().clear();
}

fn order(node: &Node) -> Vec<Bytes> {
    node.probe.order.borrow().clone()
}

#[test]
fn a_peer_that_was_met_is_asked_before_it_is_greeted() {
    run(async {
        let (a, b) = (Node::new(1), Node::new(2));
        assert_eq!(a.ask(&b.contact(), "e first").await, Ok("e first".into()));
        assert_eq!(order(&b), [HELLO, b"e first"], "one that was not met is greeted first");
        for _ in 0..12 {
            lose(&a, &b).await;
            let there = b.contact();
            let (one, two) = tokio::join!(a.ask(&there, "e one"), a.ask(&there, "e two"));
            assert_eq!((one, two), (Ok("e one".into()), Ok("e two".into())));
            until("the greeting is there", || order(&b).len() == 3).await;
            assert_eq!(order(&b), [&b"e one"[..], b"e two", HELLO]);
        }
        assert_eq!(b.probe.requests.borrow().iter().filter(|(from, _)| *from != a.id).count(), 0);
    });
}

#[test]
fn what_changes_something_goes_behind_hello() {
    run(async {
        let (a, b) = (Node::new(1), Node::new(2));
        met(&a, &b).await;
        assert_eq!(a.ask_as(&b.contact(), "w x", Class::Write).await, Ok("w x".into()));
        assert_eq!(order(&b), [HELLO, b"w x"]);
        lose(&a, &b).await;
        assert_eq!(a.ask_as(&b.contact(), "w y", Class::Bulk).await, Ok("w y".into()));
        assert_eq!(order(&b), [HELLO, b"w y"]);
        lose(&a, &b).await;
        let there = b.contact();
        let (read, write) = tokio::join!(a.ask(&there, "e read"), a.ask_as(&there, "w write", Class::Write));
        assert_eq!((read, write), (Ok("e read".into()), Ok("w write".into())));
        assert_eq!(order(&b), [&b"e read"[..], HELLO, b"w write"]);
    });
}

#[test]
fn a_peer_that_has_forgotten_the_session_is_asked_behind_hello() {
    run(async {
        let (a, b) = (Node::new(1), Node::new(2));
        met(&a, &b).await;
        let address = b.quic.local_addr();
        b.close().await;
        let b = Node::at(2, quick(), address, ALPN);
        assert_eq!(a.ask(&b.contact(), "e x").await, Ok("e x".into()));
        assert_eq!(order(&b), [HELLO, b"e x"], "it is handled once");
    });
}

#[test]
fn a_peer_that_moved_is_asked_where_it_is() {
    run(async {
        let (a, b) = (Node::new(1), Node::new(2));
        met(&a, &b).await;
        // Nobody is at the first address; the second one is tried beside it, and what was sent early is sent again there.
        let nobody = std::net::UdpSocket::bind(loopback()).expect("bound");
        let mut contact = Contact::hint(b.id, nobody.local_addr().expect("bound"));
        contact.addresses.push(b.quic.local_addr());
        assert_eq!(a.ask(&contact, "e x").await, Ok("e x".into()));
        assert_eq!(order(&b), [HELLO, b"e x"]);
        assert_eq!(a.quic.remote(&b.id), Some(b.quic.local_addr()));
    });
}

#[test]
fn a_refused_hello_ends_what_was_asked_early() {
    run(async {
        let (a, b) = (Node::new(1), Node::new(2));
        met(&a, &b).await;
        b.probe.refuse_hello.set(true);
        assert_eq!(a.ask(&b.contact(), "e x").await, Ok("e x".into()), "the key that is known has answered");
        until("HELLO was refused", || a.probe.answers.borrow().iter().any(|(_, answer)| answer == "go away")).await;
        until("nobody is connected", || a.quic.connected().is_empty() && b.quic.connected().is_empty()).await;
    });
}

/// A bare client that has met a node and holds a session with it.
struct Returning {
    endpoint: Endpoint,
    config: ClientConfig,
    to: SocketAddr,
}

impl Returning {
    async fn new(to: &Node) -> Self {
        let config = raw::client(Some(raw::own(3)), &[ALPN], 1 << 20);
        let this = Self { endpoint: Endpoint::client(loopback()).expect("bound"), config, to: to.quic.local_addr() };
        let connection = this.dial().await.expect("a handshake");
        assert_eq!(raw::ask(&connection, HELLO).await.as_deref(), Some(&b"welcome"[..]));
        connection.close(0u32.into(), b"");
        until("the connection is gone", || to.quic.connected().is_empty()).await;
        to.probe.order.borrow_mut().clear();
        this
    }

    fn dial(&self) -> quinn::Connecting {
        self.endpoint.connect_with(self.config.clone(), self.to, "whoever").expect("a valid address")
    }

    /// Returns a connection whose handshake has just begun.
    fn early(&self) -> Connection {
        self.dial().into_0rtt().map_err(|_| "no session").expect("a session").0
    }
}

/// Waits until the node has ended a connection for want of a HELLO; as long as the handshake goes on, it cannot say why.
async fn assert_ended(connection: &Connection) {
    let end = connection.closed().await;
    let why = match &end {
        ConnectionError::ApplicationClosed(close) => u64::from(close.error_code) == CloseCode::NoHello as u64,
        ConnectionError::ConnectionClosed(close) => close.error_code == TransportErrorCode::APPLICATION_ERROR,
        _ => false,
    };
    assert!(why, "{end:?}");
}

#[test]
fn nothing_but_a_few_reads_is_taken_early() {
    run(async {
        let b = Node::new(2);
        for body in [HELLO, b"w write", b""] {
            let peer = Returning::new(&b).await;
            let connection = peer.early();
            assert_eq!(raw::ask(&connection, body).await, None);
            assert_ended(&connection).await;
            assert!(order(&b).is_empty(), "{body:?}");
        }
        // The ninth is too many.
        let peer = Returning::new(&b).await;
        let connection = peer.early();
        let asked = futures_util::future::join_all((0..9).map(|_| raw::ask(&connection, b"e x"))).await;
        assert!(asked.len() == 9 && asked[8].is_none());
        assert_ended(&connection).await;
        assert_eq!(order(&b).len(), 8);
        assert!(b.quic.connected().is_empty());
    });
}

#[test]
fn a_session_is_resumed_once() {
    run(async {
        let b = Node::new(2);
        let peer = Returning::new(&b).await;
        // More connections than there are sessions: those without one are greeted anew, and nobody is mistaken.
        for _ in 0..6 {
            let connection = match peer.dial().into_0rtt() {
                Ok((connection, _)) => connection,
                Err(connecting) => connecting.await.expect("a handshake"),
            };
            let (read, hello) = (raw::ask(&connection, b"e x").await, raw::ask(&connection, HELLO).await);
            assert_eq!((read.as_deref(), hello.as_deref()), (Some(&b"e x"[..]), Some(&b"welcome"[..])));
        }
        let known = b.probe.requests.borrow().iter().all(|(from, _)| *from == crate::support::id(3));
        assert!(known && b.probe.requests.borrow().len() == 6);
    });
}
