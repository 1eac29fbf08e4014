//! A simulated node's store: a memory disk that takes its time, loses what it has not acknowledged in a crash, and can be
//! told to cause a panic, or to lose what it acknowledges.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use crate::seam::{Applied, Batch, Later, Op, Reader, Space, Store, StoreError, Stored, Usage};
use crate::store::MemoryStore;
use crate::types::{Hash, Key, Section, SectionSet, WallTime};

type Told = oneshot::Sender<Result<Applied, StoreError>>;

/// Tells of a change whether it is acknowledged and not made.
pub(super) type Drops = Option<Box<dyn Fn(&Op) -> bool>>;

/// Tells of local state whether it is not found.
pub(super) type Blind = Option<Box<dyn Fn(Space) -> bool>>;

/// What a change that is not made becomes: it changes nothing and is acknowledged.
const NOTHING: &[u8] = b"\0nothing";

/// A store whose commits are made, and can be read, some time after the call; in the order of calls.
pub(super) struct SimStore {
    drops: Drops,
    blind: Blind,
    store: Rc<MemoryStore>,
    /// Bounded by what the node's actors have under way, as in production.
    queue: mpsc::UnboundedSender<(Batch, Told)>,
    trap: Rc<Cell<Option<Space>>>,
}

impl SimStore {
    /// Opens a store inside the process whose end is the end of what is not committed; `trap` names a space whose next
    /// read panics: the bug after which an actor is rebuilt.
    pub(super) fn open(
        store: MemoryStore,
        takes: Duration,
        trap: Rc<Cell<Option<Space>>>,
        (drops, blind): (Drops, Blind),
    ) -> Self {
        let store = Rc::new(store);
        let (queue, mut commits) = mpsc::unbounded_channel::<(Batch, Told)>();
        let disk = store.clone();
        tokio::task::spawn_local(async move {
            while let Some(first) = commits.recv().await {
                sleep(takes).await;
                let mut next = Some(first);
                // What has gathered meanwhile is made durable together.
                while let Some((batch, told)) = next {
                    // Whoever waited may have given up.
                    let _ = told.send(disk.commit(batch).await);
                    next = commits.try_recv().ok();
                }
            }
        });
        Self { drops, blind, store, queue, trap }
    }

    fn treat(&self, op: &mut Op) {
        if self.drops.as_ref().is_some_and(|drops| drops(op)) {
            *op = Op::DropLocal(Space::Node, Bytes::from_static(NOTHING));
        }
    }
}

impl Store for SimStore {
    fn read(
        &self,
        key: &Key,
        sections: SectionSet,
        after: Option<&(Section, Bytes, Hash)>,
        limit: usize,
        now: WallTime,
    ) -> Result<Vec<Stored>, StoreError> {
        self.store.read(key, sections, after, limit, now)
    }

    fn measure(&self, key: &Key, section: Section, below: Option<&[u8]>, now: WallTime) -> Result<Usage, StoreError> {
        self.store.measure(key, section, below, now)
    }

    fn local(
        &self,
        space: Space,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>, StoreError> {
        if self.trap.get() == Some(space) {
            self.trap.set(None);
            panic!("the panic that this simulation was asked for");
        }
        if self.blind.as_ref().is_some_and(|blind| blind(space)) {
            return Ok(Vec::new());
        }
        self.store.local(space, prefix, after, limit)
    }

    fn commit(&self, mut batch: Batch) -> Later<Result<Applied, StoreError>> {
        batch.0.iter_mut().for_each(|op| self.treat(op));
        let (told, done) = oneshot::channel();
        let sent = self.queue.send((batch, told)).is_ok();
        Box::pin(
            async move { if sent { done.await.unwrap_or(Err(StoreError::Closed)) } else { Err(StoreError::Closed) } },
        )
    }

    fn usage(&self) -> Usage {
        self.store.usage()
    }

    fn reader(&self) -> Result<Box<dyn Reader + Send>, StoreError> {
        self.store.reader()
    }

    fn close(&self) -> Later<()> {
        // Behind everything that was committed before.
        let (last, store) = (self.commit(Batch::default()), self.store.clone());
        Box::pin(async move {
            drop(last.await);
            store.close().await;
        })
    }
}
