//! Signs of life of those who are not there, and lies about who is.

use std::time::Duration;

use bytes::Bytes;
use timeline::records::{countersign, home};
use timeline::types::AccountId;
use timeline::wire::{
    CheckOnline, Checked, ErrorCode, Heard, Heartbeat, MAX_CHECKED, OnlineStanding, encode_error, encode_ok,
    open_answer,
};
use tokio::time::Instant;

use crate::attacker::Attacker;
use crate::fixtures::{TestDevice, TestNet, secret};
use crate::puts::proofs;
use crate::support::{PATIENCE, Victim, network, run, until};

/// Says that a device is at the node "a node", or no longer is.
fn presence(net: &TestNet, device: &TestDevice, seq: u64, online: bool) -> Bytes {
    let node = secret("a node");
    let mut body = device.presence(seq, &node).body;
    body.online = online;
    countersign(device.sign(body), &node, &net.id()).bytes().clone()
}

async fn beat(by: &Attacker, victim: &Victim, device: &TestDevice) -> Heard {
    let request = Heartbeat { account: device.account, device: device.id() };
    by.ask(&victim.contact, &request).await.expect("an answer")
}

async fn state(by: &Attacker, victim: &Victim, account: AccountId, here: bool) -> u8 {
    let request = CheckOnline { accounts: vec![account], here };
    let checked = by.ask(&victim.contact, &request).await.expect("an answer");
    assert_eq!(checked.standings.len(), 1);
    checked.standings[0].state
}

#[test]
fn nobody_shows_signs_of_life_for_somebody_else() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let node = Attacker::new(&net.network, &secret("a node"));
        let alice = net.account("alice");
        let (device, other) = (alice.device(&net, "1"), alice.device(&net, "2"));
        let before = victim.holdings();
        let unknown = Heard { known: false, seq: None, interest: 0 };
        assert_eq!(beat(&node, &victim, &device).await, unknown);
        assert_eq!(state(&mallory, &victim, alice.id(), false).await, OnlineStanding::UNKNOWN);
        let at_home = home(&alice.id());
        let put = async |seq, online| {
            let record = presence(&net, &device, seq, online);
            let status = mallory.put_one(&victim.contact, at_home, &record, &proofs(&alice, &device)).await;
            assert!(status.is_acknowledged());
        };
        put(5, true).await;
        until("it is held", async || state(&mallory, &victim, alice.id(), false).await == OnlineStanding::ONLINE).await;
        assert!(beat(&node, &victim, &device).await.known);
        assert_eq!(beat(&mallory, &victim, &device).await, Heard { known: false, seq: Some(5), interest: 0 });
        assert_eq!(beat(&node, &victim, &other).await, unknown);
        // Nobody is logged in on the victim itself.
        assert_eq!(state(&mallory, &victim, alice.id(), true).await, OnlineStanding::OFFLINE);
        put(7, false).await;
        until("the goodbye is held", async || {
            state(&mallory, &victim, alice.id(), false).await == OnlineStanding::OFFLINE
        })
        .await;
        // An older record, and a heartbeat after the goodbye, bring nobody back.
        put(6, true).await;
        assert_eq!(beat(&node, &victim, &device).await, Heard { known: false, seq: Some(7), interest: 0 });
        assert_eq!(state(&mallory, &victim, alice.id(), false).await, OnlineStanding::OFFLINE);
        victim.unharmed(&before).await;
        victim.end().await;
    });
}

#[test]
fn questions_that_ask_too_much_or_nothing_are_refused() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let before = victim.holdings();
        for (many, expected) in
            [(0, Err(ErrorCode::Malformed)), (MAX_CHECKED + 1, Err(ErrorCode::Malformed)), (64, Ok(64))]
        {
            let accounts = (0..many).map(|n| AccountId([n as u8; 32])).collect();
            let answer = mallory.ask(&victim.contact, &CheckOnline { accounts, here: many % 2 == 0 }).await;
            assert_eq!(answer.map(|checked| checked.standings.len()), expected, "{many}");
        }
        let frames: [&[u8]; 8] = [
            &[10],
            &[10, 0x80],
            &[10, 0xc1],
            &[10, 0x81, 0xa1, b'A', 0xc4, 0x01, 0x00],
            &[11],
            &[11, 0x80],
            &[11, 0x81, 0xa1, b'A', 0xdd, 0xff, 0xff, 0xff, 0xff],
            &[11, 0x81, 0xa1, b'A', 0x91, 0xc4, 0x20],
        ];
        for frame in frames {
            let answer = mallory.raw(&victim.contact, Bytes::from_static(frame)).await.expect("an answer");
            let refused = open_answer::<Checked>(&answer).expect("well-formed").expect_err("refused");
            assert_eq!(refused.code, ErrorCode::Malformed, "{frame:?}");
        }
        victim.unharmed(&before).await;
        victim.end().await;
    });
}

type Lie = Box<dyn Fn(CheckOnline) -> Bytes>;

fn lies() -> Vec<(&'static str, Lie)> {
    let say = |standings: Vec<OnlineStanding>| encode_ok(&Checked { standings });
    let standing = |state, seconds| OnlineStanding { state, seconds };
    vec![
        ("too few", Box::new(move |_| say(vec![]))),
        ("too many", Box::new(move |_| say(vec![standing(2, 0); 10_000]))),
        ("a state that is none", Box::new(move |q| say(vec![standing(77, 0); q.accounts.len()]))),
        ("heard from long ago", Box::new(move |q| say(vec![standing(2, u32::MAX); q.accounts.len()]))),
        ("online, silent for a minute", Box::new(move |q| say(vec![standing(2, 60); q.accounts.len()]))),
        ("an error", Box::new(|_| encode_error(ErrorCode::Other(999), "because"))),
        ("no answer at all", Box::new(|_| Bytes::from_static(&[7; 100]))),
        (
            "a list as long as no message",
            Box::new(|_| Bytes::from_static(&[0, 0x81, 0xa1, b'S', 0xdd, 0xff, 0xff, 0xff, 0xff])),
        ),
        ("more than a message", Box::new(|_| Bytes::from(vec![0; 300 * 1024]))),
    ]
}

/// Accounts of nobody, others for every `n`.
fn accounts(n: u8, many: u8) -> Vec<AccountId> {
    (0..many).map(|i| AccountId(std::array::from_fn(|at| if at < 16 { n } else { i }))).collect()
}

#[test]
fn lies_about_others_make_nobody_online_and_hold_nobody_up() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let liar = Attacker::new(&net.network, &secret("liar"));
        liar.ping(&victim.contact).await;
        until("the liar is in the table", async || {
            victim.node.doors().routing.peers().await.expect("the node lives").len() == 1
        })
        .await;
        let presence = victim.node.doors().presence;
        for (n, (what, lie)) in lies().into_iter().enumerate() {
            let asked = liar.mouth.asked.get();
            liar.answers(move |_, frame| {
                let question = timeline::wire::read_request::<CheckOnline>(frame).ok()?;
                Some(lie(question))
            });
            // Others each time: what was said is believed for a moment.
            let answers = presence.online(accounts(n as u8, 70)).await;
            assert_eq!(answers.len(), 70, "{what}");
            assert!(answers.iter().all(|(_, online)| *online != Some(true)), "{what}");
            assert!(liar.mouth.asked.get() > asked, "{what}: the liar was not asked");
        }
        liar.mouth.silent.set(true);
        let began = Instant::now();
        let answers = presence.online(accounts(100, 50)).await;
        assert!(answers.iter().all(|(_, online)| online.is_none()));
        // Two seconds, and time for a machine that is busy.
        assert!(began.elapsed() < PATIENCE.min(Duration::from_secs(20)));
        victim.end().await;
    });
}
