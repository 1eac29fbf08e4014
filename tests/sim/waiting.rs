//! What waits in an outbox does not wait for ever.

use std::time::Duration;

use timeline::actors::PageRequest;

use super::people::{flushed, follow, network, pause, reads, settle};

#[test]
fn a_post_that_ended_before_anybody_came_is_let_go_of() {
    let sim = network(70, 6);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        flushed(&sim, 4, Duration::from_secs(20)).await;
        let others: Vec<usize> = (0..6).filter(|node| *node != 4).collect();
        sim.cut(&[4], &others);
        let posted = sim.doors(4).session.post("nobody hears this".to_owned(), Some(Duration::from_secs(10))).await;
        assert!(posted.is_ok_and(|p| !p.published));
        pause(30).await;
        assert_eq!(sim.doors(4).outbox.items().await.map(|items| items.len()), Ok(1));
        sim.heal();
        flushed(&sim, 4, Duration::from_secs(60)).await;
    });
}

#[test]
fn posts_that_ended_between_others_are_not_called_unreachable() {
    let sim = network(71, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        for (text, ttl) in [("one", None), ("two", Some(10)), ("three", None), ("four", Some(10))] {
            let posted = sim.doors(4).session.post(text.to_owned(), ttl.map(Duration::from_secs)).await;
            assert!(posted.is_ok_and(|posted| posted.published));
        }
        // Until the author's node has tended its log.
        pause(150).await;
        sim.crash(4);
        follow(&sim, 5, "alice").await;
        reads(&sim, 5, &["one", "three"], Duration::from_secs(20)).await;
        let request = PageRequest { limit: 10, ..PageRequest::default() };
        let page = sim.doors(5).feed.page(request).await.expect("a page");
        assert!(page.complete && page.missing.iter().all(|m| m.reason != "unreachable"), "{:?}", page.missing);
    });
}
