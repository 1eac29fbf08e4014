//! The ways between nodes: how long a message takes, whether it comes twice, and which ways are cut.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::chance::{happens, normal, times_of, unit_of};
use crate::types::{NodeId, Rng};

/// A message that was lost is sent again after this and three times its way, as a loss timer does.
const RESEND: Duration = Duration::from_millis(50);
/// Losses of one message that are made up for; with the rates that are simulated more do not happen.
const RESENDS: usize = 5;

/// How long ways are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ways {
    /// The shortest way between two nodes, one direction.
    pub shortest: Duration,
    /// The longest way.
    pub longest: Duration,
    /// How they lie between.
    pub spread: Spread,
    /// Of a hundred messages, how many have to be sent again, which costs them time.
    pub loss_percent: f64,
    /// Of a hundred requests, how many come twice.
    pub twice_percent: f64,
    /// Of a hundred messages, how many are overtaken by later ones.
    pub late_percent: f64,
    /// How much later those come, at most.
    pub late_by: Duration,
}

/// How the lengths of ways are distributed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spread {
    /// All lengths alike.
    Even,
    /// Log-normal: most ways short, few long, half of them at most as long as this.
    Median(Duration),
}

/// The natural logarithm's deviation of log-normal ways: one in six is more than 1.8 times the median.
const SIGMA: f64 = 0.6;

impl Default for Ways {
    fn default() -> Self {
        Self {
            shortest: Duration::from_millis(5),
            longest: Duration::from_millis(50),
            spread: Spread::Even,
            loss_percent: 0.0,
            twice_percent: 0.0,
            late_percent: 0.0,
            late_by: Duration::ZERO,
        }
    }
}

/// The length of the way between two nodes, in milliseconds; to find it costs more than to remember it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Way(u32);

pub(super) struct Links {
    /// Where each link's own latency comes from; not advanced, so that it does not depend on who talks first.
    places: [u8; 32],
    /// Jitter and losses, in the order of messages.
    fates: Rng,
    ways: Ways,
    /// From whom nothing comes to whom, and since when; at most all pairs.
    cuts: BTreeMap<(NodeId, NodeId), Instant>,
}

impl Links {
    pub(super) fn new(rng: &Rng, ways: Ways) -> Self {
        let (places, fates) = (rng.fork("latencies").bytes(), rng.fork("fates"));
        Self { places, fates, ways, cuts: BTreeMap::new() }
    }

    /// Returns how long the next message takes on a way of this length: that, up to a fifth more, and what losses cost.
    pub(super) fn transit(&mut self, way: Way) -> Duration {
        let own = u64::from(way.0);
        let mut took = Duration::from_millis(own + self.fates.below(own / 5 + 1));
        for _ in 0..RESENDS {
            if !happens(&mut self.fates, self.ways.loss_percent) {
                break;
            }
            took += Duration::from_millis(3 * own) + RESEND;
        }
        if happens(&mut self.fates, self.ways.late_percent) {
            took += Duration::from_millis(self.fates.below(self.ways.late_by.as_millis() as u64 + 1));
        }
        took
    }

    /// Tells whether the next request comes twice.
    pub(super) fn comes_twice(&mut self) -> bool {
        happens(&mut self.fates, self.ways.twice_percent)
    }

    /// Returns how long the way between two nodes is, the same in both directions.
    pub(super) fn way(&self, from: NodeId, to: NodeId) -> Way {
        Way(u32::try_from(self.own(from, to).as_millis()).unwrap_or(u32::MAX))
    }

    fn own(&self, from: NodeId, to: NodeId) -> Duration {
        let (shortest, longest) = (self.ways.shortest, self.ways.longest);
        let (a, b) = if from <= to { (from, to) } else { (to, from) };
        let place = blake3::keyed_hash(&self.places, &[a.0, b.0].concat());
        let (one, other) = place.as_bytes().split_at(16);
        let word = |bytes: &[u8]| bytes[..8].try_into().map_or(0, u64::from_le_bytes);
        match self.ways.spread {
            Spread::Even => {
                let span = longest.saturating_sub(shortest).as_millis() as u64 + 1;
                shortest + Duration::from_millis(word(one) % span)
            }
            Spread::Median(median) => {
                let [one, other] = [one, other].map(|half| unit_of(word(half)));
                times_of(median, (SIGMA * normal(one, other)).exp()).clamp(shortest, longest)
            }
        }
    }

    /// Lets nothing come any more from `from` to `to`.
    pub(super) fn cut(&mut self, from: NodeId, to: NodeId) {
        self.cuts.entry((from, to)).or_insert_with(Instant::now);
    }

    /// Opens a way again; returns for how long it was cut.
    pub(super) fn mend(&mut self, from: NodeId, to: NodeId) -> Option<Duration> {
        self.cuts.remove(&(from, to)).map(|since| since.elapsed())
    }

    /// Opens all ways; returns which were cut, and for how long.
    pub(super) fn heal(&mut self) -> Vec<(NodeId, NodeId, Duration)> {
        let cuts = std::mem::take(&mut self.cuts);
        cuts.into_iter().map(|((from, to), since)| (from, to, since.elapsed())).collect()
    }

    pub(super) fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        !self.cuts.is_empty() && self.cuts.contains_key(&(from, to))
    }

    /// Tells for how long one of two nodes has heard nothing of the other, whichever it is.
    pub(super) fn apart_for(&self, one: NodeId, other: NodeId) -> Option<Duration> {
        if self.cuts.is_empty() {
            return None;
        }
        let since = [(one, other), (other, one)].into_iter().filter_map(|way| self.cuts.get(&way)).min()?;
        Some(since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn links(ways: Ways) -> Links {
        Links::new(&Rng::from_seed([1; 32]), ways)
    }

    fn node(n: u8) -> NodeId {
        NodeId([n; 32])
    }

    #[test]
    fn a_way_is_as_long_in_both_directions_and_each_pair_has_its_own() {
        for spread in [Spread::Even, Spread::Median(Duration::from_millis(20))] {
            let links = links(Ways { spread, ..Ways::default() });
            let own: BTreeSet<Duration> = (2..60).map(|n| links.own(node(1), node(n))).collect();
            assert!(own.len() > 10, "{spread:?}: {own:?}");
            assert!((2..60).all(|n| links.own(node(1), node(n)) == links.own(node(n), node(1))));
            assert!(own.iter().all(|o| (Duration::from_millis(5)..=Duration::from_millis(50)).contains(o)));
        }
    }

    #[test]
    fn half_of_the_ways_are_at_most_as_long_as_the_median() {
        let median = Duration::from_millis(30);
        let ways = Ways { spread: Spread::Median(median), longest: Duration::from_secs(1), ..Ways::default() };
        let links = links(ways);
        let pairs = || (0..60).flat_map(|a| (a + 1..60).map(move |b| (a, b)));
        let short = pairs().filter(|(a, b)| links.own(node(*a), node(*b)) <= median).count();
        let all = pairs().count();
        assert!((all * 45 / 100..all * 55 / 100).contains(&short), "{short} of {all}");
    }

    #[test]
    fn what_is_lost_takes_longer_and_some_come_late_or_twice() {
        let mean = |ways| {
            let mut links = links(ways);
            (0..2000).map(|_| links.transit(links.way(node(1), node(2)))).sum::<Duration>() / 2000
        };
        let plain = mean(Ways::default());
        assert!(mean(Ways { loss_percent: 20.0, ..Ways::default() }) > plain + Duration::from_millis(10));
        let late = Ways { late_percent: 50.0, late_by: Duration::from_millis(100), ..Ways::default() };
        assert!(mean(late) > plain + Duration::from_millis(15));
        let mut twice = links(Ways { twice_percent: 10.0, ..Ways::default() });
        let count = (0..2000).filter(|_| twice.comes_twice()).count();
        assert!((140..260).contains(&count), "{count}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_cut_has_a_direction_and_lasts() {
        let mut links = links(Ways::default());
        let second = Duration::from_secs(1);
        for _ in 0..2 {
            links.cut(node(1), node(2));
            tokio::time::advance(second).await;
        }
        assert!(links.is_cut(node(1), node(2)) && !links.is_cut(node(2), node(1)));
        let apart = |links: &Links| [(1, 2), (2, 1), (1, 3)].map(|(a, b)| links.apart_for(node(a), node(b)));
        assert_eq!(apart(&links), [Some(2 * second), Some(2 * second), None]);
        assert_eq!((links.mend(node(2), node(1)), links.mend(node(1), node(2))), (None, Some(2 * second)));
        assert!(!links.is_cut(node(1), node(2)) && apart(&links) == [None; 3]);
        links.cut(node(2), node(1));
        assert_eq!(links.heal(), [(node(2), node(1), Duration::ZERO)]);
    }
}
