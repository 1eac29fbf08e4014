//! `timeline sim`: reports, plots, exit codes, and runs that repeat themselves.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::support::{folder, run, signal, timeline};

const SMALL: &str = "name = \"small\"\nnodes = 5\nbootpeers = 1\nduration = \"2m\"\nstart_within = \"1s\"\n\
                     [people]\npercent = 50\nfollows = 1\nposts = 60\nlooks = 30\nreads = 60\nlookups = 240\n[check]\ncount_every = \"30s\"\n";

#[test]
fn a_scenario_is_played_reported_and_drawn_and_repeats_itself() {
    let dir = folder();
    let (file, out) = (dir.path().join("small.toml"), dir.path().join("out"));
    fs::write(&file, SMALL).expect("written");
    let (file, out) = (file.to_str().expect("UTF-8"), out.to_str().expect("UTF-8"));
    let first = run(dir.path(), &["sim", file, "--seed", "3", "--out", out], "").ok();
    let (again, other) =
        (run(dir.path(), &["sim", file, "--seed", "3"], "").ok(), run(dir.path(), &["sim", file], "").ok());
    let trace = |said: &serde_json::Value| said["runs"][0]["trace"].as_str().map(str::to_owned).expect("a trace");
    assert_eq!(trace(&first), trace(&again));
    assert_ne!(trace(&first), trace(&other));
    let report = &first["runs"][0];
    assert_eq!(
        (first["ok"].as_bool(), &report["seed"], &report["nodes"]),
        (Some(true), &3.into(), &5.into()),
        "{first}"
    );
    assert!(report["posts"]["published"].as_u64() > Some(0) && report["posts"]["lost"] == 0, "{report}");
    assert!(report["wall_s"].as_f64() > Some(0.0) && report["hops"]["count"].as_u64() > Some(0), "{report}");
    let repeat = report["repeat"].as_str().expect("a command");
    assert_eq!(repeat, format!("timeline sim {file} --seed 3 --nodes 5"));
    let written: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(format!("{out}/report.json")).expect("a report")).expect("JSON");
    assert_eq!(trace(&written), trace(&first));
    for plot in ["hops", "latency", "replicas", "lost", "traffic", "memory"] {
        let svg = fs::read_to_string(format!("{out}/{plot}.svg")).expect("a plot");
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{plot}");
    }
}

#[test]
fn a_run_in_which_something_was_lost_fails_and_says_how_to_repeat_it() {
    let dir = folder();
    let file = dir.path().join("lost.toml");
    let lost = format!(
        "{SMALL}fresh_reader = false\n[quiet]\nwithin = \"2s\"\n[[fault]]\nat = \"110s\"\ndo = \"disk-loss\"\n\
                        percent = 100\nbootpeers = 1\nfor = \"1s\"\n"
    );
    fs::write(&file, lost).expect("written");
    let said = run(dir.path(), &["sim", file.to_str().expect("UTF-8"), "--seed", "4"], "");
    assert_eq!((said.exit, said.json["ok"].as_bool()), (1, Some(false)), "{said:?}");
    let report = &said.json["runs"][0];
    assert!(report["posts"]["lost"].as_u64() > Some(0), "{report}");
    assert!(report["repeat"].as_str().is_some_and(|repeat| repeat.contains("--seed 4")), "{report}");
}

#[test]
fn a_run_that_misses_a_bound_fails_and_says_which() {
    let dir = folder();
    let file = dir.path().join("slow.toml");
    fs::write(&file, format!("{SMALL}[bounds]\nwall = \"1ms\"\nhops = 10\nread_p50 = \"10s\"\n")).expect("written");
    let said = run(dir.path(), &["sim", file.to_str().expect("UTF-8"), "--duration", "1m"], "");
    assert_eq!((said.exit, said.json["ok"].as_bool()), (1, Some(false)), "{said:?}");
    let report = &said.json["runs"][0];
    let bounds = report["bounds"].as_array().expect("bounds");
    let missed: Vec<&str> = bounds.iter().filter(|b| b["met"] == false).filter_map(|b| b["bound"].as_str()).collect();
    assert_eq!((missed, bounds.len()), (vec!["wall_s"], 4), "{report}");
    assert!(report["repeat"].as_str().is_some_and(|repeat| repeat.ends_with(" --duration 1m")), "{report}");
}

#[test]
fn a_run_that_is_asked_to_end_says_how_far_it_came_and_what_it_saw() {
    let dir = folder();
    let file = dir.path().join("long.toml");
    fs::write(&file, SMALL.replace("2m", "1000h")).expect("written");
    let mut command = timeline();
    command.arg("sim").arg(&file).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let (mut said, mut line) = (BufReader::new(child.stderr.take().expect("piped")), String::new());
    said.read_line(&mut line).expect("a line");
    assert!(line.contains("nodes start") && line.contains(" % ") && line.contains(" messages"), "{line}");
    signal(child.id(), "INT");
    let ended = child.wait_with_output().expect("it ends");
    let report = String::from_utf8(ended.stdout).expect("UTF-8");
    assert_eq!(ended.status.code(), Some(1), "{report}");
    assert!(report.contains("broken: ended before its time") && report.contains("--seed"), "{report}");
}

#[test]
fn a_scenario_that_makes_no_sense_is_refused() {
    let dir = folder();
    let file = dir.path().join("bad.toml");
    fs::write(&file, "nodez = 3").expect("written");
    let file = file.to_str().expect("UTF-8");
    run(dir.path(), &["sim", file], "").refused(2, "bad_config");
    run(dir.path(), &["sim", "--nodes", "1"], "").refused(2, "bad_config");
    run(dir.path(), &["sim", "no/such/file.toml"], "").refused(2, "usage");
    run(dir.path(), &["sim", "--duration", "soon"], "").refused(2, "usage");
    let late = dir.path().join("late.toml");
    fs::write(&late, "[[fault]]\nat = \"50m\"\ndo = \"crash\"\n").expect("written");
    run(dir.path(), &["sim", late.to_str().expect("UTF-8"), "--duration", "49m"], "").refused(2, "usage");
}
