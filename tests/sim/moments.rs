//! A crash at every moment of what a person does: afterwards it is done whole or not at all, and everything goes on.

use std::future::Future;
use std::time::Duration;

use timeline::actors::PageRequest;
use timeline::sim::{SimConfig, Simulation, Ways};

use super::people::{
    PASSWORD, SOON, flushed, follow, is_in, joined, login, name, pause, publish, reads, register, settle, texts,
};

/// Short ways, so that every millisecond is another moment; six nodes.
fn close(seed: u64) -> Simulation {
    let ways = Ways { shortest: Duration::from_millis(3), longest: Duration::from_millis(4), ..Ways::default() };
    Simulation::new(seed, SimConfig { nodes: 6, ways, ..SimConfig::default() })
}

/// Crashes a node so many milliseconds after something was begun on it, and starts it again; true when it was done before.
async fn cut_short<T>(sim: &Simulation, node: usize, moment: u64, begun: impl Future<Output = T>) -> bool {
    let done = tokio::time::timeout(Duration::from_millis(moment), begun).await.is_ok();
    sim.restart(node);
    done
}

/// Waits until a feed is complete and nothing is missing in it.
async fn whole(sim: &Simulation, node: usize) {
    let nothing_missing = async || {
        let page = sim.doors(node).feed.page(PageRequest { limit: 1000, ..PageRequest::default() }).await;
        page.is_ok_and(|page| page.missing.is_empty() && page.complete)
    };
    sim.until(&format!("nothing is missing on node {node}"), Duration::from_secs(90), nothing_missing).await;
}

#[test]
fn a_post_is_made_or_not_and_one_that_is_made_arrives() {
    let sim = close(90);
    sim.run(async {
        settle(&sim, 3, "alice").await;
        settle(&sim, 4, "bob").await;
        follow(&sim, 4, "alice").await;
        pause(5).await;
        let mut made = Vec::new();
        for moment in (0..30).step_by(2).chain([40, 60]) {
            let text = format!("number {moment}");
            let session = sim.doors(3).session;
            let done = cut_short(&sim, 3, moment, session.post(text.clone(), None)).await;
            joined(&sim, 3).await;
            let kept = texts(&sim, 3).await.contains(&text);
            assert!(kept || !done, "an acknowledged post is lost: {text}");
            made.extend(kept.then_some(text));
            publish(&sim, 3, &format!("after {moment}")).await;
            made.push(format!("after {moment}"));
            flushed(&sim, 3, SOON).await;
            // Thirty posts a minute are allowed.
            pause(5).await;
        }
        assert!(made.len() > 17, "some crashes came too late to prevent the post");
        let made: Vec<&str> = made.iter().map(String::as_str).collect();
        reads(&sim, 4, &made, Duration::from_secs(90)).await;
        assert_eq!(texts(&sim, 4).await.len(), made.len());
        whole(&sim, 3).await;
        whole(&sim, 4).await;
    });
}

#[test]
fn a_follow_is_made_or_not_and_one_that_is_made_brings_posts() {
    let sim = close(91);
    sim.run(async {
        settle(&sim, 3, "alice").await;
        settle(&sim, 4, "bob").await;
        let mut made = 0;
        for moment in (0..30).step_by(2) {
            let session = sim.doors(4).session;
            let done = cut_short(&sim, 4, moment, session.follow(name("alice"), true)).await;
            let text = format!("after {moment}");
            publish(&sim, 3, &text).await;
            pause(70).await;
            let follows = texts(&sim, 4).await.contains(&text);
            assert!(follows || !done, "an acknowledged follow is lost after {moment} ms");
            made += u32::from(follows && !done);
            whole(&sim, 4).await;
            // A login elsewhere agrees.
            joined(&sim, 5).await;
            login(&sim, 5, "bob").await.expect("bob logs in elsewhere");
            pause(5).await;
            assert_eq!(texts(&sim, 5).await.contains(&text), follows, "after {moment} ms");
            sim.doors(5).session.logout().await.expect("bob leaves");
            sim.doors(4).session.follow(name("alice"), false).await.expect("bob unfollows");
        }
        assert!(made > 0, "no crash came between the follow and its end");
    });
}

#[test]
fn a_login_or_logout_is_done_or_not_and_another_works() {
    let sim = close(92);
    sim.run(async {
        settle(&sim, 3, "alice").await;
        joined(&sim, 4).await;
        for moment in (0..45).step_by(3) {
            let session = sim.doors(4).session;
            let done =
                cut_short(&sim, 4, moment, session.login(name("alice"), PASSWORD.to_owned().into(), false)).await;
            joined(&sim, 4).await;
            assert!(is_in(&sim, 4, "alice").await || !done, "an acknowledged login is lost after {moment} ms");
            login(&sim, 4, "alice").await.unwrap_or_else(|problem| panic!("after {moment} ms: {problem:?}"));
            publish(&sim, 4, &format!("in {moment}")).await;
            let session = sim.doors(4).session;
            let done = cut_short(&sim, 4, moment, session.logout()).await;
            joined(&sim, 4).await;
            assert!(!is_in(&sim, 4, "alice").await || !done, "an acknowledged logout is undone after {moment} ms");
            if is_in(&sim, 4, "alice").await {
                sim.doors(4).session.logout().await.unwrap_or_else(|problem| panic!("after {moment} ms: {problem:?}"));
            }
            assert!(texts(&sim, 4).await.is_empty(), "nothing is left of the login");
            flushed(&sim, 4, SOON).await;
        }
        // Every device but the first is retired: none of those logins lives on.
        reads(&sim, 3, &["in 0", "in 42"], Duration::from_secs(90)).await;
        whole(&sim, 3).await;
    });
}

#[test]
fn a_registration_goes_on_or_can_be_made_again() {
    for moment in (0..60).step_by(7) {
        let sim = close(93);
        sim.run(async {
            joined(&sim, 4).await;
            let session = sim.doors(4).session;
            let done = cut_short(&sim, 4, moment, session.register(name("alice"), PASSWORD.to_owned().into())).await;
            joined(&sim, 4).await;
            pause(20).await;
            let finished = is_in(&sim, 4, "alice").await;
            assert!(finished || !done, "an acknowledged registration is lost after {moment} ms");
            if !finished {
                register(&sim, 4, "alice").await.unwrap_or_else(|problem| panic!("after {moment} ms: {problem:?}"));
            }
            publish(&sim, 4, "hello").await;
            login(&sim, 5, "alice").await.unwrap_or_else(|problem| panic!("after {moment} ms: {problem:?}"));
            reads(&sim, 5, &["hello"], SOON).await;
        });
    }
}
