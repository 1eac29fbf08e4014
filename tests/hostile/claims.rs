//! Names: who asks a registrar for one, how often, and with what.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::future::join_all;
use timeline::keys::SecretKey;
use timeline::records::{AccountBody, Final, Signed};
use timeline::types::{AccountId, DeviceId};
use timeline::wire::{Claimed, ErrorCode, NameStatus};

use crate::attacker::Attacker;
use crate::fixtures::{TestNet, secret};
use crate::frames::genesis;
use crate::support::{Plan, Victim, network, run};

/// A claim of a name by whoever holds `root`.
fn claim(net: &TestNet, name: &str, root: &SecretKey) -> Signed<AccountBody> {
    Signed::sign(AccountBody { root: root.public(), ..genesis(name, net) }, root, &net.id())
}

/// Returns what the registrar is bound to, having checked its word for it.
fn bound(net: &TestNet, asked: &Signed<AccountBody>, claimed: Claimed) -> (Bytes, Final) {
    let record = match claimed.other {
        Some(other) => Signed::decode(other.into_bytes()).expect("a record"),
        None => asked.clone(),
    };
    assert!(claimed.signed.holds(&net.network, AccountId(record.hash().0), &record));
    (record.bytes().clone(), claimed.signed)
}

#[test]
fn a_claim_that_breaks_a_rule_is_refused_and_leaves_nothing() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let before = victim.holdings();
        let root = secret("a root");
        let body = |change: &dyn Fn(&mut AccountBody)| {
            let mut body = claim(&net, "mallory", &root).body.clone();
            change(&mut body);
            Signed::sign(body, &root, &net.id()).bytes().clone()
        };
        let other = network(1, 4, "");
        let good = body(&|_| {});
        let alice = net.account("alice");
        let next = alice.then(&net, |_| {}).chain.links[1].record.bytes().clone();
        let device = alice.device(&net, "1");
        let many = (0..64).map(|i| DeviceId([i; 32])).collect::<Vec<_>>();
        let invalid: Vec<(&str, Bytes)> = vec![
            ("not signed by its root", Signed::sign(genesis("mallory", &net), &root, &net.id()).bytes().clone()),
            ("signed for another network", claim(&other, "mallory", &root).bytes().clone()),
            ("seq 1 of a true account", next),
            ("seq 1 without a past", body(&|b| b.seq = 1)),
            ("a past without seq", body(&|b| b.account = Some(AccountId([1; 32])))),
            ("oversize", body(&|b| b.kept = many.clone())),
            ("another kind", device.posts(1)[0].bytes().clone()),
            ("a chain", alice.chain.bytes().clone()),
            ("trailing bytes", [&good[..], &[0]].concat().into()),
            ("cut short", good.slice(..good.len() - 1)),
            ("nothing", Bytes::new()),
        ];
        for (what, record) in invalid {
            let answer = mallory.claim(&victim.contact, &record).await;
            assert_eq!(answer.err(), Some(ErrorCode::BadClaim), "{what}");
        }
        let reserved = claim(&net, "admin", &root);
        let answer = mallory.claim(&victim.contact, reserved.bytes()).await;
        assert_eq!(answer.err(), Some(ErrorCode::NameReserved));
        for name in ["mallory", "admin", "alice"] {
            let ask = NameStatus { name: name.parse().expect("a name") };
            let standing = mallory.ask(&victim.contact, &ask).await.expect("a standing");
            assert!(standing.record.is_none() && standing.signed.is_none(), "{name}");
        }
        victim.unharmed(&before).await;
        victim.end().await;
    });
}

#[test]
fn a_name_is_given_once_for_ever_and_with_the_same_word() {
    run(async {
        let net = network(3, 3, "");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let first = claim(&net, "wanted", &secret("first"));
        let second = claim(&net, "wanted", &secret("second"));
        let given = mallory.claim(&victim.contact, first.bytes()).await.expect("given");
        assert_eq!(given.other, None);
        let (record, word) = bound(&net, &first, given.clone());
        let before = victim.holdings();
        let check = async |victim: &Victim, mallory: &Attacker| {
            assert_eq!(mallory.claim(&victim.contact, first.bytes()).await.as_ref(), Ok(&given));
            let other = mallory.claim(&victim.contact, second.bytes()).await.expect("bound");
            assert_eq!(bound(&net, &second, other), (record.clone(), word.clone()));
            // Even one that could never be given one tells who has the name.
            let forged = Signed::sign(genesis("wanted", &net), &secret("nobody"), &net.id());
            let other = mallory.claim(&victim.contact, forged.bytes()).await.expect("bound");
            assert_eq!(bound(&net, &forged, other), (record.clone(), word.clone()));
            victim.unharmed(&before).await;
        };
        check(&victim, &mallory).await;
        victim.clock.forward(std::time::Duration::from_secs(3600));
        check(&victim, &mallory).await;
        let victim = victim.restart().await;
        mallory.close().await;
        let mallory = Attacker::new(&net.network, &secret("another mallory"));
        check(&victim, &mallory).await;
        victim.end().await;
    });
}

/// Makes all claims at once; returns each with the answer to it.
async fn claim_all(
    victim: &Victim,
    peers: &[Attacker],
    claims: &[Signed<AccountBody>],
) -> Vec<(Signed<AccountBody>, Claimed)> {
    let asked = claims.iter().enumerate().map(|(i, claim)| (claim, &peers[i % peers.len()]));
    let answers = asked
        .map(async |(claim, peer)| (claim.clone(), peer.claim(&victim.contact, claim.bytes()).await.expect("a word")));
    join_all(answers).await
}

#[test]
fn of_fifty_claims_at_once_one_wins_everywhere_and_after_a_restart() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let claims: Vec<_> = (0..50).map(|i| claim(&net, "wanted", &secret(&format!("claimant {i}")))).collect();
        let peers: Vec<Attacker> = (0..5).map(|i| Attacker::new(&net.network, &secret(&format!("peer {i}")))).collect();
        let mut all: BTreeSet<Bytes> = BTreeSet::new();
        let mut words = vec![];
        let answers = claim_all(&victim, &peers, &claims).await;
        assert_eq!(answers.iter().filter(|(_, claimed)| claimed.other.is_none()).count(), 1);
        for (claim, claimed) in answers {
            let (record, word) = bound(&net, &claim, claimed);
            all.insert(record);
            words.push(word);
        }
        assert_eq!(all.len(), 1, "everybody hears of one record");
        words.dedup();
        assert_eq!(words.len(), 1, "and one word");
        let victim = victim.restart().await;
        let peer = Attacker::new(&net.network, &secret("a later peer"));
        for (claim, claimed) in claim_all(&victim, &[peer], &claims).await {
            assert_eq!(bound(&net, &claim, claimed), (all.first().expect("one").clone(), words[0].clone()));
        }
        victim.end().await;
    });
}

#[test]
fn only_registrars_decide() {
    run(async {
        let net = network(3, 3, "");
        let victim = Victim::with(&net, Plan::of(secret("a plain node")));
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let before = victim.holdings();
        let record = claim(&net, "wanted", &secret("first"));
        let answer = mallory.claim(&victim.contact, record.bytes()).await;
        assert_eq!(answer.err(), Some(ErrorCode::NotRegistrar));
        let status = NameStatus { name: "wanted".parse().expect("a name") };
        assert_eq!(mallory.ask(&victim.contact, &status).await.err(), Some(ErrorCode::NotRegistrar));
        victim.unharmed(&before).await;
        victim.end().await;
    });
}
