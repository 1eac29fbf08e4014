//! Owner of a registrar's decisions: signs FINAL for the first valid claim of a name, on disk before it answers.

mod actor;
mod ask;

pub use actor::{RegistrarActor, RegistrarHandle};
pub use ask::{ask_registrars, name_is_pending};
