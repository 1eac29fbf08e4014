//! Marks on disk: of which lists more lies elsewhere, because a page of theirs was full once.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;

use super::kept_proofs::keep_proofs;
use super::local::{behind_end, until};
use crate::actors::context::Context;
use crate::records::Record;
use crate::seam::{Batch, Op, Space};
use crate::types::{Key, Section, SectionSet, WallTime};

/// A mark is set so much longer than it must be, so that not every record that is sent on writes it anew.
const SLACK: Duration = Duration::from_secs(24 * 3600);

fn place(key: &Key, section: Section) -> Bytes {
    [&key.0[..], &[section.number()]].concat().into()
}

/// Returns the change that marks a list as split until the record that is sent on has ended; `None` when it is marked.
pub fn mark(node: &Rc<Context>, key: &Key, section: Section, ends: WallTime) -> Option<Op> {
    let place = place(key, section);
    let rows = node.store.local(Space::Splits, &place, None, 1).unwrap_or_default();
    let marked = rows.first().is_some_and(|(_, value)| until(value) >= ends);
    (!marked).then(|| Op::SetLocal(Space::Splits, place, behind_end(ends.plus(SLACK), &[])))
}

/// Returns which of some sections are split at a key.
pub fn split(node: &Rc<Context>, key: &Key, sections: SectionSet) -> SectionSet {
    // Few keys have any: one look for all of them.
    let rows = node.store.local(Space::Splits, &key.0, None, Section::ALL.len()).unwrap_or_default();
    let live = rows.iter().filter(|(_, value)| until(value) > node.horizon());
    let marked: Vec<Section> = live.filter_map(|(place, _)| Section::from_number(*place.last()?)).collect();
    SectionSet(SectionSet::of(&marked).0 & sections.0)
}

/// Keeps what goes with records of interest that are held in memory: their proofs, and that their page is split.
pub async fn keep_held(node: &Rc<Context>, key: Key, records: &[Bytes], split: bool) {
    let records: Vec<Record> = records.iter().filter_map(|bytes| Record::decode(bytes.clone()).ok()).collect();
    let mut ops: Vec<Op> = records.iter().flat_map(|record| keep_proofs(node, &key, record)).collect();
    let last = records.iter().map(Record::expires_at).max().filter(|_| split);
    ops.extend(last.and_then(|ends| mark(node, &key, Section::Interest, ends)));
    if let Err(error) = node.store.commit(Batch(ops)).await {
        tracing::warn!(%error, "a page was not kept");
    }
}
