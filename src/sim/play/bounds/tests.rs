//! Bounds that are met, missed, and not asked for.

use std::time::Duration;

use super::super::report::Checked;
use super::*;
use crate::sim::scenario::Bounds;

/// A run of 4,096 nodes in which 9,999 of 10,000 reads succeeded, within 200 ms and 1.5 s, with 5.5 hops and 50 KiB a node.
fn run() -> Report {
    let mut report = Report { nodes: 4096, reads_failed: 1, ..Report::default() };
    (report.read_ms.count, report.read_ms.p50, report.read_ms.p99) = (9_999, 200.0, 1_500.0);
    (report.hops.count, report.hops.mean) = (100, 5.5);
    report.memory.process_bytes = Some(50.0 * 1024.0);
    report
}

/// Judges by the bounds in TOML; returns what was judged, and what of it was missed.
fn judged(text: &str, report: &Report) -> (Vec<&'static str>, Vec<&'static str>) {
    let scenario = Scenario::parse(&format!("[check]\nlive = false\n[bounds]\n{text}")).expect("valid");
    let all = judge(&scenario, report);
    let missed = all.iter().filter(|judged| !judged.met).map(|judged| judged.bound);
    (all.iter().map(|judged| judged.bound).collect(), missed.collect())
}

#[test]
fn each_bound_is_met_at_its_limit_and_missed_beyond_it() {
    for (met, missed, bound) in [
        ("reads_percent = 99.99", "reads_percent = 99.991", "reads_percent"),
        ("read_p50 = \"200ms\"", "read_p50 = \"199ms\"", "read_p50_ms"),
        ("read_p99 = \"1500ms\"", "read_p99 = \"1499ms\"", "read_p99_ms"),
        ("hops = \"log\"", "hops = 5.4", "hops"),
        ("kib_a_node = 50", "kib_a_node = 49.9", "kib_a_node"),
    ] {
        assert_eq!(judged(met, &run()), (vec![bound], vec![]), "{met}");
        assert_eq!(judged(missed, &run()), (vec![bound], vec![bound]), "{missed}");
    }
    let crowded = Report { hops: crate::sim::statistics::Summary { mean: 6.1, ..run().hops }, ..run() };
    assert_eq!(judged("hops = \"log\"", &crowded).1, ["hops"]);
}

#[test]
fn what_is_not_asked_for_is_not_judged() {
    let nothing: (Vec<&str>, Vec<&str>) = (vec![], vec![]);
    assert_eq!(judged("", &run()), nothing);
    // Nor is the time that only whoever ran it knows, or memory that nobody knows.
    let mut unknown = run();
    unknown.memory.process_bytes = None;
    assert_eq!(judged("wall = \"1s\"\nkib_a_node = 1", &unknown), nothing);
}

#[test]
fn what_was_never_measured_misses_its_bound() {
    let all = "reads_percent = 1\nread_p50 = \"1h\"\nread_p99 = \"1h\"\nhops = 100";
    let expected = ["reads_percent", "read_p50_ms", "read_p99_ms", "hops"];
    assert_eq!(judged(all, &Report { nodes: 10, ..Report::default() }).1, expected);
    // Reads that all failed were measured.
    let failed = Report { reads_failed: 3, ..Report::default() };
    assert_eq!(judge_one("reads_percent = 1", &failed).value, Some(0.0));
}

fn judge_one(text: &str, report: &Report) -> Judged {
    let scenario = Scenario::parse(&format!("[check]\nlive = false\n[bounds]\n{text}")).expect("valid");
    judge(&scenario, report)[0]
}

#[test]
fn a_post_that_nobody_up_held_is_a_loss_unless_everybody_is_taken_away_on_purpose() {
    let mut report = run();
    let by = |live: bool, report: &Report| {
        let scenario = Scenario::parse(&format!("[check]\nlive = {live}")).expect("valid");
        judge(&scenario, report).iter().all(|judged| judged.met)
    };
    assert!(by(true, &report) && by(false, &report));
    report.posts.lost_at_worst = 1;
    assert!(!by(true, &report) && by(false, &report));
}

#[test]
fn a_run_that_misses_a_bound_is_not_right_and_says_which() {
    let mut report = run();
    report.bounds = vec![judge_one("hops = 4", &report)];
    report.ok = report.is_right();
    let said = report.for_people();
    assert!(!report.ok && said.contains("not right: missed hops 5.5 (at most 4)"), "{said}");
    let json = serde_json::to_value(&report).expect("JSON");
    assert_eq!((&json["bounds"][0]["bound"], &json["bounds"][0]["met"]), (&"hops".into(), &false.into()));
    report.bounds = vec![judge_one("hops = 6", &report)];
    assert!(report.is_right() && report.for_people().contains("bounds   hops 5.5 (at most 6)"));
}

#[test]
fn real_time_is_judged_by_whoever_knows_it() {
    let took = |seconds: u64, wall: Option<u64>| {
        let mut report = run();
        let bounds = Bounds { wall: wall.map(Duration::from_secs), ..Bounds::default() };
        report.took(Duration::from_secs(seconds), &bounds);
        (report.ok, report.wall_s, report.bounds.len())
    };
    assert_eq!(took(300, Some(300)), (true, Some(300.0), 1));
    assert_eq!(took(301, Some(300)), (false, Some(301.0), 1));
    assert_eq!(took(301, None), (true, Some(301.0), 0));
}

#[test]
fn a_check_that_was_not_clean_in_time_says_why() {
    let unfinished = Checked { clean_after_ms: Some(1.0), deeds_ended: false, ..Checked::default() };
    let late = Checked { deeds_ended: true, ..Checked::default() };
    for (check, why) in [(unfinished, "had not ended"), (late, "looked too late")] {
        let report = Report { checks: vec![check], ..run() };
        assert!(!report.is_right() && report.for_people().contains(why), "{}", report.for_people());
    }
}
