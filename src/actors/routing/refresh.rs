//! Refreshing a part of the table: a short lookup there, and probes of those that it names and the table lacks.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::search::{Asked, Goal, find_closest_anew, search};
use crate::actors::call::Patience;
use crate::actors::context::Context;
use crate::seam::Later;
use crate::types::{Contact, Distance, Key};
use crate::wire::FindNode;

/// Nodes asked near a key: each names the k nearest that it knows, so any few of them will do.
const WIDTH: usize = 4;
/// Most contacts named in one refresh that are looked at, the nearest to the key: what four answers name, twice.
const NAMED: usize = 160;

/// Looks up the own key, beginning with bootpeers where any is up: they are met from all parts of a network, and those who were
/// cut off from each other and have forgotten each other meet again through them.
pub(super) async fn join_anew(node: Rc<Context>, bootpeers: Vec<Contact>) {
    let found = find_closest_anew(&node, node.me.key(), bootpeers).await;
    tracing::debug!(peers = found.closest.len(), "joined anew");
}

/// Looks up a key with few requests; those named near it are probed where the table has room for them.
pub(super) async fn refresh(node: Rc<Context>, key: Key) {
    let named: Rc<RefCell<BTreeMap<Distance, Contact>>> = Rc::default();
    let (asker, noted) = (node.clone(), named.clone());
    let ask = move |contact: Contact| -> Later<Asked<()>> {
        let (node, named) = (asker.clone(), noted.clone());
        Box::pin(async move {
            let closer = node.call(&contact, &FindNode { key }, Patience::Read).await?;
            let contacts = node.open_contacts(closer.contacts);
            let mut named = named.borrow_mut();
            for contact in contacts.iter().filter(|c| !node.is_absent(c)) {
                named.insert(contact.node.distance(&key), contact.clone());
                if named.len() > NAMED {
                    named.pop_last();
                }
            }
            Ok(((), contacts))
        })
    };
    drop(search(&node, key, Goal { width: WIDTH, ..Goal::everybody() }, ask).await);
    let named = named.take().into_values().collect();
    node.doors().routing.named(named);
}
