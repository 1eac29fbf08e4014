//! Where devices are: presence at the account's own home, interest at the home of an author it follows.
//!
//! Both carry the signed contact of a node and are countersigned by that node, so nobody can send the
//! network's traffic to a node that did not agree. They live in memory only.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::keys::{self, SIGNATURE_BYTES, SecretKey};
use crate::records::codec::Known;
use crate::records::contact::open_contact;
use crate::records::envelope::{Body, RecordError, Signed};
use crate::types::{AccountId, Contact, DeviceId, Hlc, NetworkId, PublicKey, RecordKind};

/// A device of an account is at a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceBody {
    /// The account.
    #[serde(rename = "A")]
    pub account: AccountId,
    /// The device.
    #[serde(rename = "D")]
    pub device: DeviceId,
    /// Grows with every renewal.
    #[serde(rename = "Q")]
    pub seq: u64,
    /// When it was made.
    #[serde(rename = "H")]
    pub hlc: Hlc,
    /// False when the device says goodbye.
    #[serde(rename = "O")]
    pub online: bool,
    /// The node's signed contact.
    #[serde(rename = "C", with = "serde_bytes")]
    pub contact: Vec<u8>,
}

impl Known for PresenceBody {
    const FIELDS: &'static [&'static str] = &["A", "D", "Q", "H", "O", "C"];
}

impl Body for PresenceBody {
    const KIND: RecordKind = RecordKind::Presence;
    const SIGNATURES: usize = 2;
    const CONTEXT: &'static str = "timeline 1 presence";

    fn check(&self) -> Result<(), RecordError> {
        Ok(())
    }
}

/// A device of a follower is at a node and wants an author's posts there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterestBody {
    /// The follower.
    #[serde(rename = "A")]
    pub follower: AccountId,
    /// The follower's device.
    #[serde(rename = "D")]
    pub device: DeviceId,
    /// The author.
    #[serde(rename = "B")]
    pub author: AccountId,
    /// Grows with every renewal.
    #[serde(rename = "Q")]
    pub seq: u64,
    /// When it was made.
    #[serde(rename = "H")]
    pub hlc: Hlc,
    /// False when the interest ends.
    #[serde(rename = "O")]
    pub online: bool,
    /// The node's signed contact.
    #[serde(rename = "C", with = "serde_bytes")]
    pub contact: Vec<u8>,
}

impl Known for InterestBody {
    const FIELDS: &'static [&'static str] = &["A", "D", "B", "Q", "H", "O", "C"];
}

impl Body for InterestBody {
    const KIND: RecordKind = RecordKind::Interest;
    const SIGNATURES: usize = 2;
    const CONTEXT: &'static str = "timeline 1 interest";

    fn check(&self) -> Result<(), RecordError> {
        if self.follower == self.author { Err(RecordError::Value) } else { Ok(()) }
    }
}

/// A body that names a node by its contact.
pub(super) trait NamesNode: Body {
    const NODE_CONTEXT: &'static str;
    fn contact_bytes(&self) -> &[u8];
}

impl NamesNode for PresenceBody {
    const NODE_CONTEXT: &'static str = "timeline 1 presence node";
    fn contact_bytes(&self) -> &[u8] {
        &self.contact
    }
}

impl NamesNode for InterestBody {
    const NODE_CONTEXT: &'static str = "timeline 1 interest node";
    fn contact_bytes(&self) -> &[u8] {
        &self.contact
    }
}

/// Adds the node's signature, over the record and the device's signature.
#[allow(private_bounds, reason = "the two kinds are fixed here")]
pub fn countersign<B: NamesNode>(record: Signed<B>, node: &SecretKey, network: &NetworkId) -> Signed<B> {
    let signature = node.sign(B::NODE_CONTEXT, network, record.bytes());
    record.with_signature(signature)
}

/// Returns the contact in the record when its node signed both the contact and the record.
#[allow(private_bounds, reason = "the two kinds are fixed here")]
pub fn countersigned<B: NamesNode>(record: &Signed<B>, network: &NetworkId) -> Option<Contact> {
    let (key, contact) = open_contact(Bytes::copy_from_slice(record.body.contact_bytes()), network).ok()?;
    let end = record.bytes().len() - SIGNATURE_BYTES;
    let (signed, signature) = record.bytes().split_at(end);
    let key: PublicKey = key;
    keys::verify(&key, B::NODE_CONTEXT, network, signed, signature).then_some(contact)
}
