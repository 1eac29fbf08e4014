//! A name has one owner, whatever order claims reach the registrars in.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::keys::SecretKey;
use crate::records::{AccountBody, Signed};
use crate::types::{Hash, Network, Rng, WallTime, quorum};

fn network(registrars: &[SecretKey]) -> Network {
    let mut text = String::from("name = \"t\"\nepoch = 1\nreserved_names = [\"root\"]\n");
    for (i, key) in registrars.iter().enumerate() {
        text.push_str(&format!("[[registrar]]\nname = \"r{i}\"\nkey = \"{}\"\n", key.public()));
    }
    Network::parse(Bytes::from(text)).expect("a valid document")
}

fn key(seed: u8) -> SecretKey {
    SecretKey::generate(&mut Rng::from_seed([seed; 32]))
}

fn genesis(name: &str, root: &SecretKey, network: &Network) -> Signed<AccountBody> {
    let body = AccountBody {
        username: name.parse().expect("a name"),
        seq: 0,
        account: None,
        prev: None,
        root: root.public(),
        recovery: None,
        revoked: vec![],
        kept: vec![],
        bundle: Hash([0; 32]),
    };
    Signed::sign(body, root, &network.id)
}

#[test]
fn claims_that_are_not_valid_get_no_final() {
    let registrar = key(1);
    let network = network(std::slice::from_ref(&registrar));
    let decided = |record| decide(record, &registrar, &network, WallTime(1)).map(|_| ());
    assert_eq!(decided(genesis("alice", &key(2), &network)), Ok(()));
    assert_eq!(decided(genesis("root", &key(2), &network)), Err(ClaimError::Reserved));
    let forged = Signed::sign(genesis("alice", &key(2), &network).body, &key(3), &network.id);
    assert_eq!(decided(forged), Err(ClaimError::Invalid));
    let mut body = genesis("alice", &key(2), &network).body;
    body.seq = 1;
    body.account = Some(crate::types::AccountId([1; 32]));
    body.prev = Some(Hash([1; 32]));
    assert_eq!(decided(Signed::sign(body, &key(2), &network.id)), Err(ClaimError::NotGenesis));
}

#[test]
fn decisions_survive_the_store() {
    let registrar = key(1);
    let network = network(std::slice::from_ref(&registrar));
    let decision = decide(genesis("alice", &key(2), &network), &registrar, &network, WallTime(5)).expect("valid");
    assert_eq!(Decision::from_bytes(&decision.to_bytes()), Some(decision));
    assert_eq!(Decision::from_bytes(b"garbage"), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Each claimant asks registrars in any order, some of them down for it; each registrar is bound by its first claim.
    #[test]
    fn at_most_one_claim_is_certified_and_every_verdict_is_true(
        n in 1usize..8,
        claims in 1usize..4,
        asks in prop::collection::vec((0usize..4, 0usize..8), 0..60),
    ) {
        let keys: Vec<SecretKey> = (0..n).map(|i| key(10 + i as u8)).collect();
        let network = network(&keys);
        let records: Vec<_> = (0..claims).map(|i| genesis("alice", &key(100 + i as u8), &network)).collect();
        let mut bound: BTreeMap<usize, usize> = BTreeMap::new();
        let mut tallies: Vec<Tally> = (0..claims).map(|_| Tally::new(n, quorum(n))).collect();
        for (claim, registrar) in asks {
            let (claim, registrar) = (claim % claims, registrar % n);
            let winner = *bound.entry(registrar).or_insert(claim);
            let decision = decide(records[winner].clone(), &keys[registrar], &network, WallTime(1)).expect("valid");
            if winner == claim {
                tallies[claim].signed(decision.signed);
            } else {
                tallies[claim].bound_to(keys[registrar].public(), records[winner].hash());
            }
        }
        let certified: Vec<usize> =
            (0..claims).filter(|c| matches!(tallies[*c].verdict(), Verdict::Certified(_))).collect();
        prop_assert!(certified.len() <= 1, "one owner at most: {certified:?}");
        for (claim, tally) in tallies.iter().enumerate() {
            let votes = |c: usize| bound.values().filter(|b| **b == c).count();
            match tally.verdict() {
                Verdict::Certified(finals) => {
                    prop_assert_eq!(finals.len(), quorum(n));
                    let account = crate::types::AccountId(records[claim].hash().0);
                    prop_assert!(finals.iter().all(|f| f.holds(&network, account, &records[claim])));
                }
                Verdict::Taken => prop_assert!((0..claims).any(|c| c != claim && votes(c) >= quorum(n))),
                Verdict::Contested => prop_assert!(n - bound.values().filter(|b| **b != claim).count() < quorum(n)),
                Verdict::Pending { signed, .. } => prop_assert!(signed < quorum(n)),
            }
        }
    }
}
