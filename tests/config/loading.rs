//! Which source wins, and what an error says.

use std::fs;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::tempdir;
use timeline::node::config::{
    Bootpeer, Config, ConfigError, Flags, KEYS, LogFormat, NodeTemplate, Sources, load, render,
};
use timeline::types::{Code, NetworkId, NodeId, Problem};

use crate::{load_dir, load_file};

fn with(dir: &Path, environment: &[(&str, &str)], set: &[&str]) -> Result<Config, ConfigError> {
    let environment = environment.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    let set: Vec<String> = set.iter().map(|s| s.to_string()).collect();
    load(Sources { data_dir: dir, file: None, environment, set: &set, flags: Flags::default() })
}

#[test]
fn nothing_said_gives_the_defaults() {
    let dir = tempdir().expect("a folder");
    let config = load_dir(dir.path()).expect("valid");
    assert_eq!(config, Config::default());
    assert_eq!(config.net.listen.to_string(), "[::]:4747");
    assert_eq!(config.api.listen.to_string(), "127.0.0.1:0");
    assert_eq!((config.store.quota, config.store.min_free), (1 << 30, 256 << 20));
    assert_eq!(config.gc.interval, Duration::from_secs(60));
    assert!(config.net.listen_is_default);
    assert_eq!(config.clock.servers_in(true), Vec::<String>::new());
    assert_eq!(config.clock.servers_in(false).len(), 4);
}

#[test]
fn time_servers_are_hosts_with_or_without_a_port_and_a_truth_needs_no_quotes() {
    let dir = tempdir().expect("a folder");
    fs::write(dir.path().join("config.toml"), "[clock]\nset_system = true\nservers = []").expect("writes");
    let config = load_dir(dir.path()).expect("valid");
    assert!(config.clock.set_system && config.clock.servers_in(false).is_empty());
    let set = ["clock.servers=[\"a.example\", \"192.0.2.1:1\", \"[::1]\", \"a.example\"]", "clock.set_system=false"];
    let config = with(dir.path(), &[("TIMELINE_CLOCK__INTERVAL", "15s")], &set).expect("valid");
    assert_eq!(config.clock.servers_in(true), ["a.example", "192.0.2.1:1", "[::1]"]);
    assert_eq!((config.clock.set_system, config.clock.interval), (false, Duration::from_secs(15)));
}

#[test]
fn later_sources_win() {
    let dir = tempdir().expect("a folder");
    let own = dir.path().join("config.toml");
    fs::write(&own, "net.listen = \"127.0.0.1:1\"\n[store]\nquota = \"1MiB\"\n").expect("writes");
    let environment = || [("TIMELINE_NET__LISTEN".to_owned(), "127.0.0.1:2".to_owned())];
    let set = ["net.listen = 127.0.0.1:3".to_owned(), "net.listen=[::1]:4".to_owned()];
    let listen = |file, environment: Vec<_>, set, flags| {
        let config = load(Sources { data_dir: dir.path(), file, environment, set, flags }).expect("valid");
        assert!(!config.net.listen_is_default);
        config.net.listen.to_string()
    };
    let flags = Flags { listen: Some("127.0.0.1:5".parse().expect("an address")) };
    assert_eq!(listen(None, vec![], &[], Flags::default()), "127.0.0.1:1");
    assert_eq!(listen(None, environment().to_vec(), &[], Flags::default()), "127.0.0.1:2");
    assert_eq!(listen(None, environment().to_vec(), &set, Flags::default()), "[::1]:4");
    assert_eq!(listen(None, environment().to_vec(), &set, flags), "127.0.0.1:5");

    let named = dir.path().join("named.toml");
    fs::write(&named, "[net]\nlisten = \"127.0.0.1:9\"").expect("writes");
    assert_eq!(listen(Some(&named), vec![], &[], Flags::default()), "127.0.0.1:9");
    assert_eq!(load_file(&named).expect("valid").store.quota, 1 << 30, "the data dir's file is not read too");
}

#[test]
fn values_from_outside_need_no_quotes_and_lists_are_toml() {
    let dir = tempdir().expect("a folder");
    let node = "ab".repeat(32);
    let bootpeer = format!("bootpeer=[{{ address = \"boot.example.org:1\", node_id = \"{node}\" }}]");
    let id = format!("network.id={node}");
    let set = ["net.advertise=[\"192.0.2.1:1\", \"[2001:db8::1]:2\"]", "log.format='json'", &bootpeer, &id];
    let environment =
        [("TIMELINE_STORE__MIN_FREE", "0B"), ("TIMELINE_DATA_DIR", "x"), ("HOME", "/"), ("TIMELINE_LOG", "x")];
    let config = with(dir.path(), &environment, &set).expect("valid");
    assert_eq!(config.net.advertise.len(), 2);
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.store.min_free, 0);
    assert_eq!(config.bootpeers[0].node_id, NodeId([0xab; 32]));
    assert_eq!(config.network.id, Some(NetworkId([0xab; 32])));
}

#[test]
fn paths_start_at_the_file_that_names_them() {
    let dir = tempdir().expect("a folder");
    fs::write(dir.path().join("config.toml"), "[network]\nfile = \"n/network.toml\"").expect("writes");
    let file = load_dir(dir.path()).expect("valid").network.file.expect("named");
    assert_eq!(file, dir.path().join("n/network.toml"));
    let file = with(dir.path(), &[], &["network.file=here.toml"]).expect("valid").network.file.expect("named");
    assert_eq!(file, std::env::current_dir().expect("a folder").join("here.toml"));
}

#[test]
fn a_file_fault_is_named_by_line_with_what_is_allowed() {
    let dir = tempdir().expect("a folder");
    let path = dir.path().join("config.toml");
    let zeros = "0".repeat(64);
    let bootpeer = format!("network.id = \"{zeros}\"\n[[bootpeer]]\naddress = \"a:1\"\n");
    for (text, line, parts) in [
        ("[net]\n\nlistten = \"x\"", 3, vec!["net.listten", "net.listen, net.advertise"]),
        ("[nett]\nlisten = 1", 1, vec!["nett", "net.listen"]),
        ("\nnet = 3", 2, vec!["net", "net.listen"]),
        ("\"net.listen\" = \"[::]:1\"", 1, vec!["no key net.listen"]),
        ("[net]\nlisten = \"localhost:1\"", 2, vec!["net.listen", "\"localhost:1\"", "an IP address and a port"]),
        ("[net]\nlisten = 4747", 2, vec!["the number 4747", "an IP address and a port"]),
        ("[net]\nadvertise = \"192.0.2.1:1\"", 2, vec!["net.advertise", "a list"]),
        ("[net]\nadvertise = [\"0.0.0.0:1\"]", 2, vec!["net.advertise"]),
        ("[net]\nadvertise = [\"192.0.2.1:0\"]", 2, vec!["net.advertise"]),
        ("[store]\nquota = \"1GB\"", 2, vec!["store.quota", "\"1GB\"", "a size"]),
        ("[store]\nquota = \"1KiB\"", 2, vec!["store.quota", "at least 64KiB"]),
        ("[gc]\ninterval = \"0s\"", 2, vec!["gc.interval", "from 100ms to 1d"]),
        ("[clock]\ninterval = \"1s\"", 2, vec!["clock.interval", "from 15s to 1d"]),
        ("[clock]\nservers = \"a\"", 2, vec!["clock.servers", "a list"]),
        ("[clock]\nservers = [\"a:0\"]", 2, vec!["clock.servers"]),
        ("[clock]\nset_system = \"yes\"", 2, vec!["clock.set_system", "true or false"]),
        ("[log]\nformat = \"xml\"", 2, vec!["log.format", "\"text\" or \"json\""]),
        ("[api]\n# here\nlisten = \"0.0.0.0:80\"", 3, vec!["api.listen", "loopback only"]),
        ("[network]\nid = \"12\"", 2, vec!["network.id", "64 digits"]),
        ("[store]\nquota = \"1MiB\"\nquota = \"2MiB\"", 3, vec!["duplicate key"]),
        ("[store\n", 1, vec![]),
        (&format!("{bootpeer}node_id = \"{zeros}\"\nport = 1"), 5, vec!["bootpeer.port", "bootpeer.address"]),
        (&format!("{bootpeer}node_id = \"12\""), 4, vec!["bootpeer.node_id", "64 digits"]),
        (&format!("\n{bootpeer}"), 3, vec!["bootpeer.node_id is missing"]),
    ] {
        fs::write(&path, text).expect("writes");
        let error = load_dir(dir.path()).expect_err(text);
        let problem = Problem::from(error);
        let place = format!("{}:{line}: ", path.display());
        assert!(problem.message.starts_with(&place), "{text:?} gave {:?}", problem.message);
        for part in parts {
            assert!(problem.message.contains(part), "{part:?} is not in {:?}", problem.message);
        }
        assert_eq!(problem.code, Code::BadConfig);
        assert!(problem.hint.is_some());
    }
}

#[test]
fn faults_outside_a_file_are_named_too() {
    let dir = tempdir().expect("a folder");
    let message = |environment: &[_], set: &[_]| with(dir.path(), environment, set).expect_err("bad").to_string();
    assert!(message(&[("TIMELINE_NET__LISTEN", "x")], &[]).contains("environment variable TIMELINE_NET__LISTEN"));
    assert!(message(&[("TIMELINE_NET__NOSUCH", "x")], &[]).contains("no key net.nosuch"));
    assert!(message(&[], &["store.quota=lots"]).contains("--set store.quota=lots: store.quota cannot be \"lots\""));
    assert!(message(&[], &["store.quota"]).contains("expected section.key=value"));
    assert!(message(&[], &["net.advertise=192.0.2.1:1"]).starts_with("--set net.advertise"));
    assert!(message(&[], &["k=3"]).contains("no key k"));
    let problem = Problem::from(with(dir.path(), &[], &["limits.devices=3"]).expect_err("bad"));
    assert!(problem.hint.expect("a hint").contains("--network-set"));
    let bootpeer = format!("bootpeer=[{{address='a:1',node_id='{}'}}]", "0".repeat(64));
    assert!(message(&[], &[&bootpeer]).contains("network.id is missing"));
    assert!(message(&[], &["api.listen=192.0.2.1:80"]).contains("loopback only"));
}

#[test]
fn a_named_file_must_be_there_and_be_a_text_of_modest_size() {
    let dir = tempdir().expect("a folder");
    let path = dir.path().join("named.toml");
    assert!(matches!(load_file(&path), Err(ConfigError::Read { .. })));
    fs::write(&path, [0xff, 0xfe]).expect("writes");
    assert!(matches!(load_file(&path), Err(ConfigError::Read { .. })));
    fs::write(&path, "#".repeat(300 * 1024)).expect("writes");
    assert!(matches!(load_file(&path), Err(ConfigError::TooLarge { .. })));
    assert!(matches!(load_file(dir.path()), Err(ConfigError::Read { .. })));
}

#[test]
fn the_number_of_bootpeers_is_bounded() {
    let list = |n: usize| {
        let id = "0".repeat(64);
        let items: Vec<_> = (1..=n).map(|port| format!("{{address='a:{port}',node_id='{id}'}}")).collect();
        [format!("bootpeer=[{}]", items.join(",")), format!("network.id={id}")]
    };
    let dir = tempdir().expect("a folder");
    let count = |n| with(dir.path(), &[], &list(n).each_ref().map(String::as_str)).map(|config| config.bootpeers.len());
    assert_eq!(count(64).expect("valid"), 64);
    assert!(count(65).is_err());
}

fn rendered(extra: &[String]) -> String {
    let bootpeers =
        [1, 2].map(|n| Bootpeer { address: format!("boot-{n}.example.org:4747"), node_id: NodeId([n; 32]) });
    render(&NodeTemplate {
        listen: "127.0.0.1:4801".into(),
        network_file: Some("../network \"x\".toml".into()),
        network_id: NetworkId([9; 32]),
        bootpeers: &bootpeers,
        api_listen: "127.0.0.1:0".into(),
        extra,
    })
}

#[test]
fn a_rendered_file_loads_as_what_it_was_made_from() {
    let dir = tempdir().expect("a folder");
    let extra = ["store.quota=2MiB", "net.advertise=[\"127.0.0.1:4801\"]", "store.quota = 3MiB", "log.format=\"json\""];
    let text = rendered(&extra.map(str::to_owned));
    fs::write(dir.path().join("config.toml"), &text).expect("writes");
    let config = load_dir(dir.path()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(config.net.listen.to_string(), "127.0.0.1:4801");
    assert_eq!(config.net.advertise.len(), 1);
    assert_eq!(config.store.quota, 3 << 20);
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.network.id, Some(NetworkId([9; 32])));
    assert!(config.network.file.expect("named").ends_with("network \"x\".toml"));
    assert_eq!(config.bootpeers.len(), 2);
    assert_eq!(config.bootpeers[1].node_id, NodeId([2; 32]));
    let shown = KEYS.iter().filter(|key| text.contains(key.about)).count();
    assert_eq!(shown, 7, "every key is written under its meaning");
}

#[test]
fn extra_settings_win_over_the_template_and_bad_ones_are_not_lost() {
    let dir = tempdir().expect("a folder");
    let load_with = |extra: &str| {
        fs::write(dir.path().join("config.toml"), rendered(&[extra.to_owned()])).expect("writes");
        load_dir(dir.path())
    };
    assert_eq!(load_with("net.listen=[::]:7").expect("valid").net.listen.port(), 7);
    assert_eq!(load_with("bootpeer=[]").expect("valid").bootpeers, []);
    for bad in ["", "#", "bootpeer", "net", "net.listen", "net.nosuch=1", "x=y", "a\"b'\n[net]\n", "store.quota=1"] {
        assert!(load_with(bad).is_err(), "{bad:?} was lost");
    }
}

proptest! {
    #[test]
    fn any_file_and_any_setting_is_answered_without_a_panic(text in "(\\[net\\]\n)?[\\PC\n]{0,200}", set in "(net\\.advertise=|bootpeer=)?\\PC{0,60}") {
        let dir = tempdir().expect("a folder");
        fs::write(dir.path().join("config.toml"), text).expect("writes");
        let _ = load_dir(dir.path());
        let _ = with(Path::new("none"), &[("TIMELINE_NET__ADVERTISE", set.as_str())], &[]);
        let _ = with(Path::new("none"), &[], &[set.as_str()]);
    }
}
