//! Somebody whose posts the feed shows, as kept in memory: where the reading stands, and what is missing.

use std::collections::{BTreeMap, BTreeSet};

use super::followee::Followee;
use super::messages::MissingPosts;
use super::pace::Pace;
use super::unshown::Unshown;
use crate::actors::seen::Progress;
use crate::records::{PostBody, Signed, TombstoneBody};
use crate::timeline::{DeviceLog, LogState, Missing};
use crate::types::{DeviceId, Username};

/// An author, and where the reading of it stands.
pub struct Author {
    /// What is kept on disk.
    pub followee: Followee,
    /// How far its devices say their logs go.
    pub logs: BTreeMap<DeviceId, LogState>,
    /// Whether the last reading found enough holders.
    pub complete: bool,
    /// When its home is looked at.
    pub pace: Pace,
    /// What watchers were told to be missing.
    told: Vec<MissingPosts>,
}

impl Author {
    /// Starts with what is on disk.
    pub fn new(followee: Followee) -> Self {
        Self { followee, logs: BTreeMap::new(), complete: true, pace: Pace::new(), told: Vec::new() }
    }

    /// Notes a post that came; false when it was noted before.
    ///
    /// The first sign of a log proves numbers. Before the home was read once, what lies below it is told by the heads; a
    /// device that shows itself later began after the follow, and all of its posts are to come.
    pub fn note(&mut self, device: DeviceId, seq: u64) -> bool {
        let met = self.followee.met;
        let log = self.followee.logs.entry(device).or_insert_with(|| match met {
            true => DeviceLog::default(),
            false => DeviceLog::begin(&LogState { floor: seq.saturating_sub(1), last_seq: seq, ..LogState::default() }),
        });
        let news = !log.has(seq);
        log.note(seq);
        news
    }

    /// Takes what the home says of the logs. What is not there when it is first read in full was gone before the follow.
    pub fn learn(&mut self, logs: Vec<(DeviceId, LogState)>) {
        for (device, state) in logs {
            let held = self.logs.entry(device).or_default();
            held.join(state);
            let met = self.followee.met;
            self.followee.logs.entry(device).or_insert_with(|| match met {
                true => DeviceLog::default(),
                false => DeviceLog::begin(held),
            });
        }
    }

    /// Notes that the home was read in full; whatever of its logs is not here by now is not missed.
    pub fn meet(&mut self) {
        if self.followee.met {
            return;
        }
        self.followee.met = true;
        for (device, state) in &self.logs {
            if let Some(log) = self.followee.logs.get_mut(device) {
                log.forgo(state.last_seq);
            }
        }
    }

    /// Forgets what came, as of somebody whose posts were dropped: when they are wanted again, all are.
    pub fn restart(&mut self) {
        *self = Self::new(self.followee.afresh());
    }

    /// Notes that the user has been told what is gone for good; true when that changed anything.
    pub fn say(&mut self) -> bool {
        let before = (self.followee.logs.clone(), std::mem::take(&mut self.followee.read_and_gone));
        for (device, state) in &self.logs {
            if let Some(log) = self.followee.logs.get_mut(device) {
                log.say(state);
            }
        }
        before != (self.followee.logs.clone(), 0)
    }

    /// Returns for each log of a home that was read how far it was received, and how far it was shown.
    pub fn progress(&self, unshown: &Unshown) -> Vec<Progress> {
        let logs = self.followee.logs.iter().filter(|_| self.followee.met);
        let progress = logs.map(|(device, log)| {
            let received = log.reach(self.logs.get(device).unwrap_or(&LogState::default()));
            let first = unshown.first(device).map_or(received, |first| first.saturating_sub(1));
            Progress { author: self.followee.account, log: *device, received, seen: received.min(first) }
        });
        progress.filter(|p| p.received > 0).collect()
    }

    /// Returns what is missing of this author's logs, by reason.
    pub fn missing(&self) -> Vec<MissingPosts> {
        let mut sum = Missing::default();
        for (device, state) in &self.logs {
            let missing = self.followee.logs.get(device).map(|log| log.missing(state)).unwrap_or_default();
            sum.expired = sum.expired.saturating_add(missing.expired);
            sum.collected = sum.collected.saturating_add(missing.collected);
            sum.unreachable = sum.unreachable.saturating_add(missing.unreachable);
        }
        by_reason(&self.followee.username, sum)
    }

    /// Returns what is missing and watchers were not told yet.
    pub fn news(&mut self) -> Vec<MissingPosts> {
        let missing = self.missing();
        let told = |m: &MissingPosts| self.told.iter().any(|t| t.reason == m.reason && t.count >= m.count);
        let news = missing.iter().filter(|m| !told(m)).cloned().collect();
        self.told = missing;
        news
    }
}

/// Counts the posts that were seen elsewhere and are not in the network any more; those that were deleted do not count.
pub fn read_and_gone(
    seen: &[(DeviceId, u64)],
    posts: &[Signed<PostBody>],
    tombstones: &[Signed<TombstoneBody>],
) -> u64 {
    let gone = |(device, up_to): &(DeviceId, u64)| {
        let posts = posts.iter().map(|p| (&p.body.device, p.body.seq));
        let deleted = tombstones.iter().map(|t| (&t.body.of, t.body.seq));
        let there: BTreeSet<u64> =
            posts.chain(deleted).filter(|(d, seq)| *d == device && seq <= up_to).map(|(_, seq)| seq).collect();
        up_to.saturating_sub(there.len() as u64)
    };
    seen.iter().map(gone).fold(0, u64::saturating_add)
}

fn by_reason(author: &Username, missing: Missing) -> Vec<MissingPosts> {
    let sums = [("expired", missing.expired), ("collected", missing.collected), ("unreachable", missing.unreachable)];
    let some = sums.into_iter().filter(|(_, count)| *count > 0);
    some.map(|(reason, count)| MissingPosts { author: author.clone(), count, reason }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::fixtures::TestNet;
    use crate::types::{AccountId, Hlc, WallTime};

    const DEVICE: DeviceId = DeviceId([1; 32]);
    const LATER: DeviceId = DeviceId([2; 32]);

    fn author() -> Author {
        let name = "alice".parse().expect("a name");
        Author::new(Followee::new(AccountId([3; 32]), name, WallTime(0), Hlc::default()))
    }

    fn at(last_seq: u64, floor: u64) -> LogState {
        LogState { last_seq, floor, version: last_seq, ..LogState::default() }
    }

    fn counts(author: &Author) -> Vec<(u64, &'static str)> {
        author.missing().into_iter().map(|m| (m.count, m.reason)).collect()
    }

    #[test]
    fn what_was_gone_before_the_first_full_reading_is_not_missing_and_what_came_after_is() {
        let mut author = author();
        author.learn(vec![(DEVICE, at(5, 1))]);
        assert!(author.note(DEVICE, 4) && !author.note(DEVICE, 4));
        assert_eq!(counts(&author), [(3, "unreachable")], "while too few holders answered");
        author.meet();
        assert_eq!(counts(&author), []);
        author.learn(vec![(DEVICE, at(8, 6)), (LATER, at(2, 1))]);
        assert_eq!(counts(&author), [(2, "collected"), (3, "unreachable")], "6, and 1 of a device that began later");
        assert!(author.say() && !author.say(), "what is gone for good is said once");
        assert_eq!(counts(&author), [(3, "unreachable")]);
        author.restart();
        assert_eq!((counts(&author), author.followee.met), (vec![], false));
    }

    #[test]
    fn watchers_hear_of_more_that_is_missing_and_not_of_less() {
        let mut author = author();
        author.followee.met = true;
        author.learn(vec![(DEVICE, at(3, 0))]);
        let news = |author: &mut Author| author.news().into_iter().map(|m| m.count).collect::<Vec<_>>();
        assert_eq!(news(&mut author), [3]);
        author.note(DEVICE, 2);
        assert_eq!(news(&mut author), [] as [u64; 0]);
        author.learn(vec![(DEVICE, at(5, 0))]);
        assert_eq!(news(&mut author), [4]);
        assert_eq!(news(&mut author), [] as [u64; 0]);
    }

    #[test]
    fn posts_seen_elsewhere_that_are_gone_are_counted_and_deleted_ones_are_not() {
        let net = TestNet::new("author", 1);
        let device = net.account("alice").device(&net, "1");
        let posts = device.posts(6);
        let deleted = [device.tombstone(&posts[1], 9)];
        let seen = [(device.id(), 5), (LATER, 2)];
        // 3 to 6 are there and 2 was deleted: gone are 1, and both of a device that left nothing.
        assert_eq!(read_and_gone(&seen, &posts[2..], &deleted), 3);
        assert_eq!(read_and_gone(&[], &posts, &[]), 0);
    }
}
