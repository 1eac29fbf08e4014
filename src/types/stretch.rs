//! Stretches of the table: all places that begin with the same bits.
//!
//! A record's place among all is made of the first 32 bits of its key and the first 32 of its hash: what is kept near one
//! node lies together, and even one crowded key can be divided.

use super::ids::{Hash, Key};

/// Bits of a place that come from the key; the others come from the hash.
const KEY_BITS: u8 = 32;
/// All bits of a place.
const ALL_BITS: u8 = 64;
/// A stretch is divided into as many parts as this many bits tell apart.
const STEP: u8 = 4;

/// Returns the place of a record among all.
pub fn place_of(key: &Key, hash: &Hash) -> u64 {
    u64::from(first_bits(&key.0)) << KEY_BITS | u64::from(first_bits(&hash.0))
}

fn first_bits(bytes: &[u8; 32]) -> u32 {
    let [a, b, c, d, ..] = *bytes;
    u32::from_be_bytes([a, b, c, d])
}

/// All places that begin with some bits; ordered by where they begin, the longer ones first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Stretch {
    start: u64,
    bits: u8,
}

impl Stretch {
    /// Every place there is.
    pub const WHOLE: Self = Self { start: 0, bits: 0 };

    /// Bytes in which a stretch is written.
    pub const BYTES: usize = 9;

    /// Returns the places that share the first `bits` bits with `place`; at most 64 count.
    pub fn around(place: u64, bits: u8) -> Self {
        let bits = bits.min(ALL_BITS);
        Self { start: place & mask(bits), bits }
    }

    /// Returns the places of all keys that share the first `bits` bits with `key`; at most 32 count.
    pub fn around_key(key: &Key, bits: u8) -> Self {
        Self::around(place_of(key, &Hash([0; 32])), bits.min(KEY_BITS))
    }

    /// Writes the number of bits, then the first place as big-endian number.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut out = [self.bits; Self::BYTES];
        out[1..].copy_from_slice(&self.start.to_be_bytes());
        out
    }

    /// Reads what [`Stretch::to_bytes`] wrote; `None` for more than 64 bits, and where a bit is set behind them.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let [bits, start @ ..] = *bytes;
        let start = u64::from_be_bytes(start);
        (bits <= ALL_BITS && start & !mask(bits) == 0).then_some(Self { start, bits })
    }

    /// Returns how many bits the places share.
    pub const fn bits(self) -> u8 {
        self.bits
    }

    /// Tells whether it divides no key: only keys decide what belongs to it.
    pub const fn is_of_keys(self) -> bool {
        self.bits <= KEY_BITS
    }

    /// Returns the first and the last place.
    pub fn ends(self) -> (u64, u64) {
        (self.start, self.start | !mask(self.bits))
    }

    /// Tells whether a place belongs to it.
    pub fn contains(self, place: u64) -> bool {
        place & mask(self.bits) == self.start
    }

    /// Tells whether every place of another one belongs to it.
    pub fn covers(self, other: Self) -> bool {
        self.bits <= other.bits && self.contains(other.start)
    }

    /// Returns the first and the last key of which a record may belong to it.
    pub fn keys(self) -> (Key, Key) {
        let (first, last) = self.ends();
        let key = |place: u64, fill: u8| {
            let mut key = [fill; 32];
            key[..4].copy_from_slice(&((place >> KEY_BITS) as u32).to_be_bytes());
            Key(key)
        };
        (key(first, 0), key(last, u8::MAX))
    }

    /// Returns the two halves, `None` of a single place.
    pub fn halves(self) -> Option<[Self; 2]> {
        let bits = self.bits + 1;
        (bits <= ALL_BITS).then(|| {
            let second = self.start | (1 << (ALL_BITS - bits));
            [Self { bits, ..self }, Self { start: second, bits }]
        })
    }

    /// Returns the parts into which it is divided, up to 16, in order; a single place is its own only part.
    pub fn parts(self) -> Vec<Self> {
        let bits = (self.bits + STEP).min(ALL_BITS);
        let count = 1u64 << (bits - self.bits);
        let width = ALL_BITS - bits;
        (0..count).map(|i| Self { start: self.start | (i << width), bits }).collect()
    }

    /// Puts stretches together where they are the two halves of one, or where one covers the other; in order.
    pub fn merged(mut all: Vec<Self>) -> Vec<Self> {
        all.sort_unstable();
        // Most fall together, and what is left is kept for long.
        let mut out: Vec<Self> = Vec::new();
        for next in all {
            if out.last().is_some_and(|last| last.covers(next)) {
                continue;
            }
            out.push(next);
            while let [.., a, b] = out[..]
                && let Some(whole) = a.whole_with(b)
            {
                out.truncate(out.len() - 2);
                out.push(whole);
            }
        }
        out
    }

    fn whole_with(self, other: Self) -> Option<Self> {
        let bits = self.bits.checked_sub(1)?;
        let whole = Self::around(self.start, bits);
        (whole.halves() == Some([self, other])).then_some(whole)
    }
}

fn mask(bits: u8) -> u64 {
    u64::MAX.checked_shl(u32::from(ALL_BITS - bits)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_place_is_half_key_and_half_hash() {
        let (mut key, mut hash) = ([0; 32], [0; 32]);
        key[..5].copy_from_slice(&[1, 2, 3, 4, 9]);
        hash[..5].copy_from_slice(&[5, 6, 7, 8, 9]);
        let place = place_of(&Key(key), &Hash(hash));
        assert_eq!(place, 0x0102_0304_0506_0708);
        assert_eq!(Stretch::around_key(&Key(key), 16).ends(), (0x0102_0000_0000_0000, 0x0102_ffff_ffff_ffff));
        assert!(Stretch::around_key(&Key(key), 200).is_of_keys() && !Stretch::around(place, 33).is_of_keys());
        assert_eq!(Stretch::WHOLE.ends(), (0, u64::MAX));
        let (first, last) = Stretch::around(place, 12).keys();
        assert_eq!((&first.0[..3], &last.0[..3]), (&[1, 0, 0][..], &[1, 15, 255][..]));
    }

    #[test]
    fn only_bytes_of_a_stretch_are_read() {
        let mut bytes = Stretch::around(u64::MAX, 3).to_bytes();
        assert_eq!(Stretch::from_bytes(&bytes), Some(Stretch::around(u64::MAX, 3)));
        bytes[8] = 1;
        assert_eq!(Stretch::from_bytes(&bytes), None);
        assert_eq!(Stretch::from_bytes(&[65, 0, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(Stretch::from_bytes(&[0; 9]), Some(Stretch::WHOLE));
    }

    proptest! {
        #[test]
        fn every_place_belongs_to_one_part(place: u64, other: u64, bits in 0u8..=64) {
            let stretch = Stretch::around(place, bits);
            prop_assert!(stretch.contains(place) && stretch.covers(stretch));
            let parts = stretch.parts();
            let within = parts.iter().filter(|part| part.contains(place)).count();
            prop_assert_eq!(within, 1);
            prop_assert_eq!(parts.iter().any(|part| part.contains(other)), stretch.contains(other));
            prop_assert!(parts.iter().all(|part| stretch.covers(*part) && part.bits() <= 64));
            prop_assert_eq!(Stretch::from_bytes(&stretch.to_bytes()), Some(stretch));
            let again = Stretch::merged(parts);
            prop_assert_eq!(again, vec![stretch]);
        }

        #[test]
        fn putting_together_changes_no_place(all in prop::collection::vec((any::<u64>(), 0u8..6), 0..12), place: u64) {
            let all: Vec<Stretch> = all.into_iter().map(|(at, bits)| Stretch::around(at, bits)).collect();
            let merged = Stretch::merged(all.clone());
            prop_assert_eq!(all.iter().any(|s| s.contains(place)), merged.iter().any(|s| s.contains(place)));
            prop_assert!(merged.windows(2).all(|w| w[0].ends().1 < w[1].ends().0));
        }
    }
}
