//! A town of fifty nodes and twelve people.

use std::time::Duration;

use timeline::sim::Trace;
use timeline::timeline::Via;

use super::people::{SOON, feed, flushed, follow, network, pause, publish, reads, settle};

const PEOPLE: [&str; 12] = ["ada", "ben", "cleo", "dan", "eva", "finn", "gus", "hana", "ivo", "june", "kai", "lena"];

/// Everybody follows those so many places further.
const FOLLOWED: [usize; 3] = [1, 3, 7];

/// Where the n-th of them lives: spread over the nodes that are no bootpeers.
fn place(n: usize) -> usize {
    3 + n * 3
}

/// Everybody registers, follows three others, and posts; returns the run's fingerprint.
pub fn town(seed: u64) -> Trace {
    let sim = network(seed, 50);
    sim.run(async {
        for (n, user) in PEOPLE.iter().enumerate() {
            settle(&sim, place(n), user).await;
        }
        for n in 0..PEOPLE.len() {
            for far in FOLLOWED {
                follow(&sim, place(n), PEOPLE[(n + far) % PEOPLE.len()]).await;
            }
        }
        // The authors' homes have to learn where their followers are.
        pause(5).await;
        let mut direct = 0;
        for (n, user) in PEOPLE.iter().enumerate() {
            let text = format!("{user} was here");
            let posted = publish(&sim, place(n), &text).await;
            assert_eq!((posted.online, posted.delivered), (3, 3), "{user}: {posted:?}");
            for far in FOLLOWED {
                let follower = place((n + PEOPLE.len() - far) % PEOPLE.len());
                reads(&sim, follower, &[&text], Duration::ZERO).await;
                let row = feed(&sim, follower).await.into_iter().find(|row| row.text == text).expect("it is there");
                direct += u32::from(row.via == Via::Direct);
            }
        }
        // A replica of the author's home may get the post as such first.
        assert!(direct >= 12, "of 36 posts only {direct} came from the author's node");
        for n in 0..PEOPLE.len() {
            flushed(&sim, place(n), SOON).await;
        }
    });
    assert_eq!(sim.rebuilt(), 0);
    sim.trace()
}
