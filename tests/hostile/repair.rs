//! Peers that lie when stretches are compared, or ask for more than anybody needs.

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use timeline::records::home;
use timeline::repair::name_of;
use timeline::types::{Hash, Rng, Stretch};
use timeline::wire::{
    Blob, Compare, Differences, Differing, ErrorCode, Fetch, Fetched, Request, encode_ok, pack_names, read_request,
};

use crate::attacker::Attacker;
use crate::deliver::settle;
use crate::fixtures::{TestNet, secret};
use crate::lies::liar;
use crate::support::{Victim, network, run, until};

/// Far more than a meeting with an honest peer takes here, and no more than one with a liar may.
const MOST: usize = 256;

/// How often a liar was asked to compare, and to hand over.
#[derive(Default)]
struct Asked {
    compared: Cell<usize>,
    fetched: Cell<usize>,
}

fn random(rng: &mut Rng, bytes: usize) -> Vec<u8> {
    let mut out = vec![0; bytes];
    rng.fill(&mut out);
    out
}

/// Answers a comparison with one kind of lie.
fn lie(kind: &str, stretches: usize, rng: &mut Rng) -> Bytes {
    let one = |index: usize, rng: &mut Rng| {
        let base = Differing { index: index as u8, fingerprint: random(rng, 16), ..Differing::default() };
        match kind {
            "parts" => Differing { parts: random(rng, 16 * 16), ..base },
            "few parts" => Differing { parts: random(rng, 3 * 16), ..base },
            "names" => Differing { names: random(rng, 32 * 200), marked: random(rng, 32 * 500), ..base },
            "many names" => Differing { names: random(rng, 32 * 2000), ..base },
            "cut" => Differing { names: random(rng, 33), ..base },
            "short" => Differing { fingerprint: random(rng, 3), ..base },
            _ => Differing { index: 200, ..base },
        }
    };
    let differing = (0..stretches).map(|i| one(i, rng)).collect();
    let done = if kind == "done" { 0 } else { stretches as u8 };
    match kind {
        "noise" => random(rng, 5000).into(),
        _ => encode_ok(&Differences { done, differing, unsynced: false }),
    }
}

/// Sends things that nobody asked for.
fn junk(net: &TestNet) -> Bytes {
    let post = net.account("mallory").device(net, "1").posts(1).remove(0);
    let keys = home(&net.account("mallory").id()).0.repeat(2);
    encode_ok(&Fetched {
        keys,
        records: vec![Blob::from(post.bytes()), Blob::from(vec![7; 900])],
        proofs: vec![Blob::from(vec![1])],
    })
}

async fn told_lies(net: &Rc<TestNet>, kind: &'static str) {
    let victim = Victim::start(net);
    let by = Attacker::new(&net.network, &secret("somebody honest"));
    let alice = net.account("alice");
    settle(&victim, &by, &alice, &alice.device(net, "1")).await;
    let before = victim.holdings().but_directory();
    let asked = Rc::new(Asked::default());
    let liar = liar(net, &victim, &secret("liar")).await;
    let (seen, junk) = (asked.clone(), junk(net));
    let rng = std::cell::RefCell::new(Rng::from_seed([3; 32]));
    liar.answers(move |_, frame| match frame.first() {
        Some(&Compare::NUMBER) => {
            seen.compared.set(seen.compared.get() + 1);
            let compare: Compare = read_request(frame).ok()?;
            Some(lie(kind, compare.unpack()?.len(), &mut rng.borrow_mut()))
        }
        Some(&Fetch::NUMBER) => {
            seen.fetched.set(seen.fetched.get() + 1);
            Some(junk.clone())
        }
        _ => None,
    });
    let enough = match kind {
        "parts" => MOST,
        _ => 1,
    };
    until(kind, async || asked.compared.get() >= enough).await;
    victim.alive().await;
    assert_eq!(victim.holdings().but_directory(), before);
    assert!(asked.compared.get() <= MOST && asked.fetched.get() <= 16, "{kind}: {}", asked.fetched.get());
    victim.end().await;
}

#[test]
fn lies_about_stretches_cost_a_bounded_number_of_requests_and_change_nothing() {
    let net = Rc::new(network(1, 20, ""));
    run(async {
        let kinds = ["parts", "few parts", "names", "many names", "cut", "short", "index", "done", "noise"];
        futures_util::future::join_all(kinds.iter().map(|kind| told_lies(&net, kind))).await;
    });
}

#[test]
fn requests_to_compare_and_to_fetch_are_checked_and_counted() {
    let net = network(1, 20, "");
    run(async {
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let alice = net.account("alice");
        let device = alice.device(&net, "1");
        settle(&victim, &mallory, &alice, &device).await;
        let before = victim.holdings().but_directory();
        let to = &victim.contact;
        for stretches in [vec![], vec![0; 24], vec![255; 25], vec![0; 25 * 33], vec![1; 25]] {
            let said = mallory.ask(to, &Compare { stretches }).await;
            assert_eq!(said.expect_err("malformed"), ErrorCode::Malformed);
        }
        let whole = Stretch::WHOLE.to_bytes().to_vec();
        for (stretch, want) in [
            (vec![0; 8], vec![]),
            (vec![99; 9], vec![]),
            (whole.clone(), vec![1; 31]),
            (whole.clone(), vec![0; 32 * 257]),
        ] {
            let said = mallory.ask(to, &Fetch { stretch, want, marked: vec![] }).await;
            assert_eq!(said.expect_err("malformed"), ErrorCode::Malformed);
        }
        // What is there is named to whoever has nothing, and handed over once for each time it is wanted.
        let said = mallory.ask(to, &Compare::pack(&[(Stretch::WHOLE, [0; 16])])).await.expect("an answer");
        assert!(said.done == 1 && said.differing.len() == 1 && said.unsynced, "a fresh disk");
        let name = name_of(&home(&alice.id()), &alice.chain.hash());
        assert!(said.differing[0].names.chunks(32).any(|chunk| chunk == name.0));
        let want = pack_names([&name, &name, &Hash([5; 32])]);
        let fetched = mallory.ask(to, &Fetch { stretch: whole, want, marked: vec![] }).await.expect("an answer");
        assert_eq!((fetched.records.len(), fetched.keys.len()), (1, 32));
        // One after the other, until it is too much.
        let mut answered = 0;
        while mallory.ask(to, &Compare::pack(&[(Stretch::WHOLE, [1; 16]); 32])).await.is_ok() {
            answered += 1;
            assert!(answered < 1000);
        }
        assert!(answered > 100, "{answered}");
        victim.alive().await;
        assert_eq!(victim.holdings().but_directory(), before);
        victim.end().await;
    });
}
