//! The table on disk: contacts, the longest known first.

use bytes::Bytes;

use crate::actors::context::Context;
use crate::overlay::ContactInfo;
use crate::records::open_contact;
use crate::seam::{Batch, Op, Space, StoreError};
use crate::types::Contact;

/// Most contacts kept on disk: enough to find the network again after any absence.
const KEPT: usize = 512;

/// Contacts of peers that failed stay on disk beside those of the table while there are fewer than this: a table that was
/// emptied by a failure of our own must not be all that is left after a restart.
const AT_LEAST: usize = 64;

/// Reads the contacts of the last run; those that no longer verify are passed over.
pub fn load(node: &Context) -> Vec<Contact> {
    let rows = node.store.local(Space::Contacts, &[], None, KEPT).unwrap_or_default();
    rows.into_iter().filter_map(|(_, bytes)| open_contact(bytes, &node.network.id).ok()).map(|(_, c)| c).collect()
}

/// Brings the contacts on disk up to those of the table.
///
/// # Errors
/// Those of the store.
pub async fn save(node: &Context, contacts: Vec<ContactInfo>) -> Result<(), StoreError> {
    let before = node.store.local(Space::Contacts, &[], None, KEPT)?;
    let mut now: Vec<(Bytes, Bytes)> = contacts
        .into_iter()
        .take(KEPT)
        .filter_map(|c| {
            c.contact.proof.as_ref().map(|proof| (Bytes::copy_from_slice(&c.contact.node.0), proof.0.clone()))
        })
        .collect();
    now.sort_unstable();
    let mut batch = Batch::default();
    let spared = AT_LEAST.saturating_sub(now.len());
    for (key, _) in before.iter().filter(|(key, _)| now.binary_search_by(|(k, _)| k.cmp(key)).is_err()).skip(spared) {
        batch.0.push(Op::DropLocal(Space::Contacts, key.clone()));
    }
    for (key, value) in now.into_iter().filter(|row| before.binary_search(row).is_err()) {
        batch.0.push(Op::SetLocal(Space::Contacts, key, value));
    }
    if !batch.0.is_empty() {
        node.store.commit(batch).await?;
    }
    Ok(())
}
