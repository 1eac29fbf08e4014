//! Vectors of merging: records of one slot, and which of them are kept, in whatever order they come.

use serde_json::{Value, json};

use crate::check::{hex, unhex};
use crate::fixtures::{TestAccount, TestDevice, TestNet, at, secret};
use crate::keys::SealKey;
use crate::records::{
    AccountChain, Body, DirectoryBody, HeadsBody, Link, Merged, PostBody, PrivateKind, Record, Signed, WatermarkBody,
    countersign, merge, slot,
};
use crate::types::{Hash, Section};
use bytes::Bytes;

/// Folds records into one slot in the order in which they come; returns the hashes of those that are kept.
fn fold(section: Section, records: &[&Bytes]) -> Vec<Hash> {
    let mut held: Vec<(Hash, Bytes)> = Vec::new();
    for new in records {
        let before: Vec<Bytes> = held.iter().map(|(_, bytes)| bytes.clone()).collect();
        if let Merged::Keep { drop } = merge(section, &before, new) {
            held = held.into_iter().enumerate().filter(|(i, _)| !drop.contains(i)).map(|(_, h)| h).collect();
            held.push((Record::decode((*new).clone()).expect("a record").hash(), (*new).clone()));
            held.sort();
        }
    }
    held.into_iter().map(|(hash, _)| hash).collect()
}

fn kept(section: Section, records: &[Bytes]) -> Vec<usize> {
    let kept = fold(section, &records.iter().collect::<Vec<_>>());
    let hash = |bytes: &Bytes| Record::decode(bytes.clone()).expect("a record").hash();
    (0..records.len()).filter(|i| kept.contains(&hash(&records[*i]))).collect()
}

/// Returns all orders of `n` things.
fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![vec![]];
    }
    let shorter = orders(n - 1);
    let with =
        |order: &Vec<usize>| (0..n).map(|at| [&order[..at], &[n - 1], &order[at..]].concat()).collect::<Vec<_>>();
    shorter.iter().flat_map(with).collect()
}

/// Checks one vector; false when it is of another type.
pub fn check(vector: &Value) -> bool {
    if vector["type"] != "merge" {
        return false;
    }
    let name = &vector["name"];
    let section = Section::from_number(vector["section"].as_u64().expect("a number") as u8).expect("a section");
    let records: Vec<Bytes> =
        vector["records"].as_array().expect("a list").iter().map(|bytes| unhex(bytes).into()).collect();
    for bytes in &records {
        let record = Record::decode(bytes.clone()).expect("a record");
        assert_eq!(json!(hex(&slot(&record, section))), vector["slot"], "{name}");
    }
    for order in orders(records.len()) {
        let some: Vec<&Bytes> = order.iter().map(|i| &records[*i]).collect();
        let mut expected: Vec<Hash> = vector["kept"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|i| &records[i.as_u64().expect("an index") as usize])
            .map(|bytes| Record::decode(bytes.clone()).expect("a record").hash())
            .collect();
        expected.sort();
        assert_eq!(fold(section, &some), expected, "{name}: {order:?}");
        // The same again changes nothing.
        assert_eq!(fold(section, &[&some[..], &some[..]].concat()), expected, "{name}: {order:?} twice");
    }
    true
}

/// Returns all vectors of merging.
pub fn all(net: &TestNet) -> Vec<Value> {
    let mut out = accounts(net);
    out.extend(logs(net));
    out.extend(posts(net));
    out.extend(lists(net));
    out.extend(held_in_memory(net));
    out
}

fn vector(name: &str, section: Section, records: &[Bytes]) -> Value {
    let first = Record::decode(records[0].clone()).expect("a record");
    json!({
        "name": format!("merge {name}"), "type": "merge", "section": section.number(),
        "slot": hex(&slot(&first, section)), "records": records.iter().map(|b| hex(b)).collect::<Vec<_>>(),
        "kept": kept(section, records),
    })
}

fn bytes<B: Body>(records: &[Signed<B>]) -> Vec<Bytes> {
    records.iter().map(|r| r.bytes().clone()).collect()
}

fn people(net: &TestNet) -> (TestAccount, TestAccount, TestDevice, TestDevice) {
    let (alice, bob) = (net.account("alice"), net.account("bob"));
    let (one, other) = (alice.device(net, "1"), bob.device(net, "1"));
    (alice, bob, one, other)
}

fn accounts(net: &TestNet) -> Vec<Value> {
    let (alice, _, device, _) = people(net);
    let next = alice.then_new_root(net, |body| body.kept = vec![device.id()]);
    let cert = |account: &TestAccount, ms: i64| {
        let mut body = device.cert.body.clone();
        (body.seq, body.hlc) = (account.chain.last().seq, at(ms));
        Signed::sign(body, &account.root, &net.id())
    };
    let mut entry = DirectoryBody { finals: vec![], ..alice.directory().body };
    let record = alice.chain.links[0].record.clone();
    let entries: Vec<Signed<DirectoryBody>> = [3, 4]
        .into_iter()
        .map(|n| {
            let link = Link { finals: net.finals(alice.id(), &record, n), record: record.clone() };
            entry.finals = AccountChain::new(vec![link]).expect("a link").links[0].finals.clone();
            Signed::unsigned(entry.clone())
        })
        .collect();
    let retired = [device.retirement(5, None), device.retirement(9, None), device.retirement(7, None)];
    vec![
        vector(
            "account: the longer chain",
            Section::Account,
            &[next.chain.bytes().clone(), alice.chain.bytes().clone()],
        ),
        vector(
            "bundle: the later state",
            Section::Bundle,
            &[alice.bundle.bytes().clone(), next.bundle.bytes().clone()],
        ),
        vector("device: the later stamp", Section::Device, &bytes(&[cert(&alice, 2), cert(&alice, 9)])),
        vector("device: the state before the stamp", Section::Device, &bytes(&[cert(&alice, 9), cert(&next, 2)])),
        vector("retirement: the later stamp", Section::Retirement, &bytes(&retired)),
        vector("directory: the larger hash", Section::Directory, &bytes(&entries)),
    ]
}

fn logs(net: &TestNet) -> Vec<Value> {
    let (_, _, device, _) = people(net);
    let heads = |version, last, floor| device.sign(device.heads_body(version, last, floor));
    let twin = |stamp| {
        let body = HeadsBody { hlc: at(stamp), ..device.heads_body(5, 7, 2) };
        device.sign(body)
    };
    let profile = |name: &str, ms| device.profile(name, "", ms);
    let profiles = [profile("Alice", 5), profile("Alicia", 9), profile("A", 9)];
    vec![
        vector("heads: the later version", Section::Heads, &bytes(&[heads(3, 7, 2), heads(4, 8, 2)])),
        vector("heads: one for each rank", Section::Heads, &bytes(&[heads(5, 3, 0), heads(4, 9, 1), heads(3, 6, 6)])),
        vector(
            "heads: one that leads in nothing goes",
            Section::Heads,
            &bytes(&[heads(5, 3, 0), heads(4, 9, 1), heads(3, 6, 6), heads(2, 6, 4)]),
        ),
        vector("heads: two with one version", Section::Heads, &bytes(&[twin(1), twin(2)])),
        vector("profile: the later stamp, then the larger hash", Section::Profile, &bytes(&profiles)),
    ]
}

fn posts(net: &TestNet) -> Vec<Value> {
    let (_, _, device, _) = people(net);
    let post = |text: &str| device.sign(device.post_body(1, None, text));
    let mut three = vec![post("one"), post("two"), post("three")];
    three.sort_by_key(Signed::hash);
    let [low, middle, high]: [Signed<PostBody>; 3] = three.try_into().expect("three");
    let end = |post: &Signed<PostBody>, ms| device.tombstone(post, ms).bytes().clone();
    let b = |post: &Signed<PostBody>| post.bytes().clone();
    let case = |name: &str, records: &[Bytes]| vector(&format!("posts: {name}"), Section::Post, records);
    vec![
        case("two of one number", &[b(&low), b(&high)]),
        case("three of one number", &[b(&low), b(&middle), b(&high)]),
        case("one and its tombstone", &[b(&low), end(&low, 9)]),
        case("two tombstones of one post", &[end(&low, 9), end(&low, 10), b(&low)]),
        case("a tombstone and another post", &[end(&low, 9), b(&high)]),
        case("the largest of three is deleted", &[b(&low), b(&middle), b(&high), end(&high, 9)]),
        case("the smallest of three is deleted", &[b(&low), b(&middle), b(&high), end(&low, 9)]),
        case("all are deleted", &[end(&low, 9), end(&middle, 9), end(&high, 9), b(&high)]),
    ]
}

fn lists(net: &TestNet) -> Vec<Value> {
    let (alice, bob, device, other) = people(net);
    let edges = [device.edge(bob.id(), true, 5), device.edge(bob.id(), false, 7), device.edge(bob.id(), true, 6)];
    let watermark = |received, seen, ms| {
        let body = WatermarkBody { seen_hash: None, ..device.watermark(&other, received, seen, ms).body };
        device.sign(body)
    };
    let marks = [watermark(9, 2, 5), watermark(5, 4, 1), watermark(4, 4, 9)];
    let entry = |on, ms| device.private(PrivateKind::Mute, bob.id(), on, &SealKey::new([7; 32]), ms);
    let post = device.posts(1).remove(0);
    let told = |ms| {
        let mut body = device.mention(&post, bob.id()).body;
        body.hlc = at(ms);
        device.sign(body)
    };
    let _ = alice;
    vec![
        vector("following: the later stamp", Section::Following, &bytes(&edges)),
        vector("followers: the later stamp", Section::Followers, &bytes(&edges)),
        vector("seen: more seen, then more received", Section::Seen, &bytes(&marks)),
        vector("private: the later stamp", Section::Private, &bytes(&[entry(true, 5), entry(false, 6)])),
        vector("inbox: the later stamp", Section::Inbox, &bytes(&[told(1), told(4), told(3)])),
    ]
}

fn held_in_memory(net: &TestNet) -> Vec<Value> {
    let (_, bob, device, _) = people(net);
    let node = secret("node");
    let presence = |seq| countersign(device.presence(seq, &node), &node, &net.id());
    let interest = |seq| countersign(device.interest(seq, bob.id(), &node), &node, &net.id());
    vec![
        vector("presence: the higher number", Section::Presence, &bytes(&[presence(3), presence(1), presence(2)])),
        vector("interest: the higher number", Section::Interest, &bytes(&[interest(3), interest(1), interest(2)])),
    ]
}
