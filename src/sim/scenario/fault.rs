//! Faults that happen at certain times.

use std::time::Duration;

use serde::Deserialize;

use super::read::{maybe_shift, maybe_span, span};

/// A fault.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "`config/sim/README.md` says what each key means")]
pub struct Fault {
    #[serde(deserialize_with = "span")]
    pub at: Duration,
    #[serde(rename = "do")]
    pub kind: Kind,
    #[serde(default)]
    pub percent: f64,
    #[serde(default)]
    pub bootpeers: usize,
    #[serde(default, rename = "for", deserialize_with = "maybe_span")]
    pub lasts: Option<Duration>,
    #[serde(default)]
    pub way: Way,
    #[serde(default, rename = "by", deserialize_with = "maybe_shift")]
    pub shift_ms: Option<i64>,
}

/// What happens to the nodes that a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// They end as by `kill -9`: what is not on disk is lost.
    Crash,
    /// They crash, and their disks are empty when they come back.
    DiskLoss,
    /// They end properly.
    End,
    /// They are suspended.
    Sleep,
    /// They are cut off from all others.
    Partition,
    /// Their clocks are set wrong.
    Clock,
    /// Their disks are full.
    DiskFull,
}

/// What a partition lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Nothing, in either direction.
    #[default]
    Both,
    /// What comes in; nothing goes out of the part that is struck.
    Out,
    /// What goes out; nothing comes in.
    In,
}
