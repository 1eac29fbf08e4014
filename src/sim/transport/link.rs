//! A connection that a simulated node dialled, or that it uses as if it had.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, Shared, select};
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

use crate::seam::NetError;
use crate::sim::links::Way;
use crate::sim::wire::{Place, Process, Taken};

/// How the HELLO of a connection goes, while that is not known.
struct Greeting {
    taken: Taken,
    answered: Shared<oneshot::Receiver<Result<(), NetError>>>,
}

/// What is to be told of a HELLO: that the peer took it in, and how it was answered.
pub(super) type Tell = (oneshot::Sender<()>, oneshot::Sender<Result<(), NetError>>);

/// A connection that requests go over. There are many, so a link is small.
pub(super) struct Link {
    pub host: u32,
    pub run: u32,
    pub line: u32,
    pub way: Way,
    srtt_us: Cell<u32>,
    /// When it was used last, by the count of uses.
    pub used: Cell<u32>,
    pub lost: Cell<bool>,
    /// Whether nothing comes through any more, which nobody has noticed.
    pub deaf: Cell<bool>,
    greeting: RefCell<Option<Rc<Greeting>>>,
    /// Admits requests, while there are any.
    streams: RefCell<Weak<Semaphore>>,
}

impl Link {
    /// Makes one to a run of a node, which is being greeted.
    pub fn new(to: Process, way: Way, round_trip: Duration, used: u32) -> (Self, Tell) {
        let ((tell_taken, taken), (tell_answered, answered)) = (oneshot::channel(), oneshot::channel());
        let greeting = Greeting { taken: taken.shared(), answered: answered.shared() };
        let (srtt_us, used) = (Cell::new(micros(round_trip)), Cell::new(used));
        let greeting = RefCell::new(Some(Rc::new(greeting)));
        let Process { host, run, line, .. } = to;
        let (lost, deaf, streams) = Default::default();
        let link = Self { host, run, line, way, srtt_us, used, lost, deaf, greeting, streams };
        (link, (tell_taken, tell_answered))
    }

    /// Makes one of a connection that a run of a node dialled and greeted us on.
    pub fn adopted(from: Process, way: Way, round_trip: Duration, used: u32) -> Self {
        let link = Self::new(from, way, round_trip, used).0;
        link.greeted();
        link
    }

    /// Notes that HELLO was answered well.
    pub fn greeted(&self) {
        *self.greeting.borrow_mut() = None;
    }

    pub fn is_greeted(&self) -> bool {
        self.greeting.borrow().is_none()
    }

    /// Returns where a request stands that is sent now.
    pub fn place(&self) -> Place {
        let greeting = self.greeting.borrow();
        greeting.as_ref().map_or(Place::Free, |greeting| Place::Behind(greeting.taken.clone()))
    }

    /// Waits for the outcome of a request, which counts for nothing when HELLO failed.
    pub async fn believe<T>(&self, request: impl Future<Output = T>) -> Result<T, NetError> {
        let greeting = self.greeting.borrow().as_ref().map(|greeting| greeting.answered.clone());
        let Some(greeting) = greeting else { return Ok(request.await) };
        let greeted = async { greeting.await.unwrap_or(Err(NetError::Unreachable)) };
        match select(pin!(greeted), pin!(request)).await {
            Either::Left((Ok(()), request)) => Ok(request.await),
            Either::Left((Err(error), _)) => Err(error),
            Either::Right((outcome, greeted)) => greeted.await.map(|()| outcome),
        }
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
