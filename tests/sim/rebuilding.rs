//! An actor that panics is rebuilt from the store, and its node goes on.

use timeline::actors::PageRequest;
use timeline::seam::Space;

use super::people::{SOON, feed, follow, name, network, pause, publish, reads, settle};

#[test]
fn a_feed_that_panics_is_rebuilt_and_goes_on() {
    let sim = network(60, 10);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        pause(5).await;
        publish(&sim, 4, "before").await;
        reads(&sim, 5, &["before"], SOON).await;
        sim.sabotage(5, Space::Feed);
        assert!(sim.doors(5).feed.page(PageRequest::default()).await.is_err(), "the actor dies of this request");
        let rebuilt = async || sim.rebuilt() == 1 && feed(&sim, 5).await.len() == 1;
        sim.until("the feed is rebuilt with what it had", SOON, rebuilt).await;
        pause(120).await;
        let page = sim.doors(5).feed.page(PageRequest { limit: 10, ..PageRequest::default() }).await.expect("a page");
        assert_eq!((page.missing, page.complete), (vec![], true), "it knows what it has");
        let posted = publish(&sim, 4, "after").await;
        assert_eq!(posted.delivered, 1, "{posted:?}");
        reads(&sim, 5, &["before", "after"], SOON).await;
        assert_eq!(sim.rebuilt(), 1);
    });
}

#[test]
fn a_rebuilt_feed_misses_nothing_that_it_had() {
    let sim = network(61, 10);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        pause(5).await;
        for i in 0..5 {
            publish(&sim, 4, &format!("number {i}")).await;
        }
        reads(&sim, 5, &["number 4"], SOON).await;
        let mut watching = sim.doors(5).feed.watch().await.expect("bob watches");
        for _ in 0..3 {
            sim.sabotage(5, Space::Feed);
            assert!(sim.doors(5).feed.page(PageRequest::default()).await.is_err(), "the actor dies of this request");
            pause(90).await;
            let page = sim.doors(5).feed.page(PageRequest { limit: 100, ..PageRequest::default() }).await;
            let page = page.expect("a page");
            assert_eq!((page.posts.len(), page.missing, page.complete), (5, vec![], true));
        }
        assert!(watching.events.try_recv().is_err(), "no post is shown again");
    });
}

#[test]
fn an_unfollowed_author_and_a_former_user_are_not_back_after_a_restart() {
    let sim = network(62, 10);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        pause(5).await;
        // Posts arrive while bob unfollows, and while he logs out.
        for round in 0..20 {
            let (posting, doors) = (format!("round {round}"), sim.doors(5));
            let leaves = async {
                tokio::time::sleep(std::time::Duration::from_millis(7 * round)).await;
                doors.session.follow(name("alice"), false).await
            };
            let (_, left) = tokio::join!(publish(&sim, 4, &posting), leaves);
            assert!(left.is_ok(), "{left:?}");
            sim.restart(5);
            pause(5).await;
            assert!(feed(&sim, 5).await.is_empty(), "round {round}");
            follow(&sim, 5, "alice").await;
            pause(5).await;
        }
        let (_, out) = tokio::join!(publish(&sim, 4, "last"), async { sim.doors(5).session.logout().await });
        assert!(out.is_ok(), "{out:?}");
        pause(60).await;
        settle(&sim, 5, "carol").await;
        sim.restart(5);
        pause(90).await;
        assert!(feed(&sim, 5).await.is_empty());
    });
}
