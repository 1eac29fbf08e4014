//! The table on disk: contacts, the longest known first.

use bytes::Bytes;

use crate::actors::context::Context;
use crate::overlay::ContactInfo;
use crate::records::open_contact;
use crate::seam::{Batch, Op, Space, StoreError};
use crate::types::Contact;

/// Most contacts kept on disk: enough to find the network again after any absence.
const KEPT: usize = 512;

/// Reads the contacts of the last run; those that no longer verify are passed over.
pub fn load(node: &Context) -> Vec<Contact> {
    let rows = node.store.local(Space::Contacts, &[], None, KEPT).unwrap_or_default();
    rows.into_iter().filter_map(|(_, bytes)| open_contact(bytes, &node.network.id).ok()).map(|(_, c)| c).collect()
}

/// Replaces the contacts on disk.
///
/// # Errors
/// Those of the store.
pub async fn save(node: &Context, contacts: Vec<ContactInfo>) -> Result<(), StoreError> {
    let before = node.store.local(Space::Contacts, &[], None, KEPT)?;
    let now: Vec<(Bytes, Bytes)> = contacts
        .into_iter()
        .take(KEPT)
        .filter_map(|c| c.contact.proof.map(|proof| (Bytes::copy_from_slice(&c.contact.node.0), proof.0)))
        .collect();
    let mut batch = Batch::default();
    for (key, _) in before.iter().filter(|(key, _)| !now.iter().any(|(k, _)| k == key)) {
        batch.0.push(Op::DropLocal(Space::Contacts, key.clone()));
    }
    for (key, value) in now.into_iter().filter(|row| !before.contains(row)) {
        batch.0.push(Op::SetLocal(Space::Contacts, key, value));
    }
    if !batch.0.is_empty() {
        node.store.commit(batch).await?;
    }
    Ok(())
}
