//! Chains and certificates: what holds, and every way in which one does not.

use super::*;
use crate::records::fixtures::{NOW, TestAccount, TestNet, secret};

fn verdict(net: &TestNet, links: Vec<Link>) -> Result<(), ChainError> {
    AccountChain::new(links).expect("links").verify(&net.network)
}

fn genesis(account: &TestAccount) -> Signed<AccountBody> {
    account.chain.links[0].record.clone()
}

#[test]
fn a_genesis_needs_the_finals_of_a_quorum() {
    for (n, q) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (7, 5)] {
        let net = TestNet::new("quorum", n);
        let alice = net.account("alice");
        for signed in 0..=n {
            let record = genesis(&alice);
            let link = Link { finals: net.finals(alice.id(), &record, signed), record };
            let expected = if signed >= q { Ok(()) } else { Err(ChainError::NotCertified(0)) };
            assert_eq!(verdict(&net, vec![link]), expected, "{signed} of {n}");
        }
    }
    let nobody = TestNet::new("nobody", 0);
    let alice = TestNet::new("nobody", 1).account("alice");
    let own = Signed::sign(genesis(&alice).body, &alice.root, &nobody.id());
    let link = Link { finals: vec![], record: own };
    assert_eq!(verdict(&nobody, vec![link]), Err(ChainError::NotCertified(0)), "no registrar, no certificate");
}

#[test]
fn finals_count_for_their_registrar_record_name_account_network_and_time_only() {
    let net = TestNet::new("finals", 4);
    let (alice, bob) = (net.account("alice"), net.account("bob"));
    let record = genesis(&alice);
    let good = net.finals(alice.id(), &record, 4);
    let refused = |what: &str, bad: Final| {
        let finals = vec![good[0].clone(), good[1].clone(), bad.clone()];
        let link = Link { record: record.clone(), finals };
        assert_eq!(verdict(&net, vec![link]), Err(ChainError::NotCertified(0)), "{what} in place of a third");
        let finals = vec![good[0].clone(), good[1].clone(), good[2].clone(), bad];
        let link = Link { record: record.clone(), finals };
        assert_eq!(verdict(&net, vec![link]), Err(ChainError::NotCertified(0)), "{what} on top of a quorum");
    };
    let sign = |key: &SecretKey, network: &Network, account, record: &Signed<AccountBody>| {
        Final::sign(key, network, account, record, NOW)
    };
    refused("no registrar", sign(&secret("stranger"), &net.network, alice.id(), &record));
    refused("a duplicate", good[1].clone());
    refused("a duplicate with another time", {
        Final::sign(&net.registrars[1], &net.network, alice.id(), &record, WallTime(NOW.0 + 1))
    });
    refused("another name", sign(&net.registrars[3], &net.network, bob.id(), &genesis(&bob)));
    refused("another account", sign(&net.registrars[3], &net.network, bob.id(), &record));
    let other_claim = Signed::sign(genesis(&alice).body, &secret("rival"), &net.id());
    assert_eq!(other_claim.hash(), record.hash(), "the hash covers the fields, not the signature");
    let mut body = genesis(&alice).body;
    body.root = secret("rival").public();
    let rival = Signed::sign(body, &secret("rival"), &net.id());
    refused("another record", sign(&net.registrars[3], &net.network, alice.id(), &rival));
    let elsewhere = TestNet::new("elsewhere", 1);
    refused("another network", sign(&net.registrars[3], &elsewhere.network, alice.id(), &record));
    refused("another time than signed", Final { at: WallTime(NOW.0 + 1), ..good[3].clone() });
    refused("a signature cut short", Final { signature: good[3].signature[..63].to_vec(), ..good[3].clone() });
    refused("no signature", Final { signature: vec![], ..good[3].clone() });
}

#[test]
fn a_chain_holds_when_each_state_follows_from_the_one_before() {
    let net = TestNet::new("chain", 3);
    let alice = net.account("alice").then_new_root(&net, |_| {}).then(&net, |_| {}).then_new_root(&net, |_| {});
    assert_eq!(alice.chain.verify(&net.network), Ok(()));
    assert_eq!(alice.chain.last().seq, 3);
    let read = AccountChain::decode(alice.chain.bytes().clone()).expect("our own chain");
    assert_eq!(read, alice.chain);
    assert_eq!(read.account, AccountId(genesis(&alice).hash().0));
}

#[test]
fn broken_chains_are_refused() {
    let net = TestNet::new("broken", 1);
    let alice = net.account("alice");
    let check = |what: &str, signer: &SecretKey, fine: bool, change: &dyn Fn(&mut AccountBody)| {
        let mut body = alice.next_body();
        change(&mut body);
        let next = alice.with_link(net.link(alice.id(), Signed::sign(body, signer, &net.id())));
        let expected = if fine { Ok(()) } else { Err(ChainError::Broken(1)) };
        assert_eq!(next.chain.verify(&net.network), expected, "{what}");
    };
    let root = &alice.root;
    check("nothing wrong", root, true, &|_| {});
    check("signed by the recovery key", &secret("alice recovery"), true, &|body| body.root = secret("new").public());
    check("a gap in seq", root, false, &|body| body.seq = 2);
    check("the same seq twice", root, false, &|body| body.seq = 0);
    check("wrong prev", root, false, &|body| body.prev = Some(Hash([1; 32])));
    check("no prev", root, false, &|body| body.prev = None);
    check("another account", root, false, &|body| body.account = Some(AccountId([1; 32])));
    check("another username", root, false, &|body| body.username = "mallory".parse().expect("a name"));
    check("signed by a stranger", &secret("stranger"), false, &|_| {});
    check("signed by the new root key", &secret("new"), false, &|body| body.root = secret("new").public());
    check("signed by a recovery key that it brings itself", &secret("mine"), false, &|body| {
        body.recovery = Some(secret("mine").public());
    });
}

#[test]
fn a_genesis_is_signed_by_its_own_root_key_only() {
    let net = TestNet::new("genesis", 1);
    let alice = net.account("alice");
    for signer in ["alice recovery", "stranger"] {
        let record = Signed::sign(genesis(&alice).body, &secret(signer), &net.id());
        assert_eq!(verdict(&net, vec![net.link(alice.id(), record)]), Err(ChainError::Broken(0)), "{signer}");
    }
}

#[test]
fn a_recovery_key_that_was_replaced_signs_nothing_more() {
    let net = TestNet::new("recovery", 1);
    let alice = net.account("alice").then(&net, |body| body.recovery = Some(secret("second").public()));
    let signed_by = |label: &str| {
        let record = Signed::sign(alice.next_body(), &secret(label), &net.id());
        alice.with_link(net.link(alice.id(), record)).chain.verify(&net.network)
    };
    assert_eq!(signed_by("second"), Ok(()));
    assert_eq!(signed_by("alice recovery"), Err(ChainError::Broken(2)));
}

#[test]
fn every_state_needs_its_own_certificate() {
    let net = TestNet::new("each", 3);
    let alice = net.account("alice");
    let record = Signed::sign(alice.next_body(), &alice.root, &net.id());
    let reused = alice.chain.links[0].finals.clone();
    for finals in [vec![], reused, net.finals(alice.id(), &record, 1)] {
        let next = alice.with_link(Link { record: record.clone(), finals });
        assert_eq!(next.chain.verify(&net.network), Err(ChainError::NotCertified(1)));
    }
}

#[test]
fn states_over_the_size_limit_are_refused() {
    let net = TestNet::new("size", 1);
    let many = (0..60u8).map(|i| DeviceId([i; 32])).collect::<Vec<_>>();
    let alice = net.account("alice").then(&net, |body| body.kept = many.clone());
    assert_eq!(alice.chain.verify(&net.network), Err(ChainError::Record(RecordError::TooLarge)));
}

#[test]
fn the_outer_maps_are_written_in_one_way_only() {
    let net = TestNet::new("outer", 2);
    let alice = net.account("alice");
    let good = alice.chain.bytes().to_vec();
    let refused = |what: &str, bytes: Vec<u8>| {
        let outcome = AccountChain::decode(bytes.into());
        assert!(outcome.is_err(), "{what}: {outcome:?}");
    };
    assert_eq!(good[2..6], [0x81, 0xa1, b'L', 0x91]);
    let mut padded = good.clone();
    padded[2] = 0x82;
    padded.extend([0xa1, b'z', 0xc4, 2, 0, 0]);
    refused("an optional field that nobody signed", padded);
    let longer: Vec<u8> = [&good[..5], &[0xdc, 0, 1], &good[6..]].concat();
    refused("a list with a longer head", longer);
    let mut text = good.clone();
    text[1] = RecordKind::Post.number();
    refused("another kind", text);
    let mut links = alice.chain.links.clone();
    links[0].finals.reverse();
    let sorted = AccountChain::new(links).expect("one link");
    assert_eq!(sorted.bytes(), &good, "the order of FINALs is that of their keys");
    assert!(AccountChain::new(vec![]).is_err());
    let empty = [&good[..5], &[0x90]].concat();
    assert_eq!(AccountChain::decode(empty.into()), Err(RecordError::Value));
}

#[test]
fn chains_longer_than_the_bound_are_refused() {
    let net = TestNet::new("long", 1);
    let alice = net.account("alice");
    let chain = |n: usize| AccountChain::new(vec![alice.chain.links[0].clone(); n]).expect("links").bytes().clone();
    assert!(AccountChain::decode(chain(MAX_LINKS)).is_ok());
    assert_eq!(AccountChain::decode(chain(MAX_LINKS + 1)), Err(RecordError::Value));
}

#[test]
fn only_the_genesis_lacks_account_and_prev() {
    let net = TestNet::new("genesis fields", 1);
    let alice = net.account("alice");
    let check = |body: AccountBody, fine: bool| {
        let record = Signed::sign(body, &alice.root, &net.id());
        assert_eq!(Signed::<AccountBody>::decode(record.bytes().clone()).is_ok(), fine);
    };
    let (first, next) = (genesis(&alice).body, alice.next_body());
    check(first.clone(), true);
    check(next.clone(), true);
    check(AccountBody { account: Some(alice.id()), ..first.clone() }, false);
    check(AccountBody { prev: Some(Hash([1; 32])), ..first }, false);
    check(AccountBody { account: None, ..next.clone() }, false);
    check(AccountBody { prev: None, ..next }, false);
}
