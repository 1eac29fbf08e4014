//! Proof on demand: who may sign what, and a bounded memory of accounts and devices already proved.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use bytes::Bytes;
use thiserror::Error;

use self::by_device::ByDevice;
use super::account::{AccountChain, ChainError};
use super::admission::FUTURE_TOLERANCE;
use super::envelope::Signed;
use super::kinds::{BundleBody, DeviceBody, RetirementBody, countersigned};
use super::opened;
use super::record::Record;
use crate::types::{AccountId, DeviceId, Hash, Hlc, Network, PublicKey, Username};

mod by_device;

/// What must be known before a record can be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProofNeed {
    /// Nothing: the record proves itself.
    Nothing,
    /// The account of a name.
    Name(Username),
    /// An account.
    Account(AccountId),
    /// An account and the certificate of one of its devices.
    Device(AccountId, DeviceId),
}

/// Why a record is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProofError {
    /// The account or the device is not known here: send the proof along.
    #[error("the proof is needed")]
    Needed,
    /// The account's chain does not hold.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A signature does not fit, or a certificate does not count.
    #[error("a signature does not fit")]
    Signature,
    /// The device is revoked, or its certificate ended with a change of root key.
    #[error("the device may not sign this any more")]
    Revoked,
    /// The bundle is not the one that the account names.
    #[error("the account names another bundle")]
    OtherBundle,
}

/// An account with a proof that holds, and those of its devices that were proved.
#[derive(Clone, Debug)]
pub struct Proof {
    /// The verified chain.
    pub chain: Rc<AccountChain>,
    devices: ByDevice<DeviceBody>,
    /// The retirement that counts, of each device that is known to be retired.
    retired: ByDevice<RetirementBody>,
}

/// Accounts and devices already proved; the oldest account is forgotten first.
#[derive(Clone, Debug)]
pub struct Proofs {
    accounts: BTreeMap<AccountId, Proof>,
    names: BTreeMap<Username, AccountId>,
    order: VecDeque<AccountId>,
    capacity: usize,
    /// Those of which something was taken back by a state that was learned since this was asked last; at most `capacity`.
    voiding: BTreeSet<AccountId>,
}

impl Record {
    /// Returns what must be known before this record can be judged.
    pub fn need(&self) -> ProofNeed {
        match self {
            Record::Account(_) | Record::Directory(_) => ProofNeed::Nothing,
            Record::Bundle(r) => ProofNeed::Name(r.body.username.clone()),
            Record::Device(r) => ProofNeed::Account(r.body.account),
            Record::Retirement(r) if r.body.root_seq.is_some() => ProofNeed::Account(r.body.account),
            _ => match (self.account(), self.device()) {
                (Some(account), Some(device)) => ProofNeed::Device(account, device),
                _ => ProofNeed::Nothing,
            },
        }
    }
}

impl Proofs {
    /// Makes a memory for at most `capacity` accounts.
    pub fn new(capacity: usize) -> Self {
        let (accounts, names, order, voiding) = Default::default();
        Self { accounts, names, order, capacity: capacity.max(1), voiding }
    }

    /// Verifies a record with what is known, and remembers it when it is an account or a device certificate.
    ///
    /// # Errors
    /// [`ProofError::Needed`] when the account or device is not known here; every other error is the signer's fault.
    pub fn verify(&mut self, record: &Record, network: &Network) -> Result<(), ProofError> {
        match record {
            Record::Account(chain) => self.learn_account(chain, network),
            Record::Device(cert) => self.learn_device(cert, network),
            Record::Bundle(bundle) => self.verify_bundle(bundle, network),
            Record::Retirement(r) => {
                self.verify_retirement(r, network)?;
                self.learn_retirement(r);
                Ok(())
            }
            Record::Heads(r) => self.verify_signed(record, |key| r.signed_by(key, &network.id)),
            Record::Post(r) => self.verify_signed(record, |key| r.signed_by(key, &network.id)),
            Record::Edge(r) => self.verify_signed(record, |key| r.signed_by(key, &network.id)),
            Record::Profile(r) => self.verify_signed(record, |key| r.signed_by(key, &network.id)),
            Record::Tombstone(r) => self.verify_signed(record, |key| r.signed_by(key, &network.id)),
            Record::Watermark(r) => self.verify_signed(record, |key| r.signed_by(key, &network.id)),
            Record::Private(r) => self.verify_signed(record, |key| r.signed_by(key, &network.id)),
            Record::Mention(r) => self.verify_signed(record, |key| r.signed_by(key, &network.id)),
            Record::Directory(r) => {
                if r.body.certified(network) {
                    Ok(())
                } else {
                    Err(ProofError::Chain(ChainError::NotCertified(0)))
                }
            }
            Record::Presence(r) => self
                .verify_signed(record, |key| r.signed_by(key, &network.id) && countersigned(r, &network.id).is_some()),
            Record::Interest(r) => self
                .verify_signed(record, |key| r.signed_by(key, &network.id) && countersigned(r, &network.id).is_some()),
        }
    }

    /// Tells whether a record that its device signed, or a certificate, counts no more by what is known; `None` where too
    /// little is known. Looks at no signature.
    pub fn is_void(&self, record: &Record) -> Option<bool> {
        let proof = |account: &AccountId| self.accounts.get(account);
        match record {
            Record::Account(_) | Record::Bundle(_) | Record::Directory(_) => Some(false),
            Record::Device(cert) => Some(!proof(&cert.body.account)?.chain.counts(cert)),
            Record::Retirement(r) => proof(&r.body.account)?.is_void_retirement(r),
            _ => Proof::is_void(proof(&record.account()?)?.admits(&record.device()?, &Use::of(record))),
        }
    }

    /// Returns accounts of which something was taken back by a state that was learned since the last call.
    pub fn take_voiding(&mut self) -> BTreeSet<AccountId> {
        std::mem::take(&mut self.voiding)
    }

    /// Notes that what is void of accounts has still to be removed.
    pub fn note_voiding(&mut self, accounts: impl Iterator<Item = AccountId>) {
        self.voiding.extend(accounts);
    }

    /// Tells whether there are any.
    pub fn has_voiding(&self) -> bool {
        !self.voiding.is_empty()
    }

    /// Returns an account that was proved.
    pub fn account(&self, account: &AccountId) -> Option<&Proof> {
        self.accounts.get(account)
    }

    /// Returns the account of a name that was proved.
    pub fn named(&self, name: &Username) -> Option<&Proof> {
        self.names.get(name).and_then(|account| self.accounts.get(account))
    }

    /// Returns the records that prove what `need` asks for; empty when they are not known here.
    pub fn evidence(&self, need: &ProofNeed) -> Vec<Bytes> {
        let (proof, device) = match need {
            ProofNeed::Nothing => return Vec::new(),
            ProofNeed::Name(name) => (self.named(name), None),
            ProofNeed::Account(account) => (self.account(account), None),
            ProofNeed::Device(account, device) => (self.account(account), Some(device)),
        };
        let Some(proof) = proof else { return Vec::new() };
        let mut out = vec![proof.chain.bytes().clone()];
        match device.map(|d| proof.devices.get(d)) {
            None => out,
            Some(Some(cert)) => {
                out.push(cert.bytes().clone());
                out
            }
            Some(None) => Vec::new(),
        }
    }

    fn learn_account(&mut self, chain: &AccountChain, network: &Network) -> Result<(), ProofError> {
        if let Some(known) = self.accounts.get(&chain.account) {
            if known.chain.bytes() == chain.bytes() {
                return Ok(());
            }
            chain.verify(network)?;
            if known.chain.last().seq >= chain.last().seq {
                return Ok(());
            }
        } else {
            chain.verify(network)?;
            self.make_room();
            self.order.push_back(chain.account);
        }
        let known = self.accounts.remove(&chain.account);
        let (devices, retired) = known.map(|p| (p.devices, p.retired)).unwrap_or_default();
        self.names.insert(chain.username().clone(), chain.account);
        let mut proof = Proof { chain: opened::chain(chain), devices, retired };
        proof.forget_void_retirements();
        self.accounts.insert(chain.account, proof);
        if chain.voids() && self.voiding.len() < self.capacity {
            self.voiding.insert(chain.account);
        }
        Ok(())
    }

    fn make_room(&mut self) {
        while self.order.len() >= self.capacity {
            let Some(oldest) = self.order.pop_front() else { return };
            let Some(proof) = self.accounts.remove(&oldest) else { continue };
            if self.names.get(proof.chain.username()) == Some(&oldest) {
                self.names.remove(proof.chain.username());
            }
        }
    }

    fn learn_device(&mut self, cert: &Signed<DeviceBody>, network: &Network) -> Result<(), ProofError> {
        let proof = self.accounts.get_mut(&cert.body.account).ok_or(ProofError::Needed)?;
        // A certificate by a state that is not known yet asks for the longer chain.
        let root = proof.chain.state(cert.body.seq).ok_or(ProofError::Needed)?.root;
        if proof.devices.get(&cert.body.device) != Some(cert) && !cert.signed_by(&root, &network.id) {
            return Err(ProofError::Signature);
        }
        // The order is that of merging, so that an old certificate sent again does not replace a later one.
        let rank = |c: &Signed<DeviceBody>| (c.body.seq, c.body.hlc, c.hash());
        let known = proof.devices.get(&cert.body.device);
        if known.is_none_or(|k| rank(k) < rank(cert)) {
            proof.devices.insert(cert.body.device, opened::device(cert));
        }
        // Remembered all the same, so that what the device signs is called revoked and not in need of proof.
        if proof.chain.counts(cert) { Ok(()) } else { Err(ProofError::Revoked) }
    }

    fn verify_bundle(&self, bundle: &Signed<BundleBody>, network: &Network) -> Result<(), ProofError> {
        let proof = self.named(&bundle.body.username).ok_or(ProofError::Needed)?;
        let state = proof.chain.state(bundle.body.seq).ok_or(ProofError::Needed)?;
        // The present state must name it too: after a change of password the old bundle is void.
        let present = proof.chain.last();
        let named = [state, present].iter().all(|s| s.bundle == bundle.hash() && s.root == bundle.body.root);
        if !named {
            return Err(ProofError::OtherBundle);
        }
        if bundle.signed_by(&state.root, &network.id) { Ok(()) } else { Err(ProofError::Signature) }
    }

    fn verify_retirement(&self, r: &Signed<RetirementBody>, network: &Network) -> Result<(), ProofError> {
        let proof = self.accounts.get(&r.body.account).ok_or(ProofError::Needed)?;
        let key = match r.body.root_seq {
            Some(seq) => {
                let root = proof.chain.state(seq).ok_or(ProofError::Needed)?.root;
                // A root key that was replaced, maybe because others had it, ends no device any more.
                if root != proof.chain.last().root {
                    return Err(ProofError::Revoked);
                }
                root
            }
            None => proof.admits(&r.body.device, &Use::Other(r.body.hlc))?,
        };
        if r.signed_by(&key, &network.id) { Ok(()) } else { Err(ProofError::Signature) }
    }

    /// Remembers a retirement that holds; of several the one that wins in merging.
    fn learn_retirement(&mut self, r: &Signed<RetirementBody>) {
        let Some(proof) = self.accounts.get_mut(&r.body.account) else { return };
        let rank = |r: &Signed<RetirementBody>| (r.body.hlc, r.hash());
        let known = proof.retired.get(&r.body.device);
        if known.is_some_and(|known| rank(known) >= rank(r)) {
            return;
        }
        proof.retired.insert(r.body.device, Rc::new(r.clone()));
    }

    fn verify_signed(&self, record: &Record, signed_by: impl FnOnce(&PublicKey) -> bool) -> Result<(), ProofError> {
        let (Some(account), Some(device)) = (record.account(), record.device()) else {
            return Err(ProofError::Signature);
        };
        let key = self.accounts.get(&account).ok_or(ProofError::Needed)?.admits(&device, &Use::of(record))?;
        if signed_by(&key) { Ok(()) } else { Err(ProofError::Signature) }
    }
}

impl AccountChain {
    /// Tells whether a certificate still counts: at each later change of root key its device must be among those kept.
    fn counts(&self, cert: &Signed<DeviceBody>) -> bool {
        let states = self.links.iter().map(|l| &l.record.body).skip_while(|s| s.seq < cert.body.seq);
        let mut root = None;
        states.into_iter().all(|state| {
            let changed = root.replace(state.root).is_some_and(|before| before != state.root);
            !changed || state.kept.contains(&cert.body.device)
        })
    }
}

/// What a device's key was used for.
enum Use {
    Post { seq: u64, hash: Hash, hlc: Hlc },
    Heads { last_seq: u64, hlc: Hlc },
    Other(Hlc),
}

impl Use {
    fn of(record: &Record) -> Self {
        match record {
            Record::Post(r) => Use::Post { seq: r.body.seq, hash: r.hash(), hlc: r.body.hlc },
            Record::Heads(r) => Use::Heads { last_seq: r.body.last_seq, hlc: r.body.hlc },
            _ => Use::Other(record.hlc().unwrap_or_default()),
        }
    }
}

impl Proof {
    /// Returns the key that checks what this device signs.
    fn admits(&self, device: &DeviceId, made: &Use) -> Result<PublicKey, ProofError> {
        let cert = self.devices.get(device).ok_or(ProofError::Needed)?;
        if !self.chain.counts(cert) || self.retired.get(device).is_some_and(|r| is_after(made, &r.body)) {
            return Err(ProofError::Revoked);
        }
        // Every state's word counts: a revocation cannot be taken back by leaving it out later.
        let states = self.chain.links.iter().map(|l| &l.record.body);
        for revoked in states.flat_map(|s| &s.revoked).filter(|r| r.device == *device) {
            let Use::Post { seq, hash, .. } = made else { return Err(ProofError::Revoked) };
            if *seq > revoked.last_seq || (*seq == revoked.last_seq && *hash != revoked.last_hash) {
                return Err(ProofError::Revoked);
            }
        }
        Ok(device.public_key())
    }

    fn is_void(admitted: Result<PublicKey, ProofError>) -> Option<bool> {
        match admitted {
            Err(ProofError::Needed) => None,
            admitted => Some(admitted.is_err()),
        }
    }

    fn is_void_retirement(&self, r: &Signed<RetirementBody>) -> Option<bool> {
        match r.body.root_seq {
            Some(seq) => Some(self.chain.state(seq)?.root != self.chain.last().root),
            None => Self::is_void(self.admits(&r.body.device, &Use::Other(r.body.hlc))),
        }
    }

    /// Retirements count for nothing when a later state has taken back the right to sign them.
    fn forget_void_retirements(&mut self) {
        let all = std::mem::take(&mut self.retired.0);
        let stays = |r: &Signed<RetirementBody>| self.is_void_retirement(r) != Some(true);
        self.retired.0 = all.iter().filter(|(_, r)| stays(r)).cloned().collect();
    }
}

/// Tells whether something was signed after the device had retired. Whoever retires a device by the root key may know neither
/// its last post nor its clock: a post counts by number or stamp, anything else within the tolerance of clocks.
fn is_after(made: &Use, retired: &RetirementBody) -> bool {
    match made {
        Use::Post { seq, hlc, .. } => *seq > retired.last_seq && *hlc > retired.hlc,
        Use::Heads { last_seq, hlc } => *last_seq > retired.last_seq && *hlc > retired.hlc,
        Use::Other(hlc) => hlc.wall() > retired.hlc.wall().plus(FUTURE_TOLERANCE),
    }
}

#[cfg(test)]
mod tests;
