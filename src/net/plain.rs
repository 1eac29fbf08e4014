//! A socket that takes datagrams one by one.
//!
//! Linux can hand over several datagrams of one sender as one (UDP GRO), for which the endpoint holds 3 MB ready to receive into.
//! Messages here fit one datagram, or some, so nothing is gained by it that is worth so much memory.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use socket2::Socket;

/// A socket for which that is switched off, where it can be.
#[derive(Debug)]
pub(super) struct Plain {
    socket: Arc<dyn AsyncUdpSocket>,
    /// The most datagrams that one buffer has to hold.
    at_once: usize,
}

impl Plain {
    /// Switches it off for a socket, given also as the system's.
    pub(super) fn new(socket: Arc<dyn AsyncUdpSocket>, own: &Socket) -> Arc<Self> {
        let at_once = if comes_singly(own) { 1 } else { socket.max_receive_segments() };
        Arc::new(Self { socket, at_once })
    }
}

#[cfg(target_os = "linux")]
fn comes_singly(socket: &Socket) -> bool {
    use nix::sys::socket::{setsockopt, sockopt::UdpGroSegment};
    setsockopt(socket, UdpGroSegment, &false).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn comes_singly(_: &Socket) -> bool {
    false
}

impl AsyncUdpSocket for Plain {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        self.socket.clone().create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.socket.try_send(transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_recv(cx, bufs, meta)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.socket.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.at_once
    }

    fn may_fragment(&self) -> bool {
        self.socket.may_fragment()
    }
}
