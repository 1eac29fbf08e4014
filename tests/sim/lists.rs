//! Lists longer than a page: everybody is found, wherever they lie, and nobody twice.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use timeline::actors::Item;
use timeline::keys::{SecretKey, hash};
use timeline::records::{AccountBody, AccountChain, DeviceBody, EdgeBody, Final, Link, Record, Revoked, Signed, home};
use timeline::sim::{SimConfig, Simulation};
use timeline::types::{AccountId, DeviceId, Hash, Hlc, Rng, Section};

use super::people::{SOON, follow, joined, network, pause, publish, settle};

const NODES: usize = 6;

/// Somebody who was registered without a node: only what follows needs.
pub struct Follower {
    pub account: AccountId,
    root: SecretKey,
    device: SecretKey,
    pub proofs: [Record; 2],
}

fn key(label: &str) -> SecretKey {
    SecretKey::generate(&mut Rng::from_seed(hash(label.as_bytes()).0))
}

/// Registers somebody with the registrars' own keys.
pub fn somebody(sim: &Simulation, i: usize) -> Follower {
    let (root, device, network) = (key(&format!("root {i}")), key(&format!("device {i}")), sim.network());
    let body = AccountBody {
        username: format!("follower_{i}").parse().expect("a name"),
        seq: 0,
        account: None,
        prev: None,
        root: root.public(),
        recovery: None,
        revoked: vec![],
        kept: vec![],
        bundle: Hash([1; 32]),
    };
    let genesis = Signed::sign(body, &root, &network.id);
    let account = AccountId(genesis.hash().0);
    let chain = AccountChain::new(vec![certified(sim, account, genesis)]).expect("one link");
    let hlc = Hlc::new(sim.now(), 0);
    let cert = DeviceBody { account, device: DeviceId(device.public().0), seq: 0, hlc };
    let cert = Signed::sign(cert, &root, &network.id);
    Follower { account, root, device, proofs: [Record::Account(chain), Record::Device(cert)] }
}

fn certified(sim: &Simulation, account: AccountId, record: Signed<AccountBody>) -> Link {
    let sign = |r| Final::sign(&sim.key(r), sim.network(), account, &record, sim.now());
    let mut finals: Vec<Final> = (0..sim.network().quorum()).map(sign).collect();
    finals.sort_by_key(|f| f.registrar);
    Link { record, finals }
}

impl Follower {
    /// The account's next state, which revokes its device.
    pub fn revoking(&self, sim: &Simulation) -> Record {
        let Record::Account(chain) = &self.proofs[0] else { panic!("the chain comes first") };
        let (device, prev) = (DeviceId(self.device.public().0), Some(chain.hash()));
        let revoked = vec![Revoked { device, last_seq: 0, last_hash: Hash([0; 32]) }];
        let body = AccountBody { seq: 1, account: Some(self.account), prev, revoked, ..chain.last().clone() };
        let next = certified(sim, self.account, Signed::sign(body, &self.root, &sim.network().id));
        Record::Account(AccountChain::new([&chain.links[..], &[next]].concat()).expect("two links"))
    }

    pub fn edge(&self, sim: &Simulation, followed: AccountId, follows: bool) -> Record {
        let hlc = Hlc::new(sim.now(), 0);
        let device = DeviceId(self.device.public().0);
        let body = EdgeBody { follower: self.account, device, followed, hlc, follows, since: hlc.wall() };
        Record::Edge(Signed::sign(body, &self.device, &sim.network().id))
    }

    /// Sends an edge from a node, as its outbox does; tells whether it was published at once.
    async fn say(&self, sim: &Simulation, node: usize, followed: AccountId, follows: bool) -> bool {
        let doors = sim.doors(node);
        let proofs = self.proofs.iter().map(|record| record.bytes().clone()).collect();
        doors.storage.accept(sim.id(node), home(&self.account), proofs, vec![]).await;
        let edge = self.edge(sim, followed, follows);
        let item = Item::pack("follow", edge.hash(), std::slice::from_ref(&edge), sim.now());
        doors.outbox.dispatch(item).await.published
    }
}

/// Reads a list anew on a node; returns who follows, and of how many there is any word.
async fn followers(sim: &Simulation, node: usize, of: AccountId) -> (BTreeSet<AccountId>, usize) {
    let list = sim.doors(node).storage.list(Section::Followers, of).await;
    assert!(list.complete, "{sim:?}: the list is incomplete");
    let edges: Vec<_> = list.records.into_iter().filter_map(|bytes| Signed::<EdgeBody>::decode(bytes).ok()).collect();
    let follows = edges.iter().filter(|edge| edge.body.follows).map(|edge| edge.body.follower).collect();
    (follows, edges.len())
}

/// A network with short pages and few copies, so that many people cost little.
fn paged(seed: u64, nodes: usize) -> Simulation {
    let limits = "page_entries = 20\nputs_per_minute = 1000000\n".to_owned();
    Simulation::new(seed, SimConfig { nodes, bootpeers: 1, k: 3, limits, ..SimConfig::default() })
}

#[test]
fn six_hundred_followers_are_all_found() {
    let sim = paged(800, NODES);
    sim.run(async {
        for node in 0..NODES {
            joined(&sim, node).await;
        }
        let star = somebody(&sim, 1_000_000).account;
        let all: Vec<Follower> = (0..600).map(|i| somebody(&sim, i)).collect();
        for (round, some) in all.chunks(100).enumerate() {
            let say = some.iter().enumerate().map(|(i, f)| f.say(&sim, 1 + i % (NODES - 1), star, true));
            let published = join_all(say).await;
            assert!(published.iter().all(|p| *p), "{sim:?}: not published in round {round}");
            if round == 3 {
                // Holders come back with what is on their disks, and know the pages that were full.
                (0..NODES).for_each(|node| sim.restart(node));
                for node in 0..NODES {
                    joined(&sim, node).await;
                }
            }
        }
        let everybody: BTreeSet<AccountId> = all.iter().map(|f| f.account).collect();
        let fresh = sim.add();
        joined(&sim, fresh).await;
        assert_eq!(followers(&sim, fresh, star).await, (everybody.clone(), 600));
        // Whoever goes is found to have gone, at whatever level the first word of it lies.
        let gone: Vec<&Follower> = all.iter().step_by(37).collect();
        let unfollow = gone.iter().enumerate().map(|(i, f)| f.say(&sim, 1 + i % (NODES - 1), star, false));
        assert!(join_all(unfollow).await.into_iter().all(|published| published));
        (0..NODES).for_each(|node| sim.restart(node));
        let last = sim.add();
        joined(&sim, last).await;
        let left: BTreeSet<AccountId> =
            everybody.into_iter().filter(|a| !gone.iter().any(|f| f.account == *a)).collect();
        assert_eq!(followers(&sim, last, star).await, (left, 600));
    });
}

#[test]
fn fifty_that_follow_at_the_same_moment_are_fifty() {
    for seed in 810..813 {
        let sim = paged(seed, 10);
        sim.run(async {
            for node in 0..10 {
                joined(&sim, node).await;
            }
            let star = somebody(&sim, 1_000_000).account;
            let all: Vec<Follower> = (0..50).map(|i| somebody(&sim, i)).collect();
            let say = all.iter().enumerate().map(|(i, f)| f.say(&sim, 1 + i % 9, star, true));
            assert!(join_all(say).await.into_iter().all(|published| published));
            let everybody: BTreeSet<AccountId> = all.iter().map(|f| f.account).collect();
            assert_eq!(followers(&sim, 5, star).await, (everybody, 50));
        });
    }
}

#[test]
fn a_follow_that_has_to_go_a_page_down_goes_on_after_a_crash() {
    let sim = paged(820, 10);
    sim.run(async {
        settle(&sim, 4, "star").await;
        let star = sim.doors(4).session.who().await.expect("it answers").expect("logged in").device.account;
        let all: Vec<Follower> = (0..20).map(|i| somebody(&sim, i)).collect();
        for follower in &all {
            assert!(follower.say(&sim, 5, star, true).await);
        }
        settle(&sim, 6, "late").await;
        // Only a minority answers: the page above is full wherever it is asked, and the page below has no majority.
        let others: Vec<usize> = (0..10).filter(|n| *n != 6).collect();
        sim.cut(&[6], &others);
        let queued = sim.doors(6).session.follow("star".parse().expect("a name"), true).await;
        assert!(queued.is_err() || queued.is_ok_and(|relation| relation.queued));
        sim.heal();
        sim.restart(6);
        pause(5).await;
        follow(&sim, 6, "star").await;
        super::people::flushed(&sim, 6, SOON * 3).await;
        assert_eq!(followers(&sim, 7, star).await.0.len(), 21);
    });
}

#[test]
fn lists_of_no_length_are_complete() {
    let sim = network(830, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        let alice = sim.doors(4).session.who().await.expect("it answers").expect("logged in").device.account;
        for section in [Section::Followers, Section::Following, Section::Seen, Section::Inbox, Section::Interest] {
            let list = sim.doors(5).storage.list(section, alice).await;
            assert!(list.complete && list.records.is_empty(), "{section:?}");
        }
        pause(Duration::from_secs(1).as_secs()).await;
    });
}

#[test]
fn followers_whose_interest_does_not_fit_the_first_page_get_posts_directly() {
    let limits = "page_entries = 3\n".to_owned();
    let sim = Simulation::new(840, SimConfig { nodes: 12, bootpeers: 1, limits, ..SimConfig::default() });
    sim.run(async {
        settle(&sim, 1, "alice").await;
        for node in 2..10 {
            settle(&sim, node, &format!("reader_{node}")).await;
            follow(&sim, node, "alice").await;
        }
        pause(30).await;
        let posted = publish(&sim, 1, "hello").await;
        assert_eq!((posted.online, posted.delivered), (8, 8), "{posted:?}");
        // Whoever leaves says goodbye wherever its record lies.
        for node in 2..10 {
            sim.shut_down(node).await;
        }
        pause(30).await;
        let posted = publish(&sim, 1, "is anybody there").await;
        assert_eq!(posted.online, 0, "{posted:?}");
    });
}
