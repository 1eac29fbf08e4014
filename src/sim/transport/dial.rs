//! Dialling: a handshake, then HELLO, and a place in the pool.

use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout_at};

use super::link::{Link, Tell};
use super::{Dial, Port, Slot};
use crate::seam::NetError;
use crate::sim::wire::Place;
use crate::types::Contact;

/// The first packet of a handshake is sent again after this: three times the round trip that QUIC expects at first (RFC
/// 9002, section 6.2.2).
const RESENT: Duration = Duration::from_millis(999);

impl Port {
    /// Dials a node; one that has never begun has no number, and nobody else waits for it.
    pub(super) fn dial(self: &Rc<Self>, number: Option<u32>, to: Contact) -> Dial {
        let port = self.clone();
        let (tell, told) = oneshot::channel();
        tokio::task::spawn_local(async move {
            let deadline = Instant::now() + port.limits.dial;
            let reached = timeout_at(deadline, port.connect(&to)).await.unwrap_or(Err(NetError::Unreachable));
            let give_up = || number.map(|number| port.slots.borrow_mut().remove(&number));
            match reached {
                Ok((link, (taken, answered))) => {
                    // Whoever wanted it may have gone.
                    let _ = tell.send(Ok(link.clone()));
                    let greeted = timeout_at(deadline, port.greet(&to, &link, taken)).await;
                    let greeted = greeted.unwrap_or(Err(NetError::Unreachable));
                    match &greeted {
                        Ok(()) => {
                            port.sessions.note(link.host, link.run);
                            port.keep(link);
                        }
                        Err(_) => drop(give_up()),
                    }
                    let _ = answered.send(greeted);
                }
                Err(error) => {
                    give_up();
                    let _ = tell.send(Err(error));
                }
            }
        });
        let dial = async move { told.await.unwrap_or(Err(NetError::Broken)) }.boxed_local().shared();
        if let Some(number) = number {
            self.slots.borrow_mut().insert(number, Slot::Dialling(Box::new(dial.clone())));
        }
        dial
    }

    /// Keeps a connection; beyond the bound of the pool the one longest unused is closed.
    fn keep(&self, link: Rc<Link>) {
        let mut slots = self.slots.borrow_mut();
        slots.insert(link.host, Slot::Linked(link));
        if slots.len() > self.limits.pool {
            let now = self.uses.get();
            let idle = slots.iter().filter_map(|(host, slot)| match slot {
                Slot::Linked(link) if !link.is_busy() => Some((now.wrapping_sub(link.used.get()), *host)),
                _ => None,
            });
            if let Some((_, oldest)) = idle.max() {
                slots.remove(&oldest);
            }
        }
    }

    /// A handshake, which takes a round trip.
    async fn connect(&self, to: &Contact) -> Result<(Rc<Link>, Tell), NetError> {
        let way = self.wire.way(self.me.node, to.node);
        let round_trip = self.wire.transit(way) + self.wire.transit(way);
        sleep(round_trip).await;
        let there = match self.wire.at(self.me.node, to) {
            None => {
                sleep(RESENT).await;
                self.wire.at(self.me.node, to)
            }
            there => there,
        };
        let Some(process) = there else { return pending().await };
        if process.node != to.node {
            return Err(NetError::WrongPeer);
        }
        let (link, tell) = Link::new(process, way, round_trip, self.uses.get());
        Ok((Rc::new(link), tell))
    }

    /// HELLO: what is sent meanwhile comes behind it.
    async fn greet(&self, to: &Contact, link: &Link, taken: oneshot::Sender<()>) -> Result<(), NetError> {
        let hello = self.inbound()?.hello_at(to.addresses.first().copied().unwrap_or(self.address.get()));
        let (answer, round_trip) = self.carry(Place::Hello(taken), (self.process(link), link.way), hello).await;
        // A connection that ended before it was up was none.
        let answer = answer.map_err(|_| NetError::Unreachable)?.map_err(|_| NetError::Refused)?;
        self.inbound()?.greeted(to.node, answer).map_err(|_| NetError::Refused)?;
        link.note(round_trip);
        link.greeted();
        Ok(())
    }
}
