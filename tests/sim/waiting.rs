//! What waits in an outbox does not wait for ever.

use std::time::Duration;

use super::people::{flushed, network, pause, settle};

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
