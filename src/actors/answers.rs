//! What the doors answer with: the names under which the local API and the simulator know it.

pub use super::clock::ClockState;
pub use super::directory::{Listed, Listing};
pub use super::door::Gone;
pub use super::feed::{FeedEvent, FeedPage, ListRequest, MissingPosts, PageRequest, PostsPage, ShownPost, Watching};
pub use super::gc::{Retention, state_hash};
pub use super::outbox::{Item, Progress, Waiting};
pub use super::people::{Count, LedgerView, PeoplePage, Person, Stage, Standing, Thread, UserView};
pub use super::routing::{BootpeerState, LookedUpFor, NearNode, Peer, PingError, PingTarget, Pong, RoutingOverview};
pub use super::session::{
    Deleted, HiddenPerson, LoggedIn, PostRequest, Posted, PrivateRelation, ProfileChange, ProfileView, Relation, WhoAmI,
};
pub use super::storage::{Held, One, WholeList};
pub use super::supervisor::{HeldPage, Ready};
