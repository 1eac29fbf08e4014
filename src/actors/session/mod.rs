//! Owner of the logged-in device: registration, login, posting, deleting, following, and what the account hides.

mod actor;
mod amend;
mod claim;
mod compare;
mod delete;
mod deliver;
mod ends;
mod find;
mod follow;
mod handle;
mod held;
mod login;
mod mention;
mod messages;
mod position;
mod post;
mod private;
mod profile;
mod register;
mod renew;
mod state;
mod sync;

pub use actor::SessionActor;
pub use handle::SessionHandle;
pub use messages::{
    Deleted, HiddenPerson, LoggedIn, PostRequest, Posted, PrivateRelation, ProfileChange, ProfileView, Relation, WhoAmI,
};
