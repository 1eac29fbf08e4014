//! Any record.

use std::time::Duration;

use bytes::Bytes;

use super::account::AccountChain;
use super::envelope::{RecordError, SUITE, Signed};
use super::kinds::{
    BundleBody, DeviceBody, DirectoryBody, EdgeBody, HeadsBody, InterestBody, MentionBody, PostBody, PresenceBody,
    PrivateBody, ProfileBody, RetirementBody, TombstoneBody, WatermarkBody,
};
use crate::types::{AccountId, DeviceId, Hash, Hlc, RecordKind, WallTime};

/// A record of any kind that this version knows, read but not necessarily verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is the kind of its name")]
pub enum Record {
    Account(AccountChain),
    Bundle(Signed<BundleBody>),
    Device(Signed<DeviceBody>),
    Retirement(Signed<RetirementBody>),
    Heads(Signed<HeadsBody>),
    Post(Signed<PostBody>),
    Edge(Signed<EdgeBody>),
    Presence(Signed<PresenceBody>),
    Interest(Signed<InterestBody>),
    Profile(Signed<ProfileBody>),
    Tombstone(Signed<TombstoneBody>),
    Watermark(Signed<WatermarkBody>),
    Private(Signed<PrivateBody>),
    Mention(Signed<MentionBody>),
    Directory(Signed<DirectoryBody>),
}

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
const PROFILE_LIFE: Duration = Duration::from_secs(90 * 24 * 3600);
const WATERMARK_LIFE: Duration = Duration::from_secs(60 * 24 * 3600);
const PRESENCE_LIFE: Duration = Duration::from_secs(10 * 60);
const INTEREST_LIFE: Duration = Duration::from_secs(60 * 60);

/// Applies an expression to the signed record inside, whatever its kind; account chains go their own way.
macro_rules! each {
    ($record:expr, $chain:ident => $for_chain:expr, $signed:ident => $for_signed:expr) => {
        match $record {
            Record::Account($chain) => $for_chain,
            Record::Bundle($signed) => $for_signed,
            Record::Device($signed) => $for_signed,
            Record::Retirement($signed) => $for_signed,
            Record::Heads($signed) => $for_signed,
            Record::Post($signed) => $for_signed,
            Record::Edge($signed) => $for_signed,
            Record::Presence($signed) => $for_signed,
            Record::Interest($signed) => $for_signed,
            Record::Profile($signed) => $for_signed,
            Record::Tombstone($signed) => $for_signed,
            Record::Watermark($signed) => $for_signed,
            Record::Private($signed) => $for_signed,
            Record::Mention($signed) => $for_signed,
            Record::Directory($signed) => $for_signed,
        }
    };
}

impl Record {
    /// Reads a record of any kind; signatures are checked elsewhere.
    ///
    /// # Errors
    /// All but those that need a key, limits or the time.
    pub fn decode(bytes: Bytes) -> Result<Self, RecordError> {
        let kind = match bytes.as_ref() {
            [SUITE, kind, ..] => RecordKind::from_number(*kind).ok_or(RecordError::Kind(*kind))?,
            [_, _, ..] => return Err(RecordError::Suite),
            _ => return Err(RecordError::Short),
        };
        Ok(match kind {
            RecordKind::Account => Record::Account(AccountChain::decode(bytes)?),
            RecordKind::Bundle => Record::Bundle(Signed::decode(bytes)?),
            RecordKind::Device => Record::Device(Signed::decode(bytes)?),
            RecordKind::Retirement => Record::Retirement(Signed::decode(bytes)?),
            RecordKind::Heads => Record::Heads(Signed::decode(bytes)?),
            RecordKind::Post => Record::Post(Signed::decode(bytes)?),
            RecordKind::Edge => Record::Edge(Signed::decode(bytes)?),
            RecordKind::Presence => Record::Presence(Signed::decode(bytes)?),
            RecordKind::Interest => Record::Interest(Signed::decode(bytes)?),
            RecordKind::Profile => Record::Profile(Signed::decode(bytes)?),
            RecordKind::Tombstone => Record::Tombstone(Signed::decode(bytes)?),
            RecordKind::Watermark => Record::Watermark(Signed::decode(bytes)?),
            RecordKind::Private => Record::Private(Signed::decode(bytes)?),
            RecordKind::Mention => Record::Mention(Signed::decode(bytes)?),
            RecordKind::Directory => Record::Directory(Signed::decode(bytes)?),
        })
    }

    /// Returns the kind.
    pub fn kind(&self) -> RecordKind {
        match self {
            Record::Account(_) => RecordKind::Account,
            Record::Bundle(_) => RecordKind::Bundle,
            Record::Device(_) => RecordKind::Device,
            Record::Retirement(_) => RecordKind::Retirement,
            Record::Heads(_) => RecordKind::Heads,
            Record::Post(_) => RecordKind::Post,
            Record::Edge(_) => RecordKind::Edge,
            Record::Presence(_) => RecordKind::Presence,
            Record::Interest(_) => RecordKind::Interest,
            Record::Profile(_) => RecordKind::Profile,
            Record::Tombstone(_) => RecordKind::Tombstone,
            Record::Watermark(_) => RecordKind::Watermark,
            Record::Private(_) => RecordKind::Private,
            Record::Mention(_) => RecordKind::Mention,
            Record::Directory(_) => RecordKind::Directory,
        }
    }

    /// Returns the hash of what is signed; for an account, that of its present state.
    pub fn hash(&self) -> Hash {
        each!(self, chain => chain.hash(), signed => signed.hash())
    }

    /// Returns the exact bytes.
    pub fn bytes(&self) -> &Bytes {
        each!(self, chain => chain.bytes(), signed => signed.bytes())
    }

    /// Returns the account that made it; a bundle names none.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Record::Account(chain) => Some(chain.account),
            Record::Bundle(_) => None,
            Record::Device(r) => Some(r.body.account),
            Record::Retirement(r) => Some(r.body.account),
            Record::Heads(r) => Some(r.body.account),
            Record::Post(r) => Some(r.body.account),
            Record::Edge(r) => Some(r.body.follower),
            Record::Presence(r) => Some(r.body.account),
            Record::Interest(r) => Some(r.body.follower),
            Record::Profile(r) => Some(r.body.account),
            Record::Tombstone(r) => Some(r.body.account),
            Record::Watermark(r) => Some(r.body.follower),
            Record::Private(r) => Some(r.body.account),
            Record::Mention(r) => Some(r.body.account),
            Record::Directory(r) => Some(r.body.account),
        }
    }

    /// Returns the device that it is of; for a certificate, the device that it names.
    pub fn device(&self) -> Option<DeviceId> {
        match self {
            Record::Account(_) | Record::Bundle(_) | Record::Directory(_) => None,
            Record::Device(r) => Some(r.body.device),
            Record::Retirement(r) => Some(r.body.device),
            Record::Heads(r) => Some(r.body.device),
            Record::Post(r) => Some(r.body.device),
            Record::Edge(r) => Some(r.body.device),
            Record::Presence(r) => Some(r.body.device),
            Record::Interest(r) => Some(r.body.device),
            Record::Profile(r) => Some(r.body.device),
            Record::Tombstone(r) => Some(r.body.device),
            Record::Watermark(r) => Some(r.body.device),
            Record::Private(r) => Some(r.body.device),
            Record::Mention(r) => Some(r.body.device),
        }
    }

    /// Returns when it was stamped; accounts and bundles carry no time.
    pub fn hlc(&self) -> Option<Hlc> {
        match self {
            Record::Account(_) | Record::Bundle(_) | Record::Directory(_) => None,
            Record::Device(r) => Some(r.body.hlc),
            Record::Retirement(r) => Some(r.body.hlc),
            Record::Heads(r) => Some(r.body.hlc),
            Record::Post(r) => Some(r.body.hlc),
            Record::Edge(r) => Some(r.body.hlc),
            Record::Presence(r) => Some(r.body.hlc),
            Record::Interest(r) => Some(r.body.hlc),
            Record::Profile(r) => Some(r.body.hlc),
            Record::Tombstone(r) => Some(r.body.hlc),
            Record::Watermark(r) => Some(r.body.hlc),
            Record::Private(r) => Some(r.body.hlc),
            Record::Mention(r) => Some(r.body.hlc),
        }
    }

    /// Returns when it ends: its stamp and the lifetime of its kind, exactly.
    pub fn expires_at(&self) -> WallTime {
        match self {
            Record::Account(_)
            | Record::Bundle(_)
            | Record::Device(_)
            | Record::Retirement(_)
            | Record::Directory(_) => WallTime::NEVER,
            Record::Heads(r) => r.body.hlc.wall().plus(YEAR),
            Record::Edge(r) => r.body.hlc.wall().plus(YEAR),
            Record::Post(r) => r.body.expires_at(),
            Record::Presence(r) => r.body.hlc.wall().plus(PRESENCE_LIFE),
            Record::Interest(r) => r.body.hlc.wall().plus(INTEREST_LIFE),
            Record::Profile(r) => r.body.hlc.wall().plus(PROFILE_LIFE),
            Record::Tombstone(r) => r.body.expires_at(),
            Record::Watermark(r) => r.body.hlc.wall().plus(WATERMARK_LIFE),
            Record::Private(r) => r.body.hlc.wall().plus(YEAR),
            Record::Mention(r) => r.body.ends,
        }
    }
}

#[cfg(test)]
mod tests;
