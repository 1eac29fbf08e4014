//! A real chronyd, where this machine has one.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::process::{peer_with, status_where};
use crate::skipped;
use crate::sntp::ask;
use crate::support::{eventually, folder};

/// Where distributions put it, as not everybody's path has `sbin`; and where `tests/setup` does.
const PLACES: [&str; 5] = [
    "chronyd",
    "/usr/sbin/chronyd",
    "/usr/local/sbin/chronyd",
    "/opt/homebrew/sbin/chronyd",
    concat!(env!("CARGO_MANIFEST_DIR"), "/target/test-tools/usr/sbin/chronyd"),
];

/// A chronyd that serves the machine's time on loopback, and never touches its clock (`-x`).
struct Chrony {
    child: Child,
    name: String,
}

impl Chrony {
    /// Starts one; `None` where there is none to start.
    fn start(dir: &Path) -> Option<Self> {
        let program = PLACES.iter().find(|program| {
            Command::new(program)
                .arg("--version")
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|s| s.success())
        })?;
        let port = UdpSocket::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
        let at = |name: &str| dir.join(name).display().to_string();
        let config = format!(
            "port {port}\nbindaddress 127.0.0.1\ncmdport 0\nbindcmdaddress /\nlocal stratum 5\nallow 127.0.0.0/8\n\
             pidfile {}\ndriftfile {}\n",
            at("pid"),
            at("drift")
        );
        fs::write(dir.join("chrony.conf"), config).expect("written");
        let user = String::from_utf8(Command::new("id").arg("-un").output().expect("a user").stdout).expect("UTF-8");
        let child = Command::new(program)
            .args(["-x", "-d", "-u", user.trim(), "-f", &at("chrony.conf")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chronyd starts");
        Some(Self { child, name: format!("127.0.0.1:{port}") })
    }
}

impl Drop for Chrony {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_time_of_a_real_chronyd_is_taken() {
    let dir = folder();
    let Some(mut chrony) = Chrony::start(dir.path()) else {
        return skipped("the_time_of_a_real_chronyd_is_taken", "no chronyd here; tests/setup gets it where it may");
    };
    let mut sample = None;
    eventually("chronyd answers", || {
        assert!(chrony.child.try_wait().expect("asked").is_none(), "chronyd ended by itself");
        sample = ask(&chrony.name, Duration::from_secs(1)).ok();
        sample.is_some()
    });
    // It serves this machine's own clock.
    let sample = sample.expect("there is one");
    assert!(sample.offset_us.abs() < 100_000, "{sample:?}");
    let home = dir.path().join("home");
    let _peer = peer_with(&home, &[&chrony.name], &[]);
    let status = status_where(&home, "chronyd is taken for the time", |clock| clock["source"] == "time servers");
    let clock = &status["clock"];
    assert_eq!(clock["server"].as_str(), Some(chrony.name.as_str()), "{clock}");
    assert!(clock["offset_ms"].as_i64().is_some_and(|ms| ms.abs() < 100), "{clock}");
    assert!(clock["last"].is_string() && clock["in_doubt"] == false, "{clock}");
}
