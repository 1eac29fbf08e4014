//! Peers that come, go, crash and come back.

use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use timeline::net::{BindError, NetLimits, Quic, QuicConfig};
use timeline::seam::{Class, NetError, Transport};
use timeline::types::Contact;
use tokio::sync::oneshot;

use crate::support::{ALPN, Node, PATIENCE, id, loopback, quick, run, until};

/// A node on a thread of its own that can be stopped dead: no goodbye is sent.
struct Mortal {
    address: SocketAddr,
    kill: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Mortal {
    fn start(secret: u8, listen: SocketAddr) -> Self {
        let (kill, killed) = oneshot::channel::<()>();
        let (tell, told) = mpsc::channel();
        #[allow(clippy::disallowed_methods, reason = "only a runtime of its own can be cut off like a crashed process")]
        let thread = std::thread::spawn(move || {
            run(async move {
                let node = Node::at(secret, quick(), listen, ALPN);
                tell.send(node.quic.local_addr()).expect("somebody waits");
                let _ = killed.await;
                // From here nothing is polled any more, so nothing leaves the socket.
            });
        });
        Self { address: told.recv().expect("started"), kill, thread }
    }

    fn kill(self) {
        let _ = self.kill.send(());
        self.thread.join().expect("no panic");
    }
}

/// An address where nobody answers and nothing is refused.
fn dead_address() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
    let address = socket.local_addr().expect("bound");
    (socket, address)
}

#[test]
fn a_dead_address_is_unreachable_within_the_time_for_dialling() {
    run(async {
        let a = Node::with(1, NetLimits { dial: Duration::from_millis(300), ..quick() });
        let (_held, dead) = dead_address();
        assert_eq!(a.ask(&Contact::hint(id(2), dead), "e x").await, Err(NetError::Unreachable));
        // Nor does a request wait longer than it may.
        let patient = Node::new(3);
        let request =
            patient.quic.request(&Contact::hint(id(2), dead), "e x".into(), Class::Read, Duration::from_millis(100));
        assert_eq!(request.await, Err(NetError::Unreachable));
        let nowhere = Contact::hint(id(2), dead).but(|reach| reach.addresses.clear());
        assert_eq!(a.ask(&nowhere, "e x").await, Err(NetError::Unreachable));
        let odd = ["0.0.0.0:0", "127.0.0.1:0", "[::1]:9"].map(|text| text.parse().expect("an address"));
        let odd = nowhere.but(|reach| reach.addresses = odd.to_vec());
        assert_eq!(a.ask(&odd, "e x").await, Err(NetError::Unreachable));
    });
}

#[test]
fn whoever_vanishes_leaves_silence() {
    run(async {
        let (a, b) = (Node::new(1), Node::new(2));
        assert_eq!(a.ask(&b.contact(), "e x").await, Ok("e x".into()));
        b.quic.vanish();
        let patience = Duration::from_millis(300);
        // One that said goodbye, or refused, would not be waited for.
        let asked = a.quic.request(&b.contact(), "e x".into(), Class::Read, patience).await;
        assert_eq!(asked, Err(NetError::Timeout(patience)));
        assert_eq!(b.ask(&a.contact(), "e x").await, Err(NetError::Closed));
    });
}

#[test]
fn a_dead_address_does_not_hide_a_live_one() {
    run(async {
        let (a, b) = (Node::new(1), Node::new(2));
        let (_held, dead) = dead_address();
        let contact = b.contact().but(|reach| reach.addresses = vec![dead, b.quic.local_addr()]);
        assert_eq!(a.ask(&contact, "e x").await, Ok("e x".into()));
    });
}

#[test]
fn a_newer_address_is_tried_after_a_dial_of_the_old_one_has_failed() {
    run(async {
        let a = Node::with(1, NetLimits { dial: Duration::from_millis(500), ..quick() });
        let b = Node::new(2);
        let (_held, dead) = dead_address();
        let (old, new) = (Contact::hint(b.id, dead), b.contact());
        let (old, new) = tokio::join!(a.ask(&old, "e old"), a.ask(&new, "e new"));
        assert_eq!((old, new), (Err(NetError::Unreachable), Ok("e new".into())));
    });
}

#[test]
fn a_dial_outlives_an_impatient_request() {
    run(async {
        let (a, b) = (Node::new(1), Node::new(2));
        let request = a.quic.request(&b.contact(), "e x".into(), Class::Read, Duration::ZERO);
        assert_eq!(request.await, Err(NetError::Unreachable));
        until("the connection is there for the next", || a.quic.connected() == [b.id]).await;
        assert!(b.probe.requests.borrow().is_empty());
    });
}

#[test]
fn a_peer_that_closes_is_gone_at_once_and_its_port_free() {
    run(async {
        let (a, b) = (Node::new(1), Node::new(2));
        let (contact, address) = (b.contact(), b.quic.local_addr());
        assert_eq!(a.ask(&contact, "e x").await, Ok("e x".into()));
        let quic = b.quic.clone();
        b.close().await;
        until("the peer hears of it", || a.quic.connected().is_empty()).await;
        let path = a.quic.path(&id(2)).expect("still known");
        assert!(!path.connected && path.srtt > Duration::ZERO);
        assert_eq!(quic.request(&a.contact(), "e x".into(), Class::Read, PATIENCE).await, Err(NetError::Closed));
        quic.close().await;
        // The same node again, at the same place, while the old one is still held.
        let b = Node::at(2, quick(), address, ALPN);
        assert_eq!(a.ask_as(&contact, "e y", Class::Write).await, Ok("e y".into()));
        assert_eq!(b.probe.requests.borrow().len(), 1);
    });
}

#[test]
fn requests_under_way_end_when_either_side_closes() {
    run(async {
        let (a, b) = (Node::new(1), Node::new(2));
        let contact = b.contact();
        let stuck = a.ask_as(&contact, "gate", Class::Write);
        let close = async {
            until("it runs", || b.probe.running.get() == 1).await;
            b.quic.close().await;
        };
        assert_eq!(tokio::join!(stuck, close).0, Err(NetError::Broken));
        let c = Node::new(3);
        let contact = c.contact();
        let stuck = a.ask(&contact, "gate");
        let close = async {
            until("it runs", || c.probe.running.get() == 1).await;
            a.quic.close().await;
        };
        assert_eq!(tokio::join!(stuck, close).0, Err(NetError::Closed));
        until("nobody is connected", || c.quic.connected().is_empty()).await;
        assert!(a.quic.connected().is_empty());
    });
}

#[test]
fn a_dropped_transport_closes_its_connections() {
    run(async {
        let (a, b) = (Node::new(1), Node::new(2));
        assert_eq!(a.ask(&b.contact(), "e x").await, Ok("e x".into()));
        drop(b);
        until("the peer hears of it", || a.quic.connected().is_empty()).await;
    });
}

#[test]
fn a_crashed_peer_that_came_back_answers_the_next_read() {
    run(async {
        let a = Node::new(1);
        let b = Mortal::start(2, loopback());
        let (contact, address) = (Contact::hint(id(2), b.address), b.address);
        assert_eq!(a.ask(&contact, "e x").await, Ok("e x".into()));
        b.kill();
        assert_eq!(a.quic.connected(), [id(2)], "nothing was said");
        let b = Mortal::start(2, address);
        // Far less than the connection would take to fall idle.
        let request = a.quic.request(&contact, "e y".into(), Class::Read, Duration::from_secs(10));
        assert_eq!(request.await, Ok("e y".into()));
        b.kill();
    });
}

#[test]
fn a_silent_connection_is_given_up_with_the_request_that_found_it() {
    run(async {
        let a = Node::new(1);
        let b = Mortal::start(2, loopback());
        let contact = Contact::hint(id(2), b.address);
        assert_eq!(a.ask(&contact, "e x").await, Ok("e x".into()));
        b.kill();
        let within = Duration::from_millis(300);
        // What the peer sent last may still come in under the first; far sooner than the connection falls idle.
        for _ in 0..5 {
            let error = a.quic.request(&contact, "e y".into(), Class::Write, within).await;
            assert!(error.is_err(), "{error:?}");
        }
        assert!(a.quic.connected().is_empty(), "a dead connection is kept");
    });
}

#[test]
fn whoever_begins_anew_is_greeted_anew() {
    run(async {
        let (a, b) = (Node::new(1), Node::new(2));
        let contact = b.contact();
        assert_eq!(a.ask(&contact, "e x").await, Ok("e x".into()));
        assert_eq!(a.ask(&contact, "e y").await, Ok("e y".into()));
        assert_eq!(b.probe.hellos.borrow().len(), 1);
        a.quic.begin_anew();
        assert_eq!(a.ask(&contact, "e z").await, Ok("e z".into()));
        until("it is greeted", || b.probe.hellos.borrow().len() == 2).await;
    });
}

#[test]
fn a_slow_answer_does_not_cost_the_connection() {
    run(async {
        let (a, b) = (Node::new(1), Node::new(2));
        let contact = b.contact();
        assert_eq!(a.ask(&contact, "e x").await, Ok("e x".into()));
        let within = Duration::from_millis(300);
        let slow = a.quic.request(&contact, "gate".into(), Class::Read, within).await;
        assert_eq!(slow, Err(NetError::Timeout(within)));
        assert_eq!(a.ask(&contact, "e y").await, Ok("e y".into()));
        assert_eq!(b.probe.hellos.borrow().len(), 1);
        b.probe.gate.add_permits(1);
    });
}

#[test]
fn a_port_in_use_is_said_so() {
    run(async {
        let a = Node::new(1);
        let listen = a.quic.local_addr();
        let config = QuicConfig {
            listen,
            advertise: vec![],
            secret: [2; 32],
            alpn: ALPN.to_vec(),
            limits: NetLimits::default(),
        };
        let error = Quic::bind(config).err().expect("the port is in use");
        assert!(matches!(error, BindError::PortInUse(address) if address == listen), "{error}");
    });
}

#[test]
fn a_node_on_all_interfaces_is_reached_over_ipv4_and_tells_where() {
    run(async {
        let a = Node::at(1, quick(), "[::]:0".parse().expect("an address"), ALPN);
        let b = Node::new(2);
        let port = a.quic.local_addr().port();
        let contact = Contact::hint(a.id, SocketAddr::new([127, 0, 0, 1].into(), port));
        assert_eq!(b.ask(&contact, "e x").await, Ok("e x".into()));
        assert_eq!(a.ask(&b.contact(), "e y").await, Ok("e y".into()));
        let told = a.quic.addresses();
        assert!(!told.is_empty() && told.len() <= timeline::types::MAX_ADDRESSES);
        assert!(told.iter().all(|address| address.port() == port && !address.ip().is_unspecified()), "{told:?}");
        assert_eq!(b.quic.addresses(), [b.quic.local_addr()]);
    });
}
