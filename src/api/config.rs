//! How the API is set up.

use std::net::SocketAddr;

use tokio::sync::oneshot;

use crate::node::local::LocalNode;

/// What the API is started with.
pub struct ApiConfig {
    /// Where to listen: a loopback address; port 0 takes any.
    pub listen: SocketAddr,
    /// What every request must carry: `Authorization: Bearer TOKEN`.
    pub token: String,
    /// The node it speaks for.
    pub node: LocalNode,
    /// Is told when somebody asks the node to stop.
    pub stop: oneshot::Sender<()>,
}
