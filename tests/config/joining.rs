//! Taking an invitation into a data dir.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::tempdir;
use timeline::node::config::Bootpeer;
use timeline::node::invite::{Invite, JoinError, join};
use timeline::types::{Code, NetworkId, NodeId, Problem};

use crate::load_dir;

fn invite(network: u8, bootpeers: &[u8]) -> Invite {
    let bootpeer = |n: &u8| Bootpeer { address: format!("boot-{n}.example.org:4747"), node_id: NodeId([*n; 32]) };
    Invite { network_id: NetworkId([network; 32]), bootpeers: bootpeers.iter().map(bootpeer).collect() }
}

#[test]
fn joining_writes_a_private_file_that_names_network_and_bootpeers() {
    let parent = tempdir().expect("a folder");
    let dir = parent.path().join("new");
    let invite = invite(1, &[1, 2]);
    let path = join(&dir, &invite).expect("joined");
    assert_eq!(path, dir.join("config.toml"));
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(&dir).expect("there").permissions().mode() & 0o777, 0o700);
    let config = load_dir(&dir).expect("valid");
    assert_eq!(config.network.id, Some(invite.network_id));
    assert_eq!(config.bootpeers, invite.bootpeers);
    assert!(config.net.listen_is_default, "joining chooses no port");
}

#[test]
fn joining_twice_changes_nothing_and_new_bootpeers_are_added() {
    let dir = tempdir().expect("a folder");
    let path = join(dir.path(), &invite(1, &[1])).expect("joined");
    let text = fs::read(&path).expect("there");
    join(dir.path(), &invite(1, &[1])).expect("again");
    assert_eq!(fs::read(&path).expect("there"), text);
    join(dir.path(), &invite(1, &[2, 1])).expect("more");
    assert_eq!(load_dir(dir.path()).expect("valid").bootpeers, invite(1, &[1, 2]).bootpeers);
}

#[test]
fn another_network_is_refused() {
    let dir = tempdir().expect("a folder");
    let path = join(dir.path(), &invite(1, &[1])).expect("joined");
    let text = fs::read(&path).expect("there");
    let error = join(dir.path(), &invite(2, &[1])).expect_err("another");
    assert!(matches!(error, JoinError::OtherNetwork { found, .. } if found == NetworkId([1; 32])));
    assert_eq!(Problem::from(error).code, Code::BadConfig);
    assert_eq!(fs::read(&path).expect("there"), text);

    // The document alone names a network too.
    fs::write(dir.path().join("network.toml"), "name = \"x\"\nepoch = 1\n").expect("writes");
    fs::write(&path, "[network]\nfile = \"network.toml\"\n").expect("writes");
    assert!(matches!(join(dir.path(), &invite(2, &[1])), Err(JoinError::OtherNetwork { .. })));
}

#[test]
fn settings_that_are_there_are_kept() {
    let dir = tempdir().expect("a folder");
    let path = dir.path().join("config.toml");
    fs::write(&path, "# mine\n[store]\nquota = \"2MiB\" # small").expect("writes");
    join(dir.path(), &invite(1, &[1])).expect("joined");
    let config = load_dir(dir.path()).expect("valid");
    assert_eq!((config.store.quota, config.network.id), (2 << 20, Some(NetworkId([1; 32]))));
    assert_eq!(config.bootpeers.len(), 1);
    assert!(fs::read_to_string(&path).expect("there").starts_with("# mine\n"));
}

#[test]
fn a_file_that_cannot_be_added_to_is_refused_and_kept() {
    let dir = tempdir().expect("a folder");
    let path = dir.path().join("config.toml");
    for text in ["not toml", "bootpeer = []", "[network]\n", "[net]\nlisten = 3"] {
        fs::write(&path, text).expect("writes");
        let error = join(dir.path(), &invite(1, &[1])).expect_err(text);
        assert!(matches!(error, JoinError::Config(_)), "{text:?}: {error}");
        assert_eq!(fs::read_to_string(&path).expect("there"), text);
    }
}
