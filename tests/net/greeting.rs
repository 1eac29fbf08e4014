//! HELLO comes first, and either side may say no to it.

use std::rc::Rc;

use bytes::Bytes;
use quinn::{Connection, ConnectionError};
use timeline::net::CloseCode;
use timeline::seam::{NetError, Transport};
use timeline::types::Contact;

use crate::raw;
use crate::support::{ALPN, Node, id, impatient, loopback, quick, run};

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
        for first in [&b"e hello"[..], b"", b"\x02\x01"] {
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
        assert!(b.probe.requests.borrow().is_empty());
        crate::support::until("the connection is gone", || b.quic.connected().is_empty()).await;
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
