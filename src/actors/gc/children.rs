//! Long lists: what lies on the pages below the first one, as a majority of each page's holders say.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use futures_util::future::join_all;

use super::answer::answer_summary;
use crate::actors::call::{CallError, Patience};
use crate::actors::context::Context;
use crate::actors::routing::closest_of_late;
use crate::records::Page;
use crate::retention::{Shelf, majority};
use crate::types::{AccountId, Contact, DeviceId, Hash, Hlc, Section, WallTime};
use crate::wire::{FollowerEntry, MAX_ENTRIES, ReachEntry, Summary, Summed};

/// Most pages of one list that are asked for: a hundred thousand followers. Where there are more, nothing is decided.
const PAGES: usize = 512;
/// Most answers that one page takes from one holder: a page has no more entries than a few answers hold.
const ANSWERS: usize = 16;

/// Adds what lies below the first page of a list. `None` when too few of a page's holders answered.
pub(super) async fn add(node: &Rc<Context>, owner: AccountId, section: Section, shelf: &mut Shelf) -> Option<()> {
    let mut todo: Vec<Page> = Page::first(section, owner).children().into_iter().flatten().collect();
    let mut asked = 0;
    while let Some(page) = todo.pop() {
        asked += 1;
        if asked > PAGES {
            return None;
        }
        let said = ask(node, page).await?;
        if said.iter().any(|s| s.split) {
            todo.extend(page.children().into_iter().flatten());
        }
        note(page, &said, shelf);
    }
    Some(())
}

/// Asks all holders of a page; `None` when fewer than a majority of them answered who have what they should have.
async fn ask(node: &Rc<Context>, page: Page) -> Option<Vec<Summed>> {
    let key = page.key();
    let k = node.network.k();
    let live = closest_of_late(node, key).await;
    let known = node.doors().routing.closest(key, k).await;
    // Those that are known and silent count as well, as at a home.
    let mut set: BTreeSet<_> = live.iter().chain(&known).map(|c| (c.node.distance(&key), c.node)).collect();
    set.insert((node.me.distance(&key), node.me));
    let set: BTreeSet<_> = set.into_iter().take(k).map(|(_, id)| id).collect();
    let asking = live.into_iter().filter(|c| set.contains(&c.node)).map(|contact| summary_of(node, contact, page));
    let mut said: Vec<Summed> = join_all(asking).await.into_iter().flatten().collect();
    if set.contains(&node.me) {
        let request = Summary { key, account: page.owner, section: page.section.number(), after: None };
        said.push(answer_summary(node, request));
    }
    believed(said, set.len())
}

/// Returns the words that count of a page with so many holders: whoever was away may lack what decides, and counts only where
/// all were. `None` where too few are left.
fn believed(mut said: Vec<Summed>, holders: usize) -> Option<Vec<Summed>> {
    let all_away = said.iter().all(|summed| summed.unsynced);
    said.retain(|summed| all_away || !summed.unsynced);
    (said.len() >= majority(holders)).then_some(said)
}

/// Reads one holder's page.
async fn summary_of(node: &Rc<Context>, contact: Contact, page: Page) -> Option<Summed> {
    let mut all = Summed { followers: vec![], reaches: vec![], split: false, next: None, unsynced: false };
    let mut after = None;
    for _ in 0..ANSWERS {
        let request = Summary { key: page.key(), account: page.owner, section: page.section.number(), after };
        let answer: Result<Summed, CallError> = node.call(&contact, &request, Patience::Read).await;
        let summed = answer.ok()?;
        if summed.followers.len() > MAX_ENTRIES || summed.reaches.len() > MAX_ENTRIES {
            return None;
        }
        all.followers.extend(summed.followers);
        all.reaches.extend(summed.reaches);
        all.split |= summed.split;
        all.unsynced |= summed.unsynced;
        after = summed.next;
        if after.is_none() {
            return Some(all);
        }
    }
    None
}

/// How far somebody has seen a log, by the word of one holder.
type Claim = (u64, Option<Hash>);

/// Takes what holders said of a page. None of it is signed, so what lets a post go is believed only of most of them.
fn note(page: Page, said: &[Summed], shelf: &mut Shelf) {
    let belongs = |who: &AccountId| Page::of(page.section, page.owner, who, page.depth) == page;
    let mut edges: BTreeMap<AccountId, Vec<(Hlc, bool, WallTime)>> = BTreeMap::new();
    let mut reaches: BTreeMap<(AccountId, DeviceId), Vec<Claim>> = BTreeMap::new();
    for summed in said {
        for FollowerEntry { follower, hlc, follows, since } in summed.followers.iter().filter(|e| belongs(&e.follower))
        {
            edges.entry(*follower).or_default().push((*hlc, *follows, *since));
        }
        for ReachEntry { follower, log, seen, hash } in summed.reaches.iter().filter(|e| belongs(&e.follower)) {
            reaches.entry((*follower, *log)).or_default().push((*seen, *hash));
        }
    }
    for (follower, claims) in edges {
        let (hlc, follows, since) = edge_of(&claims, said.len());
        shelf.note_edge(follower, hlc, follows, since);
    }
    for ((follower, log), mut claims) in reaches {
        // What most of those who answered say, or more, was seen.
        claims.sort_unstable_by(|a, b| b.cmp(a));
        if let Some((seen, hash)) = claims.get(majority(said.len()) - 1) {
            shelf.note_reach(follower, log, *seen, *hash);
        }
    }
}

/// Returns the edge that most of those who answered have; where there is none, the claim that holds most posts back.
fn edge_of(claims: &[(Hlc, bool, WallTime)], answers: usize) -> (Hlc, bool, WallTime) {
    let most = |claim: &&(Hlc, bool, WallTime)| claims.iter().filter(|c| c == claim).count() >= majority(answers);
    let confirmed = claims.iter().find(most);
    confirmed.copied().unwrap_or_else(|| {
        let hlc = claims.iter().map(|(hlc, _, _)| *hlc).max().unwrap_or_default();
        let since = claims.iter().map(|(_, _, since)| *since).min().unwrap_or_default();
        (hlc, true, since)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(hlc: u64, follows: bool, since: u64) -> (Hlc, bool, WallTime) {
        (Hlc(hlc), follows, WallTime(since))
    }

    #[test]
    fn one_holder_releases_nothing() {
        let (old, lie) = (claim(5, true, 4), claim(u64::MAX, false, 9));
        assert_eq!(edge_of(&[old, old, lie], 3), old);
        // Where no claim has a majority, the follower counts, since the earliest time that was named.
        assert_eq!(edge_of(&[old, lie], 3), claim(u64::MAX, true, 4));
        assert_eq!(edge_of(&[lie, lie], 3), lie);
    }

    #[test]
    fn whoever_was_away_has_no_voice() {
        let summed = |unsynced| Summed { followers: vec![], reaches: vec![], split: true, next: None, unsynced };
        let check = |away: &[bool], holders: usize, expected: Option<usize>| {
            let said = away.iter().map(|away| summed(*away)).collect();
            assert_eq!(believed(said, holders).map(|said| said.len()), expected, "{away:?} of {holders}");
        };
        check(&[false, false], 3, Some(2));
        check(&[false, true], 3, None);
        check(&[false, true, false, true], 3, Some(2));
        check(&[true, true], 3, Some(2));
        check(&[true], 2, None);
    }

    #[test]
    fn how_far_somebody_has_seen_is_what_most_confirm() {
        let (owner, log) = (AccountId([1; 32]), DeviceId([2; 32]));
        let first = Page::first(Section::Seen, owner);
        let [zero, one] = first.children().expect("not the deepest");
        let who = AccountId([3; 32]);
        let page = if Page::of(Section::Seen, owner, &who, 1) == zero { zero } else { one };
        let summed = |seen| Summed {
            followers: vec![],
            reaches: vec![ReachEntry { follower: who, log, seen, hash: None }],
            split: false,
            next: None,
            unsynced: false,
        };
        let check = |said: &[u64], expected: Option<u64>| {
            let mut shelf = Shelf::default();
            note(page, &said.iter().map(|seen| summed(*seen)).collect::<Vec<_>>(), &mut shelf);
            let mut wanted = Shelf::default();
            expected.into_iter().for_each(|seen| wanted.note_reach(who, log, seen, None));
            assert_eq!(format!("{shelf:?}"), format!("{wanted:?}"));
        };
        check(&[9, 4, 4], Some(4));
        check(&[9, 9, 4], Some(9));
        check(&[9, 4, 5], Some(5));
        let other = if page == zero { one } else { zero };
        let mut shelf = Shelf::default();
        note(other, &[summed(9)], &mut shelf);
        assert_eq!(
            format!("{shelf:?}"),
            format!("{:?}", Shelf::default()),
            "an entry of another page counts for nothing"
        );
    }
}
