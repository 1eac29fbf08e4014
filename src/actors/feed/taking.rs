//! What comes to the feed: from replicas, from authors' nodes, from the session, and from readings of homes.

use actix::{Context as Ctx, Handler, ResponseFuture};

use super::actor::FeedActor;
use super::keeping::keys;
use super::messages::{CaughtUp, Named, Posted, Push, Replicated, Settled};
use crate::actors::storage::{disbelief, put_op, refusal};
use crate::records::{PostBody, Record, Signed, admit, home};
use crate::seam::Space;
use crate::timeline::Via;
use crate::types::Section;
use crate::wire::Status;

impl Handler<Replicated> for FeedActor {
    type Result = ();

    fn handle(&mut self, Replicated(bytes): Replicated, _: &mut Ctx<Self>) {
        let ops = match Record::decode(bytes) {
            Ok(Record::Post(post)) => self.state.take(&post, Via::Replica),
            Ok(Record::Tombstone(tombstone)) => self.state.delete(&[tombstone]),
            _ => return,
        };
        self.keep_later(ops);
    }
}

impl Handler<Posted> for FeedActor {
    type Result = ();

    fn handle(&mut self, Posted(bytes): Posted, _: &mut Ctx<Self>) {
        if let Ok(post) = Signed::<PostBody>::decode(bytes) {
            let ops = self.state.posted(post).into_iter().collect();
            self.keep_later(ops);
        }
    }
}

impl Handler<Push> for FeedActor {
    type Result = ResponseFuture<Status>;

    fn handle(&mut self, Push { post, proofs }: Push, _: &mut Ctx<Self>) -> Self::Result {
        let refused = |status| -> Self::Result { Box::pin(std::future::ready(status)) };
        let Ok(record) = Record::decode(post) else { return refused(Status::Invalid) };
        let account = match &record {
            Record::Post(post) => post.body.account,
            Record::Tombstone(tombstone) => tombstone.body.account,
            _ => return refused(Status::Invalid),
        };
        if !self.state.wants(&account) {
            return refused(Status::NotFollowed);
        }
        if let Err(error) = admit(&record, self.node.now(), self.node.network.limits()) {
            return refused(refusal(error));
        }
        let proofs: Vec<Record> = proofs.into_iter().filter_map(|bytes| Record::decode(bytes).ok()).collect();
        self.node.learn(&proofs);
        if let Err(error) = self.node.verify(&record) {
            return refused(disbelief(error));
        }
        let (mut ops, news) = match &record {
            Record::Post(post) => {
                let ops = self.state.take(post, Via::Direct);
                let news = keys(&ops, Space::Feed).next().is_some();
                (ops, news)
            }
            Record::Tombstone(tombstone) => (self.state.delete(std::slice::from_ref(tombstone)), true),
            _ => return refused(Status::Invalid),
        };
        ops.push(put_op(&record, home(&account), Section::Post, self.node.horizon()));
        let kept = self.state.keep(ops);
        Box::pin(async move {
            match kept.await {
                Ok(()) if news => Status::Stored,
                Ok(()) => Status::Known,
                Err(_) => Status::StoreFailed,
            }
        })
    }
}

impl Handler<CaughtUp> for FeedActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, message: CaughtUp, _: &mut Ctx<Self>) -> Self::Result {
        let ops = self.state.caught_up(message);
        let kept = self.state.keep(ops);
        Box::pin(async move { drop(kept.await) })
    }
}

impl Handler<Named> for FeedActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, named: Named, _: &mut Ctx<Self>) -> Self::Result {
        if self.state.me.is_none() {
            return Box::pin(std::future::ready(()));
        }
        let mut ops = self.inbox.take(&self.node, &named);
        let tombstones: Vec<_> = named.tombstones.into_iter().filter_map(|b| Signed::decode(b).ok()).collect();
        ops.extend(self.state.delete(&tombstones));
        let kept = self.state.keep(ops);
        Box::pin(async move { drop(kept.await) })
    }
}

impl Handler<Settled> for FeedActor {
    type Result = ();

    fn handle(&mut self, settled: Settled, _: &mut Ctx<Self>) {
        self.state.settled(settled);
    }
}
