//! What a peer may send, how long it may take, and how many there may be.

use std::net::UdpSocket;
use std::time::Duration;

use quinn::Connection;
use timeline::net::{CloseCode, NetLimits, StreamCode};
use timeline::seam::{Class, NetError, Transport};
use timeline::types::{Contact, Rng};

use crate::raw::{self, Server};
use crate::support::{ALPN, Node, PATIENCE, id, impatient, quick, run, until};

/// The most bytes of a message.
const LIMIT: usize = 256 * 1024;

async fn greeted(secret: u8, to: &Node, window: u32) -> Connection {
    let connection = raw::connect(Some(raw::own(secret)), &[ALPN], to.quic.local_addr(), window).await;
    let connection = connection.expect("a handshake");
    assert_eq!(raw::ask(&connection, b"\x01hello").await.as_deref(), Some(&b"welcome"[..]));
    connection
}

fn code(code: StreamCode) -> quinn::VarInt {
    quinn::VarInt::from_u32(code as u32)
}

#[test]
fn messages_up_to_the_limit_pass_both_ways() {
    run(async {
        let (a, b) = (Node::new(1), Node::new(2));
        let body = vec![b'e'; LIMIT];
        let answer = a.quic.request(&b.contact(), body.clone().into(), Class::Write, PATIENCE).await;
        assert!(answer == Ok(body.into()));
    });
}

#[test]
fn a_request_over_the_limit_is_refused_and_the_connection_lives() {
    run(async {
        let (a, b) = (Node::new(1), Node::new(2));
        let body = vec![b'e'; LIMIT + 1];
        let answer = a.quic.request(&b.contact(), body.clone().into(), Class::Write, PATIENCE).await;
        assert_eq!(answer, Err(NetError::TooLarge));
        assert!(b.probe.hellos.borrow().is_empty(), "nothing of it is sent");
        // A peer with other ideas of the limit is told.
        let (strict, hers) = (NetLimits { message_bytes: 1000, ..quick() }, vec![b'e'; 1001]);
        let c = Node::with(3, strict);
        let answer = a.quic.request(&c.contact(), hers.into(), Class::Write, PATIENCE).await;
        assert_eq!(answer, Err(NetError::TooLarge));
        assert_eq!(a.ask(&c.contact(), "e x").await, Ok("e x".into()));
        assert_eq!(c.probe.hellos.borrow().len(), 1);
        // One without any limit of its own is cut off.
        let connection = greeted(4, &b, 1 << 20).await;
        let (mut send, mut recv) = connection.open_bi().await.expect("a stream");
        let _ = send.write_all(&vec![b'e'; 2 * LIMIT]).await;
        assert_eq!(send.stopped().await, Ok(Some(code(StreamCode::TooLarge))));
        let end = recv.read_to_end(LIMIT).await.expect_err("no answer");
        assert_eq!(end, quinn::ReadToEndError::Read(quinn::ReadError::Reset(code(StreamCode::TooLarge))));
        assert_eq!(raw::ask(&connection, b"e after").await.as_deref(), Some(&b"e after"[..]));
        assert_eq!(b.probe.requests.borrow().len(), 1);
    });
}

#[test]
fn an_answer_over_the_limit_is_refused_and_the_connection_lives() {
    run(async {
        let (a, b) = (Node::new(1), Node::new(2));
        b.probe.big.set(LIMIT + 1);
        assert_eq!(a.ask(&b.contact(), "big").await, Err(NetError::TooLarge));
        b.probe.big.set(LIMIT);
        assert_eq!(a.ask(&b.contact(), "big").await.map(|answer| answer.len()), Ok(LIMIT));
        assert_eq!(b.probe.hellos.borrow().len(), 1);
        let server = Server::start(raw::own(3), ALPN, vec![7; LIMIT + 1]);
        let contact = Contact::hint(id(3), server.address);
        for _ in 0..3 {
            assert_eq!(a.ask(&contact, "e x").await, Err(NetError::TooLarge));
        }
        assert_eq!(server.received.borrow().iter().filter(|body| body.first() == Some(&1)).count(), 1);
    });
}

#[test]
fn a_request_that_never_ends_is_cut_while_others_go_on() {
    run(async {
        let b = Node::with(2, impatient());
        let connection = greeted(3, &b, 1 << 20).await;
        let (send, mut recv) = raw::begin(&connection, b"e slo").await;
        assert_eq!(raw::ask(&connection, b"e quick").await.as_deref(), Some(&b"e quick"[..]));
        assert_eq!(send.stopped().await, Ok(Some(code(StreamCode::TooSlow))));
        let end = recv.read_to_end(LIMIT).await.expect_err("no answer");
        assert_eq!(end, quinn::ReadToEndError::Read(quinn::ReadError::Reset(code(StreamCode::TooSlow))));
        assert_eq!(raw::ask(&connection, b"e after").await.as_deref(), Some(&b"e after"[..]));
        assert_eq!(b.probe.requests.borrow().len(), 2);
    });
}

#[test]
fn an_answer_that_is_not_taken_is_cut_while_others_go_on() {
    run(async {
        let b = Node::with(2, impatient());
        b.probe.big.set(LIMIT);
        let connection = greeted(3, &b, 1000).await;
        let (mut send, mut recv) = raw::begin(&connection, b"big").await;
        send.finish().expect("finished");
        // Small enough for the window, so it is read while the large one is stuck.
        assert_eq!(raw::ask(&connection, b"e quick").await.as_deref(), Some(&b"e quick"[..]));
        // Nothing is read until the node has given up; the reset then overtakes what was sent.
        assert_eq!(recv.received_reset().await, Ok(Some(code(StreamCode::TooSlow))));
        assert_eq!(raw::ask(&connection, b"e after").await.as_deref(), Some(&b"e after"[..]));
    });
}

#[test]
fn a_request_that_the_node_cannot_finish_is_given_up() {
    run(async {
        let (a, b) = (Node::new(1), Node::with(2, NetLimits { handling: Duration::from_millis(100), ..quick() }));
        assert_eq!(a.ask(&b.contact(), "gate").await, Err(NetError::Broken));
        assert_eq!(a.ask(&b.contact(), "e x").await, Ok("e x".into()));
        assert_eq!(b.probe.hellos.borrow().len(), 1);
    });
}

#[test]
fn garbage_on_the_port_disturbs_nobody() {
    run(async {
        let (a, b) = (Node::new(1), Node::new(2));
        let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
        let mut rng = Rng::from_seed([9; 32]);
        for n in 0..3000usize {
            let mut bytes: Vec<u8> = std::iter::repeat_with(|| rng.bytes::<32>()).take(n % 45).flatten().collect();
            // A third looks like a first packet, a third like one of a connection.
            if let Some(first) = bytes.first_mut() {
                *first = [0xc3, 0x40, *first][n % 3];
            }
            if n % 3 == 0 && bytes.len() > 5 {
                bytes[1..6].copy_from_slice(&[0, 0, 0, 1, 8]);
            }
            let _ = socket.send_to(&bytes, b.quic.local_addr());
            if n % 300 == 0 {
                assert_eq!(a.ask(&b.contact(), "e x").await, Ok("e x".into()));
            }
        }
        let c = Node::new(3);
        assert_eq!(c.ask(&b.contact(), "e y").await, Ok("e y".into()));
        assert_eq!(b.quic.connected(), {
            let mut all = vec![a.id, c.id];
            all.sort_unstable();
            all
        });
    });
}

#[test]
fn the_pool_closes_the_connection_longest_unused() {
    run(async {
        let a = Node::with(1, NetLimits { pool: 2, ..quick() });
        let (b, c, d) = (Node::new(2), Node::new(3), Node::new(4));
        for peer in [&b, &c, &b, &d] {
            assert_eq!(a.ask(&peer.contact(), "e x").await, Ok("e x".into()));
        }
        let mut left = vec![b.id, d.id];
        left.sort_unstable();
        assert_eq!(a.quic.connected(), left);
        until("the third hears of it", || c.quic.connected().is_empty()).await;
        // And comes back, by a resumed session, as the same peer.
        assert_eq!(a.ask(&c.contact(), "e again").await, Ok("e again".into()));
        until("it is greeted", || *c.probe.hellos.borrow() == [a.id, a.id]).await;
    });
}

#[test]
fn a_full_pool_waits_for_a_connection_to_fall_idle() {
    run(async {
        let a = Node::with(1, NetLimits { pool: 1, ..quick() });
        let (b, c) = (Node::new(2), Node::new(3));
        let (first, second) = (b.contact(), c.contact());
        let busy = a.ask(&first, "gate");
        let waiting = async {
            until("the pool is in use", || b.probe.running.get() == 1).await;
            let waiting = a.ask(&second, "e x");
            let release = async {
                tokio::task::yield_now().await;
                assert!(c.probe.hellos.borrow().is_empty());
                b.probe.gate.add_permits(1);
            };
            tokio::join!(waiting, release).0
        };
        let (busy, waited) = tokio::join!(busy, waiting);
        assert_eq!((busy, waited), (Ok("gate".into()), Ok("e x".into())));
        assert_eq!(a.quic.connected(), [c.id]);
    });
}

#[test]
fn a_newcomer_takes_the_place_of_the_guest_longest_unused() {
    run(async {
        let b = Node::with(2, NetLimits { inbound: 2, ..quick() });
        let first = greeted(3, &b, 1 << 20).await;
        let second = greeted(4, &b, 1 << 20).await;
        assert!(raw::ask(&first, b"e x").await.is_some());
        let third = greeted(5, &b, 1 << 20).await;
        let end = second.closed().await;
        assert!(matches!(&end, quinn::ConnectionError::ApplicationClosed(c)
            if u64::from(c.error_code) == CloseCode::Unused as u64));
        assert!(raw::ask(&first, b"e x").await.is_some() && raw::ask(&third, b"e x").await.is_some());
        // While all are at work, a newcomer is the one to go.
        let (mut one, _a) = raw::begin(&first, b"gate").await;
        let (mut two, _b) = raw::begin(&third, b"gate").await;
        assert!(one.finish().is_ok() && two.finish().is_ok());
        until("both are at work", || b.probe.running.get() == 2).await;
        let fourth = raw::connect(Some(raw::own(6)), &[ALPN], b.quic.local_addr(), 1 << 20).await;
        let end = fourth.expect("a handshake").closed().await;
        assert!(matches!(&end, quinn::ConnectionError::ApplicationClosed(c)
            if u64::from(c.error_code) == CloseCode::Busy as u64));
        b.probe.gate.add_permits(2);
    });
}

#[test]
fn one_peer_cannot_take_all_places() {
    run(async {
        let b = Node::with(2, NetLimits { inbound: 8, inbound_per_peer: 2, ..quick() });
        let mut own = Vec::new();
        for _ in 0..6 {
            own.push(greeted(3, &b, 1 << 20).await);
        }
        until("four are closed", || own.iter().filter(|c| c.close_reason().is_some()).count() == 4).await;
        assert!(own[4].close_reason().is_none() && own[5].close_reason().is_none());
    });
}

#[test]
fn under_many_handshakes_an_address_is_checked_first() {
    run(async {
        // With the threshold at zero, every newcomer is asked to come again, and a real one does.
        let b = Node::with(2, NetLimits { unvalidated: 0, ..quick() });
        let a = Node::new(1);
        assert_eq!(a.ask(&b.contact(), "e x").await, Ok("e x".into()));
        let full = Node::with(3, NetLimits { handshakes: 0, ..quick() });
        assert_eq!(a.ask(&full.contact(), "e x").await, Err(NetError::Unreachable));
    });
}
