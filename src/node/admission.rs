//! Finding the network document: in a file, in the data dir, or at a bootpeer.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::config::{Bootpeer, Config};
use super::data_dir::DataDir;
use crate::clock::SystemClock;
use crate::keys::SecretKey;
use crate::net::Quic;
use crate::records::sign_contact;
use crate::seam::{Class, Clock, Inbound, Later, Refused, Transport};
use crate::types::{Code, Contact, Network, NetworkId, NodeId, Problem};
use crate::wire::{
    Blob, ErrorCode, GetNetwork, HELLO, Hello, MINOR_VERSION, Request, encode_error, encode_ok, open_answer,
};

/// The network of a node that was told of none: nobody is in it, nobody can register.
const ALONE: &str = "name = \"alone\"\nepoch = 1\n";

/// How long a bootpeer may take to send the document.
const WITHIN: Duration = Duration::from_secs(3);
/// The wait between rounds over all bootpeers.
const PAUSE: Duration = Duration::from_secs(2);

/// Returns the document where it is on disk: named by the configuration, or kept from an earlier run.
///
/// # Errors
/// `bad_config` when a file cannot be read, or is of another network than the configuration names.
pub fn on_disk(config: &Config, data_dir: &DataDir) -> Result<Option<Network>, Problem> {
    let bad = |what: String| {
        Problem::new(Code::BadConfig, what).hint(
            "see that network.id and network.file in the configuration are right, or join anew: timeline join INVITE",
        )
    };
    let parse = |bytes: Vec<u8>, from: &std::path::Path| {
        let network = match config.network.id {
            Some(id) => Network::parse_as(bytes.into(), id),
            None => Network::parse(bytes.into()),
        };
        network.map_err(|error| bad(format!("{}: {error}", from.display())))
    };
    if let Some(file) = &config.network.file {
        let bytes = std::fs::read(file).map_err(|error| bad(format!("{}: {error}", file.display())))?;
        return parse(bytes, file).map(Some);
    }
    let kept = data_dir.network_document_path();
    match (std::fs::read(&kept), config.network.id) {
        // A copy that is none any more is asked for anew; a whole one of another network was put there by somebody.
        (Ok(bytes), Some(_)) if Network::parse(bytes.clone().into()).is_err() => {
            tracing::warn!(file = %kept.display(), "the network document is damaged: it is fetched again");
            Ok(None)
        }
        (Ok(bytes), Some(_)) => parse(bytes, &kept).map(Some),
        (_, Some(_)) => Ok(None),
        (_, None) => parse(ALONE.as_bytes().to_vec(), &kept).map(Some),
    }
}

/// Asks bootpeers for the network document, and keeps what comes.
pub struct Asking<'a> {
    /// The way to them.
    pub net: &'a Rc<Quic>,
    /// The node's key.
    pub key: &'a SecretKey,
    /// The network that the document must be of.
    pub id: NetworkId,
    /// Whom to ask.
    pub bootpeers: &'a [Bootpeer],
    /// Where to keep it.
    pub data_dir: &'a DataDir,
}

impl Asking<'_> {
    /// Asks them all once, side by side; `None` when none has it.
    pub async fn once(&self) -> Result<Option<Network>, Problem> {
        let (net, id) = (self.net, self.id);
        let guest: Rc<dyn Inbound> = Rc::new(Guest { key: self.key.clone(), id, addresses: net.addresses() });
        net.serve(Rc::downgrade(&guest));
        let contacts = resolve(self.bootpeers).await;
        let mut asking: FuturesUnordered<_> = contacts.iter().map(|contact| ask(net, id, contact)).collect();
        while let Some(answer) = asking.next().await {
            if let Some(network) = answer {
                self.data_dir.write_network_document(&network.bytes())?;
                // The guest keeps nothing of what bootpeers say of themselves, which the node needs to know them.
                net.begin_anew();
                return Ok(Some(network));
            }
        }
        Ok(None)
    }

    /// Asks them until one has it.
    pub async fn until_known(&self) -> Result<Network, Problem> {
        loop {
            tracing::warn!("no bootpeer gave the network document yet; trying again");
            tokio::time::sleep(PAUSE).await;
            if let Some(network) = self.once().await? {
                return Ok(network);
            }
        }
    }
}

async fn ask(net: &Rc<Quic>, id: NetworkId, contact: &Contact) -> Option<Network> {
    let frame = net.request(contact, GetNetwork {}.to_frame(), Class::Read, WITHIN).await.ok()?;
    let answer = open_answer::<crate::wire::NetworkBytes>(&frame).ok()?.ok()?;
    Network::parse_as(answer.document.into_bytes(), id).ok()
}

/// Looks up the addresses of bootpeers; those that have none now are left out.
pub async fn resolve(bootpeers: &[Bootpeer]) -> Vec<Contact> {
    let mut out = Vec::new();
    for bootpeer in bootpeers {
        let addresses: Vec<SocketAddr> = match tokio::net::lookup_host(&bootpeer.address).await {
            Ok(found) => found.take(crate::types::MAX_ADDRESSES).collect(),
            Err(error) => {
                tracing::warn!(address = bootpeer.address, %error, "a bootpeer's address was not found");
                Vec::new()
            }
        };
        if let Some(first) = addresses.first() {
            out.push(Contact::hint(bootpeer.node_id, *first).but(|reach| reach.addresses = addresses));
        }
    }
    out
}

/// A node that knows of its network only the id: it asks, and answers nobody.
struct Guest {
    key: SecretKey,
    id: NetworkId,
    addresses: Vec<SocketAddr>,
}

impl Guest {
    fn own_hello(&self) -> Hello {
        let contact = sign_contact(&self.key, &self.id, &self.addresses, 1);
        Hello {
            minor: MINOR_VERSION,
            network: self.id,
            contact: contact.proof.as_ref().map(|proof| Blob::from(&proof.0)).unwrap_or_default(),
            time: SystemClock.now(),
            software: super::run::software(),
            flags: 0,
        }
    }
}

impl Inbound for Guest {
    fn hello(&self) -> Bytes {
        self.own_hello().to_frame()
    }

    fn greeted(&self, _: NodeId, answer: Bytes) -> Result<(), Refused> {
        match open_answer::<Hello>(&answer) {
            Ok(Ok(hello)) if hello.network == self.id => Ok(()),
            _ => Err(Refused),
        }
    }

    /// Greets back: a bootpeer that we asked dials us to see whether we can be reached, and would hold a refusal for a failure.
    fn handle(&self, _: NodeId, body: Bytes) -> Later<Result<Bytes, Bytes>> {
        let answer = match body.first() {
            Some(&HELLO) => encode_ok(&self.own_hello()),
            _ => encode_error(ErrorCode::Busy, "still joining"),
        };
        Box::pin(std::future::ready(Ok(answer)))
    }
}
