//! The Mastodon client API, as far as a text timeline needs it: the paths and shapes that programs know.
//!
//! What only this network has lies in a `timeline` object of each entity, and under `/api/v1/node`.

mod accounts;
mod entities;
mod html;
mod notifications;
mod paging;
mod params;
mod people;
mod refused;
mod search;
mod statuses;
mod streaming;
mod table;
mod timelines;

pub use table::configure;
