//! Muted and blocked: nowhere to be seen, and back when that ends.

use std::time::Duration;

use timeline::actors::PageRequest;
use timeline::records::PrivateKind;
use timeline::types::Code;

use super::mentions::hide;
use super::people::{SOON, follow, name, network, pause, post, publish, reads, settle, texts};
use super::reading::{first, told};

#[test]
fn posts_of_those_who_are_muted_are_kept_and_not_shown() {
    let sim = network(440, 8);
    sim.run(async {
        for (node, who) in [(4, "alice"), (5, "bob")] {
            settle(&sim, node, who).await;
        }
        follow(&sim, 5, "alice").await;
        publish(&sim, 4, "before #x").await;
        reads(&sim, 5, &["before #x"], SOON).await;
        let mut watching = sim.doors(5).feed.watch().await.expect("bob watches");
        hide(&sim, 5, PrivateKind::Mute, "alice", true).await;
        assert_eq!(texts(&sim, 5).await, Vec::<String>::new());
        publish(&sim, 4, "meanwhile #x").await;
        pause(5).await;
        assert_eq!((texts(&sim, 5).await.len(), told(&mut watching.events).len()), (0, 0));
        let feed = sim.doors(5).feed;
        assert_eq!(feed.watch().await.expect("bob watches").unseen, []);
        assert_eq!(feed.search("meanwhile".to_owned(), first(5)).await.expect("a page").posts, []);
        assert_eq!(feed.tag("x".to_owned(), first(5)).await.expect("a page").posts, []);
        hide(&sim, 5, PrivateKind::Mute, "alice", false).await;
        assert_eq!(texts(&sim, 5).await, ["meanwhile #x", "before #x"]);
    });
}

#[test]
fn posts_of_those_who_are_blocked_are_neither_taken_nor_kept() {
    let sim = network(441, 8);
    sim.run(async {
        for (node, who) in [(4, "alice"), (5, "bob")] {
            settle(&sim, node, who).await;
        }
        follow(&sim, 5, "alice").await;
        pause(5).await;
        let seen = publish(&sim, 4, "before").await;
        assert_eq!(seen.delivered, 1);
        reads(&sim, 5, &["before"], SOON).await;
        hide(&sim, 5, PrivateKind::Block, "alice", true).await;
        assert_eq!(texts(&sim, 5).await, Vec::<String>::new());
        let find = async || sim.doors(5).feed.find(seen.id.to_string()).await;
        assert_eq!(find().await.expect_err("hidden").code, Code::NoSuchPost);
        pause(5).await;
        let refused = post(&sim, 4, "meanwhile").await;
        assert_eq!(refused.delivered, 0, "{refused:?}");
        pause(200).await;
        sim.restart(5);
        pause(100).await;
        let page = sim.doors(5).feed.page(PageRequest { limit: 9, ..PageRequest::default() }).await.expect("a page");
        assert!(page.posts.is_empty() && page.missing.is_empty() && page.complete, "{page:?}");
        let view = sim.doors(5).people.user(name("alice"), false, first(9)).await.expect("her page");
        assert_eq!(view.posts, []);
        // What the network still holds comes when that ends.
        hide(&sim, 5, PrivateKind::Block, "alice", false).await;
        reads(&sim, 5, &["meanwhile", "before"], Duration::from_secs(30)).await;
        let page = sim.doors(5).feed.page(PageRequest { limit: 9, ..PageRequest::default() }).await.expect("a page");
        assert!(page.missing.is_empty() && page.complete, "{page:?}");
    });
}
