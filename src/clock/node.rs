//! The node's own clock: the system's, corrected by what time servers said, with a word about how good it is.

use std::cell::Cell;
use std::rc::Rc;

use tokio::time::Instant;

use super::passage::{Passage, Reading};
use crate::seam::Clock;
use crate::types::WallTime;

/// Readings that the scheduler tore apart by more than this are taken again.
const TORN_MS: u128 = 500;
/// How often at most; on a machine that busy the last one will do.
const TRIES: usize = 4;

/// The time that a node goes by. Durations do not pass through it.
pub struct NodeClock {
    base: Rc<dyn Clock>,
    began: Instant,
    up_at_start: Option<std::time::Duration>,
    offset_ms: Cell<i64>,
    doubtful: Cell<bool>,
    looked: Cell<Reading>,
    /// Where the clock stood when it was last beyond doubt.
    good: Cell<WallTime>,
}

impl NodeClock {
    /// Begins with the system's time.
    pub fn over(base: Rc<dyn Clock>) -> Rc<Self> {
        let wall = base.now();
        let start = Reading { awake: Default::default(), passed: Default::default(), wall };
        Rc::new(Self {
            began: Instant::now(),
            up_at_start: base.uptime(),
            base,
            offset_ms: Cell::new(0),
            doubtful: Cell::new(false),
            looked: Cell::new(start),
            good: Cell::new(wall),
        })
    }

    /// Returns what the clocks show.
    pub fn read(&self) -> Reading {
        for last in (0..TRIES).rev() {
            let awake = self.began.elapsed();
            let (wall, up) = (self.base.now(), self.base.uptime());
            if last > 0 && (self.began.elapsed() - awake).as_millis() > TORN_MS {
                continue;
            }
            let up = up.zip(self.up_at_start).map(|(now, then)| now.saturating_sub(then));
            return Reading { awake, passed: up.unwrap_or(awake), wall };
        }
        self.looked.get()
    }

    /// Returns the time without the correction.
    pub fn system(&self) -> WallTime {
        self.base.now()
    }

    /// Returns the correction in milliseconds.
    pub fn offset_ms(&self) -> i64 {
        self.offset_ms.get()
    }

    /// Corrects the clock.
    pub fn correct(&self, offset_ms: i64) {
        self.offset_ms.set(offset_ms);
    }

    /// Notes a look at the clocks; steps are measured from here.
    pub fn looked(&self, reading: Reading) {
        self.looked.set(reading);
    }

    /// Tells what happened since the last look.
    pub fn since_look(&self, reading: &Reading) -> Passage {
        reading.since(&self.looked.get())
    }

    /// Begins in doubt, having been beyond it at `good`: so an earlier run left it.
    pub fn begin_in_doubt(&self, good: WallTime) {
        self.doubtful.set(true);
        self.good.set(good);
    }

    /// Notes whether the clock is in doubt, by the rules.
    pub fn judge(&self, doubtful: bool) {
        self.doubtful.set(doubtful);
        if !self.in_doubt() {
            self.good.set(self.now());
        }
    }

    /// Returns the time up to which things count as ended: now, or where the clock stood before it came in doubt.
    pub fn horizon(&self) -> WallTime {
        let now = self.now();
        if self.in_doubt() { now.min(self.good.get()) } else { now }
    }
}

impl Clock for NodeClock {
    fn now(&self) -> WallTime {
        let now = i128::from(self.base.now().0) + i128::from(self.offset_ms.get());
        WallTime(now.clamp(0, i128::from(WallTime::NEVER.0)) as u64)
    }

    /// A step since the last look counts at once: within a second a wrong clock could delete everything.
    fn in_doubt(&self) -> bool {
        self.doubtful.get() || self.base.in_doubt() || self.since_look(&self.read()).step_ms != 0
    }

    fn uptime(&self) -> Option<std::time::Duration> {
        self.base.uptime()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Hand(Cell<WallTime>);

    impl Clock for Hand {
        fn now(&self) -> WallTime {
            self.0.get()
        }

        fn in_doubt(&self) -> bool {
            false
        }
    }

    const NOON: WallTime = WallTime(1_767_225_600_000);

    #[tokio::test(start_paused = true)]
    async fn a_step_is_doubted_before_anybody_looks_and_nothing_ends_meanwhile() {
        let hand = Rc::new(Hand(Cell::new(NOON)));
        let clock = NodeClock::over(hand.clone());
        assert!(!clock.in_doubt());
        hand.0.set(NOON.plus(Duration::from_secs(3600)));
        assert!(clock.in_doubt());
        assert_eq!(clock.horizon(), NOON, "nothing has ended since");
        clock.looked(clock.read());
        clock.judge(true);
        assert_eq!(clock.horizon(), NOON);
        clock.judge(false);
        assert_eq!(clock.horizon(), clock.now());
        hand.0.set(NOON);
        assert_eq!(clock.horizon(), NOON, "a clock that was set back ends less, not more");
    }

    #[tokio::test(start_paused = true)]
    async fn a_correction_moves_the_clock_and_no_duration() {
        let clock = NodeClock::over(Rc::new(Hand(Cell::new(NOON))));
        let began = Instant::now();
        clock.correct(-3_600_000);
        assert_eq!(clock.now(), NOON.minus(Duration::from_secs(3600)));
        assert_eq!(clock.system(), NOON);
        assert!(!clock.in_doubt(), "a correction is no step");
        clock.correct(i64::MIN);
        assert_eq!(clock.now(), WallTime(0));
        clock.correct(i64::MAX);
        assert_eq!(clock.now(), WallTime::NEVER);
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
