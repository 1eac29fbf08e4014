//! The one seam between a node and the world: network, disk, clock, and work off the arbiter.
//!
//! Traits and the data they pass, nothing else. Production gives a node QUIC, SQLite, system time and a thread pool; the
//! simulator memory, paused time and work done in place. Everything that can differ between the two goes through here.

use std::net::{IpAddr, SocketAddr};
use std::rc::{Rc, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use thiserror::Error;

use crate::types::{Contact, Hash, Key, NodeId, Rng, Section, SectionSet, WallTime};

mod inbound;
mod reader;
mod time;

pub use inbound::{Inbound, Refused};
pub use reader::{Lent, LentBytes, Place, Reader};
pub use time::{Clock, SetClockError, TimeError, TimeSample, TimeSource};

/// A future that stays on the arbiter of its node.
pub type Later<T> = LocalBoxFuture<'static, T>;

/// What a request is for: it decides about limits, and whether it may be replayed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Changes nothing at the receiver, and may reach it before HELLO does.
    Read,
    /// Changes something at the receiver.
    Write,
    /// Moves much data; has limits of its own.
    Bulk,
}

/// What is known of the way to a peer.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Path {
    /// Smoothed round trip.
    pub srtt: Duration,
    /// Whether a request needs no dial: a connection that this node dialled is open.
    pub connected: bool,
}

/// Why a request got no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NetError {
    /// No connection could be made: the peer is down or out of reach. Try another, or later.
    #[error("unreachable")]
    Unreachable,
    /// The peer did not answer in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// Whoever answered proved another identity than the one dialled. Never retried at that address.
    #[error("another node answers at this address")]
    WrongPeer,
    /// The peer refused the connection: another network, or another protocol.
    #[error("the peer refused the connection")]
    Refused,
    /// The connection broke while the answer was awaited.
    #[error("the connection broke")]
    Broken,
    /// The request or the answer is over the size limit of a message.
    #[error("the message is over the size limit")]
    TooLarge,
    /// This transport is shut down.
    #[error("shut down")]
    Closed,
}

/// How much went over a transport since it was made, both directions from this node's side; HELLOs count as requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Requests sent, those that were not answered included.
    pub requests_sent: u64,
    /// Requests received.
    pub requests_received: u64,
    /// Bytes of requests and answers sent, without what the connection adds to them.
    pub bytes_sent: u64,
    /// Bytes of requests and answers received, counted alike.
    pub bytes_received: u64,
}

/// Requests to peers, and theirs to us.
pub trait Transport {
    /// Sends one request and waits for its answer, opening a connection where there is none. Dropping the future cancels;
    /// `within` covers everything, dialling included.
    fn request(&self, to: &Contact, body: Bytes, class: Class, within: Duration) -> Later<Result<Bytes, NetError>>;

    /// Makes sure that a request to a peer needs no dial: ready when the peer answered our HELLO well, at once where it has.
    /// The dial goes on when nobody waits any more.
    fn reach(&self, to: &Contact, within: Duration) -> Later<Result<(), NetError>>;

    /// Names the receiver of requests; before this call peers are not answered. Its end ends serving.
    fn serve(&self, inbound: Weak<dyn Inbound>);

    /// Returns what is known of the way to a peer, `None` when nothing is.
    fn path(&self, peer: &NodeId) -> Option<Path>;

    /// Returns the peers with an open connection, in the order of their ids.
    fn connected(&self) -> Vec<NodeId>;

    /// Returns how much went over this transport so far.
    fn traffic(&self) -> Traffic;

    /// Returns the address that a peer proved to have when it dialled this node, or was dialled; `None` where neither was, or that
    /// means nothing.
    fn origin(&self, peer: &NodeId) -> Option<IpAddr>;

    /// Returns the addresses under which others may reach this node, the preferred one first.
    fn addresses(&self) -> Vec<SocketAddr>;

    /// Begins anew after a suspension: the socket is bound again where that can be done, and what was dialled is given up.
    fn rebind(&self);

    /// Takes in that a peer is elsewhere: a connection to an address that it had, and has no longer, leads nowhere.
    fn moved(&self, _from: &Contact, _to: &[SocketAddr]) {}

    /// Returns the address at which an open connection meets the peer; `None` when there is none, or it is not known.
    fn remote(&self, _peer: &NodeId) -> Option<SocketAddr> {
        None
    }

    /// Returns who answers at an address, proved by a handshake.
    fn identify(&self, _address: SocketAddr) -> Later<Result<NodeId, NetError>> {
        Box::pin(std::future::ready(Err(NetError::Unreachable)))
    }

    /// Closes all connections and stops listening; later requests fail with [`NetError::Closed`].
    fn close(&self) -> Later<()>;
}

/// A record as it lies in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Where it is kept.
    pub key: Key,
    /// The section of that key.
    pub section: Section,
    /// What it competes for: records of one slot are merged.
    pub slot: Bytes,
    /// The hash of its signed bytes; unique within a slot.
    pub hash: Hash,
    /// The record, exactly as received.
    pub bytes: Bytes,
    /// When it ends; never served or merged from then on.
    pub expires_at: WallTime,
    /// When this node first stored it.
    pub stored_at: WallTime,
}

/// Local state that is not part of the distributed table; each space is its own ordered map.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Space {
    /// Facts about this node: its last contact number, the schema of its state.
    Node = 1,
    /// Contacts of the routing table.
    Contacts = 2,
    /// The logged-in device.
    Session = 3,
    /// Registrations that are not certified yet.
    Claims = 4,
    /// Records on their way to their replicas.
    Outbox = 5,
    /// Accounts this node's account follows.
    Followees = 6,
    /// Posts in the feed.
    Feed = 7,
    /// A registrar's FINALs.
    Finals = 8,
    /// Accounts known with their proof, and names by account.
    Proofs = 9,
    /// Pages that were full once and are split.
    Splits = 10,
    /// Posts that were collected here.
    Marks = 11,
    /// The account's mutes and blocks, opened.
    Private = 12,
    /// Mentions of the account.
    Inbox = 13,
    /// When time servers last agreed.
    Clock = 14,
    /// Watermarks that were signed.
    Seen = 15,
    /// What those who come from the same addresses keep here.
    Sources = 16,
}

/// One change.
#[derive(Clone, Debug)]
pub enum Op {
    /// Merges a record into its slot.
    Put(Stored),
    /// Removes one record.
    Delete {
        /// Where it is kept.
        key: Key,
        /// The section of that key.
        section: Section,
        /// Which record.
        hash: Hash,
    },
    /// Removes everything whose end lies at or before this time.
    Expire(WallTime),
    /// Sets a local value.
    SetLocal(Space, Bytes, Bytes),
    /// Sets a local value unless there is one already.
    SetLocalOnce(Space, Bytes, Bytes),
    /// Removes a local value.
    DropLocal(Space, Bytes),
}

/// Changes that are made together or not at all, in their order.
#[derive(Clone, Debug, Default)]
pub struct Batch(pub Vec<Op>);

/// What became of one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done; for a put, the record is now among those of its slot.
    Done,
    /// The very record was there already.
    Known,
    /// The slot holds something that wins over the record.
    Superseded,
    /// `SetLocalOnce` found this value.
    Held(Bytes),
}

/// One outcome for every change, in order.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Applied(pub Vec<Outcome>);

/// How much a store holds, or a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Usage {
    /// Records.
    pub records: u64,
    /// Bytes of those records.
    pub bytes: u64,
}

/// Why the store failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The file is not a store, or is damaged. Nothing was changed.
    #[error("the store is damaged: {0}")]
    Damaged(Detail),
    /// A newer version of this program wrote the store.
    #[error("the store has schema {found}, this program knows up to {known}")]
    Newer {
        /// The schema of the file.
        found: u32,
        /// The newest this program knows.
        known: u32,
    },
    /// The disk is full; nothing of the batch was written.
    #[error("the disk is full")]
    DiskFull,
    /// The folder or file cannot be written or read.
    #[error("the store cannot be accessed: {0}")]
    Access(Detail),
    /// The store is shut down.
    #[error("the store is closed")]
    Closed,
}

/// A detail for people, cheap to clone and to send.
pub type Detail = std::sync::Arc<str>;

/// Durable records and local state.
pub trait Store {
    /// Returns up to `limit` records of some sections of a key, by section, then slot, then hash. A point read, inline.
    /// `after` continues behind the record with that section, slot and hash. Ended records are left out.
    fn read(
        &self,
        key: &Key,
        sections: SectionSet,
        after: Option<&(Section, Bytes, Hash)>,
        limit: usize,
        now: WallTime,
    ) -> Result<Vec<Stored>, StoreError>;

    /// Returns how much of a section of a key [`Store::read`] would find, of the slots less than `below` where one is given.
    /// It reads no bytes: a record that the disk has damaged since counts like the others.
    fn measure(&self, key: &Key, section: Section, below: Option<&[u8]>, now: WallTime) -> Result<Usage, StoreError>;

    /// Returns up to `limit` local values whose key begins with `prefix` and is greater than `after`, in order.
    fn local(
        &self,
        space: Space,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, StoreError>;

    /// Makes changes in one transaction; ready when they are on disk.
    fn commit(&self, batch: Batch) -> Later<Result<Applied, StoreError>>;

    /// Returns how much is held, without a scan.
    fn usage(&self) -> Usage;

    /// Returns how many transactions changed what is on disk since the store was opened; 0 where there is no disk.
    fn commits(&self) -> u64 {
        0
    }

    /// Returns how many changes of pages were found lost when the store was opened, because the disk had damaged what was
    /// written; 0 where nothing was.
    fn cut(&self) -> u64 {
        0
    }

    /// Returns how many bytes are free where the store lies; `None` where that means nothing.
    fn free_bytes(&self) -> Option<u64> {
        None
    }

    /// Opens a reader for walks, to be used inside [`Offload`].
    fn reader(&self) -> Result<Box<dyn Reader + Send>, StoreError>;

    /// Flushes and closes; later calls fail with [`StoreError::Closed`].
    fn close(&self) -> Later<()>;
}

/// Which queue of work a job belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lane {
    /// Argon2id: much memory, at most two at once.
    Password,
    /// Scans and bulk checks.
    Bulk,
}

/// Work that would hold up the arbiter.
pub trait Offload {
    /// Runs the job at some time on some thread; in the simulator, now and here.
    fn run(&self, lane: Lane, job: Box<dyn FnOnce() + Send>);
}

/// Runs `job` through `offload` and returns its result; `None` when the job was dropped or panicked.
pub fn offload<T: Send + 'static>(
    offload: &dyn Offload,
    lane: Lane,
    job: impl FnOnce() -> T + Send + 'static,
) -> Later<Option<T>> {
    let (done, result) = tokio::sync::oneshot::channel();
    offload.run(lane, Box::new(move || drop(done.send(job()))));
    Box::pin(async move { result.await.ok() })
}

/// Everything a node needs from outside.
pub struct World {
    /// The network.
    pub net: Rc<dyn Transport>,
    /// The disk.
    pub store: Rc<dyn Store>,
    /// The system's time.
    pub clock: Rc<dyn Clock>,
    /// Time servers; without them the system's time is all there is.
    pub time: Option<Rc<dyn TimeSource>>,
    /// Randomness; every actor gets a fork of its own.
    pub rng: Rng,
    /// Work off the arbiter.
    pub offload: Rc<dyn Offload>,
}
