//! A connection that a simulated node dialled.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::sim::links::Way;

/// A connection that this node dialled. There are many, so a link is small.
pub(super) struct Link {
    pub host: u32,
    pub run: u32,
    pub way: Way,
    srtt_us: Cell<u32>,
    /// When it was used last, by the count of uses.
    pub used: Cell<u32>,
    pub lost: Cell<bool>,
    /// Admits requests, while there are any.
    streams: RefCell<Weak<Semaphore>>,
}

impl Link {
    /// Makes one to a run of a node.
    pub fn new((host, run): (u32, u32), way: Way, round_trip: Duration, used: u32) -> Self {
        let (srtt_us, used) = (Cell::new(micros(round_trip)), Cell::new(used));
        Self { host, run, way, srtt_us, used, lost: Cell::new(false), streams: RefCell::default() }
    }

    pub fn srtt(&self) -> Duration {
        Duration::from_micros(self.srtt_us.get().into())
    }

    pub fn note(&self, round_trip: Duration) {
        self.srtt_us.set(micros((self.srtt() * 7 + round_trip) / 8));
    }

    pub fn is_busy(&self) -> bool {
        self.streams.borrow().strong_count() > 0
    }

    /// Returns what admits requests.
    pub fn streams(&self, most: u32) -> Streams<'_> {
        let mut streams = self.streams.borrow_mut();
        let semaphore = streams.upgrade().unwrap_or_else(|| {
            let fresh = Rc::new(Semaphore::new(most as usize));
            *streams = Rc::downgrade(&fresh);
            fresh
        });
        Streams { semaphore, of: self }
    }
}

/// What admits requests on a link; taken off the link with the last of them, as most links are idle.
pub(super) struct Streams<'a> {
    semaphore: Rc<Semaphore>,
    of: &'a Link,
}

impl Streams<'_> {
    /// Waits for a place among the requests; the semaphore is never closed.
    pub async fn acquire(&self) -> Option<SemaphorePermit<'_>> {
        self.semaphore.acquire().await.ok()
    }
}

impl Drop for Streams<'_> {
    fn drop(&mut self) {
        if Rc::strong_count(&self.semaphore) == 1 {
            *self.of.streams.borrow_mut() = Weak::new();
        }
    }
}

pub(super) fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}
