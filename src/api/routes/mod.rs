//! What can be asked for under `/api/v1/node`.

mod account;
mod directory;
mod feed;
mod node;
mod people;
mod reach;
mod reading;
mod table;

pub use table::configure;
