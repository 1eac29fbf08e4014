//! One request and its answer on one stream, seen from the side that asks: sent first, then its answer is waited for.
//!
//! Knows no deadlines and no retries: it says what was sent and whether the connection is lost, callers decide.

use bytes::Bytes;
use quinn::{Connection, ConnectionError, ReadError, ReadToEndError, RecvStream, SendStream, WriteError};

use super::codes::{self, StreamCode};
use super::tally::Tally;
use crate::seam::NetError;

/// The priority of streams that give way to others.
pub(super) const BULK: i32 = -1;

/// How a request ended without an answer.
#[derive(Debug)]
pub(super) struct Failed {
    pub error: NetError,
    /// Whether the peer may have got any of it.
    pub sent: bool,
    /// How the connection ended, when that is what happened.
    pub lost: Option<ConnectionError>,
}

impl Failed {
    fn lost(end: ConnectionError, sent: bool) -> Self {
        Self { error: codes::of_request(&end), sent, lost: Some(end) }
    }

    fn stream(error: NetError) -> Self {
        Self { error, sent: true, lost: None }
    }

    /// The HELLO of the connection failed, and with it whatever was sent behind it.
    pub(super) fn ungreeted(error: NetError) -> Self {
        Self { error, sent: true, lost: None }
    }
}

/// A request that is on its way. Dropping it resets the stream.
pub(super) struct Asked(Stream);

/// Sends a request: what is sent on the same connection later comes behind it.
pub(super) async fn send(connection: &Connection, body: Bytes, priority: i32, tally: &Tally) -> Result<Asked, Failed> {
    let (send, recv) = connection.open_bi().await.map_err(|end| Failed::lost(end, false))?;
    let mut stream = Stream { send, recv, abandoned: Some(StreamCode::Cancelled) };
    // Fails only on a stream that has ended, and then the write says so.
    let _ = stream.send.set_priority(priority);
    tally.asked(body.len());
    stream.send.write_chunk(body).await.map_err(on_write)?;
    let _ = stream.send.finish();
    Ok(Asked(stream))
}

impl Asked {
    /// Reads the answer of at most `limit` bytes.
    pub(super) async fn answer(self, limit: usize, tally: &Tally) -> Result<Bytes, Failed> {
        let Self(mut stream) = self;
        match stream.recv.read_to_end(limit).await {
            Ok(answer) => {
                stream.abandoned = None;
                tally.heard(answer.len());
                Ok(answer.into())
            }
            Err(ReadToEndError::TooLong) => {
                stream.abandoned = Some(StreamCode::TooLarge);
                Err(Failed::stream(NetError::TooLarge))
            }
            Err(ReadToEndError::Read(ReadError::Reset(code))) => Err(Failed::stream(codes::of_stream(code))),
            Err(ReadToEndError::Read(ReadError::ConnectionLost(end))) => Err(Failed::lost(end, true)),
            Err(ReadToEndError::Read(_)) => Err(Failed::stream(NetError::Broken)),
        }
    }
}

fn on_write(error: WriteError) -> Failed {
    match error {
        WriteError::Stopped(code) => Failed::stream(codes::of_stream(code)),
        WriteError::ConnectionLost(end) => Failed::lost(end, true),
        WriteError::ClosedStream | WriteError::ZeroRttRejected => Failed::stream(NetError::Broken),
    }
}

/// Both halves of a stream. An unfinished one is reset when dropped: left alone, quinn would end it like a whole one.
struct Stream {
    send: SendStream,
    recv: RecvStream,
    abandoned: Option<StreamCode>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(code) = self.abandoned {
            // Either half may have ended already, which is as good.
            let _ = self.send.reset(code.into());
            let _ = self.recv.stop(code.into());
        }
    }
}
