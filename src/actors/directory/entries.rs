//! Making entries: by whoever registers, and by anchors for those who did not come to it.

use std::ops::ControlFlow;
use std::rc::Rc;

use crate::actors::context::Context;
use crate::actors::outbox::Item;
use crate::actors::storage::put_op;
use crate::records::{AccountChain, DirectoryBody, Record, Signed, name_key, users_key};
use crate::seam::{Batch, Lane, Reader, StoreError, Stored, offload};
use crate::types::{Section, SectionSet, Username};

/// Most accounts entered in one pass; the others follow in the next one.
const PASS: usize = 1000;

/// Returns the entry of an account; `None` for one whose first state nobody certified.
fn entry(chain: &AccountChain) -> Option<Record> {
    let first = chain.links.first()?;
    let (username, finals) = (first.record.body.username.clone(), first.finals.clone());
    Some(Record::Directory(Signed::unsigned(DirectoryBody { username, account: chain.account, finals })))
}

/// Puts an account's entry into the outbox, for the key of every prefix of its name, and begins to send it.
pub async fn enter(node: &Rc<Context>, chain: &AccountChain) -> Result<(), StoreError> {
    let Some(record) = entry(chain) else { return Ok(()) };
    let now = node.horizon();
    let item = Item::pack("directory", record.hash(), std::slice::from_ref(&record), now);
    let mut ops = vec![item.keep()];
    if node.is_anchor() {
        // An anchor that writes is counted as one that has it.
        ops.extend(record.destinations().into_iter().map(|d| put_op(&record, d.key, d.section, now)));
    }
    node.store.commit(Batch(ops)).await?;
    let sender = node.clone();
    node.spawn(async move {
        sender.doors().outbox.dispatch(item).await;
    });
    Ok(())
}

/// Enters all certified accounts that this node holds and that have no entry here; returns how many.
pub async fn enter_all(node: Rc<Context>) -> usize {
    let Ok(mut reader) = node.store.reader() else { return 0 };
    let scan = move || accounts(&mut *reader);
    let Some(accounts) = offload(&*node.offload, Lane::Bulk, scan).await else { return 0 };
    let missing = accounts.into_iter().filter(|chain| !is_entered(&node, chain.username()));
    let mut count = 0;
    for chain in missing.take(PASS) {
        if let Err(error) = enter(&node, &chain).await {
            tracing::warn!(%error, "an entry of the directory could not be written");
            break;
        }
        count += 1;
    }
    count
}

/// Returns the accounts whose chains lie at the keys of their names.
fn accounts(reader: &mut dyn Reader) -> Vec<AccountChain> {
    let mut found = Vec::new();
    let walked = reader.walk(None, &mut |row| {
        if row.section == Section::Account
            && let Ok(Record::Account(chain)) = Record::decode(row.bytes.to_bytes())
            && name_key(chain.username()) == *row.key
        {
            found.push(chain);
        }
        ControlFlow::Continue(())
    });
    if let Err(error) = walked {
        tracing::warn!(%error, "not all accounts were looked at");
    }
    found
}

/// Tells whether an entry lies at the key of the whole name, where the fewest others compete for room.
fn is_entered(node: &Context, name: &Username) -> bool {
    /// As many as a key keeps.
    const MOST: usize = 500;
    let (key, sections) = (users_key(name.as_str()), SectionSet::of(&[Section::Directory]));
    let stored = node.store.read(&key, sections, None, MOST, node.horizon()).unwrap_or_default();
    let full = stored.len() >= MOST;
    let names = |s: Stored| match Record::decode(s.bytes) {
        Ok(Record::Directory(entry)) => entry.body.username == *name,
        _ => false,
    };
    // Where a key is full, those with smaller ids have the room.
    full || stored.into_iter().any(names)
}
