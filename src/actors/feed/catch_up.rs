//! Reading an author's home: what is there, and how far the author's logs go.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::messages::CaughtUp;
use crate::actors::context::Context;
use crate::actors::storage::read;
use crate::records::{HeadsBody, MAX_PAGE_DEPTH, Page, Record, home};
use crate::timeline::{LogState, Reasons};
use crate::types::{AccountId, DeviceId, MAX_TTL, Section, SectionSet, WallTime};

/// Reads an author's home, keeps local copies, and tells the feed; where `reader` is named, also how far that account has
/// seen the author's logs, on whatever device.
pub async fn catch_up(node: Rc<Context>, account: AccountId, reader: Option<AccountId>) {
    let sections =
        SectionSet::of(&[Section::Account, Section::Device, Section::Retirement, Section::Heads, Section::Post]);
    let reading = read(&node, home(&account), sections).await;
    node.doors().presence.named(account, reading.nearest, true);
    node.doors().storage.absorb(&reading.records).await;
    let (mut posts, mut tombstones) = (Vec::new(), Vec::new());
    let mut logs: BTreeMap<DeviceId, LogState> = BTreeMap::new();
    for record in &reading.records {
        match record {
            Record::Post(post) => {
                posts.push(post.bytes().clone());
                // A post proves the numbers below it, even where the heads lag.
                let state = LogState { last_seq: post.body.seq, ..LogState::default() };
                logs.entry(post.body.device).or_default().join(state);
            }
            Record::Tombstone(tombstone) => tombstones.push(tombstone.bytes().clone()),
            Record::Heads(heads) => {
                logs.entry(heads.body.device).or_default().join(state_of(&heads.body, node.horizon()));
            }
            _ => {}
        }
    }
    for (device, seq) in &reading.collected {
        let state = LogState { last_seq: *seq, marked: [*seq].into(), ..LogState::default() };
        logs.entry(*device).or_default().join(state);
    }
    let complete = reading.complete;
    let seen = match reader {
        Some(reader) if complete => seen(&node, account, reader).await,
        _ => Vec::new(),
    };
    let logs = logs.into_iter().collect();
    node.doors().feed.caught_up(CaughtUp { account, posts, tombstones, logs, complete, seen }).await;
}

/// Returns the state of a log that its heads tell.
pub fn state_of(heads: &HeadsBody, now: WallTime) -> LogState {
    // Whatever the heads speak of is older than they are: by now even the longest life has ended.
    let ended = heads.hlc.wall().plus(MAX_TTL) <= now;
    LogState {
        last_seq: heads.last_seq,
        floor: if ended { heads.last_seq } else { heads.floor },
        version: heads.version,
        collected: heads.collected.clone(),
        over: if ended { heads.last_seq } else { 0 },
        reasons: Reasons { from: heads.why_from.unwrap_or(0), to: heads.last_seq, early: heads.early.clone() },
        ..LogState::default()
    }
}

/// Reads how far an account has seen an author's logs, along the one way through the pages on which its words lie.
async fn seen(node: &Rc<Context>, author: AccountId, reader: AccountId) -> Vec<(DeviceId, u64)> {
    let mut seen: BTreeMap<DeviceId, u64> = BTreeMap::new();
    if author == reader {
        return Vec::new();
    }
    for depth in 0..=MAX_PAGE_DEPTH {
        let page = Page::of(Section::Seen, author, &reader, depth);
        let reading = read(node, page.key(), SectionSet::of(&[Section::Seen])).await;
        for record in &reading.records {
            if let Record::Watermark(mark) = record
                && mark.body.follower == reader
                && mark.body.author == author
            {
                let held = seen.entry(mark.body.log).or_default();
                *held = (*held).max(mark.body.seen);
            }
        }
        if !reading.split.contains(Section::Seen) {
            break;
        }
    }
    seen.into_iter().collect()
}
