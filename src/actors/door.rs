//! The typed way to an actor, which stays the same when the actor is rebuilt.

use std::sync::{Arc, PoisonError, RwLock};

use actix::dev::ToEnvelope;
use actix::{Actor, Addr, Context, Handler, Message};
use thiserror::Error;

/// The actor is gone: it panicked a moment ago, or the node is shut down. Try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this part of the node is being restarted")]
pub struct Gone;

/// Messages an actor holds before senders wait: more than a node answers in a second.
pub const MAILBOX: usize = 4096;

/// A way to send messages to an actor. Cheap to clone; works from any thread.
pub struct Door<A: Actor> {
    current: Arc<RwLock<Addr<A>>>,
}

impl<A: Actor> Clone for Door<A> {
    fn clone(&self) -> Self {
        Self { current: self.current.clone() }
    }
}

impl<A: Actor<Context = Context<A>>> Door<A> {
    /// Starts an actor and opens a door to it.
    pub fn open(actor: A) -> Self {
        Self { current: Arc::new(RwLock::new(actor.start())) }
    }

    /// Puts a fresh actor behind the door.
    pub fn rebuild(&self, actor: A) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = actor.start();
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
