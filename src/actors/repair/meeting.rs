//! Comparing stretches with one peer, down to the records in which both differ, and bringing both in step.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use super::answer::hint;
use super::holdings::{Row, leaf, rows};
use super::shared::Shared;
use super::taking::Taking;
use crate::actors::call::{CallError, Patience};
use crate::repair::{Descent, Digest, Fingerprint, Sum, differences};
use crate::types::{Contact, Hash, Stretch, place_of};
use crate::wire::{
    Compare, Compared, Differences, Differing, MAX_MARKED, MAX_NAMED, MAX_PARTS, MAX_STRETCHES, unpack_fingerprints,
    unpack_names,
};

/// Most records of this node in a stretch whose records the peer names; where there are more, its parts are asked for.
const OWN: u64 = 4 * MAX_NAMED as u64;

/// What came of a meeting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Met {
    /// Whether the peer answered at all.
    pub answered: bool,
    /// Whether everything was compared and brought in step as far as either side lets it.
    pub complete: bool,
    /// Whether the peer was away itself.
    pub unsynced: bool,
    /// Records that came.
    pub fetched: usize,
    /// Records that went.
    pub sent: usize,
}

/// Compares stretches with a peer.
pub(super) async fn meet(shared: &Rc<Shared>, peer: &Contact, stretches: Vec<Stretch>) -> Met {
    let Some(digest) = shared.digest().await else { return Met::default() };
    let mut meeting = Meeting {
        shared,
        digest,
        descent: Descent::new(stretches.clone()),
        taking: Taking::new(shared, peer),
        top: stretches.into_iter().collect(),
        differed: BTreeMap::new(),
        met: Met::default(),
    };
    let ended = meeting.walk().await;
    meeting.taking.take_rest().await;
    meeting.taking.catch_up();
    let Meeting { descent, taking, differed, mut met, .. } = meeting;
    met.complete = ended.is_ok() && descent.is_complete() && !taking.is_short();
    (met.fetched, met.sent) = (taking.fetched, taking.sent);
    let moved = met.fetched + met.sent > 0;
    let endless = descent.is_exhausted() && !moved;
    if endless || taking.is_vain() || matches!(ended, Err(CallError::Malformed)) {
        shared.shun(peer.node);
    }
    if met.complete && !moved {
        let (mut settled, now) = (shared.settled.borrow_mut(), shared.clock());
        differed.into_iter().for_each(|(stretch, sides)| settled.note(peer.node, stretch, sides, now));
    }
    if met.fetched > 0 {
        shared.forget_digest().await;
    }
    if moved || !met.complete {
        let error = ended.err();
        tracing::debug!(peer = %peer.node.short(), ?met, ?error, "met");
    }
    met
}

struct Meeting<'a> {
    shared: &'a Rc<Shared>,
    digest: Arc<Digest>,
    descent: Descent,
    taking: Taking<'a>,
    /// The stretches that the meeting began with.
    top: BTreeSet<Stretch>,
    /// Those of them that differ, with the fingerprints of both sides.
    differed: BTreeMap<Stretch, (Fingerprint, Fingerprint)>,
    met: Met,
}

impl Meeting<'_> {
    async fn walk(&mut self) -> Result<(), CallError> {
        loop {
            let asked = self.descent.next(MAX_STRETCHES);
            if asked.is_empty() {
                return Ok(());
            }
            let mut compared: Vec<Compared> = Vec::with_capacity(asked.len());
            for stretch in asked {
                match self.own(stretch).await {
                    Some(sum) => compared.push((stretch, sum.fingerprint().0)),
                    None => self.descent.fall_short(),
                }
            }
            if compared.is_empty() {
                continue;
            }
            let request = Compare::pack(&compared);
            let answer = self.shared.node.call(self.taking.peer, &request, Patience::Disk).await?;
            self.met.answered = true;
            self.met.unsynced |= answer.unsynced;
            self.hear(&compared, answer).await?;
            if self.taking.is_vain() || self.taking.is_full() || self.taking.is_short() {
                self.descent.fall_short();
                return Ok(());
            }
        }
    }

    /// Sums up a stretch of this node's; `None` when it cannot.
    async fn own(&self, stretch: Stretch) -> Option<Sum> {
        if let Some(sum) = self.digest.sum(stretch) {
            return Some(sum);
        }
        let rows = rows(&self.shared.node, stretch, usize::MAX).await?;
        let mut sum = Sum::default();
        rows.iter().for_each(|row| sum.add(&row.name));
        Some(sum)
    }

    /// Takes in where the peer differs.
    async fn hear(&mut self, compared: &[Compared], answer: Differences) -> Result<(), CallError> {
        let done = usize::from(answer.done);
        if done == 0 || done > compared.len() || answer.differing.len() > done {
            return Err(CallError::Malformed);
        }
        let rest: Vec<Stretch> = compared[done..].iter().map(|(stretch, _)| *stretch).collect();
        self.descent.again(&rest);
        let mut next = 0;
        for differing in answer.differing {
            // In order, and each once.
            let index = usize::from(differing.index);
            let (stretch, mine) =
                *compared.get(index).filter(|_| index >= next && index < done).ok_or(CallError::Malformed)?;
            next = index + 1;
            let theirs = differing.fingerprint.as_slice().try_into().map_err(|_| CallError::Malformed)?;
            let sides = (Fingerprint(mine), Fingerprint(theirs));
            if self.top.contains(&stretch) {
                let settled =
                    self.shared.settled.borrow().is(self.taking.peer.node, stretch, sides, self.shared.clock());
                if settled {
                    continue;
                }
                self.differed.insert(stretch, sides);
            }
            if differing.parts.is_empty() {
                self.hear_names(stretch, &differing).await?;
            } else {
                self.hear_parts(stretch, &differing.parts).await?;
            }
        }
        Ok(())
    }

    async fn hear_parts(&mut self, stretch: Stretch, packed: &[u8]) -> Result<(), CallError> {
        let prints = unpack_fingerprints(packed, MAX_PARTS).ok_or(CallError::Malformed)?;
        let parts = stretch.parts();
        if prints.len() != parts.len() || stretch.halves().is_none() {
            return Err(CallError::Malformed);
        }
        let own = self.sums(stretch, &parts).await;
        let differing = parts.into_iter().zip(prints).zip(own);
        let differing =
            differing.filter(|((_, theirs), own)| own.fingerprint().0 != *theirs).map(|((part, _), _)| part);
        self.descent.deeper(stretch, differing);
        Ok(())
    }

    /// Sums up the parts of a stretch.
    async fn sums(&self, stretch: Stretch, parts: &[Stretch]) -> Vec<Sum> {
        let summed: Option<Vec<Sum>> = parts.iter().map(|part| self.digest.sum(*part)).collect();
        if let Some(sums) = summed {
            return sums;
        }
        let rows = rows(&self.shared.node, stretch, usize::MAX).await.unwrap_or_default();
        let sum = |part: &Stretch| {
            let mut sum = Sum::default();
            let within = rows.iter().filter(|row| part.contains(place_of(&row.key, &row.hash)));
            within.for_each(|row| sum.add(&row.name));
            sum
        };
        parts.iter().map(sum).collect()
    }

    async fn hear_names(&mut self, stretch: Stretch, differing: &Differing) -> Result<(), CallError> {
        let set = |bytes: &[u8], most| -> Result<BTreeSet<Hash>, CallError> {
            Ok(unpack_names(bytes, most).ok_or(CallError::Malformed)?.into_iter().collect())
        };
        let (theirs, marked) = (set(&differing.names, MAX_NAMED)?, set(&differing.marked, MAX_MARKED)?);
        let much = self.own(stretch).await.is_none_or(|sum| sum.count() > OWN);
        if much && stretch.halves().is_some() {
            self.descent.deeper(stretch, stretch.parts().into_iter());
            return Ok(());
        }
        let Some(own) = rows(&self.shared.node, stretch, usize::MAX).await else {
            self.descent.fall_short();
            return Ok(());
        };
        let lot = differences(&leaf(&self.shared.node, stretch, &own), &theirs, &marked);
        let (surplus, rest): (Vec<Row>, Vec<Row>) = own.into_iter().partition(|row| lot.surplus.contains(&row.name));
        let doubtful = rest.into_iter().filter(|row| lot.doubtful.contains(&row.name));
        hint(&self.shared.node, doubtful.map(|row| row.bytes).collect());
        // What is sent first may show the peer that it needs no more what it would hand over.
        let sent = self.taking.send(surplus).await?;
        let fetched = self.taking.fetch(stretch, &lot.lacking, &lot.collected).await?;
        if !sent || !fetched {
            self.descent.fall_short();
        }
        Ok(())
    }
}
