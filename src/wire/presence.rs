//! Signs of life of a device, and who is online.

use serde::{Deserialize, Serialize};

use super::frame::{Answer, Request};
use super::requests::message;
use crate::records::Known;
use crate::seam::Class;
use crate::types::{AccountId, DeviceId};

/// Most accounts in one question: with 14 bytes of answer each, far below the limit of a message.
pub const MAX_CHECKED: usize = 64;

message!(
    /// Says that a device is still logged in on the node that sends this.
    Heartbeat {
        /// The account.
        account: AccountId = "A",
        /// The device.
        device: DeviceId = "D",
    }
);
message!(
    /// Whether the receiver holds a presence record that this sign of life counts for.
    Heard {
        /// True when it holds one that says "online" and names the sender; else the record is to be put again.
        known: bool = "K",
        /// The number of the device's record held there; one that is to win needs a larger one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seq: Option<u64> = "q",
        /// Changes when somebody else becomes interested in the account, or no longer is, as far as the receiver holds it.
        #[serde(default)]
        interest: u64 = "i",
    }
);
impl Request for Heartbeat {
    const NUMBER: u8 = 10;
    // Not a read: sent a second time by somebody else, it would say what is no longer true.
    const CLASS: Class = Class::Write;
    type Answer = Heard;
}
impl Answer for Heard {}

message!(
    /// Asks which accounts are online.
    CheckOnline {
        /// The accounts, 1 to [`MAX_CHECKED`].
        accounts: Vec<AccountId> = "A",
        /// Asks about devices logged in on the receiver alone, not about what it holds for others.
        #[serde(default)]
        here: bool = "h",
    }
);
message!(
    /// One standing for each account, in order.
    Checked {
        /// The standings.
        standings: Vec<OnlineStanding> = "S",
    }
);
impl Request for CheckOnline {
    const NUMBER: u8 = 11;
    const CLASS: Class = Class::Read;
    type Answer = Checked;
}
impl Answer for Checked {}

/// What a node judges of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnlineStanding {
    /// 0 unknown, 1 offline, 2 online; other numbers count as unknown.
    #[serde(rename = "s")]
    pub state: u8,
    /// Whole seconds, rounded up, since a device was last heard from; offline: since that, or the goodbye, whichever is
    /// later. 0 where unknown.
    #[serde(rename = "t")]
    pub seconds: u32,
}

impl OnlineStanding {
    /// State: nothing is known of the account.
    pub const UNKNOWN: u8 = 0;
    /// State: its devices said goodbye, or fell silent.
    pub const OFFLINE: u8 = 1;
    /// State: a device was heard from.
    pub const ONLINE: u8 = 2;
}
