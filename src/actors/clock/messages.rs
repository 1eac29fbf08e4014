//! What the clock actor takes and gives.

use actix::Message;
use tokio::time::Instant;

use super::sync::Round;
use crate::clock::Doubt;
use crate::seam::SetClockError;
use crate::types::{NodeId, WallTime};

/// A peer told its time.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Heard {
    /// Who.
    pub peer: NodeId,
    /// Its time.
    pub time: WallTime,
    /// When it came.
    pub at: Instant,
}

/// A round of questions has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Synced(pub Round);

/// Asks how the clock is.
#[derive(Message)]
#[rtype(result = "ClockState")]
pub struct State;

/// How the clock is, for people.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ClockState {
    /// What it shows.
    pub now: WallTime,
    /// How many servers are configured.
    pub servers: usize,
    /// The server that the clock goes by; `None` when it shows the system's time.
    pub server: Option<String>,
    /// How far the system's clock is behind the true time, in milliseconds; `None` when no server has told yet.
    pub offset_ms: Option<i64>,
    /// When servers agreed last.
    pub last: Option<WallTime>,
    /// Whether the last round of questions brought no agreement.
    pub failing: bool,
    /// Whether deleting and publishing wait.
    pub in_doubt: bool,
    /// Why.
    pub doubt: Option<Doubt>,
    /// How many peers told their time of late.
    pub peers: usize,
    /// How far their median is ahead, in milliseconds.
    pub peers_ahead_ms: i64,
    /// Why the system's clock was not set, where it was to be.
    pub not_set: Option<SetClockError>,
}
