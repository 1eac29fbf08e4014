//! Requests that go well, many at once, and cancelled ones.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use timeline::net::{NetLimits, StreamCode};
use timeline::seam::{Class, Transport};
use timeline::types::Contact;

use crate::raw;
use crate::support::{ALPN, Node, PATIENCE, id, quick, run, until};

#[test]
fn a_request_is_answered_by_the_node_that_was_dialled() {
    run(async {
        let (a, b) = (Node::new(1), Node::new(2));
        assert_eq!(a.quic.path(&b.id), None);
        assert_eq!(a.ask(&b.contact(), "e hello").await, Ok("e hello".into()));
        assert_eq!(*b.probe.requests.borrow(), [(a.id, Bytes::from("e hello"))]);
        assert_eq!(*b.probe.hellos.borrow(), [a.id]);
        assert_eq!(*a.probe.answers.borrow(), [(b.id, Bytes::from("welcome"))]);
        assert_eq!((a.quic.connected(), b.quic.connected()), (vec![b.id], vec![a.id]));
        let (there, back) = (a.quic.path(&b.id).expect("known"), b.quic.path(&a.id).expect("known"));
        assert!(there.connected && there.srtt > Duration::ZERO);
        assert!(!back.connected && back.srtt > Duration::ZERO, "a request the other way needs a dial of its own");
        assert_eq!(a.quic.remote(&b.id), Some(b.quic.local_addr()));
        assert_eq!(b.quic.remote(&a.id), Some(a.quic.local_addr()));
        // The way back is a connection of its own.
        assert_eq!(b.ask(&a.contact(), "e back").await, Ok("e back".into()));
        assert_eq!(*a.probe.hellos.borrow(), [b.id]);
        // A HELLO and a request each way; whatever one has sent the other has received.
        let (out, back) = (a.quic.traffic(), b.quic.traffic());
        assert_eq!((out.requests_sent, out.requests_received), (2, 2));
        assert_eq!((back.requests_sent, back.requests_received), (2, 2));
        assert_eq!((out.bytes_sent, out.bytes_received), (back.bytes_received, back.bytes_sent));
        assert!(out.bytes_sent > "e hello".len() as u64 + "e back".len() as u64);
        assert_eq!((a.quic.connected(), b.quic.connected()), (vec![b.id], vec![a.id]));
    });
}

#[test]
fn a_thousand_requests_share_one_connection() {
    run(async {
        let (a, b) = (Node::new(1), Node::new(2));
        let contact = b.contact();
        let requests = stream::iter(0..1000).map(|n| {
            let body = Bytes::from(format!("e{n}{}", "x".repeat(n % 700)));
            let answer = a.quic.request(&contact, body.clone(), Class::Write, PATIENCE);
            async move { answer.await == Ok(body) }
        });
        let good: Vec<bool> = requests.buffer_unordered(64).collect().await;
        assert_eq!(good.iter().filter(|good| **good).count(), 1000);
        assert_eq!(b.probe.hellos.borrow().len(), 1, "all waited for one dial");
        assert_eq!(b.probe.requests.borrow().len(), 1000);
        assert!(b.probe.most.get() <= 32);
    });
}

#[test]
fn requests_beyond_the_streams_of_a_connection_wait() {
    run(async {
        let limits = NetLimits { streams: 4, ..quick() };
        let (a, b) = (Node::new(1), Node::with(2, limits));
        let contact = b.contact();
        let all = join_all((0..20).map(|_| a.ask(&contact, "gate")));
        let check = async {
            until("four run", || b.probe.running.get() == 4).await;
            b.probe.gate.add_permits(20);
        };
        let (answers, ()) = tokio::join!(all, check);
        assert!(answers.iter().all(|answer| *answer == Ok("gate".into())), "{answers:?}");
        assert_eq!(b.probe.most.get(), 4);
    });
}

#[test]
fn bulk_requests_leave_room_for_reads() {
    run(async {
        let limits = NetLimits { streams: 6, ..quick() };
        let (a, b) = (Node::new(1), Node::with(2, limits));
        let contact = b.contact();
        let bulk = join_all((0..12).map(|_| a.ask_as(&contact, "gate", Class::Bulk)));
        let read = async {
            until("as much bulk runs as may", || b.probe.running.get() == 4).await;
            assert_eq!(a.ask(&contact, "e quick").await, Ok("e quick".into()));
            assert_eq!(b.probe.running.get(), 4);
            b.probe.gate.add_permits(12);
        };
        let (answers, ()) = tokio::join!(bulk, read);
        assert!(answers.iter().all(|answer| answer.is_ok()), "{answers:?}");
        assert!(b.probe.most.get() <= 5);
    });
}

#[test]
fn a_dropped_request_resets_its_stream() {
    run(async {
        let endpoint = raw::listen(raw::own(2), ALPN, 1000);
        let a = Node::new(1);
        let contact = Contact::hint(id(2), endpoint.local_addr().expect("bound"));
        // The server reads the HELLO, then nothing more, so that the request is stuck half-way.
        let request = a.quic.request(&contact, vec![b'e'; 100_000].into(), Class::Write, PATIENCE);
        let request = tokio::task::spawn_local(request);
        let connection = endpoint.accept().await.expect("a connection").await.expect("a handshake");
        let (mut send, mut recv) = connection.accept_bi().await.expect("the hello");
        recv.read_to_end(100).await.expect("the hello");
        send.write_all(b"welcome").await.expect("written");
        send.finish().expect("finished");
        let (_send, mut recv) = connection.accept_bi().await.expect("the request");
        request.abort();
        let ended = loop {
            match recv.read_chunk(usize::MAX, true).await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("a piece of a request was ended like a whole one"),
                Err(end) => break end,
            }
        };
        assert_eq!(ended, quinn::ReadError::Reset((StreamCode::Cancelled as u32).into()));
    });
}

#[test]
fn cancelled_requests_give_their_streams_back_and_run_to_their_end() {
    run(async {
        let limits = NetLimits { streams: 4, ..quick() };
        let (a, b) = (Node::new(1), Node::with(2, limits));
        let contact = b.contact();
        for round in 1..=10 {
            let tasks: Vec<_> = (0..4)
                .map(|_| {
                    let request = a.quic.request(&contact, "gate".into(), Class::Write, PATIENCE);
                    tokio::task::spawn_local(request)
                })
                .collect();
            until("all four run", || b.probe.running.get() == 4).await;
            tasks.iter().for_each(|task| task.abort());
            b.probe.gate.add_permits(4);
            until("all four are done", || b.probe.done.get() == round * 4).await;
        }
        assert_eq!(a.ask(&contact, "e still there").await, Ok("e still there".into()));
        assert_eq!(b.probe.hellos.borrow().len(), 1);
    });
}
