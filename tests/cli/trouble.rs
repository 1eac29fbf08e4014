//! What stands in the way of a start, or comes to the port of a running node: it is said, nothing is lost, and the node lives.

use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};

use crate::support::{Net, Running, SOON, Said, eventually, folder, lone_peer, run, timeline};

/// Checks the code of a refusal, that it names what is wrong, and that it says what to do.
#[track_caller]
fn refused(said: Said, exit: i32, code: &str, names: &[&str]) {
    let error = said.json["error"].clone();
    let text = format!("{} {}", error["message"], error["hint"]);
    assert!(names.iter().all(|name| text.contains(name)), "{names:?} in {error}");
    assert!(error["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "no cure: {error}");
    said.refused(exit, code);
}

fn start(dir: &Path, words: &[&str]) -> Said {
    run(dir, &[&["peer", "--headless"], words].concat(), "")
}

#[test]
fn a_setting_that_cannot_be_is_named_with_its_place() {
    let dir = folder();
    let file = dir.path().join("config.toml");
    for (text, names) in [
        ("[net]\nlisten = \"127.0.0.1:0\"\nspeed = 3\n", ["config.toml", "3", "speed"]),
        ("\n[store]\nquota = \"much\"\n", ["config.toml", "3", "quota"]),
        ("[nonsense]\n", ["config.toml", "1", "nonsense"]),
        ("[net\n", ["config.toml", "1", ""]),
    ] {
        fs::write(&file, text).expect("writable");
        refused(start(dir.path(), &[]), 2, "bad_config", &names);
        assert_eq!(fs::read_to_string(&file).expect("readable"), text);
    }
    fs::remove_file(&file).expect("removable");
    let output = timeline()
        .args(["--json", "peer", "--headless", "--data-dir"])
        .arg(dir.path())
        .env("TIMELINE_NET__SPEED", "3")
        .output()
        .expect("runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stdout).contains("TIMELINE_NET__SPEED"), "{output:?}");
    let named = dir.path().join("elsewhere.toml");
    let said = start(dir.path(), &["--config", named.to_str().expect("UTF-8")]);
    refused(said, 2, "bad_config", &["elsewhere.toml"]);
    drop(lone_peer(dir.path()));
}

#[test]
fn a_port_that_another_program_has_is_named() {
    let dir = folder();
    let quic = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let quic = (quic.local_addr().expect("bound").port().to_string(), quic);
    let listen = format!("127.0.0.1:{}", quic.0);
    refused(start(dir.path(), &["--listen", &listen]), 6, "port_in_use", &[&quic.0]);
    let api = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = api.local_addr().expect("bound").port().to_string();
    let setting = format!("api.listen=127.0.0.1:{port}");
    let said = start(dir.path(), &["--listen", "127.0.0.1:0", "--set", &setting]);
    refused(said, 6, "port_in_use", &[&port]);
    drop(quic);
    let mut node = Running::start(Some(dir.path()), &["peer", "--headless", "--listen", &listen]);
    let ready = node.lines.until("ready line", SOON, |v| v["ready"] == true);
    assert_eq!(ready["quic"], listen.as_str());
}

fn store_of(dir: &Path) -> PathBuf {
    let entries = fs::read_dir(dir).expect("readable").map(|entry| entry.expect("an entry").path());
    entries.into_iter().find(|path| path.extension().is_some_and(|e| e == "db" || e == "sqlite")).expect("a store")
}

#[test]
fn a_store_that_cannot_be_read_is_refused_kept_and_read_again_when_it_is_mended() {
    let dir = folder();
    let net = Net::start(dir.path(), &["--bootpeers", "1", "--peers", "1"]);
    net.register("peer-1", "alice");
    let post = net.run("peer-1", &["post", "kept through all of it"]).ok();
    let peer = net.dir("peer-1");
    net.stop();

    let store = store_of(&peer);
    let good = fs::read(&store).expect("readable");
    // Where SQLite keeps the version of what is stored (https://www.sqlite.org/fileformat.html, section 1.3).
    let newer = [&good[..60], &9999u32.to_be_bytes(), &good[64..]].concat();
    let cut = good[..good.len() / 2].to_vec();
    for (bytes, code) in [(newer, "store_newer"), (cut, "store_damaged"), (b"nonsense".to_vec(), "store_damaged")] {
        fs::write(&store, &bytes).expect("writable");
        for _ in 0..2 {
            refused(start(&peer, &[]), 1, code, &[store.to_str().expect("UTF-8")]);
            assert!(fs::read(&store).expect("readable") == bytes, "{code}: it is left as it is");
        }
    }
    fs::remove_file(&store).expect("removable");
    fs::create_dir(&store).expect("made");
    let said = start(&peer, &[]);
    assert!(said.exit == 1 && said.json["error"]["message"].as_str().is_some_and(|m| !m.is_empty()), "{said:?}");
    assert!(store.is_dir());
    fs::remove_dir(&store).expect("removable");

    // Nor is a new one made in the place of one that is gone, though the key is there.
    for _ in 0..2 {
        refused(start(&peer, &[]), 1, "store_damaged", &[store.to_str().expect("UTF-8"), "store.made"]);
        assert!(!store.exists());
    }

    // Nor is a new key made in the place of one that cannot be read.
    let key = peer.join("node.key");
    let good_key = fs::read(&key).expect("readable");
    fs::write(&key, "nonsense").expect("writable");
    let said = start(&peer, &[]);
    assert!(said.exit != 0 && said.json["error"]["message"].to_string().contains("node.key"), "{said:?}");
    assert_eq!(fs::read(&key).expect("readable"), b"nonsense");

    fs::write(&key, good_key).expect("writable");
    fs::write(&store, good).expect("writable");
    let _node = lone_peer(&peer);
    assert_eq!(run(&peer, &["whoami"], "").ok()["username"], "alice");
    let feed = run(&peer, &["feed", "--peek"], "").ok();
    assert_eq!(feed["posts"][0]["id"], post["id"], "{feed}");
}

#[test]
fn a_lost_store_begins_anew_only_when_that_is_wished() {
    let dir = folder();
    // A key without a store is a first start.
    run(dir.path(), &["cert", "--out", dir.path().to_str().expect("UTF-8")], "").ok();
    let key = fs::read(dir.path().join("node.key")).expect("readable");
    drop(lone_peer(dir.path()));
    let store = store_of(dir.path());
    fs::remove_file(&store).expect("removable");
    refused(start(dir.path(), &[]), 1, "store_damaged", &[store.to_str().expect("UTF-8"), "store.made"]);
    fs::remove_file(dir.path().join("store.made")).expect("removable");
    drop(lone_peer(dir.path()));
    assert!(store.is_file() && fs::read(dir.path().join("node.key")).expect("readable") == key);
}

#[test]
fn nodes_of_two_networks_that_meet_go_their_own_ways() {
    let (dir, other) = (folder(), folder());
    let net = Net::start(dir.path(), &["--bootpeers", "1", "--peers", "1"]);
    let others = Net::start(other.path(), &["--bootpeers", "1", "--peers", "1"]);
    let invite =
        |net: &Net| net.run("peer-1", &["network", "show"]).ok()["invite"].as_str().expect("a line").to_owned();
    // The id of one network, and the way into the other.
    let (ours, theirs) = (invite(&net), invite(&others));
    let (id, way) = (ours.split('/').next().expect("an id"), theirs.split_once('/').expect("a way in").1);
    let home = folder();
    run(home.path(), &["join", &format!("{id}/{way}")], "").ok();
    let _lost = lone_peer(home.path());
    eventually("it waits for its network", || {
        let status = run(home.path(), &["status"], "").ok();
        status["network"]["pending"] == true && status["bootpeers"][0]["online"] == false
    });
    run(home.path(), &["register", "alice", "--password-stdin"], crate::support::PASSWORD).refused(7, "unreachable");

    net.run("peer-1", &["ping", &others.quic("peer-1")]).refused(7, "unreachable");
    for (net, who) in [(&net, "alice"), (&others, "bob")] {
        net.register("peer-1", who);
        assert_eq!(net.run("peer-1", &["post", "among ourselves"]).ok()["state"], "published");
        assert_eq!(net.run("peer-1", &["peers"]).ok()["peers"].as_array().map(Vec::len), Some(1));
    }
    net.run("peer-1", &["user", "bob"]).refused(5, "no_such_user");
    net.stop();
    others.stop();
}

/// Bytes that look random and are the same in each run (xorshift, Marsaglia 2003).
fn noise(count: usize, state: &mut u64) -> Vec<u8> {
    let next = || {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state as u8
    };
    std::iter::repeat_with(next).take(count).collect()
}

#[test]
fn any_bytes_at_all_on_the_port_leave_a_node_as_it_was() {
    let dir = folder();
    let net = Net::start(dir.path(), &["--bootpeers", "1", "--peers", "2"]);
    net.register("peer-1", "alice");
    net.register("peer-2", "bob");
    net.run("peer-2", &["follow", "alice"]).ok();
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let mut state = 0x1234_5678_9abc_def1;
    for n in 0..2000usize {
        let mut bytes = noise([0, 1, 20, 64, 1200, 1452, 9000][n % 7], &mut state);
        // A first packet of each version of the protocol, one of no version, one of a connection, or nothing like it.
        let heads: [&[u8]; 6] =
            [&[0xc3, 0, 0, 0, 1, 8], &[0xd3, 0x6b, 0x33, 0x43, 0xcf, 8], &[0xc0, 0, 0, 0, 0], &[0xcf; 5], &[0x40], &[]];
        let head = heads[n % 6];
        if bytes.len() >= head.len() {
            bytes[..head.len()].copy_from_slice(head);
        }
        for name in ["boot-1", "peer-1", "peer-2"] {
            // A full queue takes no more, as on any network.
            let _ = socket.send_to(&bytes, net.quic(name));
        }
    }
    let post = net.run("peer-1", &["post", "still here"]).ok();
    assert_eq!(post["state"], "published", "{post}");
    net.post_in_feed("peer-2", post["id"].as_str().expect("an id"));
    for name in ["boot-1", "peer-1", "peer-2"] {
        assert!(net.run(name, &["status"]).ok()["uptime_s"].as_u64().is_some(), "{name}");
        let log = net.log(name);
        assert!(!log.contains("panicked") && !log.contains("ERROR"), "{name}: {log}");
    }
    net.stop();
}
