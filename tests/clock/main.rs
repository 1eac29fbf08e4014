//! The clock against the real world: a real chronyd, servers that lie or are silent, and real processes.

mod chrony;
mod process;
mod servers;
mod sntp;
#[path = "../cli/support.rs"]
#[allow(dead_code, reason = "shared with the tests of commands, which use all of it")]
mod support;
mod system;
