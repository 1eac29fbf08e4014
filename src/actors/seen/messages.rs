//! What the seen actor takes.

use actix::Message;

use super::pair::Signed;
use crate::keys::SecretKey;
use crate::types::{AccountId, DeviceId};

/// Somebody is logged in.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Begin {
    /// The account.
    pub account: AccountId,
    /// The device that signs.
    pub device: SecretKey,
}

/// The account logs out: nothing more is signed, and what was signed is forgotten here.
#[derive(Message)]
#[rtype(result = "()")]
pub struct End;

/// The user was shown the feed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Showed(pub Vec<Progress>);

/// Homes were read: what was shown before may reach further now.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Gained(pub Vec<Progress>);

/// Watermarks of these logs could not be written; with each what was signed, and what had been signed before it.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct Unkept(pub Vec<(DeviceId, Signed, Option<Signed>)>);

/// How far one log has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The author.
    pub author: AccountId,
    /// The author's device.
    pub log: DeviceId,
    /// The number up to which everything that exists was received.
    pub received: u64,
    /// The number up to which everything that exists was shown.
    pub seen: u64,
}
