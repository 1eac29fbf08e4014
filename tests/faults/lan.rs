//! A network of nodes, each a process on a host of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::hosts::Hosts;
use crate::support::{PASSWORD, Running, SOON, Said, eventually, folder, run, run_as, timeline, within};

/// Everything that waits has to finish so soon after the last fault has ended.
pub const HEALED: Duration = Duration::from_secs(60);
/// Where nodes listen; each has all ports of its host.
const PORT: u16 = 4747;
const PROGRAM: &str = env!("CARGO_BIN_EXE_timeline");

/// Bootpeers `boot-1` …, and a node for each person, named like it. Dropped in this order.
pub struct Lan {
    watching: BTreeMap<String, Running>,
    nodes: Vec<Running>,
    /// Where they are.
    pub hosts: Hosts,
    people: Vec<String>,
    test: String,
    dir: TempDir,
}

impl Lan {
    /// Starts a network and waits until everybody knows everybody; says why and returns `None` where that cannot be.
    pub fn start(test: &str, bootpeers: usize, people: &[&str]) -> Option<Self> {
        let boots: Vec<String> = (1..=bootpeers).map(|n| format!("boot-{n}")).collect();
        let names: Vec<&str> = boots.iter().map(String::as_str).chain(people.iter().copied()).collect();
        let hosts = Hosts::make(test, &names)?;
        let dir = folder();
        let invite = found(&hosts, &dir, &boots);
        let people: Vec<String> = people.iter().map(|name| (*name).to_owned()).collect();
        let mut lan = Self { watching: BTreeMap::new(), nodes: Vec::new(), hosts, people, test: test.to_owned(), dir };
        for name in &boots {
            let config = lan.folder(name).with_extension("toml");
            lan.start_node(name, &["bootpeer", "--config", config.to_str().expect("UTF-8")]);
        }
        for name in lan.people.clone() {
            run(&lan.folder(&name), &["join", &invite], "").ok();
            // Wherever its host is by then.
            lan.start_node(&name, &["peer", "--headless", "--listen", &format!("0.0.0.0:{PORT}")]);
        }
        for node in &mut lan.nodes {
            node.lines.until("ready line", SOON, |line| line["ready"] == true);
        }
        for name in names {
            let others = lan.nodes.len() - 1;
            eventually(&format!("{name} knows all"), || {
                lan.run(name, &["status"]).json["peers"]["known"] == json!(others)
            });
        }
        Some(lan)
    }

    fn start_node(&mut self, name: &str, words: &[&str]) {
        let mut command = self.timeline(name);
        command.arg("--json").arg("--data-dir").arg(self.folder(name)).args(words);
        self.nodes.push(Running::spawn(command));
    }

    fn timeline(&self, name: &str) -> Command {
        self.hosts.command(name, PROGRAM)
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.dir.path().join("lan").join(name)
    }

    /// Runs a command on a host.
    pub fn run(&self, name: &str, words: &[&str]) -> Said {
        run_as(self.timeline(name), &self.folder(name), words, "")
    }

    /// Registers everybody.
    pub fn register(&self) {
        for name in &self.people {
            let words = ["--timeout", "30", "register", name, "--password-stdin"];
            run_as(self.timeline(name), &self.folder(name), &words, PASSWORD).ok();
        }
    }

    /// Everybody follows everybody else, and watches the feed.
    pub fn follow_and_watch(&mut self) {
        for name in self.people.clone() {
            for other in self.people.iter().filter(|other| **other != name) {
                let said = self.run(&name, &["--timeout", "30", "follow", other]).ok();
                assert_eq!((&said["state"], &said["queued"]), (&json!("following"), &json!(false)), "{name}: {said}");
            }
            let mut command = self.timeline(&name);
            command.arg("--json").arg("--data-dir").arg(self.folder(&name)).args(["feed", "--watch"]);
            self.watching.insert(name, Running::spawn(command));
        }
    }

    /// Posts, and returns id and state of it.
    #[track_caller]
    pub fn post(&self, name: &str, text: &str) -> (String, String) {
        let said = self.run(name, &["--timeout", "3", "post", text]).ok();
        let word = |field: &str| said[field].as_str().expect("a word").to_owned();
        (word("id"), word("state"))
    }

    /// Waits until a feed that is watched has shown posts, with nobody doing anything.
    #[track_caller]
    pub fn shows(&mut self, name: &str, posts: &BTreeSet<String>, limit: Duration) {
        let deadline = Instant::now() + limit;
        let lines = &mut self.watching.get_mut(name).expect("watched").lines;
        let id = |line: &Value| line["post"]["id"].as_str().map(str::to_owned);
        let shown: BTreeSet<String> = lines.read.iter().filter_map(id).collect();
        let mut left: BTreeSet<&String> = posts.difference(&shown).collect();
        while !left.is_empty() {
            let what = format!("post of {left:?} at {name}");
            let wanted = |line: &Value| id(line).is_some_and(|id| left.contains(&id));
            let line = lines.until(&what, deadline.saturating_duration_since(Instant::now()), wanted);
            left.retain(|post| Some(*post) != id(&line).as_ref());
        }
    }

    /// Everything that waits is done within [`HEALED`]: what was posted is shown to everybody, once, and nothing is left in
    /// an outbox. `posts` are by author.
    #[track_caller]
    pub fn finishes(&mut self, posts: &BTreeMap<String, BTreeSet<String>>) {
        let healed = Instant::now();
        let deadline = healed + HEALED;
        for name in self.people.clone() {
            let of_others =
                posts.iter().filter(|(author, _)| **author != name).flat_map(|(_, ids)| ids.clone()).collect();
            self.shows(&name, &of_others, deadline.saturating_duration_since(Instant::now()));
            eprintln!("{}: {name} is shown everything {:?} after the end of the fault", self.test, healed.elapsed());
            let left = deadline.saturating_duration_since(Instant::now());
            let mut outbox = Value::Null;
            let empty = within(left, || {
                outbox = self.run(&name, &["outbox"]).json;
                outbox["items"] == json!([])
            });
            eprintln!("{}: nothing waits at {name} {:?} after the end of the fault", self.test, healed.elapsed());
            assert!(empty, "not within {HEALED:?} after the end of the fault: the outbox of {name} is empty; {outbox}");
        }
        for name in &self.people {
            let mut feed = Value::Null;
            let complete = within(deadline.saturating_duration_since(Instant::now()), || {
                feed = self.run(name, &["feed", "--peek", "-n", "500"]).ok();
                (&feed["complete"], &feed["missing"]) == (&json!(true), &json!([]))
            });
            assert!(complete, "{name} cannot say within {HEALED:?} that nothing is missing: {feed}");
            let shown = feed["posts"].as_array().expect("a list").iter();
            let all: Vec<&str> = shown.map(|post| post["id"].as_str().expect("an id")).collect();
            assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{name}: nothing twice");
            assert!(posts.values().flatten().all(|id| all.contains(&&**id)), "{name}: {feed}");
        }
    }
}

/// Founds a network whose bootpeers listen on their hosts; returns its invite.
fn found(hosts: &Hosts, dir: &TempDir, boots: &[String]) -> String {
    let mut command = timeline();
    command.args(["--json", "network", "new", "lan", "--test", "--out"]).arg(dir.path().join("lan"));
    for name in boots {
        command.arg("--bootpeer").arg(format!("{name}={}:{PORT}", hosts.address(name)));
    }
    for setting in ["limits.posts_per_minute=10000", "limits.posts_per_hour=100000", "limits.puts_per_minute=100000"] {
        command.args(["--network-set", setting]);
    }
    let output = command.output().expect("runs");
    assert!(output.status.success(), "{output:?}");
    let founded: Value = serde_json::from_slice(&output.stdout).expect("one object");
    founded["invite"].as_str().expect("an invite").to_owned()
}
