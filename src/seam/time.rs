//! Time: what a node can ask of its machine and of time servers.

use std::time::Duration;

use thiserror::Error;

use super::Later;
use crate::types::WallTime;

/// Wall time.
pub trait Clock {
    /// Returns the time.
    fn now(&self) -> WallTime;

    /// Tells whether the time is too doubtful to delete anything by.
    fn in_doubt(&self) -> bool;

    /// Returns how much time has passed since some moment, the machine's sleep included; `None` where nothing tells.
    fn uptime(&self) -> Option<Duration> {
        None
    }
}

/// One answer of a time server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeSample {
    /// How far the server is ahead of the system's clock, in microseconds.
    pub offset_us: i64,
    /// How long question and answer were on their way.
    pub round_trip: Duration,
    /// How far the server itself may be off, by its own word.
    pub dispersion: Duration,
}

/// Why a time server gave no time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum TimeError {
    /// Its name has no address now.
    #[error("its name has no address")]
    Unresolved,
    /// It cannot be reached, or did not answer in time.
    #[error("no answer")]
    Silent,
    /// It asks to be left alone (a "kiss of death"). Not asked again for an hour.
    #[error("it asks to be left alone")]
    Refused,
    /// What came is no answer to the question asked, or says that the server has no time itself.
    #[error("its answer cannot be used")]
    Unusable,
}

/// Why the system's clock was not set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum SetClockError {
    /// This process may not.
    #[error("this process may not set the system clock")]
    Denied,
    /// The system has no way to, or refused.
    #[error("the system did not take the time")]
    Failed,
}

/// Time servers, and the system's clock as something that can be set.
pub trait TimeSource {
    /// Asks one server (`host` or `host:port`) once; its name is looked up anew each time.
    fn ask(&self, server: &str, within: Duration) -> Later<Result<TimeSample, TimeError>>;

    /// Moves the system's clock by so many milliseconds.
    ///
    /// # Errors
    /// Where that is not permitted, or not possible.
    fn set_system(&self, by_ms: i64) -> Result<(), SetClockError>;
}
