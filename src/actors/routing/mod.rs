//! Owner of the routing table: joining, keeping contacts fresh, lookups over the network.
//!
//! Which peers are asked next is decided in `overlay`; here the requests are sent.

mod actor;
mod contacts;
mod handle;
mod messages;
mod search;

pub use actor::RoutingActor;
pub use handle::RoutingHandle;
pub use messages::{BootpeerState, Peer, RoutingOverview};
pub use search::{Asked, find_closest, search};
