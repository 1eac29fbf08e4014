//! Polling many nodes on one thread: each has a `LocalSet` of its own, which sleeps or is dropped as a process would.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::task::LocalSet;

/// A node's place: what is polled, and whether it may be.
#[derive(Default)]
pub(super) struct Seat {
    process: RefCell<Option<LocalBoxFuture<'static, ()>>>,
    asleep: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Seat {
    /// Drops everything that runs there, at once.
    pub(super) fn kill(&self) {
        drop(self.process.borrow_mut().take());
    }

    /// Stops polling, or goes on.
    pub(super) fn set_asleep(&self, asleep: bool) {
        self.asleep.set(asleep);
        if !asleep && let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// A seat among those that are polled; done when its process was killed.
struct Seated(Rc<Seat>);

impl Future for Seated {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut process = self.0.process.borrow_mut();
        let Some(running) = process.as_mut() else { return Poll::Ready(()) };
        if self.0.asleep.get() {
            *self.0.waker.borrow_mut() = Some(cx.waker().clone());
            return Poll::Pending;
        }
        running.as_mut().poll(cx)
    }
}

/// All nodes that run. They are polled in the order in which they were woken, so a run repeats itself.
#[derive(Default)]
pub(super) struct Crew(RefCell<FuturesUnordered<Seated>>);

impl Crew {
    /// Takes a node in. It alone keeps the set alive: a task of the set that did would never be dropped.
    pub(super) fn seat(&self, set: Rc<LocalSet>) -> Rc<Seat> {
        let seat = Rc::new(Seat::default());
        let process: LocalBoxFuture<'static, ()> =
            Box::pin(async move { set.run_until(std::future::pending::<()>()).await });
        *seat.process.borrow_mut() = Some(process);
        self.0.borrow_mut().push(Seated(seat.clone()));
        seat
    }

    /// Runs the story and the nodes side by side until the story ends; `look` is called whenever nodes have run.
    pub(super) async fn run<T>(&self, story: impl Future<Output = T>, look: impl Fn()) -> T {
        let mut story = std::pin::pin!(story);
        poll_fn(|cx| {
            if let Poll::Ready(end) = story.as_mut().poll(cx) {
                return Poll::Ready(end);
            }
            while let Poll::Ready(Some(())) = self.0.borrow_mut().poll_next_unpin(cx) {}
            look();
            Poll::Pending
        })
        .await
    }
}
