//! Owner of the routing table: joining, keeping contacts fresh, lookups over the network.
//!
//! Which peers are asked next is decided in `overlay`; here the requests are sent.

mod actor;
mod contacts;
mod filled;
mod handle;
mod health;
mod knocks;
mod lost;
mod messages;
mod people;
mod probes;
mod questions;
mod refresh;
mod search;
mod settled;
mod vicinity;

pub use actor::RoutingActor;
pub use handle::RoutingHandle;
pub use messages::{BootpeerState, Peer, RoutingOverview};
pub use people::{LookedUpFor, NearNode, PingError, PingTarget, Pong};
pub use search::{Asked, Found, Goal, Near, SPARE, find_closest, find_closest_soon, nearest_for, search};
pub use settled::Named;
pub use vicinity::{Vicinities, closest_of_late, just_found, note_found};
