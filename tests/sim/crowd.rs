//! Several devices of one account at once, and what a device that was retired may still say.

use std::time::Duration;

use futures_util::future::join_all;
use timeline::sim::{SimConfig, Simulation};
use timeline::types::Code;

use super::people::{
    PASSWORD, SOON, feed, flushed, follow, login, name, network, pause, post, publish, reads, settle, texts,
};

#[test]
fn devices_that_post_at_once_are_one_author_to_everybody() {
    let sim = network(330, 12);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        let devices = [4, 6, 7];
        for node in [6, 7] {
            login(&sim, node, "alice").await.expect("alice logs in on another node");
        }
        follow(&sim, 5, "alice").await;
        pause(5).await;
        join_all(devices.iter().map(|node| {
            let sim = &sim;
            async move {
                for i in 0..5 {
                    post(sim, *node, &format!("{node} says {i}")).await;
                }
            }
        }))
        .await;
        let all: Vec<String> = devices.iter().flat_map(|n| (0..5).map(move |i| format!("{n} says {i}"))).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        for node in [5, 4, 6, 7] {
            reads(&sim, node, &all, Duration::from_secs(90)).await;
        }
        let ids = async |node| feed(&sim, node).await.into_iter().map(|post| post.id).collect::<Vec<_>>();
        let order = ids(5).await;
        assert_eq!(order.len(), 15);
        for node in devices {
            assert_eq!(ids(node).await, order, "the same order everywhere");
        }
        let mine = feed(&sim, 6).await;
        assert!(mine.iter().all(|post| post.author == name("alice")));
    });
}

#[test]
fn what_one_device_posts_is_shown_on_the_other_at_once() {
    let sim = network(331, 9);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        login(&sim, 6, "alice").await.expect("alice logs in on another node");
        pause(10).await;
        let posted = publish(&sim, 4, "from the desk").await;
        assert_eq!((posted.online, posted.delivered), (0, 0), "the own devices are no followers");
        reads(&sim, 6, &["from the desk"], Duration::from_secs(2)).await;
    });
}

#[test]
fn one_device_logs_out_and_the_others_go_on() {
    let sim = network(332, 10);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        settle(&sim, 8, "carol").await;
        login(&sim, 6, "alice").await.expect("alice logs in on another node");
        follow(&sim, 5, "alice").await;
        follow(&sim, 4, "bob").await;
        follow(&sim, 6, "carol").await;
        publish(&sim, 6, "before").await;
        sim.doors(6).session.logout().await.expect("the second device leaves");
        publish(&sim, 4, "after").await;
        reads(&sim, 5, &["before", "after"], Duration::from_secs(90)).await;
        publish(&sim, 8, "from carol").await;
        publish(&sim, 5, "from bob").await;
        reads(&sim, 4, &["from carol", "from bob"], Duration::from_secs(90)).await;
        sim.doors(4).session.follow(name("carol"), false).await.expect("what the other device followed");
        pause(90).await;
        assert!(!texts(&sim, 4).await.contains(&"from carol".to_owned()));
    });
}

fn few_devices(seed: u64) -> Simulation {
    Simulation::new(seed, SimConfig { nodes: 10, devices: 2, ..SimConfig::default() })
}

#[test]
fn at_the_limit_a_login_retires_the_device_longest_unused() {
    let sim = few_devices(333);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        login(&sim, 6, "alice").await.expect("the second device");
        publish(&sim, 4, "before").await;
        publish(&sim, 6, "of the second").await;
        reads(&sim, 5, &["before", "of the second"], SOON).await;
        for node in [4, 6] {
            flushed(&sim, node, SOON).await;
        }
        let problem = login(&sim, 7, "alice").await.expect_err("too many");
        assert!(problem.code == Code::TooManyDevices && problem.hint.is_some_and(|h| h.contains("retire-oldest")));
        let third = sim.doors(7).session.login(name("alice"), PASSWORD.to_owned().into(), true).await;
        third.expect("the first device makes room");
        pause(60).await;
        // The first device is told so when it starts anew, and what it signs all the same is not taken.
        let late = sim.doors(4).session.post("nobody wants this".to_owned(), None).await;
        assert!(late.is_ok_and(|posted| !posted.published));
        sim.restart(4);
        pause(10).await;
        let problem = sim.doors(4).session.post("retired".to_owned(), None).await.expect_err("retired");
        assert_eq!(problem.code, Code::NotLoggedIn);
        for node in [6, 7] {
            publish(&sim, node, &format!("{node} goes on")).await;
        }
        reads(&sim, 5, &["before", "of the second", "6 goes on", "7 goes on"], Duration::from_secs(90)).await;
        assert!(!texts(&sim, 5).await.iter().any(|text| text == "nobody wants this"), "{:?}", texts(&sim, 5).await);
        sim.doors(4).session.logout().await.expect("it can leave");
        let back = sim.doors(4).session.login(name("alice"), PASSWORD.to_owned().into(), true).await;
        back.expect("and come back");
        publish(&sim, 4, "back").await;
        reads(&sim, 5, &["back"], Duration::from_secs(90)).await;
    });
}
