//! The desk where peers' requests come in: each is read once and answered, from the store or by an actor.

use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;

use super::context::{Context, Greeting};
use super::fan::answer_forward;
use super::gc::{answer_reconcile, answer_summary};
use super::peers::Program;
use super::routing::nearest_for;
use super::storage::{answer_get, answer_glance, signed};
use crate::records::CodecError;
use crate::seam::{Inbound, Later, Refused};
use crate::types::NodeId;
use crate::wire::{
    Blob, CheckOnline, Checked, Claim, Closer, Compare, Deliver, Delivered, ErrorCode, FLAG_BOTH_WAYS, Fetch, FindNode,
    Forward, Get, GetNetwork, HELLO, Heartbeat, Hello, MAX_CHECKED, MAX_PUT_RECORDS, MINOR_VERSION, NameStatus,
    NetworkBytes, Ping, Pong, Put, PutDone, Reconcile, Request, Summary, encode_error, encode_ok, is_bulk,
    may_be_early, open_answer, read_request,
};

/// Answers peers.
pub struct Desk {
    node: Rc<Context>,
}

impl Desk {
    /// Opens the desk of a node.
    pub fn new(node: Rc<Context>) -> Rc<Self> {
        Rc::new(Self { node })
    }

    fn own_hello(&self, at: Option<SocketAddr>) -> Hello {
        Hello {
            minor: MINOR_VERSION,
            network: self.node.network.id,
            contact: self.node.contact_at(at).proof.as_ref().map(|proof| Blob::from(&proof.0)).unwrap_or_default(),
            time: self.node.now(),
            software: self.node.settings.software.clone(),
            flags: self.node.flags(),
        }
    }

    /// Checks what a peer says of itself.
    fn check(&self, from: NodeId, hello: Hello) -> Result<Greeting, ErrorCode> {
        if hello.network != self.node.network.id {
            return Err(ErrorCode::WrongNetwork);
        }
        match self.node.open_contact(hello.contact.into_bytes()) {
            Some(contact) if contact.node == from => {
                // A program's name is shown to people: no control characters, and not long.
                let software: String = hello.software.chars().filter(|c| !c.is_control()).take(64).collect();
                let program = Program { software: software.into(), flags: hello.flags };
                Ok(Greeting { contact, program: program.into() })
            }
            _ => Err(ErrorCode::WrongNetwork),
        }
    }

    fn greet(&self, from: NodeId, frame: &[u8]) -> Result<Bytes, Bytes> {
        let hello = read_request::<Hello>(frame).map_err(|_| encode_error(ErrorCode::Malformed, "HELLO"))?;
        let time = hello.time;
        match self.check(from, hello) {
            Ok(greeting) => {
                self.node.origins.note(from, self.node.net.origin(&from));
                self.node.doors().routing.greeted(greeting.contact.clone());
                self.node.doors().clock.heard(from, time);
                self.node.greeted(greeting);
                Ok(encode_ok(&self.own_hello(self.node.net.remote(&from))))
            }
            Err(code) => Err(encode_error(code, "this HELLO is not for this network, or not yours")),
        }
    }
}

impl Inbound for Desk {
    fn hello(&self) -> Bytes {
        self.own_hello(None).to_frame()
    }

    fn hello_at(&self, address: SocketAddr) -> Bytes {
        self.own_hello(Some(address)).to_frame()
    }

    fn greeted(&self, from: NodeId, answer: Bytes) -> Result<(), Refused> {
        let Ok(Ok(hello)) = open_answer::<Hello>(&answer) else { return Err(Refused) };
        let time = hello.time;
        let greeting = self.check(from, hello).map_err(|_| Refused)?;
        self.node.doors().clock.heard(from, time);
        self.node.greeted(greeting);
        Ok(())
    }

    fn may_be_early(&self, body: &[u8]) -> bool {
        body.first().is_some_and(|number| may_be_early(*number))
    }

    fn is_bulk(&self, body: &[u8]) -> bool {
        body.first().is_some_and(|number| is_bulk(*number))
    }

    fn may_call_back(&self, peer: &NodeId, from: SocketAddr) -> bool {
        let from = SocketAddr::new(from.ip().to_canonical(), from.port());
        self.node.greeting(peer).is_some_and(|greeting| {
            greeting.program.flags & FLAG_BOTH_WAYS != 0 && greeting.contact.addresses.contains(&from)
        })
    }

    fn handle(&self, from: NodeId, body: Bytes) -> Later<Result<Bytes, Bytes>> {
        if body.first() == Some(&HELLO) {
            return Box::pin(std::future::ready(self.greet(from, &body)));
        }
        let node = self.node.clone();
        node.heard.note(from);
        node.heard_somebody();
        Box::pin(async move {
            let answer = answer(&node, from, &body).await;
            Ok(answer.unwrap_or_else(|code| encode_error(code, "")))
        })
    }
}

async fn answer(node: &Rc<Context>, from: NodeId, frame: &[u8]) -> Result<Bytes, ErrorCode> {
    match *frame.first().ok_or(ErrorCode::Malformed)? {
        Ping::NUMBER => read::<Ping>(frame).map(|Ping {}| encode_ok(&Pong { time: node.now() })),
        FindNode::NUMBER => {
            let FindNode { key } = read(frame)?;
            Ok(encode_ok(&Closer { contacts: signed(nearest_for(node, Some(from), key).await) }))
        }
        Get::NUMBER => Ok(encode_ok(&answer_get(node, Some(from), read(frame)?).await)),
        Put::NUMBER => {
            let put: Put = read(frame)?;
            if put.records.is_empty() || put.records.len() > MAX_PUT_RECORDS {
                return Err(ErrorCode::Malformed);
            }
            let bytes = |blobs: Vec<Blob>| blobs.into_iter().map(Blob::into_bytes).collect();
            let statuses = node.doors().storage.accept(from, put.key, bytes(put.records), bytes(put.proofs)).await;
            let statuses = statuses.into_iter().map(|s| s.number()).collect();
            let shown = match put.show {
                Some(sections) => Some(answer_glance(node, from, put.key, sections).await),
                None => None,
            };
            Ok(encode_ok(&PutDone { statuses, shown }))
        }
        Deliver::NUMBER => {
            let Deliver { post, proofs, page } = read(frame)?;
            let proofs = proofs.into_iter().map(Blob::into_bytes).collect();
            let status = node.doors().feed.push(post.0.clone(), proofs).await;
            let again = status.is_acknowledged() && page.is_some_and(|page| node.fan.was_brought(&post.0, page));
            Ok(encode_ok(&Delivered { status: status.number(), again }))
        }
        Forward::NUMBER => answer_forward(node, from, read(frame)?).await.map(|forwarded| encode_ok(&forwarded)),
        Claim::NUMBER => {
            let Claim { record } = read(frame)?;
            let registrar = node.doors().registrar.as_ref().ok_or(ErrorCode::NotRegistrar)?;
            registrar.claim(from, record.into_bytes()).await.map(|claimed| encode_ok(&claimed))
        }
        NameStatus::NUMBER => {
            let NameStatus { name } = read(frame)?;
            let registrar = node.doors().registrar.as_ref().ok_or(ErrorCode::NotRegistrar)?;
            registrar.standing(name).await.map(|standing| encode_ok(&standing))
        }
        Heartbeat::NUMBER => {
            let Heartbeat { account, device } = read(frame)?;
            Ok(encode_ok(&node.doors().presence.heartbeat(from, account, device).await))
        }
        CheckOnline::NUMBER => {
            let CheckOnline { accounts, here } = read(frame)?;
            if accounts.is_empty() || accounts.len() > MAX_CHECKED {
                return Err(ErrorCode::Malformed);
            }
            Ok(encode_ok(&Checked { standings: node.doors().presence.check(accounts, here).await }))
        }
        Reconcile::NUMBER => Ok(encode_ok(&answer_reconcile(node, read(frame)?))),
        Compare::NUMBER => {
            let compare: Compare = read(frame)?;
            let stretches = compare.unpack().ok_or(ErrorCode::Malformed)?;
            node.doors().repair.compare(from, stretches).await.map(|differences| encode_ok(&differences))
        }
        Fetch::NUMBER => node.doors().repair.fetch(from, read(frame)?).await.map(|fetched| encode_ok(&fetched)),
        Summary::NUMBER => Ok(encode_ok(&answer_summary(node, read(frame)?))),
        GetNetwork::NUMBER => {
            let GetNetwork {} = read(frame)?;
            Ok(encode_ok(&NetworkBytes { document: Blob::from(&node.network.bytes()) }))
        }
        _ => Err(ErrorCode::Unsupported),
    }
}

fn read<R: Request>(frame: &[u8]) -> Result<R, ErrorCode> {
    read_request(frame).map_err(|error| match error {
        CodecError::Critical => ErrorCode::Unsupported,
        CodecError::Malformed | CodecError::Trailing => ErrorCode::Malformed,
    })
}
