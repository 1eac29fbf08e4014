//! Fifty people on nodes of their own follow one person at the same moment: nobody is lost.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread::scope;

use serde_json::json;

use crate::support::{Net, PASSWORD, Said, eventually, folder, run};

const FOLLOWERS: usize = 50;
/// Registrations under way at once: each is a second of work for the machine.
const REGISTERING: usize = 8;

#[test]
fn fifty_follows_at_the_same_moment_are_fifty_followers() {
    let dir = folder();
    let peers = (FOLLOWERS + 1).to_string();
    let net = Net::start_alone(dir.path(), &["--bootpeers", "3", "--peers", &peers, "--network-set", "k=8"]);
    net.register("peer-51", "star");
    let people: Vec<(String, String)> = (1..=FOLLOWERS).map(|i| (format!("peer-{i}"), format!("fan_{i:02}"))).collect();
    for some in people.chunks(REGISTERING) {
        let register = |(node, name): &(String, String)| {
            let (dir, name) = (net.dir(node), name.clone());
            move || {
                run(&dir, &["--timeout", "60", "register", &name, "--password-stdin"], &format!("{PASSWORD}\n")).ok()
            }
        };
        scope(|scope| some.iter().for_each(|person| drop(scope.spawn(register(person)))));
    }

    let start = Barrier::new(FOLLOWERS);
    let said: Vec<Said> = scope(|scope| {
        let follow = |(node, _): &(String, String)| {
            let dir = net.dir(node);
            let start = &start;
            scope.spawn(move || {
                start.wait();
                run(&dir, &["--timeout", "60", "follow", "star"], "")
            })
        };
        let all: Vec<_> = people.iter().map(follow).collect();
        all.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    for said in said {
        let said = said.ok();
        assert_eq!(said["state"], json!("following"), "{said}");
        // A machine that is busy with fifty-four nodes may say "queued" first; below, nobody may be lacking.
        eprintln!("queued at first: {}", said["queued"]);
    }
    let expected: BTreeSet<String> = people.iter().map(|(_, name)| name.clone()).collect();
    let followers = |node: &str| {
        let list = net.run(node, &["--timeout", "30", "followers", "star", "-n", "500"]).ok();
        let users = list["users"].as_array().cloned().unwrap_or_default();
        let names = users.iter().filter_map(|u| u["username"].as_str().map(str::to_owned)).collect::<BTreeSet<_>>();
        let lacking: Vec<&String> = expected.difference(&names).collect();
        eprintln!("{node}: {} counted, estimate {}, without {lacking:?}", list["count"], list["count_is_estimate"]);
        (list["count"].as_u64().unwrap_or_default(), names)
    };
    for node in ["peer-51", "peer-1", "boot-2"] {
        eventually(&format!("all are seen from {node}"), || followers(node) == (FOLLOWERS as u64, expected.clone()));
    }
    net.stop();
}
