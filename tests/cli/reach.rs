//! `lookup` and `ping` on a running network.

use crate::support::{Net, eventually, folder};

#[test]
fn lookups_and_pings_show_who_is_near_and_who_answers() {
    let dir = folder();
    let net = Net::start(dir.path(), &["--bootpeers", "1", "--peers", "2"]);
    net.register("peer-1", "alice");
    let id = |name: &str| net.run(name, &["status"]).ok()["node_id"].as_str().expect("an id").to_owned();
    let (boot, other) = (id("boot-1"), id("peer-2"));

    // Everybody but the asker is in the replica set of so small a network, and holds what was published.
    eventually("both others hold the account", || {
        let found = net.run("peer-1", &["lookup", "@alice"]).json;
        let near = found["closest"].as_array().cloned().unwrap_or_default();
        near.len() == 2 && near.iter().all(|node| node["has_value"] == true)
    });
    let found = net.run("peer-1", &["lookup", "alice"]).ok();
    assert_eq!((found["hops"].as_u64(), found["asked"].as_u64()), (Some(1), Some(2)), "{found}");
    assert!(found["ms"].as_f64() > Some(0.0));
    let near: Vec<&str> =
        found["closest"].as_array().expect("a list").iter().filter_map(|n| n["node_id"].as_str()).collect();
    assert!(near.contains(&boot.as_str()) && near.contains(&other.as_str()), "{found}");
    assert!(found["closest"][0]["distance_log2"].as_u64() <= found["closest"][1]["distance_log2"].as_u64());
    let key = found["key"].as_str().expect("a key").to_owned();
    assert_eq!(net.run("peer-2", &["lookup", &key]).ok()["key"], key);
    let empty = net.run("peer-1", &["lookup", &"ab".repeat(32)]).ok();
    assert!(empty["closest"].as_array().expect("a list").iter().all(|node| node["has_value"] == false), "{empty}");
    net.run("peer-1", &["lookup", "Alice"]).refused(6, "name_malformed");

    for target in [other.as_str(), &other[..8]] {
        let pong = net.run("peer-1", &["ping", target]).ok();
        assert_eq!(pong["node_id"], other, "{pong}");
        assert!(pong["rtt_ms"].as_f64() > Some(0.0), "{pong}");
    }
    let peers = net.run("peer-1", &["peers"]).ok();
    let peers = peers["peers"].as_array().expect("a list").clone();
    let address = |id: &str| peers.iter().find(|p| p["node_id"] == id).expect("known")["addresses"][0].clone();
    let address = address(&other).as_str().expect("an address").to_owned();
    assert_eq!(net.run("peer-1", &["ping", &address]).ok()["node_id"], other);
    net.run("peer-1", &["ping", &id("peer-1")]).refused(2, "usage");
    net.run("peer-1", &["ping", "nobody"]).refused(2, "usage");
    net.run("peer-1", &["ping", &"ab".repeat(32)]).refused(7, "unreachable");
    net.kill("peer-2");
    net.run("peer-1", &["ping", &address]).refused(7, "unreachable");
}
