//! A node that binds its port anew, as after the machine's sleep.

use std::net::UdpSocket;

use timeline::net::{BindError, Quic, QuicConfig};
use timeline::seam::Transport;

use crate::support::{ALPN, Node, quick, run, until};

#[test]
fn a_node_that_binds_its_port_anew_is_reached_there_and_reaches_others() {
    run(async {
        let (a, b) = (Node::new(1), Node::new(2));
        let (to_a, to_b) = (a.contact(), b.contact());
        for round in 0..3 {
            assert_eq!(a.ask(&to_b, "e there").await, Ok("e there".into()), "round {round}");
            assert_eq!(b.ask(&to_a, "e back").await, Ok("e back".into()), "round {round}");
            let hellos = b.probe.hellos.borrow().len();
            a.quic.rebind();
            assert_eq!(a.quic.local_addr(), to_a.addresses[0]);
            // What was dialled before is not trusted: the peer is greeted again.
            assert_eq!(a.ask(&to_b, "e again").await, Ok("e again".into()), "round {round}");
            until("it is greeted", || b.probe.hellos.borrow().len() == hellos + 1).await;
        }
        // A request under way when it happens is sent again where it may be.
        let gate = b.probe.gate.clone();
        let (asked, ()) = tokio::join!(a.ask(&to_b, "g waits"), async {
            until("it has come", || b.probe.running.get() == 1).await;
            a.quic.rebind();
            gate.add_permits(2);
        });
        assert_eq!(asked, Ok("g waits".into()));
    });
}

#[test]
fn the_port_stays_its_own_and_is_free_when_it_ends() {
    run(async {
        let a = Node::new(1);
        let address = a.quic.local_addr();
        a.quic.rebind();
        let config =
            QuicConfig { listen: address, advertise: vec![], secret: [3; 32], alpn: ALPN.to_vec(), limits: quick() };
        assert!(matches!(Quic::bind(config), Err(BindError::PortInUse(_))), "nobody gets in beside it");
        a.close().await;
        UdpSocket::bind(address).expect("the port is free");
    });
}

#[test]
fn a_connection_to_an_address_that_a_peer_has_left_is_given_up() {
    run(async {
        let (a, b) = (Node::new(1), Node::new(2));
        let to_b = b.contact();
        let elsewhere = [([192, 0, 2, 1], 9).into()];
        let connected = || a.quic.path(&to_b.node).is_some_and(|path| path.connected);
        assert_eq!(a.ask(&to_b, "e there").await, Ok("e there".into()));
        a.quic.moved(&to_b, &[elsewhere[0], to_b.addresses[0]]);
        assert!(connected(), "it has that address still");
        a.quic.moved(&to_b.clone().but(|reach| reach.addresses = elsewhere.to_vec()), &[]);
        assert!(connected(), "it never had that address, and is met there all the same");
        a.quic.moved(&to_b, &elsewhere);
        assert!(!connected());
        assert_eq!(a.ask(&to_b, "e again").await, Ok("e again".into()));
        assert_eq!(b.probe.hellos.borrow().len(), 2, "it is greeted anew");
    });
}

#[test]
fn one_that_is_closed_is_not_bound_anew() {
    run(async {
        let a = Node::new(1);
        let (address, quic) = (a.quic.local_addr(), a.quic.clone());
        a.close().await;
        quic.rebind();
        UdpSocket::bind(address).expect("the port is free");
    });
}
