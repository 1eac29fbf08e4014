//! What is done when the node did not run for a while, or its clock was set: everything it knew of peers may be old.

use std::collections::BTreeSet;
use std::rc::Rc;

use futures_util::future::join_all;

use crate::actors::call::Patience;
use crate::actors::context::Context;
use crate::types::Key;
use crate::wire::Ping;

/// Nearest contacts that are dialled again at once; the others are dialled when they are needed.
const NEAREST: usize = 20;

/// Binds the socket anew, dials peers, and lets everything go on that waits for them.
pub async fn wake_up(node: Rc<Context>) {
    tracing::info!("the node was asleep, or its clock was set: peers are dialled again");
    node.net.rebind();
    node.doors().routing.woke();
    node.doors().repair.woke();
    let doors = node.doors();
    let anchors = doors.routing.anchors().await.into_iter().map(|(contact, _)| contact);
    let mut contacts: Vec<_> = anchors.chain(doors.routing.closest(Key(node.me.0), NEAREST).await).collect();
    let mut seen = BTreeSet::new();
    contacts.retain(|contact| seen.insert(contact.node));
    join_all(contacts.iter().map(|contact| {
        let node = node.clone();
        async move { drop(node.call(contact, &Ping {}, Patience::Read).await) }
    }))
    .await;
    // Feeds are read, the outbox tries again, and registrations go on.
    node.peers_changed.notify_waiters();
    doors.feed.woke();
    doors.presence.renew();
}
