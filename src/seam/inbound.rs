//! What a transport asks of the node that it serves.

use std::net::SocketAddr;

use bytes::Bytes;

use super::Later;
use crate::types::NodeId;

/// The peer closes the connection when it gets this for a HELLO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// What a node does with requests; implemented by the actors.
pub trait Inbound {
    /// Returns the HELLO request that opens every connection this node dials.
    fn hello(&self) -> Bytes;

    /// Returns the HELLO for a peer that was dialled at this address.
    fn hello_at(&self, _address: SocketAddr) -> Bytes {
        self.hello()
    }

    /// Takes a peer's answer to our HELLO. Refusing closes the connection.
    fn greeted(&self, from: NodeId, answer: Bytes) -> Result<(), Refused>;

    /// Tells whether a request may be answered before the peer's HELLO: it changes nothing, so that it does no harm where it
    /// is replayed.
    fn may_be_early(&self, _body: &[u8]) -> bool {
        false
    }

    /// Tells whether requests may go back over a connection that a peer dialled from this address, and whose HELLO was answered:
    /// it has to expect them, and to have signed that it can be reached there.
    fn may_call_back(&self, _peer: &NodeId, _from: SocketAddr) -> bool {
        false
    }

    /// Tells whether the answer to a request gives way to other answers on the same connection.
    fn is_bulk(&self, _body: &[u8]) -> bool {
        false
    }

    /// Answers one request. The first one on a connection is the peer's HELLO, but for those of
    /// [`Inbound::may_be_early`]; a refused HELLO gives `Err` with the answer to send before the connection is closed.
    fn handle(&self, from: NodeId, body: Bytes) -> Later<Result<Bytes, Bytes>>;
}
