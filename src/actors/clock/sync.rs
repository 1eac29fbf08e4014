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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;

    use super::*;
    use crate::seam::{Later, SetClockError};

    /// An offset and a way, in microseconds, or none.
    type Line = Result<(i64, u64), TimeError>;

    /// Says what it was told to, and counts questions.
    struct Script {
        says: BTreeMap<String, Vec<Line>>,
        asked: RefCell<BTreeMap<String, usize>>,
    }

    impl TimeSource for Script {
        fn ask(&self, server: &str, _: Duration) -> Later<Result<TimeSample, TimeError>> {
            let mut asked = self.asked.borrow_mut();
            let count = asked.entry(server.to_owned()).or_default();
            let lines = &self.says[server];
            let said = lines[*count % lines.len()];
            *count += 1;
            let answer = said.map(|(offset_us, way)| TimeSample {
                offset_us,
                round_trip: Duration::from_micros(way),
                dispersion: Duration::ZERO,
            });
            Box::pin(std::future::ready(answer))
        }

        fn set_system(&self, _: i64) -> Result<(), SetClockError> {
            Err(SetClockError::Denied)
        }
    }

    async fn round(says: &[(&str, &[Line])], resting: &[usize]) -> (Round, Vec<usize>) {
        let servers: Vec<String> = says.iter().map(|(name, _)| (*name).to_owned()).collect();
        let says = says.iter().map(|(name, lines)| ((*name).to_owned(), lines.to_vec())).collect();
        let script = Rc::new(Script { says, asked: RefCell::default() });
        let round = ask_all(script.clone(), servers.clone(), resting.iter().copied().collect()).await;
        let asked = script.asked.borrow();
        (round, servers.iter().map(|name| asked.get(name).copied().unwrap_or_default()).collect())
    }

    #[tokio::test]
    async fn of_several_samples_the_one_with_the_shortest_way_counts() {
        let samples = [Ok((9_000, 20_000)), Ok((150, 300)), Err(TimeError::Silent), Ok((-8_000, 17_000))];
        let (round, asked) = round(&[("a", &samples)], &[]).await;
        assert_eq!(round.agreed, Some(Agreed { server: 0, offset_us: 150 }));
        assert_eq!(asked, [SAMPLES]);
    }

    #[tokio::test]
    async fn a_server_that_is_silent_is_given_up_and_one_that_wants_to_be_left_alone_is() {
        let kiss = [Ok((0, 100)), Err(TimeError::Refused)];
        let says: [(&str, &[_]); 3] = [("a", &[Err(TimeError::Silent)]), ("b", &kiss), ("c", &[Ok((7, 100))])];
        let (first, asked) = round(&says, &[]).await;
        assert_eq!((asked, first.refused), (vec![GIVE_UP, 2, SAMPLES], BTreeSet::from([1])));
        assert_eq!(first.agreed, None, "one alone of three that were named");
        let (_, asked) = round(&says, &[1]).await;
        assert_eq!(asked, [GIVE_UP, 0, SAMPLES]);
    }
}
