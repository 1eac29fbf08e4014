//! Refreshing a bucket: a short lookup in it, so that it has contacts that answered.

use std::rc::Rc;

use super::search::{Asked, Goal, find_closest, find_closest_anew, search};
use crate::actors::call::Patience;
use crate::actors::context::Context;
use crate::seam::Later;
use crate::types::{Contact, Key};
use crate::wire::FindNode;

/// Nodes asked near a key of a bucket that is far away: any few of it will do, and others come by themselves.
const WIDTH: usize = 4;

/// Looks up the own key, beginning with bootpeers where any is up: they are met from all parts of a network, and those who were
/// cut off from each other and have forgotten each other meet again through them.
pub(super) async fn join_anew(node: Rc<Context>, bootpeers: Vec<Contact>) {
    let found = find_closest_anew(&node, node.me.key(), bootpeers).await;
    tracing::debug!(peers = found.closest.len(), "joined anew");
}

/// Looks up a key of a bucket: few nodes of one that is far away, else all that are near the key.
pub(super) async fn refresh(node: Rc<Context>, key: Key, far: bool) {
    if !far {
        drop(find_closest(&node, key).await);
        return;
    }
    let asker = node.clone();
    let ask = move |contact: Contact| -> Later<Asked<()>> {
        let node = asker.clone();
        Box::pin(async move {
            let closer = node.call(&contact, &FindNode { key }, Patience::Read).await?;
            Ok(((), node.open_contacts(closer.contacts)))
        })
    };
    drop(search(&node, key, Goal { width: WIDTH, ..Goal::everybody() }, ask).await);
}
