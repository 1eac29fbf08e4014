//! A town: many nodes, some with people who follow each other and post.

use std::collections::BTreeSet;
use std::time::Duration;

use timeline::sim::Trace;
use timeline::timeline::Via;

use super::people::{SOON, feed, flushed, follow, network, pause, publish, reads, settle};

const PEOPLE: [&str; 12] = ["ada", "ben", "cleo", "dan", "eva", "finn", "gus", "hana", "ivo", "june", "kai", "lena"];

/// Everybody follows those so many places further.
const FOLLOWED: [usize; 3] = [1, 3, 7];

#[test]
fn everybody_in_a_town_of_fifty_reads_those_they_follow() {
    town(1, 50, PEOPLE.len());
}

/// Everybody registers, follows three others, and posts; returns the run's fingerprint.
pub fn town(seed: u64, nodes: usize, people: usize) -> Trace {
    let sim = network(seed, nodes);
    let people = &PEOPLE[..people];
    // Spread over the nodes that are no bootpeers.
    let place = |n: usize| 3 + n * (nodes - 3) / people.len();
    let far: BTreeSet<usize> = FOLLOWED.iter().map(|far| far % people.len()).collect();
    let follower = |n: usize, far: usize| place((n + people.len() - far) % people.len());
    sim.run(async {
        for (n, user) in people.iter().enumerate() {
            settle(&sim, place(n), user).await;
        }
        for (n, user) in people.iter().enumerate() {
            for far in far.iter().copied() {
                follow(&sim, follower(n, far), user).await;
            }
        }
        // The authors' homes have to learn where their followers are.
        pause(5).await;
        let mut direct = 0;
        for (n, user) in people.iter().enumerate() {
            let text = format!("{user} was here");
            let posted = publish(&sim, place(n), &text).await;
            assert_eq!((posted.online, posted.delivered), (far.len() as u32, far.len() as u32), "{user}: {posted:?}");
            for far in far.iter().copied() {
                reads(&sim, follower(n, far), &[&text], Duration::ZERO).await;
                let row =
                    feed(&sim, follower(n, far)).await.into_iter().find(|row| row.text == text).expect("it is there");
                direct += u32::from(row.via == Via::Direct);
            }
        }
        // A replica of the author's home may get the post as such first.
        let all = people.len() * far.len();
        assert!(direct as usize * 3 >= all, "of {all} posts only {direct} came from the author's node");
        for n in 0..people.len() {
            flushed(&sim, place(n), SOON).await;
        }
    });
    assert_eq!(sim.rebuilt(), 0);
    sim.trace()
}
