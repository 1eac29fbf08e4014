//! Posts that are gone although somebody still has them: collected by most holders, or by their authors' heads.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::actors::context::Context;
use crate::records::Record;
use crate::retention::majority;
use crate::types::{DeviceId, Hash};
use crate::wire::Mark;

/// Device, number and hash of posts.
pub type Gone = BTreeSet<(DeviceId, u64, Hash)>;

/// Returns what most of those who have anything at all say they have collected; each holder with whether its silence counts, as that of
/// one that has records does; this node may have copies of its own, whatever replicas do.
pub fn collected<'a>(holders: impl Iterator<Item = (bool, &'a [Mark])>) -> Gone {
    let (mut said, mut voices) = (BTreeMap::new(), 0);
    for (_, marks) in holders.filter(|(any, marks)| *any || !marks.is_empty()) {
        voices += 1;
        let marks: Gone = marks.iter().map(|mark| (mark.device, mark.seq, mark.hash)).collect();
        marks.into_iter().for_each(|mark| *said.entry(mark).or_insert(0) += 1);
    }
    said.into_iter().filter(|(_, count)| *count >= majority(voices)).map(|(mark, _)| mark).collect()
}

/// Returns what the newest heads of a device list as collected, and the highest floor.
pub fn listed<'a>(records: &'a [Record], device: &DeviceId) -> (u64, &'a [(u64, u64)]) {
    let heads = records.iter().filter_map(|record| match record {
        Record::Heads(r) if r.body.device == *device => Some(&r.body),
        _ => None,
    });
    let floor = heads.clone().map(|body| body.floor).max().unwrap_or(0);
    (floor, heads.max_by_key(|body| body.version).map_or(&[], |body| &body.collected))
}

/// Leaves out posts that are collected, or gone by their authors' word: one that was away may have them still.
pub fn leave_out(records: &mut Vec<Record>, collected: &Gone) {
    let devices: BTreeSet<DeviceId> =
        records.iter().filter(|r| matches!(r, Record::Heads(_))).filter_map(Record::device).collect();
    let listed: BTreeMap<DeviceId, (u64, Vec<(u64, u64)>)> = devices
        .into_iter()
        .map(|device| {
            let (floor, ranges) = listed(records, &device);
            (device, (floor, ranges.to_vec()))
        })
        .collect();
    records.retain(|record| {
        let Record::Post(post) = record else { return true };
        let (device, seq) = (post.body.device, post.body.seq);
        let said = listed.get(&device).is_some_and(|(floor, ranges)| {
            seq <= *floor || ranges.iter().any(|(first, last)| (*first..=*last).contains(&seq))
        });
        !said && !collected.contains(&(device, seq, post.hash()))
    });
}

/// Has homes looked at of which somebody else has collected a post that is held here.
pub fn hint<'a>(node: &Rc<Context>, marks: impl Iterator<Item = &'a Mark>, own: impl Iterator<Item = Record>) {
    let marked: BTreeSet<Hash> = marks.map(|mark| mark.hash).collect();
    if marked.is_empty() {
        return;
    }
    for record in own.filter(|r| matches!(r, Record::Post(_)) && marked.contains(&r.hash())) {
        record.account().into_iter().for_each(|account| node.homes.hinted(account));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::WallTime;

    #[test]
    fn one_holder_alone_makes_nothing_disappear() {
        let device = DeviceId([1; 32]);
        let mark = Mark { device, seq: 3, hash: Hash([3; 32]), ends: WallTime(9) };
        let (says, silent): (&[Mark], &[Mark]) = (std::slice::from_ref(&mark), &[]);
        let check = |holders: &[(bool, &[Mark])], expected: usize| {
            assert_eq!(collected(holders.iter().copied()).len(), expected, "{holders:?}");
        };
        check(&[(true, says), (true, silent), (true, silent)], 0);
        check(&[(true, says), (true, silent)], 0);
        check(&[(true, says), (true, says), (true, silent)], 1);
        // Whoever has nothing is no witness.
        check(&[(true, says), (false, silent), (false, silent)], 1);
        let twice = [mark.clone(), mark];
        check(&[(true, &twice), (true, silent), (true, silent)], 0);
    }
}
