//! Who is online: within 60 s of the truth whatever ends, sleeps or moves, and at once after a goodbye.

use std::collections::BTreeMap;
use std::time::Duration;

use timeline::records::home;
use timeline::sim::{SimConfig, Simulation};
use timeline::types::AccountId;
use tokio::time::Instant;

use super::people::{SOON, follow, is_in, joined, login, name, network, pause, publish, register, seeds, settle};

/// How far lists may lag behind the truth.
const LAG: Duration = Duration::from_secs(60);

async fn online(sim: &Simulation, node: usize, account: AccountId) -> Option<bool> {
    sim.doors(node).presence.online(vec![account]).await[0].1
}

/// Waits until a node's lists show that an account is online, or not.
async fn shows(sim: &Simulation, node: usize, account: AccountId, wanted: bool, within: Duration) {
    let what = format!("node {node} sees that the account is {}", if wanted { "online" } else { "offline" });
    sim.until(&what, within, async || online(sim, node, account).await == Some(wanted)).await;
}

/// Registers on a node that has joined.
async fn person(sim: &Simulation, node: usize, user: &str) -> AccountId {
    joined(sim, node).await;
    register(sim, node, user).await.unwrap_or_else(|problem| panic!("{user}: {problem:?}")).account
}

/// Looks at an account every few seconds: it has to be online all the time.
async fn stays_online(sim: &Simulation, node: usize, account: AccountId, seconds: u64) {
    for second in (0..seconds).step_by(3) {
        pause(3).await;
        let seen = online(sim, node, account).await;
        assert_eq!(seen, Some(true), "{sim:?}: after {second} s, seen by node {node}");
    }
}

/// Returns the nodes that hold an account's presence, as long as nobody comes or goes.
fn holders(sim: &Simulation, nodes: usize, of: usize, account: &AccountId) -> Vec<usize> {
    nearest(sim, nodes, of, account, 3)
}

fn nearest(sim: &Simulation, nodes: usize, of: usize, account: &AccountId, n: usize) -> Vec<usize> {
    let mut others: Vec<usize> = (0..nodes).filter(|node| *node != of).collect();
    others.sort_by_key(|node| sim.id(*node).key().distance(&home(account)));
    others.truncate(n);
    others
}

#[test]
fn who_crashed_is_offline_within_a_minute_and_online_again_at_a_restart() {
    let sim = network(200, 10);
    sim.run(async {
        let alice = person(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        shows(&sim, 5, alice, true, SOON).await;
        assert_eq!(online(&sim, 4, alice).await, Some(true), "the own account");
        stays_online(&sim, 5, alice, 330).await;
        for asleep in [0, 7, 13] {
            pause(asleep).await;
            sim.crash(4);
            assert_eq!(online(&sim, 5, alice).await, Some(true), "nobody can know yet");
            // A node that never asked before, too.
            shows(&sim, 5, alice, false, LAG).await;
            shows(&sim, 7, alice, false, Duration::from_secs(2)).await;
            sim.start(4);
            shows(&sim, 5, alice, true, Duration::from_secs(8)).await;
        }
        sim.crash(4);
        pause(900).await;
        assert_eq!(online(&sim, 5, alice).await, Some(false), "long gone, and nobody holds a word of it");
    });
}

#[test]
fn who_logs_out_or_ends_is_offline_at_once() {
    let sim = network(201, 12);
    sim.run(async {
        let alice = person(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        for round in 0..4 {
            pause(30 + round).await;
            shows(&sim, 5, alice, true, SOON).await;
            if round % 2 == 0 {
                sim.doors(4).session.logout().await.expect("alice leaves");
                assert_eq!(online(&sim, 5, alice).await, Some(false), "round {round}");
                login(&sim, 4, "alice").await.expect("alice is back");
            } else {
                sim.shut_down(4).await;
                assert_eq!(online(&sim, 5, alice).await, Some(false), "round {round}");
                sim.start(4);
            }
            // Whoever does not follow her was told nothing, and asks.
            shows(&sim, 9, alice, true, Duration::from_secs(10)).await;
        }
        sim.doors(4).session.logout().await.expect("alice leaves");
        shows(&sim, 9, alice, false, Duration::from_secs(3)).await;
        for _ in 0..30 {
            pause(3).await;
            assert_eq!(online(&sim, 9, alice).await, Some(false));
        }
    });
}

/// Returns the nodes, of eight, that answer "online", or nothing.
async fn believers(sim: &Simulation, account: AccountId) -> Vec<usize> {
    let running = (0..8).filter(|node| sim.is_running(*node));
    let asked = running.map(async |node| (node, online(sim, node, account).await));
    let answers = futures_util::future::join_all(asked).await;
    answers.into_iter().filter(|(_, online)| *online != Some(false)).map(|(node, _)| node).collect()
}

/// Soon after a start the node still looks for its holders: whoever was told before that hears the goodbye too.
#[test]
fn who_logs_out_right_after_a_start_is_offline_to_all_at_once() {
    for seed in seeds(211..215) {
        let sim = network(seed, 8);
        sim.run(async {
            let alice = person(&sim, 4, "alice").await;
            settle(&sim, 5, "bob").await;
            follow(&sim, 4, "bob").await;
            for round in 0..3u64 {
                pause(5 + 40 * round).await;
                sim.crash(4);
                pause(round).await;
                sim.start(4);
                sim.until("alice is in again", SOON, async || is_in(&sim, 4, "alice").await).await;
                shows(&sim, 5, alice, true, SOON).await;
                tokio::time::sleep(Duration::from_millis(700 * (seed % 4))).await;
                sim.doors(4).session.logout().await.expect("alice leaves");
                // Bob's node believes for two seconds what it was told just before.
                let left = believers(&sim, alice).await;
                assert!(left.iter().all(|node| *node == 5), "{sim:?}: round {round}: {left:?}");
                tokio::time::sleep(Duration::from_millis(2100)).await;
                let left = believers(&sim, alice).await;
                assert!(left.is_empty(), "{sim:?}: round {round}, later: {left:?}");
                login(&sim, 4, "alice").await.expect("alice comes back");
            }
        });
    }
}

#[test]
fn an_account_is_online_as_long_as_one_of_its_devices_is() {
    let sim = network(202, 12);
    sim.run(async {
        let alice = person(&sim, 4, "alice").await;
        joined(&sim, 5).await;
        login(&sim, 5, "alice").await.expect("a second device");
        joined(&sim, 6).await;
        login(&sim, 6, "alice").await.expect("a third device");
        settle(&sim, 7, "bob").await;
        shows(&sim, 7, alice, true, SOON).await;
        pause(40).await;
        sim.doors(5).session.logout().await.expect("one leaves");
        stays_online(&sim, 7, alice, 120).await;
        sim.crash(6);
        stays_online(&sim, 7, alice, 120).await;
        sim.crash(4);
        shows(&sim, 7, alice, false, LAG).await;
        sim.start(6);
        shows(&sim, 7, alice, true, Duration::from_secs(8)).await;
        // She moves from one node to another.
        login(&sim, 5, "alice").await.expect("a new device");
        sim.doors(6).session.logout().await.expect("and no longer there");
        stays_online(&sim, 7, alice, 120).await;
    });
}

#[test]
fn holders_that_die_or_start_anew_change_nothing() {
    let sim = network(203, 14);
    sim.run(async {
        let alice = person(&sim, 4, "alice").await;
        let bob = person(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        pause(30).await;
        shows(&sim, 5, alice, true, SOON).await;
        let held = holders(&sim, 14, 4, &alice);
        let two: Vec<usize> = held.iter().copied().filter(|node| *node != 5).take(2).collect();
        two.iter().for_each(|node| sim.crash(*node));
        stays_online(&sim, 5, alice, 120).await;
        sim.crash(4);
        shows(&sim, 5, alice, false, LAG).await;
        two.iter().for_each(|node| sim.start(*node));
        sim.start(4);
        shows(&sim, 5, alice, true, Duration::from_secs(10)).await;
        // Everybody else is started anew, one after another: nobody holds anything for long.
        for node in (0..14).filter(|node| *node != 4 && *node != 5) {
            sim.restart(node);
            for account in [alice, bob] {
                pause(4).await;
                assert_eq!(online(&sim, 5, account).await, Some(true), "{sim:?}: after node {node}");
            }
        }
        // And all at once, which nobody can bridge: whoever shows a sign of life says so anew.
        (0..14).filter(|node| *node != 4 && *node != 5).for_each(|node| sim.restart(node));
        pause(25).await;
        shows(&sim, 5, alice, true, LAG - Duration::from_secs(25)).await;
        sim.crash(4);
        shows(&sim, 5, alice, false, LAG).await;
    });
}

#[test]
fn in_a_network_where_a_node_knows_few_others_the_holders_are_looked_up() {
    let sim = Simulation::new(204, SimConfig { nodes: 40, k: 4, ..SimConfig::default() });
    sim.run(async {
        let alice = person(&sim, 9, "alice").await;
        pause(60).await;
        for node in [12, 20, 31, 38] {
            shows(&sim, node, alice, true, SOON).await;
        }
        stays_online(&sim, 20, alice, 300).await;
        let held = holders(&sim, 40, 9, &alice);
        held[..2].iter().filter(|node| **node > 2 && **node != 31).for_each(|node| sim.crash(*node));
        stays_online(&sim, 31, alice, 120).await;
        sim.crash(9);
        for node in [31, 12] {
            let node = if sim.is_running(node) { node } else { 38 };
            shows(&sim, node, alice, false, LAG).await;
        }
        sim.start(9);
        shows(&sim, 31, alice, true, SOON).await;
    });
}

#[test]
fn a_node_that_sleeps_is_offline_and_online_again_when_it_wakes() {
    let sim = network(205, 10);
    sim.run(async {
        let alice = person(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        shows(&sim, 5, alice, true, SOON).await;
        for seconds in [90, 900] {
            sim.set_asleep(4, true);
            shows(&sim, 5, alice, false, LAG).await;
            pause(seconds).await;
            assert_eq!(online(&sim, 5, alice).await, Some(false));
            sim.set_asleep(4, false);
            shows(&sim, 5, alice, true, Duration::from_secs(10)).await;
        }
        // Those that hold her presence sleep, one after another: none takes its own sleep for her silence.
        for node in holders(&sim, 10, 4, &alice).into_iter().filter(|node| *node != 5) {
            sim.set_asleep(node, true);
            stays_online(&sim, 5, alice, 100).await;
            sim.set_asleep(node, false);
            stays_online(&sim, 5, alice, 60).await;
        }
        // The one who looks slept as well.
        sim.set_asleep(5, true);
        pause(500).await;
        sim.set_asleep(5, false);
        shows(&sim, 5, alice, true, Duration::from_secs(5)).await;
    });
}

#[test]
fn clocks_that_differ_do_not_matter() {
    let sim = network(206, 10);
    sim.run(async {
        for node in 0..10 {
            joined(&sim, node).await;
        }
        let alice = person(&sim, 4, "alice").await;
        let carol = person(&sim, 6, "carol").await;
        settle(&sim, 5, "bob").await;
        // Alice is behind and Carol ahead; those who hold their presence are right, or off by a minute the other way.
        sim.skew(4, Duration::ZERO, Duration::from_secs(290), false);
        sim.skew(6, Duration::from_secs(230), Duration::ZERO, false);
        for node in [0, 7, 9] {
            sim.skew(node, Duration::from_secs(60), Duration::ZERO, false);
        }
        for (node, user) in [(4, "alice"), (6, "carol")] {
            sim.restart(node);
            joined(&sim, node).await;
            assert!(super::people::is_in(&sim, node, user).await);
        }
        for account in [alice, carol] {
            shows(&sim, 5, account, true, SOON).await;
        }
        for _ in 0..220 {
            pause(3).await;
            let seen = sim.doors(5).presence.online(vec![alice, carol]).await;
            assert!(seen.iter().all(|(_, online)| *online == Some(true)), "{sim:?}: {seen:?}");
        }
        sim.crash(4);
        sim.crash(6);
        for account in [alice, carol] {
            shows(&sim, 5, account, false, LAG).await;
        }
        // A clock that was ahead, and is set right while its node is down: numbers go on from where they were.
        sim.skew(6, Duration::ZERO, Duration::from_secs(200), false);
        sim.start(6);
        shows(&sim, 5, carol, true, Duration::from_secs(30)).await;
    });
}

#[test]
fn no_answer_takes_longer_than_two_seconds_and_silence_is_no_answer() {
    let sim = network(207, 12);
    sim.run(async {
        let alice = person(&sim, 4, "alice").await;
        // Not one that holds her presence, or does so in the place of those: it knows by itself for a while.
        let held = holders(&sim, 12, 4, &alice);
        let near = nearest(&sim, 12, 4, &alice, 6);
        let bob = (5..12).find(|node| !near.contains(node)).expect("three hold it");
        settle(&sim, bob, "bob").await;
        follow(&sim, bob, "alice").await;
        shows(&sim, bob, alice, true, SOON).await;
        pause(10).await;
        let others: Vec<usize> = (0..12).filter(|node| *node != bob).collect();
        let mut asked: Vec<AccountId> = (0..100).map(|n| AccountId([n; 32])).collect();
        asked.push(alice);
        for round in 0..6 {
            match round {
                1 => held.iter().for_each(|n| sim.crash(*n)),
                3 => sim.cut(&[bob], &others),
                _ => {}
            }
            let began = Instant::now();
            let answers = sim.doors(bob).presence.online(asked.clone()).await;
            assert!(began.elapsed() <= Duration::from_secs(2), "round {round}: {:?}", began.elapsed());
            assert!(answers.iter().map(|(account, _)| account).eq(&asked), "in order");
            if round == 5 {
                assert_eq!(answers[100].1, None, "nobody was reached");
            }
            pause(15).await;
        }
    });
}

#[test]
fn a_post_a_second_after_a_followers_start_comes_to_it_directly() {
    let sim = network(208, 12);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        pause(60).await;
        for round in 0..5 {
            sim.shut_down(5).await;
            pause(40).await;
            assert_eq!(publish(&sim, 4, &format!("nobody {round}")).await.online, 0);
            sim.start(5);
            pause(1).await;
            let posted = publish(&sim, 4, &format!("welcome {round}")).await;
            assert_eq!((posted.online, posted.delivered), (1, 1), "round {round}: {posted:?}");
        }
    });
}

#[test]
fn who_is_interested_is_known_without_asking_all_the_time() {
    let sim = network(209, 12);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        pause(60).await;
        for (node, user) in [(5, "bob"), (6, "carol")] {
            settle(&sim, node, user).await;
            follow(&sim, node, "alice").await;
        }
        let known = async |wanted: usize| {
            sim.until(&format!("{wanted} are known"), Duration::from_secs(25), async || {
                sim.doors(4).presence.known().await.0.len() == wanted
            })
            .await;
        };
        known(2).await;
        sim.doors(6).session.follow(name("alice"), false).await.expect("carol unfollows");
        known(1).await;
        sim.shut_down(5).await;
        known(0).await;
    });
}

/// Prints what presence and interest cost a user who follows a hundred people and does nothing, and holds it to far less
/// than two messages a second. What the feed reads of those people comes on top, and is not counted here.
#[test]
fn an_idle_user_who_follows_a_hundred_sends_few_messages() {
    const NODES: usize = 24;
    const PEOPLE: usize = 100;
    let sim = Simulation::new(210, SimConfig { nodes: NODES, k: 8, ..SimConfig::default() });
    sim.run(async {
        let (me, mut accounts) = (NODES - 1, Vec::new());
        for node in 4..9 {
            accounts.push(person(&sim, node, &format!("user{node}")).await);
        }
        settle(&sim, me, "bob").await;
        // The others are nobody: interest in them costs the same, and their homes are as far apart.
        accounts.extend((accounts.len()..PEOPLE).map(|n| AccountId([n as u8; 32])));
        for account in &accounts {
            sim.doors(me).presence.interested(*account, true).await;
        }
        // Past the first words; the renewals come within the next 52 minutes, as no feed looks at those homes.
        pause(300).await;
        let before = sim.requests_of(me);
        // An hour has all of them once, and some twice.
        pause(3600).await;
        let after = sim.requests_of(me);
        let count = |of: &BTreeMap<u8, u64>, number: u8| of.get(&number).copied().unwrap_or_default();
        let sent = |number: u8| count(&after, number) - count(&before, number);
        let (beats, checks, puts, lookups) = (sent(10), sent(11), sent(5), sent(3));
        let all = after.values().sum::<u64>() - before.values().sum::<u64>();
        println!(
            "requests an hour of an idle user who is interested in {PEOPLE}: {beats} heartbeats, {checks} checks, \
             {puts} puts, {lookups} of lookups; {all} with hellos, pings and reads of other parts"
        );
        assert!((3 * 170..3 * 190).contains(&beats), "{beats} heartbeats");
        // Three holders, about once an hour each.
        let renewals = 3 * PEOPLE as u64;
        assert!((renewals..renewals * 2).contains(&puts), "{puts} puts");
        assert!(lookups < PEOPLE as u64, "who the holders are is known: {lookups} requests of lookups");
        // Each request has an answer.
        assert!(2 * (beats + checks + puts + lookups) < 2 * 3600, "{lookups} requests of lookups");
        // The list of all of them, drawn once a minute.
        for _ in 0..8 {
            pause(60).await;
            let seen = sim.doors(me).presence.online(accounts.clone()).await;
            assert!(seen[..5].iter().all(|(_, online)| *online == Some(true)), "{seen:?}");
        }
        let checks = count(&sim.requests_of(me), 11) - count(&after, 11);
        println!("and {checks} checks for the list of them, drawn eight times");
        assert!(checks <= 8 * 2 * NODES as u64, "asked in batches: {checks}");
    });
}
