//! Several hosts on one machine: network namespaces, each joined by a link to one bridge, which can lose packets.
//!
//! Everything lies in namespaces of its own: nothing of the machine's network is touched.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio, id};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::skipped;
use crate::support::bare;

/// What the names of our namespaces begin with; the number of the process that made them follows.
const PREFIX: &str = "timeline-test-";
/// The part of an address that all hosts have.
const SUBNET: &str = "10.77.0";

/// Tells apart what one process makes.
static MADE: AtomicUsize = AtomicUsize::new(0);

/// Hosts with names; removed when this is dropped.
pub struct Hosts {
    prefix: String,
    names: Vec<String>,
}

impl Hosts {
    /// Makes hosts. Where this machine does not allow it, says so and returns `None`.
    pub fn make(test: &str, names: &[&str]) -> Option<Self> {
        remove_left_over();
        let prefix = format!("{PREFIX}{}-{}", id(), MADE.fetch_add(1, Ordering::Relaxed));
        let mut hosts = Self { prefix, names: Vec::new() };
        let made = hosts.add_bridge().and_then(|()| names.iter().try_for_each(|name| hosts.add(name)));
        let ready = made.and_then(|()| hosts.set_rules(&[lossy(5)])).and_then(|()| hosts.set_rules(&[]));
        ready.map_err(|why| skipped(test, &format!("no network namespaces here: {why}"))).ok()?;
        Some(hosts)
    }

    /// Returns the address that a host has at first.
    pub fn address(&self, name: &str) -> String {
        let place = self.names.iter().position(|known| known == name).expect("a host");
        format!("{SUBNET}.{}", place + 1)
    }

    /// Returns a command that runs on a host.
    pub fn command(&self, name: &str, program: &str) -> Command {
        let mut command = ip();
        command.args(["netns", "exec", &self.namespace(name), program]);
        command
    }

    /// Takes a host to the address with this last number, without any on the way there; returns it.
    pub fn readdress(&self, name: &str, last: usize, on_the_way: impl FnOnce()) -> String {
        let (host, to) = (self.namespace(name), format!("{SUBNET}.{last}"));
        call(ip().args(["-n", &host, "addr", "flush", "dev", "eth0", "scope", "global"]), "").expect("flushed");
        on_the_way();
        call(ip().args(["-n", &host, "addr", "add", &format!("{to}/24"), "dev", "eth0"]), "").expect("an address");
        to
    }

    /// Takes the link of a host down, or up again.
    pub fn set_link(&self, name: &str, up: bool) {
        let way = if up { "up" } else { "down" };
        call(ip().args(["-n", &self.namespace(name), "link", "set", "eth0", way]), "").expect("a link");
    }

    /// Lets the bridge drop packets from now on, by these rules alone.
    pub fn drop_packets(&self, rules: &[String]) {
        self.set_rules(rules).expect("rules that the machine took before");
    }

    /// Lets everything through again; returns how many packets were dropped.
    pub fn heal(&self) -> u64 {
        let listed = call(self.nft().args(["list", "table", "bridge", "faults"]), "").expect("a table");
        self.drop_packets(&[]);
        let words: Vec<&str> = listed.split_whitespace().collect();
        let counters = words.windows(2).filter(|pair| pair[0] == "packets");
        counters.map(|pair| pair[1].parse::<u64>().expect("a number")).sum()
    }

    fn namespace(&self, name: &str) -> String {
        format!("{}-{name}", self.prefix)
    }

    fn bridge(&self) -> String {
        self.namespace("bridge")
    }

    fn nft(&self) -> Command {
        let mut command = ip();
        command.args(["netns", "exec", &self.bridge(), "nft"]);
        command
    }

    fn set_rules(&self, rules: &[String]) -> Result<(), String> {
        // Declared first, so that there is something to delete; all of it is done at once.
        let table = "table bridge faults";
        let rules = rules.join("\n");
        let text = format!(
            "{table}\ndelete {table}\n{table} {{\n chain forward {{\n type filter hook forward priority 0;\n{rules}\n }}\n}}\n"
        );
        call(self.nft().args(["-f", "-"]), &text).map(drop)
    }

    fn add_bridge(&self) -> Result<(), String> {
        let bridge = self.bridge();
        call(ip().args(["netns", "add", &bridge]), "")?;
        call(ip().args(["-n", &bridge, "link", "add", "br0", "type", "bridge"]), "")?;
        call(ip().args(["-n", &bridge, "link", "set", "br0", "up"]), "").map(drop)
    }

    /// Makes a host whose link has its name at the bridge.
    fn add(&mut self, name: &str) -> Result<(), String> {
        self.names.push(name.to_owned());
        let (host, bridge, address) = (self.namespace(name), self.bridge(), format!("{}/24", self.address(name)));
        call(ip().args(["netns", "add", &host]), "")?;
        let link = ["-n", &host, "link", "add", "eth0", "type", "veth", "peer", "name", name, "netns", &bridge];
        call(ip().args(link), "")?;
        call(ip().args(["-n", &bridge, "link", "set", name, "master", "br0", "up"]), "")?;
        call(ip().args(["-n", &host, "addr", "add", &address, "dev", "eth0"]), "")?;
        call(ip().args(["-n", &host, "link", "set", "eth0", "up"]), "")?;
        call(ip().args(["-n", &host, "link", "set", "lo", "up"]), "").map(drop)
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for name in self.names.iter().map(String::as_str).chain(["bridge"]) {
            // One that could not be made cannot be removed.
            let _ = call(ip().args(["netns", "delete", &self.namespace(name)]), "");
        }
    }
}

/// A rule: so many of a hundred packets are lost, wherever they go.
pub fn lossy(percent: u8) -> String {
    // Not the questions for hardware addresses: a real network repeats those by itself.
    format!("ether type ip numgen random mod 100 < {percent} counter drop")
}

/// A rule: nothing comes from some hosts to others.
pub fn one_way(from: &[&str], to: &[&str]) -> String {
    let set = |names: &[&str]| names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    format!("iifname {{ {} }} oifname {{ {} }} ether type ip counter drop", set(from), set(to))
}

/// Rules: none of these groups hears of another.
pub fn apart(groups: &[&[&str]]) -> Vec<String> {
    let pairs = groups.iter().enumerate().flat_map(|(n, one)| groups[n + 1..].iter().map(move |other| (one, other)));
    pairs.flat_map(|(one, other)| [one_way(one, other), one_way(other, one)]).collect()
}

/// Returns `ip` of iproute2, whose folder not everybody's path has.
fn ip() -> Command {
    let mut command = bare("ip");
    command.env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()));
    command
}

/// Runs a command to its end; returns what it said, or why it failed.
fn call(command: &mut Command, stdin: &str) -> Result<String, String> {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().map_err(|error| format!("{:?}: {error}", piped.get_program()))?;
    // It may be gone already, and then says why.
    let _ = child.stdin.take().expect("piped").write_all(stdin.as_bytes());
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy()).collect();
    Err(format!("ip {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}

/// Removes what a run that was killed left behind.
fn remove_left_over() {
    for line in call(ip().args(["netns", "list"]), "").unwrap_or_default().lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        let maker = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if maker.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            // Another run may be removing it as well.
            let _ = call(ip().args(["netns", "delete", name]), "");
        }
    }
}
