//! Wall time in milliseconds, and hybrid logical clocks (Kulkarni et al. 2014): 48 bits of milliseconds, 16 of counter.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z, leap seconds ignored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct WallTime(pub u64);

/// The largest time that fits the 48 bits of a hybrid logical clock.
const MAX_MILLIS: u64 = (1 << 48) - 1;

impl WallTime {
    /// The far end of time: what never expires.
    pub const NEVER: WallTime = WallTime(MAX_MILLIS);

    /// Returns the time `by` later, `NEVER` at most.
    pub fn plus(self, by: Duration) -> WallTime {
        WallTime(self.0.saturating_add(by.as_millis() as u64).min(MAX_MILLIS))
    }

    /// Returns the time `by` earlier, the epoch at least.
    pub fn minus(self, by: Duration) -> WallTime {
        WallTime(self.0.saturating_sub(by.as_millis() as u64))
    }

    /// Returns how long ago `earlier` was, zero when it lies ahead.
    pub fn since(self, earlier: WallTime) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Debug for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_rfc3339(*self))
    }
}

/// Writes a time as RFC 3339 in UTC with milliseconds.
pub fn format_rfc3339(time: WallTime) -> String {
    DateTime::<Utc>::from_timestamp_millis(time.0.min(MAX_MILLIS) as i64)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A hybrid logical time: ordered first by milliseconds, then by counter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Hlc(pub u64);

impl Hlc {
    /// Builds a time from its two parts; milliseconds beyond 48 bits are cut to the largest.
    pub fn new(at: WallTime, counter: u16) -> Hlc {
        Hlc((at.0.min(MAX_MILLIS) << 16) | u64::from(counter))
    }

    /// Returns the wall part.
    pub fn wall(self) -> WallTime {
        WallTime(self.0 >> 16)
    }

    /// Returns the next time after `self` and not before `now`: what a device stamps its next record with.
    pub fn tick(self, now: WallTime) -> Hlc {
        Hlc::new(now, 0).max(Hlc(self.0.saturating_add(1)))
    }
}

impl fmt::Debug for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}+{}", self.wall(), self.0 & 0xffff)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_grow_even_when_the_clock_stands_still_or_goes_back() {
        let now = WallTime(1_800_000_000_000);
        let first = Hlc::default().tick(now);
        assert_eq!(first.wall(), now);
        let second = first.tick(now);
        assert!(second > first);
        assert!(second.tick(WallTime(now.0 - 50_000)) > second);
        assert_eq!(second.tick(WallTime(now.0 + 5)), Hlc::new(WallTime(now.0 + 5), 0));
    }

    #[test]
    fn times_print_as_rfc_3339() {
        assert_eq!(format_rfc3339(WallTime(0)), "1970-01-01T00:00:00.000Z");
    }
}
