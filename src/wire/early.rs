//! Which requests may be answered before HELLO, and in the flight that begins a handshake, which can be replayed; and which give
//! way to others.

use super::collection::{Reconcile, Summary};
use super::frame::Request;
use super::presence::CheckOnline;
use super::registry::{GetNetwork, NameStatus};
use super::repair::{Compare, Fetch};
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

/// Tells of a request, by its number, whether its answer gives way to others on the same connection: it may be large, and nobody
/// looks at a screen for it.
pub const fn is_bulk(number: u8) -> bool {
    matches!(number, Compare::NUMBER | Fetch::NUMBER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seam::Class;
    use crate::wire::{Claim, Deliver, Forward, HELLO, Heartbeat, Put};

    #[test]
    fn receivers_see_requests_as_senders_do() {
        fn of<R: Request>() -> (u8, bool, bool) {
            (R::NUMBER, R::CLASS == Class::Read, R::CLASS == Class::Bulk)
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
        for (number, reads, bulk) in all {
            assert_eq!((may_be_early(number), is_bulk(number)), (reads, bulk), "{number}");
        }
        assert!(!is_bulk(HELLO) && !may_be_early(HELLO) && !may_be_early(0) && !may_be_early(200));
    }
}
