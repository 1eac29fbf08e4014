//! The few live nodes nearest to a place: a lookup that ends as soon as nobody nearer can be named.

use std::cell::RefCell;
use std::rc::Rc;

use crate::actors::call::Patience;
use crate::actors::context::Context;
use crate::actors::routing::{Asked, Goal, Named, SPARE, search};
use crate::seam::Later;
use crate::types::{Contact, Key};
use crate::wire::FindNode;

/// Finds the `n` nodes nearest to `target` that answer, the nearest first; usually two rounds of three requests.
pub async fn nearest(node: &Rc<Context>, target: Key, n: usize) -> Vec<Contact> {
    let named = Rc::new(RefCell::new(Named::begin(node, target).await));
    let (asker, noted) = (node.clone(), named.clone());
    let ask = move |contact: Contact| -> Later<Asked<()>> {
        let (node, named) = (asker.clone(), noted.clone());
        Box::pin(async move {
            let closer = node.call(&contact, &FindNode { key: target }, Patience::Read).await;
            let closer = closer.map(|closer| node.open_contacts(closer.contacts));
            named.borrow_mut().note(&node, &contact.node, closer.as_deref().ok());
            closer.map(|contacts| ((), contacts))
        })
    };
    let goal = Goal { width: n + SPARE, ..Goal::of(|(): &()| named.borrow().is_settled(n), 1) };
    let found = search(node, target, goal, ask).await;
    found.closest.into_iter().map(|(contact, ())| contact).take(n).collect()
}
