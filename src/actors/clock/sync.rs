//! One round of questions to all time servers.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::join_all;

use crate::clock::{Agreed, Answer, agree, best};
use crate::seam::{TimeError, TimeSample, TimeSource};

/// Questions to each server; the first one of a process is off by milliseconds, and the shortest way wins.
const SAMPLES: usize = 5;
/// How long one answer may take.
const WITHIN: Duration = Duration::from_secs(2);
/// Questions in a row without an answer after which a server is given up for this round.
const GIVE_UP: usize = 2;

/// What a round brought.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Round {
    /// What the servers agree on.
    pub agreed: Option<Agreed>,
    /// Servers that asked to be left alone.
    pub refused: BTreeSet<usize>,
}

/// Asks all servers side by side, except those that asked to be left alone.
pub async fn ask_all(source: Rc<dyn TimeSource>, servers: Vec<String>, resting: BTreeSet<usize>) -> Round {
    let asked: Vec<(usize, &String)> = servers.iter().enumerate().filter(|(i, _)| !resting.contains(i)).collect();
    let all = join_all(asked.iter().map(|(_, server)| ask_one(&*source, server))).await;
    let (mut answers, mut refused) = (Vec::new(), BTreeSet::new());
    for ((server, name), outcome) in asked.into_iter().zip(all) {
        match outcome {
            Ok(sample) => answers.push(Answer { server, sample }),
            Err(error) => {
                tracing::debug!(server = name, %error, "a time server gave no time");
                if error == TimeError::Refused {
                    refused.insert(server);
                }
            }
        }
    }
    Round { agreed: agree(&answers, servers.len()), refused }
}

/// Asks one server several times.
async fn ask_one(source: &dyn TimeSource, server: &str) -> Result<TimeSample, TimeError> {
    let (mut samples, mut misses, mut last) = (Vec::with_capacity(SAMPLES), 0, TimeError::Silent);
    for _ in 0..SAMPLES {
        match source.ask(server, WITHIN).await {
            Ok(sample) => {
                misses = 0;
                samples.push(sample);
            }
            // Whatever it said before: it does not want to be relied on.
            Err(TimeError::Refused) => return Err(TimeError::Refused),
            Err(error) => {
                (misses, last) = (misses + 1, error);
                if misses >= GIVE_UP {
                    break;
                }
            }
        }
    }
    best(&samples).ok_or(last)
}
