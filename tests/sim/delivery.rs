//! Posts reach those who follow.

use std::time::Duration;

use timeline::sim::{SimConfig, Simulation};
use timeline::timeline::Via;

use super::people::{feed, follow, joined, post, reads, register};

#[test]
fn a_post_reaches_a_follower_that_is_online() {
    let sim = Simulation::new(1, SimConfig::default());
    sim.run(async {
        joined(&sim, 4).await;
        joined(&sim, 5).await;
        register(&sim, 4, "alice").await.expect("alice registers");
        register(&sim, 5, "bob").await.expect("bob registers");
        let relation = follow(&sim, 5, "alice").await.expect("bob follows");
        assert!(!relation.queued, "{relation:?}");
        tokio::time::sleep(Duration::from_secs(1)).await;
        let posted = post(&sim, 4, "hello").await.expect("alice posts");
        assert!(posted.published, "{posted:?}");
        assert_eq!((posted.online, posted.delivered), (1, 1), "{posted:?}");
        reads(&sim, 5, &["hello"], Duration::ZERO).await;
        assert_eq!(feed(&sim, 5).await[0].via, Via::Direct);
    });
    println!("{:?} {:?}", sim.trace(), sim.elapsed());
}
