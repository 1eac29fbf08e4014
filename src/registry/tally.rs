//! How a claimant counts what the registrars say about its claim.

use std::collections::BTreeMap;

use crate::records::Final;
use crate::types::{Hash, PublicKey};

/// Where a claim stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A quorum signed: these FINALs are the certificate.
    Certified(Vec<Final>),
    /// A quorum signed for another claim of the name.
    Taken,
    /// So many registrars are bound to other claims that this one cannot reach a quorum, and none of those has.
    Contested,
    /// Registrars that could still decide were not reached.
    Pending {
        /// FINALs so far.
        signed: usize,
        /// FINALs needed.
        quorum: usize,
        /// Registrars that answered at all.
        reached: usize,
    },
}

/// Answers of registrars to one claim. A registrar's later answer replaces its earlier one.
#[derive(Debug)]
pub struct Tally {
    registrars: usize,
    quorum: usize,
    ours: BTreeMap<PublicKey, Final>,
    others: BTreeMap<PublicKey, Hash>,
}

impl Tally {
    /// Starts a count among `registrars`, of whom `quorum` must sign.
    pub fn new(registrars: usize, quorum: usize) -> Self {
        Self { registrars, quorum, ours: BTreeMap::new(), others: BTreeMap::new() }
    }

    /// Takes a FINAL for our claim, verified by the caller.
    pub fn signed(&mut self, signed: Final) {
        self.others.remove(&signed.registrar);
        self.ours.insert(signed.registrar, signed);
    }

    /// Takes the proof, verified by the caller, that a registrar is bound to another record.
    pub fn bound_to(&mut self, registrar: PublicKey, other: Hash) {
        if !self.ours.contains_key(&registrar) {
            self.others.insert(registrar, other);
        }
    }

    /// Tells whether this registrar has answered.
    pub fn has(&self, registrar: &PublicKey) -> bool {
        self.ours.contains_key(registrar) || self.others.contains_key(registrar)
    }

    /// Returns where the claim stands.
    pub fn verdict(&self) -> Verdict {
        if self.ours.len() >= self.quorum {
            return Verdict::Certified(self.ours.values().take(self.quorum).cloned().collect());
        }
        let mut votes: BTreeMap<Hash, usize> = BTreeMap::new();
        for other in self.others.values() {
            *votes.entry(*other).or_default() += 1;
        }
        if votes.values().any(|n| *n >= self.quorum) {
            return Verdict::Taken;
        }
        if !self.others.is_empty() && self.registrars.saturating_sub(self.others.len()) < self.quorum {
            // Another claim may still win what is open; until it has, nobody owns the name.
            return Verdict::Contested;
        }
        Verdict::Pending { signed: self.ours.len(), quorum: self.quorum, reached: self.ours.len() + self.others.len() }
    }
}
