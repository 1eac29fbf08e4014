//! Asking those that keep everything: beside the nearest where that is sure to be wanted, else after them.

use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::{Shared, join_all};

use super::{Holder, Page, ask_holder};
use crate::actors::context::Context;
use crate::actors::routing::Asked;
use crate::seam::Later;
use crate::types::{Contact, Key, NodeId, SectionSet};

/// An answer that several may wait for.
type Answer = Shared<Later<Asked<Rc<Page>>>>;

/// Anchors that are asked from the beginning, each once, whoever wants its answer. There are few.
#[derive(Default)]
pub(super) struct Ahead(Vec<(Contact, Answer)>);

impl Ahead {
    /// Prepares to ask those that are up, where any is.
    pub(super) async fn begin(node: &Rc<Context>, key: Key, sections: SectionSet) -> Self {
        let mut anchors = node.doors().routing.anchors().await;
        anchors.retain(|(contact, _)| !node.is_absent(contact));
        let anchors = those_up(anchors).into_iter();
        Self(anchors.map(|anchor| (anchor.clone(), ask(node, anchor, key, sections).shared())).collect())
    }

    /// Asks them all.
    pub(super) async fn finish(&self) {
        join_all(self.0.iter().map(|(_, answer)| answer.clone())).await;
    }

    /// Asks a holder, who may be one of them.
    pub(super) fn ask(
        &self,
        node: &Rc<Context>,
        contact: Contact,
        key: Key,
        sections: SectionSet,
    ) -> Later<Asked<Rc<Page>>> {
        match self.find(&contact.node) {
            Some(answer) => Box::pin(answer.clone()),
            None => ask(node, contact, key, sections),
        }
    }

    fn find(&self, node: &NodeId) -> Option<&Answer> {
        self.0.iter().find(|(contact, _)| contact.node == *node).map(|(_, answer)| answer)
    }
}

fn ask(node: &Rc<Context>, contact: Contact, key: Key, sections: SectionSet) -> Later<Asked<Rc<Page>>> {
    let asked = ask_holder(node.clone(), contact, key, sections);
    Box::pin(async move { asked.await.map(|(page, contacts)| (Rc::new(page), contacts)) })
}

fn those_up(anchors: Vec<(Contact, bool)>) -> Vec<Contact> {
    let any_up = anchors.iter().any(|(_, up)| *up);
    anchors.into_iter().filter(|(_, up)| *up || !any_up).map(|(contact, _)| contact).collect()
}

/// What came of asking the anchors.
#[derive(PartialEq, Eq)]
pub(super) enum Anchors {
    /// There are none but those asked before, or one answered.
    Heard,
    /// None of them answered.
    Silent,
}

/// Asks the anchors that were not asked yet, those that are up where any is; nobody waits for one that was dialled in vain
/// of late while others answer.
pub(super) async fn ask_anchors(
    node: &Rc<Context>,
    key: Key,
    sections: SectionSet,
    asked: &[Holder],
    ahead: &Ahead,
) -> (Anchors, Vec<Holder>) {
    let anchors = node.doors().routing.anchors().await;
    let (before, mut fresh): (Vec<_>, Vec<_>) =
        anchors.into_iter().partition(|(c, _)| asked.iter().any(|(a, _)| a.as_ref().is_some_and(|a| a.node == c.node)));
    // Where nobody answered, it may have been our own fault that they could not be reached.
    let any_answered = asked.iter().any(|(contact, _)| contact.is_some());
    if any_answered {
        fresh.retain(|(contact, _)| !node.is_absent(contact) || ahead.find(&contact.node).is_some());
    }
    let ask = those_up(fresh).into_iter().map(|contact| async move {
        let answer = ahead.ask(node, contact.clone(), key, sections).await;
        answer.ok().map(|(page, _)| (Some(contact), page))
    });
    let answers: Vec<_> = join_all(ask).await.into_iter().flatten().collect();
    let heard = !before.is_empty() || !answers.is_empty() || node.is_anchor() || !node.has_anchors();
    (if heard { Anchors::Heard } else { Anchors::Silent }, answers)
}
