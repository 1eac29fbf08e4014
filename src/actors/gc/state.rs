//! What two replicas have to agree on, as one hash.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use bytes::Bytes;

use super::finals::is_final;
use super::marks::read_row;
use crate::records::Record;
use crate::seam::{Space, Store, StoreError};
use crate::types::{Hash, Key, Section, WallTime};

/// Marks read at once.
const READ: usize = 1000;

/// Returns a hash over the state that a store holds at `now`, at one key or at all of them: equal for equal states.
///
/// The state is every record that has not ended, by key, section, slot and hash, and every mark of a post that was collected,
/// unless a tombstone in its place, or the heads of its author, keep that post away anyhow. When something was stored does
/// not belong to it, nor which of several valid signatures or FINALs lie around a record, nor what is a node's own.
///
/// # Errors
/// Those of the store.
pub fn state_hash(store: &dyn Store, now: WallTime, of: Option<&Key>) -> Result<Hash, StoreError> {
    let belongs = |key: &Key| of.is_none_or(|of| of == key);
    let (mut hasher, mut buried) = (blake3::Hasher::new(), BTreeSet::new());
    store.reader()?.walk(None, &mut |row| {
        if belongs(row.key) && row.expires_at > now {
            hasher.update(&row.key.0).update(&[row.section.number()]);
            hasher.update(&(row.slot.len() as u64).to_be_bytes()).update(row.slot).update(&row.hash.0);
            if row.section == Section::Post
                && let Ok(Record::Tombstone(tombstone)) = Record::decode(row.bytes.to_bytes())
            {
                buried.insert((*row.key, tombstone.body.post));
            }
        }
        ControlFlow::Continue(())
    })?;
    hasher.update(b"marks");
    let mut after: Option<Bytes> = None;
    loop {
        let rows = store.local(Space::Marks, &[], after.as_deref(), READ)?;
        let Some((last, _)) = rows.last() else { break };
        after = Some(last.clone());
        let live = rows.iter().filter_map(|(key, value)| read_row(key, value)).filter(|(_, _, ends)| *ends > now);
        for (home, mark, _) in live.filter(|(home, ..)| belongs(home)) {
            let said = is_final(store, now, &home, &mark.device, mark.seq);
            if !said && !buried.contains(&(home, mark.hash)) {
                hasher.update(&home.0).update(&mark.device.0).update(&mark.seq.to_be_bytes()).update(&mark.hash.0);
            }
        }
    }
    Ok(Hash(*hasher.finalize().as_bytes()))
}
