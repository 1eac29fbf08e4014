//! Makes vectors of frames: every request and answer, errors, and bytes that are neither.

use serde_json::{Value, json};
use timeline::repair::{Sum, name_of};

use crate::check::hex;
use crate::fixtures::{NOW, TestDevice, TestNet, contact_bytes, secret};
use crate::plain::plain;
use crate::records::{Part, home, name_key};
use crate::types::{Hash, Section, SectionSet, Stretch, place_of};
use crate::wire::{
    Blob, CheckOnline, Checked, Claim, Claimed, Closer, Compare, Cursor, Deliver, Delivered, Differences, Differing,
    ErrorCode, FLAG_ANCHOR, FLAG_BOOTPEER, Fetch, Fetched, FindNode, FollowerEntry, Forward, Forwarded, Get,
    GetNetwork, Got, Heard, Heartbeat, Hello, Mark, NameStatus, NetworkBytes, OnlineStanding, Ping, Pong, Put, PutDone,
    ReachEntry, Reconcile, Reconciled, Request, Standing, Summary, Summed, encode_error, encode_ok, pack_names,
};

/// Returns all vectors of frames.
pub fn all(net: &TestNet) -> Vec<Value> {
    let mut out = greeting(net);
    out.extend(overlay(net));
    out.extend(records(net));
    out.extend(delivering(net));
    out.extend(names(net));
    out.extend(online(net));
    out.extend(collection(net));
    out.extend(repair(net));
    out.extend(errors());
    out.extend(refused(net));
    out
}

fn request<R: Request>(name: &str, request: &R) -> Value {
    raw_request(name, &request.to_frame())
}

fn raw_request(name: &str, frame: &[u8]) -> Value {
    json!({
        "name": name, "type": "request", "number": frame[0], "frame": hex(frame), "fields": plain(&frame[1..]),
    })
}

fn answer<R: Request>(name: &str, answer: &R::Answer) -> Value {
    raw_answer(name, R::NUMBER, &encode_ok(answer))
}

fn raw_answer(name: &str, number: u8, frame: &[u8]) -> Value {
    json!({"name": name, "type": "answer", "number": number, "frame": hex(frame), "fields": plain(&frame[1..])})
}

/// A field of a map written by hand: a key of one letter and a value as it is.
fn field(key: u8, value: &[u8]) -> Vec<u8> {
    [&[0xa1, key], value].concat()
}

/// 32 bytes as MessagePack.
fn bytes32(bytes: &[u8; 32]) -> Vec<u8> {
    [&[0xc4, 32], &bytes[..]].concat()
}

fn greeting(net: &TestNet) -> Vec<Value> {
    let contact = contact_bytes(&secret("node"), &net.id());
    let hello = |flags| Hello {
        minor: 0,
        network: net.id(),
        contact: Blob::from(contact.clone()),
        time: NOW,
        software: "timeline 0.1.0".to_owned(),
        flags,
    };
    let mut least = vec![Hello::NUMBER, 0x83];
    least.extend(field(b'N', &bytes32(&net.id().0)));
    least.extend(field(b'C', &[&[0xc4, contact.len() as u8], &contact[..]].concat()));
    least.extend(field(b'T', &[0]));
    let mut later = hello(0).to_frame().to_vec();
    later[1] += 1;
    later.extend(field(b'z', &[0x92, 1, 0x81, 0xa1, b'q', 0xc3]));
    let mut deep = hello(0).to_frame().to_vec();
    deep[1] += 1;
    deep.extend(field(b'z', &[&[0x91; 14][..], &[1]].concat()));
    vec![
        request("HELLO of a peer", &hello(0)),
        answer::<Hello>("HELLO of a bootpeer that is an anchor", &hello(FLAG_BOOTPEER | FLAG_ANCHOR)),
        raw_request("HELLO with what must be there", &least),
        raw_request("HELLO with an unknown optional field", &later),
        raw_request("HELLO nested 15 deep", &deep),
    ]
}

fn overlay(net: &TestNet) -> Vec<Value> {
    let contact = Blob::from(contact_bytes(&secret("node"), &net.id()));
    let other = Blob::from(contact_bytes(&secret("other node"), &net.id()));
    vec![
        request("PING", &Ping {}),
        answer::<Ping>("PING answered", &Pong { time: NOW }),
        request("FIND_NODE", &FindNode { key: home(&net.account("alice").id()) }),
        answer::<FindNode>("FIND_NODE answered with two contacts", &Closer { contacts: vec![contact, other] }),
        answer::<FindNode>("FIND_NODE answered with nobody", &Closer { contacts: vec![] }),
    ]
}

fn mark(device: &TestDevice) -> Mark {
    let post = &device.posts(1)[0];
    Mark { device: device.id(), seq: 1, hash: post.hash(), ends: post.body.expires_at() }
}

fn records(net: &TestNet) -> Vec<Value> {
    let alice = net.account("alice");
    let device = alice.device(net, "1");
    let key = home(&alice.id());
    let posts: Vec<Blob> = device.posts(2).iter().map(|p| Blob::from(p.bytes())).collect();
    let proofs = vec![Blob::from(alice.chain.bytes()), Blob::from(device.cert.bytes())];
    let (post, contact) = (posts[0].clone(), Blob::from(contact_bytes(&secret("node"), &net.id())));
    let slot = [&device.id().0[..], &1u64.to_be_bytes()].concat();
    let cursor = Cursor { section: 7, slot, hash: device.posts(1)[0].hash() };
    let sections =
        SectionSet::of(&[Section::Account, Section::Device, Section::Retirement, Section::Heads, Section::Post]);
    let get = |after| Get::all(key, sections, 500, after);
    let least = [&[Get::NUMBER, 0x82][..], &field(b'K', &bytes32(&key.0)), &field(b'S', &[2])].concat();
    let got = Got {
        records: posts.clone(),
        proofs: proofs.clone(),
        next: Some(cursor.clone()),
        contacts: vec![contact],
        split: SectionSet::of(&[Section::Followers, Section::Seen]),
        marks: vec![mark(&device)],
        unsynced: false,
        interested: None,
    };
    let away = Got {
        proofs: vec![],
        next: None,
        contacts: vec![],
        split: SectionSet::default(),
        unsynced: true,
        ..got.clone()
    };
    vec![
        request("GET of a feed", &get(None)),
        request("GET with a cursor", &get(Some(cursor))),
        raw_request("GET with what must be there", &least),
        answer::<Get>("GET answered with everything", &got),
        answer::<Get>("GET answered by one that was away", &away),
        raw_answer("GET answered with nothing", Get::NUMBER, &[0, 0x81, 0xa1, b'r', 0x90]),
        request("PUT without proofs", &Put { key, records: posts.clone(), proofs: vec![], show: None }),
        request("PUT with proofs", &Put { key, records: posts, proofs: proofs.clone(), show: None }),
        answer::<Put>("PUT answered with every status", &PutDone { statuses: (0..=20).collect(), shown: None }),
        request("DELIVER without proofs", &Deliver { post: post.clone(), proofs: vec![], page: None }),
        request("DELIVER with proofs", &Deliver { post, proofs, page: None }),
        answer::<Deliver>("DELIVER answered", &Delivered { status: 18, again: false }),
    ]
}

fn delivering(net: &TestNet) -> Vec<Value> {
    let alice = net.account("alice");
    let device = alice.device(net, "1");
    let (key, follower) = (home(&alice.id()), net.account("bob").id());
    let post = Blob::from(device.posts(1)[0].bytes());
    let proofs = vec![Blob::from(alice.chain.bytes()), Blob::from(device.cert.bytes())];
    let interest = SectionSet::of(&[Section::Interest]);
    let some = Get { spread: Some(160), ..Get::all(key, interest, 500, None) };
    let part = Get { part: Some(Part::of(&follower, 6)), ..Get::all(key, interest, 500, None) };
    let counted = Got { interested: Some(100_000), split: interest, ..Got::default() };
    let forward = Forward {
        post: post.clone(),
        proofs,
        part: Part::of(&follower, 9),
        floor: 3,
        within: 6750,
        expected: Some(195),
        page: Some(2),
    };
    let least = Forward { proofs: vec![], part: Part::WHOLE, floor: 0, expected: None, page: None, ..forward.clone() };
    vec![
        request("GET of some interest", &some),
        request("GET of a part of the interest", &part),
        answer::<Get>("GET answered with how many are interested", &counted),
        request("DELIVER with the page", &Deliver { post, proofs: vec![], page: Some(255) }),
        answer::<Deliver>("DELIVER answered by one that counts elsewhere", &Delivered { status: 1, again: true }),
        request("FORWARD", &forward),
        request("FORWARD with what must be there", &least),
        answer::<Forward>(
            "FORWARD answered with what was counted",
            &Forwarded { status: 0, cared: true, online: 200, acked: 195 },
        ),
        answer::<Forward>("FORWARD declined", &Forwarded { status: 18, cared: false, online: 0, acked: 0 }),
    ]
}

fn names(net: &TestNet) -> Vec<Value> {
    let alice = net.account("alice");
    let link = &alice.chain.links[0];
    let (record, signed) = (Blob::from(link.record.bytes()), link.finals[0].clone());
    let standing = |record, signed| Standing { record, signed };
    let name = alice.chain.username().clone();
    vec![
        request("CLAIM", &Claim { record: record.clone() }),
        answer::<Claim>("CLAIM answered with a FINAL", &Claimed { signed: signed.clone(), other: None }),
        answer::<Claim>(
            "CLAIM answered for another record",
            &Claimed { signed: signed.clone(), other: Some(record.clone()) },
        ),
        request("NAME_STATUS", &NameStatus { name }),
        answer::<NameStatus>("NAME_STATUS of a name that was signed for", &standing(Some(record), Some(signed))),
        answer::<NameStatus>("NAME_STATUS of a name that was not", &standing(None, None)),
        request("GET_NETWORK", &GetNetwork {}),
        answer::<GetNetwork>("GET_NETWORK answered", &NetworkBytes { document: Blob::from(&net.network.bytes()) }),
    ]
}

fn online(net: &TestNet) -> Vec<Value> {
    let (alice, bob) = (net.account("alice"), net.account("bob"));
    let device = alice.device(net, "1").id();
    let standing = |state, seconds| OnlineStanding { state, seconds };
    let standings = vec![standing(0, 0), standing(1, 95), standing(2, 3)];
    let known = Heard { known: true, seq: Some(NOW.0), interest: u64::MAX };
    let one = [&[CheckOnline::NUMBER, 0x81][..], &field(b'A', &[&[0x91], &bytes32(&bob.id().0)[..]].concat())].concat();
    vec![
        request("HEARTBEAT", &Heartbeat { account: alice.id(), device }),
        answer::<Heartbeat>("HEARTBEAT that counts", &known),
        raw_answer("HEARTBEAT of nobody known", Heartbeat::NUMBER, &[0, 0x81, 0xa1, b'K', 0xc2]),
        request("CHECK_ONLINE on the receiver", &CheckOnline { accounts: vec![alice.id(), bob.id()], here: true }),
        raw_request("CHECK_ONLINE with what must be there", &one),
        answer::<CheckOnline>("CHECK_ONLINE answered", &Checked { standings }),
    ]
}

fn collection(net: &TestNet) -> Vec<Value> {
    let (alice, bob) = (net.account("alice"), net.account("bob"));
    let (device, key) = (alice.device(net, "1"), home(&alice.id()));
    let (heads, post) = (device.sign(device.heads_body(3, 7, 2)), device.posts(1).remove(0));
    let edge = bob.device(net, "1").edge(alice.id(), true, 5);
    let cursor = Cursor { section: 10, slot: bob.id().0.to_vec(), hash: edge.hash() };
    let hashes = Reconciled::pack(
        [(Section::Account, alice.chain.hash()), (Section::Heads, heads.hash()), (Section::Post, post.hash())]
            .into_iter(),
    );
    let marks = vec![mark(&device)];
    let reconcile = |marks, want, after| Reconcile { account: alice.id(), marks, want, after };
    let nothing = Reconciled { hashes: vec![], next: None, marks, records: vec![], proofs: vec![], unsynced: false };
    let summary = |section, after| Summary { key, account: alice.id(), section, after };
    let follower = FollowerEntry { follower: bob.id(), hlc: edge.body.hlc, follows: true, since: edge.body.since };
    let reach = |seen, hash| ReachEntry { follower: bob.id(), log: device.id(), seen, hash };
    vec![
        request("RECONCILE with marks", &reconcile(nothing.marks.clone(), vec![], Some(cursor.clone()))),
        request("RECONCILE that wants records", &reconcile(vec![], vec![post.hash(), heads.hash()], None)),
        answer::<Reconcile>(
            "RECONCILE answered with hashes",
            &Reconciled { hashes, next: Some(cursor.clone()), ..nothing.clone() },
        ),
        answer::<Reconcile>(
            "RECONCILE answered with records",
            &Reconciled {
                marks: vec![],
                records: vec![Blob::from(post.bytes()), Blob::from(edge.bytes())],
                proofs: vec![Blob::from(bob.chain.bytes())],
                ..nothing.clone()
            },
        ),
        answer::<Reconcile>(
            "RECONCILE answered by a node that was away",
            &Reconciled { marks: vec![], unsynced: true, ..nothing },
        ),
        request("SUMMARY of followers", &summary(10, None)),
        request("SUMMARY of seen with a cursor", &summary(11, Some(Cursor { section: 11, ..cursor }))),
        answer::<Summary>(
            "SUMMARY answered with followers",
            &Summed { followers: vec![follower.clone()], reaches: vec![], split: true, next: None, unsynced: false },
        ),
        answer::<Summary>(
            "SUMMARY answered with watermarks",
            &Summed {
                followers: vec![],
                reaches: vec![reach(1, Some(post.hash())), reach(0, None)],
                split: false,
                next: None,
                unsynced: false,
            },
        ),
        answer::<Summary>(
            "SUMMARY answered by a node that was away",
            &Summed { followers: vec![follower], reaches: vec![], split: false, next: None, unsynced: true },
        ),
    ]
}

fn repair(net: &TestNet) -> Vec<Value> {
    let alice = net.account("alice");
    let (device, key) = (alice.device(net, "1"), home(&alice.id()));
    let (post, other) = (device.posts(2).remove(0), device.posts(2).remove(1));
    let of_home = Stretch::around_key(&key, 12);
    let of_post = Stretch::around(place_of(&key, &post.hash()), 36);
    let print = |names: &[Hash]| {
        let mut sum = Sum::default();
        names.iter().for_each(|name| sum.add(name));
        sum.fingerprint().0
    };
    let (first, second) = (name_of(&key, &post.hash()), name_of(&key, &other.hash()));
    let (one, both) = (print(&[first]), print(&[first, second]));
    let empty = print(&[]);
    let parts: Vec<u8> =
        of_home.parts().iter().flat_map(|part| if part.covers(of_post) { both } else { empty }).collect();
    let in_parts = Differing { index: 0, fingerprint: both.to_vec(), parts, ..Differing::default() };
    let named = Differing {
        index: 1,
        fingerprint: one.to_vec(),
        names: pack_names(&[first]),
        marked: pack_names(&[second]),
        ..Differing::default()
    };
    let fetch = |want: &[Hash], marked: &[Hash]| Fetch {
        stretch: of_post.to_bytes().to_vec(),
        want: pack_names(want),
        marked: pack_names(marked),
    };
    let edge = net.account("bob").device(net, "1").edge(alice.id(), true, 5);
    let proof = Blob::from(net.account("bob").chain.bytes());
    let fetched = Fetched {
        keys: [key.0, key.0].concat(),
        records: vec![Blob::from(post.bytes()), Blob::from(edge.bytes())],
        proofs: vec![proof],
    };
    vec![
        request("COMPARE two stretches", &Compare::pack(&[(of_home, one), (of_post, empty)])),
        request("COMPARE everything", &Compare::pack(&[(Stretch::WHOLE, both)])),
        answer::<Compare>(
            "COMPARE answered with parts and names",
            &Differences { done: 2, differing: vec![in_parts, named], unsynced: false },
        ),
        answer::<Compare>("COMPARE without a difference", &Differences { done: 1, differing: vec![], unsynced: true }),
        request("FETCH records", &fetch(&[first, second], &[])),
        request("FETCH nothing and hint", &fetch(&[], &[second])),
        answer::<Fetch>("FETCH answered with records", &fetched),
        raw_answer("FETCH answered with nothing", Fetch::NUMBER, &[0, 0x80]),
    ]
}

fn errors() -> Vec<Value> {
    let codes = [
        (ErrorCode::Malformed, "malformed"),
        (ErrorCode::Unsupported, "unsupported"),
        (ErrorCode::WrongNetwork, "wrong network"),
        (ErrorCode::Busy, "busy"),
        (ErrorCode::Internal, "internal"),
        (ErrorCode::NotRegistrar, "not a registrar"),
        (ErrorCode::BadClaim, "bad claim"),
        (ErrorCode::NameReserved, "name reserved"),
        (ErrorCode::ClockInDoubt, "clock in doubt"),
        (ErrorCode::Other(999), "of a later version"),
    ];
    let error = |name: &str, code: u16, frame: &[u8]| json!({"name": format!("error {name}"), "type": "error", "code": code, "frame": hex(frame)});
    let mut out: Vec<Value> =
        codes.iter().map(|(code, name)| error(name, code.number(), &encode_error(*code, name))).collect();
    out.push(error("without a reason", 4, &[1, 0x81, 0xa1, b'C', 4]));
    out
}

/// Bytes that are no frame, and how they are answered.
fn refused(net: &TestNet) -> Vec<Value> {
    let key = bytes32(&name_key(net.account("alice").chain.username()).0);
    let find = |extra: &[u8], fields: u8| [&[FindNode::NUMBER, 0x80 | fields][..], &field(b'K', &key), extra].concat();
    let deep = |lists: usize| [&field(b'z', &vec![0x91; lists])[..], &[0xc0]].concat();
    let requests: [(&str, Vec<u8>, u16); 16] = [
        ("empty", vec![], 1),
        ("number without a map", vec![FindNode::NUMBER], 1),
        ("unknown number", vec![200, 0x80], 2),
        ("number 0", vec![0, 0x80], 2),
        ("trailing byte", find(&[0], 1), 1),
        ("cut short", find(&[], 1)[..20].to_vec(), 1),
        ("array in place of a map", [&[FindNode::NUMBER, 0x91][..], &key].concat(), 1),
        ("field twice", find(&field(b'K', &key), 2), 1),
        ("field missing", vec![FindNode::NUMBER, 0x80], 1),
        ("field of another type", [&[FindNode::NUMBER, 0x81][..], &field(b'K', &[7])].concat(), 1),
        ("key of 31 bytes", [&[FindNode::NUMBER, 0x81, 0xa1, b'K', 0xc4, 31][..], &key[2..33]].concat(), 1),
        ("length of 4 GiB", vec![FindNode::NUMBER, 0x81, 0xa1, b'K', 0xc6, 0xff, 0xff, 0xff, 0xff], 1),
        ("text that is no UTF-8", vec![NameStatus::NUMBER, 0x81, 0xa1, b'U', 0xa3, 0xff, 0xfe, b'a'], 1),
        ("nested 40 deep", find(&deep(39), 2), 1),
        ("nested 16 deep", find(&deep(15), 2), 1),
        ("unknown critical field", find(&field(b'Z', &[1]), 2), 2),
    ];
    let answers: [(&str, Vec<u8>); 6] = [
        ("empty", vec![]),
        ("neither done nor not", vec![2, 0x81, 0xa1, b'T', 1]),
        ("without a map", vec![0]),
        ("unknown critical field", vec![0, 0x82, 0xa1, b'T', 1, 0xa1, b'Z', 1]),
        ("trailing byte", vec![0, 0x81, 0xa1, b'T', 1, 0]),
        ("error without a code", vec![1, 0x80]),
    ];
    let of_request = |(name, frame, code): &(&str, Vec<u8>, u16)| {
        json!({
            "name": format!("refused request: {name}"), "type": "refused", "side": "request", "frame": hex(frame),
            "code": code,
        })
    };
    let of_answer = |(name, frame): &(&str, Vec<u8>)| {
        json!({
            "name": format!("refused answer: {name}"), "type": "refused", "side": "answer", "number": Ping::NUMBER,
            "frame": hex(frame), "code": Value::Null,
        })
    };
    requests.iter().map(of_request).chain(answers.iter().map(of_answer)).collect()
}
