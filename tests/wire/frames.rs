//! Checks vectors of frames: what a request or an answer says, and how bytes that are neither are refused.

use serde_json::{Value, json};

use crate::check::unhex;
use crate::plain::plain;
use crate::records::{CodecError, Known};
use crate::wire::{
    CheckOnline, Claim, Compare, Deliver, ErrorCode, Fetch, FindNode, Forward, Get, GetNetwork, Heartbeat, Hello,
    NameStatus, Ping, Put, Reconcile, Request, Summary, WireError, encode_ok, open_answer, read_request,
};

/// What was read: the fields as today's code writes them again, and the keys that it knows.
type Read = (Value, &'static [&'static str]);

/// Applies `$then` to the request with the number `$number`; `None` where there is none.
macro_rules! by_number {
    ($number:expr, $then:ident($($arg:expr),*)) => {
        match $number {
            Hello::NUMBER => Some($then::<Hello>($($arg),*)),
            Ping::NUMBER => Some($then::<Ping>($($arg),*)),
            FindNode::NUMBER => Some($then::<FindNode>($($arg),*)),
            Get::NUMBER => Some($then::<Get>($($arg),*)),
            Put::NUMBER => Some($then::<Put>($($arg),*)),
            Deliver::NUMBER => Some($then::<Deliver>($($arg),*)),
            Claim::NUMBER => Some($then::<Claim>($($arg),*)),
            NameStatus::NUMBER => Some($then::<NameStatus>($($arg),*)),
            GetNetwork::NUMBER => Some($then::<GetNetwork>($($arg),*)),
            Heartbeat::NUMBER => Some($then::<Heartbeat>($($arg),*)),
            CheckOnline::NUMBER => Some($then::<CheckOnline>($($arg),*)),
            Reconcile::NUMBER => Some($then::<Reconcile>($($arg),*)),
            Summary::NUMBER => Some($then::<Summary>($($arg),*)),
            Compare::NUMBER => Some($then::<Compare>($($arg),*)),
            Fetch::NUMBER => Some($then::<Fetch>($($arg),*)),
            Forward::NUMBER => Some($then::<Forward>($($arg),*)),
            _ => None,
        }
    };
}

fn request<R: Request>(frame: &[u8]) -> Result<Read, CodecError> {
    let read: R = read_request(frame)?;
    Ok((plain(&read.to_frame()[1..]), R::FIELDS))
}

fn answer<R: Request>(frame: &[u8]) -> Result<Result<Read, WireError>, CodecError> {
    let read = open_answer::<R::Answer>(frame)?;
    Ok(read.map(|answer| (plain(&encode_ok(&answer)[1..]), R::Answer::FIELDS)))
}

/// Returns the code with which a request is refused that cannot be read; `None` for one that can.
pub fn refused(frame: &[u8]) -> Option<u16> {
    let code = match frame.first() {
        None => ErrorCode::Malformed,
        Some(number) => match by_number!(*number, request(frame)) {
            None | Some(Err(CodecError::Critical)) => ErrorCode::Unsupported,
            Some(Err(CodecError::Malformed | CodecError::Trailing)) => ErrorCode::Malformed,
            Some(Ok(_)) => return None,
        },
    };
    Some(code.number())
}

/// Checks one vector of a frame; false when it is of another type.
pub fn check(vector: &Value) -> bool {
    let number = || vector["number"].as_u64().expect("a number") as u8;
    let frame = || unhex(&vector["frame"]);
    match vector["type"].as_str().expect("every vector has a type") {
        "request" => {
            let frame = frame();
            assert_eq!(frame[0], number());
            let read = by_number!(number(), request(&frame)).expect("a known number");
            same(vector, &frame, read.expect("a frame that is read"));
        }
        "answer" => {
            let frame = frame();
            let read = by_number!(number(), answer(&frame)).expect("a known number");
            same(vector, &frame, read.expect("a frame that is read").expect("no error"));
        }
        "error" => {
            let read = answer::<Ping>(&frame()).expect("a frame that is read").expect_err("an error");
            assert_eq!(json!(read.code.number()), vector["code"]);
            assert_eq!(ErrorCode::from_number(read.code.number()), read.code);
        }
        "refused" if vector["side"] == "request" => {
            assert_eq!(json!(refused(&frame())), vector["code"], "{}", vector["name"]);
        }
        "refused" => {
            let read = by_number!(number(), answer(&frame())).expect("a known number");
            assert!(read.is_err(), "{}", vector["name"]);
        }
        _ => return false,
    }
    true
}

/// The map says what the vector lists, and today's code reads of it every field that it knows.
fn same(vector: &Value, frame: &[u8], (again, known): Read) {
    let name = &vector["name"];
    assert_eq!(plain(&frame[1..]), vector["fields"], "{name}");
    for (key, value) in vector["fields"].as_object().expect("a map") {
        if known.contains(&key.as_str()) {
            assert_eq!(again.get(key), Some(value), "{name}: {key}");
        } else {
            assert!(!key.starts_with(|c: char| c.is_ascii_uppercase()), "{name}: {key}");
        }
    }
}
