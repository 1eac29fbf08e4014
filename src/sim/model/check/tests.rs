//! The checker finds every kind of damage, and nothing in a system that is whole.

use std::time::Duration;

use super::super::Deed;
use super::super::observed::{FeedRow, Held};
use super::*;
use crate::types::{Hlc, WallTime};

const NOW: WallTime = WallTime(1_800_000_000_000);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
const ALICE: Person = 0;
const BOB: Person = 1;
const CAROL: Person = 2;

fn id(seq: u64) -> Hash {
    Hash([seq as u8; 32])
}

fn made(seq: u64) -> WallTime {
    NOW.minus(Duration::from_secs(7200)).plus(Duration::from_secs(60 * seq))
}

/// Alice's post with this number, published.
fn note(seq: u64) -> PostNote {
    PostNote {
        id: id(seq),
        author: ALICE,
        device: DeviceId([1; 32]),
        seq,
        made_at: made(seq),
        told_at: made(seq),
        ends: made(seq).plus(WEEK),
        published: Some(made(seq)),
        deleted: Sure::No,
        mentions: None,
    }
}

fn row(seq: u64) -> FeedRow {
    FeedRow { id: id(seq), hlc: Hlc::new(made(seq), 0), device: DeviceId([1; 32]), seq }
}

/// Bob follows Alice, who has published three posts; Carol follows nobody. Everything is where it belongs.
fn whole() -> (Model, Observed) {
    let mut model = Model::new(10, Duration::ZERO);
    model.related(BOB, ALICE, true, made(0));
    (1..=3).for_each(|seq| {
        model.posted(note(seq));
    });
    model.renamed(ALICE, "Alice A.".to_owned());
    let feed = || SeenFeed { rows: vec![row(3), row(2), row(1)] };
    let page = |posts: &[u64], name: &str| SeenPage {
        posts: posts.iter().map(|seq| id(*seq)).collect(),
        name: name.to_owned(),
        ..SeenPage::default()
    };
    let alice = SeenPage { followers: [BOB].into(), ..page(&[1, 2, 3], "Alice A.") };
    let bob = SeenPage { following: [ALICE].into(), ..page(&[], "") };
    let held = Held { live: 20, replicas: 20, of: 20, disks: 20 };
    let seen = Observed {
        now: NOW,
        feeds: [(ALICE, feed()), (BOB, feed()), (CAROL, SeenFeed::default())].into(),
        pages: [(ALICE, alice), (BOB, bob)].into(),
        held: (1..=3).map(|seq| (id(seq), held)).collect(),
        heads: [(DeviceId([1; 32]), 3)].into(),
        states: [(ALICE, 1), (BOB, 1)].into(),
        strict: true,
        ..Observed::default()
    };
    (model, seen)
}

/// Damages a whole system and returns the words for what is found.
fn words(damage: impl FnOnce(&mut Model, &mut Observed)) -> Vec<&'static str> {
    let (mut model, mut seen) = whole();
    damage(&mut model, &mut seen);
    check(&model, &seen).counts().into_keys().collect()
}

#[test]
fn nothing_is_found_in_a_whole_system() {
    assert_eq!(words(|_, _| ()), [""; 0]);
}

#[test]
fn a_post_that_nobody_up_holds_is_lost_whatever_lies_on_disks_of_the_dead() {
    let lost = |disks| {
        words(move |_, seen| {
            let held = Held { live: 0, replicas: 0, of: 20, disks };
            seen.held.insert(id(2), held);
        })
    };
    assert_eq!((lost(0), lost(7)), (vec!["few_replicas", "lost"], vec!["few_replicas", "lost"]));
}

#[test]
fn a_post_that_a_page_lacks_is_unreadable_and_one_that_was_only_queued_is_not() {
    let hide = |seen: &mut Observed| {
        seen.pages.get_mut(&ALICE).map(|page| page.posts.remove(&id(1)));
    };
    assert_eq!(words(|_, seen| hide(seen)), ["unreadable"]);
    let queued = words(|model, seen| {
        hide(seen);
        model.posts[0].published = None;
    });
    assert_eq!(queued, [""; 0]);
    assert_eq!(
        words(|_, seen| {
            seen.unread.insert(ALICE, "unreachable".to_owned());
        }),
        ["page_unread"]
    );
}

#[test]
fn what_was_collected_is_neither_lost_nor_lacking_once_everybody_has_seen_it() {
    let collect = |seen: &mut Observed| {
        seen.collected.insert(id(2));
        seen.held.remove(&id(2));
        seen.feeds.insert(BOB, SeenFeed { rows: vec![row(3), row(1)] });
        seen.pages.get_mut(&ALICE).expect("a page").posts.remove(&id(2));
    };
    assert_eq!(words(|_, seen| collect(seen)), ["collected_early"]);
    let shown = words(|model, seen| {
        model.shown(BOB, &[id(2)]);
        collect(seen);
    });
    assert_eq!(shown, [""; 0]);
}

#[test]
fn what_was_collected_stays_away_and_waits_for_its_time() {
    let gone = |min_age: Duration, back: bool| {
        words(move |model, seen| {
            model.min_age = min_age;
            model.shown(BOB, &[id(2)]);
            seen.collected.insert(id(2));
            seen.taken_back.extend(back.then_some(id(2)));
        })
    };
    let age = NOW.since(made(2));
    assert_eq!(gone(age, false), [""; 0]);
    assert_eq!(gone(age, true), ["came_back"]);
    assert_eq!(gone(age + Duration::from_secs(61), false), ["collected_young"]);
}

#[test]
fn a_follower_who_has_not_seen_a_post_holds_it_and_one_who_came_later_does_not() {
    let with_carol = |since: WallTime| {
        words(move |model, seen| {
            model.related(CAROL, ALICE, true, since);
            model.shown(BOB, &[id(2)]);
            seen.collected.insert(id(2));
            seen.pages.get_mut(&ALICE).expect("a page").followers.insert(CAROL);
            seen.feeds.insert(CAROL, SeenFeed { rows: vec![row(3), row(2), row(1)] });
        })
    };
    assert_eq!(with_carol(made(2)), ["collected_early"]);
    assert_eq!(with_carol(made(2).plus(Duration::from_secs(301))), [""; 0]);
}

#[test]
fn nobody_has_seen_the_posts_of_an_author_without_followers() {
    let found = words(|model, seen| {
        model.related(BOB, ALICE, false, made(0));
        seen.feeds.insert(BOB, SeenFeed::default());
        seen.pages.insert(ALICE, SeenPage { name: "Alice A.".to_owned(), ..seen.pages[&ALICE].clone() });
        seen.pages.get_mut(&ALICE).expect("a page").followers.clear();
        seen.pages.get_mut(&BOB).expect("a page").following.clear();
        seen.collected.insert(id(1));
    });
    assert_eq!(found, ["collected_early"]);
}

#[test]
fn as_many_posts_may_make_room_as_there_are_too_many() {
    let crowded = |collected: u64| {
        let mut model = Model::new(10, Duration::ZERO);
        model.related(BOB, ALICE, true, made(0));
        (1..=12).for_each(|seq| {
            model.posted(note(seq));
        });
        let held = Held { live: 5, replicas: 5, of: 5, disks: 5 };
        let seen = Observed {
            now: NOW,
            held: (1..=12).map(|seq| (id(seq), held)).collect(),
            heads: [(DeviceId([1; 32]), 12)].into(),
            collected: (1..=collected).map(id).collect(),
            ..Observed::default()
        };
        check(&model, &seen).count("collected_early")
    };
    assert_eq!((crowded(2), crowded(3)), (0, 3));
}

#[test]
fn feeds_owe_what_is_followed_and_nothing_else() {
    assert_eq!(
        words(|_, seen| {
            seen.feeds.insert(BOB, SeenFeed { rows: vec![row(3), row(1)] });
        }),
        ["feed_lacks"]
    );
    assert_eq!(
        words(|_, seen| {
            seen.feeds.insert(CAROL, SeenFeed { rows: vec![row(3)] });
        }),
        ["feed_has"]
    );
    let twice = SeenFeed { rows: vec![row(3), row(2), row(2), row(1)] };
    assert_eq!(
        words(|_, seen| {
            seen.feeds.insert(BOB, twice);
        }),
        ["feed_order"]
    );
    let backwards = SeenFeed { rows: vec![row(3), row(1), row(2)] };
    assert_eq!(
        words(|_, seen| {
            seen.feeds.insert(BOB, backwards);
        }),
        ["feed_order"]
    );
    // Posts made before somebody followed may come or not.
    let late = words(|model, seen| {
        model.related(BOB, ALICE, true, made(2));
        seen.feeds.insert(BOB, SeenFeed { rows: vec![row(3), row(2)] });
    });
    assert_eq!(late, [""; 0]);
}

#[test]
fn what_was_asked_for_and_not_answered_proves_nothing() {
    let found = words(|model, seen| {
        model.begun(Deed::Relate(BOB, ALICE));
        model.begun(Deed::Delete(1));
        model.begun(Deed::Rename(ALICE));
        seen.feeds.insert(BOB, SeenFeed::default());
        let page = seen.pages.get_mut(&ALICE).expect("a page");
        page.posts.remove(&id(2));
        page.name.clear();
        page.followers.clear();
        seen.feeds.insert(ALICE, SeenFeed { rows: vec![row(3), row(1)] });
        seen.held.remove(&id(2));
    });
    assert_eq!(found, [""; 0]);
}

#[test]
fn a_post_that_was_deleted_or_has_ended_must_not_come_back() {
    let deleted = words(|model, _| model.deleted(1, NOW.minus(Duration::from_secs(60))));
    assert_eq!(deleted, ["came_back", "feed_has"]);
    let ended = words(|model, _| model.posts[1].ends = NOW.minus(Duration::from_secs(3600)));
    assert_eq!(ended, ["came_back", "feed_has"]);
    // Around its end clocks may differ.
    assert_eq!(words(|model, _| model.posts[1].ends = NOW.minus(Duration::from_secs(60))), [""; 0]);
}

#[test]
fn lists_names_and_heads_are_those_that_were_acknowledged() {
    let alice = |change: fn(&mut SeenPage)| words(|_, seen| change(seen.pages.get_mut(&ALICE).expect("a page")));
    assert_eq!(alice(|page| page.followers.clear()), ["list_lacks"]);
    assert_eq!(
        alice(|page| {
            page.followers.insert(CAROL);
        }),
        ["list_has"]
    );
    assert_eq!(
        alice(|page| {
            page.following.insert(BOB);
        }),
        ["list_has"]
    );
    assert_eq!(alice(|page| page.name = "Mallory".to_owned()), ["wrong_name"]);
    assert_eq!(
        words(|_, seen| {
            seen.heads.insert(DeviceId([1; 32]), 2);
        }),
        ["head_behind"]
    );
    assert_eq!(
        words(|_, seen| {
            seen.pending.insert(BOB, 1);
        }),
        ["pending"]
    );
    let unfollowed = words(|model, seen| {
        model.related(BOB, ALICE, false, NOW);
        seen.feeds.insert(BOB, SeenFeed::default());
    });
    assert_eq!(unfollowed, ["list_has"]);
}

#[test]
fn few_and_different_replicas_are_found_where_that_is_asked_for() {
    let few = Held { live: 13, replicas: 13, of: 20, disks: 13 };
    assert_eq!(
        words(|_, seen| {
            seen.held.insert(id(1), few);
        }),
        ["few_replicas"]
    );
    let small = Held { live: 5, replicas: 5, of: 5, disks: 5 };
    assert_eq!(
        words(|_, seen| {
            seen.held.insert(id(1), small);
        }),
        [""; 0]
    );
    assert_eq!(
        words(|_, seen| {
            seen.states.insert(ALICE, 2);
        }),
        ["states_differ"]
    );
    let lax = words(|_, seen| {
        seen.strict = false;
        seen.held.insert(id(1), few);
        seen.states.insert(ALICE, 2);
    });
    assert_eq!(lax, [""; 0]);
}

#[test]
fn posts_count_for_as_long_as_they_had_to_live() {
    let mut model = Model::new(10, Duration::ZERO);
    (1..=3).for_each(|seq| {
        model.posted(note(seq));
    });
    let hour = Duration::from_secs(3600);
    model.posts[1].ends = made(2).plus(hour);
    model.deleted(2, made(3).plus(hour / 2));
    let at = made(1).plus(3 * hour);
    assert!((model.post_hours(at) - 4.5).abs() < 1e-9, "{}", model.post_hours(at));
    model.posts[0].published = None;
    assert!((model.post_hours(at) - 1.5).abs() < 1e-9);
}

/// Post 2 was collected after everybody was shown it, and is in nobody's feed.
fn collected_after(before: impl FnOnce(&mut Model, &Observed)) -> Vec<&'static str> {
    words(|model, seen| {
        model.shown(BOB, &[id(2)]);
        before(model, seen);
        seen.collected.insert(id(2));
        seen.held.remove(&id(2));
        seen.pages.get_mut(&ALICE).expect("a page").posts.remove(&id(2));
        seen.feeds.insert(ALICE, SeenFeed { rows: vec![row(3), row(1)] });
        seen.feeds.insert(BOB, SeenFeed { rows: vec![row(3), row(1)] });
    })
}

#[test]
fn a_feed_that_had_a_post_keeps_it_when_it_is_collected() {
    assert_eq!(collected_after(|_, _| ()), [""; 0]);
    assert_eq!(collected_after(|model, seen| model.note_had(seen)), ["feed_lacks"]);
    assert_eq!(collected_after(|model, _| model.has_had(BOB, &[id(2)])), ["feed_lacks"]);
    // Whoever follows since later need not have got it, but keeps what came.
    let late = |had: bool| {
        collected_after(move |model, _| {
            model.related(BOB, ALICE, true, made(3));
            model.has_had(BOB, had.then_some(&id(2)));
        })
    };
    assert_eq!((late(false), late(true)), (vec![], vec!["feed_lacks"]));
}

#[test]
fn a_feed_may_lose_what_it_had_with_its_disk_and_what_was_deleted_or_not_followed_for_a_while() {
    let excused = |excuse: fn(&mut Model)| {
        collected_after(move |model, _| {
            model.has_had(BOB, &[id(2)]);
            excuse(model);
        })
    };
    assert_eq!(excused(|_| ()), ["feed_lacks"]);
    assert_eq!(excused(|model| model.disk_lost(BOB)), [""; 0]);
    assert_eq!(excused(|model| model.deleted(1, NOW)), [""; 0]);
    assert_eq!(excused(|model| model.posts[1].ends = NOW.plus(Duration::from_secs(60))), [""; 0]);
    let again = excused(|model| {
        model.related(BOB, ALICE, false, made(3));
        model.related(BOB, ALICE, true, made(3));
    });
    assert_eq!(again, [""; 0]);
    // The disk of somebody else is none.
    assert_eq!(excused(|model| model.disk_lost(CAROL)), ["feed_lacks"]);
}

/// Alice's second post names somebody, whose mentions are these.
fn mentions(of: Person, listed: &[u64], change: impl FnOnce(&mut Model, &mut Observed)) -> Vec<&'static str> {
    words(|model, seen| {
        model.posts[1].mentions = Some(of);
        seen.mentions.insert(of, listed.iter().map(|seq| id(*seq)).collect());
        change(model, seen);
    })
}

#[test]
fn who_is_named_by_a_published_post_has_it_among_the_mentions() {
    assert_eq!(mentions(BOB, &[2], |_, _| ()), [""; 0]);
    assert_eq!(mentions(BOB, &[], |_, _| ()), ["mentions_lack"]);
    assert_eq!(mentions(BOB, &[1, 2], |_, _| ()), ["mentions_have"]);
    assert_eq!(mentions(BOB, &[], |model, _| model.posts[1].published = None), [""; 0]);
    // Carol does not follow her, and hears of it when Alice's node is there and has told all it had to.
    let carol = |pending: Option<usize>| {
        mentions(CAROL, &[], move |_, seen| {
            pending.map(|items| seen.pending.insert(ALICE, items));
        })
    };
    assert_eq!(carol(Some(0)), ["mentions_lack"]);
    assert_eq!((carol(None), carol(Some(1))), (vec![], vec!["pending"]));
}

#[test]
fn mentions_keep_what_was_collected_and_not_what_was_deleted() {
    let collected = |had: bool| {
        mentions(BOB, &[2], move |model, seen| {
            model.shown(BOB, &[id(2)]);
            if had {
                model.note_had(seen);
            }
            seen.collected.insert(id(2));
            seen.mentions.insert(BOB, BTreeSet::new());
        })
    };
    assert_eq!((collected(false), collected(true)), (vec![], vec!["mentions_lack"]));
    let deleted = |of: Person, ago: u64| {
        mentions(of, &[2], move |model, seen| {
            model.deleted(1, NOW.minus(Duration::from_secs(ago)));
            let rest = || SeenFeed { rows: vec![row(3), row(1)] };
            seen.feeds.extend([(ALICE, rest()), (BOB, rest())]);
            seen.pages.get_mut(&ALICE).expect("a page").posts.remove(&id(2));
        })
    };
    assert_eq!(deleted(BOB, 1), ["mentions_have"]);
    assert_eq!((deleted(CAROL, 600), deleted(CAROL, 1300)), (vec![], vec!["mentions_have"]));
    let ended = mentions(CAROL, &[2], |model, seen| {
        model.posts[1].ends = NOW.minus(Duration::from_secs(3600));
        seen.feeds.clear();
        seen.pages.clear();
    });
    assert_eq!(ended, ["mentions_have"]);
}
