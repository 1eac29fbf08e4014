//! The product as people and scripts use it: real processes, started by `timeline net --json --headless`.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "tests of real processes live in real time and on threads"
)]

mod commands_people;
mod commands_posts;
mod edge;
mod fifty;
mod foreign;
mod gc;
mod last_one;
mod ledger;
mod mastodon;
mod menu;
mod net;
mod presence;
mod reach;
mod refusals;
mod second_device;
mod simulate;
mod slice;
mod standalone;
mod support;
mod terminal;
mod trouble;
