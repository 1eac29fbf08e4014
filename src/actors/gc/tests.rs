//! Two replicas that get the same records agree, whatever the order, however often, and whenever they collect.
//!
//! The records are of every kind that lies on disk, with forged, ended, misplaced and superseded ones among them; replicas take
//! them by the rules of intake, merging and collection, without the actors around them. `TIMELINE_TEST_CASES` sets the number of cases.
//!
//! Some things depend on order on purpose and are left out. Quotas, rate limits and full pages refuse what comes later, which is
//! sent again or elsewhere. A stamp from the future is refused until its time has come. What a record put out that turns out to be
//! void does not come back by itself, but from others that never had that record. A collection is decided by what is known at that moment, which is why a replica first compares its home
//! with a majority of the others: here it collects either when all edges, watermarks and heads are there ("ground"), or when both
//! replicas know the same ("phases"). A third post of one number, which proves nothing new, is looked at without collection.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;

use self::pool::{Letter, Role, is_void_by_hand, proofs, world};
use super::finals::{final_ops, marked_ops};
use super::home::{Ripening, know_store};
use super::look::removal;
use super::marks::is_gone;
use super::state_hash;
use crate::actors::storage::put_op;
use crate::actors::storage::void::{Walk, void_at_home};
use crate::records::fixtures::NOW;
use crate::records::{Merged, Proofs, Record, admit, home, merge, section_at, slot};
use crate::retention::Rules;
use crate::seam::{Batch, Op, Space, Store, Stored};
use crate::store::{MemoryStore, Merge, Verdict};
use crate::types::{Hash, Key, Rng, Section, WallTime};

mod pool;

/// Cases of a usual run.
const CASES: u64 = 1_500;
/// So few posts are kept that the cap is at work in most cases.
const KEPT: usize = 3;
/// What of the pool a case takes.
const MOST: u64 = 26;

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
    /// Whether what a state of an account takes back goes: at that account's home, and elsewhere.
    voids: [bool; 2],
}

const LAW: Law = Law { merge: rule, refuses: true, finals: true, voids: [true; 2] };

fn rule(section: Section, held: &[Bytes], new: &Bytes) -> Verdict {
    match merge(section, held, new) {
        Merged::Keep { drop } => Verdict::Keep { drop },
        Merged::Superseded => Verdict::Superseded,
    }
}

struct Replica {
    law: Law,
    store: MemoryStore,
    proofs: Proofs,
    now: WallTime,
}

impl Replica {
    fn after(law: Law, steps: &[Step]) -> Self {
        let mut replica = Self { law, store: MemoryStore::new(law.merge), proofs: proofs(), now: NOW };
        steps.iter().for_each(|step| replica.make(*step));
        replica.sweep();
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

    fn take(&mut self, letter: &Letter) {
        if letter.takes_back() {
            self.learn(&letter.record);
        }
        if letter.holds {
            self.keep(&letter.key, &letter.record);
        }
    }

    /// Learns a state; one that is known is not looked at again, as checking it takes longer than all the rest.
    fn learn(&mut self, state: &Record) {
        let Record::Account(chain) = state else { return };
        let known = self.proofs.account(&chain.account).map_or(0, |proof| proof.chain.links.len());
        if known < chain.links.len() {
            assert_eq!(self.proofs.verify(state, &world().net), Ok(()));
        }
    }

    fn keep(&self, key: &Key, record: &Record) {
        let Some(section) = section_at(record, key) else { return };
        let is_void = |record: &Record| self.proofs.is_void(record) == Some(true);
        if admit(record, self.now, &world().limits).is_err() || is_void(record) {
            return;
        }
        if let Record::Post(post) = record
            && self.law.refuses
            && is_gone(&self.store, self.now, key, post)
        {
            return;
        }
        let mut ops = vec![put_op(record, *key, section, self.now)];
        if self.law.voids[0] {
            let void = void_at_home(&self.store, self.now, key, &[record], &is_void);
            ops.extend(void.into_iter().map(|(_, op)| op));
        }
        self.commit(ops);
        if self.law.finals {
            self.commit(final_ops(&self.store, self.now, key, &[record]));
        }
        if self.law.refuses {
            self.commit(marked_ops(&self.store, self.now, key, &[record]));
        }
    }

    /// Removes what is void wherever it lies.
    fn sweep(&mut self) {
        let accounts = self.proofs.take_voiding();
        if accounts.is_empty() || !self.law.voids[1] {
            return;
        }
        let mut reader = self.store.reader().expect("memory");
        let rows = Walk::default().signed_by(&mut *reader, &accounts).expect("memory");
        let void = rows.into_iter().filter(|row| {
            let record = Record::decode(row.bytes.clone()).expect("it was kept");
            self.proofs.is_void(&record) == Some(true)
        });
        self.commit(void.map(|row| Op::Delete { key: row.key, section: row.section, hash: row.hash }).collect());
    }

    /// Takes what another replica has, as repair brings it.
    fn hear(&mut self, other: &Self) {
        let records = other.rows().into_iter().map(|row| (row.key, Record::decode(row.bytes).expect("it was kept")));
        let (states, others): (Vec<_>, Vec<_>) = records.partition(|(_, record)| matches!(record, Record::Account(_)));
        states.iter().for_each(|(_, state)| self.learn(state));
        states.iter().chain(&others).for_each(|(key, record)| self.keep(key, record));
        self.sweep();
    }

    fn collect(&self) {
        let alice = world().alice;
        let ripening = Ripening { min_age: Duration::ZERO, jumped: WallTime::default() };
        let (known, _) = know_store(&self.store, &alice, ripening, self.now);
        let gone = known.shelf.collectable(Rules { collect_seen: true, kept: KEPT });
        self.commit(removal(&home(&alice), &gone));
    }

    fn rows(&self) -> Vec<Stored> {
        let mut rows = Vec::new();
        let mut reader = self.store.reader().expect("memory");
        let walked = reader.walk(None, &mut |row| {
            rows.push(Stored::from(row));
            ControlFlow::Continue(())
        });
        walked.expect("memory");
        rows
    }

    fn told(&self) -> String {
        let rows = self.rows();
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
    let records = pick(rng, MOST, |letter| letter.role != Role::Revocation);
    any_order(rng, &records)
}

fn any_order(rng: &mut Rng, records: &[usize]) -> Pair {
    [(); 2].map(|()| {
        let mut steps = comes(rng, records);
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
    let records = pick(rng, MOST, |letter| !third(letter) && letter.role != Role::Revocation);
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

fn rng_of(case: u64) -> Rng {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&case.to_le_bytes());
    Rng::from_seed(seed)
}

fn pair(case: u64) -> (Pair, &'static str) {
    let mut rng = rng_of(case);
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

fn cases() -> u64 {
    let named = std::env::var("TIMELINE_TEST_CASES").ok().and_then(|text| text.parse().ok());
    named.unwrap_or(CASES)
}

#[test]
fn replicas_with_the_same_records_have_the_same_state() {
    let cases = cases();
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

/// Letters with states among them that take something back, those states, and what is valid by them. Where it is not `contested`,
/// nothing void takes the place of anything valid.
fn revocations(rng: &mut Rng, contested: bool) -> (Vec<usize>, Vec<&'static Record>, Vec<usize>) {
    let mut records = pick(rng, MOST, |letter| letter.role != Role::Revocation);
    records.extend(pick(rng, MOST, |letter| letter.role == Role::Revocation));
    let letter = |i: &usize| &world().letters[*i];
    let states: Vec<&Record> =
        records.iter().map(letter).filter(|letter| letter.takes_back()).map(|l| &l.record).collect();
    let place = |l: &Letter| l.section.map(|section| (l.key, section, slot(&l.record, section)));
    let (void, valid): (Vec<usize>, Vec<usize>) =
        records.iter().partition(|i| is_void_by_hand(&letter(i).record, &states));
    let taken: BTreeSet<_> = valid.iter().map(|i| place(letter(i))).collect();
    let harmless = |i: &usize| contested || !taken.contains(&place(letter(i)));
    let records = valid.iter().copied().chain(void.into_iter().filter(harmless)).collect();
    (records, states, valid)
}

/// What is wrong when both replicas get these letters.
fn wrong_after_revocations(law: Law, case: u64) -> Option<&'static str> {
    let (mut rng, contested) = (rng_of(case), case.is_multiple_of(2));
    let (records, states, valid) = revocations(&mut rng, contested);
    let ([mut one, mut other], end) = played(law, &any_order(&mut rng, &records));
    let is_void = |row: &Stored| Record::decode(row.bytes.clone()).is_ok_and(|r| is_void_by_hand(&r, &states));
    if one.rows().iter().chain(&other.rows()).any(is_void) {
        return Some("something void is held");
    }
    (one.now, other.now) = (end, end);
    if contested {
        // What something void had put out comes back from whoever had it.
        one.hear(&other);
        other.hear(&one);
    } else {
        let wanted = Replica::after(law, &valid.into_iter().map(Step::Comes).collect::<Vec<_>>());
        if [&one, &other].iter().any(|replica| replica.state(end) != wanted.state(end)) {
            return Some("something valid went");
        }
    }
    (one.state(end) != other.state(end)).then_some("they differ")
}

#[test]
fn replicas_with_the_same_records_agree_on_what_was_taken_back() {
    for case in 0..cases() / 3 {
        let wrong = wrong_after_revocations(LAW, case);
        assert_eq!(wrong, None, "case {case}: {:?}", revocations(&mut rng_of(case), case.is_multiple_of(2)));
    }
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
    for voids in [[false, false], [true, false]] {
        let noticed = (0..300).any(|case| wrong_after_revocations(Law { voids, ..LAW }, case).is_some());
        assert!(noticed, "{voids:?}: what is void stays, and nobody notices");
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
