//! A registrar's rule: the first valid claim of a name gets FINAL, and nothing else ever does.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::keys::SecretKey;
use crate::records::{AccountBody, Final, Known, Signed, from_bytes, to_bytes};
use crate::types::{AccountId, Network, Username, WallTime};

/// Why a claim is not even considered. The claimant's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ClaimError {
    /// Over the size limit, or not signed by its own root key.
    #[error("the claim is not valid")]
    Invalid,
    /// The network reserves the name.
    #[error("the network reserves this name")]
    Reserved,
    /// A change of an account, which this version of the registrar does not decide.
    #[error("only new names are decided here")]
    NotGenesis,
}

/// What a registrar keeps for a name and state, and answers with for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The record it is bound to.
    pub record: Signed<AccountBody>,
    /// Its word.
    pub signed: Final,
}

#[derive(Serialize, Deserialize)]
struct RawDecision {
    #[serde(rename = "R")]
    record: serde_bytes::ByteBuf,
    #[serde(rename = "F")]
    signed: Final,
}

impl Known for RawDecision {
    const FIELDS: &'static [&'static str] = &["R", "F"];
}

impl Decision {
    /// Encodes the decision for the store.
    pub fn to_bytes(&self) -> Bytes {
        let record = serde_bytes::ByteBuf::from(self.record.bytes().to_vec());
        to_bytes(&RawDecision { record, signed: self.signed.clone() }).into()
    }

    /// Reads a decision from the store; `None` when it is damaged.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let raw: RawDecision = from_bytes(bytes).ok()?;
        let record = Signed::decode(Bytes::from(raw.record.into_vec())).ok()?;
        Some(Self { record, signed: raw.signed })
    }
}

/// Returns the key under which a registrar keeps its decision: the name, a zero byte, the state number (big-endian).
pub fn final_key(name: &Username, seq: u64) -> Bytes {
    [name.as_str().as_bytes(), &[0], &seq.to_be_bytes()].concat().into()
}

/// Checks a claim and signs for it. The caller keeps the decision only where there is none yet, on disk, before it answers.
///
/// # Errors
/// See [`ClaimError`].
pub fn decide(
    record: Signed<AccountBody>,
    key: &SecretKey,
    network: &Network,
    now: WallTime,
) -> Result<Decision, ClaimError> {
    let body = &record.body;
    if record.bytes().len() > network.limits().account_bytes as usize {
        return Err(ClaimError::Invalid);
    }
    if body.seq != 0 {
        return Err(ClaimError::NotGenesis);
    }
    if network.document.reserved_names.contains(body.username.as_str()) {
        return Err(ClaimError::Reserved);
    }
    if !record.signed_by(&body.root, &network.id) {
        return Err(ClaimError::Invalid);
    }
    let account = AccountId(record.hash().0);
    let signed = Final::sign(key, network, account, &record, now);
    Ok(Decision { record, signed })
}
