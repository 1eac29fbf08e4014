//! What happened between two looks at the clocks: time that passed, sleep, and steps of the wall clock.

use std::time::Duration;

use crate::types::WallTime;

/// A wall clock that moved further than this beside the time that passed was set.
pub const STEP: Duration = Duration::from_secs(5);
/// Looks are some seconds apart; after a pause as long as this the node was not running.
pub const PAUSE: Duration = Duration::from_secs(10);

/// The clocks at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// Since the node's start, while the machine was awake.
    pub awake: Duration,
    /// Since the node's start, sleep included; the same as `awake` where the system does not tell.
    pub passed: Duration,
    /// The system's wall clock.
    pub wall: WallTime,
}

/// What lies between two readings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Passage {
    /// Whether the node did not run for a while: the machine slept, or the process was stopped.
    pub woke: bool,
    /// How far the wall clock was set, in milliseconds; zero for what a clock may drift.
    pub step_ms: i64,
}

impl Reading {
    /// Tells what happened since an earlier reading.
    ///
    /// Where the system does not tell how long it slept, sleep looks like a clock that was set ahead: both are reported.
    pub fn since(&self, earlier: &Reading) -> Passage {
        let awake = self.awake.saturating_sub(earlier.awake);
        let passed = self.passed.saturating_sub(earlier.passed);
        let moved = i128::from(self.wall.0) - i128::from(earlier.wall.0);
        let off = moved - passed.as_millis() as i128;
        let set = off.unsigned_abs() > STEP.as_millis();
        Passage {
            woke: passed.max(awake) > PAUSE || (set && off > PAUSE.as_millis() as i128),
            step_ms: if set { off.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64 } else { 0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(awake: u64, passed: u64, wall: u64) -> Reading {
        Reading { awake: Duration::from_millis(awake), passed: Duration::from_millis(passed), wall: WallTime(wall) }
    }

    #[test]
    fn sleep_steps_and_ordinary_seconds_are_told_apart() {
        let check = |now: Reading, woke: bool, step_ms: i64| {
            let began = at(0, 0, 1_000_000);
            assert_eq!(now.since(&began), Passage { woke, step_ms }, "{now:?}");
        };
        check(at(1000, 1000, 1_001_000), false, 0);
        // Drift, and a clock that is set by less than counts.
        check(at(1000, 1000, 1_006_000), false, 0);
        check(at(1000, 1000, 1_006_001), false, 5001);
        check(at(1000, 1000, 0), false, -1_001_000);
        // The process was stopped; the machine slept, and says so; it slept, and the system does not tell.
        check(at(90_000, 90_000, 1_090_000), true, 0);
        check(at(1000, 3_600_000, 4_600_000), true, 0);
        check(at(1000, 1000, 4_601_000), true, 3_600_000);
        // It slept, and woke with a clock that had stopped.
        check(at(1000, 3_600_000, 1_001_000), true, -3_599_000);
    }

    proptest! {
        #[test]
        fn any_two_readings_can_be_compared(a: (u32, u32, u64), b: (u32, u32, u64)) {
            let read = |(awake, slept, wall): (u32, u32, u64)| {
                at(u64::from(awake), u64::from(awake) + u64::from(slept), wall)
            };
            let _ = read(a).since(&read(b));
        }

        #[test]
        fn time_that_only_passes_is_no_step(awake in 0..1_000_000u64, slept in 0..1_000_000u64, wall in 0..1u64 << 47) {
            let passed = at(awake, awake + slept, wall + awake + slept).since(&at(0, 0, wall));
            prop_assert_eq!(passed.step_ms, 0);
            prop_assert_eq!(passed.woke, awake + slept > PAUSE.as_millis() as u64);
        }
    }
}
