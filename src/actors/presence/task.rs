//! One own record: where it is held, when it is due, and who else may still believe it. Pure but for the running time.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::liveness::{HEARTBEAT, HOLDERS, SILENCE};
use crate::types::{Contact, Key, NodeId};

/// Whoever was sent the record believes it for so long after its last heartbeat, which may still be on its way.
const BELIEVED: Duration = Duration::from_secs(SILENCE.as_secs() + HEARTBEAT.as_secs());
/// Most nodes that may believe a record and hold it no longer: several changes of all three holders within that time.
const MOST_TOLD: usize = 32;

/// An own record and where it is held.
pub struct Task {
    /// Who holds it.
    pub holders: Vec<Contact>,
    /// The nearest that this node knew of when the holders were chosen: somebody else among them means a change.
    pub known: Vec<NodeId>,
    /// Those that were passed over when the holders were chosen, though nearer: they were silent, or held it before and are gone.
    /// At most [`MOST_TOLD`], the latest last.
    passed_over: Vec<NodeId>,
    /// When it is to be renewed.
    pub due: Instant,
    /// When it was last found out by a lookup, or by whoever reads the home, who the nearest are; never where they are in doubt.
    pub looked_up: Option<Instant>,
    /// When each holder took it last.
    took: BTreeMap<NodeId, Instant>,
    /// Whether a renewal is under way.
    pub under_way: bool,
    /// Who was sent it of late, the latest last.
    told: Vec<(Contact, Instant)>,
}

impl Task {
    /// Makes one that nobody holds yet.
    pub fn due_now() -> Self {
        Self {
            holders: Vec::new(),
            known: Vec::new(),
            passed_over: Vec::new(),
            due: Instant::now(),
            looked_up: None,
            took: BTreeMap::new(),
            under_way: false,
            told: Vec::new(),
        }
    }

    /// Tells whether somebody is named who should hold it: nearer than one of the holders, and not tried before.
    pub fn is_displaced(&mut self, place: &Key, named: impl Iterator<Item = NodeId>) -> bool {
        let Some(farthest) = self.holders.iter().map(|holder| holder.node.distance(place)).max() else { return false };
        let holds = |node: &NodeId| self.holders.iter().any(|holder| holder.node == *node);
        let is_new =
            |node: &NodeId| node.distance(place) < farthest && !holds(node) && !self.passed_over.contains(node);
        let new: Vec<NodeId> = named.filter(is_new).collect();
        self.pass_over(&new);
        !new.is_empty()
    }

    /// Notes that a holder took it.
    pub fn took(&mut self, holder: NodeId) {
        if self.holders.iter().any(|h| h.node == holder) {
            self.took.insert(holder, Instant::now());
        }
    }

    /// Returns the holders that took it so long ago, or not yet.
    pub fn stale(&self, age: Duration) -> Vec<Contact> {
        let fresh = |holder: &Contact| self.took.get(&holder.node).is_some_and(|at| at.elapsed() < age);
        self.holders.iter().filter(|holder| !fresh(holder)).cloned().collect()
    }

    /// Returns when it is as old as this at one of the holders.
    pub fn stale_at(&self, age: Duration) -> Instant {
        let now = Instant::now();
        let took = self.holders.iter().map(|holder| self.took.get(&holder.node).copied().unwrap_or(now));
        took.min().unwrap_or(now) + age
    }

    /// Tells whether it was found out within a time who should hold it, and as many hold it as should.
    pub fn is_settled(&self, within: Duration) -> bool {
        self.holders.len() >= HOLDERS && self.looked_up.is_some_and(|at| at.elapsed() < within)
    }

    fn pass_over(&mut self, nodes: &[NodeId]) {
        self.passed_over.extend(nodes);
        self.passed_over.drain(..self.passed_over.len().saturating_sub(MOST_TOLD));
    }

    /// Notes who holds it from now on; those that held it until now still believe it.
    pub fn settle(&mut self, holders: Vec<Contact>) {
        let gone: Vec<NodeId> =
            self.holders.iter().filter(|h| holders.iter().all(|new| new.node != h.node)).map(|h| h.node).collect();
        self.pass_over(&gone);
        self.passed_over.retain(|node| holders.iter().all(|new| new.node != *node));
        self.took.retain(|node, _| holders.iter().any(|new| new.node == *node));
        let before = std::mem::replace(&mut self.holders, holders);
        self.tell(before);
    }

    /// Notes who is sent it, or was until now.
    pub fn tell(&mut self, nodes: Vec<Contact>) {
        let now = Instant::now();
        self.told.retain(|(told, at)| now - *at < BELIEVED && nodes.iter().all(|new| new.node != told.node));
        self.told.extend(nodes.into_iter().map(|node| (node, now)));
        self.told.drain(..self.told.len().saturating_sub(MOST_TOLD));
    }

    /// Returns everybody who may believe it: whom a goodbye has to reach.
    pub fn believers(self) -> Vec<Contact> {
        let told = self.told.into_iter().filter(|(_, at)| at.elapsed() < BELIEVED).map(|(node, _)| node);
        let mut all = self.holders;
        all.extend(told);
        all.sort_by_key(|contact| contact.node);
        all.dedup_by_key(|contact| contact.node);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contacts(ids: impl IntoIterator<Item = u8>) -> Vec<Contact> {
        let contact = |n| Contact::hint(NodeId([n; 32]), ([192, 0, 2, 1], 9).into());
        ids.into_iter().map(contact).collect()
    }

    fn check(task: Task, expected: impl IntoIterator<Item = u8>) {
        let ids: Vec<u8> = task.believers().iter().map(|contact| contact.node.0[0]).collect();
        assert_eq!(ids, expected.into_iter().collect::<Vec<u8>>());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_was_told_of_late_believes_it_though_others_hold_it() {
        let set = async |after: Duration| {
            let mut task = Task::due_now();
            task.tell(contacts([4, 9]));
            task.settle(contacts([4]));
            tokio::time::advance(Duration::from_secs(300)).await;
            task.settle(contacts([1, 2, 3]));
            task.tell(contacts([3, 5]));
            tokio::time::advance(after).await;
            task
        };
        check(set(Duration::ZERO).await, [1, 2, 3, 4, 5]);
        check(set(BELIEVED - Duration::from_millis(1)).await, [1, 2, 3, 4, 5]);
        check(set(BELIEVED).await, [1, 2, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn somebody_nearer_takes_a_place_once_and_those_that_are_gone_do_not_come_back_by_hearsay() {
        let (place, id) = (Key([0; 32]), |n| NodeId([n; 32]));
        let mut task = Task::due_now();
        assert!(!task.is_displaced(&place, [id(1)].into_iter()), "nobody holds it yet");
        task.settle(contacts([3, 5, 7]));
        assert!(!task.is_displaced(&place, [id(5), id(8)].into_iter()), "a holder, and one farther away");
        assert!(task.is_displaced(&place, [id(4)].into_iter()));
        assert!(!task.is_displaced(&place, [id(4)].into_iter()), "it was tried");
        task.settle(contacts([4, 5, 7]));
        assert!(!task.is_displaced(&place, [id(3)].into_iter()), "it held it and is gone");
        task.settle(contacts([3, 5, 7]));
        task.settle(contacts([2, 3, 5]));
        assert!(task.is_displaced(&place, [id(1)].into_iter()));
    }

    #[tokio::test(start_paused = true)]
    async fn holders_are_stale_that_took_it_long_ago_or_never() {
        let stale =
            |task: &Task, age| task.stale(Duration::from_secs(age)).iter().map(|c| c.node.0[0]).collect::<Vec<_>>();
        let mut task = Task::due_now();
        task.settle(contacts([1, 2, 3]));
        assert_eq!(stale(&task, 100), [1, 2, 3]);
        [1, 2, 3, 9].into_iter().for_each(|n| task.took(NodeId([n; 32])));
        tokio::time::advance(Duration::from_secs(60)).await;
        task.took(NodeId([2; 32]));
        assert_eq!((stale(&task, 100), stale(&task, 60)), (vec![], vec![1, 3]));
        assert_eq!(task.stale_at(Duration::from_secs(100)), Instant::now() + Duration::from_secs(40));
        task.settle(contacts([2, 3, 4]));
        assert_eq!((stale(&task, 100), stale(&task, 60)), (vec![4], vec![3, 4]));
    }

    #[tokio::test(start_paused = true)]
    async fn who_holds_it_is_in_doubt_after_a_while_and_where_too_few_do() {
        let mut task = Task::due_now();
        let hour = Duration::from_secs(3600);
        task.settle(contacts([1, 2, 3]));
        assert!(!task.is_settled(hour), "nobody looked");
        task.looked_up = Some(Instant::now());
        assert!(task.is_settled(hour));
        tokio::time::advance(hour).await;
        assert!(!task.is_settled(hour));
        task.looked_up = Some(Instant::now());
        task.settle(contacts([1, 2]));
        assert!(!task.is_settled(hour));
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded_and_the_latest_stay() {
        let mut task = Task::due_now();
        (0..200).for_each(|n| task.settle(contacts([n])));
        check(task, 167..200);
    }
}
