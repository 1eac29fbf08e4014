//! Scenarios as `timeline sim` plays them: they load, they repeat themselves, and nothing is lost in bad weather.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use timeline::sim::play::{Report, play, plots};
use timeline::sim::scenario::{Churn, Opening, People, Scenario, Surveyed};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/sim")
}

pub fn scenario(name: &str) -> Scenario {
    let text = fs::read_to_string(folder().join(name)).expect("the scenario is there");
    Scenario::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn checked(scenario: &Scenario) -> Report {
    let report = play(scenario, scenario.nodes, &());
    assert!(report.ok, "{}\n{:#?}", report.for_people(), report.checks);
    report
}

#[test]
fn every_scenario_loads_and_the_plain_one_shows_every_key_with_its_default() {
    let files = fs::read_dir(folder()).expect("the folder is there").map(|entry| entry.expect("readable").path());
    let names: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    let readme = fs::read_to_string(folder().join("README.md")).expect("the README is there");
    for name in &names {
        scenario(name);
        assert!(readme.contains(&format!("`{name}`")), "the README does not name {name}");
    }
    assert!(names.len() > 10, "{names:?}");
    let plain = Scenario { name: Scenario::default().name, ..scenario("plain.toml") };
    assert_eq!(plain, Scenario::default());
    // With the keys that are only shown it is valid too, and every key is described.
    let text = fs::read_to_string(folder().join("plain.toml")).expect("readable");
    let uncommented: Vec<&str> = text
        .lines()
        .map(|line| {
            line.strip_prefix("# ").filter(|rest| rest.starts_with('[') || rest.contains(" = ")).unwrap_or(line)
        })
        .collect();
    let all = uncommented.join("\n").replace("do = \"partition\"", "do = \"clock\"");
    Scenario::parse(&all).unwrap_or_else(|error| panic!("{error}"));
    for key in uncommented.iter().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key) {
        assert!(readme.contains(&format!("`{key}`")), "the README does not describe {key}");
    }
}

#[test]
fn in_bad_weather_nothing_that_was_acknowledged_is_lost() {
    println!("to repeat this run: timeline sim config/sim/short.toml");
    let report = checked(&scenario("short.toml"));
    let posts = &report.posts;
    assert!(posts.published > 20 && posts.lost == 0 && report.left > 5, "{report:?}");
    assert!(report.checks.len() >= 2 && report.counts.len() >= 4, "{report:?}");
    assert!(report.read_ms.count > 10 && report.hops.count > 10, "{report:?}");
    assert_eq!(posts.loss_bound, Some(3.0 / posts.published as f64));
}

/// Nodes that hardly stay for as long as a login takes, most of them with an empty disk.
#[test]
fn whoever_lost_a_login_logs_in_again_however_often_the_node_leaves() {
    let churn = Churn {
        median_session: Duration::from_secs(2),
        median_absence: Duration::from_secs(8),
        percent: 40.0,
        disk_loss_percent: 40.0,
        ..Churn::default()
    };
    let report = checked(&Scenario {
        nodes: 16,
        seed: 9,
        duration: Duration::from_secs(60),
        opening: Opening::Apart,
        churn: Some(churn),
        people: People { posts: 60.0, ..People::default() },
        ..Scenario::default()
    });
    assert!(report.left > 10 && report.posts.lost == 0, "{report:?}");
}

#[test]
fn disks_that_are_full_for_a_while_lose_nothing() {
    println!("to repeat this run: timeline sim config/sim/full-disks.toml");
    let report = checked(&scenario("full-disks.toml"));
    let posts = &report.posts;
    // Not everybody could write, and some were told so.
    assert!(posts.published > 5 && posts.refused > 0 && report.checks.len() == 2, "{report:?}");
}

#[test]
fn what_people_made_apart_is_with_its_replicas_when_everybody_is_there() {
    let plain = scenario("plain.toml");
    let people = People { percent: 35.0, follows: 4, ..plain.people.clone() };
    let check = Surveyed { people: 10, replicas: true, ..plain.check.clone() };
    let (opening, duration) = (Opening::Apart, Duration::from_secs(120));
    let apart = Scenario { nodes: 24, k: 8, anchors: false, opening, duration, people, check, ..plain };
    let report = checked(&apart);
    assert_eq!((report.people, report.checks.len()), (7, 1));
}

#[test]
fn the_same_seed_gives_the_same_run_whatever_nodes_share() {
    let bare = scenario("bare.toml");
    println!("to repeat this run: timeline sim config/sim/bare.toml");
    let first = checked(&bare);
    let mut shared = bare.clone();
    (shared.share.records, shared.share.signatures) = (true, true);
    let again = play(&shared, shared.nodes, &());
    assert_eq!((&first.trace, first.messages), (&again.trace, again.messages));
    let other = play(&Scenario { seed: bare.seed + 1, ..shared }, bare.nodes, &());
    assert_ne!(first.trace, other.trace);
    for (name, svg) in plots(&[first, other]) {
        assert!(svg.starts_with("<svg") && svg.contains("</svg>") && !svg.contains("NaN"), "{name}");
    }
}
