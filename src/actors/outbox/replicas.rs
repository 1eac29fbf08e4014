//! Who is to have a record: the replica set as a lookup finds it.

use std::rc::Rc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::actors::context::Context;
use crate::actors::routing::{Near, find_closest, find_closest_soon, note_found};
use crate::overlay::replicas::preferred;
use crate::types::{Contact, Key};

/// How often a lookup that finds nobody is made, and the pause between: a table fills within a second of a start.
const EMPTY_LOOKUPS: usize = 5;
const EMPTY_PAUSE: Duration = Duration::from_millis(200);

/// Looks for the replica set; again where nobody is found although somebody is known: the node has only just started. False
/// beside it where the set may be another one: somebody nearer is known and did not answer, and is not known to be gone yet.
pub(super) async fn find_replicas(node: &Rc<Context>, key: Key, early: oneshot::Sender<Near>) -> (Vec<Contact>, bool) {
    let mut early = Some(early);
    for _ in 0..EMPTY_LOOKUPS {
        let found = match early.take() {
            Some(early) => find_closest_soon(node, key, early).await,
            None => find_closest(node, key).await,
        };
        let anybody = match node.anchors().next() {
            Some(_) => node.doors().routing.anchors().await.iter().any(|(_, answers)| *answers),
            None => !is_alone(node).await,
        };
        if !found.closest.is_empty() || !anybody {
            let replicas: Vec<Contact> = found.closest.into_iter().map(|(c, ())| c).collect();
            let known = node.doors().routing.closest(key, node.network.k()).await;
            let sure = found.complete && answered(&key, known, &replicas, node.network.k());
            if sure {
                note_found(node, key, replicas.clone()).await;
            }
            return (replicas, sure);
        }
        tokio::time::sleep(EMPTY_PAUSE).await;
    }
    (Vec::new(), false)
}

/// Tells whether this node knows of nobody else.
pub(super) async fn is_alone(node: &Context) -> bool {
    node.doors().routing.overview().await.is_ok_and(|overview| overview.known == 0 && overview.bootpeers.is_empty())
}

/// Tells whether those known would change nothing of the replica set that was found.
fn answered(key: &Key, known: Vec<Contact>, found: &[Contact], k: usize) -> bool {
    let more = known.into_iter().filter(|c| !found.iter().any(|f| f.node == c.node));
    let mut all: Vec<Contact> = found.iter().cloned().chain(more).collect();
    all.sort_by_cached_key(|contact| contact.node.distance(key));
    preferred(&all, k).iter().all(|c| found.iter().any(|f| f.node == c.node))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::NodeId;

    fn contact(id: u8, ip: [u8; 4]) -> Contact {
        Contact::hint(NodeId([id; 32]), (ip, 9).into())
    }

    #[test]
    fn a_set_is_doubtful_while_somebody_nearer_did_not_answer() {
        let key = Key([0; 32]);
        let found = [contact(1, [192, 0, 2, 1]), contact(3, [198, 51, 100, 1]), contact(4, [203, 0, 113, 1])];
        assert!(answered(&key, found.to_vec(), &found, 3));
        assert!(answered(&key, vec![contact(9, [10, 0, 0, 1])], &found, 3), "farther away than all");
        assert!(!answered(&key, vec![contact(9, [10, 0, 0, 1])], &found, 4), "there is room for it");
        assert!(!answered(&key, vec![contact(2, [10, 0, 0, 1])], &found, 3), "nearer than the last");
    }

    #[test]
    fn whoever_is_passed_over_for_its_prefix_leaves_no_doubt() {
        let key = Key([0; 32]);
        let found = [contact(1, [192, 0, 2, 1]), contact(2, [192, 0, 2, 2]), contact(8, [203, 0, 113, 1])];
        assert!(answered(&key, vec![contact(3, [192, 0, 2, 3])], &found, 3));
    }
}
