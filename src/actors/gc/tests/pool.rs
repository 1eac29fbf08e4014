//! The records that replicas get: of every kind that lies on disk, with forged, ended, misplaced and superseded ones among them.

use std::sync::OnceLock;
use std::time::Duration;

use crate::keys::SealKey;
use crate::records::fixtures::{NOW, TestAccount, TestDevice, TestNet, at, proofs_of, secret};
use crate::records::{
    Page, PostBody, PrivateKind, Proofs, Record, Revoked, Signed, bundle_key, home, name_key, section_at,
};
use crate::types::{AccountId, DeviceId, Hash, Key, Limits, Network, Section, SectionSet};

/// A record on its way to a key.
pub struct Letter {
    pub key: Key,
    pub record: Record,
    pub section: Option<Section>,
    /// Whether it is what it says, by the proofs of all accounts before anything was taken back.
    pub holds: bool,
    pub role: Role,
}

/// What a record means for collection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Posts.
    Post,
    /// What decides about posts: edges, watermarks, heads, tombstones.
    Ground,
    /// Heads that know the end of the log, without which watermarks count for less.
    End,
    /// What decides about posts, but not as soon as it comes: watermarks that claim too much, ended and third posts.
    Doubtful,
    /// Everything else.
    Other,
    /// States of accounts that take something back, and what is signed by a device that one of them leaves out.
    Revocation,
}

pub struct World {
    pub alice: AccountId,
    pub letters: Vec<Letter>,
    /// The twin that watermarks name.
    pub named: Hash,
    pub limits: Limits,
    pub net: Network,
    /// What proves all devices before anything is taken back, accounts first.
    proofs: Vec<Record>,
    /// Alice's devices that are revoked, after its second post, and left out; and one of whom everything is void.
    revoked: DeviceId,
    left_out: DeviceId,
    silenced: DeviceId,
}

pub fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| Writer::new().write())
}

/// Returns what everybody knows before anything is taken back.
pub fn proofs() -> Proofs {
    thread_local! {
        static PROOFS: Proofs = {
            let mut proofs = Proofs::new(100);
            world().proofs.iter().for_each(|proof| assert_eq!(proofs.verify(proof, &world().net), Ok(())));
            proofs
        };
    }
    PROOFS.with(Proofs::clone)
}

impl Letter {
    /// Tells whether it is a state that takes something back.
    pub fn takes_back(&self) -> bool {
        self.role == Role::Revocation && matches!(self.record, Record::Account(_))
    }
}

/// Tells whether a record is void once these states are known; said here once more, without the rule that is tested.
pub fn is_void_by_hand(record: &Record, states: &[&Record]) -> bool {
    let world = world();
    let length = |account: AccountId| {
        let chains = states.iter().filter(|state| state.account() == Some(account));
        chains.map(|state| if let Record::Account(chain) = state { chain.links.len() } else { 0 }).max().unwrap_or(0)
    };
    let (Some(account), Some(device)) = (record.account(), record.device()) else { return false };
    match record {
        Record::Post(post) if device == world.revoked => length(account) >= 3 && post.body.seq > 2,
        Record::Device(_) if device != world.left_out => false,
        _ if device == world.revoked => length(account) >= 3,
        _ if device == world.left_out => length(account) >= 4,
        _ if device == world.silenced => length(account) >= 2,
        _ => false,
    }
}

/// Makes the pool.
struct Writer {
    net: TestNet,
    alice: TestAccount,
    first: TestDevice,
    second: TestDevice,
    others: Vec<(TestAccount, TestDevice)>,
    proofs: Proofs,
    letters: Vec<Letter>,
}

impl Writer {
    fn new() -> Self {
        let net = TestNet::new("replicas", 1);
        let alice = net.account("alice");
        let (first, second) = (alice.device(&net, "1"), alice.device(&net, "2"));
        let mut proofs = proofs_of(&net, &alice, &[&first, &second]);
        let others = ["bob", "carol", "dave"].map(|name| {
            let account = net.account(name);
            let device = account.device(&net, "1");
            for record in [account.record(), Record::Device(device.cert.clone())] {
                assert_eq!(proofs.verify(&record, &net.network), Ok(()));
            }
            (account, device)
        });
        Self { net, alice, first, second, others: others.into(), proofs, letters: Vec::new() }
    }

    fn add(&mut self, key: Key, record: Record, role: Role) {
        let section = section_at(&record, &key);
        let holds = self.proofs.verify(&record, &self.net.network).is_ok();
        self.letters.push(Letter { key, record, section, holds, role });
    }

    fn home(&mut self, record: Record, role: Role) {
        self.add(home(&self.alice.id()), record, role);
    }

    fn write(mut self) -> World {
        self.write_account();
        self.write_people();
        let posts = self.write_posts();
        self.write_heads(&posts);
        self.write_forged(&posts);
        let third = self.alice.device(&self.net, "3");
        let longer = self.alice.then(&self.net, |_| ());
        let mut known = vec![longer.record()];
        let certs = [&self.first, &self.second, &third].map(|device| Record::Device(device.cert.clone()));
        known.extend(certs);
        for (account, device) in &self.others {
            known.extend([account.record(), Record::Device(device.cert.clone())]);
        }
        let [revoked, left_out, silenced] = self.write_revocations();
        let truth = self.letters.iter().filter(|letter| letter.holds).count();
        assert!(truth > 80 && self.letters.len() - truth >= 5, "{truth} of {}", self.letters.len());
        let sections: SectionSet = SectionSet::of(&self.letters.iter().filter_map(|l| l.section).collect::<Vec<_>>());
        let durable = Section::ALL.iter().filter(|section| !section.in_memory());
        assert!(durable.clone().all(|section| sections.contains(*section)), "every section is there");
        let (alice, named, limits) = (self.alice.id(), posts[2].hash(), Limits::default());
        let (net, proofs) = (self.net.network, known);
        World { alice, letters: self.letters, named, limits, net, proofs, revoked, left_out, silenced }
    }

    /// The account itself: chains, bundles, certificates, retirements, profiles, private entries, the directory.
    fn write_account(&mut self) {
        let (alice, name) = (self.alice.clone(), self.alice.chain.username().clone());
        let longer = alice.then(&self.net, |_| ());
        for chain in [alice.record(), longer.record()] {
            self.add(name_key(&name), chain.clone(), Role::Other);
            self.home(chain, Role::Other);
        }
        let later = self.net.account("erin").then_new_root(&self.net, |_| ());
        let key = bundle_key(later.chain.username());
        assert_eq!(self.proofs.verify(&later.record(), &self.net.network), Ok(()));
        self.add(key, Record::Bundle(self.net.account("erin").bundle), Role::Other);
        self.add(key, Record::Bundle(later.bundle), Role::Other);
        let newer = longer.device(&self.net, "1");
        assert_eq!(self.proofs.verify(&longer.record(), &self.net.network), Ok(()));
        for cert in [self.first.cert.clone(), newer.cert, self.second.cert.clone()] {
            self.home(Record::Device(cert), Role::Other);
        }
        for ms in [9_000, 9_001] {
            self.home(Record::Retirement(self.others[0].1.retirement(ms, None)), Role::Other);
            let (account, device) = self.others[2].clone();
            self.add(home(&account.id()), Record::Retirement(device.retirement(ms, None)), Role::Other);
        }
        let settings = SealKey::new([7; 32]);
        for (i, device) in [self.first.clone(), self.second.clone(), self.first.clone()].iter().enumerate() {
            let ms = 10 * i as i64;
            self.home(Record::Profile(device.profile(&format!("Alice {i}"), "", ms)), Role::Other);
            for kind in [PrivateKind::Mute, PrivateKind::Block, PrivateKind::ReadPosition] {
                let private = device.private(kind, self.others[0].0.id(), i % 2 == 0, &settings, ms + i as i64);
                self.home(Record::Private(private), Role::Other);
            }
            self.home(Record::Edge(device.edge(self.others[i].0.id(), i != 1, ms)), Role::Other);
            self.home(Record::Edge(device.edge(self.others[0].0.id(), i == 1, ms + 5)), Role::Other);
        }
        for account in [alice, self.others[0].0.clone(), self.others[1].0.clone()] {
            let entry = Record::Directory(account.directory());
            let page = entry.destinations()[0].key;
            self.add(page, entry, Role::Other);
        }
    }

    /// Who follows, how far they have seen, at the home and at a page below it; whom they mention.
    fn write_people(&mut self) {
        let (alice, log) = (self.alice.id(), self.first.clone());
        let posts = log.posts(8);
        for (i, (account, device)) in self.others.clone().into_iter().enumerate() {
            let below = |section| Page::of(section, alice, &account.id(), 1).key();
            // Followed, unfollowed and followed again; the last word of one of them is that he does not follow.
            for (ms, follows) in [(-9_000, true), (-8_000, false), (-7_000 + i as i64, i != 2)] {
                let edge = Record::Edge(device.edge(alice, follows, ms));
                self.home(edge.clone(), Role::Ground);
                self.add(below(Section::Followers), edge, Role::Other);
            }
            for seen in [1, 2 + i as u64, 5] {
                let mut body = device.watermark(&log, 8, seen, 100 + seen as i64).body;
                body.seen_hash = Some(posts[seen as usize - 1].hash());
                let mark = Record::Watermark(device.sign(body.clone()));
                self.home(mark.clone(), Role::Ground);
                self.add(below(Section::Seen), mark, Role::Other);
                (body.received, body.hlc) = (9, at(200));
                self.home(Record::Watermark(device.sign(body)), Role::Ground);
            }
            let second = Record::Watermark(device.watermark(&self.second, 9, 2, 7));
            self.home(second, Role::Doubtful);
            let mut lie = device.watermark(&log, 99, 8, 300).body;
            self.home(Record::Watermark(device.sign(lie.clone())), Role::Doubtful);
            (lie.seen, lie.seen_hash) = (77, None);
            self.home(Record::Watermark(device.sign(lie)), Role::Doubtful);
            let of = device.posts(1).remove(0);
            for hours in [1, 24] {
                let mut body = device.mention(&of, alice).body;
                (body.hlc, body.ends) = (at(hours), NOW.plus(Duration::from_secs(3600 * hours as u64)));
                self.home(Record::Mention(device.sign(body)), Role::Other);
            }
        }
    }

    /// Posts of two devices, twins, deleted ones, ones that end soon. Returns those of the first device.
    fn write_posts(&mut self) -> Vec<Signed<PostBody>> {
        let (first, second) = (self.first.clone(), self.second.clone());
        let posts = first.posts(8);
        for post in posts.iter().cloned().chain(second.posts(4)) {
            self.home(Record::Post(post), Role::Post);
        }
        let twin = |text: &str| first.sign(first.post_body(3, Some(posts[1].hash()), text));
        self.home(Record::Post(twin("a twin")), Role::Post);
        self.home(Record::Post(twin("a third one")), Role::Doubtful);
        self.home(Record::Post(twin("a fourth one")), Role::Doubtful);
        for ms in [20, 30] {
            self.home(Record::Tombstone(first.tombstone(&posts[3], ms)), Role::Ground);
            self.home(Record::Tombstone(second.tombstone(&posts[6], ms)), Role::Ground);
        }
        for (seq, minutes) in [(10, 5), (11, 90)] {
            let body = PostBody { lifetime_ms: minutes * 60_000, ..first.post_body(seq, None, "soon over") };
            let post = first.sign(body);
            self.home(Record::Tombstone(first.tombstone(&post, 40)), Role::Doubtful);
            self.home(Record::Post(post), Role::Doubtful);
        }
        posts
    }

    /// Heads of both devices, each taking nothing back; the last ones know the end of the log.
    fn write_heads(&mut self, posts: &[Signed<PostBody>]) {
        for (version, last, floor, collected) in
            [(1, 2, 0, vec![]), (2, 5, 0, vec![(2, 2)]), (3, 8, 0, vec![(2, 2), (6, 6)]), (4, 8, 2, vec![(6, 6)])]
        {
            let mut body = self.first.heads_body(version, last, floor);
            (body.last_hash, body.collected) = (Some(posts[last as usize - 1].hash()), collected);
            let role = if last == 8 { Role::End } else { Role::Ground };
            self.home(Record::Heads(self.first.sign(body)), role);
        }
        for (version, last) in [(1, 2), (2, 4)] {
            let mut body = self.second.heads_body(version, last, 0);
            body.last_hash = Some(self.second.posts(last)[last as usize - 1].hash());
            self.home(Record::Heads(self.second.sign(body)), if last == 4 { Role::End } else { Role::Ground });
        }
    }

    /// What nobody takes: signed by others, at a wrong place, from the future, ended.
    fn write_forged(&mut self, posts: &[Signed<PostBody>]) {
        let (mallory, id) = (secret("mallory"), self.net.id());
        let mut heads = self.first.heads_body(99, 99, 99);
        heads.last_hash = Some(Hash([9; 32]));
        self.home(Record::Heads(Signed::sign(heads, &mallory, &id)), Role::Other);
        self.home(Record::Post(Signed::sign(self.first.post_body(1, None, "forged"), &mallory, &id)), Role::Other);
        let edge = self.others[0].1.edge(self.alice.id(), false, 60_000).body;
        self.home(Record::Edge(Signed::sign(edge, &mallory, &id)), Role::Other);
        let mark = self.others[1].1.watermark(&self.first, 8, 8, 60_000).body;
        self.home(Record::Watermark(Signed::sign(mark, &mallory, &id)), Role::Other);
        let tombstone = self.first.tombstone(&posts[0], 60_000).body;
        self.home(Record::Tombstone(Signed::sign(tombstone, &mallory, &id)), Role::Other);
        let wrong = home(&self.others[1].0.id());
        self.add(wrong, Record::Post(posts[0].clone()), Role::Other);
        let ahead = PostBody { hlc: at(7 * 24 * 3_600_000), ..self.first.post_body(9, None, "from the future") };
        self.home(Record::Post(self.first.sign(ahead)), Role::Other);
        let over = PostBody { hlc: at(-3_600_000), lifetime_ms: 60_000, ..self.first.post_body(9, None, "over") };
        self.home(Record::Post(self.first.sign(over)), Role::Other);
    }

    /// States that revoke a device, or leave one out at a change of root key; and what that one signs. Returns these devices.
    fn write_revocations(&mut self) -> [DeviceId; 3] {
        let (alice, third) = (self.alice.then(&self.net, |_| ()), self.alice.device(&self.net, "3"));
        self.home(Record::Device(third.cert.clone()), Role::Revocation);
        for post in third.posts(3) {
            self.home(Record::Post(post), Role::Revocation);
        }
        self.home(Record::Heads(third.sign(third.heads_body(1, 3, 0))), Role::Revocation);
        self.home(Record::Profile(third.profile("Not Alice", "", 40)), Role::Revocation);
        let page = Page::of(Section::Followers, self.others[1].0.id(), &alice.id(), 1).key();
        self.add(page, Record::Edge(third.edge(self.others[1].0.id(), true, 50)), Role::Revocation);
        let second = Revoked { device: self.second.id(), last_seq: 2, last_hash: self.second.posts(2)[1].hash() };
        let revoking = alice.then(&self.net, |body| body.revoked = vec![second]);
        let kept = vec![self.first.id(), self.second.id()];
        let rooted = revoking.then_new_root(&self.net, |body| body.kept = kept);
        let name = name_key(alice.chain.username());
        for chain in [revoking.record(), rooted.record()] {
            self.add(name, chain.clone(), Role::Revocation);
            self.home(chain, Role::Revocation);
        }
        let (bob, device) = self.others[0].clone();
        let silent = Revoked { device: device.id(), last_seq: 0, last_hash: Hash([0; 32]) };
        let silenced = bob.then(&self.net, |body| body.revoked = vec![silent]).record();
        self.add(name_key(bob.chain.username()), silenced.clone(), Role::Revocation);
        self.add(home(&bob.id()), silenced, Role::Revocation);
        [self.second.id(), third.id(), device.id()]
    }
}
