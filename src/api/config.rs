//! How the API is set up.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::node::local::Arrival;

/// What the API is started with.
pub struct ApiConfig {
    /// Where to listen: a loopback address; port 0 takes any.
    pub listen: SocketAddr,
    /// What every request must carry: `Authorization: Bearer TOKEN`.
    pub token: String,
    /// The node it speaks for.
    pub node: Arc<Arrival>,
    /// Is told when somebody asks the node to stop.
    pub stop: oneshot::Sender<()>,
}
