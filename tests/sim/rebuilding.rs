//! An actor that panics is rebuilt from the store, and its node goes on.

use timeline::actors::PageRequest;
use timeline::seam::Space;

use super::people::{SOON, feed, follow, network, pause, publish, reads, settle};

#[test]
fn a_feed_that_panics_is_rebuilt_and_goes_on() {
    let sim = network(60, 10);
    sim.run(async {
        settle(&sim, 4, "alice").await;
        settle(&sim, 5, "bob").await;
        follow(&sim, 5, "alice").await;
        pause(5).await;
        publish(&sim, 4, "before").await;
        reads(&sim, 5, &["before"], SOON).await;
        sim.sabotage(5, Space::Feed);
        assert!(sim.doors(5).feed.page(PageRequest::default()).await.is_err(), "the actor dies of this request");
        let rebuilt = async || sim.rebuilt() == 1 && feed(&sim, 5).await.len() == 1;
        sim.until("the feed is rebuilt with what it had", SOON, rebuilt).await;
        pause(120).await;
        let page = sim.doors(5).feed.page(PageRequest { limit: 10, ..PageRequest::default() }).await.expect("a page");
        assert_eq!((page.missing, page.complete), (vec![], true), "it knows what it has");
        let posted = publish(&sim, 4, "after").await;
        assert_eq!(posted.delivered, 1, "{posted:?}");
        reads(&sim, 5, &["before", "after"], SOON).await;
        assert_eq!(sim.rebuilt(), 1);
    });
}
