//! Whose word counts: unknown signers, devices that ended, bundles, retirements, countersignatures.

use super::by_device::DEVICES_PER_ACCOUNT;
use super::*;
use crate::keys::SecretKey;
use crate::records::fixtures::{TestAccount, TestDevice, TestNet, at, every_kind, proofs_of, secret};
use crate::records::{AccountBody, Revoked, Signed, countersign};

fn net() -> TestNet {
    TestNet::new("proof", 1)
}

fn verdict(net: &TestNet, proofs: &mut Proofs, record: Record) -> Result<(), ProofError> {
    proofs.verify(&record, &net.network)
}

fn post(device: &TestDevice, seq: u64) -> Record {
    Record::Post(device.posts(seq).pop().expect("seq is positive"))
}

fn edge(device: &TestDevice) -> Record {
    Record::Edge(device.edge(AccountId([7; 32]), true, 0))
}

#[test]
fn what_is_unknown_needs_proof_and_evidence_gives_it() {
    let net = net();
    let all = every_kind(&net);
    let mut full = Proofs::new(10);
    for record in &all {
        assert_eq!(full.verify(record, &net.network), Ok(()), "{:?}", record.kind());
    }
    for record in &all {
        let mut empty = Proofs::new(10);
        let expected = if record.need() == ProofNeed::Nothing { Ok(()) } else { Err(ProofError::Needed) };
        assert_eq!(empty.verify(record, &net.network), expected, "{:?}", record.kind());
        let evidence = full.evidence(&record.need());
        for bytes in evidence {
            let proof = Record::decode(bytes).expect("evidence can be read");
            assert_eq!(empty.verify(&proof, &net.network), Ok(()));
        }
        assert_eq!(empty.verify(record, &net.network), Ok(()), "{:?} with its evidence", record.kind());
    }
    let unknown = ProofNeed::Device(AccountId([1; 32]), DeviceId([1; 32]));
    assert_eq!(full.evidence(&unknown), Vec::<Bytes>::new());
    let half = ProofNeed::Device(all[0].account().expect("an account"), DeviceId([1; 32]));
    assert_eq!(full.evidence(&half), Vec::<Bytes>::new(), "half a proof is none");
}

#[test]
fn a_known_account_with_an_unknown_device_still_needs_proof() {
    let net = net();
    let alice = net.account("alice");
    let device = alice.device(&net, "1");
    let mut proofs = proofs_of(&net, &alice, &[]);
    assert_eq!(verdict(&net, &mut proofs, post(&device, 1)), Err(ProofError::Needed));
    assert_eq!(verdict(&net, &mut proofs, Record::Device(device.cert.clone())), Ok(()));
    assert_eq!(verdict(&net, &mut proofs, post(&device, 1)), Ok(()));
}

#[test]
fn chains_that_do_not_hold_are_not_remembered() {
    let net = net();
    let alice = net.account("alice");
    let mut links = alice.chain.links.clone();
    links[0].finals.clear();
    let bare = Record::Account(AccountChain::new(links).expect("one link"));
    let mut proofs = Proofs::new(10);
    assert_eq!(verdict(&net, &mut proofs, bare), Err(ProofError::Chain(ChainError::NotCertified(0))));
    assert!(proofs.account(&alice.id()).is_none());
    assert!(proofs.named(alice.chain.username()).is_none());
}

#[test]
fn a_shorter_chain_does_not_replace_a_longer_one() {
    let net = net();
    let old = net.account("alice");
    let new = old.then_new_root(&net, |_| {});
    let mut proofs = proofs_of(&net, &new, &[]);
    assert_eq!(verdict(&net, &mut proofs, old.record()), Ok(()));
    assert_eq!(proofs.account(&old.id()).map(|p| p.chain.last().seq), Some(1));
}

#[test]
fn records_of_a_device_count_under_its_own_account_and_key_only() {
    let net = net();
    let (alice, bob) = (net.account("alice"), net.account("bob"));
    let device = alice.device(&net, "1");
    let mut proofs = proofs_of(&net, &alice, &[&device]);
    assert_eq!(verdict(&net, &mut proofs, bob.record()), Ok(()));
    let mut body = device.post_body(1, None, "as bob");
    body.account = bob.id();
    assert_eq!(verdict(&net, &mut proofs, Record::Post(device.sign(body))), Err(ProofError::Needed));
    let forged = |key: &SecretKey, net: &TestNet| {
        Record::Post(Signed::sign(device.post_body(1, None, "forged"), key, &net.id()))
    };
    assert_eq!(verdict(&net, &mut proofs, forged(&secret("stranger"), &net)), Err(ProofError::Signature));
    assert_eq!(verdict(&net, &mut proofs, forged(&alice.root, &net)), Err(ProofError::Signature));
    let elsewhere = TestNet::new("elsewhere", 1);
    assert_eq!(verdict(&net, &mut proofs, forged(&device.key, &elsewhere)), Err(ProofError::Signature));
}

#[test]
fn a_certificate_by_another_key_than_that_states_root_is_refused() {
    let net = net();
    let old = net.account("alice");
    let new = old.then_new_root(&net, |_| {});
    let device = old.device(&net, "1");
    let sign = |seq, key: &SecretKey| {
        let body = DeviceBody { seq, ..device.cert.body.clone() };
        Record::Device(Signed::sign(body, key, &net.id()))
    };
    let mut proofs = proofs_of(&net, &new, &[]);
    assert_eq!(verdict(&net, &mut proofs, sign(1, &secret("stranger"))), Err(ProofError::Signature));
    assert_eq!(verdict(&net, &mut proofs, sign(1, &old.root)), Err(ProofError::Signature));
    assert_eq!(verdict(&net, &mut proofs, sign(0, &new.root)), Err(ProofError::Signature));
    assert_eq!(verdict(&net, &mut proofs, sign(1, &device.key)), Err(ProofError::Signature));
    assert_eq!(verdict(&net, &mut proofs, sign(1, &secret("alice recovery"))), Err(ProofError::Signature));
    assert_eq!(verdict(&net, &mut proofs, sign(2, &new.root)), Err(ProofError::Needed), "asks for a longer chain");
    assert_eq!(verdict(&net, &mut proofs, sign(1, &new.root)), Ok(()));
}

#[test]
fn a_change_of_root_key_ends_the_devices_that_are_not_kept() {
    let net = net();
    let old = net.account("alice");
    let (kept, lost) = (old.device(&net, "kept"), old.device(&net, "lost"));
    let mut proofs = proofs_of(&net, &old, &[&kept, &lost]);
    assert_eq!(verdict(&net, &mut proofs, post(&lost, 1)), Ok(()));
    let new = old.then_new_root(&net, |body| body.kept = vec![kept.id()]);
    assert_eq!(verdict(&net, &mut proofs, new.record()), Ok(()));
    for record in [post(&kept, 1), edge(&kept), Record::Device(kept.cert.clone())] {
        assert_eq!(verdict(&net, &mut proofs, record), Ok(()));
    }
    for record in [post(&lost, 1), edge(&lost), Record::Device(lost.cert.clone())] {
        assert_eq!(verdict(&net, &mut proofs, record), Err(ProofError::Revoked));
    }
    let again = new.then_new_root(&net, |_| {});
    assert_eq!(verdict(&net, &mut proofs, again.record()), Ok(()));
    assert_eq!(verdict(&net, &mut proofs, post(&kept, 1)), Err(ProofError::Revoked), "kept once is not kept for ever");
}

#[test]
fn a_change_that_leaves_the_root_key_ends_no_device() {
    let net = net();
    let alice = net.account("alice");
    let device = alice.device(&net, "1");
    let mut proofs = proofs_of(&net, &alice.then(&net, |_| {}), &[&device]);
    assert_eq!(verdict(&net, &mut proofs, post(&device, 1)), Ok(()));
}

#[test]
fn a_certificate_sent_again_does_not_replace_a_later_one() {
    let net = net();
    let old = net.account("alice");
    let new = old.then_new_root(&net, |_| {});
    let (before, after) = (old.device(&net, "1"), new.device(&net, "1"));
    let late = DeviceBody { hlc: at(100_000), ..before.cert.body.clone() };
    let late = Record::Device(Signed::sign(late, &old.root, &net.id()));
    let mut proofs = proofs_of(&net, &new, &[&after]);
    for stale in [Record::Device(before.cert.clone()), late] {
        assert_eq!(verdict(&net, &mut proofs, stale), Err(ProofError::Revoked));
        assert_eq!(verdict(&net, &mut proofs, post(&after, 1)), Ok(()));
    }
}

/// Posts 1 to 4 of a device that was revoked after number 2, the account at `change` later states.
fn revoked(net: &TestNet, last_seq: u64) -> (TestAccount, TestDevice, Revoked) {
    let alice = net.account("alice");
    let device = alice.device(net, "1");
    let last = device.posts(4).into_iter().find(|p| p.body.seq == last_seq);
    let revoked = Revoked { device: device.id(), last_seq, last_hash: last.map_or(Hash([0; 32]), |p| p.hash()) };
    (alice, device, revoked)
}

#[test]
fn a_revoked_devices_posts_count_up_to_the_last_valid_one_and_nothing_else_does() {
    let net = net();
    let (alice, device, revoked) = revoked(&net, 2);
    let mut proofs = proofs_of(&net, &alice, &[&device]);
    let others = || {
        [
            edge(&device),
            Record::Heads(device.sign(device.heads_body(1, 2, 0))),
            // Later than all of these.
            Record::Retirement(device.retirement(9, None)),
            Record::Presence(countersign(device.presence(1, &secret("node")), &secret("node"), &net.id())),
        ]
    };
    for record in others() {
        assert_eq!(verdict(&net, &mut proofs, record), Ok(()), "before the revocation");
    }
    let next = alice.then(&net, |body| body.revoked = vec![revoked]);
    assert_eq!(verdict(&net, &mut proofs, next.record()), Ok(()));
    for (seq, expected) in [(1, Ok(())), (2, Ok(())), (3, Err(ProofError::Revoked)), (4, Err(ProofError::Revoked))] {
        assert_eq!(verdict(&net, &mut proofs, post(&device, seq)), expected, "post {seq}");
    }
    let first = device.posts(1).remove(0);
    let other = device.sign(device.post_body(2, Some(first.hash()), "another second post"));
    assert_eq!(verdict(&net, &mut proofs, Record::Post(other)), Err(ProofError::Revoked));
    for record in others() {
        let kind = record.kind();
        assert_eq!(verdict(&net, &mut proofs, record), Err(ProofError::Revoked), "{kind:?}");
    }
}

#[test]
fn a_device_revoked_before_its_first_post_has_none() {
    let net = net();
    let (alice, device, revoked) = revoked(&net, 0);
    let next = alice.then(&net, |body| body.revoked = vec![revoked]);
    let mut proofs = proofs_of(&net, &next, &[&device]);
    assert_eq!(verdict(&net, &mut proofs, post(&device, 1)), Err(ProofError::Revoked));
}

#[test]
fn a_revocation_is_not_taken_back_by_later_states() {
    let net = net();
    let (alice, device, revoked) = revoked(&net, 1);
    let softened = Revoked { last_seq: 9, last_hash: Hash([9; 32]), ..revoked.clone() };
    let next = alice.then(&net, |body| body.revoked = vec![revoked.clone()]);
    for last in [next.then(&net, |_| {}), next.then(&net, |body| body.revoked = vec![softened.clone()])] {
        let mut proofs = proofs_of(&net, &last, &[&device]);
        assert_eq!(verdict(&net, &mut proofs, post(&device, 1)), Ok(()));
        assert_eq!(verdict(&net, &mut proofs, post(&device, 2)), Err(ProofError::Revoked));
        assert_eq!(verdict(&net, &mut proofs, edge(&device)), Err(ProofError::Revoked));
    }
}

#[test]
fn a_bundle_is_the_one_that_the_present_state_names() {
    let net = net();
    let alice = net.account("alice");
    let bundle = |account: &TestAccount| Record::Bundle(account.bundle.clone());
    let mut proofs = proofs_of(&net, &alice, &[]);
    assert_eq!(verdict(&net, &mut proofs, bundle(&alice)), Ok(()));
    let mut body = alice.bundle.body.clone();
    body.sealed.text[0] ^= 1;
    let other = Record::Bundle(Signed::sign(body, &alice.root, &net.id()));
    assert_eq!(verdict(&net, &mut proofs, other), Err(ProofError::OtherBundle));
    let forged = Record::Bundle(Signed::sign(alice.bundle.body.clone(), &secret("stranger"), &net.id()));
    assert_eq!(verdict(&net, &mut proofs, forged), Err(ProofError::Signature));
    let unchanged = alice.then(&net, |_| {});
    assert_eq!(verdict(&net, &mut proofs, unchanged.record()), Ok(()));
    assert_eq!(verdict(&net, &mut proofs, bundle(&alice)), Ok(()), "a later state may name the same bundle");
    let changed = unchanged.then_new_root(&net, |_| {});
    assert_eq!(verdict(&net, &mut proofs, bundle(&changed)), Err(ProofError::Needed), "asks for the longer chain");
    assert_eq!(verdict(&net, &mut proofs, changed.record()), Ok(()));
    assert_eq!(verdict(&net, &mut proofs, bundle(&changed)), Ok(()));
    assert_eq!(verdict(&net, &mut proofs, bundle(&alice)), Err(ProofError::OtherBundle), "the old one is void");
}

#[test]
fn a_device_is_retired_by_itself_or_by_the_root_key() {
    let net = net();
    let alice = net.account("alice");
    let device = alice.device(&net, "1");
    let retired = |root: Option<(u64, &SecretKey)>| Record::Retirement(device.retirement(0, root));
    let mut without = proofs_of(&net, &alice, &[]);
    assert_eq!(verdict(&net, &mut without, retired(None)), Err(ProofError::Needed));
    assert_eq!(verdict(&net, &mut without, retired(Some((0, &alice.root)))), Ok(()), "needs no certificate");
    let mut proofs = proofs_of(&net, &alice, &[&device]);
    assert_eq!(verdict(&net, &mut proofs, retired(None)), Ok(()));
    assert_eq!(verdict(&net, &mut proofs, retired(Some((0, &device.key)))), Err(ProofError::Signature));
    assert_eq!(verdict(&net, &mut proofs, retired(Some((0, &secret("stranger"))))), Err(ProofError::Signature));
    assert_eq!(verdict(&net, &mut proofs, retired(Some((1, &alice.root)))), Err(ProofError::Needed));
    let by_root_without_saying_so = Signed::sign(device.retirement(0, None).body, &alice.root, &net.id());
    assert_eq!(verdict(&net, &mut proofs, Record::Retirement(by_root_without_saying_so)), Err(ProofError::Signature));
}

#[test]
fn a_retirement_voids_what_the_device_signs_after_it_and_nothing_else() {
    let net = net();
    let alice = net.account("alice");
    let device = alice.device(&net, "1");
    const FIVE_MINUTES: i64 = 300_000;
    // Post n is stamped n milliseconds later than the beginning.
    let posts = device.posts(6);
    let mut body = device.retirement(4, None).body;
    (body.last_seq, body.last_hash) = (3, Some(posts[2].hash()));
    let retired = Record::Retirement(device.sign(body));
    let heads = |version, last| Record::Heads(device.sign(device.heads_body(version, last, 0)));
    let follow = |ms| Record::Edge(device.edge(AccountId([7; 32]), true, ms));
    let records = |seq: usize| Record::Post(posts[seq - 1].clone());
    let mut proofs = proofs_of(&net, &alice, &[&device]);
    assert_eq!(verdict(&net, &mut proofs, records(6)), Ok(()), "not known to be retired yet");
    assert_eq!(verdict(&net, &mut proofs, retired), Ok(()));
    let mut check = |record: Record, expected: Result<(), ProofError>, why: &str| {
        assert_eq!(verdict(&net, &mut proofs, record), expected, "{why}");
    };
    check(records(3), Ok(()), "its last post");
    check(records(4), Ok(()), "one that whoever retired it did not know, stamped before");
    check(records(5), Err(ProofError::Revoked), "one that was made after it");
    check(heads(4, 4), Ok(()), "heads stamped before");
    check(heads(9, 3), Ok(()), "heads that say nothing new about the end");
    check(heads(9, 5), Err(ProofError::Revoked), "heads that go on");
    check(follow(4 + FIVE_MINUTES), Ok(()), "clocks may differ by so much");
    check(follow(5 + FIVE_MINUTES), Err(ProofError::Revoked), "an edge that was made after it");
    let again = Record::Retirement(device.retirement(5 + FIVE_MINUTES, None));
    check(again, Err(ProofError::Revoked), "it cannot take its own end back");
}

#[test]
fn a_root_key_that_was_replaced_retires_nothing() {
    let net = net();
    let alice = net.account("alice");
    let device = alice.device(&net, "1");
    let changed = alice.then_new_root(&net, |state| state.kept = vec![device.id()]);
    let mut proofs = proofs_of(&net, &changed, &[&device]);
    let retired = |seq, root: &SecretKey| Record::Retirement(device.retirement(0, Some((seq, root))));
    assert_eq!(verdict(&net, &mut proofs, retired(0, &alice.root)), Err(ProofError::Revoked));
    assert_eq!(verdict(&net, &mut proofs, post(&device, 1)), Ok(()));
    assert_eq!(verdict(&net, &mut proofs, retired(1, &changed.root)), Ok(()));
    assert_eq!(verdict(&net, &mut proofs, post(&device, 1)), Err(ProofError::Revoked));
}

#[test]
fn a_node_is_named_only_with_its_own_signature() {
    let net = net();
    let (alice, bob) = (net.account("alice"), net.account("bob"));
    let device = alice.device(&net, "1");
    let (node, other) = (secret("node"), secret("other node"));
    let mut proofs = proofs_of(&net, &alice, &[&device]);
    let mut check = |record: Record, fine: bool, what: &str| {
        let read = Record::decode(record.bytes().clone()).expect("can be read");
        let expected = if fine { Ok(()) } else { Err(ProofError::Signature) };
        assert_eq!(verdict(&net, &mut proofs, read), expected, "{what}");
    };
    let presence = |by: &SecretKey| countersign(device.presence(1, &node), by, &net.id());
    check(Record::Presence(presence(&node)), true, "by the node named");
    check(Record::Presence(presence(&other)), false, "by another node");
    check(Record::Presence(presence(&device.key)), false, "by the device");
    let interest = |by: &SecretKey| countersign(device.interest(1, bob.id(), &node), by, &net.id());
    check(Record::Interest(interest(&node)), true, "by the node named");
    check(Record::Interest(interest(&other)), false, "by another node");

    let by_stranger = Signed::sign(device.presence(1, &node).body, &secret("stranger"), &net.id());
    check(Record::Presence(countersign(by_stranger, &node, &net.id())), false, "device's signature by another");
    let mut body = device.presence(1, &node).body;
    *body.contact.last_mut().expect("signed") ^= 1;
    check(Record::Presence(countersign(device.sign(body), &node, &net.id())), false, "a contact that is not signed");
    let mut body = device.presence(1, &node).body;
    body.contact = vec![];
    check(Record::Presence(countersign(device.sign(body), &node, &net.id())), false, "no contact");

    let missing = device.presence(1, &node);
    assert_eq!(verdict(&net, &mut proofs, Record::Presence(missing.clone())), Err(ProofError::Signature), "missing");
    let read = Record::decode(missing.bytes().clone());
    assert!(read.is_err() || proofs.verify(&read.expect("read"), &net.network).is_err(), "missing, on the wire");
}

#[test]
fn a_countersignature_is_for_one_record_and_one_kind() {
    let net = net();
    let alice = net.account("alice");
    let (device, node) = (alice.device(&net, "1"), secret("node"));
    let mut proofs = proofs_of(&net, &alice, &[&device]);
    let first = countersign(device.presence(1, &node), &node, &net.id());
    let second = device.presence(2, &node);
    let moved = [&second.bytes()[..], &first.bytes()[first.bytes().len() - 64..]].concat();
    let moved = Record::decode(moved.into()).expect("can be read");
    assert_eq!(verdict(&net, &mut proofs, moved), Err(ProofError::Signature));
}

#[test]
fn the_memory_of_accounts_is_bounded_and_forgets_the_oldest() {
    let net = net();
    let accounts: Vec<TestAccount> = (0..4).map(|i| net.account(&format!("user{i}"))).collect();
    let mut proofs = Proofs::new(3);
    for account in &accounts {
        assert_eq!(verdict(&net, &mut proofs, account.record()), Ok(()));
    }
    let known: Vec<bool> = accounts.iter().map(|a| proofs.account(&a.id()).is_some()).collect();
    assert_eq!(known, [false, true, true, true]);
    let named: Vec<bool> = accounts.iter().map(|a| proofs.named(a.chain.username()).is_some()).collect();
    assert_eq!(named, known);
    assert_eq!(verdict(&net, &mut proofs, accounts[1].then(&net, |_: &mut AccountBody| {}).record()), Ok(()));
    assert!(proofs.account(&accounts[2].id()).is_some(), "a longer chain of a known account takes no room");
    assert_eq!((proofs.accounts.len(), proofs.names.len(), proofs.order.len()), (3, 3, 3));
}

#[test]
fn the_memory_of_devices_is_bounded() {
    let net = net();
    let alice = net.account("alice");
    let mut proofs = proofs_of(&net, &alice, &[]);
    let devices: Vec<TestDevice> = (0..DEVICES_PER_ACCOUNT + 3).map(|i| alice.device(&net, &i.to_string())).collect();
    for device in &devices {
        assert_eq!(verdict(&net, &mut proofs, Record::Device(device.cert.clone())), Ok(()));
        assert_eq!(verdict(&net, &mut proofs, Record::Device(device.cert.clone())), Ok(()), "sent twice");
    }
    let held = proofs.account(&alice.id()).map(|p| p.devices.0.len());
    assert_eq!(held, Some(DEVICES_PER_ACCOUNT));
    let last = devices.last().expect("some");
    let known: Vec<&TestDevice> =
        devices.iter().filter(|d| proofs.accounts[&alice.id()].devices.get(&d.id()).is_some()).collect();
    assert!(known.iter().any(|d| d.id() == last.id()));
}

#[test]
fn a_retirement_that_is_void_ends_nothing_whichever_came_first() {
    let net = net();
    let alice = net.account("alice");
    let device = alice.device(&net, "1");
    let retirement = Record::Retirement(device.retirement(-600_000, None));
    let last_hash = device.posts(1)[0].hash();
    let revoked = alice.then(&net, |body| {
        body.revoked = vec![Revoked { device: device.id(), last_seq: 1, last_hash }];
    });
    let mut before = proofs_of(&net, &alice, &[&device]);
    assert_eq!(before.is_void(&retirement), Some(false));
    assert_eq!(verdict(&net, &mut before, retirement.clone()), Ok(()));
    assert_eq!(before.is_void(&post(&device, 1)), Some(true), "it was signed after the device had ended");
    assert_eq!(verdict(&net, &mut before, revoked.record()), Ok(()));
    let mut after = proofs_of(&net, &revoked, &[&device]);
    assert_eq!(verdict(&net, &mut after, retirement.clone()), Err(ProofError::Revoked));
    for mut proofs in [before, after] {
        assert_eq!(proofs.is_void(&retirement), Some(true));
        assert_eq!(verdict(&net, &mut proofs, post(&device, 1)), Ok(()));
        assert_eq!([1, 2].map(|seq| proofs.is_void(&post(&device, seq))), [Some(false), Some(true)]);
        assert_eq!(proofs.take_voiding().into_iter().collect::<Vec<_>>(), [alice.id()]);
        assert!(!proofs.has_voiding());
    }
}

#[test]
fn nothing_is_called_void_of_whom_nothing_is_known() {
    let net = net();
    let alice = net.account("alice");
    let (device, unknown) = (alice.device(&net, "1"), alice.device(&net, "2"));
    let proofs = proofs_of(&net, &alice, &[&device]);
    assert_eq!(proofs.is_void(&post(&device, 1)), Some(false));
    assert_eq!(proofs.is_void(&post(&unknown, 1)), None);
    assert_eq!(Proofs::new(1).is_void(&Record::Device(device.cert.clone())), None);
}
