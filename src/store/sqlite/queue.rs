//! The queue of batches before the writer: bounded, in the order of calls, taken whole.

use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::seam::{Applied, Batch, Later, StoreError};

/// The most batches that wait for the writer. Enough that a group pays for its sync many times over; few enough
/// that the last one waits well under a second. More wait in their futures.
const ROOM: usize = 1024;

/// A batch and where its answer goes.
pub(super) struct Job {
    /// What to do.
    pub batch: Batch,
    /// Who waits for it; nobody, when the future was dropped.
    pub answer: oneshot::Sender<Result<Applied, StoreError>>,
    _room: OwnedSemaphorePermit,
}

/// Carries batches from the arbiter to the writer.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    room: Arc<Semaphore>,
    /// Never has permits; closed when the writer has ended.
    ended: Semaphore,
}

/// At most [`ROOM`] jobs: each holds a permit.
#[derive(Default)]
struct Waiting {
    jobs: Vec<Job>,
    closed: bool,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            changed: Condvar::new(),
            room: Arc::new(Semaphore::new(ROOM)),
            ended: Semaphore::new(0),
        }
    }
}

impl Queue {
    /// Queues a batch, now where there is room.
    pub fn submit(self: &Arc<Self>, batch: Batch) -> Later<Result<Applied, StoreError>> {
        // The semaphore is fair and knows a waiter from its first poll, so this poll fixes the order of commits.
        // Unconstrained, because a task that used up its budget would be told to wait and not be known.
        let mut room = Box::pin(tokio::task::unconstrained(Arc::clone(&self.room).acquire_owned()));
        match room.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(permit)) => {
                let answer = self.push(batch, permit);
                Box::pin(async move { answer.await.unwrap_or(Err(StoreError::Closed)) })
            }
            Poll::Ready(Err(_)) => Box::pin(async { Err(StoreError::Closed) }),
            Poll::Pending => {
                let queue = Arc::clone(self);
                Box::pin(async move {
                    let permit = room.await.map_err(|_| StoreError::Closed)?;
                    queue.push(batch, permit).await.unwrap_or(Err(StoreError::Closed))
                })
            }
        }
    }

    fn push(&self, batch: Batch, permit: OwnedSemaphorePermit) -> oneshot::Receiver<Result<Applied, StoreError>> {
        let (answer, result) = oneshot::channel();
        let mut waiting = self.lock();
        if !waiting.closed {
            waiting.jobs.push(Job { batch, answer, _room: permit });
            self.changed.notify_one();
        }
        result
    }

    /// Waits for batches and takes all there are; `None` when the queue is closed and empty.
    pub fn take(&self) -> Option<Vec<Job>> {
        let waiting = self.lock();
        let wait = self.changed.wait_while(waiting, |waiting| waiting.jobs.is_empty() && !waiting.closed);
        let jobs = mem::take(&mut wait.unwrap_or_else(PoisonError::into_inner).jobs);
        if jobs.is_empty() { None } else { Some(jobs) }
    }

    /// Refuses further batches; those in the queue are still made.
    pub fn close(&self) {
        self.lock().closed = true;
        self.room.close();
        self.changed.notify_all();
    }

    /// Tells whether the queue refuses batches.
    pub fn is_closed(&self) -> bool {
        self.room.is_closed()
    }

    /// Tells everybody that nobody takes batches any more.
    pub fn end(&self) {
        self.close();
        // Left behind only by a writer that panicked; their futures learn of it when the jobs are dropped.
        let left = mem::take(&mut self.lock().jobs);
        drop(left);
        self.ended.close();
    }

    /// Waits until nobody takes batches any more.
    pub async fn ended(&self) {
        // An error is what a closed semaphore gives.
        let _ = self.ended.acquire().await;
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
