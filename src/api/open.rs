//! The local API as the door of a node that runs as a process.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::config::{ApiConfig, ApiNode, NetworkView};
use super::server::serve;
use crate::node::local::{LocalNode, OpenDoor};
use crate::seam::Later;
use crate::types::Problem;

/// Opens the local API of a node.
///
/// # Errors
/// `port_in_use` when somebody else listens there.
pub fn open(local: LocalNode, listen: SocketAddr, token: String) -> Later<Result<OpenDoor, Problem>> {
    Box::pin(async move {
        let (told, stop) = mpsc::channel(1);
        let node = ApiNode {
            doors: local.doors,
            node_id: local.node_id,
            network: Arc::new(NetworkView::new(&local.network, local.invite)),
            role: local.role,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: local.started.into_std(),
            is_anchor: local.anchor,
        };
        let server = serve(ApiConfig { listen, token, node, stop: told })?;
        let address = server.addr;
        Ok(OpenDoor { address, stop, close: Box::new(move || Box::pin(server.shut_down())) })
    })
}
