//! What the session actor takes.

use std::time::Duration;

use actix::Message;
use zeroize::Zeroizing;

use crate::records::{PrivateKind, Record};
use crate::types::{AccountId, DeviceId, Hash, Problem, Username, WallTime};

/// Registers a name, or resumes an interrupted registration.
#[derive(Message)]
#[rtype(result = "Result<LoggedIn, Problem>")]
pub struct Register {
    /// The name.
    pub username: Username,
    /// The password.
    pub password: Zeroizing<String>,
}

/// Logs in.
#[derive(Message)]
#[rtype(result = "Result<LoggedIn, Problem>")]
pub struct Login {
    /// The name.
    pub username: Username,
    /// The password.
    pub password: Zeroizing<String>,
    /// Whether the device longest unused may be retired when there are too many.
    pub retire_oldest: bool,
}

/// A device that is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    /// The name.
    pub username: Username,
    /// The account.
    pub account: AccountId,
    /// The device.
    pub device: DeviceId,
}

/// Logs out.
#[derive(Message)]
#[rtype(result = "Result<Username, Problem>")]
pub struct Logout;

/// Asks who is logged in.
#[derive(Message)]
#[rtype(result = "Option<WhoAmI>")]
pub struct Who;

/// Who is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhoAmI {
    /// The device.
    pub device: LoggedIn,
    /// Since when.
    pub since: WallTime,
}

/// A wish to post.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostRequest {
    /// What it says.
    pub text: String,
    /// How long it lives.
    pub ttl: Option<Duration>,
    /// The post that it answers.
    pub reply_to: Option<Hash>,
}

/// Makes a post.
#[derive(Message)]
#[rtype(result = "Result<Posted, Problem>")]
pub struct MakePost {
    /// The post.
    pub request: PostRequest,
    /// How long to wait for the network once it is on disk; for all of the first attempt where it is `None`.
    pub within: Option<Duration>,
}

/// A post that is on disk here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// Its id.
    pub id: Hash,
    /// Whether it is published; else it is queued.
    pub published: bool,
    /// When it was made.
    pub created_at: WallTime,
    /// When it ends.
    pub expires_at: WallTime,
    /// Replicas that have it.
    pub acked: u32,
    /// Replicas wanted.
    pub wanted: u32,
    /// Followers' devices known to be online.
    pub online: u32,
    /// Those that have it.
    pub delivered: u32,
}

/// Follows, or no longer follows.
#[derive(Message)]
#[rtype(result = "Result<Relation, Problem>")]
pub struct Follow {
    /// Whom.
    pub username: Username,
    /// True to follow, false to end it.
    pub follows: bool,
    /// How long to wait for the network; for all of the first attempt where it is `None`.
    pub within: Option<Duration>,
}

/// Where following somebody stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// Whom.
    pub username: Username,
    /// Whether the account follows.
    pub follows: bool,
    /// Whether it waits in the outbox.
    pub queued: bool,
}

/// Shows the profile, or changes it.
#[derive(Message)]
#[rtype(result = "Result<ProfileView, Problem>")]
pub struct Profile {
    /// What changes, if anything does.
    pub change: Option<ProfileChange>,
    /// How long to wait for the network; for all of the first attempt where it is `None`.
    pub within: Option<Duration>,
}

/// What changes in a profile; what is `None` stays.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ProfileChange {
    /// The display name.
    pub name: Option<String>,
    /// The bio.
    pub bio: Option<String>,
}

/// A profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileView {
    /// Whose.
    pub username: Username,
    /// The display name; empty when there is none.
    pub display_name: String,
    /// The bio; empty when there is none.
    pub bio: String,
    /// Whether a change waits in the outbox.
    pub queued: bool,
}

/// Deletes a post of the account.
#[derive(Message)]
#[rtype(result = "Result<Deleted, Problem>")]
pub struct Delete {
    /// Which.
    pub id: Hash,
    /// How long to wait for the network; for all of the first attempt where it is `None`.
    pub within: Option<Duration>,
}

/// A post that is deleted here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Its id.
    pub id: Hash,
    /// Whether its tombstone waits in the outbox.
    pub queued: bool,
}

/// Mutes or blocks somebody, or takes it back.
#[derive(Message)]
#[rtype(result = "Result<PrivateRelation, Problem>")]
pub struct RelatePrivately {
    /// Mute or block.
    pub kind: PrivateKind,
    /// Whom.
    pub username: Username,
    /// Whether it holds from now on.
    pub on: bool,
    /// How long to wait for the network; for all of the first attempt where it is `None`.
    pub within: Option<Duration>,
}

/// Where a mute or block stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateRelation {
    /// Whom.
    pub username: Username,
    /// Mute or block.
    pub kind: PrivateKind,
    /// Whether it holds.
    pub on: bool,
    /// Whether it waits in the outbox.
    pub queued: bool,
}

/// Asks who is muted or blocked.
#[derive(Message)]
#[rtype(result = "Result<Vec<HiddenPerson>, Problem>")]
pub struct PrivateList(pub PrivateKind);

/// Somebody the account has muted or blocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HiddenPerson {
    /// The name.
    pub username: Username,
    /// The account.
    pub account: AccountId,
    /// Since when.
    pub since: WallTime,
}

/// Compares the own log with the network's, where that was not done since the start.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CompareLog;

/// Posts and deletions of this node were published, long after they were made.
#[derive(Message)]
#[rtype(result = "()")]
pub struct PublishedLate(pub Vec<Record>);

/// Renews what ends in half of its time, and republishes, where it is time.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Renew;

/// Writes at once how far the account has read, where that is news; ready when it was sent.
#[derive(Message)]
#[rtype(result = "()")]
pub struct WritePosition;

/// Raises the floor of the own log to what has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub struct TendLog;

/// Tells feed and presence again who is logged in: they were rebuilt.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Resume;

/// Tries to finish registrations that are pending.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Pursue;
