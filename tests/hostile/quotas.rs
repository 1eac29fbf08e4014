//! Those who want more than their share: posts and mentions without end, many names from few addresses.

use std::time::Duration;

use bytes::Bytes;
use timeline::records::{MentionBody, Signed, home, sign_contact};
use timeline::types::{AccountId, Hash, Section, SectionSet, WallTime};
use timeline::wire::{Request, Status};

use crate::attacker::{Attacker, hello};
use crate::deliver::{bob_follows_alice, settle};
use crate::fixtures::{TestAccount, TestDevice, TestNet, at, secret};
use crate::puts::proofs;
use crate::support::{Plan, Victim, network, run};

/// A post number `seq`, stamped so many minutes before the present.
fn post(device: &TestDevice, seq: u64, minutes_ago: i64, ms: i64) -> Bytes {
    let prev = (seq > 1).then_some(Hash([7; 32]));
    let mut body = device.post_body(seq, prev, &format!("post {seq}"));
    body.hlc = at(ms - minutes_ago * 60_000);
    device.sign(body).bytes().clone()
}

#[test]
fn holders_take_so_many_posts_a_minute_and_an_hour_and_old_ones_whenever_they_come() {
    run(async {
        let net = network(1, 3, "posts_per_minute = 3\nposts_per_hour = 5");
        let alice = net.account("alice");
        let device = alice.device(&net, "1");
        let (own, at_home) = (proofs(&alice, &device), home(&alice.id()));
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let put = |posts: Vec<Bytes>| {
            let (mallory, victim, own) = (&mallory, &victim, &own);
            async move { mallory.put(&victim.contact, at_home, &posts, own).await }
        };
        let (yes, no) = (Status::Stored, Status::RateLimited);
        // The present of the fixtures is the beginning of an hour, and five minutes ahead is the most that is taken.
        let now: Vec<Bytes> = (1..=5).map(|seq| post(&device, seq, 0, seq as i64)).collect();
        assert_eq!(put(now.clone()).await, [yes, yes, yes, no, no]);
        assert_eq!(
            put(vec![post(&device, 11, -1, 0), post(&device, 12, -2, 0), post(&device, 13, -3, 0)]).await,
            [yes, yes, no]
        );
        // Three days of posts that nobody had: all at once, and none of them too many.
        let late: Vec<Bytes> = (0..24).map(|i| post(&device, 100 + i, 60 * (2 + i as i64), 0)).collect();
        assert_eq!(put(late).await, [yes; 24]);
        // After a restart the same posts count, and those that are held are known.
        let victim = victim.restart().await;
        let again = mallory.put(&victim.contact, at_home, &now, &own).await;
        assert_eq!(again, [Status::Known, Status::Known, Status::Known, no, no]);
        // Others are not hindered.
        let bob = net.account("bob");
        let bobs = bob.device(&net, "1");
        let status =
            mallory.put_one(&victim.contact, home(&bob.id()), &post(&bobs, 1, 0, 0), &proofs(&bob, &bobs)).await;
        assert_eq!(status, yes);
        victim.end().await;
    });
}

#[test]
fn followers_take_no_more_posts_of_an_author_than_holders() {
    run(async {
        let net = network(1, 3, "posts_per_minute = 3");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let alice = net.account("alice");
        let device = alice.device(&net, "1");
        settle(&victim, &mallory, &alice, &device).await;
        bob_follows_alice(&victim).await;
        let mut statuses = vec![];
        for seq in 1..=5 {
            statuses.push(mallory.deliver(&victim.contact, &post(&device, seq, 0, seq as i64), &[]).await);
        }
        let (yes, no) = (Status::Stored, Status::RateLimited);
        assert_eq!(statuses, [yes, yes, yes, no, no]);
        assert_eq!(mallory.deliver(&victim.contact, &post(&device, 1, 0, 1), &[]).await, Status::Known);
        assert_eq!(mallory.deliver(&victim.contact, &post(&device, 9, 3, 0), &[]).await, yes);
        victim.end().await;
    });
}

fn mention(of: &TestDevice, whom: AccountId, n: u8, ms: i64) -> Bytes {
    let hlc = at(ms);
    let ends = WallTime(hlc.wall().0 + 20 * 24 * 3_600_000);
    let body = MentionBody {
        account: of.account,
        device: of.id(),
        hlc,
        mentioned: whom,
        post: Hash([n; 32]),
        seq: u64::from(n) + 1,
        ends,
    };
    of.sign(body).bytes().clone()
}

#[test]
fn nobody_fills_anothers_inbox() {
    run(async {
        let net = network(1, 3, "mentions_per_hour = 4\nputs_per_minute = 10000");
        let (alice, mallory_account) = (net.account("alice"), net.account("spammer"));
        let device = mallory_account.device(&net, "1");
        let own = proofs(&mallory_account, &device);
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let inbox = home(&alice.id());
        let spam: Vec<Bytes> = (0..9).map(|n| mention(&device, alice.id(), n, i64::from(n))).collect();
        let statuses = mallory.put(&victim.contact, inbox, &spam, &own).await;
        let count = |statuses: &[Status], wanted| statuses.iter().filter(|s| **s == wanted).count();
        assert_eq!((count(&statuses, Status::Stored), count(&statuses, Status::RateLimited)), (4, 5), "{statuses:?}");
        // Dated back, an hour for each: as many again as come late within an hour, and no more.
        let hour = |n: u8| -3_600_000 * i64::from(2 + n);
        let old: Vec<Bytes> = (0..20).map(|n| mention(&device, alice.id(), 100 + n, hour(n))).collect();
        let statuses = mallory.put(&victim.contact, inbox, &old, &own).await;
        assert_eq!((count(&statuses, Status::Stored), count(&statuses, Status::RateLimited)), (4, 16), "{statuses:?}");
        // Who was offline brings the others later.
        victim.clock.forward(Duration::from_secs(3601));
        let statuses = mallory.put(&victim.contact, inbox, &old, &own).await;
        assert_eq!((count(&statuses, Status::Stored), count(&statuses, Status::Known)), (4, 4), "{statuses:?}");
        // Another sender, and the same one elsewhere, have their own.
        let (bob, carol) = (net.account("bob"), net.account("carol"));
        let bobs = bob.device(&net, "1");
        let honest = mention(&bobs, alice.id(), 1, 0);
        assert_eq!(mallory.put_one(&victim.contact, inbox, &honest, &proofs(&bob, &bobs)).await, Status::Stored);
        let elsewhere = mention(&device, carol.id(), 1, 0);
        assert_eq!(mallory.put_one(&victim.contact, home(&carol.id()), &elsewhere, &own).await, Status::Stored);
        victim.end().await;
    });
}

#[test]
fn an_account_that_used_up_its_quota_can_still_delete_and_log_in_and_hurts_nobody() {
    run(async {
        let net = network(1, 3, "account_quota = 8000\nposts_per_minute = 1000\nposts_per_hour = 1000");
        let alice = net.account("alice");
        let device = alice.device(&net, "1");
        let (own, at_home) = (proofs(&alice, &device), home(&alice.id()));
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        mallory.put(&victim.contact, at_home, &own, &[]).await;
        let posts: Vec<Signed<_>> = device.posts(40);
        let bytes: Vec<Bytes> = posts.iter().map(|p| p.bytes().clone()).collect();
        let statuses = mallory.put(&victim.contact, at_home, &bytes, &[]).await;
        let stored = statuses.iter().filter(|s| **s == Status::Stored).count();
        assert!(stored > 10 && statuses.contains(&Status::Quota), "{statuses:?}");
        // Every kind of what it says counts: tombstones of posts that are not here, private entries, edges.
        let key = timeline::keys::SealKey::new([7; 32]);
        let subject = net.account("bob").id();
        let kind = timeline::records::PrivateKind::Mute;
        let more = [
            device.tombstone(&posts[39], 100).bytes().clone(),
            device.private(kind, subject, true, &key, 3).bytes().clone(),
            device.edge(subject, true, 3).bytes().clone(),
            device.profile("Alice", &"b".repeat(160), 3).bytes().clone(),
        ];
        let statuses = mallory.put(&victim.contact, at_home, &more, &[]).await;
        assert!(statuses.iter().filter(|s| **s == Status::Quota).count() >= 3, "{statuses:?}");
        let tombstone = device.tombstone(&posts[0], 100).bytes().clone();
        let heads = device.sign(device.heads_body(1, 3, 0)).bytes().clone();
        let second = alice.device(&net, "2").cert.bytes().clone();
        let statuses = mallory.put(&victim.contact, at_home, &[tombstone, heads, second], &[]).await;
        assert_eq!(statuses, [Status::Stored; 3]);
        let bob = net.account("bob");
        let bobs = bob.device(&net, "1");
        let post = bobs.posts(1)[0].bytes().clone();
        let status = mallory.put_one(&victim.contact, home(&bob.id()), &post, &proofs(&bob, &bobs)).await;
        assert_eq!(status, Status::Stored);
        victim.end().await;
    });
}

/// Brings an account of that name, fresh from the registrars; returns what was said of its chain, device and one post.
async fn bring(net: &TestNet, victim: &Victim, by: &Attacker, name: &str) -> Vec<Status> {
    let account = net.account(name);
    let device = account.device(net, "1");
    let records = [proofs(&account, &device), vec![device.posts(1)[0].bytes().clone()]].concat();
    by.put(&victim.contact, home(&account.id()), &records, &[]).await
}

#[test]
fn many_names_from_few_addresses_have_one_quota() {
    run(async {
        let net = network(1, 3, "source_quota = 6000\nhome_prefixes = [\"198.51.100.0/25\"]");
        let victim = Victim::start(&net);
        let peer = |name: &str, from: &str| {
            let key = secret(name);
            victim.sees(&key, from);
            Attacker::new(&net.network, &key)
        };
        let (one, two) = (peer("one", "203.0.113.7"), peer("two", "::ffff:203.0.113.250"));
        let (other, campus, local) =
            (peer("other", "203.0.114.7"), peer("campus", "198.51.100.1"), peer("local", "192.168.1.1"));
        // Nobody looks at the addresses that a peer says it has.
        let forged = sign_contact(&two.key, &net.id(), &["10.0.0.1:1".parse().expect("an address")], 9);
        *two.mouth.hello.borrow_mut() = hello(net.id(), forged.proof.clone().expect("signed").0.to_vec()).to_frame();
        let mut refused = 0;
        for i in 0..12 {
            let by = if i % 2 == 0 { &one } else { &two };
            let statuses = bring(&net, &victim, by, &format!("person_{i}")).await;
            assert!(statuses.iter().all(|s| matches!(s, Status::Stored | Status::SourceQuota)), "{statuses:?}");
            refused += statuses.iter().filter(|s| **s == Status::SourceQuota).count();
        }
        assert!(refused > 0, "{refused}");
        let used = victim.store_bytes();
        assert!(used <= 6000, "{used}");
        for (by, what) in [(&other, "other"), (&campus, "campus"), (&local, "local")] {
            assert_eq!(bring(&net, &victim, by, what).await, [Status::Stored; 3], "{what}");
        }
        for i in 0..8 {
            assert_eq!(bring(&net, &victim, &campus, &format!("student_{i}")).await, [Status::Stored; 3]);
        }
        // An account goes on to be charged to where it came from, whoever brings the rest, and over a restart.
        let victim = victim.restart().await;
        let first = net.account("person_0");
        let device = first.device(&net, "1");
        let posts: Vec<Bytes> = device.posts(3).iter().map(|p| p.bytes().clone()).collect();
        let statuses = other.put(&victim.contact, home(&first.id()), &posts, &proofs(&first, &device)).await;
        assert!(statuses[1..].iter().all(|s| *s == Status::SourceQuota), "{statuses:?}");
        victim.end().await;
    });
}

#[test]
fn whoever_mends_for_others_does_not_use_up_its_own() {
    run(async {
        let net = network(1, 3, "source_quota = 3000");
        let victim = Victim::start(&net);
        let key = secret("a replica");
        victim.sees(&key, "203.0.113.7");
        let replica = Attacker::new(&net.network, &key);
        // By now what the fixtures made is an hour old.
        victim.clock.forward(Duration::from_secs(3600));
        let old = bring(&net, &victim, &replica, "long_known").await;
        assert_eq!(old, [Status::Stored; 3]);
        assert_eq!(bring(&net, &victim, &replica, "known_too").await, [Status::Stored; 3]);
        // Its own account, made just now, has the whole quota.
        let account: TestAccount = net.account("newcomer");
        let device = account.device(&net, "1");
        let mut body = device.post_body(1, None, "hello");
        body.hlc = at(3_600_000);
        let post = device.sign(body).bytes().clone();
        let status = replica.put_one(&victim.contact, home(&account.id()), &post, &proofs(&account, &device)).await;
        assert_eq!(status, Status::Stored);
        victim.end().await;
    });
}

#[test]
fn an_anchor_that_is_nearly_full_takes_no_newcomers_and_goes_on_with_those_it_knows() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::with(&net, Plan { store_quota: 5200, ..Plan::registrar(&net) });
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let (alice, bob) = (net.account("alice"), net.account("bob"));
        let (device, bobs) = (alice.device(&net, "1"), bob.device(&net, "1"));
        mallory.put(&victim.contact, home(&bob.id()), &proofs(&bob, &bobs), &[]).await;
        mallory.put(&victim.contact, home(&alice.id()), &proofs(&alice, &device), &[]).await;
        let posts = device.posts(40);
        let mut taken = 0;
        // Nearly full: less than a sixteenth is left.
        while victim.store_bytes() < 5200 - 5200 / 16 {
            let status = mallory.put_one(&victim.contact, home(&alice.id()), posts[taken].bytes(), &[]).await;
            assert_eq!(status, Status::Stored);
            taken += 1;
        }
        let of_bob = bobs.posts(1)[0].bytes().clone();
        assert_eq!(mallory.put_one(&victim.contact, home(&bob.id()), &of_bob, &[]).await, Status::AnchorFull);
        if victim.store_bytes() < 5200 {
            let status = mallory.put_one(&victim.contact, home(&alice.id()), posts[taken].bytes(), &[]).await;
            assert_eq!(status, Status::Stored, "those it knows come after");
        }
        let held = mallory.get(&victim.contact, home(&alice.id()), SectionSet::of(&[Section::Post])).await;
        assert!(held.len() >= taken);
        victim.end().await;
    });
}
