//! Counting what goes over a transport.

use std::cell::Cell;

use crate::seam::Traffic;

/// Counters that only grow.
#[derive(Default)]
pub struct Tally(Cell<Traffic>);

impl Tally {
    /// Returns what was counted so far.
    pub fn traffic(&self) -> Traffic {
        self.0.get()
    }

    /// Notes a request of so many bytes that is sent.
    pub fn asked(&self, bytes: usize) {
        self.change(|t| (t.requests_sent, t.bytes_sent) = (t.requests_sent + 1, t.bytes_sent + bytes as u64));
    }

    /// Notes an answer of so many bytes that came.
    pub fn heard(&self, bytes: usize) {
        self.change(|t| t.bytes_received += bytes as u64);
    }

    /// Notes a request of so many bytes that came.
    pub fn was_asked(&self, bytes: usize) {
        self.change(|t| {
            (t.requests_received, t.bytes_received) = (t.requests_received + 1, t.bytes_received + bytes as u64);
        });
    }

    /// Notes an answer of so many bytes that is sent.
    pub fn answered(&self, bytes: usize) {
        self.change(|t| t.bytes_sent += bytes as u64);
    }

    fn change(&self, change: impl FnOnce(&mut Traffic)) {
        let mut traffic = self.0.get();
        change(&mut traffic);
        self.0.set(traffic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_bytes_are_counted_by_direction() {
        let tally = Tally::default();
        tally.asked(100);
        tally.heard(7);
        tally.asked(20);
        tally.was_asked(5);
        tally.answered(3000);
        let expected = Traffic { requests_sent: 2, requests_received: 1, bytes_sent: 3120, bytes_received: 12 };
        assert_eq!(tally.traffic(), expected);
    }
}
