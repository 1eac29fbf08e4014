//! The HTTP server: where it listens, and how it ends.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use futures_util::FutureExt;
use futures_util::future::Shared as SharedFuture;
use thiserror::Error;
use tokio::sync::oneshot;

use super::config::ApiConfig;
use super::guard::Guard;
use super::{mastodon, pending, routes};
use crate::node::local::{Arrival, OpenDoor};
use crate::seam::Later;
use crate::types::{Code, Problem};

/// Threads that answer: a person and a few programs ask, and the actors do the work.
const WORKERS: usize = 1;
/// Connections at once: watchers of the feed, and bursts of commands.
const MAX_CONNECTIONS: usize = 256;
/// How long a client may take to send the head of a request.
const HEAD_WAIT: Duration = Duration::from_secs(5);
/// How long answers under way may take when the server ends, in seconds.
const ENDING_S: u64 = 1;

/// Why the API is not there.
#[derive(Debug, Error)]
pub enum ApiError {
    /// Only loopback is served without TLS: the user's mistake.
    #[error("the API listens on loopback only, not on {0}")]
    NotLoopback(SocketAddr),
    /// Another program listens there: choose another port.
    #[error("another program listens on {0}")]
    PortInUse(SocketAddr),
    /// The system does not let us listen there.
    #[error("the API cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        let code = match error {
            ApiError::NotLoopback(_) => Code::BadConfig,
            ApiError::PortInUse(_) => Code::PortInUse,
            ApiError::Listen { .. } => Code::Internal,
        };
        Problem::new(code, error.to_string()).hint("choose another api.listen, port 0 for any")
    }
}

/// Ready when the server ends.
pub type Ending = SharedFuture<oneshot::Receiver<()>>;

/// What all workers share.
pub struct Shared {
    /// The node; handlers but that of the status run only once it is there.
    pub node: Arc<Arrival>,
    /// Ends event streams.
    pub ending: Ending,
    /// Taken by the first who asks the node to stop.
    stop: Mutex<Option<oneshot::Sender<()>>>,
    guard: Guard,
}

impl Shared {
    /// Returns the beginning of every address of this API.
    pub fn base(&self) -> String {
        format!("http://localhost:{}", self.guard.port())
    }

    /// Asks the node to stop; asking twice changes nothing.
    pub fn ask_to_stop(&self) {
        let asked = self.stop.lock().unwrap_or_else(PoisonError::into_inner).take();
        if asked.is_none_or(|stop| stop.send(()).is_err()) {
            tracing::debug!("the node is stopping already");
        }
    }
}

/// A running server.
pub struct ApiServer {
    /// Where it listens, with the port that it got.
    pub addr: SocketAddr,
    handle: ServerHandle,
    end: oneshot::Sender<()>,
}

/// Starts to answer, on a thread of its own. Called inside an Actix system, on the arbiter of the node.
///
/// # Errors
/// When it cannot listen there.
pub fn serve(config: ApiConfig) -> Result<ApiServer, ApiError> {
    let ApiConfig { listen, token, node, stop } = config;
    if !listen.ip().is_loopback() {
        return Err(ApiError::NotLoopback(listen));
    }
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => ApiError::PortInUse(listen),
        _ => ApiError::Listen { address: listen, source },
    };
    let listener = TcpListener::bind(listen).map_err(failed)?;
    let addr = listener.local_addr().map_err(failed)?;
    let (end, ending) = oneshot::channel();
    let guard = Guard::new(&token, addr.port());
    let stop = Mutex::new(Some(stop));
    let shared = Data::new(Shared { node, ending: ending.shared(), stop, guard });
    let app = move || {
        let (guarded, asked) = (shared.clone(), shared.clone());
        let app = App::new().app_data(shared.clone()).configure(mastodon::configure).configure(routes::configure);
        let app = app.wrap(from_fn(move |request, next| {
            let asked = asked.clone();
            async move { pending::pass(&asked.node, request, next).await }
        }));
        // The guard is the outermost: nobody without the token hears even that the node is not there yet.
        app.wrap(from_fn(move |request, next| {
            let guarded = guarded.clone();
            async move { guarded.guard.pass(request, next).await }
        }))
    };
    let server = HttpServer::new(app)
        .workers(WORKERS)
        .max_connections(MAX_CONNECTIONS)
        .client_request_timeout(HEAD_WAIT)
        .h1_allow_half_closed(false)
        .disable_signals()
        .shutdown_timeout(ENDING_S)
        .listen(listener)
        .map_err(failed)?
        .run();
    let handle = server.handle();
    actix_web::rt::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the API ended");
        }
    });
    Ok(ApiServer { addr, handle, end })
}

/// Opens the API as the door of a node: what a process gives to [`crate::node::run::run_node`].
pub fn open(node: impl Into<Arc<Arrival>>, listen: SocketAddr, token: String) -> Later<Result<OpenDoor, Problem>> {
    let node = node.into();
    Box::pin(async move {
        let (told, stop) = oneshot::channel();
        let server = serve(ApiConfig { listen, token, node, stop: told })?;
        Ok(OpenDoor { address: server.addr, stop, close: Box::new(move || Box::pin(server.shut_down())) })
    })
}

impl ApiServer {
    /// Ends event streams at once, lets other answers finish for a moment, and frees the port.
    pub async fn shut_down(self) {
        // Nobody hears it when no stream was ever opened.
        let _ = self.end.send(());
        self.handle.stop(true).await;
    }
}
