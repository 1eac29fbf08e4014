//! How far the account has read, on whatever of its devices: what was shown there is shown here.

use std::collections::BTreeSet;

use actix::{Handler, Message, MessageResult, ResponseFuture};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::actor::FeedActor;
use super::rows;
use super::state::{FeedState, ROWS};
use crate::actors::context::Context;
use crate::records::{Known, from_bytes, to_bytes};
use crate::seam::{Op, Space};
use crate::timeline::Positions;

/// Other devices of the account have read so far.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ReadElsewhere(pub Positions);

/// Asks how far the account has read, here and elsewhere.
#[derive(Message)]
#[rtype(result = "ReadUpTo")]
pub struct AskRead;

/// How far the account has read.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ReadUpTo {
    /// On whatever device, as far as that is known here.
    pub all: Positions,
    /// Here, of the logs of those whom it follows.
    pub here: Positions,
}

#[derive(Serialize, Deserialize)]
struct OnDisk {
    #[serde(rename = "L")]
    logs: Vec<(ByteBuf, u64)>,
}

impl Known for OnDisk {
    const FIELDS: &'static [&'static str] = &["L"];
}

/// Where they lie, beside the private entries, which begin with other numbers.
const ROW: Bytes = Bytes::from_static(&[3]);

/// Returns the change that keeps what is known of how far the account has read.
pub fn keep_positions(positions: &Positions) -> Op {
    Op::SetLocal(Space::Private, ROW, to_bytes(&OnDisk { logs: positions.list() }).into())
}

/// Reads what is on disk of it.
pub(super) fn load(node: &Context) -> Positions {
    let rows = node.store.local(Space::Private, &ROW, None, 1).unwrap_or_default();
    let held = rows.first().filter(|(key, _)| *key == ROW).and_then(|(_, value)| from_bytes::<OnDisk>(value).ok());
    held.map(|held| Positions::read(&held.logs)).unwrap_or_default()
}

impl FeedState {
    /// Marks as shown what was shown on other devices; returns the changes. Nobody is told of it any more.
    pub(super) fn read_elsewhere(&mut self, positions: &Positions) -> Vec<Op> {
        let news = self.read.join(positions);
        if self.me.is_none() || !news && !self.unwritten {
            return Vec::new();
        }
        self.unwritten = false;
        let mut ops = vec![keep_positions(&self.read)];
        let mut told: BTreeSet<Bytes> = BTreeSet::new();
        for (key, row) in &mut self.pending {
            let body = &row.post.body;
            if !row.shown && self.read.covers(&body.device, body.seq) {
                row.shown = true;
                ops.push(rows::put(row));
                told.insert(key.clone());
            }
        }
        for space in ROWS {
            let walked = rows::walk(&self.node, space, None, |key, mut row| {
                let body = &row.post.body;
                let pending = space == Space::Feed && self.pending.contains_key(&key);
                if !row.shown && !pending && self.read.covers(&body.device, body.seq) {
                    row.shown = true;
                    ops.push(Op::SetLocal(space, key, row.to_bytes()));
                }
                true
            });
            if let Err(error) = walked {
                tracing::warn!(%error, "what was read on another device is not marked here");
            }
        }
        self.silent.extend(told);
        ops
    }

    /// Marks once more what could not be marked on disk before; returns the changes.
    pub(super) fn read_elsewhere_again(&mut self) -> Vec<Op> {
        self.read_elsewhere(&Positions::default())
    }

    /// Returns how far the account has read.
    pub(super) fn read_up_to(&self) -> ReadUpTo {
        let mut here = Positions::default();
        for progress in self.progress(None) {
            here.raise(&progress.log, progress.seen);
        }
        let mut all = self.read.clone();
        all.join(&here);
        ReadUpTo { all, here }
    }
}

impl Handler<ReadElsewhere> for FeedActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, ReadElsewhere(positions): ReadElsewhere, _: &mut actix::Context<Self>) -> Self::Result {
        let ops = self.state.read_elsewhere(&positions);
        let kept = self.state.keep(ops);
        Box::pin(async move { drop(kept.await) })
    }
}

impl Handler<AskRead> for FeedActor {
    type Result = MessageResult<AskRead>;

    fn handle(&mut self, _: AskRead, _: &mut actix::Context<Self>) -> Self::Result {
        MessageResult(self.state.read_up_to())
    }
}
