//! Which requests may be answered before HELLO, and in the flight that begins a handshake, which can be replayed.

use super::collection::{Reconcile, Summary};
use super::frame::Request;
use super::presence::CheckOnline;
use super::registry::{GetNetwork, NameStatus};
use super::requests::{FindNode, Get, Ping};

/// Tells of a request, by its number, whether it changes nothing at the receiver, so that it does no harm to answer it twice.
pub const fn may_be_early(number: u8) -> bool {
    matches!(
        number,
        Ping::NUMBER
            | FindNode::NUMBER
            | Get::NUMBER
            | NameStatus::NUMBER
            | GetNetwork::NUMBER
            | CheckOnline::NUMBER
            | Reconcile::NUMBER
            | Summary::NUMBER
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seam::Class;
    use crate::wire::{Claim, Compare, Deliver, Fetch, Forward, HELLO, Heartbeat, Put};

    #[test]
    fn what_may_be_early_is_what_senders_send_early() {
        fn of<R: Request>() -> (u8, bool) {
            (R::NUMBER, R::CLASS == Class::Read)
        }
        let all = [
            of::<Ping>(),
            of::<FindNode>(),
            of::<Get>(),
            of::<Put>(),
            of::<Deliver>(),
            of::<Forward>(),
            of::<Claim>(),
            of::<NameStatus>(),
            of::<GetNetwork>(),
            of::<Heartbeat>(),
            of::<CheckOnline>(),
            of::<Reconcile>(),
            of::<Summary>(),
            of::<Compare>(),
            of::<Fetch>(),
        ];
        for (number, reads) in all {
            assert_eq!(may_be_early(number), reads, "{number}");
        }
        assert!(!may_be_early(HELLO) && !may_be_early(0) && !may_be_early(200));
    }
}
