//! What a simulated network is made of, and the network document that goes with it.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;

use super::links::Ways;
use crate::actors::Retention;
use crate::keys::SecretKey;
use crate::node::merge_rule;
use crate::seam::{Op, Space};
use crate::store::Merge;
use crate::types::Network;

/// A simulated network.
#[derive(Clone, Debug)]
pub struct SimConfig {
    /// Nodes, bootpeers included. All of them are started.
    pub nodes: usize,
    /// How many of them, the first ones, are bootpeers and registrars.
    pub bootpeers: usize,
    /// Size of a replica set.
    pub k: usize,
    /// How long messages take, and what becomes of them.
    pub ways: Ways,
    /// How long a commit takes.
    pub commit: Duration,
    /// How often nodes remove what has ended.
    pub gc_interval: Duration,
    /// What nodes collect and sign.
    pub retention: Retention,
    /// Bytes of records a node takes from strangers.
    pub store_quota: u64,
    /// More lines of the network document under `[limits]`, each with its end.
    pub limits: String,
    /// Devices that an account may have.
    pub devices: u32,
    /// Where each node is; no two at one address.
    pub addresses: fn(usize) -> Ipv4Addr,
    /// How many posts of an account are kept at its home, where the document says so.
    pub posts_kept: Option<u32>,
    /// Whether the registrars keep everything, and count for what is published.
    pub anchors: bool,
    /// How stores merge.
    pub merge: Merge,
    /// Changes that a node's store acknowledges and does not make: a fault of the program that has to be noticed.
    pub drops: Option<fn(node: usize, op: &Op) -> bool>,
    /// Local state that a node's store does not find, though it is on the disk: another such fault.
    pub blind: Option<fn(node: usize, space: Space) -> bool>,
    /// Requests, by their number, that a node has no time for, whoever asks: another such fault.
    pub refuses: Option<fn(node: usize, request: u8) -> bool>,
    /// What a node answers to a request in place of what it would: a lie.
    pub lies: Option<fn(node: usize, request: &Bytes) -> Option<Bytes>>,
    /// Whether equal records of all nodes share their bytes in memory.
    pub share_bytes: bool,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            nodes: 10,
            bootpeers: 3,
            k: 20,
            ways: Ways::default(),
            commit: Duration::from_millis(3),
            gc_interval: Duration::from_secs(60),
            retention: Retention::default(),
            store_quota: 64 * 1024 * 1024,
            limits: String::new(),
            devices: 64,
            addresses: private_address,
            posts_kept: None,
            anchors: true,
            merge: merge_rule,
            drops: None,
            blind: None,
            refuses: None,
            lies: None,
            share_bytes: false,
        }
    }
}

/// An address of its own for every node, which says nothing of who its neighbours are.
fn private_address(number: usize) -> Ipv4Addr {
    let [_, a, b, c] = (number as u32 + 1).to_be_bytes();
    Ipv4Addr::new(10, a, b, c)
}

impl SimConfig {
    /// Writes the document of a test network whose registrars have these keys.
    pub(super) fn network(&self, seed: u64, registrars: &[SecretKey]) -> Network {
        let mut text = format!(
            "name = \"simulation {seed}\"\nepoch = 1\ntest = true\nk = {}\n{}[limits]\ndevices = {}\n{}",
            self.k,
            self.posts_kept.map(|kept| format!("posts_kept = {kept}\n")).unwrap_or_default(),
            self.devices,
            self.limits
        );
        for (i, key) in registrars.iter().enumerate() {
            let wrote = write!(text, "\n[[registrar]]\nname = \"boot{i}\"\nkey = \"{}\"\n", key.public());
            wrote.expect("writing to a string cannot fail");
        }
        Network::parse(Bytes::from(text)).expect("a simulated network has a valid document")
    }
}
