//! When the clock is in doubt: no word of servers for a day, a step, or peers that see another time.
//!
//! Time since the node's start is an argument, sleep included; nothing here reads a clock.

use std::cell::Cell;
use std::time::Duration;

use crate::types::{NodeId, WallTime};

/// Servers that are configured have to agree at least this often.
pub const AGREED_WITHIN: Duration = Duration::from_secs(24 * 3600);
/// Peers whose median counts: of fewer, one that lies is half.
pub const PEERS_NEEDED: usize = 3;
/// A median further off than this says that one side's clock is wrong; as far as records may lie ahead.
pub const PEER_TOLERANCE: Duration = Duration::from_secs(5 * 60);
/// What a peer said of the time counts this long.
const RECENT: Duration = Duration::from_secs(3600);
/// Most peers whose word is kept: far more than a median needs; beyond that the oldest goes.
const PEERS: usize = 32;
/// Without time servers, a clock that was set and has run steadily this long since is taken for set on purpose.
const STEADY: Duration = Duration::from_secs(10 * 60);

/// Why a clock is in doubt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Doubt {
    /// It was set by more than drift explains, by so many milliseconds, and nothing has confirmed it since.
    Step(i64),
    /// Time servers are configured, and none agreed for a day.
    Servers,
    /// The peers' median is so many milliseconds ahead.
    Peers(i64),
}

/// What a peer said of the time.
#[derive(Clone, Copy)]
struct Heard {
    peer: NodeId,
    /// The peer's time at the node's start, in milliseconds: it stays right when the own clock is set.
    start_ms: i128,
    at: Duration,
}

/// What the peers of late say together.
#[derive(Clone, Copy)]
struct Median {
    count: usize,
    /// The median of their times at the node's start.
    start_ms: i128,
    /// Until when none of them was heard too long ago.
    until: Duration,
}

/// The facts from which doubt follows.
pub struct Doubts {
    servers: bool,
    /// When servers agreed last, or were first to be asked, in milliseconds since the node's start; negative before it.
    agreed_ms: i128,
    /// The last step that nothing has explained yet, and when it was noticed.
    step: Option<(i64, Duration)>,
    /// Nobody twice; at most [`PEERS`], so few that looking through them costs less than keeping them in order.
    peers: Vec<Heard>,
    /// What follows from them, while it does.
    median: Cell<Option<Median>>,
    /// The network's registrars, and what they said themselves, which no number of others pushes out: at most one word each.
    registrars: Vec<NodeId>,
    told: Vec<Heard>,
}

impl Doubts {
    /// Begins at the node's start; `quiet` is how long ago servers last agreed, or were first to be asked.
    pub fn new(servers: bool, quiet: Duration) -> Self {
        Self {
            servers,
            agreed_ms: -(quiet.as_millis() as i128),
            step: None,
            peers: Vec::new(),
            median: Cell::new(None),
            registrars: Vec::new(),
            told: Vec::new(),
        }
    }

    /// Says who the registrars are: where the clock agrees with theirs, however many others are no reason for doubt. Whoever
    /// makes enough nodes would keep everybody from publishing with them.
    pub fn trust(&mut self, registrars: Vec<NodeId>) {
        self.registrars = registrars;
    }

    /// Notes that the clock was set. Several steps add up, and may cancel each other out.
    pub fn stepped(&mut self, by_ms: i64, at: Duration) {
        let so_far = self.step.map_or(0, |(ms, _)| ms);
        self.step = Some((so_far.saturating_add(by_ms), at));
    }

    /// Notes that servers agreed: every step is explained.
    pub fn agreed(&mut self, at: Duration) {
        self.agreed_ms = at.as_millis() as i128;
        self.step = None;
    }

    /// Notes the time that a peer has.
    pub fn heard(&mut self, peer: NodeId, time: WallTime, at: Duration) {
        let heard = Heard { peer, start_ms: i128::from(time.0) - at.as_millis() as i128, at };
        if self.registrars.contains(&peer) {
            self.told.retain(|told| told.peer != peer);
            self.told.push(heard);
        }
        let is_full = self.peers.len() >= PEERS;
        let mut held = self.peers.iter_mut();
        let place = match held.find(|held| held.peer == peer) {
            None if is_full => self.peers.iter_mut().min_by_key(|held| (held.at, held.peer)),
            known => known,
        };
        match place {
            Some(place) => *place = heard,
            None => self.peers.push(heard),
        }
        self.median.set(None);
    }

    /// Forgets what peers said: after a sleep whose length is not known it means nothing.
    pub fn forget_peers(&mut self) {
        self.peers.clear();
        self.told.clear();
        self.median.set(None);
    }

    /// Returns how many peers were heard of late, and how far their median is ahead of `now`, in milliseconds.
    pub fn peers(&self, now: WallTime, at: Duration) -> (usize, i64) {
        let known = self.median.get().filter(|median| at <= median.until);
        let Median { count, start_ms, .. } = known.unwrap_or_else(|| self.find_median(at));
        if count == 0 {
            return (0, 0);
        }
        let ahead = start_ms + at.as_millis() as i128 - i128::from(now.0);
        (count, ahead.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
    }

    fn find_median(&self, at: Duration) -> Median {
        let median = median_of(&self.peers, at);
        self.median.set(Some(median));
        median
    }

    /// Tells whether the clock agrees with those of the registrars that were heard of late.
    fn agrees_with_registrars(&self, now: WallTime, at: Duration) -> bool {
        let Median { count, start_ms, .. } = median_of(&self.told, at);
        let ahead = start_ms + at.as_millis() as i128 - i128::from(now.0);
        count > 0 && ahead.unsigned_abs() <= PEER_TOLERANCE.as_millis()
    }

    /// Forgets a step that is settled: see `docs/decisions/0012-when-a-step-of-the-clock-is-settled.md`.
    pub fn settle(&mut self, now: WallTime, at: Duration) {
        let Some((_, since)) = self.step.filter(|_| !self.servers) else { return };
        let (count, ahead) = self.peers(now, at);
        let agree = ahead.unsigned_abs() <= PEER_TOLERANCE.as_millis() as u64;
        let steady = at.saturating_sub(since) >= STEADY;
        if agree && (count >= PEERS_NEEDED || steady) {
            self.step = None;
        }
    }

    /// Returns the first reason for doubt.
    pub fn doubt(&self, now: WallTime, at: Duration) -> Option<Doubt> {
        if let Some((by_ms, _)) = self.step {
            return Some(Doubt::Step(by_ms));
        }
        let quiet = at.as_millis() as i128 - self.agreed_ms;
        if self.servers && quiet > AGREED_WITHIN.as_millis() as i128 {
            return Some(Doubt::Servers);
        }
        match self.peers(now, at) {
            (count, _) if count < PEERS_NEEDED => None,
            (_, ahead) if ahead.unsigned_abs() <= PEER_TOLERANCE.as_millis() as u64 => None,
            _ if self.agrees_with_registrars(now, at) => None,
            (_, ahead) => Some(Doubt::Peers(ahead)),
        }
    }

    /// Returns the step that is not explained.
    pub fn step(&self) -> Option<i64> {
        self.step.map(|(by_ms, _)| by_ms)
    }
}

/// Returns what those say together that were heard of late.
fn median_of(words: &[Heard], at: Duration) -> Median {
    let recent = || words.iter().filter(|heard| at.saturating_sub(heard.at) <= RECENT);
    let mut starts: Vec<i128> = recent().map(|heard| heard.start_ms).collect();
    starts.sort_unstable();
    let until = recent().map(|heard| heard.at.saturating_add(RECENT)).min().unwrap_or(Duration::MAX);
    let start_ms = starts.get(starts.len() / 2).copied().unwrap_or_default();
    Median { count: starts.len(), start_ms, until }
}

#[cfg(test)]
mod tests;
