//! The list of keys: their names, what they mean, what they may be.

/// A key that may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// Section and key, or the name of a repeated section.
    pub name: &'static str,
    /// Its value is a TOML list, also in the environment and in `--set`.
    pub list: bool,
    /// What it may be, for error messages.
    pub allowed: &'static str,
    /// What it is for, in a sentence.
    pub about: &'static str,
}

const fn key(name: &'static str, list: bool, allowed: &'static str, about: &'static str) -> KeyInfo {
    KeyInfo { name, list, allowed, about }
}

/// All keys there are.
pub const KEYS: &[KeyInfo] = &[
    key(
        "net.listen",
        false,
        "an IP address and a port, such as \"[::]:4747\" or \"192.0.2.1:0\" (0 is any free port)",
        "Where this node listens for other nodes (QUIC, over UDP); [::] takes IPv4 too.",
    ),
    key(
        "net.advertise",
        true,
        "a list of at most 6 IP addresses with ports, such as [\"192.0.2.1:4747\"]",
        "Addresses that others are told, for a machine behind a router; else those of the machine.",
    ),
    key(
        "network.id",
        false,
        "the network's id, 64 digits of 0-9 and a-f",
        "The network this node belongs to; its document must hash to this id.",
    ),
    key(
        "network.file",
        false,
        "a path, relative to the folder of this file",
        "The network document; without it a bootpeer is asked for the one with the id above.",
    ),
    key(
        "bootpeer",
        true,
        "at most 64 entries, each with address (\"host:port\") and node_id (64 digits of 0-9 and a-f)",
        "A way into the network: where a bootpeer listens, and the id it must prove.",
    ),
    key(
        "api.listen",
        false,
        "a loopback address and a port, such as \"127.0.0.1:0\" (0 is a free port, chosen once and kept)",
        "Where the commands, the page and other programs of this machine reach this node.",
    ),
    key(
        "store.quota",
        false,
        "a size of at least 64KiB, such as \"1GiB\"",
        "The most that stored records may take on disk.",
    ),
    key("store.min_free", false, "a size, such as \"256MiB\"", "Room on the disk that this node leaves to others."),
    key(
        "gc.interval",
        false,
        "a duration from 100ms to 1d, such as \"60s\"",
        "How often posts that everybody has, or that expired, are collected.",
    ),
    key(
        "gc.min_age",
        false,
        "a duration from 0s to 30d, such as \"1h\"",
        "How long a post lies on this node before it may be collected; posts that expired go at once.",
    ),
    key(
        "gc.collect_seen",
        false,
        "true or false",
        "Whether this node collects posts that every follower has seen, before they expire or have to make room.",
    ),
    key(
        "seen.min_interval",
        false,
        "a duration from 0s to 1h, such as \"10s\"",
        "The shortest time between two words to others about how far one author's posts were read here.",
    ),
    key(
        "seen.publish",
        false,
        "true or false",
        "Whether others are told how far posts were read here; without it they keep posts longer for you.",
    ),
    key(
        "clock.servers",
        true,
        "a list of at most 16 hosts, with a port where it is not 123, such as [\"0.pool.ntp.org\", \"192.0.2.1:123\"]",
        "Time servers that correct this node's clock; none in a test network, else a public pool.",
    ),
    key("clock.interval", false, "a duration from 15s to 1d, such as \"1h\"", "How often the time servers are asked."),
    key(
        "clock.set_system",
        false,
        "true or false",
        "Whether the machine's clock is set as well, where this process may; else only the node's own is corrected.",
    ),
    key("log.format", false, "\"text\" or \"json\"", "The form of log lines on standard error."),
];

/// Returns what is known of a key.
pub(super) fn find(name: &str) -> Option<&'static KeyInfo> {
    KEYS.iter().find(|key| key.name == name)
}

/// Returns the names that were likely meant: those of the same section, else all.
pub(super) fn alternatives(name: &str) -> String {
    let section = name.split('.').next().unwrap_or_default();
    let same = |key: &&KeyInfo| key.name.split('.').next() == Some(section);
    let known: Vec<_> = KEYS.iter().filter(same).map(|key| key.name).collect();
    if known.is_empty() { KEYS.iter().map(|key| key.name).collect::<Vec<_>>().join(", ") } else { known.join(", ") }
}
