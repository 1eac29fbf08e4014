//! Walks over the whole store, which lend records instead of handing them out.

use std::ops::{ControlFlow, Deref};

use bytes::Bytes;

use super::{StoreError, Stored};
use crate::types::{Hash, Key, Section, WallTime};

/// Where a record lies: its key, section, slot and hash. The order of places is the order of reading.
pub type Place = (Key, Section, Bytes, Hash);

/// Walks over the whole store.
pub trait Reader {
    /// Lends the records behind `after` to `look`, by their places and ended ones included, until it breaks.
    ///
    /// What changes meanwhile may or may not be seen.
    fn walk(
        &mut self,
        after: Option<&Place>,
        look: &mut dyn FnMut(&Lent<'_>) -> ControlFlow<()>,
    ) -> Result<(), StoreError>;
}

/// A record as it lies in the store, lent for a look.
#[derive(Clone, Copy, Debug)]
pub struct Lent<'a> {
    /// Where it is kept.
    pub key: &'a Key,
    /// The section of that key.
    pub section: Section,
    /// What it competes for.
    pub slot: &'a [u8],
    /// The hash of its signed bytes.
    pub hash: &'a Hash,
    /// The record, exactly as received.
    pub bytes: LentBytes<'a>,
    /// When it ends.
    pub expires_at: WallTime,
    /// When this node first stored it.
    pub stored_at: WallTime,
}

impl Lent<'_> {
    /// Returns where it lies.
    pub fn place(&self) -> Place {
        (*self.key, self.section, Bytes::copy_from_slice(self.slot), *self.hash)
    }
}

impl<'a> From<&'a Stored> for Lent<'a> {
    fn from(stored: &'a Stored) -> Self {
        let Stored { key, section, slot, hash, bytes, expires_at, stored_at } = stored;
        let (section, bytes) = (*section, LentBytes::Held(bytes));
        Self { key, section, slot, hash, bytes, expires_at: *expires_at, stored_at: *stored_at }
    }
}

impl From<&Lent<'_>> for Stored {
    fn from(lent: &Lent<'_>) -> Self {
        let (key, section, slot, hash) = lent.place();
        let (expires_at, stored_at) = (lent.expires_at, lent.stored_at);
        Self { key, section, slot, hash, bytes: lent.bytes.to_bytes(), expires_at, stored_at }
    }
}

/// The bytes of a lent record: keeping them costs a copy where the store does not hold them in memory.
#[derive(Clone, Copy, Debug)]
pub enum LentBytes<'a> {
    /// Held in memory.
    Held(&'a Bytes),
    /// Read for this look.
    Read(&'a [u8]),
}

impl LentBytes<'_> {
    /// Returns them to be kept.
    pub fn to_bytes(&self) -> Bytes {
        match self {
            Self::Held(bytes) => (*bytes).clone(),
            Self::Read(bytes) => Bytes::copy_from_slice(bytes),
        }
    }
}

impl Deref for LentBytes<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Held(bytes) => bytes,
            Self::Read(bytes) => bytes,
        }
    }
}
