//! Notices that this node is somewhere else: another network, or another address in the same one.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Why, look_around};
use crate::actors::context::Context;

/// While addresses come and go, as when a machine joins a network, they are acted upon no more often than this.
const APART: Duration = Duration::from_secs(2);

/// Where this node was when it was looked at last.
#[derive(Debug)]
pub struct Whereabouts {
    /// As many as a contact has.
    addresses: Vec<SocketAddr>,
    moved_at: Option<Instant>,
}

impl Whereabouts {
    /// Begins where the node is.
    pub fn of(node: &Context) -> Self {
        Self { addresses: node.net.addresses(), moved_at: None }
    }

    /// Looks at the addresses of this machine; where they have changed, peers are told.
    pub fn look(&mut self, node: &Rc<Context>) {
        if self.has_moved(node.net.addresses(), Instant::now()) {
            node.forget_round_trips();
            node.spawn(look_around(node.clone(), Why::Moved));
        }
    }

    /// Forgets that the addresses changed: whoever looks around anyway finds all that follows from it.
    pub fn settle(&mut self, node: &Context) {
        self.addresses = node.net.addresses();
    }

    fn has_moved(&mut self, now: Vec<SocketAddr>, at: Instant) -> bool {
        if now == self.addresses || self.moved_at.is_some_and(|moved| at.duration_since(moved) < APART) {
            return false;
        }
        self.addresses = now;
        // Without any network there is nobody to tell; a way back to the same address is a change all the same.
        let somewhere = self.addresses.iter().any(|address| !address.ip().is_loopback());
        if somewhere {
            self.moved_at = Some(at);
        }
        somewhere
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Vec<SocketAddr> {
        text.split_whitespace().map(|address| address.parse().expect("an address")).collect()
    }

    #[test]
    fn a_change_counts_once_the_way_back_as_well_and_no_network_is_nowhere_to_be() {
        let start = Instant::now();
        let mut here = Whereabouts { addresses: at("10.0.0.1:9"), moved_at: None };
        let mut check = |millis, addresses, expected| {
            let now = start + Duration::from_millis(millis);
            assert_eq!(here.has_moved(at(addresses), now), expected, "{millis} ms: {addresses}");
        };
        check(0, "10.0.0.1:9", false);
        check(1000, "127.0.0.1:9", false);
        check(2000, "10.0.0.1:9", true);
        check(3000, "10.0.0.1:9 [2001:db8::1]:9", false);
        check(4000, "10.0.0.1:9 [2001:db8::1]:9", true);
        check(7000, "10.0.0.1:9 [2001:db8::1]:9", false);
        check(8000, "10.0.0.2:9", true);
        check(9000, "", false);
        check(10_000, "", false);
        check(11_000, "10.0.0.2:9", true);
    }
}
