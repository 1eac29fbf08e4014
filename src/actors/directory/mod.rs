//! The directory of users: entries for certified accounts are put where those who look for a prefix find them.

mod actor;
mod entries;
mod handle;
mod listing;
mod messages;

pub use actor::DirectoryActor;
pub use entries::enter;
pub use handle::DirectoryHandle;
pub use messages::{Listed, Listing};
