//! What is proved of accounts and their devices: in memory, and where that has forgotten it, in the store.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::Context;
use crate::actors::storage::kept_proofs;
use crate::records::{ProofError, ProofNeed, Proofs, Record, home, name_key};
use crate::types::{AccountId, Hash, Section, SectionSet};

impl Context {
    /// Verifies a record with what is known here: in memory, or in the store.
    ///
    /// # Errors
    /// [`ProofError::Needed`] when the account or device is not known here.
    pub fn verify(&self, record: &Record) -> Result<(), ProofError> {
        match self.judge(record) {
            Err(ProofError::Needed) => {}
            done => return done,
        }
        self.recall(&record.need());
        self.judge(record)
    }

    fn judge(&self, record: &Record) -> Result<(), ProofError> {
        let mut known = self.proofs.borrow_mut();
        let verdict = known.verify(record, &self.network);
        if known.has_voiding() {
            self.voiding.notify_one();
        }
        verdict
    }

    /// Learns account chains, device certificates and retirements; what does not hold is passed over.
    pub fn learn(&self, proofs: &[Record]) {
        let accounts = proofs.iter().filter(|r| matches!(r, Record::Account(_)));
        let devices = proofs.iter().filter(|r| matches!(r, Record::Device(_)));
        let retirements = proofs.iter().filter(|r| matches!(r, Record::Retirement(_)));
        for record in accounts.chain(devices).chain(retirements) {
            if let Err(error) = self.judge(record) {
                tracing::debug!(%error, "a proof does not hold");
            }
        }
    }

    /// Returns the records that prove what is needed, from memory or the store; empty when they are not here.
    pub fn evidence(&self, need: &ProofNeed) -> Vec<Bytes> {
        let known = self.proofs.borrow().evidence(need);
        if known.is_empty() && *need != ProofNeed::Nothing {
            self.recall(need);
            return self.proofs.borrow().evidence(need);
        }
        known
    }

    /// Tells whether a record is void by what is known here, in memory or in the store: a later state of its account took
    /// back the right to sign it.
    pub fn is_void(&self, record: &Record) -> bool {
        let judge = || self.proofs.borrow().is_void(record);
        let known = judge();
        if known.is_none() {
            self.recall(&record.need());
        }
        known.or_else(judge).unwrap_or(false)
    }

    /// Returns accounts of which something was taken back by what was learned since the last call.
    pub fn take_voiding(&self) -> BTreeSet<AccountId> {
        self.proofs.borrow_mut().take_voiding()
    }

    /// Has what is void of accounts removed another time.
    pub fn void_again(&self, accounts: impl Iterator<Item = AccountId>) {
        self.proofs.borrow_mut().note_voiding(accounts);
        self.voiding.notify_one();
    }

    /// Looks at what is proved of accounts.
    pub fn with_proofs<T>(&self, look: impl FnOnce(&Proofs) -> T) -> T {
        look(&self.proofs.borrow())
    }

    /// Learns from the store: from homes that are kept here, and from what came with records of accounts whose home is not.
    fn recall(&self, need: &ProofNeed) {
        let (key, device) = match need {
            ProofNeed::Nothing => return,
            ProofNeed::Name(name) => (name_key(name), None),
            ProofNeed::Account(account) => (home(account), None),
            ProofNeed::Device(account, device) => (home(account), Some(device)),
        };
        let read = |section: Section, slot: &[u8]| {
            let before = (section, Bytes::copy_from_slice(slot), Hash([0; 32]));
            let rows = self.store.read(&key, SectionSet::of(&[section]), Some(&before), 1, self.horizon()).ok()?;
            rows.into_iter().find(|row| row.slot == slot).map(|row| row.bytes)
        };
        let of_device = |section| device.and_then(|device| read(section, &device.0));
        let all = [read(Section::Account, &[]), of_device(Section::Device), of_device(Section::Retirement)];
        let all = all.into_iter().flatten().chain(kept_proofs(&*self.store, need));
        self.learn(&all.filter_map(|bytes| Record::decode(bytes).ok()).collect::<Vec<Record>>());
    }
}
