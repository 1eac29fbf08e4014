//! What is remembered of single peers: whether they were there, and how much they asked for.

mod absences;
mod rates;

pub use absences::Absences;
pub use rates::Rates;
