//! How far logs were shown, on whatever device of the account.

use std::collections::BTreeMap;

use serde_bytes::ByteBuf;

use crate::types::DeviceId;

/// As much of a device's id as tells it from every other one.
const TAG_BYTES: usize = 16;
/// Most logs remembered: those of all that an account may follow, four devices each.
const MOST: usize = 20_000;
/// Most logs in a list: so many fit into one private record, however large their numbers.
const LISTED: usize = 500;

/// For logs the number up to which everything that exists was shown; numbers never fall.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Positions(BTreeMap<[u8; TAG_BYTES], u64>);

impl Positions {
    /// Reads a list; what is no log is passed over.
    pub fn read(list: &[(ByteBuf, u64)]) -> Self {
        let tags = list.iter().filter_map(|(tag, n)| Some((<[u8; TAG_BYTES]>::try_from(tag.as_slice()).ok()?, *n)));
        Self(tags.take(MOST).collect())
    }

    /// Returns all as a list.
    pub fn list(&self) -> Vec<(ByteBuf, u64)> {
        self.0.iter().map(|(tag, n)| (ByteBuf::from(tag.to_vec()), *n)).collect()
    }

    /// Raises the number of one log; tells whether that changed anything.
    pub fn raise(&mut self, log: &DeviceId, shown: u64) -> bool {
        self.raise_tag(tag(log), shown)
    }

    /// Raises all numbers to those of another one; tells whether that changed anything.
    pub fn join(&mut self, other: &Self) -> bool {
        other.0.iter().fold(false, |changed, (tag, n)| self.raise_tag(*tag, *n) || changed)
    }

    fn raise_tag(&mut self, tag: [u8; TAG_BYTES], shown: u64) -> bool {
        let known = self.0.get(&tag).copied().unwrap_or(0);
        let raised = shown > known && (known > 0 || self.0.len() < MOST);
        if raised {
            self.0.insert(tag, shown);
        }
        raised
    }

    /// Tells whether a post was shown.
    pub fn covers(&self, log: &DeviceId, seq: u64) -> bool {
        self.0.get(&tag(log)).is_some_and(|shown| seq <= *shown)
    }

    /// Returns as many as fit into one record, those that `first` has before others.
    pub fn cut(&self, first: &Self) -> Self {
        let (some, others): (Vec<_>, Vec<_>) = self.0.iter().partition(|(tag, _)| first.0.contains_key(*tag));
        Self(some.into_iter().chain(others).take(LISTED).map(|(tag, n)| (*tag, *n)).collect())
    }
}

fn tag(log: &DeviceId) -> [u8; TAG_BYTES] {
    let mut tag = [0; TAG_BYTES];
    tag.copy_from_slice(&log.0[..TAG_BYTES]);
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(n: u16) -> DeviceId {
        let mut id = [0; 32];
        id[..2].copy_from_slice(&n.to_be_bytes());
        DeviceId(id)
    }

    #[test]
    fn numbers_only_rise_and_come_back_from_a_list() {
        let (mut here, mut there) = (Positions::default(), Positions::default());
        assert!(
            here.raise(&log(1), 4) && !here.raise(&log(1), 4) && !here.raise(&log(1), 3) && !here.raise(&log(2), 0)
        );
        assert!(there.raise(&log(1), 2) && there.raise(&log(2), 7));
        assert!(here.join(&there) && !here.join(&there));
        assert!(
            here.covers(&log(1), 4) && !here.covers(&log(1), 5) && here.covers(&log(2), 7) && !here.covers(&log(3), 1)
        );
        assert_eq!(Positions::read(&here.list()), here);
        let short = [(ByteBuf::from(vec![1; 15]), 9)];
        assert_eq!(Positions::read(&short), Positions::default());
    }

    #[test]
    fn what_is_listed_has_a_bound_and_those_that_are_followed_come_first() {
        let (mut all, mut followed) = (Positions::default(), Positions::default());
        assert!((1..=600).all(|n| all.raise(&log(n), u64::MAX)));
        followed.raise(&log(600), 3);
        let cut = all.cut(&followed);
        assert_eq!(cut.list().len(), LISTED);
        assert!(cut.covers(&log(600), 9) && cut.covers(&log(1), 9) && !cut.covers(&log(599), 9));
    }
}
