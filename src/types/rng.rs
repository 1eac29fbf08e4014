//! Randomness that can be forked: BLAKE3 in XOF mode over a seed and a path of labels.

use std::fmt;

/// A cryptographic random stream. The same seed gives the same stream, so a simulation repeats itself.
pub struct Rng {
    seed: [u8; 32],
    stream: blake3::OutputReader,
}

impl Rng {
    /// Starts the stream that belongs to `seed`; in production the seed comes from the operating system.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let stream = blake3::Hasher::new_derive_key("timeline rng stream").update(&seed).finalize_xof();
        Self { seed, stream }
    }

    /// Returns an independent stream for `label`; forking does not advance this stream.
    pub fn fork(&self, label: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("timeline rng fork");
        hasher.update(&self.seed).update(label.as_bytes());
        Self::from_seed(*hasher.finalize().as_bytes())
    }

    /// Fills `out` with random bytes.
    pub fn fill(&mut self, out: &mut [u8]) {
        self.stream.fill(out);
    }

    /// Returns `N` random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// Returns a random number below `bound`; a bound of zero gives zero. The bias is below 2^-32 for bounds that fit 32 bits.
    pub fn below(&mut self, bound: u64) -> u64 {
        let word = u64::from_le_bytes(self.bytes());
        ((u128::from(word) * u128::from(bound)) >> 64) as u64
    }
}

impl fmt::Debug for Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rng(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forks_repeat_and_differ() {
        let a = Rng::from_seed([1; 32]);
        assert_eq!(a.fork("feed").bytes::<16>(), Rng::from_seed([1; 32]).fork("feed").bytes::<16>());
        assert_ne!(a.fork("feed").bytes::<16>(), a.fork("gc").bytes::<16>());
    }

    #[test]
    fn below_stays_below_its_bound() {
        let mut rng = Rng::from_seed([2; 32]);
        assert!((0..1000).all(|_| rng.below(7) < 7));
        assert_eq!(rng.below(0), 0);
    }
}
