//! What a transport is made with.

use std::net::SocketAddr;

use super::limits::NetLimits;

/// How a transport is set up.
pub struct QuicConfig {
    /// Where to listen; `[::]` takes IPv4 as well, port 0 any port.
    pub listen: SocketAddr,
    /// Addresses to tell to others instead of those of the interfaces.
    pub advertise: Vec<SocketAddr>,
    /// The node key.
    pub secret: [u8; 32],
    /// The protocol's name, see [`crate::types::alpn`]; it must be the same at both ends.
    pub alpn: Vec<u8>,
    /// What peers may ask for.
    pub limits: NetLimits,
}
