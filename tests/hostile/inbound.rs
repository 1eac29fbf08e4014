//! Whoever dials in enters the table only after a request of our own reached it.

use timeline::records::sign_contact;
use timeline::wire::Request;

use crate::attacker::{Attacker, hello};
use crate::fixtures::secret;
use crate::support::{Victim, network, run, until};

#[test]
fn a_peer_that_says_it_is_where_nobody_answers_stays_out_until_it_says_the_truth() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let claims = async |address, seq| {
            let guest = Attacker::new(&net.network, &secret("somebody behind a wall"));
            let address = if let Some(address) = address { address } else { guest.quic.local_addr() };
            let contact = sign_contact(&guest.key, &guest.network, &[address], seq);
            let signed = contact.proof.clone().expect("signed here").0.to_vec();
            *guest.mouth.hello.borrow_mut() = hello(guest.network, signed).to_frame();
            guest.ping(&victim.contact).await;
            guest
        };
        let is_in = async |guest: &Attacker| {
            let peers = victim.node.doors().routing.peers().await.expect("the node lives");
            peers.iter().any(|peer| peer.contact.node == guest.quic.node_id())
        };
        let nowhere = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
        let guest = claims(Some(nowhere.local_addr().expect("bound")), 1).await;
        // A probe of it was sent, and came to nothing.
        nowhere.set_nonblocking(true).expect("a socket");
        until("it is dialled where it says it is", || std::future::ready(nowhere.recv(&mut [0; 1]).is_ok())).await;
        guest.ping(&victim.contact).await;
        assert!(!is_in(&guest).await, "it was never reached");
        guest.close().await;
        let guest = claims(None, 2).await;
        until("it is in the table", async || is_in(&guest).await).await;
        guest.close().await;
        victim.end().await;
    });
}
