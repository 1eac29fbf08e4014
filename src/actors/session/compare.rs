//! The own log against what the network has of it: a disk that was restored from a copy must not number posts anew.
//!
//! Until they are compared after a start, posts are signed and held back. If the network turns out to be ahead, what it has
//! is taken over, and the posts that were held are signed again behind it: nobody has seen them before.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout_at};

use super::held::{Held, release};
use super::state::{Session, Shared};
use crate::actors::storage::read;
use crate::records::{PostBody, Record, Signed, home};
use crate::types::{Code, DeviceId, Hash, Hlc, MAX_TTL, Problem, Section, SectionSet, WallTime};

/// Where the own log stands against the network's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not compared since the start.
    Unknown,
    /// Nothing in the network goes beyond it.
    Level,
    /// The network has more, up to this post, and not all of it can be fetched.
    Behind(u64, Option<Hash>),
    /// Another device of the account has retired this one.
    Retired,
}

/// A post waits no longer for the comparison.
const LONGEST: Duration = Duration::from_secs(3);
/// The pause between two tries; a node knows somebody within a second of its start.
const PAUSE: Duration = Duration::from_millis(300);

/// Compares, and again until it succeeds or a little time has passed; in time even where `within` is short.
///
/// # Errors
/// When this device must not post any more.
pub async fn ensure(shared: &Rc<Shared>, within: Option<Duration>) -> Result<(), Problem> {
    let end = Instant::now() + within.unwrap_or(LONGEST).min(LONGEST);
    while shared.standing.get() != Standing::Level {
        if timeout_at(end, compare(shared)).await.is_err() {
            break;
        }
        match shared.standing.get() {
            Standing::Unknown if Instant::now() + PAUSE < end && !shared.node.clock.in_doubt() => sleep(PAUSE).await,
            _ => break,
        }
    }
    let again = "`timeline logout`, then `timeline login NAME`: the account goes on with a new device";
    match shared.standing.get() {
        Standing::Unknown | Standing::Level => Ok(()),
        Standing::Behind(last, _) => {
            let made = last.saturating_sub(shared.session()?.last_seq);
            let message =
                format!("this folder is older than its device: of the {made} posts made since, some are not to be had");
            Err(Problem::new(Code::NotLoggedIn, message).hint(again))
        }
        Standing::Retired => {
            Err(Problem::new(Code::NotLoggedIn, "this device was logged out from another one").hint(again))
        }
    }
}

/// Compares once, where that was not done; goes on when nobody waits any more.
pub async fn compare(shared: &Rc<Shared>) {
    let (done, end) = oneshot::channel::<()>();
    let job = shared.clone();
    shared.node.spawn(async move {
        let _once = job.comparing.lock().await;
        if job.standing.get() != Standing::Level {
            compare_now(&job).await;
        }
        drop(done);
    });
    // Nothing is ever sent: its end is the news.
    let _ = end.await;
}

async fn compare_now(shared: &Rc<Shared>) {
    let (node, Ok(session)) = (&shared.node, shared.session()) else { return };
    // Reading a home mends it, and what waits in doubt goes nowhere.
    if node.clock.in_doubt() {
        return;
    }
    let sections =
        SectionSet::of(&[Section::Account, Section::Device, Section::Retirement, Section::Heads, Section::Post]);
    let reading = read(node, home(&session.account), sections).await;
    node.doors().storage.absorb(&reading.records).await;
    let _turn = shared.turn.lock().await;
    // Somebody else may have logged in meanwhile, with a log of its own.
    let Ok(mut session) = shared.session().filtered(&session) else { return };
    let held = Held::load(shared);
    let before: BTreeSet<Hash> = held.iter().map(|held| held.post.hash()).collect();
    let log = NetworkLog::of(&reading.records, &session.device_id(), &before);
    let (base, _) = held.first().map_or((session.last_seq, session.last_hash), Held::base);
    let standing = log.judge(base, node.now());
    if standing != Standing::Level || !reading.complete && log.last <= base {
        if standing != Standing::Level {
            tracing::warn!(?standing, "the own log cannot be continued");
            shared.standing.set(standing);
        }
        return;
    }
    let ahead = log.last > base;
    if ahead {
        tracing::warn!(here = base, network = log.last, "the network is ahead of this disk: its posts are taken over");
        (session.last_seq, session.last_hash) = (log.last, log.last_hash);
    }
    // Whoever is ahead of this disk knows more of why its posts are gone.
    if log.version > session.version {
        (session.why_from, session.early) = (log.why_from, log.early);
        // What they call gone is, and nothing on this disk would say so.
        session.ended = log.ended;
    }
    session.version = session.version.max(log.version);
    session.hlc = session.hlc.max(log.hlc);
    let floor = session.floor.max(log.floor);
    session.floor = floor;
    session.ended.retain(|(first, _)| *first > floor);
    release(shared, session, held, ahead).await;
}

/// A session if it is still of the same device.
trait Filtered {
    fn filtered(self, before: &Session) -> Result<Session, ()>;
}

impl Filtered for Result<Session, Problem> {
    fn filtered(self, before: &Session) -> Result<Session, ()> {
        self.ok().filter(|now| now.device_id() == before.device_id()).ok_or(())
    }
}

/// What the network has of one device's log.
#[derive(Default)]
struct NetworkLog {
    last: u64,
    last_hash: Option<Hash>,
    version: u64,
    floor: u64,
    ended: Vec<(u64, u64)>,
    why_from: u64,
    early: Vec<(u64, u64)>,
    hlc: Hlc,
    /// Numbers of posts that are there, or deleted.
    there: BTreeSet<u64>,
    retired: bool,
}

impl NetworkLog {
    /// Reads it out of a home; what was held back here is not counted.
    fn of(records: &[Record], device: &DeviceId, held: &BTreeSet<Hash>) -> Self {
        let mut log = Self::default();
        for record in records {
            match record {
                Record::Post(r) if r.body.device == *device && !held.contains(&r.hash()) => {
                    log.reaches(r.body.seq, Some(r.hash()), r.body.hlc);
                    log.there.insert(r.body.seq);
                }
                Record::Tombstone(r) if r.body.of == *device && !held.contains(&r.body.post) => {
                    log.reaches(r.body.seq, Some(r.body.post), Hlc::default());
                    log.there.insert(r.body.seq);
                }
                Record::Heads(r) if r.body.device == *device => {
                    let body = &r.body;
                    log.reaches(body.last_seq, body.last_hash, body.hlc);
                    log.floor = log.floor.max(body.floor);
                    if body.version > log.version {
                        (log.version, log.ended) = (body.version, body.collected.clone());
                        (log.why_from, log.early) = (body.why_from.unwrap_or(0), body.early.clone());
                    }
                }
                Record::Retirement(r) if r.body.device == *device => log.retired = true,
                _ => {}
            }
        }
        let floor = log.floor;
        log.ended.retain(|(first, _)| *first > floor);
        log
    }

    fn reaches(&mut self, seq: u64, hash: Option<Hash>, hlc: Hlc) {
        if seq > self.last {
            (self.last, self.last_hash) = (seq, hash);
        }
        self.hlc = self.hlc.max(hlc);
    }

    /// Says how a log that ends at `base` stands; `Level` also where it can be brought there.
    fn judge(&self, base: u64, now: WallTime) -> Standing {
        if self.retired {
            return Standing::Retired;
        }
        if self.last <= base {
            return Standing::Level;
        }
        // What is older than any post lives was expired, whether or not anybody has said so.
        let all_ended = self.hlc.wall().plus(MAX_TTL) <= now;
        let ended = |n: u64| self.ended.iter().any(|(first, last)| (*first..=*last).contains(&n));
        let from = base.max(self.floor).saturating_add(1);
        let lost = !all_ended
            && (from..=self.last).take(self.there.len() + MOST_ENDED).any(|n| !self.there.contains(&n) && !ended(n));
        if lost || self.last_hash.is_none() { Standing::Behind(self.last, self.last_hash) } else { Standing::Level }
    }
}

/// Most numbers looked at beside those that are there: a log with more gaps than that counts as lost.
const MOST_ENDED: usize = 10_000;

/// Returns the last number and hash that a retirement of this session may name.
pub fn known_end(shared: &Shared, session: &Session) -> (u64, Option<Hash>) {
    match shared.standing.get() {
        Standing::Behind(last, hash) if last > session.last_seq && hash.is_some() => (last, hash),
        _ => (session.last_seq, session.last_hash),
    }
}

/// Returns the post in a record.
pub fn as_post(record: &Record) -> Option<&Signed<PostBody>> {
    match record {
        Record::Post(post) => Some(post),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(last: u64, floor: u64, there: &[u64], ended: &[(u64, u64)]) -> NetworkLog {
        NetworkLog {
            last,
            last_hash: Some(Hash([1; 32])),
            floor,
            ended: ended.to_vec(),
            there: there.iter().copied().collect(),
            hlc: Hlc::new(WallTime(1_000), 0),
            ..NetworkLog::default()
        }
    }

    #[test]
    fn a_log_goes_on_only_where_everything_since_is_accounted_for() {
        let (now, behind) = (WallTime(2_000), |last| Standing::Behind(last, Some(Hash([1; 32]))));
        let check = |log: NetworkLog, base: u64, expected: Standing| assert_eq!(log.judge(base, now), expected);
        check(log(5, 0, &[], &[]), 5, Standing::Level);
        check(log(5, 0, &[5], &[]), 4, Standing::Level);
        check(log(5, 0, &[5], &[]), 3, behind(5));
        check(log(5, 4, &[5], &[]), 1, Standing::Level);
        check(log(9, 2, &[3, 4, 9], &[(5, 8)]), 1, Standing::Level);
        check(log(9, 2, &[3, 4], &[(5, 8)]), 1, behind(9));
        check(log(u64::MAX, 0, &[], &[]), 1, behind(u64::MAX));
        let old = log(7, 0, &[], &[]);
        assert_eq!(old.judge(3, WallTime(1_000).plus(MAX_TTL)), Standing::Level, "all of it has expired");
        let nameless = NetworkLog { last_hash: None, ..log(5, 0, &[5], &[]) };
        check(nameless, 4, Standing::Behind(5, None));
    }
}
