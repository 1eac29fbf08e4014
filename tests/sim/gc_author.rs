//! Authors and their own logs: gone is what something explains, not what a disk has lost.

use std::time::Duration;

use timeline::records::{HeadsBody, Record, home};
use timeline::seam::Op;
use timeline::sim::{SimConfig, Simulation};
use timeline::types::Section;

use super::gc::{COLLECTED, config, gone, in_time, look, three};
use super::people::{SOON, feed, flushed, follow, pause, publish, reads, settle, texts};

/// Returns the newest heads of the account on a node, as another node's disk has them.
async fn heads(sim: &Simulation, author: usize, at: usize) -> HeadsBody {
    let who = sim.doors(author).session.who().await.expect("an answer").expect("logged in").device;
    let bodies = sim.stored(at, &home(&who.account), Section::Heads).into_iter().filter_map(|record| match record {
        Record::Heads(heads) if heads.body.device == who.device => Some(heads.body),
        _ => None,
    });
    bodies.max_by_key(|body| body.version).expect("heads are here")
}

/// The author's own disk acknowledges its second post and loses it.
fn author_loses_the_second(node: usize, op: &Op) -> bool {
    node == 3 && matches!(op, Op::Put(row) if row.section == Section::Post && row.slot.last() == Some(&2))
}

#[test]
fn what_an_authors_own_disk_has_lost_is_not_called_gone() {
    let sim = Simulation::new(930, SimConfig { drops: Some(author_loses_the_second), ..config() });
    sim.run(async {
        three(&sim).await;
        let mut ids = Vec::new();
        for (text, ttl) in [("one", None), ("two", Some(Duration::from_secs(600))), ("three", None)] {
            ids.push(sim.doors(3).session.post(text.to_owned(), ttl).await.expect("posted").id);
        }
        for node in [4, 5] {
            reads(&sim, node, &["one", "two", "three"], SOON).await;
        }
        flushed(&sim, 3, SOON).await;
        assert!(!sim.holds(3, &ids[1]));
        // The author looks after its log many times, before and after a restart.
        pause(100).await;
        sim.restart(3);
        pause(100).await;
        assert!(sim.holds(0, &ids[1]) && sim.holds(8, &ids[1]), "others have it still");
        let said = heads(&sim, 3, 0).await;
        assert!(said.floor == 0 && said.collected.is_empty(), "{said:?}");
        settle(&sim, 6, "dave").await;
        follow(&sim, 6, "alice").await;
        reads(&sim, 6, &["one", "two", "three"], SOON).await;
        // When its end has come it is gone for everybody, and the author says so.
        pause(400).await;
        let said = async || heads(&sim, 3, 0).await.collected == [(2, 2)];
        in_time(&sim, "the author calls it gone", COLLECTED, said).await;
        assert_eq!(texts(&sim, 6).await, ["three", "one"]);
    });
}

#[test]
fn what_ended_while_its_author_was_away_is_called_gone_afterwards() {
    let sim = Simulation::new(931, config());
    sim.run(async {
        three(&sim).await;
        for (text, minutes) in [("one", 5), ("two", 600), ("three", 5)] {
            let ttl = Some(Duration::from_secs(minutes * 60));
            sim.doors(3).session.post(text.to_owned(), ttl).await.expect("posted");
        }
        flushed(&sim, 3, SOON).await;
        sim.crash(3);
        pause(600).await;
        sim.start(3);
        let said = async || {
            let said = heads(&sim, 3, 0).await;
            (said.floor, said.collected, said.early) == (1, vec![(3, 3)], vec![])
        };
        in_time(&sim, "the author says what has ended", COLLECTED, said).await;
        // A clock that is set back takes nothing of it back.
        sim.set_clock(3, -600_000, 0);
        pause(100).await;
        sim.set_clock(3, 0, 0);
        pause(60).await;
        publish(&sim, 3, "four").await;
        pause(60).await;
        let said = heads(&sim, 3, 0).await;
        assert_eq!((said.last_seq, said.floor, said.collected), (4, 1, vec![(3, 3)]));
    });
}

#[test]
fn a_restored_disk_goes_on_calling_gone_what_was_collected_meanwhile() {
    let sim = Simulation::new(932, config());
    sim.run(async {
        three(&sim).await;
        let mut ids = vec![publish(&sim, 3, "one").await.id];
        flushed(&sim, 3, SOON).await;
        let copy = sim.back_up(3);
        for text in ["two", "three"] {
            ids.push(publish(&sim, 3, text).await.id);
        }
        for node in [4, 5] {
            reads(&sim, node, &["one", "two", "three"], SOON).await;
            look(&sim, node).await;
        }
        for id in &ids {
            gone(&sim, 9, id).await;
        }
        let said = async || heads(&sim, 3, 0).await.floor == 3;
        in_time(&sim, "the author says that they are collected", COLLECTED, said).await;
        flushed(&sim, 3, SOON).await;
        sim.crash(3);
        sim.restore(3, &copy);
        sim.start(3);
        let posted = publish(&sim, 3, "four").await;
        pause(200).await;
        assert_eq!(feed(&sim, 3).await.iter().find(|post| post.id == posted.id).map(|post| post.seq), Some(4));
        let said = heads(&sim, 3, 0).await;
        assert!(said.floor == 3 && said.early == [(1, 3)], "{said:?}");
        assert!(ids.iter().all(|id| (0..9).all(|node| !sim.holds(node, id))), "nothing came back");
        reads(&sim, 5, &["four"], SOON).await;
    });
}
