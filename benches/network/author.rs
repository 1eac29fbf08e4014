//! Accounts that the registrars, whose keys the benchmark holds, certified; and what their devices sign.

use std::cell::{Cell, RefCell};

use bytes::Bytes;
use timeline::keys::SecretKey;
use timeline::records::{AccountBody, AccountChain, DeviceBody, Final, Link, PostBody, Record, Signed, home, slot};
use timeline::types::{AccountId, DeviceId, Hash, Hlc, Key, Network, NetworkId, Rng, Section, WallTime};

/// Where a post lies, for whoever reads it.
#[derive(Clone)]
pub struct Place {
    pub key: Key,
    pub slot: Bytes,
    pub hash: Hash,
}

/// An account with one device, and the log of that.
pub struct Author {
    pub account: AccountId,
    /// What proves the device: account and certificate.
    pub proofs: Vec<Bytes>,
    key: SecretKey,
    network: NetworkId,
    last: RefCell<Option<Hash>>,
    posts: Cell<u64>,
    stamp: Cell<Hlc>,
}

impl Author {
    /// Makes an account of this name.
    pub fn new(name: &str, network: &Network, registrars: &[SecretKey], now: WallTime, rng: &mut Rng) -> Self {
        let (root, key) = (SecretKey::generate(rng), SecretKey::generate(rng));
        let body = AccountBody {
            username: name.parse().unwrap(),
            seq: 0,
            account: None,
            prev: None,
            root: root.public(),
            recovery: None,
            revoked: vec![],
            kept: vec![],
            bundle: Hash(rng.bytes()),
        };
        let record = Signed::sign(body, &root, &network.id);
        let account = AccountId(record.hash().0);
        let sign = |registrar| Final::sign(registrar, network, account, &record, now);
        let finals = registrars.iter().take(network.quorum()).map(sign).collect();
        let chain = AccountChain::new(vec![Link { record, finals }]).unwrap();
        let device = DeviceBody { account, device: DeviceId(key.public().0), seq: 0, hlc: Hlc::new(now, 0) };
        let certificate = Signed::sign(device, &root, &network.id);
        Self {
            account,
            proofs: vec![chain.bytes().clone(), certificate.bytes().clone()],
            key,
            network: network.id,
            last: RefCell::new(None),
            posts: Cell::new(0),
            stamp: Cell::new(Hlc::new(now, 0)),
        }
    }

    /// Signs the next post.
    pub fn post(&self, text: String, now: WallTime) -> Record {
        self.posts.set(self.posts.get() + 1);
        self.stamp.set(self.stamp.get().tick(now));
        let body = PostBody {
            account: self.account,
            device: DeviceId(self.key.public().0),
            seq: self.posts.get(),
            hlc: self.stamp.get(),
            prev: *self.last.borrow(),
            text,
            lifetime_ms: 7 * 24 * 3600 * 1000,
            reply_to: None,
        };
        let post = Signed::sign(body, &self.key, &self.network);
        *self.last.borrow_mut() = Some(post.hash());
        Record::Post(post)
    }

    /// Returns where a post of the account lies.
    pub fn place(&self, post: &Record) -> Place {
        Place { key: home(&self.account), slot: slot(post, Section::Post), hash: post.hash() }
    }
}
