//! The actors of a node: each owns one piece of state; what they decide is decided in the pure modules.
//!
//! Others hold typed handles, never an address. Connection tasks read from the store themselves; writes go through
//! the storage actor.

mod call;
mod context;
mod door;
mod doors;
mod feed;
mod gc;
mod inbound;
mod outbox;
mod presence;
mod problem;
mod put;
mod registrar;
mod routing;
mod session;
mod storage;
mod supervisor;

pub use self::{
    context::{Context, Hidden, Settings},
    door::Gone,
    doors::Doors,
    feed::{FeedEvent, FeedPage, MissingPosts, PageRequest, ShownPost, Watching},
    outbox::{Progress, Waiting},
    routing::{BootpeerState, Peer, RoutingOverview},
    session::{Deleted, HiddenPerson, LoggedIn, PostRequest, Posted, PrivateRelation, Relation, WhoAmI},
    storage::Held,
    supervisor::Team,
};
