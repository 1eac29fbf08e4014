//! A socket that leads nowhere: what a node has that is killed, as its peers see it.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, Endpoint, UdpPoller};

/// Cuts an endpoint off from the network.
pub(super) fn fall(endpoint: &Endpoint, address: SocketAddr) {
    // What comes to the socket before the last one is heard still, so the real one has to be two back.
    for _ in 0..2 {
        if let Err(error) = endpoint.rebind_abstract(Nowhere::at(address)) {
            tracing::warn!(%error, "peers are told that this node ends");
        }
    }
}

/// Swallows what is sent; nothing ever comes.
#[derive(Debug)]
struct Nowhere(SocketAddr);

impl Nowhere {
    /// Takes the place of the socket at an address.
    fn at(address: SocketAddr) -> Arc<Self> {
        Arc::new(Self(address))
    }
}

impl AsyncUdpSocket for Nowhere {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Ready)
    }

    fn try_send(&self, _: &Transmit<'_>) -> io::Result<()> {
        Ok(())
    }

    fn poll_recv(&self, _: &mut Context<'_>, _: &mut [IoSliceMut<'_>], _: &mut [RecvMeta]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0)
    }
}

/// Anything can be swallowed at once.
#[derive(Debug)]
struct Ready;

impl UdpPoller for Ready {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
