//! Our nodes under the workload that other overlays get as well: `make bench`. Linux only, as it reads `/proc`.
//!
//! Prints one JSON line for each phase. `docs/benchmarks` says what is measured, and how.
#![allow(missing_docs, clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used, reason = "a measurement")]

mod author;
mod cluster;
mod feeds;
mod floor;
mod measure;
mod ops;
mod quic;
mod report;
mod workload;

use std::time::Duration;

use cluster::Plan;
use feeds::{Feeds, feeds};
use floor::floor;
use workload::{Workload, disk, workload};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    if std::env::var_os("RUST_LOG").is_some() {
        tracing_subscriber::fmt().with_env_filter(tracing_subscriber::EnvFilter::from_default_env()).init();
    }
    if word("what").as_deref() == Some("floor") {
        return floor(number("seed", 1));
    }
    if word("what").as_deref() == Some("report") {
        let (lines, folder) = (word("lines").expect("--lines FILE"), word("out").expect("--out FOLDER"));
        return report::report(lines.as_ref(), folder.as_ref());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(run());
    // What the nodes still do is of no interest.
    std::process::exit(0);
}

async fn run() {
    let on_disk = word("store").is_some_and(|store| store == "sqlite");
    let folder = on_disk.then(disk);
    let plan = Plan {
        nodes: number("n", 64),
        k: number("k", 20),
        seed: number("seed", 1) as u64,
        disk: folder.as_ref().map(|folder| folder.path().to_owned()),
        anchors: word("anchors").is_some_and(|anchors| anchors == "yes"),
        authors: true,
        cap: Duration::from_secs(number("cap", 75) as u64),
    };
    let variant =
        format!("{}{}", if on_disk { "sqlite" } else { "memory" }, if plan.anchors { " anchors" } else { "" });
    match word("what").as_deref() {
        None | Some("table") => {
            let parts = word("parts").unwrap_or_else(|| "seq,con,fail".to_owned());
            let parts = parts.split(',').map(str::to_owned).collect();
            workload(Workload { plan, variant, parts, puts: figure("puts"), gets: figure("gets") }).await;
        }
        Some("feeds") => {
            let followers = word("followers").unwrap_or_else(|| "1,16".to_owned());
            let followers = followers.split(',').map(|n| n.parse().expect("numbers of followers")).collect();
            // Whoever is logged in has registered, for which registrars are there.
            let plan = Plan { anchors: true, ..plan };
            feeds(Feeds { plan, variant, followers, follows: number("follows", 0), posts: number("posts", 200) }).await;
        }
        Some(other) => panic!("--what takes `table`, `feeds` or `floor`, not {other}"),
    }
    // The process exits without dropping anything.
    drop(folder);
}

/// Returns what follows `--name` on the command line.
fn word(name: &str) -> Option<String> {
    let words: Vec<String> = std::env::args().collect();
    let at = words.iter().position(|word| word.strip_prefix("--") == Some(name))?;
    words.get(at + 1).cloned()
}

fn number(name: &str, default: usize) -> usize {
    figure(name).unwrap_or(default)
}

fn figure(name: &str) -> Option<usize> {
    word(name).map(|word| word.parse().unwrap_or_else(|_| panic!("--{name} takes a number")))
}
