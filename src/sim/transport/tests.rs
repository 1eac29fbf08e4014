//! What a first request costs, and that it counts for nothing without its HELLO.

use std::rc::Weak;

use tokio::task::LocalSet;

use super::*;
use crate::seam::Refused;
use crate::sim::links::{Links, Ways};
use crate::types::Rng;
use crate::wire::HELLO;

/// Notes what it is asked; says yes to every HELLO unless told otherwise.
#[derive(Default)]
struct Host {
    asked: RefCell<Vec<u8>>,
    refuses_hello: Cell<bool>,
    refuses_answer: Cell<bool>,
    is_mute: Cell<bool>,
}

impl Inbound for Host {
    fn hello(&self) -> Bytes {
        Bytes::from_static(&[HELLO])
    }

    fn greeted(&self, _: NodeId, _: Bytes) -> Result<(), Refused> {
        if self.refuses_answer.get() { Err(Refused) } else { Ok(()) }
    }

    fn handle(&self, _: NodeId, body: Bytes) -> Later<Result<Bytes, Bytes>> {
        self.asked.borrow_mut().push(body[0]);
        let (refuses, is_mute) = (self.refuses_hello.get(), self.is_mute.get());
        Box::pin(async move {
            match body[0] {
                HELLO if is_mute => pending().await,
                HELLO if refuses => Err(body),
                _ => Ok(body),
            }
        })
    }
}

/// Plays with two nodes that have ways of 25 ms.
fn play<T>(
    loss_percent: f64,
    seed: u8,
    hosts: &[Rc<Host>; 2],
    story: impl AsyncFnOnce(&SimTransport, &Contact) -> T,
) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let local = Rc::new(LocalSet::new());
    let story = async {
        let way = Duration::from_millis(25);
        let ways = Ways { shortest: way, longest: way, loss_percent, ..Ways::default() };
        let wire = Wire::new(Links::new(&Rng::from_seed([seed; 32]), ways));
        let ports = [0_u8, 1].map(|n| {
            let address = SocketAddr::from(([192, 0, 2, n], 9));
            let me = wire.begin(NodeId([n; 32]), address);
            let transport = SimTransport::new(
                me,
                address,
                wire.clone(),
                Manners(Box::new(|_| false), Box::new(|_| false), Box::new(|_| None)),
            );
            let host: Weak<Host> = Rc::downgrade(&hosts[usize::from(n)]);
            transport.serve(host);
            wire.plug(me, Rc::downgrade(&local), Rc::downgrade(&transport.0));
            transport
        });
        story(&ports[0], &Contact::hint(NodeId([1; 32]), ports[1].0.address.get())).await
    };
    local.block_on(&runtime.expect("a runtime"), story)
}

/// What the first hears when it asks the other something, how long that takes, and what the other was asked.
fn ask(loss_percent: f64, seed: u8, set: impl FnOnce(&Host, &Host)) -> (Result<Bytes, NetError>, Duration, Vec<u8>) {
    let hosts = [Rc::new(Host::default()), Rc::new(Host::default())];
    set(&hosts[0], &hosts[1]);
    play(loss_percent, seed, &hosts, async |from: &SimTransport, to: &Contact| {
        let began = Instant::now();
        let long = Duration::from_secs(20);
        let (one, two) = tokio::join!(
            from.request(to, Bytes::from_static(&[40]), Class::Read, long),
            from.request(to, Bytes::from_static(&[40]), Class::Write, long),
        );
        assert_eq!(one, two);
        let is_up = from.path(&to.node).is_some_and(|path| path.connected);
        assert_eq!(is_up, one.is_ok());
        (one, began.elapsed(), hosts[1].asked.borrow().clone())
    })
}

#[test]
fn a_read_of_a_peer_that_was_met_takes_one_round_trip() {
    let hosts = [Rc::new(Host::default()), Rc::new(Host::default())];
    play(0.0, 1, &hosts, async |from: &SimTransport, to: &Contact| {
        let ask = async |class| {
            let began = Instant::now();
            let answer = from.request(to, Bytes::from_static(&[40]), class, Duration::from_secs(20)).await;
            assert!(answer.is_ok(), "{answer:?}");
            began.elapsed().as_millis()
        };
        for (class, least) in [(Class::Read, 100), (Class::Read, 50), (Class::Write, 100), (Class::Read, 50)] {
            let took = ask(class).await;
            assert!((least..=least * 6 / 5).contains(&took), "{class:?} took {took} ms");
            // The dial ends, the connection is there, and then it is lost.
            sleep(Duration::from_millis(200)).await;
            assert!(from.path(&to.node).is_some_and(|path| path.connected));
            assert!((50..=60).contains(&ask(Class::Write).await));
            from.rebind();
        }
    });
    let early = [&[HELLO, 40, 40][..], &[40, HELLO, 40], &[HELLO, 40, 40], &[40, HELLO, 40]].concat();
    assert_eq!(*hosts[1].asked.borrow(), early);
}

#[test]
fn a_first_request_takes_two_round_trips() {
    for seed in 0..20 {
        let (answer, took, asked) = ask(0.0, seed, |_, _| ());
        assert_eq!((answer, &asked[..]), (Ok(Bytes::from_static(&[40])), &[HELLO, 40, 40][..]));
        // Each way takes up to a fifth more than 25 ms.
        assert!((100..=120).contains(&took.as_millis()), "{took:?}");
    }
}

#[test]
fn whatever_is_lost_hello_is_taken_first() {
    for seed in 0..50 {
        let (answer, _, asked) = ask(40.0, seed, |_, _| ());
        // The dial may have taken too long.
        assert!(matches!(answer, Ok(_) | Err(NetError::Unreachable)), "{answer:?}");
        assert!(asked.is_empty() || asked[0] == HELLO, "{asked:?}");
    }
}

#[test]
fn a_request_fails_with_its_hello() {
    let (answer, _, asked) = ask(0.0, 1, |_, to| to.refuses_hello.set(true));
    assert_eq!((answer, asked), (Err(NetError::Refused), vec![HELLO]));
    let (answer, _, asked) = ask(0.0, 1, |from, _| from.refuses_answer.set(true));
    assert_eq!((answer, asked), (Err(NetError::Refused), vec![HELLO, 40, 40]));
    let (answer, took, asked) = ask(0.0, 1, |_, to| to.is_mute.set(true));
    assert_eq!((answer, asked), (Err(NetError::Unreachable), vec![HELLO]));
    assert_eq!(took, NetLimits::default().dial);
}
