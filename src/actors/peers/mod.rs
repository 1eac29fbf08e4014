//! What is remembered of single peers: whether they were there, and how much they asked for.

mod absences;
mod greetings;
mod heard;
mod lifeline;
mod rates;

pub use absences::Absences;
pub use greetings::{Greeting, Greetings, Opened, Program};
pub use heard::Heard;
pub use lifeline::{Lifeline, Outage};
pub use rates::Rates;
