//! Every example in `config/` loads, names every key, and holds no private key.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use timeline::node::config::{Config, KEYS};
use timeline::node::founding::RESERVED_NAMES;
use timeline::types::{Limits, Network, NodeId};

use crate::load_file;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config")
}

fn network() -> Network {
    let bytes = fs::read(folder().join("network.example.toml")).expect("the example is there");
    Network::parse(Bytes::from(bytes)).expect("the example is valid")
}

#[test]
fn all_node_examples_load_and_belong_to_the_example_network() {
    let mut seen = 0;
    for entry in fs::read_dir(folder()).expect("the folder is there") {
        let path = entry.expect("readable").path();
        if path.extension().is_none_or(|e| e != "toml") || path.ends_with("network.example.toml") {
            continue;
        }
        let config = load_file(&path).unwrap_or_else(|error| panic!("{error}"));
        let id = config.network.id.map(|id| id.to_string());
        assert_eq!(id, Some(network().id.to_string()), "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 4, "only {seen} examples");
}

#[test]
fn the_peer_example_shows_the_defaults_of_every_key() {
    let path = folder().join("peer.toml");
    let config = load_file(&path).expect("valid");
    let defaults = Config { network: config.network.clone(), bootpeers: config.bootpeers.clone(), ..Config::default() };
    assert_eq!(config, defaults);
    let text = fs::read_to_string(path).expect("readable");
    for key in KEYS {
        let line = key.name.split_once('.').map_or(format!("[[{}]]", key.name), |(_, name)| format!("{name} = "));
        assert!(text.lines().any(|l| l.trim_start_matches("# ").starts_with(&line)), "{} is not shown", key.name);
    }
}

#[test]
fn the_bootpeer_examples_know_each_other_and_the_document() {
    let id = |digit: u8| NodeId([digit * 0x11; 32]);
    for n in 1..=3u8 {
        let config = load_file(&folder().join(format!("bootpeer-{n}.toml"))).expect("valid");
        let others: Vec<_> = config.bootpeers.iter().map(|bootpeer| bootpeer.node_id).collect();
        assert_eq!(others, (1..=3).filter(|other| *other != n).map(id).collect::<Vec<_>>());
        assert_eq!(config.network.file, Some(folder().join("network.example.toml")));
    }
}

#[test]
fn the_network_example_shows_the_defaults() {
    let document = network().document;
    assert_eq!(document.limits, Limits::default());
    assert_eq!((document.k, document.posts_kept, document.test), (20, 10, false));
    assert!(document.reserved_names.iter().map(String::as_str).eq(RESERVED_NAMES.iter().copied()));
    assert_eq!(document.registrars.len(), 3);
}

#[test]
fn no_private_key_lies_among_the_examples() {
    for folder in ["config", "certs"] {
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).expect("the folder is there") {
            let path = entry.expect("readable").path();
            if path.is_file() {
                let text = fs::read_to_string(&path).expect("text");
                assert!(!text.contains("PRIVATE KEY"), "{}", path.display());
            }
        }
    }
}
