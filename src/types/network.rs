//! The network document: what all nodes of a network agree on.
//!
//! A document is a TOML text; its exact bytes are hashed, so a `NetworkId` pins every setting in it.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{IpPrefix, NetworkId, NodeId, PublicKey};

/// The largest network document that is read, from a file or from a peer.
pub const MAX_DOCUMENT_BYTES: usize = 64 * 1024;

/// Why a network document is refused.
#[derive(Debug, Error)]
pub enum NetworkError {
    /// Over [`MAX_DOCUMENT_BYTES`].
    #[error("the network document has {0} bytes, at most {MAX_DOCUMENT_BYTES} are allowed")]
    TooLarge(usize),
    /// Not UTF-8, not TOML, or with unknown or ill-typed keys.
    #[error("the network document cannot be read: {0}")]
    Malformed(#[from] toml::de::Error),
    /// A value outside what is allowed.
    #[error("{key} must be {allowed}")]
    Value {
        /// The setting.
        key: &'static str,
        /// What it may be.
        allowed: &'static str,
    },
    /// The document hashes to another id than the one that was asked for.
    #[error("this is the document of network {found}, not of {wanted}")]
    OtherNetwork {
        /// The id asked for.
        wanted: NetworkId,
        /// The id of the document at hand.
        found: NetworkId,
    },
}

/// A registrar as the document names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistrarEntry {
    /// A name for people.
    pub name: String,
    /// The node key of the bootpeer that holds this office, 64 hex digits.
    pub key: String,
}

/// Limits that every node of the network applies. Byte limits are for one record, signatures included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Largest post record.
    pub post_bytes: u32,
    /// Largest account record, and largest device certificate.
    pub account_bytes: u32,
    /// Largest password bundle.
    pub bundle_bytes: u32,
    /// Largest private entry.
    pub private_bytes: u32,
    /// Largest record of any other kind.
    pub other_bytes: u32,
    /// Posts an account may make within a minute.
    pub posts_per_minute: u32,
    /// Posts an account may make within an hour.
    pub posts_per_hour: u32,
    /// Accounts that an account may follow.
    pub followees: u32,
    /// Entries in the first page of a list.
    pub page_entries: u32,
    /// Devices of one account that are alive at once.
    pub devices: u32,
    /// Records one peer may put within a minute.
    pub puts_per_minute: u32,
    /// Bytes that one account may keep at its home.
    pub account_quota: u64,
    /// Mentions that one account may bring to another's inbox within an hour.
    pub mentions_per_hour: u32,
    /// Bytes that all accounts from one /24 (IPv6 /48) may keep at one node.
    pub source_quota: u64,
    /// Prefixes of addresses, such as those of a campus, for which only the limits of each account hold.
    pub home_prefixes: Vec<String>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            post_bytes: 4096,
            account_bytes: 2048,
            bundle_bytes: 8192,
            private_bytes: 16 * 1024,
            other_bytes: 512,
            posts_per_minute: 30,
            posts_per_hour: 300,
            followees: 5000,
            page_entries: 500,
            devices: 64,
            puts_per_minute: 600,
            account_quota: 4 * 1024 * 1024,
            mentions_per_hour: 20,
            source_quota: 64 * 1024 * 1024,
            home_prefixes: Vec::new(),
        }
    }
}

fn default_k() -> u32 {
    20
}

fn default_cap() -> u32 {
    10
}

/// The document as written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkDocument {
    /// A name for people.
    pub name: String,
    /// 1 in the form that gives the network its id.
    pub epoch: u64,
    /// A `test` network accepts cheaper passwords; nothing else differs.
    #[serde(default)]
    pub test: bool,
    /// Size of a replica set, and of a bucket.
    #[serde(default = "default_k")]
    pub k: u32,
    /// How many posts of an account are kept before those most followers have seen are collected.
    #[serde(default = "default_cap")]
    pub posts_kept: u32,
    /// Names nobody may register.
    #[serde(default)]
    pub reserved_names: BTreeSet<String>,
    /// Limits that all nodes apply.
    #[serde(default)]
    pub limits: Limits,
    /// Who decides about names.
    #[serde(default, rename = "registrar")]
    pub registrars: Vec<RegistrarEntry>,
}

/// A checked network document with its exact bytes.
#[derive(Clone, Debug)]
pub struct Network {
    /// BLAKE3-256 of the bytes.
    pub id: NetworkId,
    /// The parsed document.
    pub document: NetworkDocument,
    /// The registrars' keys, in the order of their `NodeId`s.
    pub registrars: Vec<PublicKey>,
    /// The prefixes of `limits.home_prefixes`.
    pub home_prefixes: Vec<IpPrefix>,
    bytes: Bytes,
}

/// Returns how many registrars must sign for a name: floor((n+f)/2)+1 with f = floor((n-1)/3).
pub fn quorum(n: usize) -> usize {
    (n + n.saturating_sub(1) / 3) / 2 + 1
}

impl Network {
    /// Reads and checks a document.
    pub fn parse(bytes: Bytes) -> Result<Self, NetworkError> {
        if bytes.len() > MAX_DOCUMENT_BYTES {
            return Err(NetworkError::TooLarge(bytes.len()));
        }
        let document: NetworkDocument = toml::from_slice(&bytes)?;
        let registrars = document.check()?;
        let home_prefixes = document.limits.home_prefixes()?;
        let id = NetworkId(*blake3::hash(&bytes).as_bytes());
        Ok(Self { id, document, registrars, home_prefixes, bytes })
    }

    /// Reads and checks a document that must have the id `wanted`.
    pub fn parse_as(bytes: Bytes, wanted: NetworkId) -> Result<Self, NetworkError> {
        let found = NetworkId(*blake3::hash(&bytes).as_bytes());
        if found != wanted {
            return Err(NetworkError::OtherNetwork { wanted, found });
        }
        Self::parse(bytes)
    }

    /// Returns the exact bytes, for handing to others.
    pub fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    /// Returns the size of a replica set.
    pub fn k(&self) -> usize {
        self.document.k as usize
    }

    /// Returns the limits.
    pub fn limits(&self) -> &Limits {
        &self.document.limits
    }

    /// Returns how many FINALs make a certificate.
    pub fn quorum(&self) -> usize {
        quorum(self.registrars.len())
    }

    /// Tells whether `node` is one of the registrars.
    pub fn is_registrar(&self, node: &NodeId) -> bool {
        self.registrars.iter().any(|key| key.node_id() == *node)
    }

    /// Returns log2 of the guesses a password must withstand.
    pub fn password_bits(&self) -> u32 {
        if self.document.test { 20 } else { 40 }
    }

    /// Returns the protocol name that both sides of a connection must offer.
    pub fn alpn(&self) -> Vec<u8> {
        alpn(&self.id)
    }
}

/// The most prefixes that a document names: each is looked at for every newcomer.
const MAX_HOME_PREFIXES: usize = 64;

impl Limits {
    /// Reads the prefixes that have only the limits of each account.
    ///
    /// # Errors
    /// [`NetworkError::Value`] when there are too many, or one cannot be read.
    pub fn home_prefixes(&self) -> Result<Vec<IpPrefix>, NetworkError> {
        let allowed = "at most 64 prefixes, such as \"192.0.2.0/24\" or \"2001:db8::/32\"";
        let refused = NetworkError::Value { key: "limits.home_prefixes", allowed };
        let read: Result<Vec<IpPrefix>, _> = self.home_prefixes.iter().map(|text| text.parse()).collect();
        read.ok().filter(|prefixes| prefixes.len() <= MAX_HOME_PREFIXES).ok_or(refused)
    }
}

/// How long a post lives when its author says nothing.
pub const DEFAULT_TTL: Duration = Duration::from_secs(7 * 24 * 3600);
/// The shortest life of a post.
pub const MIN_TTL: Duration = Duration::from_secs(10);
/// The longest life of a post.
pub const MAX_TTL: Duration = Duration::from_secs(30 * 24 * 3600);

/// Returns the protocol name of a network: `timeline/1/` and the first 16 hex digits of its id.
pub fn alpn(id: &NetworkId) -> Vec<u8> {
    format!("timeline/1/{}", &id.to_string()[..16]).into_bytes()
}

impl NetworkDocument {
    fn check(&self) -> Result<Vec<PublicKey>, NetworkError> {
        let value = |key, allowed| Err(NetworkError::Value { key, allowed });
        if self.name.is_empty() || self.name.chars().count() > 64 || self.name.chars().any(char::is_control) {
            return value("name", "1 to 64 printable characters");
        }
        if self.epoch != 1 {
            return value("epoch", "1");
        }
        if !(1..=64).contains(&self.k) {
            return value("k", "1 to 64");
        }
        if self.registrars.len() > 32 {
            return value("registrar", "given at most 32 times");
        }
        let mut keys = Vec::with_capacity(self.registrars.len());
        for entry in &self.registrars {
            match entry.key.parse::<PublicKey>() {
                Ok(key) if !keys.contains(&key) => keys.push(key),
                _ => return value("registrar.key", "64 hex digits, each key once"),
            }
        }
        keys.sort_by_key(PublicKey::node_id);
        Ok(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quorums_are_those_of_the_design() {
        let expected = [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (7, 5)];
        for (n, q) in expected {
            assert_eq!(quorum(n), q, "n = {n}");
        }
    }

    #[test]
    fn documents_pin_their_bytes_and_refuse_what_they_do_not_know() {
        let parse = |text: &str| Network::parse(Bytes::copy_from_slice(text.as_bytes()));
        let network = parse("name = \"a\"\nepoch = 1\nk = 3\n").expect("valid");
        assert_eq!(network.k(), 3);
        assert_eq!(network.limits(), &Limits::default());
        assert_eq!(network.alpn().len(), "timeline/1/".len() + 16);
        assert!(Network::parse_as(network.bytes(), NetworkId([0; 32])).is_err());
        assert!(Network::parse_as(network.bytes(), network.id).is_ok());
        let home = |list: &str| parse(&format!("name = \"a\"\nepoch = 1\n[limits]\nhome_prefixes = [{list}]"));
        assert_eq!(home("\"192.0.2.0/24\", \"2001:db8::/32\"").expect("valid").home_prefixes.len(), 2);
        assert!(home("\"192.0.2.1/24\"").is_err() && home(&"\"192.0.2.0/24\",".repeat(65)).is_err());
        for bad in ["", "name = \"a\"\nepoch = 2", "name = \"a\"\nepoch = 1\nk = 0", "name = \"a\"\nepoch = 1\nx = 1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
