//! Pages that are full, at homes and below them: what is told to those who come late, and what stays.

use bytes::Bytes;
use futures_util::future::join_all;
use timeline::records::{Record, countersign, home, section_at, users_key};
use timeline::types::{AccountId, Key, Section, SectionSet};
use timeline::wire::{Blob, Get, Got, Status};

use crate::attacker::Attacker;
use crate::fixtures::{TestAccount, TestDevice, TestNet, every_kind, secret};
use crate::puts::proofs;
use crate::support::{Plan, Victim, network, run};

async fn got(by: &Attacker, victim: &Victim, key: Key, section: Section) -> Got {
    let get = Get::all(key, SectionSet::of(&[section]), 500, None);
    by.ask(&victim.contact, &get).await.expect("an answer")
}

#[test]
fn every_kind_finds_its_way_to_every_place_of_it_and_stays_there() {
    run(async {
        let net = network(1, 3, "");
        let own: Vec<Bytes> = every_kind(&net)[..3].iter().map(|r| r.bytes().clone()).collect();
        for full in [false, true] {
            for record in every_kind(&net) {
                let plan = Plan { store_quota: if full { 1 } else { 64 << 20 }, ..Plan::registrar(&net) };
                let victim = Victim::with(&net, plan);
                let mallory = Attacker::new(&net.network, &secret("mallory"));
                // What makes it full, where it shall be: a device of somebody else.
                let (carol, kind) = (net.account("carol"), record.kind());
                let device = carol.device(&net, "1");
                mallory.put(&victim.contact, home(&carol.id()), &proofs(&carol, &device), &[]).await;
                for place in record.destinations() {
                    let put = || mallory.put_one(&victim.contact, place.key, record.bytes(), &own);
                    assert_eq!(section_at(&record, &place.key), Some(place.section));
                    let refused = full && matches!(kind.number(), 5 | 7 | 11 | 12 | 13);
                    let (first, second) = match place.section.in_memory() {
                        true => (Status::Stored, Status::Stored),
                        false if refused => (Status::AnchorFull, Status::AnchorFull),
                        false => (Status::Stored, Status::Known),
                    };
                    assert_eq!((put().await, put().await), (first, second), "{kind:?}, full: {full}");
                    let got = got(&mallory, &victim, place.key, place.section).await;
                    let held = got.records.iter().any(|blob| blob.0 == *record.bytes());
                    assert_eq!(held, !refused, "{kind:?}, full: {full}");
                    assert_eq!((got.next, got.split), (None, SectionSet::default()), "{kind:?}");
                }
                victim.end().await;
            }
        }
    });
}

/// Makes the record by which somebody appears in a list of `owner`, `ms` after the present.
fn entry(net: &TestNet, section: Section, of: &TestDevice, owner: (&TestAccount, &TestDevice), ms: i64) -> Record {
    match section {
        Section::Followers => Record::Edge(of.edge(owner.0.id(), true, ms)),
        Section::Seen => Record::Watermark(of.watermark(owner.1, 9, 1 + ms as u64, ms)),
        Section::Inbox => Record::Mention(of.mention(&of.posts(1)[0], owner.0.id())),
        _ => {
            let node = secret("a node of somebody");
            Record::Interest(countersign(of.interest(1 + ms as u64, owner.0.id(), &node), &node, &net.id()))
        }
    }
}

/// Eight people, the owner of a list, and what proves each of them.
struct Crowd {
    owner: (TestAccount, TestDevice),
    people: Vec<(TestDevice, Vec<Bytes>)>,
}

impl Crowd {
    fn gather(net: &TestNet) -> Self {
        let owner = net.account("owner");
        let device = owner.device(net, "1");
        let person = |i: u32| {
            let account = net.account(&format!("person_{i}"));
            let device = account.device(net, "1");
            let own = proofs(&account, &device);
            (device, own)
        };
        Self { owner: (owner, device), people: (0..8).map(person).collect() }
    }

    fn entries(&self, net: &TestNet, section: Section, ms: i64) -> Vec<(Record, &[Bytes])> {
        let (owner, device) = &self.owner;
        self.people.iter().map(|(of, own)| (entry(net, section, of, (owner, device), ms), &own[..])).collect()
    }
}

#[test]
fn a_full_page_sends_newcomers_on_and_says_so_for_ever_after() {
    run(async {
        let net = network(1, 3, "page_entries = 4");
        let crowd = Crowd::gather(&net);
        let at_home = home(&crowd.owner.0.id());
        for section in [Section::Followers, Section::Seen, Section::Inbox, Section::Interest] {
            for at_once in [false, true] {
                let victim = Victim::start(&net);
                let mallory = Attacker::new(&net.network, &secret("mallory"));
                let entries = crowd.entries(&net, section, 0);
                let put = |(record, own): (&Record, &[Bytes])| {
                    let (bytes, own) = (record.bytes().clone(), own.to_vec());
                    let (mallory, victim) = (&mallory, &victim);
                    async move { mallory.put_one(&victim.contact, at_home, &bytes, &own).await }
                };
                let mut statuses = vec![];
                if at_once && !section.in_memory() {
                    statuses = join_all(entries.iter().map(|(r, own)| put((r, own)))).await;
                } else {
                    for (record, own) in &entries {
                        statuses.push(put((record, own)).await);
                    }
                }
                let count = |wanted| statuses.iter().filter(|s| **s == wanted).count();
                assert_eq!((count(Status::Stored), count(Status::Split)), (4, 4), "{section:?}: {statuses:?}");
                // Each of the others has a place on its own way down, and only there.
                for ((record, own), _) in entries.iter().zip(&statuses).filter(|(_, s)| **s == Status::Split) {
                    let below = record.page_below(&at_home).expect("a page below");
                    let [left, right] =
                        timeline::records::Page::first(section, crowd.owner.0.id()).children().expect("two");
                    let other = if below == left { right } else { left };
                    let bytes = record.bytes();
                    assert_eq!(mallory.put_one(&victim.contact, other.key(), bytes, own).await, Status::Misplaced);
                    assert_eq!(mallory.put_one(&victim.contact, below.key(), bytes, own).await, Status::Stored);
                    let page = got(&mallory, &victim, below.key(), section).await;
                    assert_eq!(page.split.contains(section), page.records.len() == 4, "{section:?}: full or not");
                }
                let renewed = crowd.entries(&net, section, 7);
                for ((record, own), before) in renewed.iter().zip(&statuses) {
                    let expected = match (before, section) {
                        (Status::Stored, Section::Inbox) => Status::Known,
                        (before, _) => *before,
                    };
                    assert_eq!(put((record, own)).await, expected, "{section:?}: what is held is renewed");
                }
                let first = got(&mallory, &victim, at_home, section).await;
                assert_eq!((first.records.len(), first.split), (4, SectionSet::of(&[section])));
                let victim = victim.restart().await;
                let after = got(&mallory, &victim, at_home, section).await;
                assert_eq!(after.split, SectionSet::of(&[section]), "{section:?}: the mark is on disk");
                victim.end().await;
            }
        }
    });
}

#[test]
fn proofs_of_those_on_a_page_outlive_a_restart() {
    run(async {
        let net = network(1, 3, "");
        let crowd = Crowd::gather(&net);
        let at_home = home(&crowd.owner.0.id());
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        for (record, own) in crowd.entries(&net, Section::Followers, 0) {
            assert_eq!(mallory.put_one(&victim.contact, at_home, record.bytes(), own).await, Status::Stored);
        }
        let victim = victim.restart().await;
        let got = got(&mallory, &victim, at_home, Section::Followers).await;
        let proofs: Vec<Bytes> = got.proofs.into_iter().map(|blob| blob.into_bytes()).collect();
        for (_, own) in &crowd.people {
            assert!(own.iter().all(|proof| proofs.contains(proof)), "whoever reads it can judge it");
        }
        victim.end().await;
    });
}

#[test]
fn a_directory_keeps_the_smallest_accounts_and_says_that_there_are_more() {
    run(async {
        let net = network(1, 3, "page_entries = 3\nputs_per_minute = 10000");
        let mut people: Vec<TestAccount> = (0..9).map(|i| net.account(&format!("person_{i}"))).collect();
        for way in 0..3 {
            let victim = Victim::start(&net);
            let mallory = Attacker::new(&net.network, &secret("mallory"));
            match way {
                0 => people.sort_by_key(|p| p.id()),
                1 => people.reverse(),
                _ => people.rotate_left(4),
            }
            let entries: Vec<Bytes> = people.iter().map(|p| p.directory().bytes().clone()).collect();
            let key = users_key("person_");
            let put = |entry| mallory.put_one(&victim.contact, key, entry, &[]);
            if way == 2 {
                join_all(entries.iter().map(put)).await;
            } else {
                for entry in &entries {
                    let status = put(entry).await;
                    assert!(matches!(status, Status::Stored | Status::Superseded), "{status:?}");
                }
            }
            let mut smallest: Vec<&TestAccount> = people.iter().collect();
            smallest.sort_by_key(|p| p.id());
            let expected: Vec<Bytes> = smallest[..3].iter().map(|p| p.directory().bytes().clone()).collect();
            let page = got(&mallory, &victim, key, Section::Directory).await;
            let held: Vec<Bytes> = page.records.into_iter().map(Blob::into_bytes).collect();
            assert_eq!((held, page.split), (expected, SectionSet::of(&[Section::Directory])), "way {way}");
            // Under the whole name everybody is found.
            let name = people[8].chain.username().as_str();
            assert_eq!(mallory.put_one(&victim.contact, users_key(name), &entries[8], &[]).await, Status::Stored);
            assert_eq!(got(&mallory, &victim, users_key(name), Section::Directory).await.split, SectionSet::default());
            victim.end().await;
        }
    });
}

#[test]
fn a_deleted_post_stays_deleted_whatever_comes_first() {
    run(async {
        let net = network(1, 3, "");
        let alice = net.account("alice");
        let device = alice.device(&net, "1");
        let (own, at_home) = (proofs(&alice, &device), home(&alice.id()));
        let (post, other) = (device.posts(1).remove(0), alice.device(&net, "2"));
        let own = [own, vec![other.cert.bytes().clone()]].concat();
        // Any device of the account deletes.
        let tombstone = other.tombstone(&post, 9);
        for order in [[0, 1, 0], [1, 0, 0], [1, 0, 1]] {
            let victim = Victim::start(&net);
            let mallory = Attacker::new(&net.network, &secret("mallory"));
            let both = [post.bytes().clone(), tombstone.bytes().clone()];
            for which in order {
                let status = mallory.put_one(&victim.contact, at_home, &both[which], &own).await;
                assert!(status.is_acknowledged(), "{order:?}: {status:?}");
            }
            let records = [post.bytes().clone(), tombstone.bytes().clone()];
            mallory.put(&victim.contact, at_home, &records, &own).await;
            let again = mallory.put_one(&victim.contact, at_home, post.bytes(), &own).await;
            assert_eq!(again, Status::Superseded, "{order:?}");
            let held = mallory.get(&victim.contact, at_home, SectionSet::of(&[Section::Post])).await;
            assert_eq!(held, [tombstone.bytes().clone()], "{order:?}");
            victim.end().await;
        }
    });
}

#[test]
fn a_page_is_full_at_128_kib_whatever_entries_are_left() {
    run(async {
        let net = network(1, 3, "page_entries = 1000\nputs_per_minute = 10000");
        let alice = net.account("alice");
        let device = alice.device(&net, "1");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let at_home = home(&alice.id());
        let followed = |i: u16| AccountId(*blake3::hash(&i.to_be_bytes()).as_bytes());
        let edges: Vec<Bytes> = (0..720).map(|i| device.edge(followed(i), true, 0).bytes().clone()).collect();
        let (mut stored, mut split) = (0, 0);
        for some in edges.chunks(45) {
            for (edge, status) in
                some.iter().zip(mallory.put(&victim.contact, at_home, some, &proofs(&alice, &device)).await)
            {
                match status {
                    Status::Stored => stored += edge.len(),
                    Status::Split => split += 1,
                    other => panic!("{other:?}"),
                }
            }
        }
        assert!((128 * 1024 - 512..=128 * 1024).contains(&stored), "{stored} bytes, {split} sent on");
        assert!(split >= 40, "{split}");
        victim.end().await;
    });
}

#[test]
fn cursors_lead_through_pages_at_every_level() {
    run(async {
        let net = network(1, 3, "page_entries = 4");
        let crowd = Crowd::gather(&net);
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let mut placed: std::collections::BTreeMap<Key, usize> = std::collections::BTreeMap::new();
        for (record, own) in crowd.entries(&net, Section::Followers, 0) {
            let mut key = home(&crowd.owner.0.id());
            while mallory.put_one(&victim.contact, key, record.bytes(), own).await == Status::Split {
                key = record.page_below(&key).expect("a page below").key();
            }
            *placed.entry(key).or_default() += 1;
        }
        assert!(placed.len() > 1);
        for (key, count) in placed {
            let (mut after, mut found) = (None, std::collections::BTreeSet::new());
            let whole = got(&mallory, &victim, key, Section::Followers).await;
            for left in (0..count).rev() {
                let get = Get::all(key, SectionSet::of(&[Section::Followers]), 1, after);
                let got = mallory.ask(&victim.contact, &get).await.expect("an answer");
                assert_eq!((got.records.len(), got.next.is_some(), got.split), (1, left > 0, whole.split));
                found.extend(got.records.into_iter().map(|blob| blob.0));
                after = got.next;
            }
            assert_eq!(found, whole.records.into_iter().map(|blob| blob.0).collect());
        }
        victim.end().await;
    });
}
