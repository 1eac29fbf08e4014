//! A table that is filled ready-made.

use std::time::Duration;

use super::RoutingTable;

impl RoutingTable {
    /// Notes that every bucket was refreshed just now, and the own place looked up as often as after a start.
    pub fn refreshed(&mut self, now: Duration) {
        let nearest = self.buckets.keys().next().copied().unwrap_or(u8::MAX);
        self.looked_up.extend((nearest..=u8::MAX).map(|index| (index, now)));
        (self.looked_up_ourselves, self.joined) = (Some(now), None);
    }
}
