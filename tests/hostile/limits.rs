//! More of everything than a node may take.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use timeline::keys::PasswordCost;
use timeline::records::{AccountBody, AccountChain, BundleBody, Signed, bundle_key, home, name_key};
use timeline::types::{AccountId, Code, Section, SectionSet};
use timeline::wire::Status;

use crate::attacker::Attacker;
use crate::fixtures::{PASSWORD, TestDevice, TestNet, secret};
use crate::puts::proofs;
use crate::support::{Plan, Victim, network, run};

/// Edges of one device to as many accounts.
fn edges(device: &TestDevice, n: u8) -> Vec<Bytes> {
    (0..n).map(|i| device.edge(AccountId([i; 32]), true, 0).bytes().clone()).collect()
}

#[test]
fn a_page_never_holds_more_entries_than_its_limit() {
    run(async {
        let net = network(1, 3, "page_entries = 4");
        let alice = net.account("alice");
        let device = alice.device(&net, "1");
        let (own, at_home) = (proofs(&alice, &device), home(&alice.id()));
        let edges = edges(&device, 12);
        let following = SectionSet::of(&[Section::Following]);
        // One after another, all in one request, and in many requests at once.
        for way in 0..3 {
            let victim = Victim::start(&net);
            let mallory = Attacker::new(&net.network, &secret("mallory"));
            mallory.put(&victim.contact, at_home, &own, &[]).await;
            let put = |edge| mallory.put_one(&victim.contact, at_home, edge, &[]);
            let mut statuses = vec![];
            match way {
                0 => {
                    for edge in &edges {
                        statuses.push(put(edge).await);
                    }
                }
                1 => statuses = mallory.put(&victim.contact, at_home, &edges, &[]).await,
                _ => statuses = join_all(edges.iter().map(put)).await,
            }
            assert_eq!(statuses.iter().filter(|s| **s == Status::Stored).count(), 4, "way {way}: {statuses:?}");
            assert_eq!(statuses.iter().filter(|s| **s == Status::Split).count(), 8, "way {way}: {statuses:?}");
            assert_eq!(mallory.get(&victim.contact, at_home, following).await.len(), 4, "way {way}");
            // A page that is full still takes news of those in it.
            let news: Vec<Bytes> = (0..12).map(|i| device.edge(AccountId([i; 32]), false, 9).bytes().clone()).collect();
            let renewed = mallory.put(&victim.contact, at_home, &news, &[]).await;
            for (before, after) in statuses.iter().zip(&renewed) {
                assert_eq!(before, after, "way {way}");
            }
            victim.end().await;
        }
    });
}

#[test]
fn an_account_has_64_live_devices_and_no_65th() {
    run(async {
        let net = network(1, 3, "puts_per_minute = 100000");
        let alice = net.account("alice");
        let devices: Vec<TestDevice> = (0..70).map(|i| alice.device(&net, &i.to_string())).collect();
        let certificates: Vec<Bytes> = devices.iter().map(|d| d.cert.bytes().clone()).collect();
        let at_home = home(&alice.id());
        let held = SectionSet::of(&[Section::Device]);
        for way in 0..3 {
            let victim = Victim::start(&net);
            let mallory = Attacker::new(&net.network, &secret("mallory"));
            mallory.put(&victim.contact, at_home, &[alice.chain.bytes().clone()], &[]).await;
            let put = |certificate| mallory.put_one(&victim.contact, at_home, certificate, &[]);
            let mut statuses = vec![];
            match way {
                0 => {
                    for certificate in &certificates {
                        statuses.push(put(certificate).await);
                    }
                }
                1 => {
                    for some in certificates.chunks(48) {
                        statuses.extend(mallory.put(&victim.contact, at_home, some, &[]).await);
                    }
                }
                _ => statuses = join_all(certificates.iter().map(put)).await,
            }
            let count = |wanted| statuses.iter().filter(|s| **s == wanted).count();
            assert_eq!((count(Status::Stored), count(Status::TooManyDevices)), (64, 6), "way {way}");
            assert_eq!(mallory.get(&victim.contact, at_home, held).await.len(), 64, "way {way}");
            let (full, first) = (victim.holdings(), statuses.iter().position(|s| *s == Status::Stored).expect("one"));
            assert_eq!(put(&certificates[first]).await, Status::Known);
            victim.unharmed(&full).await;
            // One that retires makes room for one more.
            let retired = devices[first].retirement(5, None);
            assert_eq!(put(retired.bytes()).await, Status::Stored);
            let left = statuses.iter().position(|s| *s == Status::TooManyDevices).expect("one");
            assert_eq!(put(&certificates[left]).await, Status::Stored);
            assert_eq!(put(alice.device(&net, "last").cert.bytes()).await, Status::TooManyDevices);
            victim.end().await;
        }
    });
}

#[test]
fn a_peer_puts_so_many_records_a_minute_and_others_are_not_hindered() {
    run(async {
        let net = network(1, 3, "puts_per_minute = 20");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let alice = net.account("alice");
        let device = alice.device(&net, "1");
        let at_home = home(&alice.id());
        let own = proofs(&alice, &device);
        let posts: Vec<Bytes> = device.posts(12).iter().map(|p| p.bytes().clone()).collect();
        // Refused ones count, too: guessing is not free.
        let junk = vec![Bytes::from_static(b"\x01\x07junk"); 17];
        assert_eq!(mallory.put(&victim.contact, at_home, &junk, &[]).await, [Status::Invalid; 17]);
        assert_eq!(mallory.put(&victim.contact, at_home, &posts[..3], &own).await, [Status::Stored; 3]);
        let before = victim.holdings();
        for _ in 0..3 {
            let status = mallory.put_one(&victim.contact, at_home, &posts[3], &own).await;
            assert_eq!(status, Status::RateLimited);
        }
        victim.unharmed(&before).await;
        let honest = Attacker::new(&net.network, &secret("an honest peer"));
        assert_eq!(honest.put_one(&victim.contact, at_home, &posts[3], &own).await, Status::Stored);
        // A wall clock that is set makes nobody free.
        victim.clock.forward(Duration::from_secs(3600));
        assert_eq!(mallory.put_one(&victim.contact, at_home, &posts[4], &own).await, Status::RateLimited);
        victim.end().await;
    });
}

#[test]
fn an_account_keeps_no_more_at_its_home_than_its_quota() {
    run(async {
        let net = network(1, 3, "account_quota = 3000\nposts_per_minute = 100");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let alice = net.account("alice");
        let device = alice.device(&net, "1");
        let at_home = home(&alice.id());
        let posts: Vec<Bytes> = device.posts(40).iter().map(|p| p.bytes().clone()).collect();
        let statuses = mallory.put(&victim.contact, at_home, &posts, &proofs(&alice, &device)).await;
        let kept: usize =
            posts.iter().zip(&statuses).filter(|(_, s)| **s == Status::Stored).map(|(p, _)| p.len()).sum();
        // A sixteenth is left for devices.
        let most = 3000 - 3000 / 16;
        assert!((most - posts[1].len()..=most).contains(&kept), "{kept} bytes: {statuses:?}");
        assert!(statuses.contains(&Status::Quota));
        // Others have quotas of their own.
        let bob = net.account("bob");
        let other = bob.device(&net, "1");
        let post = other.posts(1)[0].bytes().clone();
        let status = mallory.put_one(&victim.contact, home(&bob.id()), &post, &proofs(&bob, &other)).await;
        assert_eq!(status, Status::Stored);
        // What was put twice is counted once, when it comes to it.
        let again = mallory.put(&victim.contact, at_home, &posts[..4], &[]).await;
        assert!(again.iter().all(|s| matches!(s, Status::Known | Status::Quota)), "{again:?}");
        victim.end().await;
    });
}

#[test]
fn a_full_node_refuses_posts_and_keeps_what_must_always_be_kept() {
    for anchor in [true, false] {
        run(async move {
            let net = network(1, 3, "");
            let key = if anchor { net.registrars[0].clone() } else { secret("a plain node") };
            let victim = Victim::with(&net, Plan { store_quota: 4000, ..Plan::of(key) });
            let mallory = Attacker::new(&net.network, &secret("mallory"));
            let alice = net.account("alice");
            let device = alice.device(&net, "1");
            let at_home = home(&alice.id());
            mallory.put(&victim.contact, at_home, &proofs(&alice, &device), &[]).await;
            let mut refused = None;
            for post in device.posts(40) {
                match mallory.put_one(&victim.contact, at_home, post.bytes(), &[]).await {
                    Status::Stored => assert_eq!(refused, None, "a full node stays full"),
                    status => refused = Some(status),
                }
            }
            assert_eq!(refused, Some(if anchor { Status::AnchorFull } else { Status::Quota }));
            let held = victim.node.doors().storage.held().await.expect("the node lives");
            assert!(held.full && held.usage.bytes < 4000 + 512, "{held:?}");
            let always = [
                device.edge(net.account("bob").id(), true, 1).bytes().clone(),
                device.sign(device.heads_body(1, 0, 0)).bytes().clone(),
                alice.device(&net, "2").cert.bytes().clone(),
            ];
            let statuses = mallory.put(&victim.contact, at_home, &always, &[]).await;
            assert_eq!(statuses, [Status::Stored; 3]);
            victim.end().await;
        });
    }
}

/// An account whose bundle asks for more than anybody should give.
fn bomber(net: &TestNet, name: &str, cost: PasswordCost) -> (AccountChain, Signed<BundleBody>) {
    let alice = net.account("alice");
    let username: timeline::types::Username = name.parse().expect("a name");
    let mut body = alice.bundle.body.clone();
    body.username = username.clone();
    body.sealed.cost = cost;
    let bundle = Signed::sign(body, &alice.root, &net.id());
    let body = AccountBody { username, bundle: bundle.hash(), ..alice.chain.links[0].record.body.clone() };
    let genesis = Signed::sign(body, &alice.root, &net.id());
    let link = net.link(AccountId(genesis.hash().0), genesis);
    (AccountChain::new(vec![link]).expect("one link"), bundle)
}

#[test]
fn a_bundle_that_asks_for_all_memory_is_not_tried() {
    run(async {
        let net = network(1, 3, "");
        let victim = Victim::start(&net);
        let mallory = Attacker::new(&net.network, &secret("mallory"));
        let cost = |memory_kib, passes, lanes| PasswordCost { memory_kib, passes, lanes };
        let costs = [
            cost(u32::MAX, 1, 1),
            cost(1024 * 1024 + 1, 1, 1),
            cost(8 * 1024, u32::MAX, 1),
            cost(8 * 1024, 0, 1),
            cost(8 * 1024, 1, u32::MAX),
            cost(8 * 1024, 1, 0),
            cost(8, 1, 1),
        ];
        for (i, cost) in costs.into_iter().enumerate() {
            let name = format!("bomber_{i}");
            let (chain, bundle) = bomber(&net, &name, cost);
            let (at_name, at_bundle) = (name_key(chain.username()), bundle_key(chain.username()));
            let to = &victim.contact;
            assert_eq!(mallory.put_one(to, at_name, chain.bytes(), &[]).await, Status::Stored);
            assert_eq!(mallory.put_one(to, at_bundle, bundle.bytes(), &[]).await, Status::Stored);
            let session = victim.node.doors().session;
            let login = session.login(name.parse().expect("a name"), PASSWORD.to_owned().into(), false).await;
            assert_eq!(login.expect_err("refused").code, Code::NotSupported, "{cost:?}");
        }
        victim.end().await;
    });
}
