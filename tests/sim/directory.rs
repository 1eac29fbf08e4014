//! Who there is: the directory of users, and profiles.

use std::time::Duration;

use timeline::actors::{Listing, ProfileChange};
use timeline::sim::Simulation;
use timeline::types::Code;

use crate::people::{SOON, joined, login, name, network, settle};

async fn users(sim: &Simulation, node: usize, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let listing = sim.doors(node).directory.users(prefix.to_owned(), after.map(name), limit).await;
    names(&listing.unwrap_or_default())
}

fn names(listing: &Listing) -> Vec<String> {
    listing.users.iter().map(|user| user.username.to_string()).collect()
}

#[test]
fn whoever_registers_is_listed_under_every_prefix_of_the_name() {
    let sim = network(701, 8);
    sim.run(async {
        for (node, user) in [(3, "bella"), (4, "bello"), (5, "anton")] {
            settle(&sim, node, user).await;
        }
        let listed = async || users(&sim, 7, "", None, 50).await == ["anton", "bella", "bello"];
        sim.until("everybody is listed", SOON, listed).await;
        assert_eq!(users(&sim, 6, "bell", None, 50).await, ["bella", "bello"]);
        assert_eq!(users(&sim, 6, "bello", None, 50).await, ["bello"]);
        assert_eq!(users(&sim, 6, "x", None, 50).await, Vec::<String>::new());
        let page = sim.doors(6).directory.users(String::new(), None, 2).await.expect("a page");
        assert!(page.more, "{page:?}");
        assert_eq!(names(&page), ["anton", "bella"]);
        assert_eq!(users(&sim, 6, "", Some("bella"), 2).await, ["bello"]);
        // One bootpeer that is left has the directory, and so has a peer that only knows it.
        (1..8).for_each(|node| sim.crash(node));
        let fresh = sim.add_knowing(&[0]);
        joined(&sim, fresh).await;
        assert_eq!(users(&sim, fresh, "be", None, 50).await, ["bella", "bello"]);
    });
}

#[test]
fn an_anchor_enters_those_whose_node_ended_before_it_could() {
    let sim = network(702, 6);
    sim.run(async {
        settle(&sim, 3, "early").await;
        sim.crash(3);
        // Whatever its own node still managed: each anchor looks for itself after a start.
        for anchor in 0..3 {
            sim.restart(anchor);
        }
        joined(&sim, 0).await;
        let listed = async || users(&sim, 5, "ear", None, 9).await == ["early"];
        sim.until("an anchor entered it", Duration::from_secs(60), listed).await;
        let again = sim.doors(0).directory.enter_all().await;
        assert_eq!(again, Ok(0), "nobody is entered twice");
    });
}

#[test]
fn a_profile_is_changed_from_any_device_and_the_later_change_wins() {
    let sim = network(703, 8);
    sim.run(async {
        settle(&sim, 3, "dora").await;
        joined(&sim, 4).await;
        let empty = sim.doors(3).session.profile(None, None).await.expect("a profile");
        assert_eq!((empty.display_name.as_str(), empty.bio.as_str()), ("", ""));
        let change = |name: Option<&str>, bio: Option<&str>| {
            Some(ProfileChange { name: name.map(str::to_owned), bio: bio.map(str::to_owned) })
        };
        let first = sim.doors(3).session.profile(change(Some("Dora D."), None), None).await.expect("changed");
        assert!(!first.queued, "{first:?}");
        login(&sim, 4, "dora").await.expect("logged in");
        let second = sim.doors(4).session.profile(change(None, Some("at sea")), None).await.expect("changed");
        assert_eq!((second.display_name.as_str(), second.bio.as_str()), ("Dora D.", "at sea"), "the name stays");
        let seen = sim.doors(3).session.profile(None, None).await.expect("a profile");
        assert_eq!((seen.display_name.as_str(), seen.bio.as_str()), ("Dora D.", "at sea"));
        let long = sim.doors(3).session.profile(change(Some(&"d".repeat(41)), None), None).await;
        assert_eq!(long.expect_err("too long").code, Code::TextTooLong);
        // Without anybody else it waits, and is sent when they are back.
        sim.cut(&[3], &[0, 1, 2, 4, 5, 6, 7]);
        let cut = sim.doors(3).session.profile(change(Some("Alone"), None), Some(Duration::from_secs(2))).await;
        assert!(cut.expect("kept").queued);
        sim.heal();
        let back = async || {
            let shown = sim.doors(4).session.profile(None, None).await;
            shown.is_ok_and(|p| p.display_name == "Alone")
        };
        sim.until("the change arrives", Duration::from_secs(90), back).await;
    });
}
