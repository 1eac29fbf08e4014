//! Replica sets found of late: whoever asks about one key again and again looks it up once, until somebody near it comes
//! or goes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::search::find_closest;
use crate::actors::context::Context;
use crate::types::{Contact, Key, NodeId};

/// A lookup is made again after this, whatever the table says: of nodes far from this one it knows few.
const FRESH: Duration = Duration::from_secs(600);
/// Whoever writes at a key again within this writes to those who were found before: a newcomer that nobody named to this node so
/// soon gets what is written from its neighbours.
const JUST: Duration = Duration::from_secs(30);
/// Most keys remembered: the homes that one node keeps, more or less.
const KEYS: usize = 1024;

struct Vicinity {
    at: Instant,
    /// The nearest of the routing table after the lookup.
    known: Vec<NodeId>,
    /// Who answered the lookup, the nearest first.
    found: Vec<Contact>,
}

/// What lookups found, by key; at most [`KEYS`].
#[derive(Default)]
pub struct Vicinities(RefCell<BTreeMap<Key, Vicinity>>);

impl Vicinities {
    fn found(&self, key: &Key, known: &[NodeId], within: Duration) -> Option<Vec<Contact>> {
        let all = self.0.borrow();
        let vicinity = all.get(key).filter(|v| v.at.elapsed() < within && v.known == known)?;
        Some(vicinity.found.clone())
    }

    fn any(&self, key: &Key, within: Duration) -> bool {
        self.0.borrow().get(key).is_some_and(|v| v.at.elapsed() < within)
    }

    /// Forgets who was found near a key: they are not there, or not all of them.
    pub fn forget(&self, key: &Key) {
        self.0.borrow_mut().remove(key);
    }

    fn note(&self, key: Key, known: Vec<NodeId>, found: Vec<Contact>) {
        let mut all = self.0.borrow_mut();
        if all.len() >= KEYS && !all.contains_key(&key) {
            all.retain(|_, v| v.at.elapsed() < FRESH);
            if all.len() >= KEYS {
                all.pop_first();
            }
        }
        all.insert(key, Vicinity { at: Instant::now(), known, found });
    }
}

/// Returns the live nodes closest to a key, the nearest first: those of the last lookup while this node has learned of
/// nobody nearer, and of nobody's end, since.
pub async fn closest_of_late(node: &Rc<Context>, key: Key) -> Vec<Contact> {
    if let Some(found) = node.vicinities.found(&key, &nearest_known(node, key).await, FRESH) {
        return found;
    }
    let looked = find_closest(node, key).await;
    let found: Vec<Contact> = looked.closest.into_iter().map(|(contact, ())| contact).collect();
    if looked.complete {
        note_found(node, key, found.clone()).await;
    }
    found
}

/// Returns who was found near a key a moment ago, the nearest first, where somebody was and nobody has come or gone since.
pub async fn just_found(node: &Rc<Context>, key: Key) -> Option<Vec<Contact>> {
    if !node.vicinities.any(&key, JUST) {
        return None;
    }
    let known = nearest_known(node, key).await;
    node.vicinities.found(&key, &known, JUST).filter(|found| !found.is_empty())
}

/// Notes what a lookup found that came to its end.
pub async fn note_found(node: &Rc<Context>, key: Key, found: Vec<Contact>) {
    node.vicinities.note(key, nearest_known(node, key).await, found);
}

async fn nearest_known(node: &Context, key: Key) -> Vec<NodeId> {
    let closest = node.doors().routing.closest(key, node.network.k()).await;
    closest.into_iter().map(|contact| contact.node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_was_found_counts_until_somebody_comes_or_goes_or_time_passes() {
        let all = Vicinities::default();
        let (key, one, two) = (Key([7; 32]), NodeId([1; 32]), NodeId([2; 32]));
        let found = vec![Contact::hint(two, ([192, 0, 2, 1], 9).into())];
        assert_eq!(all.found(&key, &[one, two], FRESH), None);
        all.note(key, vec![one, two], found.clone());
        assert_eq!(all.found(&key, &[one, two], FRESH), Some(found.clone()));
        assert_eq!(all.found(&key, &[one], FRESH), None, "somebody went");
        assert_eq!(all.found(&key, &[one, two, NodeId([3; 32])], FRESH), None, "somebody came");
        tokio::time::advance(JUST).await;
        assert!(!all.any(&key, JUST) && all.any(&key, FRESH));
        assert_eq!(all.found(&key, &[one, two], JUST), None, "not for whoever writes");
        tokio::time::advance(FRESH).await;
        assert_eq!(all.found(&key, &[one, two], FRESH), None, "long ago");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_wrong_is_forgotten() {
        let all = Vicinities::default();
        all.note(Key([7; 32]), vec![], vec![]);
        all.forget(&Key([7; 32]));
        assert!(!all.any(&Key([7; 32]), FRESH));
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_is_remembered_than_there_is_room_for() {
        let all = Vicinities::default();
        for n in 0..2 * KEYS as u32 {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&n.to_be_bytes());
            all.note(Key(key), vec![], vec![]);
        }
        assert_eq!(all.0.borrow().len(), KEYS);
    }
}
