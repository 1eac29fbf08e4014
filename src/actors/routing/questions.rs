//! What others ask the routing actor; nothing here changes it.

use actix::{Context as Ctx, Handler, MessageResult, ResponseFuture};

use super::actor::RoutingActor;
use super::messages::{
    AnchorHeard, Anchors, BootpeerState, Closest, Contacts, Known, LookUp, Overview, Peer, Peers, PingPeer,
    RoutingOverview, Seeds,
};
use super::people::{self, LookedUpFor, PingError, PingTarget, Pong};
use crate::overlay;
use crate::types::{Contact, NodeId};
use crate::wire::FLAG_BOOTPEER;

impl Handler<Closest> for RoutingActor {
    type Result = MessageResult<Closest>;

    fn handle(&mut self, message: Closest, _: &mut Ctx<Self>) -> Self::Result {
        MessageResult(self.table.closest(&message.key, message.n))
    }
}

impl Handler<Seeds> for RoutingActor {
    type Result = MessageResult<Seeds>;

    fn handle(&mut self, message: Seeds, _: &mut Ctx<Self>) -> Self::Result {
        MessageResult((self.table.closest(&message.key, message.n), self.table.len()))
    }
}

impl Handler<Peers> for RoutingActor {
    type Result = MessageResult<Peers>;

    fn handle(&mut self, _: Peers, _: &mut Ctx<Self>) -> Self::Result {
        let connected = self.node.net.connected();
        let (now, wall) = (self.now(), self.node.now());
        let peer = |info: overlay::ContactInfo| Peer {
            connected: connected.binary_search(&info.contact.node).is_ok(),
            bootpeer: self.node.network.is_registrar(&info.contact.node)
                || self.node.greeting(&info.contact.node).is_some_and(|g| g.program.flags & FLAG_BOOTPEER != 0),
            contact: info.contact,
            bucket: info.bucket,
            rtt: info.rtt,
            last_seen: wall.minus(now.saturating_sub(info.last_seen)),
        };
        MessageResult(self.table.contacts().into_iter().map(peer).collect())
    }
}

impl Handler<Contacts> for RoutingActor {
    type Result = MessageResult<Contacts>;

    fn handle(&mut self, _: Contacts, _: &mut Ctx<Self>) -> Self::Result {
        let mut contacts: Vec<Contact> = self.table.live().map(|(_, entry)| entry.contact.clone()).collect();
        contacts.sort_unstable_by_key(|contact| contact.node);
        MessageResult(contacts)
    }
}

impl Handler<Overview> for RoutingActor {
    type Result = MessageResult<Overview>;

    fn handle(&mut self, _: Overview, _: &mut Ctx<Self>) -> Self::Result {
        let state = |contact: &Contact| BootpeerState {
            online: self.health.is_up(&contact.node),
            rtt: self.node.net.path(&contact.node).map(|p| p.srtt),
            software: self.node.greeting(&contact.node).map(|g| g.program.software.to_string()),
            contact: contact.clone(),
        };
        let up = |id: &NodeId| *id == self.node.me || self.health.is_up(id);
        MessageResult(RoutingOverview {
            known: self.table.len(),
            connected: self.node.net.connected().len(),
            traffic: self.node.net.traffic(),
            addresses: self.node.net.addresses(),
            registrars_reachable: self.node.network.registrars.iter().map(|k| k.node_id()).filter(up).count(),
            size_estimate: self.table.size_estimate(),
            bootpeers: self.bootpeers.iter().map(state).collect(),
        })
    }
}

impl Handler<Anchors> for RoutingActor {
    type Result = MessageResult<Anchors>;

    fn handle(&mut self, _: Anchors, _: &mut Ctx<Self>) -> Self::Result {
        let known = |id: NodeId| Some((self.known_by_id(&id)?, !self.health.has_failed(&id)));
        MessageResult(self.node.anchors().filter(|id| *id != self.node.me).filter_map(known).collect())
    }
}

impl Handler<Known> for RoutingActor {
    type Result = MessageResult<Known>;

    fn handle(&mut self, Known(node): Known, _: &mut Ctx<Self>) -> Self::Result {
        MessageResult(self.known_by_id(&node))
    }
}

impl Handler<AnchorHeard> for RoutingActor {
    type Result = MessageResult<AnchorHeard>;

    fn handle(&mut self, _: AnchorHeard, _: &mut Ctx<Self>) -> Self::Result {
        MessageResult(self.node.anchors().filter_map(|id| self.health.last(&id)).max().map(|last| last.elapsed()))
    }
}

impl Handler<LookUp> for RoutingActor {
    type Result = ResponseFuture<LookedUpFor>;

    fn handle(&mut self, LookUp(key): LookUp, _: &mut Ctx<Self>) -> Self::Result {
        let node = self.node.clone();
        Box::pin(async move { people::look_up(&node, key).await })
    }
}

impl Handler<PingPeer> for RoutingActor {
    type Result = ResponseFuture<Result<Pong, PingError>>;

    fn handle(&mut self, PingPeer(target): PingPeer, _: &mut Ctx<Self>) -> Self::Result {
        let known = match &target {
            PingTarget::Node(id) => self.known_by_id(id),
            // Whoever was there may be elsewhere by now.
            PingTarget::Address(_) => None,
        };
        let node = self.node.clone();
        Box::pin(async move { people::ping(&node, target, known).await })
    }
}
