//! A network on loopback whose nodes are killed and started one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Net, PASSWORD, Running, SOON, Said, eventually, folder, run};

/// Nodes by name, those that run and those that do not.
pub struct Crew {
    running: BTreeMap<String, Running>,
    folders: BTreeMap<String, PathBuf>,
    _dir: TempDir,
}

impl Crew {
    /// Founds a network of `boot-1` … and `peer-1` …, none of which runs yet, with these people on its peers.
    pub fn found(bootpeers: usize, people: &[&str]) -> Self {
        let dir = folder();
        let (bootpeers, peers) = (bootpeers.to_string(), people.len().to_string());
        let mut words = vec!["--bootpeers", &bootpeers, "--peers", &peers];
        for setting in
            ["limits.posts_per_minute=100000", "limits.posts_per_hour=1000000", "limits.puts_per_minute=1000000"]
        {
            words.extend(["--network-set", setting]);
        }
        // Nothing that was posted is collected meanwhile.
        words.extend(["--set", "gc.min_age=7d"]);
        let net = Net::start(dir.path(), &words);
        for (n, who) in people.iter().enumerate() {
            net.register(&format!("peer-{}", n + 1), who);
        }
        let folders = net.names().into_iter().map(|name| (name.clone(), net.dir(&name))).collect();
        net.stop();
        Self { running: BTreeMap::new(), folders, _dir: dir }
    }

    /// Returns the data dir of a node.
    pub fn folder(&self, name: &str) -> &Path {
        &self.folders[name]
    }

    /// Starts a node and does not wait for it.
    pub fn launch(&mut self, name: &str, settings: &[&str]) {
        let role: &[&str] = if name.starts_with("boot") { &["bootpeer"] } else { &["peer", "--headless"] };
        let running = Running::start(Some(&self.folders[name]), &[settings, role].concat());
        assert!(self.running.insert(name.to_owned(), running).is_none(), "{name} runs already");
    }

    /// Starts nodes and waits until they are ready.
    #[track_caller]
    pub fn start(&mut self, names: &[&str], settings: &[&str]) {
        names.iter().for_each(|name| self.launch(name, settings));
        for name in names {
            let lines = &mut self.running.get_mut(*name).expect("started").lines;
            lines.until(&format!("ready line of {name}"), SOON, |line| line["ready"] == true);
        }
    }

    /// Waits until everybody who runs knows everybody else who runs.
    #[track_caller]
    pub fn meet(&self) {
        for name in self.running.keys() {
            eventually(&format!("{name} knows all"), || {
                self.run(name, &["status"]).json["peers"]["known"] == json!(self.running.len() - 1)
            });
        }
    }

    /// Starts a node that may refuse to start; returns whether it runs, and its first line.
    pub fn try_start(&mut self, name: &str) -> (bool, Value) {
        self.launch(name, &[]);
        let lines = &mut self.running.get_mut(name).expect("started").lines;
        let line = lines.until(&format!("first line of {name}"), SOON, |_| true);
        let started = line["ready"] == true;
        if !started {
            let code = self.running.remove(name).expect("started").wait();
            assert!(code.is_some_and(|code| code != 0), "{name} ended with {code:?} after {line}");
        }
        (started, line)
    }

    /// Ends a node with a signal; returns its exit code.
    pub fn end(&mut self, name: &str, signal: &str) -> Option<i32> {
        self.running.remove(name).expect("it runs").end(signal)
    }

    /// Runs a command on a node.
    pub fn run(&self, name: &str, words: &[&str]) -> Said {
        run(self.folder(name), words, "")
    }

    /// Runs a command that would start a node which cannot start.
    pub fn refused(&self, name: &str, settings: &[&str]) -> Said {
        let role: &[&str] = if name.starts_with("boot") { &["bootpeer"] } else { &["peer", "--headless"] };
        run(self.folder(name), &[settings, role].concat(), PASSWORD)
    }

    /// Returns the whole feed of a node, by id.
    pub fn feed(&self, name: &str) -> BTreeMap<String, Value> {
        whole_feed(self.folder(name))
    }
}

/// Returns everything in a feed by id, and checks that nothing is there twice.
#[track_caller]
pub fn whole_feed(dir: &Path) -> BTreeMap<String, Value> {
    let mut all: BTreeMap<String, Value> = BTreeMap::new();
    let mut cursor = None::<String>;
    loop {
        let mut words = vec!["feed", "--peek", "-n", "500"];
        words.extend(cursor.iter().flat_map(|cursor| ["--cursor", cursor.as_str()]));
        let page = run(dir, &words, "").ok();
        for post in page["posts"].as_array().expect("a list") {
            let id = post["id"].as_str().expect("an id").to_owned();
            assert_eq!(all.insert(id, post.clone()), None, "nothing twice: {post}");
        }
        match page["next"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    let texts: BTreeSet<&str> = all.values().filter_map(|post| post["text"].as_str()).collect();
    assert_eq!(texts.len(), all.len(), "each text was posted once");
    all
}
