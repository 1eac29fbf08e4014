//! Panics in simulated nodes: noticed, whoever swallows them, and caused on purpose.

use std::cell::{Cell, RefCell};
use std::panic;
use std::rc::Rc;
use std::sync::Once;

use bytes::Bytes;

use crate::seam::{Applied, Batch, Later, Reader, Space, Store, StoreError, Stored, Usage};
use crate::store::MemoryStore;
use crate::types::{Hash, Key, Section, SectionSet, WallTime};

thread_local! {
    static PANICS: Cell<u64> = const { Cell::new(0) };
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Counts from now on the panics of every thread, as the runtime and the actors swallow those of their tasks.
pub(super) fn count_panics() {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANICS.with(|n| n.set(n.get() + 1));
            LAST.with(|last| *last.borrow_mut() = info.to_string());
            before(info);
        }));
    });
}

/// Returns how many panics there were on this thread, and what the last one said.
pub(super) fn panics() -> (u64, String) {
    (PANICS.with(Cell::get), LAST.with(|last| last.borrow().clone()))
}

/// A memory store that panics once in the middle of a local read, when told to: the bug that an actor is rebuilt after.
pub(super) struct Treacherous {
    pub store: MemoryStore,
    pub trap: Rc<Cell<Option<Space>>>,
}

impl Store for Treacherous {
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
        self.store.local(space, prefix, after, limit)
    }

    fn commit(&self, batch: Batch) -> Later<Result<Applied, StoreError>> {
        self.store.commit(batch)
    }

    fn usage(&self) -> Usage {
        self.store.usage()
    }

    fn reader(&self) -> Result<Box<dyn Reader + Send>, StoreError> {
        self.store.reader()
    }

    fn close(&self) -> Later<()> {
        self.store.close()
    }
}
