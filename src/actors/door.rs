//! The typed way to an actor, which stays the same when the actor is rebuilt.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Context, Handler, Message};
use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The actor is gone: it panicked a moment ago, or the node is shut down. Try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this part of the node is being restarted")]
pub struct Gone;

/// Messages an actor holds before senders wait: more than a node answers in a second.
pub const MAILBOX: usize = 4096;

/// Returns how long it is until the next whole number of ticks since an actor began, so that one that does not tick all the
/// time ticks when it would have.
pub fn rest_of(tick: Duration, began: Instant) -> Duration {
    let past = began.elapsed().as_nanos() % tick.as_nanos().max(1);
    tick.saturating_sub(Duration::from_nanos(past as u64))
}

/// A way to send messages to an actor. Cheap to clone; works from any thread.
pub struct Door<A: Actor> {
    current: Arc<RwLock<Addr<A>>>,
    fallen: Arc<Notify>,
}

impl<A: Actor> Clone for Door<A> {
    fn clone(&self) -> Self {
        Self { current: self.current.clone(), fallen: self.fallen.clone() }
    }
}

impl<A: Actor<Context = Context<A>>> Door<A> {
    /// Starts an actor and opens a door to it; `fallen` is told when the actor ends.
    pub fn open(actor: A, fallen: &Arc<Notify>) -> Self {
        Self { current: Arc::new(RwLock::new(start(actor, fallen))), fallen: fallen.clone() }
    }

    /// Puts a fresh actor behind the door.
    pub fn rebuild(&self, actor: A) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = start(actor, &self.fallen);
    }

    /// Tells whether the actor lives.
    pub fn is_open(&self) -> bool {
        self.addr().connected()
    }

    fn addr(&self) -> Addr<A> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends a message and waits for the answer.
    pub async fn ask<M>(&self, message: M) -> Result<M::Result, Gone>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
    {
        self.addr().send(message).await.map_err(|_| Gone)
    }

    /// Sends a message without waiting; it is dropped when the mailbox is full or the actor gone, so only for hints.
    pub fn hint<M>(&self, message: M)
    where
        M: Message + Send + 'static,
        M::Result: Send,
        A: Handler<M>,
        A::Context: ToEnvelope<A, M>,
    {
        if self.addr().try_send(message).is_err() {
            tracing::debug!("a hint was dropped");
        }
    }
}

/// Tells that an actor has ended, by a panic too.
struct Falling(Arc<Notify>);

impl Drop for Falling {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

fn start<A: Actor<Context = Context<A>>>(actor: A, fallen: &Arc<Notify>) -> Addr<A> {
    let life = Context::new().into_future(actor);
    let addr = life.address();
    let falling = Falling(fallen.clone());
    tokio::task::spawn_local(async move {
        let _falling = falling;
        life.await;
    });
    addr
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_did_not_tick_for_a_while_ticks_when_it_would_have() {
        let (tick, began) = (Duration::from_millis(500), Instant::now());
        assert_eq!(rest_of(tick, began), tick);
        tokio::time::advance(Duration::from_millis(1_730)).await;
        assert_eq!(rest_of(tick, began), Duration::from_millis(270));
        tokio::time::advance(Duration::from_millis(270)).await;
        assert_eq!(rest_of(tick, began), tick);
    }
}
