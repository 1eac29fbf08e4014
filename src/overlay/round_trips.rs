//! How long peers take to answer: when to give up on one, and when to ask another beside it.
//!
//! Smoothed as a transport does it (RFC 6298). It measures nothing itself: samples are of requests that needed no dial.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::types::NodeId;

/// Peers whose round trips are remembered: as many as a node talks to within hours; the one longest unheard makes room.
pub const MAX_PEERS: usize = 1024;
/// Samples of all peers together: enough to tell their 90th percentile, few enough to follow a change of network.
pub const MAX_RECENT: usize = 64;
/// Samples of one peer before its own spread is believed.
const ENOUGH: u8 = 4;
/// The share of a mean deviation that lies between the mean and the 90th percentile, in tenths: 1.28 deviations of a
/// normal distribution, each 1.25 mean deviations.
const TO_P90_TENTHS: u32 = 16;
/// Nobody is backed sooner: below, the timer of the arbiter and a busy core decide, not the peer.
const SOONEST: Duration = Duration::from_millis(10);
/// Nobody is waited for alone longer than this.
const LATEST: Duration = Duration::from_secs(1);
/// What a first request among strangers is given.
const UNKNOWN: Duration = Duration::from_millis(250);
/// A dial is a handshake, then HELLO and the request side by side.
const ROUND_TRIPS_OF_A_DIAL: u32 = 2;

/// The shortest time given to an answer.
const SHORTEST: Duration = Duration::from_millis(300);
/// The longest time given to an answer that needs no disk.
pub const LONGEST: Duration = Duration::from_secs(2);

/// Doublings of that time for a peer that was late again and again, as a transport backs off (RFC 6298, section 5.5): from
/// the shortest to the longest.
const DOUBLINGS: u8 = 3;

/// Three round trips and 50 ms, within 300 ms and 2 s.
fn answer_time(round_trip: Duration) -> Duration {
    round_trip.saturating_mul(3).saturating_add(Duration::from_millis(50)).clamp(SHORTEST, LONGEST)
}

/// Small, as there are many: times are in microseconds, and counts end where they mean nothing more.
#[derive(Debug, Clone, Copy)]
struct Smoothed {
    mean_us: u32,
    deviation_us: u32,
    /// The number of the last sample, to tell who was unheard longest.
    heard: u32,
    /// At most [`ENOUGH`].
    samples: u8,
    /// Answers since the last one that did not come in time, at most [`DOUBLINGS`].
    late: u8,
}

impl Smoothed {
    fn first(took: Duration, samples: u8, heard: u32) -> Self {
        let mean_us = micros(took);
        Self { mean_us, deviation_us: mean_us / 2, heard, samples, late: 0 }
    }

    fn mean(&self) -> Duration {
        Duration::from_micros(self.mean_us.into())
    }

    fn deviation(&self) -> Duration {
        Duration::from_micros(self.deviation_us.into())
    }
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

/// The round trips of the peers of one node.
#[derive(Debug, Default)]
pub struct RoundTrips {
    /// At most [`MAX_PEERS`], by the first bytes of their ids: whoever makes two that begin alike has them timed as one.
    peers: BTreeMap<u64, Smoothed>,
    /// At most [`MAX_RECENT`], the newest last.
    recent: VecDeque<u32>,
    counter: u32,
}

impl RoundTrips {
    /// Notes how long a peer took to answer a request that needed no dial.
    pub fn note(&mut self, peer: NodeId, took: Duration) {
        self.counter = self.counter.wrapping_add(1);
        self.recent.push_back(micros(took));
        if self.recent.len() > MAX_RECENT {
            self.recent.pop_front();
        }
        let heard = self.counter;
        match self.peers.get_mut(&peer.head()) {
            Some(known) => {
                known.deviation_us = micros((known.deviation() * 3 + known.mean().abs_diff(took)) / 4);
                known.mean_us = micros((known.mean() * 7 + took) / 8);
                known.samples = (known.samples + 1).min(ENOUGH);
                (known.late, known.heard) = (0, heard);
            }
            None => drop(self.peers.insert(peer.head(), Smoothed::first(took, 1, heard))),
        }
        self.make_room();
    }

    /// Notes that a peer did not answer in time, although it needed no dial.
    pub fn note_late(&mut self, peer: NodeId, waited: Duration) {
        self.counter = self.counter.wrapping_add(1);
        let known = self.peers.entry(peer.head()).or_insert(Smoothed::first(waited, 0, self.counter));
        known.late = (known.late + 1).min(DOUBLINGS);
        self.make_room();
    }

    /// Returns how long an answer may take of a peer with this smoothed round trip of its connection: three of them, or of
    /// those of its answers where these are longer, and 50 ms, doubled each time it was late; within 300 ms and 2 s. Of a
    /// stranger 2 s.
    pub fn answer_time(&self, peer: &NodeId, srtt: Option<Duration>) -> Duration {
        let Some(srtt) = srtt else { return LONGEST };
        let known = self.peers.get(&peer.head());
        let round_trip = known.filter(|s| s.samples > 0).map_or(srtt, |s| s.mean().max(srtt));
        let late = known.map_or(0, |s| s.late);
        answer_time(round_trip).saturating_mul(1 << late).min(LONGEST)
    }

    fn make_room(&mut self) {
        if self.peers.len() > MAX_PEERS
            && let Some(oldest) =
                self.peers.iter().max_by_key(|(_, s)| self.counter.wrapping_sub(s.heard)).map(|(head, _)| *head)
        {
            self.peers.remove(&oldest);
        }
    }

    /// Returns when another peer is asked beside this one: at the 90th percentile of its round trips or of those of all peers of
    /// late, whichever is sooner, and later where it has to be dialled first. One that was late when it was asked last, and may
    /// be gone, is backed as soon as can be.
    pub fn hedge_after(&self, peer: &NodeId, connected: bool) -> Duration {
        let known = self.peers.get(&peer.head());
        if known.is_some_and(|s| s.late > 0) {
            return SOONEST;
        }
        let own = known.filter(|s| s.samples >= ENOUGH).map(|s| s.mean() + s.deviation() * TO_P90_TENTHS / 10);
        let p90 = own.into_iter().chain(self.p90_of_all()).min().unwrap_or(UNKNOWN);
        let round_trips = if connected { 1 } else { ROUND_TRIPS_OF_A_DIAL };
        p90.saturating_mul(round_trips).clamp(SOONEST, LATEST)
    }

    fn p90_of_all(&self) -> Option<Duration> {
        let mut recent: Vec<u32> = self.recent.iter().copied().collect();
        let place = (recent.len() * 9 / 10).min(recent.len().checked_sub(1)?);
        let (_, p90, _) = recent.select_nth_unstable(place);
        Some(Duration::from_micros((*p90).into()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::Rng;

    const PEER: NodeId = NodeId([7; 32]);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn answers_get_three_round_trips_within_bounds() {
        let check = |srtt, expected| assert_eq!(RoundTrips::default().answer_time(&PEER, srtt), expected);
        check(None, ms(2000));
        check(Some(ms(1)), ms(300));
        check(Some(ms(200)), ms(650));
        check(Some(ms(900)), ms(2000));
        check(Some(Duration::MAX), ms(2000));
    }

    #[test]
    fn a_busy_peer_gets_more_time_until_it_answers_again() {
        let mut trips = RoundTrips::default();
        let time = |trips: &RoundTrips| trips.answer_time(&PEER, Some(ms(1)));
        trips.note_late(PEER, ms(300));
        assert_eq!(time(&trips), ms(600));
        trips.note_late(PEER, ms(600));
        assert_eq!(time(&trips), ms(1200));
        (0..40).for_each(|_| trips.note_late(PEER, ms(2000)));
        assert_eq!(time(&trips), ms(2000));
        trips.note(PEER, ms(20));
        assert!(time(&trips) < ms(2000));
        (0..40).for_each(|_| trips.note(PEER, ms(20)));
        assert_eq!(time(&trips), ms(300));
        (0..40).for_each(|_| trips.note(PEER, ms(400)));
        assert!(time(&trips) > ms(1100), "its answers take longer than its connection");
    }

    #[test]
    fn strangers_are_backed_as_late_as_the_slow_among_all() {
        let mut trips = RoundTrips::default();
        assert_eq!(trips.hedge_after(&PEER, true), UNKNOWN);
        for n in 0..20 {
            trips.note(NodeId([n; 32]), ms(10 * u64::from(n + 1)));
        }
        assert_eq!(trips.hedge_after(&NodeId([99; 32]), true), ms(190));
        assert_eq!(trips.hedge_after(&NodeId([99; 32]), false), ms(380), "a dial takes one round trip more");
    }

    #[test]
    fn whoever_was_slow_or_late_is_backed_as_soon_as_others_would_be() {
        let mut trips = RoundTrips::default();
        (0..9).for_each(|_| trips.note(PEER, ms(500)));
        assert!(trips.hedge_after(&PEER, true) >= ms(500));
        for n in 0..MAX_RECENT as u8 {
            trips.note(NodeId([n; 32]), ms(20));
        }
        assert_eq!(trips.hedge_after(&PEER, true), ms(20), "as slow as it was when everybody was");
        trips.note_late(PEER, ms(300));
        assert_eq!(trips.hedge_after(&PEER, true), SOONEST);
        trips.note(PEER, ms(20));
        assert_eq!(trips.hedge_after(&PEER, true), ms(20));
    }

    #[test]
    fn memory_is_bounded_and_the_one_longest_unheard_goes_first() {
        let mut trips = RoundTrips::default();
        for n in 0..2 * MAX_PEERS as u16 {
            let mut id = [0; 32];
            id[..2].copy_from_slice(&n.to_be_bytes());
            trips.note(NodeId(id), ms(1));
            trips.note(PEER, ms(1));
        }
        assert_eq!((trips.peers.len(), trips.recent.len()), (MAX_PEERS, MAX_RECENT));
        assert!(trips.peers.contains_key(&PEER.head()) && !trips.peers.contains_key(&0));
    }

    proptest! {
        #[test]
        fn a_peer_is_backed_about_once_in_ten_requests(seed: u64, low in 20..200_u64, width in 0..200_u64) {
            let mut rng = Rng::from_seed([3; 32]).fork(&seed.to_string());
            let mut trips = RoundTrips::default();
            let mut sample = || ms(low + rng.below(width + 1));
            (0..50).for_each(|_| trips.note(PEER, sample()));
            let mut late = 0;
            for _ in 0..400 {
                let took = sample();
                late += usize::from(took > trips.hedge_after(&PEER, true));
                trips.note(PEER, took);
            }
            prop_assert!(late <= 100, "{late} of 400");
            prop_assert!(width < 20 || late >= 1, "nobody is ever backed");
        }

        #[test]
        fn the_wait_is_bounded_whatever_was_measured(samples in prop::collection::vec(0..u64::MAX, 0..40), connected: bool) {
            let mut trips = RoundTrips::default();
            samples.iter().for_each(|n| trips.note(PEER, Duration::from_nanos(*n)));
            let wait = trips.hedge_after(&PEER, connected);
            prop_assert!((SOONEST..=LATEST).contains(&wait));
            let srtt = samples.first().map(|n| Duration::from_nanos(*n));
            prop_assert!((SHORTEST..=LONGEST).contains(&trips.answer_time(&PEER, srtt)));
        }
    }
}
