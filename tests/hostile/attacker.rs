//! A peer with a real transport and a key of its own that says whatever a test wants.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use bytes::Bytes;
use timeline::keys::SecretKey;
use timeline::net::{NetLimits, Quic};
use timeline::records::sign_contact;
use timeline::seam::{Class, Inbound, Later, NetError, Refused, Transport};
use timeline::types::{Contact, Key, Network, NetworkId, NodeId, SectionSet};
use timeline::wire::{
    Blob, Claim, Claimed, Closer, Deliver, ErrorCode, FindNode, Get, HELLO, Hello, MINOR_VERSION, Ping, Pong, Put,
    Request, Status, encode_error, encode_ok, open_answer,
};

use crate::fixtures::NOW;
use crate::support::{PATIENCE, bind};

/// How an attacker answers; `None` as a good but ignorant peer would.
type Answer = dyn Fn(NodeId, &[u8]) -> Option<Bytes>;

/// What the attacker says when it is asked.
pub struct Mouth {
    pub hello: RefCell<Bytes>,
    /// How often it greeted: once a connection.
    pub greetings: Cell<usize>,
    /// Requests that came, HELLOs not counted.
    pub asked: Cell<usize>,
    /// Whether it takes requests and never answers.
    pub silent: Cell<bool>,
    answer: RefCell<Rc<Answer>>,
}

impl Inbound for Mouth {
    fn hello(&self) -> Bytes {
        self.greetings.set(self.greetings.get() + 1);
        self.hello.borrow().clone()
    }

    fn greeted(&self, _: NodeId, answer: Bytes) -> Result<(), Refused> {
        if answer.first() == Some(&0) { Ok(()) } else { Err(Refused) }
    }

    fn handle(&self, from: NodeId, body: Bytes) -> Later<Result<Bytes, Bytes>> {
        if body.first() == Some(&HELLO) {
            let answer = [&[0], &self.hello.borrow()[1..]].concat();
            return Box::pin(std::future::ready(Ok(answer.into())));
        }
        self.asked.set(self.asked.get() + 1);
        if self.silent.get() {
            return Box::pin(std::future::pending());
        }
        let answer = self.answer.borrow().clone();
        let said = answer(from, &body).unwrap_or_else(|| match body.first() {
            Some(&Ping::NUMBER) => encode_ok(&Pong { time: NOW }),
            Some(&FindNode::NUMBER) => encode_ok(&Closer { contacts: vec![] }),
            _ => encode_error(ErrorCode::Busy, ""),
        });
        Box::pin(std::future::ready(Ok(said)))
    }
}

/// The peer.
pub struct Attacker {
    pub key: SecretKey,
    pub quic: Rc<Quic>,
    pub mouth: Rc<Mouth>,
    pub network: NetworkId,
}

/// Builds a HELLO that claims what it is told.
pub fn hello(network: NetworkId, contact: Vec<u8>) -> Hello {
    let software = "timeline/hostile".to_owned();
    Hello { minor: MINOR_VERSION, network, contact: Blob::from(contact), time: NOW, software, flags: 0 }
}

impl Attacker {
    pub fn new(network: &Network, key: &SecretKey) -> Self {
        Self::with(network, key, NetLimits::default())
    }

    pub fn with(network: &Network, key: &SecretKey, limits: NetLimits) -> Self {
        let quic = bind(key, network, limits);
        let contact = sign_contact(key, &network.id, &[quic.local_addr()], 1);
        let signed = contact.proof.clone().expect("signed here").0.to_vec();
        let mouth = Rc::new(Mouth {
            hello: RefCell::new(hello(network.id, signed).to_frame()),
            greetings: Cell::new(0),
            asked: Cell::new(0),
            silent: Cell::new(false),
            answer: RefCell::new(Rc::new(|_, _| None)),
        });
        let weak: Weak<Mouth> = Rc::downgrade(&mouth);
        quic.serve(weak);
        Self { key: key.clone(), quic, mouth, network: network.id }
    }

    /// Answers from now on as it is told.
    pub fn answers(&self, answer: impl Fn(NodeId, &[u8]) -> Option<Bytes> + 'static) {
        *self.mouth.answer.borrow_mut() = Rc::new(answer);
    }

    /// Returns its signed contact.
    pub fn contact(&self) -> Contact {
        sign_contact(&self.key, &self.network, &[self.quic.local_addr()], 1)
    }

    pub async fn raw(&self, to: &Contact, frame: impl Into<Bytes>) -> Result<Bytes, NetError> {
        self.quic.request(to, frame.into(), Class::Write, PATIENCE).await
    }

    pub async fn ask<R: Request>(&self, to: &Contact, request: &R) -> Result<R::Answer, ErrorCode> {
        let frame = self.raw(to, request.to_frame()).await.expect("an answer");
        open_answer::<R::Answer>(&frame).expect("a well-formed answer").map_err(|error| error.code)
    }

    pub async fn ping(&self, to: &Contact) {
        assert!(self.ask(to, &Ping {}).await.is_ok());
    }

    pub async fn put(&self, to: &Contact, key: Key, records: &[Bytes], proofs: &[Bytes]) -> Vec<Status> {
        let request = Put { key, records: blobs(records), proofs: blobs(proofs), show: None };
        let done = self.ask(to, &request).await.expect("statuses");
        done.statuses.into_iter().map(Status::from_number).collect()
    }

    pub async fn put_one(&self, to: &Contact, key: Key, record: &Bytes, proofs: &[Bytes]) -> Status {
        self.put(to, key, std::slice::from_ref(record), proofs).await[0]
    }

    /// Returns the records of some sections of a key.
    pub async fn get(&self, to: &Contact, key: Key, sections: SectionSet) -> Vec<Bytes> {
        let got = self.ask(to, &Get::all(key, sections, 500, None)).await.expect("records");
        got.records.into_iter().map(Blob::into_bytes).collect()
    }

    pub async fn deliver(&self, to: &Contact, post: &Bytes, proofs: &[Bytes]) -> Status {
        let request = Deliver { post: Blob::from(post), proofs: blobs(proofs), page: None };
        Status::from_number(self.ask(to, &request).await.expect("a status").status)
    }

    pub async fn claim(&self, to: &Contact, record: &Bytes) -> Result<Claimed, ErrorCode> {
        self.ask(to, &Claim { record: Blob::from(record) }).await
    }

    pub async fn close(self) {
        self.quic.close().await;
    }
}

pub fn blobs(bytes: &[Bytes]) -> Vec<Blob> {
    bytes.iter().map(Blob::from).collect()
}
