//! How much each peer asks for within a minute, by this node's own running time: a wall clock that is set says nothing about it.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::types::NodeId;

/// Most peers that are counted; beyond that the one counted longest ago starts anew.
const COUNTED_PEERS: usize = 4096;
/// A peer's count starts anew after this.
const WINDOW: Duration = Duration::from_secs(60);

/// What each peer asked for within its current minute: records that it puts, or requests.
#[derive(Default)]
pub struct Rates(BTreeMap<NodeId, (Instant, u32)>);

impl Rates {
    /// Counts what a peer asks for, what is refused as well; false when it is over `most` a minute.
    pub fn admit(&mut self, peer: NodeId, asked: usize, most: u32) -> bool {
        let now = Instant::now();
        if self.0.len() >= COUNTED_PEERS && !self.0.contains_key(&peer) {
            let oldest = self.0.iter().min_by_key(|(id, (since, _))| (*since, **id)).map(|(id, _)| *id);
            oldest.map(|id| self.0.remove(&id));
        }
        let (since, count) = self.0.entry(peer).or_insert((now, 0));
        if now.duration_since(*since) >= WINDOW {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(u32::try_from(asked).unwrap_or(u32::MAX));
        *count <= most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_peer_has_its_share_again_after_a_minute_and_others_have_their_own() {
        let mut rates = Rates::default();
        let (one, other) = (NodeId([1; 32]), NodeId([2; 32]));
        assert!(rates.admit(one, 17, 20) && rates.admit(one, 3, 20));
        assert!(!rates.admit(one, 1, 20) && rates.admit(other, 20, 20));
        tokio::time::advance(Duration::from_millis(59_999)).await;
        assert!(!rates.admit(one, 1, 20));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(rates.admit(one, 20, 20) && !rates.admit(one, usize::MAX, 20));
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_peers_are_counted() {
        let mut rates = Rates::default();
        for i in 0..10_000u32 {
            let mut id = [0; 32];
            id[..4].copy_from_slice(&i.to_be_bytes());
            assert!(rates.admit(NodeId(id), 1, 1));
        }
        assert_eq!(rates.0.len(), COUNTED_PEERS);
    }
}
