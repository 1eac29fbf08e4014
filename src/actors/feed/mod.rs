//! Owner of the feed: takes posts that arrive, fetches those that are missing, shows them to watchers.

mod actor;
mod asking;
mod author;
mod catch_up;
mod followee;
mod glanced;
mod handle;
mod held;
mod id;
mod inbox;
mod keeping;
mod messages;
mod pace;
mod page;
mod position;
mod rows;
mod state;
mod taking;
mod unshown;
mod watchers;

pub use actor::FeedActor;
pub use followee::Followee;
pub use handle::FeedHandle;
pub use held::{Wanted, held, name_of};
pub use messages::{FeedEvent, FeedPage, ListRequest, MissingPosts, PageRequest, PostsPage, ShownPost, Watching};
pub use page::{read_cursor, write_cursor};
pub use position::keep_positions;
pub use rows::{row_at, show, shown};
