//! Tests of founding, resuming and refusing, on files alone.

use super::*;

fn rng() -> Rng {
    Rng::from_seed([7; 32])
}

fn small() -> Wish {
    Wish { bootpeers: Some(2), peers: Some(2), set: vec!["store.quota=64MiB".into()], ..Wish::default() }
}

fn prepared(folder: &Folder, wish: &Wish) -> Prepared {
    prepare(folder, wish, &mut Rng::from_seed([8; 32])).expect("prepared")
}

fn names(prepared: &Prepared) -> Vec<&str> {
    prepared.nodes.iter().map(|node| node.name.as_str()).collect()
}

fn config_of(folder: &Folder, name: &str) -> config::Config {
    let data_dir = folder.path().join(name);
    let sources = Sources { data_dir: &data_dir, file: None, environment: [], set: &[], flags: Flags::default() };
    config::load(sources).expect("a configuration that loads")
}

#[test]
fn every_node_gets_an_identity_and_a_configuration_of_its_own() {
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = Folder::open(&temporary.path().join("net")).expect("free");
    let prepared = prepare(&folder, &small(), &mut rng()).expect("prepared");
    assert_eq!(names(&prepared), ["boot-1", "boot-2", "peer-1", "peer-2"]);
    assert!(prepared.network.document.test);
    assert_eq!(prepared.network.registrars.len(), 2);
    for node in &prepared.nodes {
        let config = config_of(&folder, &node.name);
        assert_eq!(config.net.listen, address(node));
        assert_eq!(config.network.id, Some(prepared.network.id));
        assert_eq!(config.store.quota, 64 << 20);
        let expected = if node.role == PlannedRole::Peer { 2 } else { 1 };
        assert_eq!(config.bootpeers.len(), expected, "{}", node.name);
        let own = config.bootpeers.iter().any(|bootpeer| bootpeer.node_id.to_string() == node.node_id);
        assert!(!own, "{} has itself as a way in", node.name);
        assert!(folder.path().join(&node.name).join("node.key").exists());
    }
    assert!(!folder.path().join("boot-1.toml").exists());
}

#[test]
fn a_second_run_keeps_keys_ports_and_network() {
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = Folder::open(&temporary.path().join("net")).expect("free");
    let first = prepare(&folder, &small(), &mut rng()).expect("prepared");
    let second = prepared(&folder, &Wish::default());
    assert_eq!(second.nodes, first.nodes);
    assert_eq!(second.network.id, first.network.id);
    assert_eq!(config_of(&folder, "peer-1").store.quota, config::Config::default().store.quota);

    // More peers come, fewer rest, and those that come back are the same.
    let more = prepared(&folder, &Wish { peers: Some(3), ..Wish::default() });
    assert_eq!(names(&more), ["boot-1", "boot-2", "peer-1", "peer-2", "peer-3"]);
    let fewer = prepared(&folder, &Wish { peers: Some(1), ..Wish::default() });
    assert_eq!(names(&fewer), ["boot-1", "boot-2", "peer-1"]);
    let again = prepared(&folder, &Wish { peers: Some(3), ..Wish::default() });
    assert_eq!(again.nodes, more.nodes);
}

#[test]
fn what_the_network_cannot_change_is_refused_until_it_is_founded_anew() {
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = Folder::open(&temporary.path().join("net")).expect("free");
    let first = prepare(&folder, &Wish { network_set: vec!["k=3".into()], ..small() }, &mut rng()).expect("prepared");
    assert_eq!(first.network.k(), 3);
    for wish in
        [Wish { bootpeers: Some(3), ..Wish::default() }, Wish { network_set: vec!["k=4".into()], ..Wish::default() }]
    {
        let refused = prepare(&folder, &wish, &mut rng()).expect_err("another network");
        assert_eq!(refused.code, Code::Usage);
        assert!(refused.hint.expect("a hint").contains("--fresh"));
    }
    assert_eq!(prepared(&folder, &Wish { network_set: vec!["k=3".into()], ..small() }).network.id, first.network.id);
    let fresh = prepared(&folder, &Wish { fresh: true, bootpeers: Some(1), peers: Some(0), ..Wish::default() });
    assert_eq!(names(&fresh), ["boot-1"]);
    assert_eq!(fresh.network.k(), 20);
    assert!(!folder.path().join("peer-1").exists());
}

#[test]
fn an_interrupted_founding_is_begun_again() {
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = Folder::open(&temporary.path().join("net")).expect("free");
    folder.empty().expect("ours");
    fs::create_dir(folder.path().join("boot-1")).expect("writable");
    fs::write(folder.path().join("boot-1/node.key"), "half a key").expect("writable");
    assert_eq!(names(&prepared(&folder, &small())), ["boot-1", "boot-2", "peer-1", "peer-2"]);
}

#[test]
fn settings_are_checked_before_anything_is_made() {
    let nowhere = Path::new("there/is/nothing/here");
    let code = |set: &str| check_settings(nowhere, &[set.to_owned()]).map_err(|problem| problem.code);
    assert_eq!(code("store.quota=64MiB"), Ok(()));
    assert_eq!(code("store.quota=many"), Err(Code::BadConfig));
    assert_eq!(code("no.such=1"), Err(Code::BadConfig));
    assert_eq!(code("net.listen=127.0.0.1:1"), Err(Code::Usage));
}

#[test]
fn a_setting_the_document_cannot_have_is_refused() {
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = Folder::open(&temporary.path().join("net")).expect("free");
    let wish = Wish { network_set: vec!["k=0".into()], ..small() };
    assert_eq!(prepare(&folder, &wish, &mut rng()).map_err(|problem| problem.code).err(), Some(Code::Usage));
    assert!(prepare(&folder, &small(), &mut rng()).is_ok());
}

#[test]
fn ports_follow_the_base_and_end_at_the_last_one() {
    let temporary = tempfile::tempdir().expect("a folder");
    let folder = Folder::open(&temporary.path().join("net")).expect("free");
    let wish = Wish { base_port: Some(65_533), ..small() };
    let refused = prepare(&folder, &wish, &mut rng()).expect_err("four nodes do not fit");
    assert!([Code::Usage, Code::PortInUse].contains(&refused.code), "{refused:?}");
}
