//! Refreshing a bucket: a short lookup in it, so that it has contacts that answered.

use std::rc::Rc;

use super::search::{Asked, Goal, find_closest, search};
use crate::actors::call::Patience;
use crate::actors::context::Context;
use crate::seam::Later;
use crate::types::{Contact, Key};
use crate::wire::FindNode;

/// Nodes asked near a key of a bucket that is far away: any few of it will do, and others come by themselves.
const WIDTH: usize = 4;

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
