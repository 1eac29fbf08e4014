//! Conversations that somebody made up.

use std::time::Duration;

use bytes::Bytes;
use timeline::actors::{ListRequest, Thread};
use timeline::records::{PostBody, Signed};
use timeline::types::{AccountId, Hash};
use timeline::wire::Status;

use crate::fixtures::{TestDevice, at};
use crate::mentions::{Scene, reply};
use crate::support::run;

async fn thread(scene: &Scene, post: Hash) -> Thread {
    scene.victim.node.doors().people.thread(post).await.expect("a conversation")
}

fn texts(posts: &[timeline::actors::ShownPost]) -> Vec<&str> {
    posts.iter().map(|post| post.text.as_str()).collect()
}

/// Makes posts each of which answers the one before.
fn chain(device: &TestDevice, account: AccountId, n: u64) -> Vec<Signed<PostBody>> {
    let mut out: Vec<Signed<PostBody>> = vec![device.sign(device.post_body(1, None, "link 1"))];
    for seq in 2..=n {
        let before = out[seq as usize - 2].hash();
        out.push(reply(device, seq, &format!("link {seq}"), account, before));
    }
    out
}

#[test]
fn conversations_end_where_posts_are_gone_lie_or_are_too_many() {
    run(async {
        let scene = Scene::set("puts_per_minute = 100000\nposts_per_minute = 100000\nposts_per_hour = 100000").await;
        let (carol, id) = (&scene.carol, scene.carol.0.id());
        let links = chain(&carol.1, id, 60);
        for link in &links {
            assert_eq!(scene.put(carol, id, link.bytes()).await, Status::Stored);
        }
        let whole = thread(&scene, links[9].hash()).await;
        let above: Vec<String> = (1..10).map(|n| format!("link {n}")).collect();
        assert_eq!(texts(&whole.ancestors), above);
        assert_eq!((whole.ancestors_end, whole.complete), (None, true));
        // Answers to answers are followed so deep and no deeper.
        assert_eq!((whole.replies.len(), whole.replies[0].text.as_str()), (20, "link 11"));
        let long = thread(&scene, links[59].hash()).await;
        assert_eq!((long.ancestors.len(), long.ancestors_end), (50, Some("too_many")));
        assert_eq!(long.ancestors[49].text, "link 59");

        // Answers to posts that somebody else is said to have made, that never were, or that were deleted.
        let misnamed = reply(&carol.1, 61, "misnamed", scene.alice.0.id(), links[0].hash());
        let made_up = reply(&carol.1, 62, "made up", id, Hash([5; 32]));
        let orphan = reply(&carol.1, 63, "orphan", id, links[0].hash());
        for post in [&misnamed, &made_up, &orphan] {
            assert_eq!(scene.put(carol, id, post.bytes()).await, Status::Stored);
        }
        let mut tombstone = carol.1.tombstone(&links[0], 100).body;
        tombstone.hlc = at(100);
        assert_eq!(scene.put(carol, id, carol.1.sign(tombstone).bytes()).await, Status::Stored);
        for (post, end) in [(&misnamed, "gone"), (&made_up, "gone"), (&orphan, "deleted"), (&links[1], "deleted")] {
            let thread = thread(&scene, post.hash()).await;
            assert_eq!((thread.ancestors.len(), thread.ancestors_end), (0, Some(end)), "{}", post.body.text);
        }
        let gone = scene.victim.node.doors().people.thread(links[0].hash()).await;
        assert_eq!(gone.expect_err("deleted").code, timeline::types::Code::NoSuchPost);
        scene.victim.end().await;
    });
}

#[test]
fn ten_thousand_answers_are_shown_as_far_as_anybody_reads() {
    run(async {
        let scene = Scene::set(
            "puts_per_minute = 1000000\nposts_per_minute = 100000\nposts_per_hour = 100000\naccount_quota = 8000000",
        )
        .await;
        let (alice, carol) = (&scene.alice, &scene.carol);
        let root = alice.1.sign(alice.1.post_body(1, None, "what do you think?"));
        assert_eq!(scene.put(alice, alice.0.id(), root.bytes()).await, Status::Stored);
        let answers: Vec<Bytes> =
            (1..=10_000).map(|seq| reply(&carol.1, seq, "me too", alice.0.id(), root.hash()).bytes().clone()).collect();
        let at_home = timeline::records::home(&carol.0.id());
        for some in answers.chunks(48) {
            scene.mallory.put(&scene.victim.contact, at_home, some, &[]).await;
        }
        let read = tokio::time::timeout(Duration::from_secs(30), thread(&scene, root.hash())).await.expect("in time");
        assert_eq!(read.replies.len(), 500);
        assert!(read.replies.is_sorted_by_key(|post| (post.hlc, post.device, post.seq)));
        let (people, name) = (scene.victim.node.doors().people, carol.0.chain.username().clone());
        let page = people.user(name, false, ListRequest { limit: 500, cursor: None });
        let page = tokio::time::timeout(Duration::from_secs(30), page).await.expect("in time").expect("a page");
        assert_eq!(page.posts.len(), 500);
        assert!(page.next.is_some());
        scene.victim.end().await;
    });
}
