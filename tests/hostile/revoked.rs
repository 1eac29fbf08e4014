//! What a revoked device signed, brought before and after its revocation: what a node holds in the end is the same.

use bytes::Bytes;
use timeline::records::{Record, Revoked, home};
use timeline::types::{AccountId, DeviceId, Hash, Key, Section, SectionSet};
use timeline::wire::Status;

use crate::attacker::Attacker;
use crate::fixtures::{TestAccount, TestDevice, TestNet, secret};
use crate::puts::proofs;
use crate::support::{Holdings, Victim, network, run, until};

/// The account's next state, which takes back what a device signed behind a post.
fn revoking(net: &TestNet, account: &TestAccount, device: DeviceId, last_seq: u64, last_hash: Hash) -> TestAccount {
    account.then(net, |body| body.revoked = vec![Revoked { device, last_seq, last_hash }])
}

/// Everything that a device may lay at its account's home.
fn said(device: &TestDevice, other: &TestDevice) -> Vec<Bytes> {
    let posts = device.posts(3);
    let mut said: Vec<Bytes> = posts.iter().map(|post| post.bytes().clone()).collect();
    said.push(device.sign(device.heads_body(1, 3, 0)).bytes().clone());
    said.push(device.profile("Mallory", "", 9).bytes().clone());
    said.push(device.edge(stranger(), true, 5).bytes().clone());
    said.push(device.tombstone(&other.posts(1)[0], 30).bytes().clone());
    said
}

fn stranger() -> AccountId {
    AccountId([7; 32])
}

/// Brings records to a node, one put after the other; returns what it holds then, and what it said of them.
async fn after(net: &TestNet, key: Key, puts: &[&[Bytes]]) -> (Holdings, Vec<Status>) {
    let victim = Victim::start(net);
    let mallory = Attacker::new(&net.network, &secret("mallory"));
    let mut statuses = Vec::new();
    for records in puts {
        statuses.extend(mallory.put(&victim.contact, key, records, &[]).await);
    }
    let held = victim.holdings().but_directory();
    victim.end().await;
    (held, statuses)
}

#[test]
fn what_a_revoked_device_signed_goes_whichever_came_first() {
    run(async {
        let net = network(1, 3, "");
        let alice = net.account("alice");
        let (lost, kept) = (alice.device(&net, "1"), alice.device(&net, "2"));
        let revoked = revoking(&net, &alice, lost.id(), 1, lost.posts(1)[0].hash());
        let at_home = home(&alice.id());
        let certs = [lost.cert.bytes().clone(), kept.cert.bytes().clone()];
        let own = [kept.posts(2)[1].bytes().clone(), kept.edge(net.account("bob").id(), true, 5).bytes().clone()];
        let state = [revoked.chain.bytes().clone()];
        let of_lost = said(&lost, &kept);
        let before = [&[alice.chain.bytes().clone()][..], &certs].concat();
        let (wanted, statuses) = after(&net, at_home, &[&before, &state, &of_lost, &own]).await;
        let refused = statuses.iter().filter(|status| **status == Status::Revoked).count();
        assert_eq!(refused, of_lost.len() - 1, "its first post is valid: {statuses:?}");
        let (held, statuses) = after(&net, at_home, &[&before, &of_lost, &own, &state]).await;
        assert!(statuses.iter().all(|status| *status == Status::Stored), "{statuses:?}");
        assert_eq!(held, wanted, "the state came last");
        let at_once = [&before[..], &of_lost, &state, &own].concat();
        let (held, _) = after(&net, at_home, &[&at_once]).await;
        assert_eq!(held, wanted, "all came in one put");
    });
}

#[test]
fn what_a_device_left_out_of_a_new_root_key_signed_goes_as_well() {
    run(async {
        let net = network(1, 3, "");
        let alice = net.account("alice");
        let (lost, kept) = (alice.device(&net, "1"), alice.device(&net, "2"));
        let changed = alice.then_new_root(&net, |body| body.kept = vec![kept.id()]);
        let at_home = home(&alice.id());
        let certs = [lost.cert.bytes().clone(), kept.cert.bytes().clone()];
        let own = [kept.posts(2)[1].bytes().clone()];
        let first = [&[alice.chain.bytes().clone()][..], &certs, &said(&lost, &kept), &own].concat();
        let (held, _) = after(&net, at_home, &[&first, &[changed.chain.bytes().clone()]]).await;
        let valid = [changed.chain.bytes().clone(), kept.cert.bytes().clone(), own[0].clone()];
        let (wanted, statuses) = after(&net, at_home, &[&valid]).await;
        assert_eq!(statuses, [Status::Stored; 3]);
        assert_eq!(held, wanted);
    });
}

#[test]
fn what_was_signed_after_a_retirement_goes_as_well() {
    run(async {
        let net = network(1, 3, "");
        let alice = net.account("alice");
        let (ended, kept) = (alice.device(&net, "1"), alice.device(&net, "2"));
        let retirement = [ended.retirement(-600_000, None).bytes().clone()];
        let at_home = home(&alice.id());
        let before = [&proofs(&alice, &ended)[..], &[kept.cert.bytes().clone()]].concat();
        let later = said(&ended, &kept);
        let (wanted, statuses) = after(&net, at_home, &[&before, &retirement, &later]).await;
        assert_eq!(statuses.iter().filter(|status| **status == Status::Revoked).count(), later.len(), "{statuses:?}");
        let (held, _) = after(&net, at_home, &[&before, &later, &retirement]).await;
        assert_eq!(held, wanted);
    });
}

#[test]
fn what_a_revoked_device_laid_on_pages_of_others_goes_soon_after() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let [alice, bob, carol] = ["alice", "bob", "carol"].map(|name| net.account(name));
        let (lost, later, honest) = (bob.device(&net, "1"), bob.device(&net, "2"), carol.device(&net, "1"));
        let at_home = home(&alice.id());
        let log = alice.device(&net, "1");
        let records = [
            (lost.edge(alice.id(), true, 5).bytes().clone(), proofs(&bob, &lost)),
            (lost.watermark(&log, 3, 2, 6).bytes().clone(), proofs(&bob, &lost)),
            (honest.edge(alice.id(), true, 5).bytes().clone(), proofs(&carol, &honest)),
            (honest.watermark(&log, 3, 2, 6).bytes().clone(), proofs(&carol, &honest)),
        ];
        for (record, proofs) in &records {
            assert_eq!(mallory.put_one(&victim.contact, at_home, record, proofs).await, Status::Stored);
        }
        // The state that revokes the device comes but as the proof of something else, at another place.
        let revoked = revoking(&net, &bob, lost.id(), 0, Hash([0; 32]));
        let news = later.edge(carol.id(), true, 9).bytes().clone();
        let proof = proofs(&revoked, &later);
        assert_eq!(mallory.put_one(&victim.contact, home(&carol.id()), &news, &proof).await, Status::Stored);
        let sections = SectionSet::of(&[Section::Followers, Section::Seen]);
        let wanted = vec![records[2].0.clone(), records[3].0.clone()];
        until("the void ones go, and nothing else", || async {
            mallory.get(&victim.contact, at_home, sections).await == wanted
        })
        .await;
        let others = mallory.get(&victim.contact, home(&carol.id()), sections).await;
        assert_eq!(others.len(), 1, "{:?}", others.into_iter().map(Record::decode).collect::<Vec<_>>());
        assert_eq!(mallory.put_one(&victim.contact, at_home, &records[0].0, &[]).await, Status::Revoked);
        victim.end().await;
    });
}
