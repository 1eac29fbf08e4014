//! Why a connection or a stream was ended: the codes that peers see.
//!
//! Only the numbers and what they mean to a request of ours. They never change.

use quinn::{ConnectionError, TransportErrorCode, VarInt};

use crate::seam::NetError;

/// The TLS alert for "no protocol in common" (RFC 7301, section 3.2).
const NO_APPLICATION_PROTOCOL: u8 = 120;

/// Why a connection was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum CloseCode {
    /// The node shuts down, or does not serve.
    Shutdown = 0,
    /// A HELLO, or the answer to one, was refused; or the identity is not the one dialled.
    Refused = 1,
    /// The first request was no HELLO, or did not come in time.
    NoHello = 2,
    /// The connection was the one longest unused when room was needed.
    Unused = 3,
    /// There is no room for another connection.
    Busy = 4,
    /// The dialling side heard nothing while it waited for an answer.
    Silent = 5,
}

/// Why a stream was reset or is no longer read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum StreamCode {
    /// Whoever asked no longer wants the answer.
    Cancelled = 1,
    /// The message is over the size limit.
    TooLarge = 2,
    /// The request did not arrive, or the answer was not taken, in time.
    TooSlow = 3,
    /// The node gave up working on the request.
    GivenUp = 4,
}

impl From<CloseCode> for VarInt {
    fn from(code: CloseCode) -> VarInt {
        VarInt::from_u32(code as u32)
    }
}

impl From<StreamCode> for VarInt {
    fn from(code: StreamCode) -> VarInt {
        VarInt::from_u32(code as u32)
    }
}

/// Tells what a connection that ended before it was up means to whoever dialled.
///
/// A peer that is full or not serving yet counts as unreachable: it is worth another try, unlike one that refuses us.
pub(super) fn of_dial(end: &ConnectionError) -> NetError {
    let crypto = |code: TransportErrorCode| (0x100..0x200).contains(&u64::from(code));
    match end {
        ConnectionError::TransportError(e) if e.code == TransportErrorCode::crypto(NO_APPLICATION_PROTOCOL) => {
            NetError::Refused
        }
        ConnectionError::TransportError(e) if crypto(e.code) => NetError::WrongPeer,
        ConnectionError::ConnectionClosed(e) if crypto(e.error_code) => NetError::Refused,
        ConnectionError::VersionMismatch => NetError::Refused,
        ConnectionError::ApplicationClosed(e) if is_refusal(e.error_code) => NetError::Refused,
        _ => NetError::Unreachable,
    }
}

/// Tells what a connection that ended under a request means to that request.
pub(super) fn of_request(end: &ConnectionError) -> NetError {
    match end {
        ConnectionError::ApplicationClosed(e) if is_refusal(e.error_code) => NetError::Refused,
        _ => NetError::Broken,
    }
}

/// Tells what a reset or stopped stream means to its request.
pub(super) fn of_stream(code: VarInt) -> NetError {
    if code == VarInt::from(StreamCode::TooLarge) { NetError::TooLarge } else { NetError::Broken }
}

fn is_refusal(code: VarInt) -> bool {
    code == VarInt::from(CloseCode::Refused) || code == VarInt::from(CloseCode::NoHello)
}
