//! What the outbox keeps on disk: records, where they go, and who has them.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::records::{Destination, Known, Record, from_bytes, to_bytes};
use crate::seam::{Op, Space, Store};
use crate::types::{Hash, Key, NodeId, WallTime};
use crate::wire::Blob;

/// Items read from disk at once.
const READ: usize = 1000;

/// The label of watermarks: of one log only the last one is worth sending.
pub const WATERMARK: &str = "watermark";

/// Records for one key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parcel {
    /// The key.
    #[serde(rename = "K")]
    pub key: Key,
    /// The records.
    #[serde(rename = "R")]
    pub records: Vec<Blob>,
    /// Nodes that have all of them on disk, or whose page is full and that sent on the others to the page below.
    #[serde(rename = "a")]
    pub acked: BTreeSet<NodeId>,
    /// How many replicas have them, as of the last attempt.
    #[serde(rename = "n")]
    pub replicas_acked: u32,
    /// How many replicas are wanted, as of the last attempt.
    #[serde(rename = "w")]
    pub wanted: u32,
    /// Whether the records are published.
    #[serde(rename = "p")]
    pub published: bool,
    /// Whether the outbox may let go.
    #[serde(rename = "d")]
    pub complete: bool,
    /// Whether the last attempt failed in a way that the next one may not: those who are to have it were there.
    #[serde(skip)]
    pub hopeful: bool,
}

impl Parcel {
    /// Packs a record for a key.
    pub fn new(key: Key, record: Blob) -> Self {
        Self {
            key,
            records: vec![record],
            acked: BTreeSet::new(),
            replicas_acked: 0,
            wanted: 0,
            published: false,
            complete: false,
            hopeful: false,
        }
    }
}

/// Parcels that belong together: a post, a follow, a registration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// What it is about: the hash of its main record.
    #[serde(rename = "I")]
    pub id: Hash,
    /// A word for people: `post`, `follow` …
    #[serde(rename = "L")]
    pub label: String,
    /// When it was put in.
    #[serde(rename = "T")]
    pub since: WallTime,
    /// The parcels; those for pages below a full one come behind the others.
    #[serde(rename = "P")]
    pub parcels: Vec<Parcel>,
    /// Why the last attempt was not enough.
    #[serde(rename = "e", default)]
    pub last_error: Option<String>,
    /// Whether it must not be sent yet; whoever held it sends it with a dispatch, or withdraws it.
    #[serde(rename = "h", default)]
    pub held: bool,
}

impl Known for Item {
    const FIELDS: &'static [&'static str] = &["I", "L", "T", "P", "e", "h"];
}

impl Item {
    /// Packs records for all their destinations; records for one key travel together, in the order given.
    pub fn pack(label: &str, id: Hash, records: &[Record], since: WallTime) -> Self {
        let mut parcels: Vec<Parcel> = Vec::new();
        for record in records {
            for Destination { key, .. } in record.destinations() {
                match parcels.iter_mut().find(|p| p.key == key) {
                    Some(parcel) => parcel.records.push(Blob::from(record.bytes())),
                    None => parcels.push(Parcel::new(key, Blob::from(record.bytes()))),
                }
            }
        }
        Self { id, label: label.to_owned(), since, parcels, last_error: None, held: false }
    }

    /// Returns the change that puts the item on disk; the caller makes it together with its own.
    pub fn keep(&self) -> Op {
        Op::SetLocal(Space::Outbox, self.disk_key(), to_bytes(self).into())
    }

    /// Returns the change that lets go of the item.
    pub fn let_go(&self) -> Op {
        Op::DropLocal(Space::Outbox, self.disk_key())
    }

    /// Reads an item from disk.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        from_bytes(bytes).ok()
    }

    /// Reads all items on disk, the oldest first; one that cannot be read is left alone.
    pub fn all(store: &dyn Store) -> Vec<Self> {
        let (mut out, mut after) = (Vec::new(), None::<Bytes>);
        loop {
            let rows = store.local(Space::Outbox, &[], after.as_deref(), READ).unwrap_or_default();
            let Some((last, _)) = rows.last() else { return out };
            after = Some(last.clone());
            for (_, value) in &rows {
                match Self::read(value) {
                    Some(item) => out.push(item),
                    None => tracing::error!("an item of the outbox cannot be read and is left alone"),
                }
            }
        }
    }

    /// Returns its records, each once.
    pub fn records(&self) -> Vec<Record> {
        let mut out: Vec<Record> = Vec::new();
        for blob in self.parcels.iter().flat_map(|parcel| &parcel.records) {
            match Record::decode(blob.0.clone()) {
                Ok(record) if out.iter().all(|known| known.hash() != record.hash()) => out.push(record),
                _ => {}
            }
        }
        out
    }

    /// Returns its key on disk: in the order in which items were put in.
    pub fn disk_key(&self) -> Bytes {
        Self::key(self.since, &self.id)
    }

    /// Returns the key on disk of an item with this id that was put in then.
    pub fn key(since: WallTime, id: &Hash) -> Bytes {
        [&since.0.to_be_bytes()[..], &id.0].concat().into()
    }

    /// Tells whether everything in it is published.
    pub fn is_published(&self) -> bool {
        self.parcels.iter().all(|p| p.published)
    }

    /// Tells whether the outbox may let go.
    pub fn is_complete(&self) -> bool {
        self.parcels.iter().all(|p| p.complete)
    }

    /// Tells whether nothing in it is of use any more.
    pub fn is_over(&self, now: WallTime) -> bool {
        self.parcels.iter().all(|p| p.records.iter().all(|blob| has_ended(blob, now)))
    }
}

/// Tells whether a record has ended, or cannot be read.
pub fn has_ended(blob: &Blob, now: WallTime) -> bool {
    Record::decode(blob.0.clone()).map_or(true, |record| record.expires_at() <= now)
}
