//! A post from its author to the last subscriber, through a Nostr relay in this process: memory database, WebSockets on
//! loopback, no encryption. The relay checks the signature; subscribers only read.
use std::error::Error;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt, future::join_all};
use nostr::prelude::{EventBuilder, JsonUtil, Keys};
use nostr_relay_builder::builder::RateLimit;
use nostr_relay_builder::{LocalRelay, RelayBuilder};
use peers_common::{argn, cpu_seconds, emit, js, machine_cpu_seconds, num, pct};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;
type Outcome<T> = Result<T, Box<dyn Error>>;

const POSTS: usize = 300;
/// Posts to so many subscribers take no longer.
const LONGEST: Duration = Duration::from_secs(45);

fn main() -> Outcome<()> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(run())
}

async fn run() -> Outcome<()> {
    let limit = RateLimit { max_reqs: 100_000, notes_per_minute: 100_000_000 };
    let relay = LocalRelay::new(RelayBuilder::default().rate_limit(limit));
    relay.run().await?;
    let url = relay.url().await.to_string();
    for subscribers in [1, 16, 128, 1000] {
        publish(&url, subscribers).await?;
    }
    Ok(())
}

/// Waits for a message of a kind.
async fn wait(socket: &mut Socket, kind: &str) {
    let begin = format!("[\"{kind}\"");
    while let Some(Ok(message)) = socket.next().await {
        if matches!(&message, Message::Text(text) if text.starts_with(&begin)) {
            return;
        }
    }
}

async fn publish(url: &str, subscribers: usize) -> Outcome<()> {
    let keys = Keys::generate();
    let (mut author, _) = connect_async(url).await?;
    let mut readers = Vec::new();
    for number in 0..subscribers {
        let (mut reader, _) = connect_async(url).await?;
        let filter = format!(r#"["REQ","s{number}",{{"authors":["{}"],"kinds":[1]}}]"#, keys.public_key().to_hex());
        reader.send(Message::text(filter)).await?;
        wait(&mut reader, "EOSE").await;
        readers.push(reader);
    }
    let (mut last, mut accepted) = (Vec::new(), Vec::new());
    let (begin, cpu, machine) = (Instant::now(), cpu_seconds(), machine_cpu_seconds());
    for number in 0..POSTS {
        if begin.elapsed() > LONGEST {
            break;
        }
        // About as long as a post of the other benchmarks. It is signed within what is measured, as there.
        let text = format!("post {number} {}", "x".repeat(90));
        let sent = Instant::now();
        let event = EventBuilder::text_note(text).sign_with_keys(&keys)?;
        author.send(Message::text(format!(r#"["EVENT",{}]"#, event.as_json()))).await?;
        let ok = async {
            wait(&mut author, "OK").await;
            sent.elapsed().as_secs_f64() * 1e3
        };
        let all = async {
            join_all(readers.iter_mut().map(|reader| wait(reader, "EVENT"))).await;
            sent.elapsed().as_secs_f64() * 1e3
        };
        let (all, ok) = tokio::join!(all, ok);
        last.push(all);
        accepted.push(ok);
    }
    let (wall, cpu) = (begin.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let others = ((machine_cpu_seconds() - machine - cpu) / wall).max(0.0);
    emit(&[
        ("peer", js("nostr-relay")),
        ("variant", js("memory, no encryption")),
        ("phase", js("post_feed")),
        ("seed", argn("seed", 1u64).to_string()),
        ("followers", subscribers.to_string()),
        ("posts", POSTS.to_string()),
        ("complete", last.len().to_string()),
        ("p50", num(pct(&last, 0.5))),
        ("p95", num(pct(&last, 0.95))),
        ("p99", num(pct(&last, 0.99))),
        ("p50_published", num(pct(&accepted, 0.5))),
        ("wall_s", num(wall)),
        ("cpu_s_per_1000", num(cpu / last.len().max(1) as f64 * 1e3)),
        ("others_cores", num(others)),
    ]);
    Ok(())
}
