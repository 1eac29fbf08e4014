//! The registrar actor and its door.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use actix::{Actor, Context as Ctx, Handler, Message, ResponseFuture};
use bytes::Bytes;
use tokio::time::Instant;

use crate::actors::context::Context;
use crate::actors::door::{Door, MAILBOX};
use crate::records::{AccountBody, Signed};
use crate::registry::{ClaimError, Decision, decide, final_key};
use crate::seam::{Batch, Op, Outcome, Space};
use crate::types::{NodeId, Username};
use crate::wire::{Blob, Claimed, ErrorCode, Standing};

/// A claim of a name.
#[derive(Message)]
#[rtype(result = "Result<Claimed, ErrorCode>")]
struct ClaimName {
    from: NodeId,
    record: Bytes,
}

/// Asks what was signed for a name.
#[derive(Message)]
#[rtype(result = "Standing")]
struct Ask(Username);

/// New names that one peer may have decided within an hour: a decision stays for ever.
const NAMES_PER_HOUR: u32 = 120;
/// Most peers whose claims are counted; beyond that the one counted longest ago starts anew.
const COUNTED_PEERS: usize = 4096;

/// The actor.
pub struct RegistrarActor {
    node: Rc<Context>,
    /// Names decided for each peer within its current hour.
    counts: BTreeMap<NodeId, (Instant, u32)>,
}

impl RegistrarActor {
    /// Builds the actor.
    pub fn new(node: Rc<Context>) -> Self {
        Self { node, counts: BTreeMap::new() }
    }

    /// Counts a new name of a peer; false when it is over its limit.
    fn within_rate(&mut self, peer: NodeId) -> bool {
        let now = Instant::now();
        if self.counts.len() >= COUNTED_PEERS && !self.counts.contains_key(&peer) {
            let oldest = self.counts.iter().min_by_key(|(id, (since, _))| (*since, **id)).map(|(id, _)| *id);
            oldest.map(|id| self.counts.remove(&id));
        }
        let (since, count) = self.counts.entry(peer).or_insert((now, 0));
        if now.duration_since(*since) >= Duration::from_secs(3600) {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= NAMES_PER_HOUR
    }

    fn held(&self, key: &[u8]) -> Option<Decision> {
        let rows = self.node.store.local(Space::Finals, key, None, 1).ok()?;
        rows.into_iter().find(|(k, _)| k == key).and_then(|(_, value)| Decision::from_bytes(&value))
    }
}

impl Actor for RegistrarActor {
    type Context = Ctx<Self>;

    fn started(&mut self, ctx: &mut Ctx<Self>) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<ClaimName> for RegistrarActor {
    type Result = ResponseFuture<Result<Claimed, ErrorCode>>;

    fn handle(&mut self, ClaimName { from, record: bytes }: ClaimName, _: &mut Ctx<Self>) -> Self::Result {
        let refused = |code| -> Self::Result { Box::pin(std::future::ready(Err(code))) };
        let Ok(record) = Signed::<AccountBody>::decode(bytes) else { return refused(ErrorCode::BadClaim) };
        let key = final_key(&record.body.username, record.body.seq);
        let asked = record.hash();
        if let Some(held) = self.held(&key) {
            return Box::pin(std::future::ready(Ok(answer(held, asked))));
        }
        if self.node.clock.in_doubt() {
            return refused(ErrorCode::ClockInDoubt);
        }
        let decision = match decide(record, &self.node.key, &self.node.network, self.node.now()) {
            Ok(decision) => decision,
            Err(ClaimError::Reserved) => return refused(ErrorCode::NameReserved),
            Err(ClaimError::Invalid | ClaimError::NotGenesis) => return refused(ErrorCode::BadClaim),
        };
        if !self.within_rate(from) {
            return refused(ErrorCode::Busy);
        }
        // Two claims may be here at once: the store decides which was first, and only that one is ever signed for.
        let once = Op::SetLocalOnce(Space::Finals, key, decision.to_bytes());
        let commit = self.node.store.commit(Batch(vec![once]));
        Box::pin(async move {
            match commit.await.map(|applied| applied.0.into_iter().next()) {
                Ok(Some(Outcome::Held(bytes))) => {
                    Decision::from_bytes(&bytes).map(|held| answer(held, asked)).ok_or(ErrorCode::Internal)
                }
                Ok(_) => Ok(answer(decision, asked)),
                Err(error) => {
                    tracing::error!(%error, "a decision could not be written, so it was not made");
                    Err(ErrorCode::Internal)
                }
            }
        })
    }
}

fn answer(held: Decision, asked: crate::types::Hash) -> Claimed {
    let other = (held.record.hash() != asked).then(|| Blob::from(held.record.bytes()));
    Claimed { signed: held.signed, other }
}

impl Handler<Ask> for RegistrarActor {
    type Result = actix::MessageResult<Ask>;

    fn handle(&mut self, Ask(name): Ask, _: &mut Ctx<Self>) -> Self::Result {
        let held = self.held(&final_key(&name, 0));
        let record = held.as_ref().map(|d| Blob::from(d.record.bytes()));
        actix::MessageResult(Standing { record, signed: held.map(|d| d.signed) })
    }
}

/// A handle to the registrar actor.
#[derive(Clone)]
pub struct RegistrarHandle(pub(in crate::actors) Door<RegistrarActor>);

impl RegistrarHandle {
    /// Decides a claim; the decision is on disk before this returns.
    pub async fn claim(&self, from: NodeId, record: Bytes) -> Result<Claimed, ErrorCode> {
        self.0.ask(ClaimName { from, record }).await.unwrap_or(Err(ErrorCode::Internal))
    }

    /// Returns what was signed for a name.
    pub async fn standing(&self, name: Username) -> Result<Standing, ErrorCode> {
        self.0.ask(Ask(name)).await.map_err(|_| ErrorCode::Internal)
    }
}
