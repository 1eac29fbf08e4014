//! Reading an author's home: what is there, and how far the author's logs go.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::messages::CaughtUp;
use crate::actors::context::Context;
use crate::actors::storage::read;
use crate::records::{Record, home};
use crate::timeline::LogState;
use crate::types::{AccountId, DeviceId, Section, SectionSet};

/// Reads an author's home, keeps local copies, and tells the feed.
pub async fn catch_up(node: Rc<Context>, account: AccountId) {
    let sections =
        SectionSet::of(&[Section::Account, Section::Device, Section::Retirement, Section::Heads, Section::Post]);
    let reading = read(&node, home(&account), sections).await;
    node.doors().storage.absorb(&reading.records).await;
    let mut posts = Vec::new();
    let mut logs: BTreeMap<DeviceId, LogState> = BTreeMap::new();
    for record in &reading.records {
        match record {
            Record::Post(post) => {
                posts.push(post.bytes().clone());
                // A post proves the numbers below it, even where the heads lag.
                let state = LogState { last_seq: post.body.seq, ..LogState::default() };
                logs.entry(post.body.device).or_default().join(state);
            }
            Record::Heads(heads) => {
                let body = &heads.body;
                let (last_seq, floor, version) = (body.last_seq, body.floor, body.version);
                let state = LogState { last_seq, floor, version, collected: body.collected.clone() };
                logs.entry(body.device).or_default().join(state);
            }
            _ => {}
        }
    }
    let complete = reading.complete;
    let message = CaughtUp { account, posts, logs: logs.into_iter().collect(), complete };
    node.doors().feed.caught_up(message).await;
}
