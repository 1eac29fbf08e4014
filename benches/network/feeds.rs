//! People who are logged in: a post until the last of its author's followers has it in the feed, and follows at once.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use timeline::actors::{FeedEvent, ListRequest};
use timeline::types::Username;
use tokio::sync::mpsc;
use tokio::time::{timeout, timeout_at};
use zeroize::Zeroizing;

use crate::cluster::{BOOTPEERS, Cluster, Plan};
use crate::measure::{Line, Meter, cores, rss_bytes};

/// Good enough for a network that is a test.
const PASSWORD: &str = "velvet otter canyon marble";
/// Registrations under way at once: each tries a password.
const AT_ONCE: usize = 16;
/// How long is waited until followers are known to be there, and for one post.
const ACQUAINTANCE: Duration = Duration::from_secs(60);
const ONE_POST: Duration = Duration::from_secs(3);
/// How long all posts to so many followers may take.
const ROUNDS: Duration = Duration::from_secs(45);
const FOLLOWS: Duration = Duration::from_secs(60);

/// What is run.
pub struct Feeds {
    pub plan: Plan,
    pub variant: String,
    /// How many followers; each time another author.
    pub followers: Vec<usize>,
    /// How many follow one person at the same moment; none where zero.
    pub follows: usize,
    /// Posts to each number of followers.
    pub posts: usize,
}

/// A post that came into the feed of a follower.
struct Came {
    text: String,
    at: Instant,
}

/// Runs it and prints a line for each number of followers.
pub async fn feeds(feeds: Feeds) {
    let Feeds { plan, variant, followers, follows, posts } = feeds;
    let authors = followers.len() + usize::from(follows > 0);
    let most = followers.iter().copied().max().unwrap_or_default().max(follows);
    let nodes = plan.nodes.max(BOOTPEERS + authors + most);
    let plan = Plan { nodes, authors: false, ..plan };
    let (resident, meter) = (rss_bytes(), Meter::begin());
    let cluster = Cluster::new(plan, cores());
    cluster.start().await;
    let settled = cluster.settle(ACQUAINTANCE).await;
    let line = |phase: &str| Line::new("timeline", &variant, phase).with("n", nodes).with("seed", cluster.plan.seed);
    let started = meter.end();
    let first = BOOTPEERS + authors;
    let people: Vec<usize> = (BOOTPEERS..first + most).collect();
    let registered = register(&cluster, &people).await;
    line("people")
        .with("settled", settled)
        .figure("start_s", started.wall)
        .with("wanted", people.len())
        .with("registered", registered)
        .figure("wall_s", meter.end().wall - started.wall)
        .figure("rss_per_node_kib", (rss_bytes() - resident) / 1024.0 / nodes as f64)
        .print();
    if follows > 0 {
        follow_at_once(&cluster, first - 1, &(first..first + follows).collect::<Vec<_>>(), line("follows")).await;
    }
    for (number, followers) in followers.into_iter().enumerate() {
        let readers: Vec<usize> = (first..first + followers).collect();
        fan_out(&cluster, BOOTPEERS + number, &readers, posts, line("post_feed")).await;
    }
}

fn name(node: usize) -> Username {
    format!("person{node}").parse().unwrap()
}

/// Registers everybody; returns how many that went well for.
async fn register(cluster: &Cluster, people: &[usize]) -> usize {
    let mut registered = 0;
    for some in people.chunks(AT_ONCE) {
        let registering = some.iter().map(|node| {
            let username = name(*node);
            cluster.with(*node, |peer| async move {
                let password = Zeroizing::new(PASSWORD.to_owned());
                peer.doors.session.register(username, password).await.map_err(|problem| problem.to_string())
            })
        });
        for outcome in join_all(registering).await {
            match outcome {
                Ok(_) => registered += 1,
                Err(problem) => eprintln!("a registration failed: {problem}"),
            }
        }
    }
    registered
}

/// Has all of them follow somebody; returns for how many it was published.
async fn follow(cluster: &Cluster, whom: usize, followers: &[usize]) -> usize {
    let following = followers.iter().map(|node| {
        let whom = name(whom);
        cluster.with(*node, |peer| async move { peer.doors.session.follow_within(whom, true, FOLLOWS).await })
    });
    join_all(following).await.into_iter().filter(|done| done.as_ref().is_ok_and(|relation| !relation.queued)).count()
}

/// Measures until the follows that so many make at the same moment are published, and until a bystander counts them.
async fn follow_at_once(cluster: &Cluster, whom: usize, followers: &[usize], line: Line) {
    let meter = Meter::begin();
    let published = follow(cluster, whom, followers).await;
    let done = meter.end();
    let (wanted, mut seen) = (followers.len() as u64, 0);
    while seen < wanted && meter.elapsed() < FOLLOWS {
        let page = ListRequest { limit: 100, cursor: None };
        let asked =
            cluster.with(0, move |peer| async move { peer.doors.people.followers(Some(name(whom)), page).await }).await;
        seen = asked.map_or(0, |page| page.count.count);
    }
    line.with("followers", wanted)
        .with("published", published)
        .with("counted", seen)
        .figure("published_s", done.wall)
        .figure("recorded_s", meter.end().wall)
        .figure("cpu_s", done.cpu)
        .figure("others_cores", done.others)
        .print();
}

/// Posts one after the other, and measures until the last follower has each.
async fn fan_out(cluster: &Cluster, author: usize, readers: &[usize], posts: usize, line: Line) {
    let followed = follow(cluster, author, readers).await;
    let mut coming = watch(cluster, author, readers).await;
    let known = acquaint(cluster, author, readers.len(), &mut coming).await;
    let (mut last, mut each, mut published, mut lost) = (Vec::new(), Vec::new(), Vec::new(), 0);
    let meter = Meter::begin();
    for number in 0..posts {
        if meter.elapsed() > ROUNDS {
            break;
        }
        let text = format!("post {number} of {author}");
        let (began, called, ok) = post(cluster, author, text.clone()).await;
        let mut arrived: Vec<f64> = Vec::new();
        let deadline = tokio::time::Instant::now() + ONE_POST;
        while arrived.len() < readers.len() {
            match timeout_at(deadline, coming.recv()).await {
                Ok(Some(came)) if came.text == text => {
                    arrived.push(came.at.saturating_duration_since(began).as_secs_f64() * 1e3);
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        lost += readers.len() - arrived.len();
        if arrived.len() == readers.len() {
            last.extend(arrived.iter().copied().reduce(f64::max));
        }
        each.extend(arrived);
        published.extend(ok.then_some(called.as_secs_f64() * 1e3));
    }
    let cost = meter.end();
    line.with("followers", readers.len())
        .with("followed", followed)
        .with("acquainted", known)
        .with("posts", posts)
        .with("complete", last.len())
        .with("lost", lost)
        .latencies("", &last)
        .latencies("_each", &each)
        .latencies("_published", &published)
        .cost(cost, published.len())
        .print();
}

/// Posts; returns when it began, how long the call took, and whether the post is published.
async fn post(cluster: &Cluster, author: usize, text: String) -> (Instant, Duration, bool) {
    cluster
        .with(author, |peer| async move {
            let began = Instant::now();
            let posted = peer.doors.session.post(text, None).await;
            (began, began.elapsed(), posted.is_ok_and(|posted| posted.published))
        })
        .await
}

/// Watches the feeds of readers for posts of an author.
async fn watch(cluster: &Cluster, author: usize, readers: &[usize]) -> mpsc::UnboundedReceiver<Came> {
    let (told, coming) = mpsc::unbounded_channel();
    let watching = readers.iter().map(|node| {
        let (told, author) = (told.clone(), name(author));
        cluster.with(*node, |peer| async move {
            let Ok(mut watching) = peer.doors.feed.watch().await else { return };
            tokio::task::spawn_local(async move {
                while let Some(event) = watching.events.recv().await {
                    let FeedEvent::Post(post) = event else { continue };
                    let at = Instant::now();
                    if post.author == author && told.send(Came { text: post.text, at }).is_err() {
                        return;
                    }
                }
            });
        })
    });
    join_all(watching).await;
    coming
}

/// Posts until one comes to everybody at once: from then on the author knows who is there. Returns how many had the last one.
async fn acquaint(
    cluster: &Cluster,
    author: usize,
    readers: usize,
    coming: &mut mpsc::UnboundedReceiver<Came>,
) -> usize {
    let (began, mut number, mut most) = (Instant::now(), 0, 0);
    while most < readers && began.elapsed() < ACQUAINTANCE {
        let text = format!("hello {number} of {author}");
        post(cluster, author, text.clone()).await;
        let mut had = 0;
        while had < readers {
            match timeout(Duration::from_millis(500), coming.recv()).await {
                Ok(Some(came)) => had += usize::from(came.text == text),
                Ok(None) | Err(_) => break,
            }
        }
        (number, most) = (number + 1, had);
    }
    most
}
