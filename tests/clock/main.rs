//! The clock against the real world: a real chronyd, servers that lie or are silent, and real processes.

#![allow(clippy::disallowed_methods, reason = "real servers and processes live in real time, beside the test")]

mod chrony;
mod process;
mod servers;
mod sntp;
#[path = "../cli/support.rs"]
#[allow(dead_code, reason = "shared with the tests of commands, which use all of it")]
mod support;
mod system;

/// Says that a test was not made, and why, past the capture of what tests write.
fn skipped(test: &str, why: &str) {
    use std::io::Write;

    // Nobody may be listening.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}
