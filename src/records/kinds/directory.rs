//! The directory of users: one entry for every certified account, at the key of every prefix of its name.

use serde::{Deserialize, Serialize};

use crate::keys::place;
use crate::records::account::Final;
use crate::records::codec::Known;
use crate::records::envelope::{Body, RecordError};
use crate::types::{AccountId, Hash, Key, Network, RecordKind, Username};

/// "This account owns this name", in the words of the registrars; it carries no signature but their FINALs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryBody {
    /// The name.
    #[serde(rename = "U")]
    pub username: Username,
    /// The account.
    #[serde(rename = "A")]
    pub account: AccountId,
    /// FINALs for the account's first record, in the order of the registrars' keys.
    #[serde(rename = "F")]
    pub finals: Vec<Final>,
}

/// The most registrars that a network has.
const MAX_FINALS: usize = 32;

impl Known for DirectoryBody {
    const FIELDS: &'static [&'static str] = &["U", "A", "F"];
}

impl Body for DirectoryBody {
    const KIND: RecordKind = RecordKind::Directory;
    const SIGNATURES: usize = 0;
    const CONTEXT: &'static str = "timeline 1 directory";

    fn check(&self) -> Result<(), RecordError> {
        let ordered = self.finals.windows(2).all(|pair| pair[0].registrar < pair[1].registrar);
        let fine = ordered && !self.finals.is_empty() && self.finals.len() <= MAX_FINALS;
        if fine { Ok(()) } else { Err(RecordError::Value) }
    }
}

impl DirectoryBody {
    /// Tells whether a quorum of the network's registrars says so, and nobody else.
    pub fn certified(&self, network: &Network) -> bool {
        // The hash of an account's first record is its id.
        let record = Hash(self.account.0);
        self.finals.len() >= network.quorum()
            && self.finals.iter().all(|f| f.certifies(network, self.account, &self.username, 0, record))
    }
}

/// Returns the key of the users whose names begin with `prefix`: H("users", prefix).
pub fn users_key(prefix: &str) -> Key {
    place("users", &[prefix.as_bytes()])
}
