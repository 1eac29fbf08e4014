//! Looking at one home: what is to go now, and when to look again.

use std::rc::Rc;
use std::time::Duration;

use super::children;
use super::home::{Known, Ripening, know};
use super::marks::{MARKS, MARKS_AT_HOME, mark_op, marks_at};
use super::reconcile::{Verdict, is_replica, reconcile};
use crate::actors::context::Context;
use crate::records::home;
use crate::retention::{Collected, Rules, Why};
use crate::seam::{Batch, Op};
use crate::types::{AccountId, Key, Section};

/// Homes with posts are compared with others this often, whatever happens: a replica may have missed what nobody repeats.
const SLOW: Duration = Duration::from_secs(6 * 3600);
/// Homes whose lists go on at other pages, where what changes is not seen from here.
const SPLIT: Duration = Duration::from_secs(600);
/// Where too few answered.
const AGAIN: Duration = Duration::from_secs(60);
/// Where some had been away: they have what they should have within a few rounds of repair.
const AWAY: Duration = Duration::from_secs(10);
/// Where the disk did not take it: what is gone everywhere else is not to be found here.
const UNKEPT: Duration = Duration::from_secs(10);

/// When a home is looked at next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// When it changes.
    Change,
    /// After so long; with whether others are asked even where nothing seems to be collectable.
    After(Duration, bool),
}

/// What a look brought.
pub(super) struct Look {
    /// When the next one is due.
    pub next: Next,
    /// How many posts went, each leaving a mark.
    pub collected: usize,
    /// Whether a majority of the others was asked.
    pub asked: bool,
}

/// Looks at a home; `ask` says that others may know more than this node does.
pub(super) async fn look(node: &Rc<Context>, account: AccountId, ask: bool, ripening: Ripening, marks: usize) -> Look {
    let rules =
        Rules { collect_seen: node.settings.retention.collect_seen, kept: node.network.document.posts_kept as usize };
    let known = know(node, &account, ripening);
    // The author's word is final, whoever this node is to the author.
    let Some(mut collected) = remove(node, account, known.shelf.final_ones(), usize::MAX).await else {
        return Look { next: Next::After(UNKEPT, false), collected: 0, asked: false };
    };
    let own = node.doors().session.who().await.is_ok_and(|who| who.is_some_and(|who| who.device.account == account));
    let left = known.posts.saturating_sub(collected);
    if left == 0 || !(own || node.is_anchor() || is_replica(node, &home(&account)).await) {
        return Look { next: Next::Change, collected, asked: false };
    }
    let split = !known.split.is_empty();
    let room = marks < MARKS && marks_at(node, &home(&account), usize::MAX).len() < MARKS_AT_HOME;
    if !room || !(ask || split || wants(&known, rules)) {
        return Look { next: next(node, &known, rules), collected, asked: false };
    }
    match reconcile(node, account).await {
        Verdict::Agreed => {}
        Verdict::Few => return Look { next: Next::After(AGAIN, true), collected, asked: false },
        Verdict::Away => return Look { next: Next::After(AWAY, true), collected, asked: false },
    }
    let Some(known) = know_all(node, account, ripening).await else {
        return Look { next: Next::After(AGAIN, true), collected, asked: false };
    };
    // Time has passed: what was sure when the look began has to be sure still.
    if node.clock.in_doubt() {
        return Look { next: Next::After(AGAIN, true), collected, asked: false };
    }
    let Some(more) = remove(node, account, known.shelf.collectable(rules), MARKS_AT_HOME).await else {
        return Look { next: Next::After(AGAIN, false), collected, asked: true };
    };
    collected += more;
    if own && collected > 0 {
        node.doors().session.tend_log().await;
    }
    let known = know(node, &account, ripening);
    let next = if known.posts == 0 { Next::Change } else { next(node, &known, rules) };
    Look { next, collected, asked: true }
}

/// Reads a home with what lies on all pages of its lists; `None` when too few holders of a page answered.
async fn know_all(node: &Rc<Context>, account: AccountId, ripening: Ripening) -> Option<Known> {
    let mut known = know(node, &account, ripening);
    for section in [Section::Followers, Section::Seen] {
        if known.split.contains(&section) {
            children::add(node, account, section, &mut known.shelf).await?;
        }
    }
    Some(known)
}

/// Tells whether something goes by what is known here alone.
fn wants(known: &Known, rules: Rules) -> bool {
    known.shelf.collectable(rules).iter().any(|c| c.why != Why::Author)
}

fn next(node: &Rc<Context>, known: &Known, rules: Rules) -> Next {
    if !known.split.is_empty() {
        return Next::After(SPLIT, true);
    }
    // Only where something would go is it worth looking again when a post becomes ripe.
    let waits = known.later.collectable(rules).iter().any(|c| c.why != Why::Author);
    match known.ripens.filter(|_| waits) {
        Some(at) => Next::After(at.since(node.horizon()).min(SLOW), false),
        None => Next::After(SLOW, true),
    }
}

/// Deletes posts, and keeps a mark of each; returns how many went, `None` when the disk did not take it.
async fn remove(node: &Rc<Context>, account: AccountId, all: Vec<Collected>, most: usize) -> Option<usize> {
    let all = &all[..most.min(all.len())];
    for Collected { piece, why } in all {
        tracing::debug!(account = %account, seq = piece.seq, ?why, "a post is collected");
    }
    let (ops, count) = (removal(&home(&account), all), all.len());
    if count == 0 {
        return Some(0);
    }
    match node.store.commit(Batch(ops)).await {
        Ok(_) => Some(count),
        Err(error) => {
            tracing::warn!(%error, "posts could not be collected");
            None
        }
    }
}

/// Returns the changes that delete posts and keep a mark of each.
pub(super) fn removal(key: &Key, all: &[Collected]) -> Vec<Op> {
    let delete = |hash| Op::Delete { key: *key, section: Section::Post, hash };
    all.iter().flat_map(|Collected { piece, .. }| [delete(piece.hash), mark_op(key, piece)]).collect()
}
