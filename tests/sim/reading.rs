//! Reading: people's pages and lists, what is still there after a follow, what was missed, and what is said to be missing.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use timeline::actors::{FeedEvent, ListRequest, PageRequest, PeoplePage, ProfileChange, UserView};
use timeline::records::Record;
use timeline::sim::{SimConfig, Simulation, Ways};
use timeline::types::Code;
use timeline::wire::{CheckOnline, Get, Request};
use tokio::sync::mpsc::Receiver;

use super::people::{SOON, follow, joined, login, name, network, pause, post, publish, reads, register, settle, texts};

pub fn first(limit: usize) -> ListRequest {
    ListRequest { limit, cursor: None }
}

async fn user(sim: &Simulation, node: usize, who: &str, page: ListRequest) -> UserView {
    let view = sim.doors(node).people.user(name(who), false, page).await;
    view.unwrap_or_else(|problem| panic!("{sim:?}: the page of {who}: {problem:?}"))
}

async fn followers(sim: &Simulation, node: usize, of: &str, page: ListRequest) -> PeoplePage {
    let page = sim.doors(node).people.followers(Some(name(of)), page).await;
    page.unwrap_or_else(|problem| panic!("{sim:?}: the followers of {of}: {problem:?}"))
}

fn names(page: &PeoplePage) -> Vec<String> {
    page.users.iter().map(|person| person.username.to_string()).collect()
}

/// Takes what a watcher was told so far.
pub fn told(events: &mut Receiver<FeedEvent>) -> Vec<FeedEvent> {
    std::iter::from_fn(|| events.try_recv().ok()).collect()
}

pub fn posted(events: &[FeedEvent]) -> Vec<String> {
    let text = |event: &FeedEvent| match event {
        FeedEvent::Post(post) => Some(post.text.clone()),
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

#[test]
fn a_page_of_somebody_is_what_the_network_holds_now() {
    let sim = Simulation::new(400, SimConfig { nodes: 16, k: 4, ..SimConfig::default() });
    sim.run(async {
        for (node, who) in [(5, "alice"), (6, "bob"), (7, "carol")] {
            settle(&sim, node, who).await;
        }
        follow(&sim, 6, "alice").await;
        follow(&sim, 7, "alice").await;
        follow(&sim, 5, "bob").await;
        let change = ProfileChange { name: Some("Alice Ågren".to_owned()), bio: Some("on a boat".to_owned()) };
        sim.doors(5).session.profile(Some(change), None).await.expect("changed");
        for text in ["one", "two", "three #Sea @bob", "four", "five"] {
            publish(&sim, 5, text).await;
        }
        // Somebody who is not logged in looks.
        let page = user(&sim, 12, "alice", first(2)).await;
        assert_eq!((page.display_name.as_str(), page.bio.as_str()), ("Alice Ågren", "on a boat"));
        assert_eq!((page.followers.count, page.following.count), (2, 1));
        assert!(page.complete && !page.followers.is_estimate && !page.following.is_estimate);
        let mut seen: Vec<_> = page.posts.clone();
        let mut next = page.next;
        // What comes meanwhile does not move what was there.
        publish(&sim, 5, "six").await;
        while let Some(cursor) = next {
            let page = user(&sim, 12, "alice", ListRequest { limit: 2, cursor: Some(cursor) }).await;
            seen.extend(page.posts);
            next = page.next;
        }
        let read: Vec<&str> = seen.iter().map(|post| post.text.as_str()).collect();
        assert_eq!(read, ["five", "four", "three #Sea @bob", "two", "one"]);
        assert_eq!((seen[2].mentions.clone(), seen[2].tags.clone()), (vec![name("bob")], vec!["sea".to_owned()]));
        let missing = sim.doors(12).people.user(name("nobody"), false, first(5)).await;
        assert_eq!(missing.expect_err("nobody").code, Code::NoSuchUser);
        // A follower has copies; a node that knows nothing of her has not.
        let local = sim.doors(6).people.user(name("alice"), true, first(50)).await.expect("known here");
        assert_eq!(local.posts.len(), 6);
        let fresh = sim.add();
        let local = sim.doors(fresh).people.user(name("alice"), true, first(50)).await;
        assert_eq!(local.expect_err("unknown here").code, Code::NoSuchUser);
    });
}

#[test]
fn lists_of_people_are_whole_sorted_and_stable_from_page_to_page() {
    let sim = network(401, 18);
    sim.run(async {
        settle(&sim, 3, "alice").await;
        let fans: Vec<String> = (4..16).map(|node| format!("fan_{node:02}")).collect();
        for (node, fan) in (4..16).zip(&fans).rev() {
            settle(&sim, node, fan).await;
            follow(&sim, node, "alice").await;
        }
        let page = followers(&sim, 17, "alice", first(5)).await;
        assert_eq!((page.count.count, page.count.is_estimate), (12, false));
        assert!(page.users.iter().all(|p| p.since > timeline::types::WallTime(0)));
        let mut listed = names(&page);
        settle(&sim, 16, "a_late_one").await;
        follow(&sim, 16, "alice").await;
        let mut next = page.next;
        while let Some(cursor) = next {
            let page = followers(&sim, 17, "alice", ListRequest { limit: 5, cursor: Some(cursor) }).await;
            listed.extend(names(&page));
            next = page.next;
        }
        assert_eq!(listed, fans);
        assert_eq!(followers(&sim, 17, "alice", first(50)).await.count.count, 13);
        // Who unfollowed is not in the list; one's own list needs no network.
        sim.doors(4).session.follow(name("alice"), false).await.expect("unfollowed");
        assert_eq!(names(&followers(&sim, 3, "alice", first(50)).await).len(), 12);
        follow(&sim, 5, "fan_06").await;
        let others: Vec<usize> = (0..18).filter(|n| *n != 5).collect();
        sim.cut(&[5], &others);
        let own = sim.doors(5).people.following(None, first(50)).await.expect("known here");
        assert_eq!((names(&own), own.count.count), (vec!["alice".to_owned(), "fan_06".to_owned()], 2));
        let nobody = sim.doors(17).people.following(None, first(5)).await;
        assert_eq!(nobody.expect_err("nobody is logged in").code, Code::NotLoggedIn);
    });
}

#[test]
fn after_a_follow_what_is_still_there_appears_and_what_is_gone_is_not_missed() {
    let sim = network(402, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        for i in 0..30 {
            let ttl = Duration::from_secs(if i % 3 == 0 { 60 } else { 6000 });
            let posted = sim.doors(4).session.post(format!("number {i}"), Some(ttl)).await.expect("posted");
            assert!(posted.published, "{posted:?}");
        }
        pause(120).await;
        let mut watching = sim.doors(5).feed.watch().await.expect("bob watches");
        follow(&sim, 5, "alice").await;
        let there: Vec<String> = (0..30).filter(|i| i % 3 != 0).map(|i| format!("number {i}")).collect();
        reads(&sim, 5, &there.iter().map(String::as_str).collect::<Vec<_>>(), SOON).await;
        pause(130).await;
        let events = told(&mut watching.events);
        assert_eq!(posted(&events), there, "oldest first, each once");
        assert_eq!(events.len(), there.len(), "nothing is missing: {events:?}");
        let page = sim.doors(5).feed.page(PageRequest { limit: 50, ..PageRequest::default() }).await.expect("a page");
        assert!(page.complete && page.missing.is_empty(), "{:?}", page.missing);
    });
}

#[test]
fn what_ended_while_a_follower_was_away_is_said_once() {
    let sim = network(403, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        sim.doors(4).session.post("before".to_owned(), Some(Duration::from_secs(90))).await.expect("posted");
        reads(&sim, 5, &["before"], SOON).await;
        pause(70).await;
        let mut watching = sim.doors(5).feed.watch().await.expect("bob watches");
        sim.cut(&[5], &[0, 1, 2, 3, 4, 6, 7]);
        for text in ["a", "b", "c"] {
            let posted = sim.doors(4).session.post(text.to_owned(), Some(Duration::from_secs(10))).await;
            assert!(posted.expect("posted").published);
        }
        post(&sim, 4, "after").await;
        pause(200).await;
        sim.heal();
        reads(&sim, 5, &["after"], Duration::from_secs(90)).await;
        pause(300).await;
        let events = told(&mut watching.events);
        assert_eq!(posted(&events), ["after"], "once, and nothing that has ended");
        let gone: Vec<_> = events.iter().filter(|e| matches!(e, FeedEvent::Missing(_))).collect();
        assert_eq!(gone.len(), 1, "{gone:?}");
        let page =
            async || sim.doors(5).feed.page(PageRequest { limit: 9, ..PageRequest::default() }).await.expect("a page");
        let now = page().await;
        assert_eq!(now.missing.iter().map(|m| (m.count, m.reason)).collect::<Vec<_>>(), [(3, "expired")]);
        assert!(now.complete);
        // Another watcher hears of it as well, until it was said.
        let mut late = sim.doors(5).feed.watch().await.expect("bob watches");
        assert_eq!(told(&mut late.events).len(), 1);
        sim.doors(5).feed.shown(now.posts.iter().map(|p| p.id).collect()).await.expect("shown");
        assert!(page().await.missing.is_empty());
        let mut latest = sim.doors(5).feed.watch().await.expect("bob watches");
        assert_eq!((told(&mut latest.events).len(), latest.unseen.len()), (0, 0));
    });
}

#[test]
fn a_post_that_could_not_be_written_at_first_is_told_once() {
    let sim = network(404, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        pause(5).await;
        let mut watching = sim.doors(5).feed.watch().await.expect("bob watches");
        sim.set_full(5, true);
        post(&sim, 4, "a full disk").await;
        pause(100).await;
        assert_eq!(posted(&told(&mut watching.events)), Vec::<String>::new());
        sim.set_full(5, false);
        reads(&sim, 5, &["a full disk"], Duration::from_secs(70)).await;
        pause(130).await;
        assert_eq!(told(&mut watching.events).len(), 1);
        assert_eq!(texts(&sim, 5).await, ["a full disk"]);
    });
}

#[test]
fn a_deletion_that_could_not_be_written_at_first_is_carried_out_when_there_is_room() {
    let sim = network(406, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        let post = publish(&sim, 4, "a slip").await;
        reads(&sim, 5, &["a slip"], SOON).await;
        sim.set_full(5, true);
        sim.doors(4).session.delete_within(post.id, SOON).await.expect("alice deletes it");
        pause(100).await;
        assert_eq!(texts(&sim, 5).await, ["a slip"], "it is still on the disk");
        sim.set_full(5, false);
        sim.until("it goes", Duration::from_secs(70), async || texts(&sim, 5).await.is_empty()).await;
    });
}

#[test]
fn a_post_that_comes_right_behind_its_own_deletion_is_not_shown() {
    let sim = network(407, 8);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        // Bob hears nothing of either while it happens.
        sim.set_full(5, true);
        let slip = publish(&sim, 4, "a slip").await;
        let post = at_home(&sim, 0, |record| matches!(record, Record::Post(post) if post.hash() == slip.id));
        sim.doors(4).session.delete_within(slip.id, SOON).await.expect("alice deletes it");
        let deletion =
            at_home(&sim, 0, |record| matches!(record, Record::Tombstone(gone) if gone.body.post == slip.id));
        sim.set_full(5, false);
        // What a sleeper missed is handled at once when it wakes, in any order.
        let feed = sim.doors(5).feed;
        tokio::join!(feed.push(deletion, Vec::new()), feed.push(post, Vec::new()));
        assert_eq!(texts(&sim, 5).await, Vec::<String>::new());
        pause(100).await;
        assert_eq!(texts(&sim, 5).await, Vec::<String>::new());
    });
}

/// Returns the bytes of a record that a node holds.
fn at_home(sim: &Simulation, node: usize, wanted: impl Fn(&Record) -> bool) -> Bytes {
    let mut found = None;
    sim.each_record(node, |_, _, _, bytes| {
        found = found.take().or_else(|| Record::decode(bytes.clone()).is_ok_and(|r| wanted(&r)).then(|| bytes.clone()));
    });
    found.expect("it is held there")
}

#[test]
fn a_feed_is_paged_through_while_posts_come() {
    let sim = network(405, 6);
    sim.run(async {
        settle(&sim, 3, "alice").await;
        settle(&sim, 4, "bob").await;
        follow(&sim, 4, "alice").await;
        let mut all: Vec<String> = Vec::new();
        for i in 0..12 {
            publish(&sim, 3, &format!("number {i}")).await;
            all.insert(0, format!("number {i}"));
        }
        reads(&sim, 4, &["number 11", "number 0"], SOON).await;
        let (mut cursor, mut read) = (None, Vec::new());
        loop {
            let request = PageRequest { limit: 5, cursor, ..PageRequest::default() };
            let page = sim.doors(4).feed.page(request).await.expect("a page");
            read.extend(page.posts.iter().map(|post| post.text.clone()));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
            let text = format!("late {}", read.len());
            publish(&sim, 3, &text).await;
            reads(&sim, 4, &[&text], SOON).await;
        }
        assert_eq!(read, all);
        // A number stands for a place, whether or not there is a post.
        let newest = super::people::feed(&sim, 4).await[0].status_id();
        let request = |since, before| PageRequest { limit: 50, since, before, ..PageRequest::default() };
        let older = sim.doors(4).feed.page(request(None, Some(newest.to_string()))).await.expect("a page");
        assert_eq!(older.posts.len(), 13);
        let newer = sim.doors(4).feed.page(request(Some((newest - 1).to_string()), None)).await.expect("a page");
        assert_eq!(newer.posts.len(), 1);
    });
}

#[test]
fn forty_followees_are_caught_up_with_in_five_seconds() {
    const FOLLOWED: usize = 40;
    let ways = Ways { shortest: Duration::from_millis(50), ..Ways::default() };
    let sim = Simulation::new(406, SimConfig { nodes: 4 + FOLLOWED, k: 6, ways, ..SimConfig::default() });
    sim.run(async {
        settle(&sim, 3, "reader").await;
        for n in 0..FOLLOWED {
            settle(&sim, 4 + n, &format!("author_{n}")).await;
        }
        for n in 0..FOLLOWED {
            follow(&sim, 3, &format!("author_{n}")).await;
        }
        sim.crash(3);
        for n in 0..FOLLOWED {
            publish(&sim, 4 + n, &format!("of {n}")).await;
        }
        // Nobody brings them any more: they have to be fetched.
        pause(10).await;
        sim.start(3);
        let all: BTreeSet<String> = (0..FOLLOWED).map(|n| format!("of {n}")).collect();
        let came = async || texts(&sim, 3).await.into_iter().collect::<BTreeSet<_>>() == all;
        sim.until("everything missed is here", Duration::from_secs(5), came).await;
    });
}

#[test]
fn with_one_anchor_left_of_eleven_nodes_a_fresh_peer_reads_everything() {
    let sim = network(407, 11);
    sim.run(async {
        for (node, who) in [(4, "alice"), (5, "bob")] {
            settle(&sim, node, who).await;
        }
        follow(&sim, 5, "alice").await;
        for text in ["first", "second"] {
            publish(&sim, 4, text).await;
        }
        (0..11).filter(|n| *n != 1).for_each(|node| sim.crash(node));
        let fresh = sim.add_knowing(&[1]);
        joined(&sim, fresh).await;
        let page = user(&sim, fresh, "alice", first(50)).await;
        assert_eq!(page.posts.iter().map(|p| p.text.as_str()).collect::<Vec<_>>(), ["second", "first"]);
        assert_eq!((page.followers.count, page.complete), (1, true));
        assert_eq!(names(&followers(&sim, fresh, "alice", first(50)).await), ["bob"]);
        login(&sim, fresh, "bob").await.expect("bob logs in");
        reads(&sim, fresh, &["first", "second"], SOON).await;
    });
}

#[test]
fn posts_of_all_devices_of_an_account_are_in_its_feed() {
    let sim = network(408, 7);
    sim.run(async {
        settle(&sim, 3, "alice").await;
        publish(&sim, 3, "from the first").await;
        joined(&sim, 4).await;
        login(&sim, 4, "alice").await.expect("a second device");
        publish(&sim, 4, "from the second").await;
        for node in [3, 4] {
            reads(&sim, node, &["from the first", "from the second"], Duration::from_secs(90)).await;
        }
        assert!(register(&sim, 3, "other").await.is_err());
    });
}

#[test]
fn posts_are_found_by_words_tags_and_the_first_digits_of_their_ids() {
    let sim = network(409, 7);
    sim.run(async {
        for (node, who) in [(3, "alice"), (4, "bob"), (5, "carol")] {
            settle(&sim, node, who).await;
        }
        follow(&sim, 4, "alice").await;
        let mut ids = Vec::new();
        for (node, text) in
            [(3, "Salt in the AIR #Sea"), (3, "sea air"), (5, "air from a stranger"), (3, "hello @bob #sea #sun")]
        {
            ids.push(publish(&sim, node, text).await.id);
            pause(1).await;
        }
        reads(&sim, 4, &["hello @bob #sea #sun"], SOON).await;
        let feed = sim.doors(4).feed;
        let texts = |page: timeline::actors::PostsPage| page.posts.into_iter().map(|p| p.text).collect::<Vec<_>>();
        // All seven nodes are replicas: a stranger's post is held as well.
        let page = feed.search("air".to_owned(), first(2)).await.expect("a page");
        let next = page.next.clone();
        assert_eq!(texts(page), ["air from a stranger", "sea air"]);
        let page = feed.search("air".to_owned(), ListRequest { limit: 2, cursor: next }).await.expect("a page");
        assert_eq!((page.next.clone(), texts(page)), (None, vec!["Salt in the AIR #Sea".to_owned()]));
        let page = feed.tag("#SEA".to_owned(), first(50)).await.expect("a page");
        assert_eq!(texts(page), ["hello @bob #sea #sun", "Salt in the AIR #Sea"]);
        for nothing in [feed.search(" ".to_owned(), first(5)).await, feed.tag("a b".to_owned(), first(5)).await] {
            assert_eq!(nothing.expect_err("nothing to look for").code, Code::Usage);
        }
        // Somebody who is followed and names the user is in the mentions at once.
        assert_eq!(texts(feed.mentions(first(5)).await.expect("a page")), ["hello @bob #sea #sun"]);
        for id in ids {
            let whole = feed.find(id.to_string()).await.expect("by all digits");
            assert_eq!(feed.find(id.to_string()[..12].to_owned()).await.as_ref(), Ok(&whole));
            assert_eq!(feed.find(whole.status_id().to_string()).await.as_ref(), Ok(&whole));
            assert_eq!(whole.id, id);
        }
        let code = async |id: &str| feed.find(id.to_owned()).await.expect_err("not found").code;
        assert_eq!(code(&"0".repeat(64)).await, Code::NoSuchPost);
        assert_eq!(code(&"9".repeat(38)).await, Code::NoSuchPost);
        for wrong in ["", "abc", "ABCDEF01", "@alice__", &"a".repeat(65)] {
            assert_eq!(code(wrong).await, Code::Usage, "{wrong}");
        }
    });
}

#[test]
fn a_page_costs_one_request_to_each_holder_of_a_home() {
    let sim = network(417, 40);
    sim.run(async {
        for (node, who) in [(5, "alice"), (6, "bob")] {
            settle(&sim, node, who).await;
        }
        follow(&sim, 6, "alice").await;
        follow(&sim, 5, "bob").await;
        publish(&sim, 5, "one").await;
        joined(&sim, 30).await;
        let count = |number: u8| sim.requests_of(30).get(&number).copied().unwrap_or_default();
        let before = [Get::NUMBER, CheckOnline::NUMBER].map(count);
        let page = user(&sim, 30, "alice", first(5)).await;
        let after = [Get::NUMBER, CheckOnline::NUMBER].map(count);
        assert_eq!((page.posts.len(), page.followers.count, page.following.count), (1, 1, 1));
        assert!(page.complete && !page.followers.is_estimate && !page.following.is_estimate);
        assert_eq!(page.online, Some(true));
        // Of the name few, one of whom has to know it; of the home ten and those that are backed, and the anchors.
        assert!(after[0] - before[0] <= 30, "{before:?} {after:?}");
        assert!(after[1] - before[1] <= 3, "those nearest to the home: {before:?} {after:?}");
    });
}
