//! The checker: what was acknowledged against what is there.

use std::collections::{BTreeMap, BTreeSet};

use super::findings::{Finding, Findings, short};
use super::followed::Belongs;
use super::mentioned::check_mentions;
use super::notes::{Model, Person, PostNote, PostNumber, Sure};
use super::observed::{Observed, SeenFeed, SeenPage};
use crate::types::{DeviceId, Hash};

/// A publication in a large network has reached this many; repair restores at least as many.
const REPLICAS: usize = 14;

/// Compares everything that was looked at with the model. Takes posts × followers steps.
pub fn check(model: &Model, seen: &Observed) -> Findings {
    let mut found = Vec::new();
    let room = check_posts(model, seen, &mut found);
    found.extend(room);
    for (reader, feed) in &seen.feeds {
        check_feed(model, seen, *reader, feed, &mut found);
    }
    check_mentions(model, seen, &mut found);
    for (of, page) in &seen.pages {
        check_page(model, seen, *of, page, &mut found);
    }
    for (of, why) in &seen.unread {
        found.push(Finding::PageUnread { of: *of, why: why.clone() });
    }
    check_heads(model, seen, &mut found);
    let pending = seen.pending.iter().filter(|(_, items)| **items > 0);
    found.extend(pending.map(|(of, items)| Finding::Pending { of: *of, items: *items }));
    if seen.strict {
        let differ = seen.states.iter().filter(|(_, states)| **states > 1);
        found.extend(differ.map(|(of, states)| Finding::StatesDiffer { of: *of, states: *states }));
    }
    found.sort();
    found.dedup();
    Findings(found)
}

/// Checks where posts are; returns what was collected beyond the room that had to be made.
fn check_posts(model: &Model, seen: &Observed, found: &mut Vec<Finding>) -> Vec<Finding> {
    let mut unseen: BTreeMap<Person, Vec<&PostNote>> = BTreeMap::new();
    for (number, post) in model.posts().iter().enumerate() {
        let number = number as PostNumber;
        let is_collected = seen.collected.contains(&post.id);
        if is_collected && post.deleted == Sure::No && post.ends > seen.now.plus(super::notes::DOUBT) {
            if !model.is_ripe(post, seen.now) {
                found.push(Finding::CollectedYoung { author: post.author, post: short(&post.id) });
            }
            if !model.may_be_collected(number) {
                found.push(Finding::CollectedEarly { author: post.author, post: short(&post.id) });
            } else if !model.was_seen_by_all(number) {
                unseen.entry(post.author).or_default().push(post);
            }
        }
        if seen.taken_back.contains(&post.id) && post.ends > seen.now.plus(super::notes::DOUBT) {
            found.push(Finding::CameBack { author: post.author, post: short(&post.id), why: "collected" });
        }
        if is_collected || !model.is_due(post, seen.now) {
            continue;
        }
        let held = seen.held.get(&post.id).copied().unwrap_or_default();
        if held.live == 0 {
            found.push(Finding::Lost { author: post.author, post: short(&post.id), disks: held.disks });
        } else if seen.pages.get(&post.author).is_some_and(|page| !page.posts.contains(&post.id)) {
            found.push(Finding::Unreadable { author: post.author, post: short(&post.id), live: held.live });
        }
        if seen.strict && held.replicas < held.of.min(REPLICAS) {
            let (held, of) = (held.replicas, held.of);
            found.push(Finding::FewReplicas { author: post.author, post: short(&post.id), held, of });
        }
    }
    let over = unseen.into_iter().filter(|(author, posts)| posts.len() > model.room_made(*author));
    over.flat_map(|(author, posts)| {
        posts.into_iter().map(move |post| Finding::CollectedEarly { author, post: short(&post.id) })
    })
    .collect()
}

fn check_feed(model: &Model, seen: &Observed, reader: Person, feed: &SeenFeed, found: &mut Vec<Finding>) {
    if !feed.rows.is_sorted_by(|a, b| (a.hlc, a.device, a.seq) > (b.hlc, b.device, b.seq)) {
        found.push(Finding::FeedOrder { reader });
    }
    let rows: BTreeSet<&Hash> = feed.rows.iter().map(|row| &row.id).collect();
    let authors = model.ties_of(reader).map(|(author, _)| author).chain([reader]);
    let theirs = authors.flat_map(|author| model.posts_of(author).map(|(number, _)| number));
    // What a feed has of anybody else is looked at too.
    let there = rows.iter().filter_map(|id| model.by_id.get(*id).copied());
    let numbers: BTreeSet<PostNumber> = theirs.chain(there).collect();
    for number in numbers {
        let post = &model.posts()[number as usize];
        let (author, has) = (post.author, rows.contains(&post.id));
        match model.belongs(reader, post, seen.now) {
            // Replicas let go of what was collected; a feed that had it does not.
            Belongs::Must if !has && (!seen.collected.contains(&post.id) || model.had(reader, number)) => {
                found.push(Finding::FeedLacks { reader, author, post: short(&post.id) });
            }
            Belongs::MustNot(why) if has => {
                found.push(Finding::FeedHas { reader, author, post: short(&post.id), why });
            }
            _ => {}
        }
    }
}

fn check_page(model: &Model, seen: &Observed, of: Person, page: &SeenPage, found: &mut Vec<Finding>) {
    for (_, post) in model.posts_of(of).filter(|(_, post)| page.posts.contains(&post.id)) {
        if let Belongs::MustNot(why) = model.belongs(of, post, seen.now) {
            found.push(Finding::CameBack { author: of, post: short(&post.id), why });
        }
    }
    let following = model.ties_of(of).map(|(who, tie)| ("following", who, tie, page.following.contains(&who)));
    let tied = model.tied_to.get(&of).into_iter().flatten();
    let followers =
        tied.filter_map(|who| Some(("followers", *who, model.tie(*who, of)?, page.followers.contains(who))));
    for (list, who, tie, listed) in following.chain(followers) {
        match tie.follows {
            Some(true) if !listed => found.push(Finding::ListLacks { list, of, who }),
            Some(false) if listed => found.push(Finding::ListHas { list, of, who }),
            _ => {}
        }
    }
    let listed = page.following.iter().map(|who| ("following", *who, (of, *who)));
    let listed = listed.chain(page.followers.iter().map(|who| ("followers", *who, (*who, of))));
    let strangers = listed.filter(|(_, _, tie)| !model.ties.contains_key(tie));
    found.extend(strangers.map(|(list, who, _)| Finding::ListHas { list, of, who }));
    if model.names.get(&of).is_some_and(|name| name.as_ref().is_some_and(|name| *name != page.name)) {
        found.push(Finding::WrongName { of, shown: page.name.clone() });
    }
}

fn check_heads(model: &Model, seen: &Observed, found: &mut Vec<Finding>) {
    let mut last: BTreeMap<DeviceId, (Person, u64)> = BTreeMap::new();
    for post in model.posts().iter().filter(|post| post.published.is_some()) {
        let entry = last.entry(post.device).or_insert((post.author, 0));
        entry.1 = entry.1.max(post.seq);
    }
    for (device, (author, published)) in last {
        let at = seen.heads.get(&device).copied().unwrap_or(0);
        if at < published {
            found.push(Finding::HeadBehind { author, at, published });
        }
    }
}

#[cfg(test)]
mod tests;
