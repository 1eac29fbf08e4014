//! Frames: a request is its number and a map, an answer is 0 or 1 and a map.

use std::cell::Cell;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::records::{CodecError, Known, from_bytes, write_to};
use crate::seam::Class;

/// The number of the request that opens every connection.
pub const HELLO: u8 = 1;

/// A request of one kind.
pub trait Request: Serialize + DeserializeOwned + Known {
    /// Its number; never reused.
    const NUMBER: u8;
    /// Its class.
    const CLASS: Class;
    /// What answers it.
    type Answer: Answer;

    /// Encodes the request as a frame.
    fn to_frame(&self) -> Bytes {
        frame(Self::NUMBER, self)
    }
}

/// The body of an answer.
pub trait Answer: Serialize + DeserializeOwned + Known {}

/// Returns the name of a request in the protocol, `?` of a number that is unknown here.
pub const fn request_name(number: u8) -> &'static str {
    match number {
        1 => "HELLO",
        2 => "PING",
        3 => "FIND_NODE",
        4 => "GET",
        5 => "PUT",
        6 => "DELIVER",
        7 => "CLAIM",
        8 => "NAME_STATUS",
        9 => "GET_NETWORK",
        10 => "HEARTBEAT",
        11 => "CHECK_ONLINE",
        12 => "RECONCILE",
        13 => "SUMMARY",
        14 => "COMPARE",
        15 => "FETCH",
        16 => "FORWARD",
        _ => "?",
    }
}

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $number:literal),+ $(,)?) => {
        /// Why a request as a whole was not done.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum ErrorCode {
            $($(#[$doc])* $variant),+,
            /// A code of a later version.
            Other(u16),
        }

        impl ErrorCode {
            /// Returns the number on the wire.
            pub const fn number(self) -> u16 {
                match self { $(Self::$variant => $number,)+ Self::Other(n) => n }
            }

            /// Returns the code with this number.
            pub const fn from_number(number: u16) -> Self {
                match number { $($number => Self::$variant,)+ n => Self::Other(n) }
            }
        }
    };
}

error_codes!(
    /// The frame cannot be read.
    Malformed = 1,
    /// The number is not known to this version.
    Unsupported = 2,
    /// The HELLO names another network, or a contact that is not the sender's.
    WrongNetwork = 3,
    /// Too much at the moment: try later.
    Busy = 4,
    /// A bug or a full disk at the receiver.
    Internal = 5,
    /// The receiver does not hold the office that the request asks for.
    NotRegistrar = 6,
    /// The claim is not valid.
    BadClaim = 7,
    /// The network reserves the name.
    NameReserved = 8,
    /// The receiver's clock is in doubt.
    ClockInDoubt = 9,
);

/// An answer that says why there is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("refused: {code:?}")]
pub struct WireError {
    /// What a program acts on.
    pub code: ErrorCode,
}

#[derive(Serialize, Deserialize)]
struct RawError {
    #[serde(rename = "C")]
    code: u16,
    #[serde(rename = "r", default)]
    reason: String,
}

impl Known for RawError {
    const FIELDS: &'static [&'static str] = &["C", "r"];
}

const OK: u8 = 0;
const ERROR: u8 = 1;

/// Encodes an answer.
pub fn encode_ok<A: Answer>(answer: &A) -> Bytes {
    frame(OK, answer)
}

/// Encodes a refusal with a reason for people.
pub fn encode_error(code: ErrorCode, reason: &str) -> Bytes {
    frame(ERROR, &RawError { code: code.number(), reason: reason.to_owned() })
}

/// Most bytes of room that are kept for the next frame: few frames are longer.
const ROOM: usize = 64 * 1024;

thread_local! {
    /// Where frames are written before they are as long as they get.
    static DESK: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

fn frame<T: Serialize>(first: u8, map: &T) -> Bytes {
    let mut desk = DESK.take();
    desk.clear();
    desk.push(first);
    write_to(&mut desk, map);
    let frame = Bytes::copy_from_slice(&desk);
    desk.shrink_to(ROOM);
    DESK.set(desk);
    frame
}

/// Reads the map of a request whose number was looked at.
pub fn read_request<R: Request>(frame: &[u8]) -> Result<R, CodecError> {
    match frame {
        [number, map @ ..] if *number == R::NUMBER => from_bytes(map),
        _ => Err(CodecError::Malformed),
    }
}

/// Reads an answer: what was asked for, or why there is none.
///
/// # Errors
/// The outer error when the frame cannot be read (the peer's fault), the inner one when the peer refused.
pub fn open_answer<A: Answer>(frame: &[u8]) -> Result<Result<A, WireError>, CodecError> {
    match frame {
        [OK, map @ ..] => from_bytes(map).map(Ok),
        [ERROR, map @ ..] => {
            let raw: RawError = from_bytes(map)?;
            Ok(Err(WireError { code: ErrorCode::from_number(raw.code) }))
        }
        _ => Err(CodecError::Malformed),
    }
}
