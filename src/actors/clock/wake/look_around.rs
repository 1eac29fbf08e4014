//! Looking around anew: peers are greeted, feeds are caught up, and others are told where this node is.

use std::collections::BTreeSet;
use std::rc::Rc;

use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use crate::actors::call::Patience;
use crate::actors::context::Context;
use crate::actors::peers::Outage;
use crate::types::{Contact, Key};
use crate::wire::Ping;

/// Nearest contacts that are dialled again at once; the others are dialled when they are needed.
const NEAREST: usize = 20;
/// Peers with a connection to where this node was, that are told where it is now: as many as one that is much used has.
const MET: usize = 256;
/// Greetings under way at once.
const AT_ONCE: usize = 32;

/// Why a node looks around.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// It did not run for a while, or its clock was set.
    Awake,
    /// It has other addresses.
    Moved,
    /// It reached nobody, and does again.
    Back(Outage),
}

/// Greets peers, and lets everything go on that waits for them, as soon as the first one answers. Where the old socket may be
/// worth nothing, it is bound anew before.
pub async fn look_around(node: Rc<Context>, why: Why) {
    tracing::info!(?why, "looking around: peers are greeted, and feeds are caught up");
    let doors = node.doors();
    if why == Why::Back(Outage::Short) {
        node.forgive_absences();
        doors.feed.hurry();
        return;
    }
    let mut met = Vec::new();
    if !matches!(why, Why::Back(_)) {
        met = met_before(&node);
        node.net.rebind();
    }
    doors.routing.woke();
    doors.repair.woke();
    let anchors = doors.routing.anchors().await.into_iter().map(|(contact, _)| contact);
    let mut contacts: Vec<Contact> =
        anchors.chain(doors.routing.closest(Key(node.me.0), NEAREST).await).chain(met).collect();
    let mut seen = BTreeSet::new();
    contacts.retain(|contact| seen.insert(contact.node));
    let greetings = contacts.into_iter().map(|contact| {
        let node = node.clone();
        async move { node.call(&contact, &Ping {}, Patience::Read).await.is_ok() }
    });
    let mut greetings = stream::iter(greetings).buffer_unordered(AT_ONCE);
    let mut any = false;
    while let Some(answered) = greetings.next().await {
        if answered && !any {
            any = true;
            go_on(&node);
        }
    }
    if !any {
        // What has to be known is asked for all the same, so that it is said what is missing.
        go_on(&node);
        node.owe_a_look();
    }
}

/// Feeds are read, the outbox tries again, and registrations go on.
fn go_on(node: &Context) {
    node.peers_changed.notify_waiters();
    node.doors().feed.woke();
    node.doors().presence.renew();
}

/// Returns those with whom this node is connected, as far as they said where they are.
fn met_before(node: &Context) -> Vec<Contact> {
    let greeted = node.net.connected().into_iter().filter_map(|peer| node.greeting(&peer));
    greeted.map(|greeting| greeting.contact).take(MET).collect()
}

impl Context {
    /// Notes that somebody was heard; where nobody was for a while, this node looks around.
    pub fn heard_somebody(self: &Rc<Self>) {
        let ended = self.lifeline.borrow_mut().heard(Instant::now());
        if let Some(outage) = ended {
            self.spawn(look_around(self.clone(), Why::Back(outage)));
        }
    }

    /// Notes that this node looked around in vain, and has to do so again when anybody is heard.
    fn owe_a_look(&self) {
        self.lifeline.borrow_mut().owe();
    }

    /// Tells whether this node seems to reach nobody now.
    pub fn is_cut_off(&self) -> bool {
        self.lifeline.borrow().is_cut_off()
    }
}
