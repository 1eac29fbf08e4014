//! A client in another language (`tests/peer`) that follows `docs/PROTOCOL.md` and shares no code with this one.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::{Value, json};

use crate::support::{Lines, Net, PASSWORD, SOON, drain, eventually, folder};

/// What the client needs; `make test-tools` installs it.
const NEEDED: &str = "import aioquic, argon2, blake3, cryptography, msgpack, tomllib";

fn peer(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer").join(file)
}

/// Returns the Python that has all that is needed, or says why the test is skipped.
fn python(test: &str) -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-tools/python/bin/python");
    let found = [own, PathBuf::from("python3")].into_iter().find(|python| {
        let tried = Command::new(python).args(["-c", NEEDED]).stdout(Stdio::null()).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    });
    if found.is_none() {
        let why = "no Python with the packages of tests/peer/requirements.txt (make test-tools)";
        // Not captured, so that a run says so even where all tests pass.
        let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
    }
    found
}

/// The client as a process.
struct Foreign {
    child: Child,
    input: ChildStdin,
    lines: Lines,
}

impl Foreign {
    fn start(python: &Path, dir: &Path, invite: &str) -> Self {
        let mut child = Command::new(python)
            .arg("-B")
            .arg(peer("peer.py"))
            .args(["--dir".as_ref(), dir.as_os_str(), invite.as_ref()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the client starts");
        let lines = Lines::of(child.stdout.take().expect("piped"));
        drain(child.stderr.take().expect("piped"));
        Self { input: child.stdin.take().expect("piped"), child, lines }
    }

    /// Gives a command and returns its answer, which has the field `done`.
    #[track_caller]
    fn ask(&mut self, command: Value, done: &str) -> Value {
        writeln!(self.input, "{command}").expect("the client reads");
        let answered = |line: &Value| !line[done].is_null() || !line["error"].is_null();
        let answer = self.lines.until(done, SOON, answered);
        assert!(answer["error"].is_null(), "{command}: {answer}");
        answer
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Everybody is a replica of everything.
#[test]
fn a_client_that_shares_no_code_joins_registers_follows_posts_and_receives() {
    let name = "a_client_that_shares_no_code_joins_registers_follows_posts_and_receives";
    whole_way(name, &["--bootpeers", "1", "--peers", "2"]);
}

/// Replica sets are smaller than the network, and four registrars have to agree on a name.
#[test]
fn it_does_so_in_a_network_larger_than_k_too() {
    let words = ["--bootpeers", "4", "--peers", "4", "--network-set", "k=3"];
    whole_way("it_does_so_in_a_network_larger_than_k_too", &words);
}

fn whole_way(test: &str, words: &[&str]) {
    let Some(python) = python(test) else { return };
    let dir = folder();
    let net = Net::start(dir.path(), words);
    net.register("peer-1", "alice");
    let early = net.run("peer-1", &["post", "before carol came"]).ok();
    let invite = net.run("peer-1", &["network", "show"]).ok()["invite"].as_str().expect("a line").to_owned();

    let own = folder();
    let mut carol = Foreign::start(&python, own.path(), &invite);
    carol.lines.until("word that it joined", SOON, |line| !line["joined"].is_null());
    let password = json!({"do": "register", "name": "carol", "password": PASSWORD});
    let account = carol.ask(password, "device")["account"].clone();
    assert_eq!(net.run("peer-1", &["user", "carol"]).ok()["account_id"], account);
    let listed = net.run("peer-2", &["users", "car"]).ok().to_string();
    assert!(listed.contains("carol"), "{listed}");
    eventually("carol shows as online", || net.run("peer-1", &["user", "carol"]).json["online"] == true);

    assert!(carol.ask(json!({"do": "follow", "name": "alice"}), "held")["held"].as_u64() > Some(0));
    let read = carol.ask(json!({"do": "read", "name": "alice"}), "posts");
    assert_eq!(read["posts"], json!([{"id": early["id"], "text": "before carol came"}]));
    let post = net.run("peer-1", &["post", "hello, carol"]).ok();
    let came = carol.lines.until("the post", SOON, |line| line["delivered"]["id"] == post["id"]);
    assert_eq!(came["delivered"]["text"], "hello, carol");
    net.run("peer-1", &["delete", post["id"].as_str().expect("an id")]).ok();
    carol.lines.until("word of the deletion", SOON, |line| line["deleted"] == post["id"]);

    net.run("peer-1", &["follow", "carol"]).ok();
    eventually("alice's interest shows", || carol.ask(json!({"do": "interested"}), "interested")["interested"] == 1);
    for text in ["hello from elsewhere", "and once more: Grüße 🦀"] {
        let posted = carol.ask(json!({"do": "post", "text": text}), "wanted");
        assert_eq!(posted["delivered"], 1, "{posted}");
        let shown = net.post_in_feed("peer-1", posted["id"].as_str().expect("an id"));
        assert_eq!((shown["text"].as_str(), shown["author"]["username"].as_str()), (Some(text), Some("carol")));
    }

    carol.ask(json!({"do": "stop"}), "stopped");
    eventually("carol shows as offline", || net.run("peer-1", &["user", "carol"]).json["online"] == false);
    // Her password opens, on any node, what the client sealed.
    net.login("peer-2", "carol").ok();
    let following = net.run("peer-2", &["following"]).ok().to_string();
    assert!(following.contains("alice"), "{following}");
    net.run("peer-2", &["post", "now from here"]).ok();
    net.stop();
}

#[test]
fn the_same_client_reads_every_vector() {
    let Some(python) = python("the_same_client_reads_every_vector") else { return };
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let output = Command::new(python).arg("-B").arg(peer("vectors.py")).arg(vectors).output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert!(said["vectors"].as_u64() > Some(200) && said["wrong"] == 0, "{said}");
}
