//! The few live nodes nearest to a place: a lookup that ends as soon as nobody nearer can be named.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::actors::call::Patience;
use crate::actors::context::Context;
use crate::actors::routing::{Asked, Goal, search};
use crate::seam::Later;
use crate::types::{Contact, Distance, Key};
use crate::wire::FindNode;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Heard,
    Answered,
    Failed,
}

/// Who was named so far: as many as the lookup asks, k each.
#[derive(Default)]
struct Seen(BTreeMap<Distance, State>);

impl Seen {
    fn hear(&mut self, node: &Context, target: &Key, contacts: &[Contact]) {
        for contact in contacts.iter().filter(|c| c.node != node.me && !node.is_absent(c)) {
            self.0.entry(contact.node.distance(target)).or_insert(State::Heard);
        }
    }

    /// Tells whether the `n` nearest named that did not fail have all answered.
    fn settled(&self, n: usize) -> bool {
        let mut near = self.0.values().filter(|state| **state != State::Failed).take(n);
        let mut count = 0;
        near.all(|state| {
            count += 1;
            *state == State::Answered
        }) && count == n
    }
}

/// Finds the `n` nodes nearest to `target` that answer, the nearest first; usually two rounds of three requests.
pub async fn nearest(node: &Rc<Context>, target: Key, n: usize) -> Vec<Contact> {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let seeds = node.doors().routing.closest(target, node.network.k()).await;
    seen.borrow_mut().hear(node, &target, &seeds);
    let (asker, noted) = (node.clone(), seen.clone());
    let ask = move |contact: Contact| -> Later<Asked<()>> {
        let (node, seen) = (asker.clone(), noted.clone());
        Box::pin(async move {
            let closer = node.call(&contact, &FindNode { key: target }, Patience::Read).await;
            let state = if closer.is_ok() { State::Answered } else { State::Failed };
            seen.borrow_mut().0.insert(contact.node.distance(&target), state);
            let contacts = node.open_contacts(closer?.contacts);
            seen.borrow_mut().hear(&node, &target, &contacts[..contacts.len().min(node.network.k())]);
            Ok(((), contacts))
        })
    };
    let goal = Goal { counts: |(): &()| seen.borrow().settled(n), enough: 1, guarded: false };
    let found = search(node, target, goal, ask).await;
    found.closest.into_iter().map(|(contact, ())| contact).take(n).collect()
}
