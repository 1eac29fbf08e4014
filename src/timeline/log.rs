//! What a reader has of one device's log, and what it can prove to be missing.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::reasons::{Reasons, common, joined};

/// How far a device says its log goes: the state in its heads.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct LogState {
    /// The number of the last post.
    pub last_seq: u64,
    /// The number up to which all posts are collected or expired.
    pub floor: u64,
    /// Collected or expired above the floor: first and last number of each range.
    pub collected: Vec<(u64, u64)>,
    /// The version of the heads that say so; zero where it is known from a post alone.
    pub version: u64,
    /// Why numbers are gone, as these heads say it.
    pub reasons: Reasons,
    /// The number up to which all have ended: they are older than any post lives.
    pub over: u64,
    /// Numbers that most holders say they have collected, at most 500; the heads say so when the author is online.
    pub marked: BTreeSet<u64>,
}

/// Most such numbers of one log that are remembered: as many as one answer of a holder names.
const MARKED: usize = 500;

impl LogState {
    /// Joins two states of one log: numbers never fall.
    pub fn join(&mut self, other: LogState) {
        if other.version > self.version {
            (self.version, self.collected, self.reasons) = (other.version, other.collected, other.reasons);
        }
        self.over = self.over.max(other.over);
        self.last_seq = self.last_seq.max(other.last_seq);
        self.floor = self.floor.max(other.floor);
        self.marked.extend(other.marked);
        while self.marked.len() > MARKED {
            self.marked.pop_first();
        }
    }

    fn is_collected(&self, seq: u64) -> bool {
        self.marked.contains(&seq) || self.collected.iter().any(|(first, last)| (*first..=*last).contains(&seq))
    }

    /// Returns what is collected above the floor, each number once.
    fn gone(&self) -> Vec<(u64, u64)> {
        let listed = |n: &u64| self.collected.iter().any(|(first, last)| (*first..=*last).contains(n));
        let marked = self.marked.iter().filter(|n| !listed(n)).map(|n| (*n, *n));
        self.collected.iter().copied().chain(marked).collect()
    }
}

/// What is missing of a log, by reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Missing {
    /// Ended before it came here.
    pub expired: u64,
    /// Collected before it came here.
    pub collected: u64,
    /// Exists, and nobody who has it answered.
    pub unreachable: u64,
}

/// Most numbers above the first gap that are remembered one by one.
const SCATTERED: usize = 4096;

/// What a reader has of one device's log.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceLog {
    /// Everything up to this number came, or was gone before the reader began.
    #[serde(rename = "b")]
    base: u64,
    /// What came above it, at most [`SCATTERED`].
    #[serde(rename = "r")]
    received: BTreeSet<u64>,
    /// What was said to be missing for good, and is not said again.
    #[serde(rename = "s", default)]
    said: u64,
}

impl DeviceLog {
    /// Begins to read a log that stands at `state`: what is gone by now was gone before the reader came.
    pub fn begin(state: &LogState) -> Self {
        let mut log = Self { base: state.floor, received: BTreeSet::new(), said: state.floor };
        log.say(state);
        log
    }

    /// Gives up what did not come up to this number: it was gone before the reader came.
    pub fn forgo(&mut self, up_to: u64) {
        if up_to > self.base {
            self.base = up_to;
            self.received.retain(|n| *n > up_to);
            self.note(0);
        }
    }

    /// Notes that a post came.
    pub fn note(&mut self, seq: u64) {
        if seq > self.base && self.received.len() < SCATTERED {
            self.received.insert(seq);
        }
        // Numbers are the author's to choose, the last one there is included.
        while self.base.checked_add(1).is_some_and(|next| self.received.remove(&next)) {
            self.base += 1;
        }
    }

    /// Tells whether a post came.
    pub fn has(&self, seq: u64) -> bool {
        seq <= self.base || self.received.contains(&seq)
    }

    /// Returns the number up to which everything that exists came, or is gone for good as far as `state` proves it.
    pub fn reach(&self, state: &LogState) -> u64 {
        let gone = state.gone();
        let mut reach = self.base.max(state.floor);
        loop {
            let Some(next) = reach.checked_add(1) else { return reach };
            if self.received.contains(&next) {
                reach = next;
            } else if let Some((_, last)) =
                gone.iter().find(|(a, b)| (*a..=*b).contains(&next) && next <= state.last_seq)
            {
                reach = (*last).min(state.last_seq);
            } else {
                return reach;
            }
        }
    }

    /// Returns what is missing of a log that stands at `state`.
    pub fn missing(&self, state: &LogState) -> Missing {
        let mut missing = Missing::default();
        let (from, last) = (self.base.max(self.said), state.last_seq.max(state.floor));
        let Some(first) = from.checked_add(1).filter(|first| *first <= last) else { return missing };
        // What holders have marked was collected, whatever has become of it since.
        let marked: BTreeSet<u64> =
            state.marked.range(first..=last).filter(|n| !self.received.contains(n)).copied().collect();
        // How many of some ranges did not come, those marked left out.
        let lacks = |ranges: &[(u64, u64)]| {
            let lack = |(first, last): &(u64, u64)| {
                let known = self.received.range(first..=last).count() + marked.range(first..=last).count();
                (last - first).saturating_add(1).saturating_sub(known as u64)
            };
            ranges.iter().map(lack).fold(0, u64::saturating_add)
        };
        // Numbers up to the floor are gone for good; those above exist unless the author lists them.
        let floor = (state.floor > 0).then_some((1, state.floor));
        let listed = state.collected.iter().filter(|(a, b)| a <= b && *a <= state.last_seq);
        let listed = listed.map(|(a, b)| (*a, *b.min(&state.last_seq)));
        let gone = common(&joined(floor.into_iter().chain(listed)), &[(first, last)]);
        let all_gone = lacks(&gone);
        let collected = lacks(&common(&gone, &state.reasons.collected(state.over)));
        missing.collected = collected.saturating_add(marked.len() as u64);
        missing.expired = all_gone - collected;
        missing.unreachable = lacks(&[(first, last)]).saturating_sub(all_gone);
        missing
    }

    /// Notes that what is gone for good was said to the user.
    pub fn say(&mut self, state: &LogState) {
        self.said = self.said.max(state.floor);
        let gone: Vec<u64> = (self.base.max(state.floor)..=state.last_seq)
            .skip(1)
            // Half of the room stays for what comes.
            .take(SCATTERED / 2)
            .filter(|n| state.is_collected(*n))
            .collect();
        self.forgo(state.floor);
        gone.into_iter().for_each(|n| self.note(n));
        self.note(0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn state(last_seq: u64, floor: u64, collected: &[(u64, u64)]) -> LogState {
        LogState { last_seq, floor, collected: collected.to_vec(), version: 1, ..LogState::default() }
    }

    fn reasons(from: u64, to: u64, early: &[(u64, u64)]) -> Reasons {
        Reasons { from, to, early: early.to_vec() }
    }

    #[test]
    fn the_author_says_why_numbers_are_gone_and_holders_know_what_they_collected() {
        let at = |floor, collected: &[(u64, u64)], reasons| LogState { reasons, ..state(12, floor, collected) };
        let check = |at: &LogState, expired, collected| {
            let missing = DeviceLog::default().missing(at);
            assert_eq!(missing, Missing { expired, collected, unreachable: 12 - expired - collected }, "{at:?}");
        };
        check(&at(4, &[], reasons(1, 12, &[(1, 4)])), 0, 4);
        check(&at(4, &[], reasons(1, 12, &[])), 4, 0);
        check(&at(4, &[(6, 9)], reasons(1, 12, &[(2, 3), (8, 9)])), 4, 4);
        // A range may go on above the floor, and speak of what is still there.
        check(&at(4, &[], reasons(1, 12, &[(3, 8)])), 2, 2);
        check(&at(4, &[(5, 8)], reasons(1, 12, &[(3, 6)])), 4, 4);
        // Nothing is said of the first two.
        check(&at(4, &[], reasons(3, 12, &[(4, 4)])), 1, 3);
        check(&LogState { over: 2, ..at(4, &[], reasons(3, 12, &[(4, 4)])) }, 3, 1);
        check(&LogState { over: 12, floor: 12, ..at(4, &[], reasons(1, 12, &[(4, 4)])) }, 11, 1);
        let marked = LogState { marked: BTreeSet::from([2, 11]), ..at(4, &[], reasons(1, 12, &[])) };
        check(&marked, 3, 2);
        let mut late = at(4, &[], reasons(1, 12, &[(1, 4)]));
        late.join(LogState { version: 2, ..at(2, &[], reasons(1, 12, &[(1, 1)])) });
        check(&late, 3, 1);
    }

    #[test]
    fn gaps_are_told_apart() {
        let mut log = DeviceLog::begin(&state(5, 3, &[]));
        assert_eq!(log.missing(&state(5, 3, &[])), Missing { unreachable: 2, ..Missing::default() });
        log.note(5);
        assert_eq!(log.missing(&state(5, 3, &[])), Missing { unreachable: 1, ..Missing::default() });
        let later = LogState { reasons: reasons(1, 10, &[(4, 4), (8, 9)]), ..state(10, 6, &[(8, 9)]) };
        assert_eq!(log.missing(&later), Missing { expired: 1, collected: 3, unreachable: 2 }, "4, 6; 5 is here");
        log.say(&later);
        assert_eq!(log.missing(&later), Missing { unreachable: 2, ..Missing::default() });
        log.note(7);
        log.note(10);
        assert_eq!(log.missing(&later), Missing::default());
    }

    #[test]
    fn a_log_was_received_as_far_as_what_exists_came() {
        let at = state(9, 2, &[(4, 5), (8, 8)]);
        let mut log = DeviceLog::begin(&state(1, 0, &[]));
        assert_eq!(log.reach(&LogState::default()), 0);
        assert_eq!(log.reach(&at), 2);
        log.note(3);
        assert_eq!(log.reach(&at), 5);
        log.note(7);
        let marked = LogState { marked: BTreeSet::from([6]), ..LogState::default() };
        let mut known = at.clone();
        known.join(marked);
        assert_eq!(log.reach(&known), 8);
        assert_eq!(log.missing(&known), Missing { expired: 0, collected: 6, unreachable: 1 });
        log.note(9);
        assert_eq!(log.reach(&known), 9);
        // What the heads collect ahead of their own end counts for nothing.
        assert_eq!(log.reach(&state(9, 2, &[(3, 8), (10, 12)])), 9);
        log.note(10);
        assert_eq!(log.reach(&known), 10);
    }

    #[test]
    fn what_was_gone_before_the_reader_came_is_not_missing() {
        let at = state(9, 2, &[(4, 5), (8, 8)]);
        let mut log = DeviceLog::begin(&at);
        assert_eq!(log.missing(&at), Missing { unreachable: 4, ..Missing::default() });
        log.note(3);
        log.note(11);
        log.forgo(9);
        assert_eq!(log.missing(&at), Missing::default());
        assert_eq!(log.missing(&state(12, 2, &[])), Missing { unreachable: 2, ..Missing::default() });
        log.note(10);
        assert!(log.has(11) && !log.has(12));
    }

    #[test]
    fn numbers_at_the_end_of_their_range_are_numbers_like_others() {
        const END: u64 = u64::MAX;
        let check = |floor: u64, collected: &[(u64, u64)], expected: Missing| {
            let at = LogState { reasons: reasons(1, END, collected), ..state(END, floor, collected) };
            let mut log = DeviceLog::default();
            log.note(END);
            assert_eq!(log.missing(&at), expected);
            log.say(&at);
            log.note(END - 1);
            assert!(log.has(END) && log.has(END - 1));
            let mut late = DeviceLog::begin(&at);
            late.note(END);
            assert_eq!(late.missing(&at).expired, 0);
        };
        check(0, &[], Missing { unreachable: END - 1, ..Missing::default() });
        check(END, &[], Missing { expired: END - 1, ..Missing::default() });
        check(END - 1, &[], Missing { expired: END - 1, ..Missing::default() });
        check(0, &[(1, END)], Missing { collected: END - 1, ..Missing::default() });
        check(3, &[(5, END - 1)], Missing { expired: 3, collected: END - 5, unreachable: 1 });
    }

    #[test]
    fn a_post_beyond_the_heads_does_not_take_back_what_they_say() {
        let mut known = state(5, 1, &[(3, 4)]);
        known.join(LogState { last_seq: 7, ..LogState::default() });
        assert_eq!(known, LogState { last_seq: 7, ..state(5, 1, &[(3, 4)]) });
        known.join(LogState { version: 2, ..state(7, 1, &[(3, 6)]) });
        assert_eq!(known.collected, [(3, 6)]);
    }

    proptest! {
        #[test]
        fn every_number_is_had_or_missing_for_one_reason(
            came in prop::collection::btree_set(1u64..60, 0..60),
            last in 1u64..60,
            floor in 0u64..60,
            start in 0u64..60,
        ) {
            let start = start.min(last);
            let floor = floor.min(last).max(start);
            let mut log = DeviceLog::begin(&state(start, start, &[]));
            let came: Vec<u64> = came.into_iter().filter(|n| *n <= last && *n > start).collect();
            came.iter().rev().for_each(|n| log.note(*n));
            prop_assert!(came.iter().all(|n| log.has(*n)));
            let missing = log.missing(&state(last, floor, &[]));
            prop_assert_eq!(missing.collected + missing.unreachable + came.len() as u64, last - start);
        }
    }
}
