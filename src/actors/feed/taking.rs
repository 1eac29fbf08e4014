//! What comes to the feed: from replicas, from authors' nodes, from the session, and from readings of homes.

use actix::{Context as Ctx, Handler, ResponseFuture};

use super::actor::FeedActor;
use super::keeping::keys;
use super::messages::{CaughtUp, Named, Posted, Push, Replicated, Settled};
use crate::actors::gc::{drop_final, is_collected};
use crate::actors::storage::{disbelief, is_held, put_op, refusal};
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
        let (node, at) = (&self.node, home(&account));
        // A replica that has collected the post keeps it out of what it holds for others; the feed has it all the same.
        let collected = matches!(&record, Record::Post(post) if is_collected(node, &at, post));
        let counts = matches!(record, Record::Post(_)) && !collected && !is_held(node, &at, Section::Post, &record);
        // An author that says more than a holder would take is not heard here either.
        let share = if counts { node.quotas.take(node, &at, Section::Post, &record) } else { Ok(None) };
        let mut share = match share {
            Ok(share) => share,
            Err(status) => return refused(status),
        };
        let (mut ops, news) = match &record {
            Record::Post(post) => {
                let ops = self.state.take(post, Via::Direct);
                let news = keys(&ops, Space::Feed).next().is_some();
                (ops, news)
            }
            Record::Tombstone(tombstone) => (self.state.delete(std::slice::from_ref(tombstone)), true),
            _ => return refused(Status::Invalid),
        };
        if !collected {
            ops.push(put_op(&record, at, Section::Post, self.node.horizon()));
            self.node.homes.stored(&record, Section::Post);
        }
        let (kept, node) = (self.state.keep(ops), self.node.clone());
        Box::pin(async move {
            if kept.await.is_err() {
                return Status::StoreFailed;
            }
            drop_final(&node, &at, &[&record]).await;
            share.iter_mut().for_each(|share| share.keep());
            if news { Status::Stored } else { Status::Known }
        })
    }
}

impl Handler<CaughtUp> for FeedActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, message: CaughtUp, _: &mut Ctx<Self>) -> Self::Result {
        let account = message.account;
        let ops = self.state.caught_up(message);
        let kept = self.state.keep(ops);
        // What was shown may count only now that the logs are known.
        let (node, progress) = (self.node.clone(), self.state.progress(Some(&account)));
        Box::pin(async move {
            if kept.await.is_ok() {
                node.doors().seen.gained(progress).await;
            }
        })
    }
}

impl Handler<Named> for FeedActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, named: Named, _: &mut Ctx<Self>) -> Self::Result {
        if self.state.me.is_none() {
            return Box::pin(std::future::ready(()));
        }
        let tombstones: Vec<_> = named.tombstones.iter().filter_map(|b| Signed::decode(b.clone()).ok()).collect();
        let mut ops = self.state.delete(&tombstones);
        ops.extend(self.inbox.take(&self.node, &named, |post| self.state.is_deleted(post)));
        let kept = self.state.keep(ops);
        Box::pin(async move { drop(kept.await) })
    }
}

impl Handler<Settled> for FeedActor {
    type Result = ();

    fn handle(&mut self, settled: Settled, _: &mut Ctx<Self>) {
        let unwritten = self.state.settled(settled);
        self.inbox.look_again(&unwritten);
    }
}
