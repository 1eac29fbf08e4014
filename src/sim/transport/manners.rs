//! What a simulated node does otherwise than a real one, on purpose.

use bytes::Bytes;

use crate::wire::{ErrorCode, encode_error};

/// Tells of a request, by its number, whether this node has no time for it, whoever asks.
pub type Refuses = Box<dyn Fn(u8) -> bool>;
/// What a node answers in place of what it would.
pub type Lies = Box<dyn Fn(&Bytes) -> Option<Bytes>>;

/// What it refuses, what it does not even ask, and its lies.
pub struct Manners(pub Refuses, pub Refuses, pub Lies);

impl Manners {
    /// Returns what is answered in place of what a node would say.
    pub fn instead(&self, request: &Bytes) -> Option<Bytes> {
        let refused = request.first().is_some_and(|number| (self.0)(*number));
        if refused { Some(encode_error(ErrorCode::Busy, "on purpose")) } else { (self.2)(request) }
    }

    /// Tells whether a request is not even sent.
    pub fn spares(&self, request: &Bytes) -> bool {
        request.first().is_some_and(|number| (self.1)(*number))
    }
}
