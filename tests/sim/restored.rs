//! A disk that was restored from a copy: no number is given twice, and nothing is lost.

use std::collections::BTreeSet;
use std::time::Duration;

use timeline::records::{Record, home};
use timeline::sim::{SimConfig, Simulation};
use timeline::types::{Code, Section};

use super::people::{
    SOON, flushed, follow, joined, login, network, pause, post, publish, reads, register, settle, texts,
};

/// Collects numbers and hashes of all posts that any node holds for an account, and checks that no number is there twice.
async fn no_twins(sim: &Simulation, nodes: usize, reader: usize, author: usize) -> usize {
    let who = sim.doors(author).session.who().await.expect("the session answers").expect("logged in").device;
    let (mut hashes, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for node in (0..nodes).filter(|node| sim.is_running(*node)) {
        for record in sim.stored(node, &home(&who.account), Section::Post) {
            if let Record::Post(post) = &record
                && hashes.insert(post.hash())
            {
                assert!(numbers.insert((post.body.device, post.body.seq)), "twins: {:?}", post.body);
            }
        }
    }
    let shown = super::people::feed(sim, reader).await;
    let of_author: BTreeSet<_> = shown.iter().map(|post| (post.device, post.seq)).collect();
    assert_eq!(of_author.len(), shown.len(), "no number is shown twice");
    numbers.len()
}

#[test]
fn a_restored_disk_goes_on_behind_what_the_network_has() {
    let sim = network(300, 9);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        publish(&sim, 4, "one").await;
        flushed(&sim, 4, SOON).await;
        let copy = sim.back_up(4);
        for text in ["two", "three"] {
            publish(&sim, 4, text).await;
        }
        flushed(&sim, 4, SOON).await;
        sim.crash(4);
        sim.restore(4, &copy);
        sim.start(4);
        joined(&sim, 4).await;
        let posted = post(&sim, 4, "four").await;
        assert!(posted.published, "{posted:?}");
        let all = ["one", "two", "three", "four"];
        reads(&sim, 5, &all, SOON).await;
        reads(&sim, 4, &all, Duration::from_secs(90)).await;
        flushed(&sim, 4, SOON).await;
        assert_eq!(no_twins(&sim, 9, 5, 4).await, 4);
        let newest = super::people::feed(&sim, 5).await.into_iter().next().expect("a post");
        assert_eq!((newest.text.as_str(), newest.seq), ("four", 4));
    });
}

#[test]
fn what_a_restored_disk_posts_without_the_network_is_numbered_when_it_is_back() {
    let sim = network(301, 9);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        publish(&sim, 4, "one").await;
        flushed(&sim, 4, SOON).await;
        let copy = sim.back_up(4);
        publish(&sim, 4, "two").await;
        publish(&sim, 4, "three").await;
        flushed(&sim, 4, SOON).await;
        sim.crash(4);
        sim.restore(4, &copy);
        let others: Vec<usize> = (0..9).filter(|node| *node != 4).collect();
        sim.cut(&[4], &others);
        sim.start(4);
        pause(2).await;
        let first = post(&sim, 4, "alone").await;
        let second = post(&sim, 4, "still alone").await;
        assert!(!first.published && !second.published);
        assert_eq!(texts(&sim, 4).await[..2], ["still alone", "alone"], "what was written is in the own feed");
        // A crash loses nothing of it.
        sim.restart(4);
        pause(2).await;
        assert_eq!(sim.doors(4).outbox.items().await.map(|items| items.len()), Ok(2));
        sim.heal();
        let all = ["one", "two", "three", "alone", "still alone"];
        reads(&sim, 5, &all, Duration::from_secs(90)).await;
        reads(&sim, 4, &all, Duration::from_secs(90)).await;
        flushed(&sim, 4, Duration::from_secs(60)).await;
        assert_eq!(no_twins(&sim, 9, 5, 4).await, 5);
        assert_eq!(texts(&sim, 4).await.len(), 5);
    });
}

#[test]
fn after_an_ordinary_restart_without_the_network_posts_go_out_as_they_are() {
    let sim = network(302, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        publish(&sim, 4, "one").await;
        flushed(&sim, 4, SOON).await;
        let others: Vec<usize> = (0..8).filter(|node| *node != 4).collect();
        sim.cut(&[4], &others);
        sim.restart(4);
        pause(2).await;
        let posted = post(&sim, 4, "later").await;
        assert!(!posted.published);
        sim.heal();
        reads(&sim, 5, &["one", "later"], Duration::from_secs(90)).await;
        let later = super::people::feed(&sim, 5).await.into_iter().next().expect("a post");
        assert_eq!((later.id, later.seq), (posted.id, 2), "nothing was signed again");
    });
}

#[test]
fn where_the_missing_posts_are_lost_a_new_device_goes_on() {
    assert!((303..313).any(goes_on_with_a_new_device), "no seed fits");
}

/// Tells whether the seed fits: whose account it is decides where its home lies.
fn goes_on_with_a_new_device(seed: u64) -> bool {
    // So few replicas that the author's node is none of them: else it would bring back from its own disk what others lost.
    let sim = Simulation::new(seed, SimConfig { nodes: 8, k: 3, ..SimConfig::default() });
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        let alice = sim.doors(4).session.who().await.ok().flatten().expect("alice is in").device.account;
        let distance = |node: usize| sim.id(node).key().distance(&home(&alice));
        if (0..8).filter(|node| distance(*node) < distance(4)).count() < 3 {
            return false;
        }
        follow(&sim, 5, "alice").await;
        publish(&sim, 4, "one").await;
        flushed(&sim, 4, SOON).await;
        let copy = sim.back_up(4);
        // The heads of these come with the next post; the two themselves are lost with the disks of everybody.
        let before: Vec<_> = (0..8).filter(|node| *node != 4).map(|node| (node, sim.back_up(node))).collect();
        publish(&sim, 4, "two").await;
        flushed(&sim, 4, SOON).await;
        for (node, copy) in &before {
            sim.crash(*node);
            sim.restore(*node, copy);
            sim.start(*node);
        }
        publish(&sim, 4, "three").await;
        flushed(&sim, 4, SOON).await;
        sim.crash(4);
        sim.restore(4, &copy);
        sim.start(4);
        joined(&sim, 4).await;
        let problem = sim.doors(4).session.post("twin".to_owned(), None).await.expect_err("two is lost");
        assert!(problem.code == Code::NotLoggedIn && problem.hint.is_some_and(|hint| hint.contains("login")));
        sim.doors(4).session.logout().await.expect("alice leaves");
        login(&sim, 4, "alice").await.expect("alice is back");
        publish(&sim, 4, "four").await;
        reads(&sim, 5, &["one", "three", "four"], Duration::from_secs(90)).await;
        no_twins(&sim, 8, 5, 4).await;
        assert!(register(&sim, 4, "alice").await.is_ok());
        true
    })
}
