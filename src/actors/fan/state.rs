//! What a node remembers of what it brings on for others, and how much of that is under way.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::actors::peers::Rates;
use crate::records::{Part, Record};
use crate::timeline::fan::{Receipts, Refusal, Taken};
use crate::types::{AccountId, Hash, NodeId};

/// Posts that are brought on at once: each has some 70 requests under way at most.
const AT_ONCE: usize = 16;
/// Work remembered with what came of it, for whoever asks for it once more.
const REMEMBERED: usize = 64;

/// What a node brings on for others.
pub struct Fan {
    began: Instant,
    taken: RefCell<Taken>,
    rates: RefCell<Rates>,
    under_way: Rc<Cell<usize>>,
    /// The latest last; at most [`REMEMBERED`].
    works: RefCell<VecDeque<(Hash, Part, Rc<Work>)>>,
}

/// One part of one post that is brought on.
#[derive(Default)]
pub struct Work {
    /// What was counted so far.
    pub sum: Cell<Receipts>,
    done: Cell<bool>,
    ended: Notify,
}

impl Work {
    /// Adds to what was counted.
    pub fn add(&self, more: Receipts) {
        let mut sum = self.sum.get();
        sum.add(more);
        self.sum.set(sum);
    }

    /// Notes that all is done.
    pub fn end(&self) {
        self.done.set(true);
        self.ended.notify_waiters();
    }

    /// Waits until all is done.
    pub async fn wait(&self) {
        let mut ended = std::pin::pin!(self.ended.notified());
        ended.as_mut().enable();
        if !self.done.get() {
            ended.await;
        }
    }
}

/// A place among what is under way; given back when this is dropped.
pub struct Turn(Rc<Cell<usize>>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Default for Fan {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            taken: RefCell::default(),
            rates: RefCell::default(),
            under_way: Rc::default(),
            works: RefCell::default(),
        }
    }
}

impl Fan {
    /// Notes that somebody brought a post; true where this node counts elsewhere already.
    pub fn was_brought(&self, post: &Bytes, page: u8) -> bool {
        let hash = Record::decode(post.clone()).map(|record| record.hash());
        hash.is_ok_and(|hash| self.taken.borrow_mut().brought(hash, page))
    }

    /// Notes that this node was asked to bring a post on; true where it counts elsewhere already.
    pub fn was_asked(&self, post: Hash) -> bool {
        self.taken.borrow_mut().asked(post)
    }

    /// Takes a part of an author's post on, `most` posts a minute.
    ///
    /// # Errors
    /// Why not.
    pub fn take(&self, post: Hash, author: AccountId, part: Part, most: u32) -> Result<Rc<Work>, Refusal> {
        self.taken.borrow_mut().take((post, author), part, self.began.elapsed(), most)?;
        let work = Rc::new(Work::default());
        let mut works = self.works.borrow_mut();
        works.push_back((post, part, work.clone()));
        if works.len() > REMEMBERED {
            works.pop_front();
        }
        Ok(work)
    }

    /// Returns the work of before on the same part of a post.
    pub fn before(&self, post: Hash, part: Part) -> Option<Rc<Work>> {
        let works = self.works.borrow();
        works.iter().find(|(of, on, _)| (*of, *on) == (post, part)).map(|(.., work)| work.clone())
    }

    /// Counts a request of a peer; false when it asks too much.
    pub fn admits(&self, from: NodeId, most: u32) -> bool {
        self.rates.borrow_mut().admit(from, 1, most)
    }

    /// Takes a place among what is under way; `None` when there is none.
    pub fn begin(&self) -> Option<Turn> {
        let under_way = self.under_way.get();
        (under_way < AT_ONCE).then(|| {
            self.under_way.set(under_way + 1);
            Turn(self.under_way.clone())
        })
    }
}
