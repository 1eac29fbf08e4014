//! The lines of a run, and the medians over its seeds.

use std::path::Path;

use serde_json::Value;

use crate::measure::percentile;

/// Somebody who was measured.
#[derive(Clone, Copy)]
pub struct Who {
    pub peer: &'static str,
    pub variant: &'static str,
    pub label: &'static str,
    pub colour: &'static str,
}

const fn who(peer: &'static str, variant: &'static str, label: &'static str, colour: &'static str) -> Who {
    Who { peer, variant, label, colour }
}

pub const MEMORY: Who = who("timeline", "memory", "ours, memory", "#1f6feb");
pub const DISK: Who = who("timeline", "sqlite", "ours, disk", "#0a3069");
pub const LIBP2P: Who = who("rust-libp2p", "k20 quorum=majority", "libp2p-kad", "#d1242f");
pub const PYTHON: Who = who("python-kademlia", "k20 1 proc", "kademlia (Python)", "#bf8700");
pub const MAINLINE: Who = who("mainline", "immutable 3 bootstraps", "mainline", "#1a7f37");
pub const NOSTR: Who = who("nostr-relay", "memory, no encryption", "Nostr relay", "#8250df");
pub const FLOOR: Who = who("floor", "quinn", "QUIC alone", "#6e7781");

/// Those that are compared with us.
pub const PEERS: [Who; 4] = [LIBP2P, PYTHON, MAINLINE, NOSTR];

/// What a figure is of.
#[derive(Clone, Copy)]
pub struct What {
    pub phase: &'static str,
    pub name: &'static str,
    pub nodes: Option<u64>,
    pub followers: Option<u64>,
}

/// The lines.
pub struct Results(Vec<Value>);

impl Results {
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        Self(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// Returns the median over all runs; nothing where nothing was measured.
    pub fn figure(&self, who: Who, what: What) -> Option<f64> {
        let is = |line: &&Value| {
            line["peer"] == who.peer
                && line["variant"] == who.variant
                && line["phase"] == what.phase
                && what.nodes.is_none_or(|n| line["n"] == n)
                && what.followers.is_none_or(|n| line["followers"] == n)
        };
        let values: Vec<f64> = self.0.iter().filter(is).filter_map(|line| line[what.name].as_f64()).collect();
        percentile(&values, 0.5)
    }

    /// Returns the numbers of nodes, or of followers, that were measured.
    pub fn numbers(&self, name: &str, phase: &str) -> Vec<u64> {
        let lines = self.0.iter().filter(|line| line["phase"] == phase && line["peer"] != FLOOR.peer);
        let mut all: Vec<u64> = lines.filter_map(|line| line[name].as_u64()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Returns facts of the run, and who was left out and why.
    pub fn notes(&self, phase: &str) -> Vec<String> {
        let lines = self.0.iter().filter(|line| line["phase"] == phase);
        lines.filter_map(|line| line["text"].as_str().map(str::to_owned)).collect()
    }

    /// Returns the most cores that other programs kept busy in any phase of some length.
    pub fn others(&self) -> f64 {
        let long = self.0.iter().filter(|line| line["wall_s"].as_f64().is_some_and(|wall| wall > 0.5));
        let busy: Vec<f64> = long.filter_map(|line| line["others_cores"].as_f64()).collect();
        percentile(&busy, 0.5).unwrap_or_default()
    }
}
