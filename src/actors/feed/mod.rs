//! Owner of the feed: takes posts that arrive, fetches those that are missing, shows them to watchers.

mod actor;
mod catch_up;
mod followee;
mod handle;
mod messages;
mod page;
mod rows;
mod state;

pub use actor::FeedActor;
pub use followee::Followee;
pub use handle::FeedHandle;
pub use messages::{FeedEvent, FeedPage, MissingPosts, PageRequest, ShownPost, Watching};
