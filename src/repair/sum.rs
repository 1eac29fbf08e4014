//! A sum over a set of records that does not depend on their order, and its short form.

use crate::types::Hash;

/// Bytes of a fingerprint: that two different sets have the same one by chance does not happen.
pub const FINGERPRINT_BYTES: usize = 16;

/// The short form of a sum; all zero of nothing at all.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Fingerprint(pub [u8; FINGERPRINT_BYTES]);

impl Fingerprint {
    /// Tells whether it is that of nothing at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// How many records there are, and the sum of their names modulo 2^256.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sum {
    count: u64,
    /// The lowest part first.
    parts: [u64; 4],
}

impl Sum {
    /// Returns how many records were added.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Adds a record.
    pub fn add(&mut self, name: &Hash) {
        let mut parts = [0; 4];
        for (part, bytes) in parts.iter_mut().zip(name.0.rchunks_exact(8)) {
            *part = bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        }
        *self = self.plus(&Self { count: 1, parts });
    }

    /// Returns the sum of both.
    pub fn plus(&self, other: &Self) -> Self {
        let mut carry = false;
        let mut parts = [0; 4];
        for (i, part) in parts.iter_mut().enumerate() {
            let (sum, over) = self.parts[i].overflowing_add(other.parts[i]);
            let (sum, again) = sum.overflowing_add(u64::from(carry));
            (*part, carry) = (sum, over || again);
        }
        Self { count: self.count.wrapping_add(other.count), parts }
    }

    /// Returns what is left without the other, which was added before.
    pub fn minus(&self, other: &Self) -> Self {
        let mut borrow = false;
        let mut parts = [0; 4];
        for (i, part) in parts.iter_mut().enumerate() {
            let (left, under) = self.parts[i].overflowing_sub(other.parts[i]);
            let (left, again) = left.overflowing_sub(u64::from(borrow));
            (*part, borrow) = (left, under || again);
        }
        Self { count: self.count.wrapping_sub(other.count), parts }
    }

    /// Returns the short form: of BLAKE3 over count and sum, both as big-endian numbers, the first 16 bytes.
    pub fn fingerprint(&self) -> Fingerprint {
        if self.count == 0 {
            return Fingerprint::default();
        }
        let mut bytes = [0; 8 + 32];
        let numbers = [self.count].into_iter().chain(self.parts.iter().rev().copied());
        bytes.chunks_exact_mut(8).zip(numbers).for_each(|(into, number)| into.copy_from_slice(&number.to_be_bytes()));
        let mut out = [0; FINGERPRINT_BYTES];
        out.copy_from_slice(&crate::keys::hash(&bytes).0[..FINGERPRINT_BYTES]);
        Fingerprint(out)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(hashes: &[[u8; 32]]) -> Sum {
        hashes.iter().fold(Sum::default(), |mut sum, hash| {
            sum.add(&Hash(*hash));
            sum
        })
    }

    #[test]
    fn sums_carry_over_all_parts() {
        let (all, mut one) = ([0xff; 32], [0; 32]);
        one[31] = 1;
        assert_eq!(sum(&[all, one]).parts, [0; 4]);
        assert_eq!(sum(&[all, one]).count(), 2);
        assert_ne!(sum(&[all, one]).fingerprint(), Fingerprint::default(), "not nothing at all");
        assert!(Sum::default().fingerprint().is_empty());
    }

    proptest! {
        #[test]
        fn order_does_not_matter_and_what_was_added_can_be_taken_away(
            a in prop::collection::vec(any::<[u8; 32]>(), 0..20),
            b in prop::collection::vec(any::<[u8; 32]>(), 0..20),
        ) {
            let both = [&a[..], &b].concat();
            let mut turned = both.clone();
            turned.reverse();
            prop_assert_eq!(sum(&both), sum(&turned));
            prop_assert_eq!(sum(&both), sum(&a).plus(&sum(&b)));
            prop_assert_eq!(sum(&both).minus(&sum(&a)), sum(&b));
            prop_assert_eq!(sum(&a).fingerprint() == sum(&b).fingerprint(), sum(&a) == sum(&b));
        }
    }
}
