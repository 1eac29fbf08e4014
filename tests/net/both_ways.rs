//! Connections that carry requests of both ends, and those that nobody uses.

use std::time::Duration;

use timeline::net::NetLimits;
use timeline::seam::{Class, Transport};
use tokio::time::sleep;

use crate::support::{Node, quick, run, until};

/// Two nodes that call each other back over whatever connection there is; the first has the smaller id.
fn two(limits: &NetLimits) -> (Node, Node) {
    let (mut a, mut b) = (Node::with(1, limits.clone()), Node::with(2, limits.clone()));
    if a.id > b.id {
        (a, b) = (b, a);
    }
    a.probe.calls_back.set(true);
    b.probe.calls_back.set(true);
    (a, b)
}

#[test]
fn requests_go_back_over_the_connection_that_a_peer_dialled() {
    run(async {
        let (a, b) = two(&quick());
        assert_eq!(a.ask(&b.contact(), "e there").await, Ok("e there".into()));
        assert!(b.quic.path(&a.id).is_some_and(|path| path.connected));
        let (to_a, to_b) = (a.contact(), b.contact());
        for class in [Class::Read, Class::Write, Class::Bulk] {
            let (there, back) = tokio::join!(a.ask_as(&to_b, "e there", class), b.ask_as(&to_a, "w back", class));
            assert_eq!((there, back), (Ok("e there".into()), Ok("w back".into())));
        }
        assert_eq!((a.probe.hellos.borrow().len(), b.probe.hellos.borrow().len()), (0, 1));
        assert_eq!((a.quic.open_connections(), b.quic.open_connections()), (1, 1));
        assert_eq!(a.quic.origin(&b.id), Some(b.quic.local_addr().ip()));
        let requests = a.probe.requests.borrow();
        assert!(requests.len() == 3 && requests.iter().all(|(from, _)| *from == b.id));
    });
}

#[test]
fn of_two_connections_that_were_dialled_at_once_one_stays() {
    run(async {
        for _ in 0..20 {
            let (a, b) = two(&quick());
            let (to_a, to_b) = (a.contact(), b.contact());
            let (there, back) = tokio::join!(a.ask(&to_b, "e there"), b.ask(&to_a, "e back"));
            assert_eq!((there, back), (Ok("e there".into()), Ok("e back".into())));
            until("one stays", || a.quic.open_connections() == 1 && b.quic.open_connections() == 1).await;
            let (there, back) = tokio::join!(a.ask(&to_b, "w there"), b.ask(&to_a, "w back"));
            assert_eq!((there, back), (Ok("w there".into()), Ok("w back".into())));
            let hellos = (a.probe.hellos.borrow().len(), b.probe.hellos.borrow().len());
            assert!(hellos.0 <= 1 && hellos.1 <= 1, "nobody dials anew: {hellos:?}");
        }
    });
}

#[test]
fn whoever_dials_anew_is_called_back_over_the_new_connection() {
    run(async {
        for a_is_smaller in [true, false] {
            let (mut a, mut b) = two(&quick());
            if !a_is_smaller {
                (a, b) = (b, a);
            }
            for round in 1..4 {
                // A read would be answered before HELLO is.
                assert_eq!(a.ask_as(&b.contact(), "w there", Class::Write).await, Ok("w there".into()));
                assert_eq!(b.ask(&a.contact(), "w back").await, Ok("w back".into()));
                assert_eq!((a.probe.hellos.borrow().len(), b.probe.hellos.borrow().len()), (0, round));
                a.quic.begin_anew();
            }
        }
    });
}

#[test]
fn a_connection_that_nobody_uses_is_closed_and_dialled_again_when_it_is_wanted() {
    run(async {
        let (a, b) = two(&NetLimits { unused: Duration::from_millis(400), ..quick() });
        for round in 1..3 {
            assert_eq!(a.ask(&b.contact(), "e there").await, Ok("e there".into()));
            until("it is greeted", || b.probe.hellos.borrow().len() == round).await;
            until("it is closed", || a.quic.open_connections() == 0 && b.quic.open_connections() == 0).await;
        }
    });
}

#[test]
fn a_connection_stays_while_either_end_uses_it() {
    run(async {
        let (a, b) = two(&NetLimits { unused: Duration::from_secs(4), ..quick() });
        assert_eq!(a.ask(&b.contact(), "e there").await, Ok("e there".into()));
        for _ in 0..12 {
            sleep(Duration::from_millis(500)).await;
            assert_eq!(b.ask(&a.contact(), "w back").await, Ok("w back".into()));
        }
        // One request under way is use as well.
        let (gate, to_b) = (b.probe.gate.clone(), b.contact());
        let (asked, ()) = tokio::join!(a.ask_as(&to_b, "gate", Class::Write), async {
            sleep(Duration::from_secs(6)).await;
            gate.add_permits(1);
        });
        assert_eq!(asked, Ok("gate".into()));
        assert_eq!((a.probe.hellos.borrow().len(), b.probe.hellos.borrow().len()), (0, 1));
    });
}
