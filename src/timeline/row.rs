//! A post as the feed keeps it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::records::{Known, PostBody, Signed, from_bytes, to_bytes};
use crate::types::{DeviceId, Username};

/// How a post came to this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// It was made here.
    Local,
    /// Its author's node brought it.
    Direct,
    /// It was read from a replica.
    Replica,
}

#[derive(Serialize, Deserialize)]
struct RawRow {
    #[serde(rename = "P", with = "serde_bytes")]
    post: Vec<u8>,
    #[serde(rename = "U")]
    author: Username,
    #[serde(rename = "V")]
    via: Via,
    #[serde(rename = "S")]
    shown: bool,
}

impl Known for RawRow {
    const FIELDS: &'static [&'static str] = &["P", "U", "V", "S"];
}

/// A post in the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedRow {
    /// The post.
    pub post: Signed<PostBody>,
    /// Its author's name.
    pub author: Username,
    /// How it came.
    pub via: Via,
    /// Whether the user has been shown it.
    pub shown: bool,
}

/// Returns the key of a post in the feed. Keys ascend as feeds are read: newest first by time, device, number.
pub fn row_key(post: &Signed<PostBody>) -> Bytes {
    let body = &post.body;
    let order = [&body.hlc.0.to_be_bytes()[..], &body.device.0, &body.seq.to_be_bytes(), &post.hash().0].concat();
    order.into_iter().map(|b| !b).collect()
}

impl FeedRow {
    /// Returns its key.
    pub fn key(&self) -> Bytes {
        row_key(&self.post)
    }

    /// Reads device and number of a post from the key of its row; `None` for what is no key.
    pub fn read_key(key: &[u8]) -> Option<(DeviceId, u64)> {
        let order: Vec<u8> = key.iter().map(|b| !b).collect();
        let device = order.get(8..40)?.try_into().ok()?;
        let seq = order.get(40..48)?.try_into().ok()?;
        Some((DeviceId(device), u64::from_be_bytes(seq)))
    }

    /// Encodes the row.
    pub fn to_bytes(&self) -> Bytes {
        to_bytes(&RawRow {
            post: self.post.bytes().to_vec(),
            author: self.author.clone(),
            via: self.via,
            shown: self.shown,
        })
        .into()
    }

    /// Reads a row; `None` when it is damaged.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let raw: RawRow = from_bytes(bytes).ok()?;
        let post = Signed::decode(Bytes::from(raw.post)).ok()?;
        Some(Self { post, author: raw.author, via: raw.via, shown: raw.shown })
    }
}
