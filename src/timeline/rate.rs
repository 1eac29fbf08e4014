//! How many posts a device may make in a while.

use std::collections::VecDeque;
use std::time::Duration;

use crate::types::{Limits, WallTime};

/// The times of a device's latest posts, at most as many as an hour allows.
#[derive(Debug, Default)]
pub struct Rate(VecDeque<WallTime>);

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

impl Rate {
    /// Tells how long to wait before the next post; `None` when it may be made now.
    pub fn wait(&mut self, now: WallTime, limits: &Limits) -> Option<Duration> {
        // A time ahead of now was noted by a clock that was wrong; it would count for as long as that was ahead.
        self.0.retain(|at| *at <= now);
        while self.0.front().is_some_and(|at| now.since(*at) >= HOUR) {
            self.0.pop_front();
        }
        let over = |within: Duration, most: u32| {
            let recent = self.0.iter().filter(|at| now.since(**at) < within).count();
            // The post that has to grow old before there is room again.
            let oldest = recent.checked_sub(most as usize)?;
            let at = self.0.iter().filter(|at| now.since(**at) < within).nth(oldest)?;
            Some(within.saturating_sub(now.since(*at)))
        };
        over(HOUR, limits.posts_per_hour).max(over(MINUTE, limits.posts_per_minute))
    }

    /// Notes a post.
    pub fn note(&mut self, at: WallTime) {
        self.0.push_back(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn posts_of_a_clock_that_was_ahead_do_not_count() {
        let limits = Limits { posts_per_minute: 1, posts_per_hour: 1, ..Limits::default() };
        let mut rate = Rate::default();
        rate.note(WallTime(100_000_000));
        assert!(rate.wait(WallTime(100_000_001), &limits).is_some());
        assert_eq!(rate.wait(WallTime(1_000), &limits), None);
    }

    #[test]
    fn a_minute_and_an_hour_have_their_limits() {
        let limits = Limits { posts_per_minute: 2, posts_per_hour: 3, ..Limits::default() };
        let mut rate = Rate::default();
        let at = |seconds: u64| WallTime(1_000_000 + seconds * 1000);
        let mut post = |seconds: u64| match rate.wait(at(seconds), &limits) {
            None => {
                rate.note(at(seconds));
                None
            }
            wait => wait.map(|w| w.as_secs()),
        };
        assert_eq!(post(0), None);
        assert_eq!(post(10), None);
        assert_eq!(post(20), Some(40));
        assert_eq!(post(61), None);
        assert_eq!(post(200), Some(3400));
        assert_eq!(post(3600), None);
    }
}
