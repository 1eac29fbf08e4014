//! Passwords: how strong one is, and what it costs to try one (Argon2id, RFC 9106).

use argon2::{Algorithm, Argon2, Params, Version};
use diceware_wordlists::Wordlist;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::types::Rng;

/// Cost parameters outside what this program accepts; a hostile bundle could otherwise be a memory bomb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the password's cost parameters are outside the allowed range")]
pub struct CostError;

/// Argon2id parameters of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PasswordCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

const MIB: u32 = 1024;

impl PasswordCost {
    /// Returns what new bundles use: 256 MiB and three passes, or 8 MiB and one in a test network.
    pub const fn standard(test: bool) -> Self {
        if test {
            Self { memory_kib: 8 * MIB, passes: 1, lanes: 1 }
        } else {
            Self { memory_kib: 256 * MIB, passes: 3, lanes: 1 }
        }
    }

    /// Checks the floor (64 MiB; 8 MiB in a test network) and the ceiling (1 GiB, ten passes, four lanes).
    pub fn check(&self, test: bool) -> Result<(), CostError> {
        let floor = if test { 8 * MIB } else { 64 * MIB };
        let fine = (floor..=1024 * MIB).contains(&self.memory_kib)
            && (1..=10).contains(&self.passes)
            && (1..=4).contains(&self.lanes);
        fine.then_some(()).ok_or(CostError)
    }

    /// Derives a key; takes about a second and `memory_kib` of memory. Call [`PasswordCost::check`] first.
    pub fn derive(&self, password: &str, salt: &[u8; 16]) -> Result<Zeroizing<[u8; 32]>, CostError> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).map_err(|_| CostError)?;
        let mut out = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(password.as_bytes(), salt, out.as_mut())
            .map_err(|_| CostError)?;
        Ok(out)
    }
}

/// What a guesser is up against.
#[derive(Clone, Debug, PartialEq)]
pub struct Strength {
    /// log2 of the estimated guesses.
    pub bits: f64,
    /// What makes the password weak, in words, where something does.
    pub weakness: Option<String>,
}

/// The longest password that is looked at, in bytes: estimation takes time that grows with the square of it.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// Draws a phrase of six words out of 7,776, which takes 2^77 guesses.
pub fn phrase(rng: &mut Rng) -> String {
    let words = Wordlist::EffLong.get_list();
    let drawn = (0..6).filter_map(|_| words.get(rng.below(words.len() as u64) as usize).copied());
    drawn.collect::<Vec<_>>().join(" ")
}

/// Estimates how many guesses a password withstands, knowing the username.
pub fn strength(password: &str, username: &str) -> Strength {
    // Beyond 72 characters more length can only help, and estimating would only take longer.
    let head: String = password.chars().take(72).collect();
    let estimate = zxcvbn::zxcvbn(&head, &[username, "timeline"]);
    let weakness = estimate.feedback().and_then(|f| f.warning()).map(|w| w.to_string());
    Strength { bits: estimate.guesses_log10() * std::f64::consts::LOG2_10, weakness }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_outside_the_range_are_refused() {
        let check = |memory_kib, passes, lanes, test, fine: bool| {
            assert_eq!(
                PasswordCost { memory_kib, passes, lanes }.check(test).is_ok(),
                fine,
                "{memory_kib} {passes} {lanes}"
            );
        };
        check(256 * MIB, 3, 1, false, true);
        check(8 * MIB, 1, 1, false, false);
        check(8 * MIB, 1, 1, true, true);
        check(2048 * MIB, 1, 1, true, false);
        check(64 * MIB, 11, 1, false, false);
        check(64 * MIB, 0, 1, false, false);
        check(64 * MIB, 1, 0, false, false);
        check(64 * MIB, 1, 200, false, false);
    }

    #[test]
    fn a_drawn_phrase_is_strong_enough_for_every_network() {
        let (mut rng, mut drawn) = (Rng::from_seed([5; 32]), std::collections::BTreeSet::new());
        for _ in 0..20 {
            let phrase = phrase(&mut rng);
            assert!(strength(&phrase, "alice").bits >= 40.0, "{phrase}");
            assert!(drawn.insert(phrase));
        }
    }

    #[test]
    fn common_passwords_are_weak_and_word_phrases_strong() {
        assert!(strength("password", "alice").bits < 20.0);
        assert!(strength("alice123", "alice").bits < 20.0);
        assert!(strength("velvet otter canyon marble drift sonnet", "alice").bits > 40.0);
    }

    #[test]
    fn the_same_password_and_salt_give_the_same_key() {
        let cost = PasswordCost::standard(true);
        let key = cost.derive("a password", &[1; 16]).expect("allowed cost");
        assert_eq!(*key, *cost.derive("a password", &[1; 16]).expect("allowed cost"));
        assert_ne!(*key, *cost.derive("a password", &[2; 16]).expect("allowed cost"));
    }
}
