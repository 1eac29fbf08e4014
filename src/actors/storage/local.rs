//! Local values that have an end: how they are written, and how ended ones go.

use std::rc::Rc;

use bytes::Bytes;

use crate::actors::context::Context;
use crate::seam::{Batch, Op, Space};
use crate::types::WallTime;

/// Values looked at in one go.
const AT_ONCE: usize = 1000;

/// Writes a value behind its end.
pub fn behind_end(end: WallTime, value: &[u8]) -> Bytes {
    [&end.0.to_be_bytes()[..], value].concat().into()
}

/// Returns when a value ends; one that cannot be read has ended.
pub fn until(value: &[u8]) -> WallTime {
    value.first_chunk().map_or(WallTime::default(), |end| WallTime(u64::from_be_bytes(*end)))
}

/// Removes values that have ended; not while the time is in doubt.
pub async fn drop_ended(node: &Rc<Context>, space: Space) {
    let mut after: Option<Bytes> = None;
    loop {
        let rows = node.store.local(space, &[], after.as_deref(), AT_ONCE).unwrap_or_default();
        let Some((last, _)) = rows.last() else { return };
        after = Some(last.clone());
        let ended = rows.iter().filter(|(_, value)| until(value) <= node.now());
        let ops: Vec<Op> = ended.map(|(key, _)| Op::DropLocal(space, key.clone())).collect();
        if node.clock.in_doubt() || (!ops.is_empty() && node.store.commit(Batch(ops)).await.is_err()) {
            return;
        }
    }
}
