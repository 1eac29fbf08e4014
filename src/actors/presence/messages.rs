//! What the presence actor takes.

use actix::Message;
use bytes::Bytes;

use crate::keys::SecretKey;
use crate::types::{AccountId, Contact, DeviceId, Key, NodeId, SectionSet};

/// Keeps verified records in memory.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Hold {
    /// Where.
    pub key: Key,
    /// The records.
    pub records: Vec<Bytes>,
}

/// Asks for what is held.
#[derive(Message)]
#[rtype(result = "Vec<Bytes>")]
pub struct Held {
    /// Where.
    pub key: Key,
    /// Which sections.
    pub sections: SectionSet,
}

/// A device is logged in here.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Begin {
    /// Its account.
    pub account: AccountId,
    /// Its key.
    pub device: SecretKey,
    /// Whom the account follows.
    pub authors: Vec<AccountId>,
}

/// The account follows one more, or one less.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Interested {
    /// Who.
    pub author: AccountId,
    /// Whether it follows.
    pub follows: bool,
}

/// The device logs out, or the node ends: says goodbye. Ready when the goodbyes are sent, or a second has passed.
#[derive(Message)]
#[rtype(result = "()")]
pub struct End;

/// Asks for the followers known to be online.
#[derive(Message)]
#[rtype(result = "Vec<Follower>")]
pub struct Known;

/// What a fresh read of the own interest list brought.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Learned(pub Vec<Follower>);

/// A follower's contact does not answer.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Gone(pub DeviceId);

/// An own record is being sent.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Moved {
    /// Which: an author, or none for the own presence.
    pub author: Option<AccountId>,
    /// To these holders, once they are found.
    pub holders: Option<Vec<Contact>>,
    /// The nearest that this node knows.
    pub known: Vec<NodeId>,
}

/// Puts that ended: the holders that have the record now.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Renewed {
    /// Which: an author, or none for the own presence.
    pub author: Option<AccountId>,
    /// Whether all holders took it.
    pub taken: bool,
}

/// The node did not run for a while: every own record is due, and followers are asked for.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Renew;

/// A follower that is online.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follower {
    /// Who.
    pub account: AccountId,
    /// With which device.
    pub device: DeviceId,
    /// Where.
    pub contact: Contact,
}
