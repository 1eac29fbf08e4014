//! What the network holds of people now: their pages, whom they follow and who follows them, and conversations.
//!
//! Keeps nothing but a short memory of lists: what is shown here is read when it is asked for.

mod actor;
mod handle;
mod homes;
mod ledger;
mod lists;
mod messages;
mod replies;
mod standing;
mod thread;
mod user;

pub use actor::PeopleActor;
pub use handle::PeopleHandle;
pub use messages::{Count, LedgerView, PeoplePage, Person, Stage, Standing, Thread, UserView};
