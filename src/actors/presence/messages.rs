//! What the presence actor takes.

use actix::Message;
use bytes::Bytes;

use crate::keys::SecretKey;
use crate::records::Part;
use crate::types::{AccountId, Contact, DeviceId, Key, NodeId, SectionSet};
use crate::wire::{Heard, OnlineStanding};

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

/// Asks for interest held: records, and about how many there are in all.
#[derive(Message)]
#[rtype(result = "(Vec<Bytes>, u64)")]
pub struct HeldInterest {
    /// At which page.
    pub key: Key,
    /// Of which part of the list.
    pub part: Part,
    /// At most so many, spread evenly.
    pub most: usize,
}

/// A page was full for these slots of interest.
#[derive(Message)]
#[rtype(result = "()")]
pub struct SentOn {
    /// The page.
    pub key: Key,
    /// The slots.
    pub slots: Vec<Bytes>,
}

/// A node says that a device is still there.
#[derive(Message)]
#[rtype(result = "Heard")]
pub struct Beat {
    /// The node, as its connection proves it.
    pub from: NodeId,
    /// The account.
    pub account: AccountId,
    /// The device.
    pub device: DeviceId,
}

/// A peer asks who is online.
#[derive(Message)]
#[rtype(result = "Vec<OnlineStanding>")]
pub struct Check {
    /// Whom it asks about.
    pub accounts: Vec<AccountId>,
    /// Whether it asks about devices on this node alone.
    pub here: bool,
}

/// A node whose heartbeat was missed said which accounts are there.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Told {
    /// The node.
    pub node: NodeId,
    /// The accounts.
    pub accounts: Vec<(AccountId, bool)>,
}

/// This node asks who is online.
#[derive(Message)]
#[rtype(result = "Vec<(AccountId, Option<bool>)>")]
pub struct Online(pub Vec<AccountId>);

/// Somebody looked who is nearest to an account's home, the nearest first.
#[derive(Message)]
#[rtype(result = "()")]
pub struct FoundHolders(pub AccountId, pub Vec<Contact>);

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

/// Asks who holds this node's interest in an author, or the own presence where it is the own account.
#[derive(Message)]
#[rtype(result = "Vec<Contact>")]
pub struct Holders(pub AccountId);

/// Asks for the followers known to be online, and whether the list of them is long: these are only some of them then.
#[derive(Message)]
#[rtype(result = "(Vec<Follower>, bool)")]
pub struct Known;

/// What a fresh read of the own interest list brought.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Learned {
    /// Who is there.
    pub followers: Vec<Follower>,
    /// Whether many holders were asked: whoever none of them knows is gone.
    pub whole: bool,
    /// Whether there are more on other pages.
    pub more: bool,
}

/// A follower's contact does not answer.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Gone(pub DeviceId);

/// Other peers are reachable than before.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PeersChanged;

/// An own record is on its way to its holders, or has come there. Answered by whether it is still wanted.
#[derive(Clone, Default, Message)]
#[rtype(result = "bool")]
pub struct Renewed {
    /// Which: an author, or none for the own presence.
    pub author: Option<AccountId>,
    /// Who holds it now; none where that is as before.
    pub holders: Option<Vec<Contact>>,
    /// Who is sent it now.
    pub told: Vec<Contact>,
    /// The nearest that this node knew of.
    pub known: Vec<NodeId>,
    /// None while the rest is under way; else whether all holders took it.
    pub taken: Option<bool>,
    /// Holders that took it now.
    pub took: Vec<NodeId>,
    /// Whether a lookup found them.
    pub looked_up: bool,
}

/// Somebody is about to look at an account's home at one of those who hold this node's interest.
#[derive(Message)]
#[rtype(result = "Visit")]
pub struct Visiting(pub AccountId);

/// Where an account's home may be looked at, and what may be brought there.
#[derive(Clone, Debug, Default)]
pub struct Visit {
    /// The holders of this node's interest.
    pub holders: Vec<Contact>,
    /// The interest, signed anew, where some of the holders are to have it again.
    pub record: Option<Bytes>,
    /// Those holders.
    pub stale: Vec<NodeId>,
}

/// Whether a holder took what it was brought on a visit.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Visited {
    /// Whose home.
    pub account: AccountId,
    /// The holder.
    pub holder: NodeId,
    /// Whether it has it.
    pub took: bool,
}

/// A holder of an account's home knows these near it.
#[derive(Message)]
#[rtype(result = "()")]
pub struct NamedNear {
    /// Whose.
    pub account: AccountId,
    /// At most k of them.
    pub contacts: Vec<Contact>,
    /// Whether many were asked, so that these are the nearest.
    pub whole: bool,
}

/// What came of a heartbeat to one holder.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Beaten {
    /// Whose.
    pub device: DeviceId,
    /// The holder.
    pub holder: Contact,
    /// Its answer; none where it did not answer.
    pub heard: Option<Heard>,
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
