//! Devices: their certificates, and their end.

use serde::{Deserialize, Serialize};

use crate::records::codec::Known;
use crate::records::envelope::{Body, RecordError};
use crate::types::{AccountId, DeviceId, Hash, Hlc, RecordKind};

/// The root key's word that a device speaks for an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceBody {
    /// The account.
    #[serde(rename = "A")]
    pub account: AccountId,
    /// The device: its public key.
    #[serde(rename = "D")]
    pub device: DeviceId,
    /// The account's state whose root key signs.
    #[serde(rename = "S")]
    pub seq: u64,
    /// When it was made.
    #[serde(rename = "H")]
    pub hlc: Hlc,
}

impl Known for DeviceBody {
    const FIELDS: &'static [&'static str] = &["A", "D", "S", "H"];
}

impl Body for DeviceBody {
    const KIND: RecordKind = RecordKind::Device;
    const CONTEXT: &'static str = "timeline 1 device";

    fn check(&self) -> Result<(), RecordError> {
        Ok(())
    }
}

/// A device's end. It voids nothing that the device signed before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetirementBody {
    /// The account.
    #[serde(rename = "A")]
    pub account: AccountId,
    /// The device.
    #[serde(rename = "D")]
    pub device: DeviceId,
    /// The number of its last post; zero when it made none.
    #[serde(rename = "Q")]
    pub last_seq: u64,
    /// The hash of its last post; absent when it made none.
    #[serde(rename = "P", default, skip_serializing_if = "Option::is_none")]
    pub last_hash: Option<Hash>,
    /// When.
    #[serde(rename = "H")]
    pub hlc: Hlc,
    /// The account's state whose root key signs; absent when the device signs itself.
    #[serde(rename = "S", default, skip_serializing_if = "Option::is_none")]
    pub root_seq: Option<u64>,
}

impl Known for RetirementBody {
    const FIELDS: &'static [&'static str] = &["A", "D", "Q", "P", "H", "S"];
}

impl Body for RetirementBody {
    const KIND: RecordKind = RecordKind::Retirement;
    const CONTEXT: &'static str = "timeline 1 retirement";

    fn check(&self) -> Result<(), RecordError> {
        if (self.last_seq == 0) == self.last_hash.is_none() { Ok(()) } else { Err(RecordError::Value) }
    }
}
