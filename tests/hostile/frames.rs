//! Bytes that are no requests, or not the ones they pretend to be.

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use timeline::net::NetLimits;
use timeline::records::{AccountBody, Part, Signed, home, name_key, sign_contact};
use timeline::seam::NetError;
use timeline::types::{Hash, Key, NetworkId, Rng, Section, SectionSet, Stretch};
use timeline::wire::{
    Blob, CheckOnline, Claim, Compare, Deliver, ErrorCode, Fetch, FindNode, Forward, Get, GetNetwork, Heartbeat, Hello,
    NameStatus, Ping, Pong, Put, Reconcile, Request, Summary, open_answer, pack_names,
};

use crate::attacker::{Attacker, hello};
use crate::fixtures::{TestNet, secret};
use crate::support::{Victim, network, run};

/// Returns why a frame was refused; panics when it was not.
fn refused(frame: &Bytes) -> ErrorCode {
    open_answer::<Pong>(frame).expect("a well-formed answer").expect_err("refused").code
}

/// One request of every kind but HELLO, none of which changes anything: their records prove nothing.
fn requests(net: &TestNet) -> Vec<Bytes> {
    let alice = net.account("alice");
    let device = alice.device(net, "1");
    let stranger = secret("stranger");
    let post = Signed::sign(device.post_body(1, None, "forged"), &stranger, &net.id());
    let claim = Signed::sign(genesis("mallory", net), &stranger, &net.id());
    let at_home = home(&alice.id());
    let post = || Blob::from(post.bytes());
    vec![
        Ping {}.to_frame(),
        FindNode { key: at_home }.to_frame(),
        Get::all(at_home, SectionSet::all(), 10, None).to_frame(),
        Put { key: at_home, records: vec![post()], proofs: vec![], show: None }.to_frame(),
        Deliver { post: post(), proofs: vec![], page: None }.to_frame(),
        Forward {
            post: post(),
            proofs: vec![],
            part: Part::of(&alice.id(), 6),
            floor: 0,
            within: 1000,
            expected: Some(9),
            page: Some(0),
        }
        .to_frame(),
        Claim { record: Blob::from(claim.bytes()) }.to_frame(),
        NameStatus { name: "alice".parse().expect("a name") }.to_frame(),
        GetNetwork {}.to_frame(),
        Heartbeat { account: alice.id(), device: device.id() }.to_frame(),
        CheckOnline { accounts: vec![alice.id()], here: false }.to_frame(),
        Reconcile { account: alice.id(), marks: vec![], want: vec![], after: None }.to_frame(),
        Summary { key: at_home, account: alice.id(), section: Section::Seen.number(), after: None }.to_frame(),
        Compare::pack(&[(Stretch::WHOLE, [7; 16]), (Stretch::around_key(&at_home, 32), [0; 16])]).to_frame(),
        Fetch { stretch: Stretch::WHOLE.to_bytes().to_vec(), want: pack_names(&[Hash([7; 32])]), marked: vec![] }
            .to_frame(),
    ]
}

/// The first state of an account; whoever signs it, its root key is another.
pub fn genesis(name: &str, net: &TestNet) -> AccountBody {
    AccountBody {
        username: name.parse().expect("a name"),
        root: secret(&format!("{name} root of {}", net.id())).public(),
        bundle: Hash([7; 32]),
        seq: 0,
        account: None,
        prev: None,
        recovery: None,
        revoked: vec![],
        kept: vec![],
    }
}

/// A request whose map has one more field, which no version knows.
fn with_field(frame: &Bytes, key: &[u8], value: &[u8]) -> Bytes {
    let mut out = frame.to_vec();
    assert!((0x80..0x8f).contains(&out[1]), "a short map");
    out[1] += 1;
    out.push(0xa0 | key.len() as u8);
    out.extend_from_slice(key);
    out.extend_from_slice(value);
    out.into()
}

#[test]
fn frames_that_are_no_requests_are_refused_and_the_connection_lives() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let before = victim.holdings();
        let unknown = [0, 17, 31, 127, 255];
        let mut cases: Vec<(Bytes, ErrorCode)> =
            unknown.iter().map(|n| (Bytes::from(vec![*n, 0x80]), ErrorCode::Unsupported)).collect();
        cases.extend(unknown.iter().map(|n| (Bytes::from(vec![*n]), ErrorCode::Unsupported)));
        let malformed: Vec<Vec<u8>> = vec![
            vec![],
            vec![2],
            vec![2, 0xc0],
            vec![2, 0x90],
            vec![2, 0x80, 0x80],
            vec![2, 0x81],
            vec![2, 0xc1],
            // Lengths that no message can keep: of the map, of a list, of bytes, of a text.
            vec![2, 0xdf, 0xff, 0xff, 0xff, 0xff],
            [&[5, 0x82, 0xa1, b'K', 0xc4, 32][..], &[0; 32], &[0xa1, b'R', 0xdd, 0xff, 0xff, 0xff, 0xff]].concat(),
            vec![7, 0x81, 0xa1, b'R', 0xc6, 0xff, 0xff, 0xff, 0xff],
            vec![8, 0x81, 0xa1, b'U', 0xdb, 0xff, 0xff, 0xff, 0xff],
            // Wrong types: a short key, a negative number, a fraction, a text that is no name or not UTF-8.
            [&[3, 0x81, 0xa1, b'K', 0xc4, 31][..], &[0; 31]].concat(),
            [&[4, 0x82, 0xa1, b'K', 0xc4, 32][..], &[0; 32], &[0xa1, b'S', 0xff]].concat(),
            [&[4, 0x82, 0xa1, b'K', 0xc4, 32][..], &[0; 32], &[0xa1, b'S', 0xca, 0x7f, 0xc0, 0, 0]].concat(),
            vec![8, 0x81, 0xa1, b'U', 0xa3, b'A', b'B', b'C'],
            vec![8, 0x81, 0xa1, b'U', 0xa4, b'@', b'a', b'b', b'c'],
            vec![8, 0x81, 0xa1, b'U', 0xa3, 0xff, 0xfe, 0xfd],
            vec![8, 0x82, 0xa1, b'U', 0xa3, b'a', b'b', b'c', 0xa1, b'U', 0xa3, b'a', b'b', b'c'],
        ];
        cases.extend(malformed.into_iter().map(|frame| (Bytes::from(frame), ErrorCode::Malformed)));
        for request in requests(&net) {
            cases.push((with_field(&request, b"Z", &[0xc3]), ErrorCode::Unsupported));
            cases.push(([&request[..], &[0xc0]].concat().into(), ErrorCode::Malformed));
            let deep = [vec![0x91; 100_000], vec![0xc0]].concat();
            cases.push((with_field(&request, b"z", &deep), ErrorCode::Malformed));
        }
        for (i, (frame, expected)) in cases.into_iter().enumerate() {
            let answer = mallory.raw(&victim.contact, frame.clone()).await.expect("an answer");
            assert_eq!(refused(&answer), expected, "case {i}: {:?}", &frame[..frame.len().min(40)]);
        }
        let optional = with_field(&Ping {}.to_frame(), b"zebra", &[0xc3]);
        let answer = mallory.raw(&victim.contact, optional).await.expect("an answer");
        assert!(matches!(open_answer::<Pong>(&answer), Ok(Ok(_))), "a later version's field is passed over");
        assert_eq!(mallory.mouth.greetings.get(), 1, "all on one connection");
        victim.unharmed(&before).await;
        victim.end().await;
    });
}

#[test]
fn every_request_that_is_cut_short_is_malformed() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let before = victim.holdings();
        let cut: Vec<Bytes> = requests(&net).iter().flat_map(|r| (0..r.len()).map(|end| r.slice(..end))).collect();
        assert!(cut.len() > 500);
        let answers = stream::iter(cut).map(|frame| mallory.raw(&victim.contact, frame)).buffer_unordered(32);
        answers
            .for_each(|answer| async { assert_eq!(refused(&answer.expect("an answer")), ErrorCode::Malformed) })
            .await;
        assert_eq!(mallory.mouth.greetings.get(), 1);
        victim.unharmed(&before).await;
        victim.end().await;
    });
}

#[test]
fn thousands_of_random_and_altered_frames_change_nothing() {
    /// Frames of each of the two kinds.
    const FRAMES: usize = 2000;
    run(async {
        let net = network(1, 3, "puts_per_minute = 100000");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let before = victim.holdings();
        let mut rng = Rng::from_seed([9; 32]);
        let valid = requests(&net);
        let random = (0..FRAMES).map(|_| {
            let mut frame = vec![0; rng.below(200) as usize];
            rng.fill(&mut frame);
            // Most begin like a request; HELLO has a test of its own, as it may end the connection.
            let number = 2 + rng.below(15) as u8;
            if let Some(first) = frame.first_mut() {
                *first = number;
            }
            Bytes::from(frame)
        });
        let mut frames: Vec<Bytes> = random.collect();
        frames.extend((0..FRAMES).map(|_| altered(&valid, &mut rng)));
        let answers = stream::iter(frames).map(|frame| async {
            let answer = mallory.raw(&victim.contact, frame.clone()).await;
            (frame, answer.expect("an answer"))
        });
        let answers = answers.buffer_unordered(32);
        answers
            .for_each(|(frame, answer)| async move {
                assert!(matches!(answer.first(), Some(0 | 1)), "{frame:?} was answered {answer:?}");
            })
            .await;
        assert_eq!(mallory.mouth.greetings.get(), 1);
        victim.unharmed(&before).await;
        victim.end().await;
    });
}

/// A valid request with some bytes changed, moved, or repeated; its number stays.
fn altered(valid: &[Bytes], rng: &mut Rng) -> Bytes {
    let mut frame = valid[rng.below(valid.len() as u64) as usize].to_vec();
    for _ in 0..=rng.below(4) {
        let at = 1 + rng.below(frame.len() as u64 - 1) as usize;
        match rng.below(4) {
            0 => frame[at] ^= 1 << rng.below(8),
            1 => frame[at] = rng.below(256) as u8,
            2 => frame.insert(at, rng.below(256) as u8),
            _ => {
                let tail = frame.split_off(at);
                frame.extend_from_slice(&tail[tail.len() / 2..]);
                frame.extend_from_slice(&tail);
            }
        }
    }
    frame.into()
}

#[test]
fn a_put_carries_one_to_48_records() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let before = victim.holdings();
        let key = home(&net.account("alice").id());
        for count in [0, 49, 1000, 100_000] {
            let put = Put { key, records: vec![Blob::from(vec![]); count], proofs: vec![], show: None };
            assert_eq!(mallory.ask(&victim.contact, &put).await, Err(ErrorCode::Malformed), "{count} records");
        }
        let put =
            Put { key, records: vec![Blob::from(vec![]); 48], proofs: vec![Blob::from(vec![]); 60_000], show: None };
        assert_eq!(mallory.ask(&victim.contact, &put).await.expect("statuses").statuses, vec![5; 48]);
        victim.unharmed(&before).await;
        victim.end().await;
    });
}

#[test]
fn a_message_over_the_limit_costs_its_stream_only() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let limits = NetLimits { message_bytes: 1 << 20, ..NetLimits::default() };
        let mallory = Attacker::with(&net.network, &secret("mallory"), limits);
        mallory.ping(&victim.contact).await;
        for bytes in [256 * 1024 + 1, 1 << 20] {
            assert_eq!(mallory.raw(&victim.contact, vec![2; bytes]).await, Err(NetError::TooLarge));
        }
        mallory.ping(&victim.contact).await;
        assert_eq!(mallory.mouth.greetings.get(), 1);
        victim.end().await;
    });
}

#[test]
fn a_hello_of_another_node_or_network_opens_nothing() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let other = network(1, 4, "");
        let signed = |key: &str, id: &NetworkId| {
            let contact = sign_contact(&secret(key), id, &["127.0.0.1:9".parse().expect("an address")], 1);
            contact.proof.clone().expect("signed").0.to_vec()
        };
        let own = signed("mallory", &net.id());
        let flipped = own.iter().enumerate().map(|(i, b)| if i == 60 { b ^ 1 } else { *b }).collect::<Vec<u8>>();
        let cases: Vec<(&str, Vec<u8>)> = vec![
            ("another's contact", hello(net.id(), signed("alice's node", &net.id())).to_frame().to_vec()),
            ("a contact of another network", hello(net.id(), signed("mallory", &other.id())).to_frame().to_vec()),
            ("another network", hello(other.id(), own.clone()).to_frame().to_vec()),
            ("a contact with a flipped bit", hello(net.id(), flipped).to_frame().to_vec()),
            ("no contact", hello(net.id(), vec![]).to_frame().to_vec()),
            ("nothing but a number", vec![1]),
            ("trailing bytes", [&hello(net.id(), own.clone()).to_frame()[..], &[0]].concat()),
            (
                "another request",
                Put { key: Key([0; 32]), records: vec![], proofs: vec![], show: None }.to_frame().to_vec(),
            ),
            ("no request", vec![]),
        ];
        for (what, frame) in cases {
            let mallory = Attacker::new(&net.network, &secret("mallory"));
            *mallory.mouth.hello.borrow_mut() = frame.into();
            let outcome = mallory.raw(&victim.contact, Ping {}.to_frame()).await;
            assert!(outcome.is_err(), "{what}: {outcome:?}");
            mallory.close().await;
        }
        let peers = victim.node.doors().routing.peers().await.expect("the node lives");
        assert!(peers.is_empty(), "{peers:?}");
        victim.end().await;
    });
}

#[test]
fn a_second_hello_is_answered_when_it_is_true_and_ends_the_connection_when_not() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let truth: Hello = timeline::wire::read_request(&mallory.mouth.hello.borrow()).expect("a HELLO");
        let loud = Hello { software: "\u{1b}[2J".repeat(10_000), flags: u64::MAX, ..truth.clone() };
        assert!(mallory.ask(&victim.contact, &truth).await.is_ok());
        assert!(mallory.ask(&victim.contact, &loud).await.is_ok());
        assert_eq!(mallory.mouth.greetings.get(), 1);
        let lie = Hello { network: NetworkId([1; 32]), ..truth };
        let answer = mallory.raw(&victim.contact, lie.to_frame()).await;
        assert!(answer.is_err() || answer.is_ok_and(|frame| refused(&frame) == ErrorCode::WrongNetwork));
        let peers = victim.node.doors().routing.overview().await.expect("the node lives");
        assert!(peers.bootpeers.is_empty(), "flags make nobody a bootpeer");
        victim.end().await;
    });
}

#[test]
fn the_network_document_of_the_wrong_network_is_not_served() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let other = network(1, 4, "");
        let mallory = Attacker::new(&other.network, &secret("mallory"));
        assert_eq!(mallory.raw(&victim.contact, GetNetwork {}.to_frame()).await, Err(NetError::Refused));
        let near = Attacker::new(&net.network, &secret("mallory"));
        let document = near.ask(&victim.contact, &GetNetwork {}).await.expect("the document");
        assert_eq!(document.document.into_bytes(), net.network.bytes());
        victim.end().await;
    });
}

#[test]
fn a_cursor_and_a_limit_may_be_anything() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let alice = net.account("alice");
        let key = name_key(alice.chain.username());
        let stored = mallory.put(&victim.contact, key, &[alice.chain.bytes().clone()], &[]).await;
        assert!(stored[0].is_acknowledged());
        for (section, slot, limit) in [(0, 0, 0), (255, 100_000, u32::MAX), (1, 200_000, 1), (63, 1, 0), (64, 1, 500)] {
            let after = timeline::wire::Cursor { section, slot: vec![255; slot], hash: Hash([255; 32]) };
            let get = Get::all(key, SectionSet(u64::MAX), limit, Some(after));
            let got = mallory.ask(&victim.contact, &get).await.expect("an answer");
            assert!(got.records.len() <= 1, "section {section}");
        }
        victim.end().await;
    });
}
