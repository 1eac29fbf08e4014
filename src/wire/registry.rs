//! Requests to registrars, and the network document.

use serde::{Deserialize, Serialize};

use super::frame::{Answer, Request};
use super::requests::{Blob, message};
use crate::records::{Final, Known};
use crate::seam::Class;
use crate::types::Username;

message!(
    /// Asks a registrar to sign FINAL for a state of an account.
    Claim {
        /// The account record, signed.
        record: Blob = "R",
    }
);
message!(
    /// The registrar's word about a name and state number.
    Claimed {
        /// The FINAL for the record that the registrar is bound to.
        signed: Final = "F",
        /// That record, when it is not the one asked for: the name is taken, or contested.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        other: Option<Blob> = "o",
    }
);
impl Request for Claim {
    const NUMBER: u8 = 7;
    const CLASS: Class = Class::Write;
    type Answer = Claimed;
}
impl Answer for Claimed {}

message!(
    /// Asks a registrar what it signed for a name.
    NameStatus {
        /// The name.
        name: Username = "U",
    }
);
message!(
    /// What a registrar signed for a name.
    Standing {
        /// The account record of state 0 that it signed for; absent when it signed for none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        record: Option<Blob> = "r",
        /// Its FINAL.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signed: Option<Final> = "f",
    }
);
impl Request for NameStatus {
    const NUMBER: u8 = 8;
    const CLASS: Class = Class::Read;
    type Answer = Standing;
}
impl Answer for Standing {}

message!(
    /// Asks for the network document.
    GetNetwork {}
);
message!(
    /// The network document.
    NetworkBytes {
        /// Its exact bytes.
        document: Blob = "D",
    }
);
impl Request for GetNetwork {
    const NUMBER: u8 = 9;
    const CLASS: Class = Class::Read;
    type Answer = NetworkBytes;
}
impl Answer for NetworkBytes {}
