//! What the doors answer with: the names under which the local API and the simulator know it.

pub use super::directory::{Listed, Listing};
pub use super::feed::{FeedEvent, FeedPage, MissingPosts, PageRequest, ShownPost, Watching};
pub use super::outbox::{Progress, Waiting};
pub use super::routing::{BootpeerState, LookedUpFor, NearNode, Peer, PingError, PingTarget, Pong, RoutingOverview};
pub use super::session::{LoggedIn, Posted, ProfileChange, ProfileView, Relation, WhoAmI};
pub use super::storage::Held;
