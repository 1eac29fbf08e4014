//! Two replicas that get the same records agree, whatever the order, however often, and whenever they collect.
//!
//! The records are of every kind that lies on disk, with forged, ended, misplaced and superseded ones among them; replicas take
//! them by the rules of intake, merging and collection, without the actors around them. `TIMELINE_TEST_CASES` sets the number of cases.
//!
//! Some things depend on order on purpose and are left out. Quotas, rate limits and full pages refuse what comes later, which is
//! sent again or elsewhere. A stamp from the future is refused until its time has come. What a revoked device signed is refused
//! after its revocation. A collection is decided by what is known at that moment, which is why a replica first compares its home
//! with a majority of the others: here it collects either when all edges, watermarks and heads are there ("ground"), or when both
//! replicas know the same ("phases"). A third post of one number, which proves nothing new, is looked at without collection.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;

use super::finals::final_ops;
use super::home::{Ripening, know_store};
use super::look::removal;
use super::marks::is_gone;
use super::state_hash;
use crate::actors::storage::put_op;
use crate::keys::SealKey;
use crate::records::fixtures::{NOW, TestAccount, TestDevice, TestNet, at, proofs_of, secret};
use crate::records::{
    Merged, Page, PostBody, PrivateKind, Proofs, Record, Signed, admit, bundle_key, home, merge, name_key, section_at,
};
use crate::retention::Rules;
use crate::seam::{Batch, Op, Space, Store};
use crate::store::{MemoryStore, Merge, Verdict};
use crate::types::{AccountId, Hash, Key, Limits, Rng, Section, SectionSet, WallTime};

/// Cases of a usual run.
const CASES: u64 = 1_500;
/// So few posts are kept that the cap is at work in most cases.
const KEPT: usize = 3;
/// What of the pool a case takes.
const MOST: u64 = 26;

/// A record on its way to a key.
struct Letter {
    key: Key,
    record: Record,
    section: Option<Section>,
    /// Whether it is what it says, by the proofs of all accounts.
    holds: bool,
    role: Role,
}

/// What a record means for collection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
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
}

struct World {
    alice: AccountId,
    letters: Vec<Letter>,
    /// The twin that watermarks name.
    named: Hash,
    limits: Limits,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| Writer::new().write())
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
        let truth = self.letters.iter().filter(|letter| letter.holds).count();
        assert!(truth > 80 && self.letters.len() - truth >= 5, "{truth} of {}", self.letters.len());
        let sections: SectionSet = SectionSet::of(&self.letters.iter().filter_map(|l| l.section).collect::<Vec<_>>());
        let durable = Section::ALL.iter().filter(|section| !section.in_memory());
        assert!(durable.clone().all(|section| sections.contains(*section)), "every section is there");
        World { alice: self.alice.id(), letters: self.letters, named: posts[2].hash(), limits: Limits::default() }
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
}

/// What happens at a replica.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A record of the pool comes.
    Comes(usize),
    /// What has ended goes.
    Expire,
    /// What may be collected goes.
    Collect,
    /// Time passes.
    Wait(Duration),
}

/// The rules of replicas; some tests break one of them.
#[derive(Clone, Copy)]
struct Law {
    merge: Merge,
    /// Whether what was collected is refused when it comes again.
    refuses: bool,
    /// Whether what heads call gone goes when they come.
    finals: bool,
}

const LAW: Law = Law { merge: rule, refuses: true, finals: true };

fn rule(section: Section, held: &[Bytes], new: &Bytes) -> Verdict {
    match merge(section, held, new) {
        Merged::Keep { drop } => Verdict::Keep { drop },
        Merged::Superseded => Verdict::Superseded,
    }
}

struct Replica {
    law: Law,
    store: MemoryStore,
    now: WallTime,
}

impl Replica {
    fn after(law: Law, steps: &[Step]) -> Self {
        let mut replica = Self { law, store: MemoryStore::new(law.merge), now: NOW };
        steps.iter().for_each(|step| replica.make(*step));
        replica
    }

    fn make(&mut self, step: Step) {
        match step {
            Step::Comes(i) => self.take(&world().letters[i]),
            Step::Expire => self.commit(vec![Op::Expire(self.now)]),
            Step::Collect => self.collect(),
            Step::Wait(time) => self.now = self.now.plus(time),
        }
    }

    fn commit(&self, ops: Vec<Op>) {
        let done = self.store.commit(Batch(ops)).now_or_never();
        assert!(done.is_some_and(|done| done.is_ok()), "memory takes everything at once");
    }

    fn take(&self, Letter { key, record, section, holds, .. }: &Letter) {
        let Some(section) = section.filter(|_| *holds) else { return };
        if admit(record, self.now, &world().limits).is_err() {
            return;
        }
        if let Record::Post(post) = record
            && self.law.refuses
            && is_gone(&self.store, self.now, key, post)
        {
            return;
        }
        self.commit(vec![put_op(record, *key, section, self.now)]);
        if self.law.finals {
            self.commit(final_ops(&self.store, self.now, key, &[record]));
        }
    }

    fn collect(&self) {
        let alice = world().alice;
        let ripening = Ripening { min_age: Duration::ZERO, jumped: WallTime::default() };
        let (known, _) = know_store(&self.store, &alice, ripening, self.now);
        let gone = known.shelf.collectable(Rules { collect_seen: true, kept: KEPT });
        self.commit(removal(&home(&alice), &gone));
    }

    fn told(&self) -> String {
        let rows = self.store.reader().and_then(|mut reader| reader.scan(None, usize::MAX)).expect("memory");
        let marks = self.store.local(Space::Marks, &[], None, usize::MAX).expect("memory");
        let rows = rows.iter().map(|row| format!("{:?} {:?}", row.section, row.hash));
        rows.chain(marks.iter().map(|(key, _)| format!("mark {:02x?}", &key[64..80]))).collect::<Vec<_>>().join("\n  ")
    }

    fn state(&self, now: WallTime) -> Hash {
        state_hash(&self.store, now, None).expect("memory can be read")
    }
}

/// The steps of both replicas.
type Pair = [Vec<Step>; 2];

fn pick(rng: &mut Rng, most: u64, wanted: impl Fn(&Letter) -> bool) -> Vec<usize> {
    let mut all: Vec<usize> = (0..world().letters.len()).filter(|i| wanted(&world().letters[*i])).collect();
    shuffle(rng, &mut all);
    all.truncate((most / 3 + rng.below(2 * most / 3 + 1)) as usize);
    all
}

fn shuffle<T>(rng: &mut Rng, all: &mut [T]) {
    for i in (1..all.len()).rev() {
        all.swap(i, rng.below(i as u64 + 1) as usize);
    }
}

/// All of them in some order, some several times.
fn comes(rng: &mut Rng, records: &[usize]) -> Vec<Step> {
    let again = rng.below(records.len() as u64 / 2 + 1);
    let mut all: Vec<usize> = (0..again).map(|_| records[rng.below(records.len() as u64) as usize]).collect();
    all.extend(records);
    shuffle(rng, &mut all);
    all.into_iter().map(Step::Comes).collect()
}

fn strew(rng: &mut Rng, steps: &mut Vec<Step>, step: impl Fn(&mut Rng) -> Step, most: u64) {
    for _ in 0..rng.below(most + 1) {
        let step = step(rng);
        steps.insert(rng.below(steps.len() as u64 + 1) as usize, step);
    }
}

/// Anything, while time passes and what has ended goes; nothing is collected.
fn anything(rng: &mut Rng) -> Pair {
    let records = pick(rng, MOST, |_| true);
    [(); 2].map(|()| {
        let mut steps = comes(rng, &records);
        strew(rng, &mut steps, |_| Step::Expire, 3);
        strew(rng, &mut steps, |rng| Step::Wait(Duration::from_secs(60 * rng.below(60))), 3);
        steps
    })
}

/// First all that decides about posts, then posts, while each replica collects whenever it likes.
fn ground(rng: &mut Rng) -> Pair {
    let mut ground = pick(rng, MOST / 2, |letter| matches!(letter.role, Role::Ground | Role::Other));
    ground.extend((0..world().letters.len()).filter(|i| world().letters[*i].role == Role::End));
    let mut posts = pick(rng, MOST / 2, |letter| letter.role == Role::Post);
    // Of twins the one comes first that watermarks name: where only the other is known, they seem to be wrong.
    let named = world().letters.iter().position(|letter| letter.record.hash() == world().named).expect("in the pool");
    posts.retain(|i| *i != named);
    ground.push(named);
    [(); 2].map(|()| {
        let mut later = posts.clone();
        later.extend(ground.iter().take(3));
        let mut later = comes(rng, &later);
        strew(rng, &mut later, |_| Step::Collect, 4);
        let mut steps = comes(rng, &ground);
        steps.append(&mut later);
        steps.push(Step::Collect);
        steps
    })
}

/// Both get the same in each phase, what is doubtful included, and collect at its end.
fn phases(rng: &mut Rng) -> Pair {
    let third = |letter: &Letter| matches!(&letter.record, Record::Post(post) if letter.role == Role::Doubtful && post.body.seq == 3);
    let records = pick(rng, MOST, |letter| !third(letter));
    let cut = rng.below(records.len() as u64 + 1) as usize;
    let (before, after) = records.split_at(cut);
    [(); 2].map(|()| {
        let mut steps = comes(rng, before);
        steps.push(Step::Collect);
        let mut more = comes(rng, after);
        strew(
            rng,
            &mut more,
            |rng| before.get(rng.below(cut.max(1) as u64) as usize).map_or(Step::Expire, |i| Step::Comes(*i)),
            4,
        );
        steps.append(&mut more);
        steps.push(Step::Collect);
        steps
    })
}

fn pair(case: u64) -> (Pair, &'static str) {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&case.to_le_bytes());
    let mut rng = Rng::from_seed(seed);
    match case % 3 {
        0 => (anything(&mut rng), "anything"),
        1 => (ground(&mut rng), "ground"),
        _ => (phases(&mut rng), "phases"),
    }
}

/// Lets both replicas of a case make their steps; returns them with the time at which they are compared.
fn played(law: Law, steps: &Pair) -> ([Replica; 2], WallTime) {
    let both = steps.each_ref().map(|steps| Replica::after(law, steps));
    let end = both[0].now.max(both[1].now);
    (both, end)
}

#[test]
fn replicas_with_the_same_records_have_the_same_state() {
    let named = std::env::var("TIMELINE_TEST_CASES").ok().and_then(|text| text.parse().ok());
    let cases = named.unwrap_or(CASES);
    let (mut collected, mut states) = (0u64, BTreeSet::new());
    for case in 0..cases {
        let (steps, class) = pair(case);
        let ([one, other], end) = played(LAW, &steps);
        let state = one.state(end);
        if state != other.state(end) {
            let [one, other] = [one.told(), other.told()];
            panic!("case {case}, {class}: {}\nends with\n  {one}\nand\n  {other}", told(&steps));
        }
        let marks = one.store.local(Space::Marks, &[], None, 1).expect("memory");
        collected += u64::from(!marks.is_empty());
        if states.len() < 1000 {
            states.insert(state);
        }
    }
    // The cases are no empty ones.
    assert!(collected > cases / 4 && states.len() as u64 > cases.min(1000) * 9 / 10, "{collected}, {}", states.len());
}

#[test]
fn a_broken_rule_makes_a_difference() {
    let first_wins: Merge =
        |section, held, new| if held.is_empty() { rule(section, held, new) } else { Verdict::Superseded };
    let last_wins: Merge = |_, held, _| Verdict::Keep { drop: (0..held.len()).collect() };
    for (what, law) in [
        ("what came first stays", Law { merge: first_wins, ..LAW }),
        ("what came last stays", Law { merge: last_wins, ..LAW }),
        ("what was collected comes back", Law { refuses: false, ..LAW }),
        ("what heads call gone stays", Law { finals: false, ..LAW }),
    ] {
        let differ = (0..300).any(|case| {
            let ([one, other], end) = played(law, &pair(case).0);
            one.state(end) != other.state(end)
        });
        assert!(differ, "{what}, and nobody notices");
    }
}

fn told(steps: &Pair) -> String {
    let tell = |step: &Step| match step {
        Step::Comes(i) => {
            let letter = &world().letters[*i];
            format!("{i} {:?} {:.60}", letter.section, format!("{:?}", letter.record.hash()))
        }
        other => format!("{other:?}"),
    };
    steps
        .iter()
        .map(|steps| steps.iter().map(tell).collect::<Vec<_>>().join("\n  "))
        .collect::<Vec<_>>()
        .join("\n--\n  ")
}

#[test]
fn the_state_is_all_that_counts_and_nothing_else() {
    let first = |wanted: fn(&Letter) -> bool| {
        let at = world().letters.iter().position(|letter| letter.holds && wanted(letter));
        Step::Comes(at.expect("in the pool"))
    };
    let post = first(|l| l.role == Role::Post);
    let profile = first(|l| l.section == Some(Section::Profile));
    let state = |steps: &[Step]| Replica::after(LAW, steps).state(NOW);
    assert_ne!(state(&[post]), state(&[]));
    assert_ne!(state(&[post]), state(&[profile]));
    let (late, early) =
        (Replica::after(LAW, &[Step::Wait(Duration::from_secs(9)), post]), Replica::after(LAW, &[post]));
    assert_eq!(late.state(late.now), early.state(late.now), "not when it came");
    assert_ne!(
        early.state(NOW),
        early.state(NOW.plus(Duration::from_secs(8 * 24 * 3600))),
        "what has ended is not there"
    );
    // What was collected is remembered, and that counts.
    let seen = |l: &Letter| l.role == Role::Ground;
    let all: Vec<Step> = (0..world().letters.len())
        .filter(|i| seen(&world().letters[*i]) || world().letters[*i].role == Role::Post)
        .map(Step::Comes)
        .collect();
    let gone = Replica::after(LAW, &[&all[..], &[Step::Collect]].concat());
    let before = gone.state(NOW);
    let key = gone.store.local(Space::Marks, &[], None, 1).expect("memory").remove(0).0;
    gone.commit(vec![Op::DropLocal(Space::Marks, key)]);
    assert_ne!(gone.state(NOW), before);
}
