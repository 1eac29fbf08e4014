//! Mutes and blocks: the same on all devices, kept over restarts, and felt by those who are blocked.

use std::time::Duration;

use timeline::actors::PrivateRelation;
use timeline::records::{PrivateKind, home};
use timeline::sim::Simulation;
use timeline::types::{Code, Problem, Section};

use super::people::{SOON, flushed, follow, joined, login, name, network, pause, publish, reads, settle, texts};

const WITHIN: Duration = Duration::from_secs(10);

async fn hide(
    sim: &Simulation,
    node: usize,
    kind: PrivateKind,
    user: &str,
    on: bool,
) -> Result<PrivateRelation, Problem> {
    sim.doors(node).session.relate_privately(kind, name(user), on, WITHIN).await
}

async fn listed(sim: &Simulation, node: usize, kind: PrivateKind) -> Vec<String> {
    let list = sim.doors(node).session.private_list(kind).await.unwrap_or_default();
    list.into_iter().map(|person| person.username.as_str().to_owned()).collect()
}

#[test]
fn mutes_and_blocks_are_the_same_on_all_devices() {
    let sim = network(310, 9);
    sim.run(async {
        for (node, user) in [(4, "alice"), (5, "bob"), (6, "carol")] {
            settle(&sim, node, user).await;
        }
        let done = hide(&sim, 4, PrivateKind::Block, "bob", true).await.expect("bob is blocked");
        assert!(done.on && !done.queued && done.kind == PrivateKind::Block);
        let again = hide(&sim, 4, PrivateKind::Block, "bob", true).await.expect("once more");
        assert!(again.on && !again.queued);
        login(&sim, 7, "alice").await.expect("alice logs in elsewhere");
        assert_eq!(listed(&sim, 7, PrivateKind::Block).await, ["bob"], "known at the login");
        hide(&sim, 7, PrivateKind::Mute, "carol", true).await.expect("carol is muted");
        hide(&sim, 7, PrivateKind::Block, "bob", false).await.expect("bob is not blocked any more");
        sim.until("the first device knows", Duration::from_secs(60), async || {
            listed(&sim, 4, PrivateKind::Mute).await == ["carol"]
                && listed(&sim, 4, PrivateKind::Block).await.is_empty()
        })
        .await;
        sim.restart(4);
        assert_eq!(listed(&sim, 4, PrivateKind::Mute).await, ["carol"], "before anybody could be asked");
        for (user, code) in [("alice", Code::FollowSelf), ("nobody_here", Code::NoSuchUser)] {
            joined(&sim, 4).await;
            let problem = hide(&sim, 4, PrivateKind::Mute, user, true).await.expect_err("refused");
            assert_eq!(problem.code, code);
        }
        sim.doors(4).session.logout().await.expect("alice leaves");
        settle(&sim, 4, "dora").await;
        assert!(listed(&sim, 4, PrivateKind::Mute).await.is_empty(), "nothing is left for the next");
        let alice = sim.doors(7).session.who().await.expect("answers").expect("alice").device.account;
        let sealed = sim.stored(0, &home(&alice), Section::Private);
        assert_eq!(sealed.len(), 2, "one record an entry");
    });
}

#[test]
fn a_block_made_without_the_network_is_sent_when_it_is_back() {
    let sim = network(311, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 4, "bob").await;
        hide(&sim, 4, PrivateKind::Mute, "bob", true).await.expect("bob is known from now on");
        flushed(&sim, 4, SOON).await;
        let others: Vec<usize> = (0..8).filter(|node| *node != 4).collect();
        sim.cut(&[4], &others);
        let queued = hide(&sim, 4, PrivateKind::Block, "bob", true).await.expect("queued");
        assert!(queued.on && queued.queued);
        let again = hide(&sim, 4, PrivateKind::Block, "bob", true).await.expect("once more");
        assert!(again.queued, "it is on its way still");
        sim.restart(4);
        assert_eq!(listed(&sim, 4, PrivateKind::Block).await, ["bob"]);
        sim.heal();
        flushed(&sim, 4, Duration::from_secs(60)).await;
        login(&sim, 6, "alice").await.expect("alice logs in elsewhere");
        assert_eq!(listed(&sim, 6, PrivateKind::Block).await, ["bob"]);
    });
}

#[test]
fn nothing_is_brought_to_whom_the_author_has_blocked() {
    let sim = network(312, 8);
    sim.run(async {
        for (node, user) in [(4, "alice"), (5, "bob"), (6, "carol")] {
            settle(&sim, node, user).await;
        }
        follow(&sim, 5, "alice").await;
        follow(&sim, 6, "alice").await;
        pause(5).await;
        let both = publish(&sim, 4, "to both").await;
        assert_eq!((both.online, both.delivered), (2, 2));
        hide(&sim, 4, PrivateKind::Block, "bob", true).await.expect("bob is blocked");
        let one = publish(&sim, 4, "to carol").await;
        assert_eq!((one.online, one.delivered), (1, 1));
        hide(&sim, 4, PrivateKind::Block, "bob", false).await.expect("bob is not blocked any more");
        let both = publish(&sim, 4, "to both again").await;
        assert_eq!((both.online, both.delivered), (2, 2));
    });
}

#[test]
fn what_a_blocked_account_brings_is_refused_and_is_back_after_the_block() {
    let sim = network(313, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 4, "bob").await;
        pause(5).await;
        hide(&sim, 4, PrivateKind::Block, "bob", true).await.expect("bob is blocked");
        let posted = publish(&sim, 5, "unwanted").await;
        assert_eq!(posted.delivered, 0, "{posted:?}");
        pause(90).await;
        assert!(texts(&sim, 4).await.is_empty());
        hide(&sim, 4, PrivateKind::Block, "bob", false).await.expect("bob is not blocked any more");
        reads(&sim, 4, &["unwanted"], Duration::from_secs(90)).await;
        publish(&sim, 5, "wanted").await;
        reads(&sim, 4, &["wanted"], SOON).await;
    });
}
