//! What a person writes to name a post: the first digits of its hash, or its decimal number.

use bytes::Bytes;

use crate::timeline::read_status_id;
use crate::types::{Code, DeviceId, Hash, Hlc, Problem};

/// The fewest digits of an id that are taken for it.
const SHORTEST_PREFIX: usize = 8;

/// A way to name a post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostId {
    /// The first hex digits of its hash.
    Prefix(String),
    /// Its stamp and the first bytes of its device.
    Number(Hlc, [u8; 8]),
}

impl PostId {
    /// Reads an id.
    ///
    /// # Errors
    /// `usage` when it is neither.
    pub fn read(text: &str) -> Result<Self, Problem> {
        if let Some((hlc, device)) = read_status_id(text) {
            return Ok(PostId::Number(hlc, device));
        }
        let digits = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if text.len() < SHORTEST_PREFIX || text.len() > 64 || !digits {
            let message = "an id is 64 lower-case hex digits, or at least the first 8 of them";
            return Err(Problem::new(Code::Usage, message));
        }
        Ok(PostId::Prefix(text.to_owned()))
    }

    /// Tells whether it may name a post with this hash, stamp and device.
    pub fn fits(&self, hash: &Hash, hlc: Hlc, device: &DeviceId) -> bool {
        match self {
            PostId::Prefix(prefix) => hash.to_string().starts_with(prefix),
            PostId::Number(stamp, head) => *stamp == hlc && device.0[..8] == *head,
        }
    }

    /// Tells whether there cannot be two posts of that id.
    pub fn is_whole(&self) -> bool {
        !matches!(self, PostId::Prefix(prefix) if prefix.len() < 64)
    }

    /// Returns how the keys begin in the feed of what it names, where that can be told without looking.
    pub fn place(&self) -> Option<Bytes> {
        match self {
            PostId::Prefix(_) => None,
            PostId::Number(hlc, device) => Some(hlc.0.to_be_bytes().iter().chain(device).map(|b| !b).collect()),
        }
    }
}

/// Returns the one post that was found.
///
/// # Errors
/// `no_such_post` when there is none, `usage` when there are several.
pub fn only<T>(id: &str, mut found: Vec<T>, wherein: &str) -> Result<T, Problem> {
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => {
            Err(Problem::new(Code::Usage, format!("several posts begin with {id}")).hint("give more digits"))
        }
        (None, _) => Err(Problem::new(Code::NoSuchPost, format!("there is no post {id} {wherein}"))),
    }
}
