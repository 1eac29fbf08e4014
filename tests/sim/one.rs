//! Finding one record by its hash.

use timeline::actors::One;
use timeline::records::{Record, home};
use timeline::sim::{SimConfig, Simulation};
use timeline::types::{Hash, Section};

use super::people::{joined, publish, settle};

#[test]
fn a_post_is_found_by_its_hash_from_everywhere() {
    let sim = Simulation::new(460, SimConfig { nodes: 16, k: 4, ..SimConfig::default() });
    sim.run(async {
        for node in 0..16 {
            joined(&sim, node).await;
        }
        settle(&sim, 5, "alice").await;
        let id = publish(&sim, 5, "here I am").await.id;
        let post = sim.doors(5).feed.find(id.to_string()).await.expect("its own");
        let slot = [&post.device.0[..], &post.seq.to_be_bytes()].concat();
        let key = home(&post.account);
        let find = async |node: usize, hash: Hash| -> Option<One> {
            sim.doors(node).storage.find(key, Section::Post, slot.clone().into(), hash).await
        };
        let (mut here, mut elsewhere) = (0, 0);
        for node in 0..16 {
            let found = find(node, id).await.unwrap_or_else(|| panic!("{sim:?}: node {node} finds it"));
            assert_eq!(Record::decode(found.bytes).expect("a record").hash(), id);
            *(if found.here { &mut here } else { &mut elsewhere }) += 1;
        }
        assert!(here >= 4 && elsewhere > 0, "{here} have it, {elsewhere} asked for it");
        assert_eq!(find(9, Hash([1; 32])).await, None, "nobody has such a one");
    });
}
