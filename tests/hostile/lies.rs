//! Peers that answer, and answer with lies.

use bytes::Bytes;
use futures_util::future::join_all;
use timeline::actors::PageRequest;
use timeline::keys::SecretKey;
use timeline::records::{AccountChain, Final, Link, Signed, home, name_key, sign_contact};
use timeline::types::{AccountId, Code, Hash, Key, NodeId};
use timeline::wire::{
    Blob, Claim, Claimed, Closer, Cursor, Deliver, Delivered, ErrorCode, FindNode, Get, Got, Put, PutDone, Request,
    encode_error, encode_ok, read_request,
};

use crate::attacker::{Attacker, blobs};
use crate::deliver::{feed, settle};
use crate::fixtures::{PASSWORD, TestAccount, TestDevice, TestNet, secret};
use crate::support::{Plan, Victim, network, run, until};

/// A registrar that holds everything, a node that knows it, and a peer that is good enough to bring records.
pub async fn pair(net: &TestNet) -> (Victim, Victim, Attacker) {
    let honest = Victim::start(net);
    let plan = Plan { bootpeers: vec![honest.contact.clone()], ..Plan::of(secret("a plain node")) };
    let victim = Victim::with(net, plan);
    knows(&victim, honest.id()).await;
    (honest, victim, Attacker::new(&net.network, &secret("a helper")))
}

pub async fn knows(victim: &Victim, peer: NodeId) {
    until("the peer is in the table", async || {
        let peers = victim.node.doors().routing.peers().await.expect("the node lives");
        peers.iter().any(|p| p.contact.node == peer)
    })
    .await;
}

/// A liar in the node's table.
pub async fn liar(net: &TestNet, victim: &Victim, key: &SecretKey) -> Attacker {
    let liar = Attacker::new(&net.network, key);
    liar.ping(&victim.contact).await;
    knows(victim, liar.key.public().node_id()).await;
    liar
}

/// A person with a device and one post, all of it held by the registrar.
async fn person(net: &TestNet, honest: &Victim, by: &Attacker, name: &str) -> (TestAccount, TestDevice) {
    let account = net.account(name);
    let device = account.device(net, "1");
    settle(honest, by, &account, &device).await;
    let post = device.sign(device.post_body(1, None, &format!("from {name}")));
    let heads = timeline::records::HeadsBody { last_hash: Some(post.hash()), ..device.heads_body(1, 1, 0) };
    let records = [post.bytes().clone(), device.sign(heads).bytes().clone()];
    let statuses = by.put(&honest.contact, home(&account.id()), &records, &[]).await;
    assert!(statuses.iter().all(|s| s.is_acknowledged()), "{statuses:?}");
    (account, device)
}

/// What a liar says to FIND_NODE and GET, given whose posts it wants to forge.
type Lie = Box<dyn Fn(&[u8]) -> Option<Bytes>>;

/// Records that look right: of the right account, at the right key, by nobody who may.
fn forgeries(net: &TestNet, account: &TestAccount, device: &TestDevice) -> Vec<Bytes> {
    let stranger = secret("stranger");
    let forged = Signed::sign(device.post_body(1, None, "forged"), &stranger, &net.id());
    let more = Signed::sign(device.post_body(2, Some(forged.hash()), "forged too"), &stranger, &net.id());
    let heads = Signed::sign(device.heads_body(9, 1000, 1000), &stranger, &net.id());
    let link = Link { record: account.chain.links[0].record.clone(), finals: vec![] };
    let bare = AccountChain::new(vec![link]).expect("one link");
    let other = net.account("other_person");
    vec![
        forged.bytes().clone(),
        more.bytes().clone(),
        heads.bytes().clone(),
        bare.bytes().clone(),
        other.chain.bytes().clone(),
        other.bundle.bytes().clone(),
        other.device(net, "1").posts(1)[0].bytes().clone(),
        Bytes::from_static(b"\x01\x07 nothing at all"),
    ]
}

fn only_lookups(lie: impl Fn(&[u8]) -> Bytes + 'static) -> Lie {
    Box::new(move |frame| matches!(frame.first(), Some(&FindNode::NUMBER | &Get::NUMBER)).then(|| lie(frame)))
}

fn got(records: &[Bytes], contacts: &[Bytes]) -> Got {
    Got {
        records: blobs(records),
        proofs: vec![],
        next: None,
        contacts: blobs(contacts),
        split: Default::default(),
        marks: vec![],
        unsynced: false,
        interested: None,
    }
}

/// Answers a lookup of either kind with these records and contacts.
fn says(records: Vec<Bytes>, contacts: Vec<Bytes>) -> Lie {
    only_lookups(move |frame| match frame.first() {
        Some(&FindNode::NUMBER) => encode_ok(&Closer { contacts: blobs(&contacts) }),
        _ => encode_ok(&got(&records, &contacts)),
    })
}

fn lies(net: &TestNet, account: &TestAccount, device: &TestDevice) -> Vec<(&'static str, Lie)> {
    let forged = forgeries(net, account, device);
    let id = net.id();
    // Signed contacts of nodes that never were, at ports of this machine where nobody listens.
    let nobody = |i: u16| {
        let address = ([127, 0, 0, 1], 1 + i % 9).into();
        sign_contact(&secret(&format!("nobody {i}")), &id, &[address], u64::MAX).proof.clone().expect("signed").0
    };
    let nobodies: Vec<Bytes> = (0..64).map(nobody).collect();
    let unsigned: Vec<Bytes> = nobodies.iter().map(|c| [&c[..c.len() - 1], &[0]].concat().into()).collect();
    let endless = |records: Vec<Bytes>| {
        only_lookups(move |_| {
            let next = Some(Cursor { section: 7, slot: vec![9; 40], hash: Hash([9; 32]) });
            encode_ok(&Got { next, ..got(&records, &[]) })
        })
    };
    let raw = |bytes: Vec<u8>| only_lookups(move |_| Bytes::from(bytes.clone()));
    vec![
        ("nothing", raw(vec![])),
        ("half an answer", raw(vec![0])),
        ("no MessagePack", raw(vec![0, 0xc1])),
        ("an answer without fields", raw(vec![0, 0x80])),
        ("neither yes nor no", raw(vec![7; 100])),
        ("a list as long as no message", raw(vec![0, 0x81, 0xa1, b'r', 0xdd, 0xff, 0xff, 0xff, 0xff])),
        ("256 KiB of nulls", raw(vec![0; 256 * 1024])),
        ("more than a message", raw(vec![0; 300 * 1024])),
        ("an unknown error", only_lookups(|_| encode_error(ErrorCode::Other(65_535), "because"))),
        ("forged records", says(forged.clone(), vec![])),
        ("forged records and nobodies", says(forged.clone(), nobodies)),
        ("thousands of unsigned contacts", says(vec![], unsigned.iter().cycle().take(1000).cloned().collect())),
        ("a hundred thousand empty records", says(vec![Bytes::new(); 100_000], vec![])),
        ("forged records without end", endless(forged)),
        ("empty records without end", endless(vec![Bytes::new(); 50_000])),
        ("pages without end", endless(vec![])),
    ]
}

#[test]
fn whatever_a_peer_answers_reads_end_and_bring_what_is_true() {
    run(async {
        let net = network(1, 3, "");
        let count = lies(&net, &net.account("alice"), &net.account("alice").device(&net, "1")).len();
        // Each lie in a network of its own, all at the same time.
        join_all((0..count).map(|i| believe_nothing(&net, i))).await;
    });
}

/// One lie, told to somebody who reads.
async fn believe_nothing(net: &TestNet, i: usize) {
    let (honest, victim, by) = pair(net).await;
    person(net, &honest, &by, "reader").await;
    let (account, device) = person(net, &honest, &by, "author").await;
    let (what, lie) = lies(net, &account, &device).swap_remove(i);
    let liar = liar(net, &victim, &secret("liar")).await;
    liar.answers(move |_, frame| lie(frame));
    let before = liar.mouth.asked.get();
    read_and_follow(&victim, "reader", "author", what).await;
    assert!(liar.mouth.asked.get() > before, "{what}: the liar was not even asked");
    assert!(liar.mouth.asked.get() < 1000, "{what}: asked {} times", liar.mouth.asked.get());
    victim.end().await;
    honest.end().await;
}

/// Logs in, follows somebody and nobody, sees the one true post, logs out.
async fn read_and_follow(victim: &Victim, reader: &str, author: &str, what: &str) {
    let name = |name: &str| name.parse().expect("a name");
    let doors = victim.node.doors();
    let login = doors.session.login(name(reader), PASSWORD.to_owned().into(), false).await;
    assert!(login.is_ok(), "{what}: {login:?}");
    let followed = doors.session.follow(name(author), true).await;
    assert!(followed.is_ok(), "{what}: {followed:?}");
    let nobody = doors.session.follow(name("nobody_at_all"), true).await.expect_err("nobody is there");
    assert!(matches!(nobody.code, Code::NoSuchUser | Code::Unreachable), "{what}: {nobody:?}");
    let own = format!("from {reader}");
    let theirs = format!("from {author}");
    until(what, async || {
        doors.feed.catch_up().await;
        let mut texts = feed(victim).await;
        texts.sort();
        assert!(texts.iter().all(|text| *text == own || *text == theirs), "{what}: {texts:?}");
        texts == [theirs.clone(), own.clone()]
    })
    .await;
    let page = doors.feed.page(PageRequest { limit: 10, ..PageRequest::default() }).await.expect("logged in");
    assert!(page.missing.is_empty(), "{what}: {:?}", page.missing);
    assert!(doors.session.logout().await.is_ok(), "{what}");
    victim.alive().await;
}

#[test]
fn a_peer_that_never_answers_holds_nobody_up_for_long() {
    run(async {
        let net = network(1, 3, "");
        let (honest, victim, by) = pair(&net).await;
        person(&net, &honest, &by, "reader").await;
        person(&net, &honest, &by, "author").await;
        let mut liars = vec![];
        for i in 0..3 {
            let liar = liar(&net, &victim, &secret(&format!("silent {i}"))).await;
            liar.mouth.silent.set(true);
            liars.push(liar);
        }
        read_and_follow(&victim, "reader", "author", "silence").await;
        victim.end().await;
        honest.end().await;
    });
}

/// Finds keys whose nodes are nearer to `place` than `honest`, and have room in a table of buckets of one.
fn nearest(place: &Key, honest: NodeId, victim: NodeId) -> impl Iterator<Item = SecretKey> {
    let bucket = move |node: NodeId| victim.distance(&node.key()).log2();
    let place = *place;
    (0..).map(|i| secret(&format!("near {i}"))).filter(move |key| {
        let node = key.public().node_id();
        node.distance(&place) < honest.distance(&place) && bucket(node) != bucket(honest)
    })
}

#[test]
fn liars_that_are_nearest_cannot_hide_what_the_anchors_have() {
    run(async {
        // In sets of one, whoever is nearest is the only one asked; in larger ones it takes more liars.
        let (one, many) = (network(1, 1, ""), network(1, 20, ""));
        let kinds = ["nothing", "garbage", "forgeries", "records of others"];
        let alone = join_all(kinds.iter().map(|kind| hide(&one, 1, kind)));
        let together = join_all(kinds.iter().map(|kind| hide(&many, 14, kind)));
        tokio::join!(alone, together);
    });
}

async fn hide(net: &TestNet, liars: usize, kind: &str) {
    let (honest, victim, by) = pair(net).await;
    person(net, &honest, &by, "reader").await;
    let session = victim.node.doors().session;
    let reader = "reader".parse().expect("a name");
    assert!(session.login(reader, PASSWORD.to_owned().into(), false).await.is_ok());
    let (account, device) = person(net, &honest, &by, "author").await;
    let mut near = vec![];
    for key in nearest(&name_key(account.chain.username()), honest.id(), victim.id()).take(liars) {
        let liar = liar(net, &victim, &key).await;
        let records = match kind {
            "nothing" => vec![],
            "garbage" => vec![Bytes::from_static(b"garbage")],
            "forgeries" => forgeries(net, &account, &device),
            _ => vec![net.account("other_person").chain.bytes().clone()],
        };
        let lie = says(records, vec![]);
        liar.answers(move |_, frame| lie(frame));
        near.push(liar);
    }
    let asked = || near.iter().map(|liar| liar.mouth.asked.get()).sum::<usize>();
    let before = asked();
    let followed = session.follow("author".parse().expect("a name"), true).await;
    assert!(asked() > before, "{kind}: no liar was asked");
    assert!(followed.is_ok(), "{kind}, {liars} liars: {followed:?}");
    victim.end().await;
    honest.end().await;
}

#[test]
fn a_peer_that_says_it_stored_something_else_is_not_believed_to_hold_it() {
    run(async {
        let net = network(1, 3, "");
        let statuses: [Vec<u8>; 5] = [vec![], vec![0; 100], vec![255; 3], vec![3, 3, 3], vec![0; 50_000]];
        join_all(statuses.into_iter().map(|statuses| pretend(&net, statuses))).await;
    });
}

async fn pretend(net: &TestNet, statuses: Vec<u8>) {
    let (honest, victim, by) = pair(net).await;
    person(net, &honest, &by, "reader").await;
    let liar = liar(net, &victim, &secret("liar")).await;
    liar.answers(move |_, frame| match frame.first() {
        Some(&Put::NUMBER) => Some(encode_ok(&PutDone { statuses: statuses.clone(), shown: None })),
        Some(&Deliver::NUMBER) => Some(encode_ok(&Delivered { status: 255, again: false })),
        _ => None,
    });
    let session = victim.node.doors().session;
    let reader = "reader".parse().expect("a name");
    assert!(session.login(reader, PASSWORD.to_owned().into(), false).await.is_ok());
    let asked = liar.mouth.asked.get();
    let posted = session.post("hello".to_owned(), None).await.expect("made");
    assert!(liar.mouth.asked.get() - asked < 50, "nobody is asked again and again");
    // Of the replicas only the registrar has it: a majority is not reached.
    assert!(!posted.published, "{posted:?}");
    assert!(feed(&victim).await.contains(&"hello".to_owned()));
    victim.end().await;
    honest.end().await;
}

#[test]
fn a_lying_registrar_certifies_nothing_and_prevents_nothing() {
    run(async {
        let net = network(3, 3, "");
        let honest: Vec<Victim> =
            net.registrars[..2].iter().map(|key| Victim::with(&net, Plan::of(key.clone()))).collect();
        let liar = Attacker::new(&net.network, &net.registrars[2]);
        let mut bootpeers: Vec<_> = honest.iter().map(|v| v.contact.clone()).collect();
        bootpeers.push(liar.contact());
        let other = net.account("other_person").chain.links[0].record.clone();
        let (id, registrars) = (net.network.clone(), net.registrars.clone());
        let mut registered_at = vec![];
        for (i, kind) in
            ["another's key", "another record", "garbage as other", "another name", "bytes"].into_iter().enumerate()
        {
            let (network, keys, other) = (id.clone(), registrars.clone(), other.clone());
            liar.answers(move |_, frame| {
                let claim: Claim = read_request(frame).ok()?;
                let asked = Signed::decode(claim.record.into_bytes()).ok()?;
                let sign = |key: &SecretKey, record| {
                    let account = AccountId(Signed::hash(record).0);
                    Final::sign(key, &network, account, record, crate::fixtures::NOW)
                };
                let claimed = match i {
                    // A true word of its own key under the name of another registrar.
                    0 => {
                        Claimed { signed: Final { registrar: keys[0].public(), ..sign(&keys[2], &asked) }, other: None }
                    }
                    1 => Claimed { signed: sign(&keys[2], &other), other: None },
                    2 => Claimed { signed: sign(&keys[2], &asked), other: Some(Blob::from(vec![1, 1, 0xc1])) },
                    3 => Claimed { signed: sign(&keys[2], &other), other: Some(Blob::from(other.bytes())) },
                    _ => return Some(Bytes::from(vec![0xff; 1000])),
                };
                Some(encode_ok(&claimed))
            });
            let plan = Plan { bootpeers: bootpeers.clone(), ..Plan::of(secret(&format!("a plain node {i}"))) };
            let victim = Victim::with(&net, plan);
            for honest in &honest {
                knows(&victim, honest.id()).await;
            }
            knows(&victim, liar.key.public().node_id()).await;
            let name = format!("person_{i}").parse().expect("a name");
            let registered = victim.node.doors().session.register(name, PASSWORD.to_owned().into()).await;
            assert!(registered.is_ok(), "{kind}: {registered:?}");
            registered_at.push(victim);
        }
        for victim in &registered_at {
            victim.alive().await;
        }
        // With one honest registrar down, the liar's word does not make up for it.
        let mut honest = honest.into_iter();
        honest.next().expect("one").end().await;
        let last = honest.next().expect("two");
        let plan = Plan { bootpeers, ..Plan::of(secret("a late node")) };
        let victim = Victim::with(&net, plan);
        knows(&victim, last.id()).await;
        let name = "late_person".parse().expect("a name");
        let registered = victim.node.doors().session.register(name, PASSWORD.to_owned().into()).await;
        assert_eq!(registered.expect_err("not certified").code, Code::NoRegistrars);
        last.end().await;
        victim.end().await;
    });
}
