//! `timeline net`: a whole network on this machine, each node a process of its own.
//!
//! Only processes, files and the local API: nothing that a person could not do by hand with the other commands.

mod child;
mod folder;
mod joining;
mod plan;
mod ports;
mod prepare;
mod report;
mod restart;
mod run;

pub use run::run;
