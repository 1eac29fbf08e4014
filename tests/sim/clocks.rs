//! Clocks that are wrong: what they spoil is mended when they are right again.

use std::time::Duration;

use super::people::{SOON, flushed, follow, network, pause, post, publish, reads, settle, texts};

const DAY: Duration = Duration::from_secs(24 * 3600);

#[test]
fn a_clock_that_was_ahead_for_a_while_does_not_silence_its_user() {
    let sim = network(100, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        publish(&sim, 4, "today").await;
        sim.skew(4, DAY, Duration::ZERO, false);
        let posted = post(&sim, 4, "tomorrow").await;
        assert!(!posted.published, "nobody takes what is stamped a day ahead: {posted:?}");
        sim.skew(4, Duration::ZERO, Duration::ZERO, false);
        pause(10).await;
        publish(&sim, 4, "today again").await;
        reads(&sim, 5, &["today", "today again"], SOON).await;
        // After a restart as well.
        sim.restart(4);
        pause(10).await;
        publish(&sim, 4, "and later").await;
        reads(&sim, 5, &["and later"], SOON).await;
        assert_eq!(texts(&sim, 5).await.len(), 3);
    });
}

#[test]
fn a_clock_that_fell_behind_and_is_in_doubt_keeps_the_order_of_posts() {
    let sim = network(101, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        publish(&sim, 4, "first").await;
        sim.skew(4, Duration::ZERO, Duration::from_secs(3600), true);
        publish(&sim, 4, "second").await;
        sim.restart(4);
        pause(10).await;
        publish(&sim, 4, "third").await;
        reads(&sim, 5, &["first", "second", "third"], SOON).await;
        assert_eq!(texts(&sim, 5).await, ["third", "second", "first"], "an author's posts keep their order");
        flushed(&sim, 4, SOON).await;
    });
}
