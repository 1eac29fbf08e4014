//! The rest of a simulated node's world: a clock on virtual time, and work done in place.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::seam::{Clock, Lane, Later, Offload, SetClockError, TimeError, TimeSample, TimeSource};
use crate::types::WallTime;

/// When every simulation begins: 2026-01-01T00:00:00Z.
pub(super) const BEGINNING: WallTime = WallTime(1_767_225_600_000);

/// How wrong a node's clock is, and whether it knows; shared between a node and who runs the simulation.
#[derive(Default)]
pub(super) struct Skew {
    pub ahead: Cell<Duration>,
    pub behind: Cell<Duration>,
    pub in_doubt: Cell<bool>,
    /// How many millionths faster the clock goes.
    pub drift_ppm: Cell<i64>,
}

/// Wall time that goes with the virtual time of the runtime.
pub(super) struct SimClock {
    pub began: Instant,
    pub skew: Rc<Skew>,
}

impl Clock for SimClock {
    fn now(&self) -> WallTime {
        let passed = self.began.elapsed();
        let drift = passed.as_millis() as i64 * self.skew.drift_ppm.get() / 1_000_000;
        let drifted = Duration::from_millis(drift.unsigned_abs());
        let now = BEGINNING.plus(passed).plus(self.skew.ahead.get()).minus(self.skew.behind.get());
        if drift < 0 { now.minus(drifted) } else { now.plus(drifted) }
    }

    fn in_doubt(&self) -> bool {
        self.skew.in_doubt.get()
    }

    fn uptime(&self) -> Option<Duration> {
        Some(self.began.elapsed())
    }
}

impl Skew {
    /// How far the clock is ahead, in milliseconds.
    pub(super) fn ahead_ms(&self) -> i64 {
        self.ahead.get().as_millis() as i64 - self.behind.get().as_millis() as i64
    }

    /// Moves the clock.
    pub(super) fn set(&self, by_ms: i64) {
        let ahead = self.ahead_ms().saturating_add(by_ms);
        self.ahead.set(Duration::from_millis(ahead.max(0).unsigned_abs()));
        self.behind.set(Duration::from_millis(ahead.min(0).unsigned_abs()));
    }
}

/// Time servers by name, with how far each is ahead of the truth in milliseconds; `None` for one that is silent.
pub(super) type Servers = Rc<RefCell<BTreeMap<String, Option<i64>>>>;

/// The way of a question to a time server and back.
const WAY: Duration = Duration::from_millis(20);

/// Time servers as a node asks them, and its system's clock.
pub(super) struct SimTime {
    pub skew: Rc<Skew>,
    pub servers: Servers,
}

impl TimeSource for SimTime {
    fn ask(&self, server: &str, within: Duration) -> Later<Result<TimeSample, TimeError>> {
        let (skew, servers, server) = (self.skew.clone(), self.servers.clone(), server.to_owned());
        Box::pin(async move {
            let ahead = servers.borrow().get(&server).copied().ok_or(TimeError::Unresolved)?;
            let Some(ahead) = ahead else {
                sleep(within).await;
                return Err(TimeError::Silent);
            };
            sleep(WAY).await;
            let offset_us = ahead.saturating_sub(skew.ahead_ms()).saturating_mul(1000);
            Ok(TimeSample { offset_us, round_trip: WAY, dispersion: Duration::ZERO })
        })
    }

    fn set_system(&self, by_ms: i64) -> Result<(), SetClockError> {
        self.skew.set(by_ms);
        Ok(())
    }
}

/// Does all work now and here: a wait for another thread would let virtual time jump.
pub(super) struct InPlace;

impl Offload for InPlace {
    fn run(&self, _: Lane, job: Box<dyn FnOnce() + Send>) {
        job();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_clock_is_off_and_drifts_and_can_be_moved() {
        let skew = Rc::new(Skew::default());
        let clock = SimClock { began: Instant::now(), skew: skew.clone() };
        let ahead = || clock.now().0 as i64 - BEGINNING.plus(clock.began.elapsed()).0 as i64;
        skew.set(-3000);
        skew.drift_ppm.set(200);
        assert_eq!(ahead(), -3000);
        tokio::time::advance(Duration::from_secs(10_000)).await;
        assert_eq!(ahead(), -1000);
        skew.set(5000);
        skew.drift_ppm.set(-200);
        assert_eq!((skew.ahead_ms(), ahead()), (2000, 0));
    }
}
