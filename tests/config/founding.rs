//! A founded network: what lies where, and what is never overwritten.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bytes::Bytes;
use tempfile::tempdir;
use timeline::node::data_dir::DataDir;
use timeline::node::founding::{Founded, FoundingError, FoundingOptions, found, make_identity};
use timeline::node::invite::Invite;
use timeline::types::{Code, Network, Problem, Rng};

use crate::load_file;

fn options<'a>(out: &'a Path, bootpeers: &[(&str, &str)], settings: &[&str]) -> FoundingOptions<'a> {
    FoundingOptions {
        name: "campus".into(),
        out,
        bootpeers: bootpeers.iter().map(|(n, a)| (n.to_string(), a.to_string())).collect(),
        test: true,
        settings: settings.iter().map(|s| s.to_string()).collect(),
    }
}

const THREE: &[(&str, &str)] =
    &[("boot-1", "127.0.0.1:4801"), ("boot-2", "192.0.2.7:4802"), ("boot-3", "boot-3.example.org:4803")];

fn three(out: &Path) -> Founded {
    found(options(out, THREE, &["k=3", "limits.posts_per_minute=1000"]), &mut Rng::from_seed([1; 32])).expect("founded")
}

#[test]
fn everything_on_disk_fits_together() {
    let parent = tempdir().expect("a folder");
    let out = parent.path().join("my network");
    let founded = three(&out);
    let bytes = fs::read(out.join("network.toml")).expect("there");
    let network = Network::parse_as(Bytes::from(bytes), founded.network.id).expect("the same document");
    assert_eq!((network.k(), network.limits().posts_per_minute, network.document.test), (3, 1000, true));
    assert!(network.document.reserved_names.contains("admin"));
    assert_eq!(network.registrars.len(), 3);

    for bootpeer in &founded.bootpeers {
        assert!(network.is_registrar(&bootpeer.node_id));
        let dir = DataDir::open(&bootpeer.data_dir).expect("free");
        let key = dir.node_key(&mut Rng::from_seed([9; 32])).expect("there");
        assert_eq!(key.public().node_id(), bootpeer.node_id);
        assert_eq!(fs::metadata(dir.node_key_path()).expect("there").permissions().mode() & 0o777, 0o600);
        let certificate = fs::read_to_string(dir.certificate_path()).expect("there");
        assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----\n") && !certificate.contains("PRIVATE"));
        assert!(certificate.lines().all(|line| line.len() <= 64));

        let config = load_file(&bootpeer.config).expect("valid");
        assert_eq!(config.network.id, Some(network.id));
        assert_eq!(config.network.file.as_deref(), Some(out.join("network.toml").as_path()));
        let others: BTreeSet<_> = config.bootpeers.iter().map(|b| b.node_id).collect();
        let expected = founded.bootpeers.iter().map(|b| b.node_id).filter(|id| *id != bootpeer.node_id).collect();
        assert_eq!(others, expected);
    }
    let invite: Invite = founded.invite.parse().expect("an invite");
    assert_eq!(invite.network_id, network.id);
    assert_eq!(invite.bootpeers.len(), 3);
    assert_eq!(invite.bootpeers[2].address, "boot-3.example.org:4803");
}

#[test]
fn a_bootpeer_listens_where_its_address_leads() {
    let parent = tempdir().expect("a folder");
    let founded = three(parent.path());
    let net = |i: usize| {
        let net = load_file(&founded.bootpeers[i].config).expect("valid").net;
        (net.listen.to_string(), net.advertise.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(net(0), ("127.0.0.1:4801".into(), vec!["127.0.0.1:4801".into()]), "loopback stays loopback");
    assert_eq!(net(1), ("[::]:4802".into(), vec!["192.0.2.7:4802".into()]));
    assert_eq!(net(2), ("[::]:4803".into(), vec![]));
}

#[test]
fn no_key_is_overwritten() {
    let parent = tempdir().expect("a folder");
    let out = parent.path();
    three(out);
    let key = fs::read(out.join("boot-1/node.key")).expect("there");
    let again = || found(options(out, THREE, &[]), &mut Rng::from_seed([2; 32]));
    for removed in ["network.toml", "boot-1.toml", "boot-2.toml", "boot-3.toml"] {
        let error = again().expect_err("there already");
        assert!(matches!(error, FoundingError::Exists(_)), "{error}");
        fs::remove_file(out.join(removed)).expect("there");
    }
    assert!(matches!(again(), Err(FoundingError::Exists(path)) if path.ends_with("boot-1/node.key")));
    assert_eq!(fs::read(out.join("boot-1/node.key")).expect("there"), key);
    assert!(!out.join("network.toml").exists());
}

#[test]
fn what_is_malformed_leaves_nothing_behind() {
    let parent = tempdir().expect("a folder");
    let out = parent.path().join("out");
    let refuse = |bootpeers: &[_], settings: &[_]| {
        let error = found(options(&out, bootpeers, settings), &mut Rng::from_seed([1; 32])).expect_err("malformed");
        assert!(!out.exists());
        let problem = Problem::from(error);
        assert!(problem.code == Code::Usage && problem.hint.is_some());
        problem.message
    };
    refuse(&[], &[]);
    for name in ["", "network", "../x", "a/b", "A", "-a", "a b", ".hidden"] {
        refuse(&[(name, "a:1")], &[]);
    }
    refuse(&[("a", "a:1"), ("a", "a:2")], &[]);
    for address in ["a", "a:0", "[::]:1", "0.0.0.0:4747", ":1", "a:1,b:2"] {
        assert!(refuse(&[("a", address)], &[]).contains(address));
    }
    assert!(refuse(&[("a", "a:1")], &["k=3", "limits.nosuch=1"]).contains("nosuch"));
    let many: Vec<_> = (0..33).map(|n| (format!("b{n}"), format!("a:{}", n + 1))).collect();
    refuse(&many.iter().map(|(n, a)| (n.as_str(), a.as_str())).collect::<Vec<_>>(), &[]);
    let nameless = FoundingOptions { name: String::new(), ..options(&out, THREE, &[]) };
    assert!(found(nameless, &mut Rng::from_seed([1; 32])).is_err() && !out.exists());
}

#[test]
fn the_most_bootpeers_can_be_founded_and_invited_to() {
    let parent = tempdir().expect("a folder");
    let many: Vec<_> = (0..32).map(|n| (format!("b{n}"), format!("boot.example.org:{}", n + 1))).collect();
    let many: Vec<_> = many.iter().map(|(n, a)| (n.as_str(), a.as_str())).collect();
    let founded = found(options(parent.path(), &many, &[]), &mut Rng::from_seed([1; 32])).expect("founded");
    assert_eq!(founded.invite.parse::<Invite>().expect("an invite").bootpeers.len(), 32);
}

#[test]
fn an_identity_is_kept_and_its_certificate_remade() {
    let parent = tempdir().expect("a folder");
    let dir = parent.path().join("node");
    let first = make_identity(&dir, &mut Rng::from_seed([1; 32])).expect("made");
    fs::write(dir.join("cert.pem"), "").expect("writes");
    assert_eq!(make_identity(&dir, &mut Rng::from_seed([2; 32])).expect("kept"), first);
    assert!(fs::read_to_string(dir.join("cert.pem")).expect("there").contains("BEGIN CERTIFICATE"));
}
