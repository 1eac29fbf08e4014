//! What goes over a stream: one request, one answer. Implements `docs/PROTOCOL.md`, section "Requests".
//!
//! Knows bytes and types; who answers what is decided in the actors.

mod collection;
mod delivery;
mod early;
mod frame;
mod presence;
mod registry;
mod repair;
mod requests;
mod status;

pub use collection::{
    FollowerEntry, MAX_ENTRIES, MAX_HASHES, MAX_MARKS, MAX_WANTED, Mark, ReachEntry, Reconcile, Reconciled, Summary,
    Summed,
};
pub use delivery::{Deliver, Delivered, Forward, Forwarded};
pub use early::{is_bulk, may_be_early};
pub use frame::{
    Answer, ErrorCode, HELLO, Request, WireError, encode_error, encode_ok, open_answer, read_request, request_name,
};
pub use presence::{CheckOnline, Checked, Heard, Heartbeat, MAX_CHECKED, OnlineStanding};
pub use registry::{Claim, Claimed, GetNetwork, NameStatus, NetworkBytes, Standing};
pub use repair::{
    Compare, Compared, Differences, Differing, FINGERPRINT, Fetch, Fetched, MAX_FETCHED, MAX_FETCHED_BYTES, MAX_MARKED,
    MAX_NAMED, MAX_PARTS, MAX_STRETCHES, pack_names, unpack_fingerprints, unpack_keys, unpack_names,
};
pub use requests::{
    Blob, Closer, Cursor, FLAG_ANCHOR, FLAG_BOOTPEER, FLAG_BOTH_WAYS, FindNode, Get, Got, Hello, MAX_CONTACTS,
    MAX_PUT_RECORDS, MINOR_VERSION, Ping, Pong, Put, PutDone,
};
pub use status::Status;
