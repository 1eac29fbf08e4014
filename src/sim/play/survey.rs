//! Looking at everything: disks from outside, feeds and pages as people read them.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt;
use futures_util::stream;

use super::stage::Stage;
use crate::actors::{ListRequest, PageRequest, Person as Listed};
use crate::records::{HeadsBody, Record, home};
use crate::seam::Stored;
use crate::sim::chance::pick;
use crate::sim::model::{FeedRow, Held, Observed, PostNumber, SeenFeed, SeenPage};
use crate::sim::statistics::Sample;
use crate::types::{DeviceId, Hash, Key, NodeId, Problem, Rng, Section, WallTime};

/// Pages that are read side by side.
const SIDE_BY_SIDE: usize = 32;
/// Rows of one page of anything.
const PAGE: usize = 500;

/// What disks say.
#[derive(Default)]
struct Census {
    /// Which nodes hold each post; only posts that the model knows.
    holders: BTreeMap<Hash, Vec<usize>>,
    /// What each device's heads say is gone, and its last number, as the disk with the newest has it.
    heads: BTreeMap<DeviceId, HeadsBody>,
    marked: BTreeSet<Hash>,
    /// Posts that a node holds and should not, by what it has itself.
    taken_back: BTreeSet<Hash>,
}

/// Counts copies; returns how many of the replicas hold each post that is due, and how many such posts nobody up holds.
pub(super) fn count(stage: &Stage<'_>) -> (Sample, u64) {
    let seen = disks(stage);
    let (mut sample, mut lost) = (Sample::default(), 0);
    let model = stage.model.borrow();
    for (number, post) in model.posts().iter().enumerate().filter(|(_, post)| model.is_due(post, seen.now)) {
        if seen.collected.contains(&post.id) && model.may_be_collected(number as PostNumber) {
            continue;
        }
        let held = seen.held.get(&post.id).copied().unwrap_or_default();
        sample.note(held.replicas as f64);
        lost += u64::from(held.live == 0);
    }
    (sample, lost)
}

/// Looks at everything, after it became calm at some time. Pages are read from `reader`, or from any nodes that are up.
pub(super) async fn look(stage: &Stage<'_>, reader: Option<usize>, calm: WallTime) -> Observed {
    let sampled = sample(stage);
    let pages = pages(stage, &sampled, reader).await;
    // Disks come last: what a reader got is still on one.
    let mut seen = disks(stage);
    seen.strict = stage.scenario.check.replicas;
    for (person, page) in pages {
        match page {
            Ok(page) => drop(seen.pages.insert(person, page)),
            Err(problem) => drop(seen.unread.insert(person, problem.message)),
        }
    }
    for (person, someone) in stage.people.iter().enumerate().filter(|(_, s)| stage.is_up(s.node)) {
        seen.feeds.insert(person, feed(stage, someone.node).await);
        let items = stage.sim.doors(someone.node).outbox.items().await.unwrap_or_default();
        seen.pending.insert(person, items.iter().filter(|item| !item.progress.published).count());
    }
    seen.mentions = mentions(stage, &sampled).await;
    for person in sampled {
        let states = states(stage, person, calm);
        seen.states.insert(person, states);
    }
    seen
}

/// Chooses whose pages are read: as many as the scenario says, at every look others.
fn sample(stage: &Stage<'_>) -> Vec<usize> {
    let mut rng = Rng::from_seed(stage.choices.borrow_mut().bytes());
    pick(&mut rng, stage.scenario.check.people, stage.people.len())
}

/// Looks at all disks.
fn disks(stage: &Stage<'_>) -> Observed {
    let now = stage.sim.now();
    let mut census = Census::default();
    for node in 0..stage.nodes {
        take(stage, node, &mut census);
    }
    let model = stage.model.borrow();
    let gone = |device, seq| census.heads.get(device).is_some_and(|heads| is_gone(heads, seq));
    let by_heads = model.posts().iter().filter(|post| gone(&post.device, post.seq)).map(|post| post.id);
    let collected = by_heads.chain(census.marked.iter().copied()).collect();
    let ids: Vec<NodeId> = (0..stage.nodes).map(|node| stage.sim.id(node)).collect();
    let mut held = BTreeMap::new();
    for (person, someone) in stage.people.iter().enumerate() {
        let Some(account) = someone.account.get() else { continue };
        let nearest: BTreeSet<usize> = nearest(stage, &ids, &home(&account)).into_iter().collect();
        for (_, post) in model.posts_of(person) {
            let Some(holders) = census.holders.get(&post.id) else { continue };
            let up = |node: &&usize| stage.is_up(**node);
            let count = Held {
                live: holders.iter().filter(up).count(),
                replicas: holders.iter().filter(|node| nearest.contains(node)).count(),
                of: nearest.len(),
                disks: holders.len(),
            };
            held.insert(post.id, count);
        }
    }
    let heads = census.heads.iter().map(|(device, heads)| (*device, heads.last_seq)).collect();
    let taken_back = census.taken_back.clone();
    Observed { now, held, collected, taken_back, heads, ..Observed::default() }
}

fn take(stage: &Stage<'_>, node: usize, census: &mut Census) {
    let model = stage.model.borrow();
    let (mut here, mut own) = (Vec::new(), BTreeMap::<DeviceId, HeadsBody>::new());
    stage.sim.each_record(node, |_, section, hash, bytes| match section {
        Section::Post if model.knows(hash) => {
            here.push(*hash);
            let holders = census.holders.entry(*hash).or_default();
            // A post lies at one key, but a tombstone's home might be looked at twice.
            if holders.last() != Some(&node) {
                holders.push(node);
            }
        }
        Section::Heads => {
            let Ok(Record::Heads(heads)) = Record::decode(bytes.clone()) else { return };
            for all in [&mut census.heads, &mut own] {
                let best = all.entry(heads.body.device).or_insert_with(|| heads.body.clone());
                if heads.body.version > best.version {
                    *best = heads.body.clone();
                }
            }
        }
        _ => {}
    });
    let marks = stage.sim.marks(node);
    if stage.is_up(node) {
        let posts = here.iter().filter_map(|id| model.post(id));
        let gone = posts.filter(|p| marks.contains(&p.id) || own.get(&p.device).is_some_and(|h| is_gone(h, p.seq)));
        census.taken_back.extend(gone.map(|post| post.id));
    }
    census.marked.extend(marks);
}

fn is_gone(heads: &HeadsBody, seq: u64) -> bool {
    seq <= heads.floor || heads.collected.iter().any(|(first, last)| (*first..=*last).contains(&seq))
}

/// Returns the replica set of a key as it is now: the nearest nodes that are up.
fn nearest(stage: &Stage<'_>, ids: &[NodeId], key: &Key) -> Vec<usize> {
    let mut up: Vec<usize> = (0..ids.len()).filter(|node| stage.is_up(*node)).collect();
    let k = stage.scenario.k.min(up.len());
    let distance = |node: &usize| ids[*node].key().distance(key);
    if k < up.len() {
        up.select_nth_unstable_by_key(k, distance);
        up.truncate(k);
    }
    up
}

/// Returns how many different states of somebody's home there are among its replicas. What was written since it became calm
/// does not count: most replicas have it at once, and the others by their next round; looking at a feed writes how far it
/// was read.
fn states(stage: &Stage<'_>, person: usize, calm: WallTime) -> usize {
    let Some(account) = stage.people[person].account.get() else { return 0 };
    let ids: Vec<NodeId> = (0..stage.nodes).map(|node| stage.sim.id(node)).collect();
    let key = home(&account);
    let replicas: Vec<Vec<Stored>> =
        nearest(stage, &ids, &key).into_iter().map(|node| stage.sim.records_at(node, &key)).collect();
    let is_new = |row: &&Stored| {
        let stamp = Record::decode(row.bytes.clone()).ok().and_then(|record| record.hlc());
        stamp.is_some_and(|stamp| stamp.wall() >= calm)
    };
    let slot = |row: &Stored| (row.section, row.slot.clone());
    let new: BTreeSet<_> = replicas.iter().flatten().filter(is_new).map(slot).collect();
    let old = |rows: &Vec<Stored>| -> BTreeSet<(Section, Hash)> {
        rows.iter().filter(|row| !new.contains(&slot(row))).map(|row| (row.section, row.hash)).collect()
    };
    replicas.iter().map(old).collect::<BTreeSet<_>>().len()
}

async fn feed(stage: &Stage<'_>, node: usize) -> SeenFeed {
    let (mut rows, mut cursor) = (Vec::new(), None);
    loop {
        let request = PageRequest { limit: PAGE, cursor, ..PageRequest::default() };
        let Ok(page) = stage.sim.doors(node).feed.page(request).await else { break };
        let row = |p: &crate::actors::ShownPost| FeedRow { id: p.id, hlc: p.hlc, device: p.device, seq: p.seq };
        rows.extend(page.posts.iter().map(row));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    SeenFeed { rows }
}

/// Reads the mentions of those whose nodes are up.
async fn mentions(stage: &Stage<'_>, people: &[usize]) -> BTreeMap<usize, BTreeSet<Hash>> {
    let up = people.iter().copied().filter(|person| stage.is_up(stage.people[*person].node));
    let reads = up.map(|person| async move {
        let feed = stage.sim.doors(stage.people[person].node).feed;
        let (mut ids, mut request) = (BTreeSet::new(), ListRequest { limit: PAGE, cursor: None });
        while let Ok(page) = feed.mentions(request.clone()).await {
            ids.extend(page.posts.iter().map(|post| post.id));
            request.cursor = page.next;
            if request.cursor.is_none() {
                break;
            }
        }
        (person, ids)
    });
    stream::iter(reads).buffer_unordered(SIDE_BY_SIDE).collect().await
}

async fn pages(stage: &Stage<'_>, people: &[usize], reader: Option<usize>) -> Vec<(usize, Result<SeenPage, Problem>)> {
    let up: Vec<usize> = match reader {
        Some(reader) => vec![reader],
        None => (0..stage.nodes).filter(|node| stage.is_up(*node)).collect(),
    };
    if up.is_empty() {
        return Vec::new();
    }
    let readers: Vec<(usize, usize)> = people.iter().map(|person| (*person, up[stage.choose(up.len())])).collect();
    let reads = readers.into_iter().map(|(person, node)| async move { (person, page(stage, person, node).await) });
    stream::iter(reads).buffer_unordered(SIDE_BY_SIDE).collect().await
}

async fn page(stage: &Stage<'_>, person: usize, node: usize) -> Result<SeenPage, Problem> {
    let doors = stage.sim.doors(node);
    let name = &stage.people[person].name;
    let mut seen = SeenPage::default();
    let mut request = ListRequest { limit: PAGE, cursor: None };
    loop {
        let page = doors.people.user(name.clone(), false, request.clone()).await?;
        seen.name = page.display_name;
        seen.posts.extend(page.posts.iter().map(|post| post.id));
        request.cursor = page.next;
        if request.cursor.is_none() {
            break;
        }
    }
    let known = |listed: Vec<Listed>| -> Vec<usize> {
        listed.iter().filter_map(|person| stage.by_name.get(&person.username).copied()).collect()
    };
    loop {
        let page = doors.people.followers(Some(name.clone()), request.clone()).await?;
        seen.followers.extend(known(page.users));
        request.cursor = page.next;
        if request.cursor.is_none() {
            break;
        }
    }
    loop {
        let page = doors.people.following(Some(name.clone()), request.clone()).await?;
        seen.following.extend(known(page.users));
        request.cursor = page.next;
        if request.cursor.is_none() {
            return Ok(seen);
        }
    }
}
