//! A reader that finds less than there is goes on to an anchor.

use std::time::Duration;

use timeline::sim::{SimConfig, Simulation};

use super::people::{login, pause, publish, reads, settle};

#[test]
fn what_the_new_nearest_lack_is_read_from_an_anchor() {
    for seed in 80..84 {
        let sim = Simulation::new(seed, SimConfig { nodes: 16, k: 3, ..SimConfig::default() });
        sim.run(async {
            settle(&sim, 3, "alice").await;
            let mut said = vec!["post 0".to_owned()];
            publish(&sim, 3, &said[0]).await;
            // Nodes go one by one; what is nearest then never heard of the earlier posts.
            for gone in 4..14 {
                sim.crash(gone);
                pause(40).await;
                said.push(format!("post {gone}"));
                publish(&sim, 3, &said[said.len() - 1]).await;
            }
            sim.crash(3);
            sim.crash(0);
            pause(60).await;
            login(&sim, 15, "alice").await.unwrap_or_else(|problem| panic!("seed {seed}: {problem:?}"));
            sim.doors(15).feed.catch_up().await;
            let wanted: Vec<&str> = said.iter().map(String::as_str).collect();
            reads(&sim, 15, &wanted, Duration::from_secs(20)).await;
        });
    }
}
