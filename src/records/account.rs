//! Accounts: a chain of records, each signed by the root key before it and certified by registrars.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::codec::{Known, from_bytes, to_bytes};
use super::envelope::{Body, RecordError, SUITE, Signed};
use crate::keys::{self, SecretKey};
use crate::types::{AccountId, DeviceId, Hash, Network, PublicKey, RecordKind, Username, WallTime};

/// A device whose later records are void.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    /// The device.
    #[serde(rename = "D")]
    pub device: DeviceId,
    /// Its last valid post number; zero when none is valid.
    #[serde(rename = "Q")]
    pub last_seq: u64,
    /// The hash of that post; zero when none is valid.
    #[serde(rename = "P")]
    pub last_hash: Hash,
}

/// One state of an account. The first one (the genesis, seq 0) gives the account its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountBody {
    /// The name; the same in the whole chain.
    #[serde(rename = "U")]
    pub username: Username,
    /// 0, 1, 2 …
    #[serde(rename = "S")]
    pub seq: u64,
    /// The account; absent in the genesis.
    #[serde(rename = "A", default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The hash of the state before; absent in the genesis.
    #[serde(rename = "P", default, skip_serializing_if = "Option::is_none")]
    pub prev: Option<Hash>,
    /// The root key from this state on.
    #[serde(rename = "K")]
    pub root: PublicKey,
    /// May sign a next state in place of the root key.
    #[serde(rename = "R", default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<PublicKey>,
    /// Devices revoked so far.
    #[serde(rename = "V", default, skip_serializing_if = "Vec::is_empty")]
    pub revoked: Vec<Revoked>,
    /// At a change of root key: the devices whose certificates by earlier root keys still count.
    #[serde(rename = "E", default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<DeviceId>,
    /// The hash of the password bundle that belongs to this state.
    #[serde(rename = "B")]
    pub bundle: Hash,
}

impl Known for AccountBody {
    const FIELDS: &'static [&'static str] = &["U", "S", "A", "P", "K", "R", "V", "E", "B"];
}

impl Body for AccountBody {
    const KIND: RecordKind = RecordKind::Account;
    const CONTEXT: &'static str = "timeline 1 account";

    fn check(&self) -> Result<(), RecordError> {
        let genesis = self.seq == 0;
        let fine = genesis == self.account.is_none() && genesis == self.prev.is_none();
        if fine { Ok(()) } else { Err(RecordError::Value) }
    }
}

/// A registrar's durable word that a name's state is this record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Final {
    /// The registrar.
    #[serde(rename = "K")]
    pub registrar: PublicKey,
    /// Its time.
    #[serde(rename = "T")]
    pub at: WallTime,
    /// Its signature.
    #[serde(rename = "S", with = "serde_bytes")]
    pub signature: Vec<u8>,
}

#[derive(Serialize)]
struct FinalText<'a> {
    #[serde(rename = "E")]
    epoch: u64,
    #[serde(rename = "U")]
    username: &'a Username,
    #[serde(rename = "A")]
    account: AccountId,
    #[serde(rename = "Q")]
    seq: u64,
    #[serde(rename = "H")]
    record: Hash,
    #[serde(rename = "T")]
    at: WallTime,
}

const FINAL_CONTEXT: &str = "timeline 1 final";

impl Final {
    /// Signs for a state of an account.
    pub fn sign(
        key: &SecretKey,
        network: &Network,
        account: AccountId,
        link: &Signed<AccountBody>,
        at: WallTime,
    ) -> Self {
        let text = Self::text(network, account, &link.body.username, link.body.seq, link.hash(), at);
        Self { registrar: key.public(), at, signature: key.sign(FINAL_CONTEXT, &network.id, &text).to_vec() }
    }

    /// Tells whether one of the network's registrars signed this for that state.
    pub fn holds(&self, network: &Network, account: AccountId, link: &Signed<AccountBody>) -> bool {
        self.certifies(network, account, &link.body.username, link.body.seq, link.hash())
    }

    /// Tells whether one of the network's registrars signed this for the state with that name, number and hash.
    pub fn certifies(
        &self,
        network: &Network,
        account: AccountId,
        username: &Username,
        seq: u64,
        record: Hash,
    ) -> bool {
        let text = Self::text(network, account, username, seq, record, self.at);
        network.registrars.contains(&self.registrar)
            && keys::verify(&self.registrar, FINAL_CONTEXT, &network.id, &text, &self.signature)
    }

    fn text(
        network: &Network,
        account: AccountId,
        username: &Username,
        seq: u64,
        record: Hash,
        at: WallTime,
    ) -> Vec<u8> {
        to_bytes(&FinalText { epoch: network.document.epoch, username, account, seq, record, at })
    }
}

/// A state with the FINALs that certify it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The state.
    pub record: Signed<AccountBody>,
    /// FINALs of different registrars, in the order of their keys.
    pub finals: Vec<Final>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLink {
    #[serde(rename = "R")]
    record: serde_bytes::ByteBuf,
    #[serde(rename = "F")]
    finals: Vec<Final>,
}

#[derive(Serialize, Deserialize)]
struct RawChain {
    #[serde(rename = "L")]
    links: Vec<RawLink>,
}

impl Known for RawChain {
    const FIELDS: &'static [&'static str] = &["L"];
}

/// Why a chain is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ChainError {
    /// A state cannot be read, or the chain is empty or too long.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A state does not follow from the one before.
    #[error("the chain is broken at state {0}")]
    Broken(u64),
    /// A state has fewer FINALs than the quorum.
    #[error("state {0} is not certified")]
    NotCertified(u64),
}

/// The longest chain that is read: a change a week for two years.
const MAX_LINKS: usize = 100;

/// An account from its genesis to its present state. At least one link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountChain {
    /// The account.
    pub account: AccountId,
    /// Its states, the genesis first.
    pub links: Vec<Link>,
    bytes: Bytes,
}

impl AccountChain {
    /// Builds a chain from its links; FINALs are brought into the order of their registrars' keys.
    ///
    /// # Errors
    /// [`RecordError::Value`] when there is no link.
    pub fn new(mut links: Vec<Link>) -> Result<Self, RecordError> {
        for link in &mut links {
            link.finals.sort_by_key(|f| f.registrar);
        }
        let account = AccountId(links.first().ok_or(RecordError::Value)?.record.hash().0);
        let raw = RawChain {
            links: links
                .iter()
                .map(|l| RawLink {
                    record: serde_bytes::ByteBuf::from(l.record.bytes().to_vec()),
                    finals: l.finals.clone(),
                })
                .collect(),
        };
        let mut bytes = vec![SUITE, RecordKind::Account.number()];
        bytes.extend(to_bytes(&raw));
        Ok(Self { account, links, bytes: bytes.into() })
    }

    /// Reads a chain without checking signatures.
    ///
    /// No signature covers the outer maps, so there is exactly one way to write them and nothing may be added.
    ///
    /// # Errors
    /// [`RecordError::Value`] also for a chain that is not written in that way.
    pub fn decode(bytes: Bytes) -> Result<Self, RecordError> {
        let raw: RawChain = from_bytes(bytes.get(2..).ok_or(RecordError::Short)?)?;
        if raw.links.is_empty() || raw.links.len() > MAX_LINKS {
            return Err(RecordError::Value);
        }
        let links = raw
            .links
            .into_iter()
            .map(|l| Ok(Link { record: Signed::decode(Bytes::from(l.record.into_vec()))?, finals: l.finals }));
        let links = links.collect::<Result<Vec<_>, RecordError>>()?;
        let chain = Self::new(links)?;
        if chain.bytes == bytes { Ok(chain) } else { Err(RecordError::Value) }
    }

    /// Checks every link: signature by the key before, order, certificate.
    ///
    /// # Errors
    /// See [`ChainError`]. A chain over the limits of its network is refused before any signature is checked.
    pub fn verify(&self, network: &Network) -> Result<(), ChainError> {
        let mut before: Option<&AccountBody> = None;
        for (seq, link) in (0u64..).zip(&self.links) {
            let body = &link.record.body;
            if link.record.bytes().len() > network.limits().account_bytes as usize {
                return Err(RecordError::TooLarge.into());
            }
            let signer = before.map_or(body.root, |b| b.root);
            let recovery = before.and_then(|b| b.recovery);
            let follows = before.is_none_or(|b| {
                b.username == body.username
                    && body.account == Some(self.account)
                    && body.prev == Some(self.links[seq as usize - 1].record.hash())
            });
            let signed = || {
                link.record.signed_by(&signer, &network.id)
                    || recovery.is_some_and(|key| link.record.signed_by(&key, &network.id))
            };
            if body.seq != seq || !follows || !signed() {
                return Err(ChainError::Broken(seq));
            }
            if !certified(network, self.account, link) {
                return Err(ChainError::NotCertified(seq));
            }
            before = Some(body);
        }
        Ok(())
    }

    /// Returns the present state.
    pub fn last(&self) -> &AccountBody {
        &self.links[self.links.len() - 1].record.body
    }

    /// Returns the hash of the present state's record; it stands for the whole chain.
    pub fn hash(&self) -> Hash {
        self.links[self.links.len() - 1].record.hash()
    }

    /// Returns the state with this number.
    pub fn state(&self, seq: u64) -> Option<&AccountBody> {
        self.links.get(usize::try_from(seq).ok()?).map(|l| &l.record.body)
    }

    /// Tells whether any state takes something back: revokes a device, or changes the root key.
    pub fn voids(&self) -> bool {
        self.links
            .iter()
            .map(|l| &l.record.body)
            .any(|state| !state.revoked.is_empty() || state.root != self.last().root)
    }

    /// Returns the chain as it is stored and sent.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns the username.
    pub fn username(&self) -> &Username {
        &self.last().username
    }
}

/// Tells whether a quorum of different registrars signed for the state, and nobody else. FINALs that do not count are
/// refused, not passed over: whoever passes a chain on could otherwise add to it.
fn certified(network: &Network, account: AccountId, link: &Link) -> bool {
    let finals = &link.finals;
    finals.len() >= network.quorum()
        && finals.windows(2).all(|pair| pair[0].registrar < pair[1].registrar)
        && finals.len() <= network.registrars.len()
        && finals.iter().all(|f| f.holds(network, account, &link.record))
}

#[cfg(test)]
mod tests;
