//! Answering one connection: HELLO first, then requests side by side, each on its own stream.
//!
//! A request that was handed over runs to its end even when its connection does not, so that no peer can cut a sequence
//! of ours in the middle; until then the connection keeps its place, so that no peer can pile such requests up.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join;
use futures_util::stream::{FuturesUnordered, StreamExt};
use quinn::{ReadToEndError, RecvStream, SendStream};
use tokio::time::timeout;

use super::accept::{Accepting, Entered, Guest};
use super::codes::{CloseCode, StreamCode};
use crate::wire::HELLO;

/// Serves a connection until it ends.
pub(super) async fn connection(entered: &Entered) {
    let (accepting, guest) = (&*entered.accepting, &*entered.guest);
    let first = timeout(accepting.limits.arrival, guest.connection.accept_bi()).await;
    let Ok(Ok((mut send, recv))) = first else {
        return guest.connection.close(CloseCode::NoHello.into(), b"");
    };
    let Some(welcome) = greet(accepting, guest, &mut send, recv).await else {
        return guest.connection.close(CloseCode::NoHello.into(), b"");
    };
    // Requests that came with HELLO do not wait until its answer has arrived.
    join(deliver(accepting, &mut send, welcome), requests(accepting, guest)).await;
}

/// Has the first request of a connection handled, which has to be a HELLO; returns what it is answered when it is welcome.
async fn greet(accepting: &Accepting, guest: &Guest, send: &mut SendStream, mut recv: RecvStream) -> Option<Bytes> {
    let body = take(accepting, send, &mut recv).await?;
    if body.first() != Some(&HELLO) {
        return None;
    }
    let welcome = handle(accepting, guest, send, body).await?;
    guest.greeted.set(true);
    Some(welcome)
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
    if let Some(answer) = handle(accepting, guest, &mut send, body).await {
        deliver(accepting, &mut send, answer).await;
    }
}

/// Has a request handled; `None` when there is nothing left to answer.
async fn handle(accepting: &Accepting, guest: &Guest, send: &mut SendStream, body: Bytes) -> Option<Bytes> {
    let Some(inbound) = accepting.inbound() else {
        guest.connection.close(CloseCode::Shutdown.into(), b"");
        return None;
    };
    let handling = inbound.handle(guest.peer, body);
    drop(inbound);
    match timeout(accepting.limits.handling, handling).await {
        Ok(Ok(answer)) => Some(answer),
        Ok(Err(answer)) => {
            deliver(accepting, send, answer).await;
            guest.connection.close(CloseCode::Refused.into(), b"");
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
