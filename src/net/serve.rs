//! Answering one connection: HELLO first, then requests side by side, each on its own stream. Before HELLO, a few requests
//! that change nothing are answered: whoever was here before sends them in the first packet of its handshake.
//!
//! A request that was handed over runs to its end even when its connection does not, so that no peer can cut a sequence
//! of ours in the middle; until then the connection keeps its place, so that no peer can pile such requests up.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{LocalBoxFuture, join};
use futures_util::stream::{FuturesUnordered, StreamExt};
use quinn::{Connection, ReadToEndError, RecvStream, SendStream};
use tokio::time::timeout;

use super::accept::{Accepting, Entered, Guest};
use super::codes::{CloseCode, StreamCode};
use super::exchange::BULK;
use super::pool::Link;
use crate::types::NodeId;
use crate::wire::HELLO;

/// Requests answered before HELLO: what somebody wants at once of one peer, and little to gain by a replay.
const EARLY: usize = 8;

/// A request of a connection that has not greeted.
pub(super) struct Coming {
    send: SendStream,
    body: Bytes,
    /// Whether the handshake had ended when it came; as long as it goes on, it may be a replayed one.
    proved: bool,
}

/// What is answered of a connection before its HELLO.
pub(super) struct Early {
    accepting: Rc<Accepting>,
    connection: Connection,
    /// The next request, in the order in which the peer opened them, so that nothing overtakes HELLO.
    next: LocalBoxFuture<'static, Result<Coming, CloseCode>>,
    hello: Option<Coming>,
    running: FuturesUnordered<LocalBoxFuture<'static, ()>>,
    taken: usize,
}

impl Early {
    pub(super) fn new(accepting: &Rc<Accepting>, connection: &Connection) -> Self {
        let (accepting, connection) = (accepting.clone(), connection.clone());
        let next = Box::pin(coming(accepting.clone(), connection.clone()));
        Self { accepting, connection, next, hello: None, running: FuturesUnordered::new(), taken: 0 }
    }

    /// Answers what comes early while something is waited for; an error is why the connection has to end.
    pub(super) async fn beside<T>(&mut self, wanted: impl Future<Output = T>) -> Result<T, CloseCode> {
        let mut wanted = pin!(wanted);
        loop {
            tokio::select! {
                biased;
                outcome = &mut wanted => return Ok(outcome),
                Some(()) = self.running.next() => {}
                request = &mut self.next, if self.hello.is_none() => self.take(request?)?,
            }
        }
    }

    async fn hello(&mut self) -> Result<Coming, CloseCode> {
        loop {
            if let Some(hello) = self.hello.take() {
                return Ok(hello);
            }
            tokio::select! {
                biased;
                request = &mut self.next => self.take(request?)?,
                Some(()) = self.running.next() => {}
            }
        }
    }

    fn take(&mut self, request: Coming) -> Result<(), CloseCode> {
        let (accepting, connection) = (self.accepting.clone(), self.connection.clone());
        if request.proved && request.body.first() == Some(&HELLO) {
            self.hello = Some(request);
            return Ok(());
        }
        let peer = accepting.admits(&connection).ok_or(CloseCode::Refused)?;
        let inbound = accepting.inbound().ok_or(CloseCode::Shutdown)?;
        if self.taken == EARLY || !inbound.may_be_early(&request.body) {
            return Err(CloseCode::NoHello);
        }
        self.taken += 1;
        self.next = Box::pin(coming(accepting.clone(), connection.clone()));
        self.running.push(Box::pin(async move {
            let Coming { mut send, body, .. } = request;
            if let Some(answer) = handle(&accepting, (peer, &connection), &mut send, body).await {
                deliver(&accepting, &mut send, answer).await;
            }
        }));
        Ok(())
    }
}

async fn coming(accepting: Rc<Accepting>, connection: Connection) -> Result<Coming, CloseCode> {
    let (mut send, mut recv) = connection.accept_bi().await.map_err(|_| CloseCode::NoHello)?;
    let proved = !recv.is_0rtt();
    let body = take(&accepting, &mut send, &mut recv).await.ok_or(CloseCode::NoHello)?;
    Ok(Coming { send, body, proved })
}

/// Serves a connection until it ends.
pub(super) async fn connection(entered: &Entered, mut early: Early) {
    let (accepting, guest) = (&*entered.accepting, &*entered.guest);
    let hello = timeout(accepting.limits.arrival, early.hello()).await.unwrap_or(Err(CloseCode::NoHello));
    let Coming { mut send, body, .. } = match hello {
        Ok(hello) => hello,
        Err(why) => return guest.connection.close(why.into(), b""),
    };
    let Some(welcome) = handle(accepting, (guest.peer, &guest.connection), &mut send, body).await else {
        return guest.connection.close(CloseCode::NoHello.into(), b"");
    };
    accepting.greeted(guest);
    // Requests that came with HELLO do not wait until its answer has arrived.
    let greeted = join(deliver(accepting, &mut send, welcome), requests(accepting, guest));
    join(greeted, async { while early.running.next().await.is_some() {} }).await;
}

/// Answers what comes back over a connection that this node dialled, until it ends.
pub(super) fn dialled(accepting: &Rc<Accepting>, peer: NodeId, link: &Rc<Link>) {
    let (accepting, host) = (accepting.clone(), Guest::dialled(peer, link.clone()));
    tokio::task::spawn_local(async move { requests(&accepting, &host).await });
}

async fn requests(accepting: &Accepting, guest: &Guest) {
    let mut running = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            Some(()) = running.next() => guest.running.set(running.len()),
            stream = guest.connection.accept_bi(), if running.len() < accepting.limits.streams as usize => {
                let Ok((send, recv)) = stream else { break };
                accepting.touch(guest);
                running.push(answer(accepting, guest, send, recv));
                guest.running.set(running.len());
            }
        }
    }
    while running.next().await.is_some() {}
}

/// Reads one request, has it handled, and sees its answer off.
async fn answer(accepting: &Accepting, guest: &Guest, mut send: SendStream, mut recv: RecvStream) {
    let Some(body) = take(accepting, &mut send, &mut recv).await else { return };
    if let Some(answer) = handle(accepting, (guest.peer, &guest.connection), &mut send, body).await {
        deliver(accepting, &mut send, answer).await;
    }
}

/// Has a request handled; `None` when there is nothing left to answer.
async fn handle(
    accepting: &Accepting,
    (peer, connection): (NodeId, &Connection),
    send: &mut SendStream,
    body: Bytes,
) -> Option<Bytes> {
    let Some(inbound) = accepting.inbound() else {
        connection.close(CloseCode::Shutdown.into(), b"");
        return None;
    };
    if inbound.is_bulk(&body) {
        // Fails only on a stream that has ended.
        let _ = send.set_priority(BULK);
    }
    let handling = inbound.handle(peer, body);
    drop(inbound);
    match timeout(accepting.limits.handling, handling).await {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(answer)) => {
            deliver(accepting, send, answer).await;
            connection.close(CloseCode::Refused.into(), b"");
            None
        }
        Err(_) => {
            // One that has ended is as good.
            let _ = send.reset(StreamCode::GivenUp.into());
            None
        }
    }
}

async fn take(accepting: &Accepting, send: &mut SendStream, recv: &mut RecvStream) -> Option<Bytes> {
    let body = read(send, recv, accepting.limits.arrival, accepting.limits.message_bytes).await?;
    accepting.tally.was_asked(body.len());
    Some(body)
}

async fn deliver(accepting: &Accepting, send: &mut SendStream, answer: Bytes) {
    accepting.tally.answered(answer.len());
    write(send, answer, accepting.limits.delivery, accepting.limits.message_bytes).await;
}

/// Reads a request to its end; one that is too large or too slow costs its stream, not the connection.
async fn read(send: &mut SendStream, recv: &mut RecvStream, within: Duration, limit: usize) -> Option<Bytes> {
    let code = match timeout(within, recv.read_to_end(limit)).await {
        Ok(Ok(body)) => return Some(body.into()),
        Ok(Err(ReadToEndError::TooLong)) => StreamCode::TooLarge,
        Ok(Err(ReadToEndError::Read(_))) => StreamCode::Cancelled,
        Err(_) => StreamCode::TooSlow,
    };
    // Either half may have ended already, which is as good.
    let _ = recv.stop(code.into());
    let _ = send.reset(code.into());
    None
}

/// Writes an answer and waits until the peer has it, or resets the stream: what is not taken would stay in memory.
async fn write(send: &mut SendStream, answer: Bytes, within: Duration, limit: usize) {
    if answer.len() > limit {
        tracing::error!(bytes = answer.len(), "an answer of ours is over the size limit");
        return drop(send.reset(StreamCode::TooLarge.into()));
    }
    let delivered = async {
        if send.write_chunk(answer).await.is_ok() && send.finish().is_ok() {
            let _ = send.stopped().await;
        }
    };
    if timeout(within, delivered).await.is_err() {
        let _ = send.reset(StreamCode::TooSlow.into());
    }
}
