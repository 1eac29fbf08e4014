//! Owner of the logged-in device: registration, login, posting, following.

mod actor;
mod claim;
mod deliver;
mod follow;
mod handle;
mod login;
mod messages;
mod post;
mod profile;
mod register;
mod state;
mod sync;

pub use actor::SessionActor;
pub use handle::SessionHandle;
pub use messages::{LoggedIn, Posted, ProfileChange, ProfileView, Relation, WhoAmI};
