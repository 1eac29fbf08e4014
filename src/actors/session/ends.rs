//! Which numbers of the own log are gone: not those whose posts this disk has merely lost, as others may have them still.
//!
//! A number is gone when its post is not here and something says why: its end has passed, this node has collected it, it was
//! deleted, or heads have said so before. The ends lie beside the session and outlive the posts.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::state::Session;
use crate::actors::context::Context;
use crate::actors::gc::marks_at;
use crate::records::{PostBody, Record, Signed, home};
use crate::seam::{Op, Space, Store};
use crate::timeline::joined;
use crate::types::{Hash, MAX_TTL, Section, SectionSet, WallTime};

/// Most own posts looked at: as many as an hour's limit gives in a month would be 216,000; ended ones are not stored.
pub const OWN_POSTS: usize = 10_000;
/// Of each post, beside the session: its end, as 64-bit big-endian number of milliseconds.
const PREFIX: &[u8] = b"ends ";

fn key(seq: u64) -> Bytes {
    [PREFIX, &seq.to_be_bytes()].concat().into()
}

/// Returns the change that keeps the end of a post.
pub fn keep_end(post: &PostBody) -> Op {
    Op::SetLocal(Space::Session, key(post.seq), Bytes::copy_from_slice(&post.expires_at().0.to_be_bytes()))
}

/// Returns the changes that forget the ends up to a number, some at a time.
pub fn forget_ends(store: &dyn Store, floor: u64) -> Vec<Op> {
    let rows = store.local(Space::Session, PREFIX, None, OWN_POSTS).unwrap_or_default();
    let below = rows.into_iter().take_while(|(at, _)| *at <= key(floor));
    below.map(|(at, _)| Op::DropLocal(Space::Session, at)).collect()
}

fn kept_ends(store: &dyn Store, floor: u64) -> BTreeMap<u64, WallTime> {
    let number = |bytes: &[u8]| Some(u64::from_be_bytes(bytes.try_into().ok()?));
    let rows = store.local(Space::Session, PREFIX, Some(&key(floor)), OWN_POSTS).unwrap_or_default();
    let read = |(at, end): &(Bytes, Bytes)| Some((number(at.get(PREFIX.len()..)?)?, WallTime(number(end)?)));
    rows.iter().filter_map(read).collect()
}

/// What is known of the own log above its floor.
#[derive(Default)]
pub struct OwnLog {
    /// Numbers above this one were not looked at.
    upto: u64,
    /// Numbers of posts that are here and have not ended.
    there: BTreeSet<u64>,
    /// Numbers that were deleted or collected.
    taken: BTreeSet<u64>,
    /// What heads have called gone before.
    said: Vec<(u64, u64)>,
    ends: BTreeMap<u64, WallTime>,
    /// Posts whose end was not kept, as they came from others.
    unkept: Vec<Op>,
}

impl OwnLog {
    /// Reads what is here; `None` when the disk fails.
    pub fn read(node: &Context, session: &Session) -> Option<Self> {
        let (device, at, floor) = (session.device_id(), home(&session.account), session.floor);
        // Slots of posts are the device and the number.
        let slot = [&device.0[..], &floor.saturating_add(1).to_be_bytes()].concat().into();
        let before = (Section::Post, slot, Hash([0; 32]));
        let sections = SectionSet::of(&[Section::Post]);
        let stored = node.store.read(&at, sections, Some(&before), OWN_POSTS, node.horizon()).ok()?;
        let window = floor.saturating_add(OWN_POSTS as u64).min(session.last_seq);
        let mut log = Self { upto: window, said: session.ended.clone(), ..Self::default() };
        log.ends = kept_ends(&*node.store, floor);
        let cut = stored.len() >= OWN_POSTS;
        for row in stored.into_iter().take_while(|row| row.slot.starts_with(&device.0)) {
            match Record::decode(row.bytes) {
                Ok(Record::Post(post)) => {
                    log.see(&post);
                    log.upto = if cut { window.min(post.body.seq) } else { window };
                }
                Ok(Record::Tombstone(tombstone)) => {
                    log.taken.insert(tombstone.body.seq);
                }
                _ => {}
            }
        }
        let marks = marks_at(node, &at, usize::MAX).into_iter();
        log.taken.extend(marks.filter(|mark| mark.device == device).map(|mark| mark.seq));
        Some(log)
    }

    fn see(&mut self, post: &Signed<PostBody>) {
        self.there.insert(post.body.seq);
        if !self.ends.contains_key(&post.body.seq) {
            self.unkept.push(keep_end(&post.body));
        }
    }

    /// Takes the changes that keep the ends of what came from others.
    pub fn unkept(&mut self) -> Vec<Op> {
        std::mem::take(&mut self.unkept)
    }

    /// Returns up to which number all posts are gone, and ranges of gone ones above that: what was said before stays said,
    /// then the first ones.
    pub fn gone(&self, floor: u64, now: WallTime) -> (u64, Vec<(u64, u64)>) {
        let gone = (floor.saturating_add(1)..=self.upto).filter(|n| self.is_gone(*n, now));
        let mut ranges = joined(gone.map(|n| (n, n)));
        let joins = ranges.first().is_some_and(|(first, _)| *first == floor + 1);
        let floor = if joins { ranges.remove(0).1 } else { floor };
        let is_new = |(first, last): &(u64, u64)| !self.said.iter().any(|(a, b)| a <= last && first <= b);
        ranges.sort_by_key(|range| (is_new(range), *range));
        ranges.truncate(MAX_RANGES);
        ranges.sort_unstable();
        (floor, ranges)
    }

    fn is_gone(&self, n: u64, now: WallTime) -> bool {
        let said = || self.said.iter().any(|(first, last)| (*first..=*last).contains(&n));
        let ended = || match self.ends.range(n..).next() {
            Some((at, end)) if *at == n => *end <= now,
            // What was made before it cannot live longer than any post may.
            Some((_, end)) => end.plus(MAX_TTL) <= now,
            None => false,
        };
        !self.there.contains(&n) && (self.taken.contains(&n) || said() || ended())
    }
}

/// The most ranges that heads list.
const MAX_RANGES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallTime = WallTime(100 * 24 * 3600 * 1000);

    /// A log of so many numbers, each with an end that has passed or not; `0` for one whose end is not known.
    fn log(ends: &[i64], there: &[u64]) -> OwnLog {
        let known = (1u64..).zip(ends).filter(|(_, end)| **end != 0);
        let ends = known.map(|(n, end)| (n, WallTime(NOW.0.saturating_add_signed(*end)))).collect();
        OwnLog { upto: 9, there: there.iter().copied().collect(), ends, ..OwnLog::default() }
    }

    #[test]
    fn what_has_ended_is_the_floor_and_ranges_above_it() {
        let check = |ends: &[i64], there: &[u64], expected: (u64, Vec<(u64, u64)>)| {
            let log = OwnLog { upto: ends.len() as u64, ..log(ends, there) };
            assert_eq!(log.gone(0, NOW), expected, "{ends:?} {there:?}");
        };
        check(&[9, 9, 9], &[1, 2, 3], (0, vec![]));
        check(&[-1, -1, 0], &[3], (2, vec![]));
        check(&[-1, -1, 9, -1, -1, 9, 9, -1, -1], &[3, 6, 7], (2, vec![(4, 5), (8, 9)]));
        check(&[], &[], (0, vec![]));
        let every_second: Vec<i64> = (0..100).map(|n| if n % 2 == 0 { 9 } else { -1 }).collect();
        let (floor, ranges) = OwnLog { upto: 100, ..log(&every_second, &[]) }.gone(0, NOW);
        assert_eq!((floor, ranges.len(), ranges[0]), (0, MAX_RANGES, (2, 2)));
        let late = OwnLog { upto: 100, said: vec![(90, 90)], ..log(&every_second, &[]) };
        let (_, ranges) = late.gone(0, NOW);
        assert_eq!((ranges.len(), ranges[0], ranges[15]), (MAX_RANGES, (2, 2), (90, 90)), "no word is taken back");
        assert_eq!(log(&[-1, -1, -1, -1], &[]).gone(2, NOW), (4, vec![]));
    }

    #[test]
    fn what_is_merely_not_here_is_not_gone() {
        let month = MAX_TTL.as_millis() as i64;
        assert_eq!(log(&[9, 9, 9], &[1, 3]).gone(0, NOW), (0, vec![]), "lost, and not at its end");
        assert_eq!(log(&[9, 0, 9], &[1, 3]).gone(0, NOW), (0, vec![]), "nobody knows its end");
        assert_eq!(log(&[-9, 0, -9], &[]).gone(0, NOW), (1, vec![(3, 3)]));
        assert_eq!(log(&[-9, 0, -month], &[]).gone(0, NOW), (3, vec![]), "so old that it must have ended");
        let explained = OwnLog { taken: BTreeSet::from([2]), said: vec![(4, 5)], ..log(&[9, 9, 9, 9, 9, 9], &[1, 3]) };
        assert_eq!(explained.gone(0, NOW), (0, vec![(2, 2), (4, 5)]));
        let there = OwnLog { there: BTreeSet::from([2]), ..explained };
        assert_eq!(there.gone(0, NOW), (0, vec![(4, 5)]), "what is here is not gone, whatever was said");
    }
}
