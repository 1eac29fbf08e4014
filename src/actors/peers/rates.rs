//! How much each peer asks for within a minute, by this node's own running time: a wall clock that is set says nothing about it.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::types::NodeId;

/// Most peers that are counted; beyond that the one counted longest ago starts anew.
const COUNTED_PEERS: usize = 4096;
/// Peers that are counted before any is forgotten.
const FEW: usize = 32;
/// A peer's count starts anew after this.
const WINDOW: Duration = Duration::from_secs(60);

/// What each peer asked for within its current minute: records that it puts, or requests.
#[derive(Default)]
pub struct Rates {
    /// At most [`COUNTED_PEERS`].
    counts: BTreeMap<NodeId, (Instant, u32)>,
    /// How many there may be before those whose minute is over are forgotten.
    limit: usize,
}

impl Rates {
    /// Counts what a peer asks for, what is refused as well; false when it is over `most` a minute.
    pub fn admit(&mut self, peer: NodeId, asked: usize, most: u32) -> bool {
        let now = Instant::now();
        if self.counts.len() >= self.limit.max(FEW) && !self.counts.contains_key(&peer) {
            self.make_room(now);
        }
        let (since, count) = self.counts.entry(peer).or_insert((now, 0));
        if now.duration_since(*since) >= WINDOW {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(u32::try_from(asked).unwrap_or(u32::MAX));
        *count <= most
    }

    fn make_room(&mut self, now: Instant) {
        self.counts.retain(|_, (since, _)| now.duration_since(*since) < WINDOW);
        if self.counts.len() >= COUNTED_PEERS {
            let oldest = self.counts.iter().min_by_key(|(id, (since, _))| (*since, **id)).map(|(id, _)| *id);
            oldest.map(|id| self.counts.remove(&id));
        }
        self.limit = (2 * self.counts.len()).min(COUNTED_PEERS);
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
        assert_eq!(rates.counts.len(), COUNTED_PEERS);
        tokio::time::advance(WINDOW).await;
        assert!(rates.admit(NodeId([255; 32]), 1, 1));
        assert_eq!(rates.counts.len(), 1, "those whose minute is over make room");
    }
}
