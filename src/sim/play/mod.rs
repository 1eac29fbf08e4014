//! Playing a scenario: people who act, faults that happen, quiet times in which the checker looks, and the report.

mod agenda;
mod bounds;
mod chart;
mod deeds;
mod habits;
mod measures;
mod opening;
mod plot;
mod quiet;
mod report;
mod run;
mod stage;
mod survey;
mod weather;

pub use bounds::Judged;
pub use plot::plots;
pub use report::{Checked, Counted, Report};
pub use run::{Outside, Phase, Progress, play, play_with};
