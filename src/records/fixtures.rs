//! For tests: networks, accounts, devices and records that are the same in every run.
//!
//! Every key comes from a label, so two calls with one label give one key.

use crate::keys::{SealKey, SecretKey, Secrets, hash};
use crate::records::{
    AccountBody, AccountChain, BundleBody, DeviceBody, DirectoryBody, EdgeBody, Entry, Final, HeadsBody, InterestBody,
    Link, MentionBody, PostBody, PresenceBody, PrivateBody, PrivateKind, ProfileBody, Proofs, Record, RetirementBody,
    Signed, TombstoneBody, WatermarkBody, countersign, sign_contact,
};
use crate::types::{AccountId, ContactProof, DeviceId, Hash, Hlc, Network, NetworkId, Rng, WallTime};

/// The present of the fixtures.
pub const NOW: WallTime = WallTime(1_800_000_000_000);

/// The password of every account.
pub const PASSWORD: &str = "velvet otter canyon marble drift sonnet";

/// Returns the key that belongs to a label.
pub fn secret(label: &str) -> SecretKey {
    SecretKey::generate(&mut Rng::from_seed(hash(label.as_bytes()).0))
}

/// Returns the stamp `ms` milliseconds after [`NOW`], before it where negative.
pub fn at(ms: i64) -> Hlc {
    Hlc::new(WallTime(NOW.0.saturating_add_signed(ms)), 0)
}

/// A `test` network and the keys of its registrars.
pub struct TestNet {
    /// The network.
    pub network: Network,
    /// The registrars, in the order of the document.
    pub registrars: Vec<SecretKey>,
}

impl TestNet {
    /// Makes a network of this name with `n` registrars.
    pub fn new(name: &str, n: usize) -> Self {
        let registrars: Vec<SecretKey> = (0..n).map(|i| secret(&format!("{name} registrar {i}"))).collect();
        let mut text = format!("name = \"{name}\"\nepoch = 1\ntest = true\nreserved_names = [\"admin\"]\n");
        for (i, key) in registrars.iter().enumerate() {
            text.push_str(&format!("\n[[registrar]]\nname = \"r{i}\"\nkey = \"{}\"\n", key.public()));
        }
        let network = Network::parse(text.into_bytes().into()).expect("a valid document");
        Self { network, registrars }
    }

    /// Returns the network's id.
    pub fn id(&self) -> NetworkId {
        self.network.id
    }

    /// Returns the FINALs of the first `n` registrars.
    pub fn finals(&self, account: AccountId, record: &Signed<AccountBody>, n: usize) -> Vec<Final> {
        self.registrars.iter().take(n).map(|key| Final::sign(key, &self.network, account, record, NOW)).collect()
    }

    /// Certifies a state by a quorum.
    pub fn link(&self, account: AccountId, record: Signed<AccountBody>) -> Link {
        Link { finals: self.finals(account, &record, self.network.quorum()), record }
    }

    /// Registers a name.
    pub fn account(&self, name: &str) -> TestAccount {
        let root = secret(&format!("{name} root 0"));
        let bundle = bundle(self, name, 0, &root);
        let body = AccountBody {
            username: name.parse().expect("a name"),
            seq: 0,
            account: None,
            prev: None,
            root: root.public(),
            recovery: Some(secret(&format!("{name} recovery")).public()),
            revoked: vec![],
            kept: vec![],
            bundle: bundle.hash(),
        };
        let genesis = Signed::sign(body, &root, &self.id());
        let link = self.link(AccountId(genesis.hash().0), genesis);
        TestAccount { root, bundle, chain: AccountChain::new(vec![link]).expect("one link") }
    }
}

fn bundle(net: &TestNet, name: &str, seq: u64, root: &SecretKey) -> Signed<BundleBody> {
    let mut rng = Rng::from_seed(hash(format!("{name} bundle {seq}").as_bytes()).0);
    let secrets = Secrets { root: *root.to_bytes(), settings: rng.bytes() };
    let name = name.parse().expect("a name");
    BundleBody::seal(&name, seq, &secrets, PASSWORD, &net.network, &mut rng).expect("8 MiB are there")
}

/// An account with the secrets of its present state.
#[derive(Clone)]
pub struct TestAccount {
    /// The root key of the present state.
    pub root: SecretKey,
    /// The bundle of the present state.
    pub bundle: Signed<BundleBody>,
    /// The certified chain.
    pub chain: AccountChain,
}

impl TestAccount {
    /// Returns the account's id.
    pub fn id(&self) -> AccountId {
        self.chain.account
    }

    /// Returns the chain as a record.
    pub fn record(&self) -> Record {
        Record::Account(self.chain.clone())
    }

    /// Returns the body that follows the present state and changes nothing.
    pub fn next_body(&self) -> AccountBody {
        let last = self.chain.last().clone();
        AccountBody {
            seq: last.seq + 1,
            account: Some(self.id()),
            prev: Some(self.chain.hash()),
            revoked: vec![],
            kept: vec![],
            ..last
        }
    }

    /// Adds a certified state, signed by the present root key.
    pub fn then(&self, net: &TestNet, change: impl FnOnce(&mut AccountBody)) -> Self {
        let mut body = self.next_body();
        change(&mut body);
        let link = net.link(self.id(), Signed::sign(body, &self.root, &net.id()));
        self.with_link(link)
    }

    /// Adds a certified state with a new root key and a bundle of its own.
    pub fn then_new_root(&self, net: &TestNet, change: impl FnOnce(&mut AccountBody)) -> Self {
        let name = self.chain.username().as_str().to_owned();
        let seq = self.chain.last().seq + 1;
        let root = secret(&format!("{name} root {seq}"));
        let bundle = bundle(net, &name, seq, &root);
        let next = self.then(net, |body| {
            body.root = root.public();
            body.bundle = bundle.hash();
            change(body);
        });
        Self { root, bundle, ..next }
    }

    /// Returns the account's entry in the directory.
    pub fn directory(&self) -> Signed<DirectoryBody> {
        let finals = self.chain.links[0].finals.clone();
        Signed::unsigned(DirectoryBody { username: self.chain.username().clone(), account: self.id(), finals })
    }

    /// Adds a link as it is.
    pub fn with_link(&self, link: Link) -> Self {
        let mut links = self.chain.links.clone();
        links.push(link);
        Self { chain: AccountChain::new(links).expect("links"), ..self.clone() }
    }

    /// Certifies a device under the present state.
    pub fn device(&self, net: &TestNet, label: &str) -> TestDevice {
        let key = secret(&format!("{} device {label}", self.chain.username().as_str()));
        let device = DeviceId(key.public().0);
        let body = DeviceBody { account: self.id(), device, seq: self.chain.last().seq, hlc: at(0) };
        TestDevice { account: self.id(), cert: Signed::sign(body, &self.root, &net.id()), key, network: net.id() }
    }
}

/// A device of an account.
#[derive(Clone)]
pub struct TestDevice {
    /// Its account.
    pub account: AccountId,
    /// Its key.
    pub key: SecretKey,
    /// Its certificate.
    pub cert: Signed<DeviceBody>,
    network: NetworkId,
}

impl TestDevice {
    /// Returns the device's id.
    pub fn id(&self) -> DeviceId {
        DeviceId(self.key.public().0)
    }

    /// Signs any body with the device's key.
    pub fn sign<B: crate::records::Body>(&self, body: B) -> Signed<B> {
        Signed::sign(body, &self.key, &self.network)
    }

    /// Returns the fields of a post: number `seq`, linked to `prev`.
    pub fn post_body(&self, seq: u64, prev: Option<Hash>, text: &str) -> PostBody {
        PostBody {
            account: self.account,
            device: self.id(),
            seq,
            hlc: at(seq as i64),
            prev,
            text: text.to_owned(),
            lifetime_ms: 7 * 24 * 3600 * 1000,
            reply_to: None,
        }
    }

    /// Makes posts number 1 to `n`.
    pub fn posts(&self, n: u64) -> Vec<Signed<PostBody>> {
        let mut out: Vec<Signed<PostBody>> = Vec::new();
        for seq in 1..=n {
            let prev = out.last().map(Signed::hash);
            out.push(self.sign(self.post_body(seq, prev, &format!("post {seq}"))));
        }
        out
    }

    /// Returns the fields of heads, nothing collected.
    pub fn heads_body(&self, version: u64, last_seq: u64, floor: u64) -> HeadsBody {
        HeadsBody {
            account: self.account,
            device: self.id(),
            version,
            hlc: at(version as i64),
            last_seq,
            last_hash: (last_seq > 0).then(|| hash(&last_seq.to_be_bytes())),
            floor,
            collected: vec![],
            why_from: None,
            early: vec![],
        }
    }

    /// Signs an edge `ms` after [`NOW`].
    pub fn edge(&self, followed: AccountId, follows: bool, ms: i64) -> Signed<EdgeBody> {
        let hlc = at(ms);
        let body = EdgeBody { follower: self.account, device: self.id(), followed, hlc, follows, since: hlc.wall() };
        self.sign(body)
    }

    /// Retires the device by its own word, or by that of `root` and the state that names it.
    pub fn retirement(&self, ms: i64, root: Option<(u64, &SecretKey)>) -> Signed<RetirementBody> {
        let body = RetirementBody {
            account: self.account,
            device: self.id(),
            last_seq: 0,
            last_hash: None,
            hlc: at(ms),
            root_seq: root.map(|(seq, _)| seq),
        };
        Signed::sign(body, root.map_or(&self.key, |(_, key)| key), &self.network)
    }

    /// Signs display name and bio.
    pub fn profile(&self, name: &str, bio: &str, ms: i64) -> Signed<ProfileBody> {
        let (name, bio) = (name.to_owned(), bio.to_owned());
        self.sign(ProfileBody { account: self.account, device: self.id(), hlc: at(ms), name, bio })
    }

    /// Deletes a post of the account.
    pub fn tombstone(&self, post: &Signed<PostBody>, ms: i64) -> Signed<TombstoneBody> {
        self.sign(TombstoneBody {
            account: self.account,
            device: self.id(),
            hlc: at(ms),
            of: post.body.device,
            seq: post.body.seq,
            post: post.hash(),
            post_ends: post.body.expires_at(),
        })
    }

    /// Says how far an author's device's log was received and seen.
    pub fn watermark(&self, of: &TestDevice, received: u64, seen: u64, ms: i64) -> Signed<WatermarkBody> {
        self.sign(WatermarkBody {
            follower: self.account,
            device: self.id(),
            hlc: at(ms),
            author: of.account,
            log: of.id(),
            received,
            seen,
            seen_hash: (seen > 0).then(|| hash(&seen.to_be_bytes())),
        })
    }

    /// Seals a mute or block under a settings key.
    pub fn private(
        &self,
        kind: PrivateKind,
        subject: AccountId,
        on: bool,
        key: &SealKey,
        ms: i64,
    ) -> Signed<PrivateBody> {
        let entry = Entry { kind: kind as u8, subject, on, position: None, logs: vec![] };
        let mut rng = Rng::from_seed(hash(&ms.to_be_bytes()).0);
        self.sign(PrivateBody::seal(self.account, self.id(), at(ms), &entry, key, &mut rng))
    }

    /// Tells somebody of a post that names them.
    pub fn mention(&self, post: &Signed<PostBody>, mentioned: AccountId) -> Signed<MentionBody> {
        self.sign(MentionBody {
            account: self.account,
            device: self.id(),
            hlc: post.body.hlc,
            mentioned,
            post: post.hash(),
            seq: post.body.seq,
            ends: post.body.expires_at(),
        })
    }

    /// Says that the device is at a node; not countersigned yet.
    pub fn presence(&self, seq: u64, node: &SecretKey) -> Signed<PresenceBody> {
        self.sign(PresenceBody {
            account: self.account,
            device: self.id(),
            seq,
            hlc: at(seq as i64),
            online: true,
            contact: contact_bytes(node, &self.network),
        })
    }

    /// Says that the device wants an author's posts at a node; not countersigned yet.
    pub fn interest(&self, seq: u64, author: AccountId, node: &SecretKey) -> Signed<InterestBody> {
        self.sign(InterestBody {
            follower: self.account,
            device: self.id(),
            author,
            seq,
            hlc: at(seq as i64),
            online: true,
            contact: contact_bytes(node, &self.network),
        })
    }
}

/// Returns the signed contact of a node at a documentation address.
pub fn contact_bytes(node: &SecretKey, network: &NetworkId) -> Vec<u8> {
    let address = "192.0.2.1:4747".parse().expect("an address");
    let ContactProof(bytes) = sign_contact(node, network, &[address], 1).proof.clone().expect("signed here");
    bytes.to_vec()
}

/// Returns one valid record of every kind, those that prove others first.
pub fn every_kind(net: &TestNet) -> Vec<Record> {
    let (alice, bob) = (net.account("alice"), net.account("bob"));
    let device = alice.device(net, "1");
    let node = secret("node");
    vec![
        alice.record(),
        Record::Bundle(alice.bundle.clone()),
        Record::Device(device.cert.clone()),
        Record::Retirement(device.retirement(5, None)),
        Record::Heads(device.sign(device.heads_body(3, 7, 2))),
        Record::Post(device.posts(1).remove(0)),
        Record::Edge(device.edge(bob.id(), true, 5)),
        Record::Presence(countersign(device.presence(1, &node), &node, &net.id())),
        Record::Interest(countersign(device.interest(1, bob.id(), &node), &node, &net.id())),
        Record::Profile(device.profile("Alice", "on a boat", 6)),
        Record::Tombstone(device.tombstone(&device.posts(1)[0], 7)),
        Record::Watermark(device.watermark(&bob.device(net, "1"), 3, 2, 8)),
        Record::Private(device.private(PrivateKind::Block, bob.id(), true, &SealKey::new([7; 32]), 9)),
        Record::Mention(device.mention(&device.posts(1)[0], bob.id())),
        Record::Directory(alice.directory()),
    ]
}

/// Makes a memory that knows the account and its devices.
pub fn proofs_of(net: &TestNet, account: &TestAccount, devices: &[&TestDevice]) -> Proofs {
    let mut proofs = Proofs::new(100);
    assert_eq!(proofs.verify(&account.record(), &net.network), Ok(()));
    for device in devices {
        assert_eq!(proofs.verify(&Record::Device(device.cert.clone()), &net.network), Ok(()));
    }
    proofs
}
