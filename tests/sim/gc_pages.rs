//! Lists that are longer than a page: what is collected is decided with all of their pages.

use std::time::Duration;

use timeline::sim::{SimConfig, Simulation};

use super::gc::{COLLECTED, config, holders, in_time, look};
use super::people::{SOON, follow, pause, publish, reads, settle};

#[test]
fn followers_on_other_pages_are_waited_for() {
    let limits = "page_entries = 2".to_owned();
    let sim = Simulation::new(930, SimConfig { nodes: 12, limits, ..config() });
    sim.run(async {
        settle(&sim, 3, "alice").await;
        for node in 4..10 {
            settle(&sim, node, &format!("reader{node}")).await;
            follow(&sim, node, "alice").await;
        }
        let id = publish(&sim, 3, "one").await.id;
        for node in 4..10 {
            reads(&sim, node, &["one"], SOON).await;
        }
        for node in 4..9 {
            look(&sim, node).await;
        }
        for _ in 0..3 {
            pause(300).await;
            assert!(holders(&sim, 12, &id).len() > 6, "one of six has not seen it");
        }
        look(&sim, 9).await;
        let gone = async || holders(&sim, 12, &id).is_empty();
        in_time(&sim, "all six have seen it", Duration::from_secs(1800), gone).await;
        pause(COLLECTED.as_secs()).await;
        assert!(holders(&sim, 12, &id).is_empty());
    });
}
