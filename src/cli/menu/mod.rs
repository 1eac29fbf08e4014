//! The menu: what a person does with a node from a terminal, entry by entry.
//!
//! A client of the local API like every command; it draws, asks and reads, and decides nothing.

mod account;
mod desk;
mod entries;
mod inputs;
mod keys;
mod line;
mod people;
mod reading;
mod run;
mod screen;
mod unread;
mod writing;

pub use run::{Ended, Menu, has_terminal, run};
