//! Remembering signatures that were found good, for many nodes in one thread that check the same records.
//!
//! Only simulations do this. A real node checks what comes to it, and the proofs it keeps are its memory.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::mem;

use crate::types::{Hash, PublicKey};

/// Signatures remembered in each of two halves; when one is full the older half is forgotten. Some 100 MB at most.
const HALF: usize = 1 << 20;

thread_local! {
    static GOOD: RefCell<Option<Good>> = const { RefCell::new(None) };
}

#[derive(Default)]
struct Good {
    new: BTreeSet<Hash>,
    old: BTreeSet<Hash>,
}

/// While it lives, signatures that were found good on this thread are not computed again.
#[derive(Debug)]
pub struct CheckedOnce(());

impl CheckedOnce {
    /// Begins to remember.
    pub fn begin() -> Self {
        GOOD.with(|good| *good.borrow_mut() = Some(Good::default()));
        Self(())
    }
}

impl Drop for CheckedOnce {
    fn drop(&mut self) {
        GOOD.with(|good| *good.borrow_mut() = None);
    }
}

/// Computes a check, unless the very same was found good before and that is remembered.
pub(super) fn once(key: &PublicKey, message: &[u8], signature: &[u8], check: impl FnOnce() -> bool) -> bool {
    if !remembers() {
        return check();
    }
    let hash = hash_of(key, message, signature);
    if GOOD.with(|good| good.borrow().as_ref().is_some_and(|g| g.new.contains(&hash) || g.old.contains(&hash))) {
        return true;
    }
    let fine = check();
    if fine {
        remember(hash);
    }
    fine
}

/// Remembers a signature that was made here, by the key itself: it is good.
pub(super) fn made(key: impl FnOnce() -> PublicKey, message: &[u8], signature: &[u8]) {
    if remembers() {
        remember(hash_of(&key(), message, signature));
    }
}

fn remembers() -> bool {
    GOOD.with(|good| good.borrow().is_some())
}

fn hash_of(key: &PublicKey, message: &[u8], signature: &[u8]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    // Key and signature have fixed lengths wherever a check can succeed, so no two checks have one hash.
    hasher.update(key.as_bytes()).update(&(signature.len() as u64).to_le_bytes()).update(signature).update(message);
    Hash(*hasher.finalize().as_bytes())
}

fn remember(hash: Hash) {
    GOOD.with(|good| {
        if let Some(good) = &mut *good.borrow_mut() {
            if good.new.len() >= HALF {
                good.old = mem::take(&mut good.new);
            }
            good.new.insert(hash);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{SecretKey, verify};
    use crate::types::{NetworkId, Rng};

    #[test]
    fn only_what_was_good_is_remembered_and_only_while_somebody_wants_it() {
        let key = PublicKey([1; 32]);
        assert!(once(&key, b"m", b"s", || true) && !once(&key, b"m", b"s", || false), "nothing is remembered yet");
        let remembering = CheckedOnce::begin();
        assert!(!once(&key, b"m", b"s", || false));
        assert!(once(&key, b"m", b"s", || true) && once(&key, b"m", b"s", || false));
        assert!(!once(&key, b"n", b"s", || false) && !once(&PublicKey([2; 32]), b"m", b"s", || false));
        drop(remembering);
        assert!(!once(&key, b"m", b"s", || false));
    }

    #[test]
    fn what_was_signed_here_needs_no_check_and_nothing_else_is_taken_for_it() {
        let (key, network) = (SecretKey::generate(&mut Rng::from_seed([1; 32])), NetworkId([3; 32]));
        let remembering = CheckedOnce::begin();
        let signature = key.sign("timeline 1 post", &network, b"hello");
        assert_eq!(GOOD.with(|good| good.borrow().as_ref().map(|good| good.new.len())), Some(1));
        assert!(verify(&key.public(), "timeline 1 post", &network, b"hello", &signature));
        assert!(!verify(&key.public(), "timeline 1 post", &network, b"hallo", &signature));
        drop(remembering);
        assert!(verify(&key.public(), "timeline 1 post", &network, b"hello", &signature));
    }

    #[test]
    fn forged_signatures_stay_forged() {
        let (key, network) = (SecretKey::generate(&mut Rng::from_seed([1; 32])), NetworkId([3; 32]));
        let signature = key.sign("timeline 1 post", &network, b"hello");
        let _remembering = CheckedOnce::begin();
        for _ in 0..2 {
            assert!(verify(&key.public(), "timeline 1 post", &network, b"hello", &signature));
            assert!(!verify(&key.public(), "timeline 1 post", &network, b"hellO", &signature));
            assert!(!verify(&key.public(), "timeline 1 edge", &network, b"hello", &signature));
        }
    }
}
