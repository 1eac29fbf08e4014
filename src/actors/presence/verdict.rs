//! What several holders' judgements of one account come to. Pure.

use std::time::Duration;

use super::liveness::{SILENCE, Standing};

/// Answers that have to say "unknown" before an account without any record counts as offline: an account that is online
/// puts its record again within a heartbeat, so one holder alone may have been started just now, two were not.
const NOBODY_KNOWS: usize = 2;

/// What is to be believed of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Too few answered.
    Unknown,
    /// Offline.
    Offline,
    /// Online; how long ago it was heard from.
    Online(Duration),
}

/// Judges by the standings that holders gave, with the time since then added to them.
///
/// Online when somebody heard from it later than anybody knows of its end, or unless most of those who know it say
/// offline. Whatever they say, nobody is online who was silent for [`SILENCE`].
pub fn verdict(answers: &[Standing]) -> Verdict {
    let (mut online, mut offline, mut unknown) = (Vec::new(), Vec::new(), 0);
    for answer in answers {
        match answer {
            Standing::Online(silent) if *silent < SILENCE => online.push(*silent),
            Standing::Online(silent) | Standing::Offline(silent) => offline.push(*silent),
            Standing::Unknown => unknown += 1,
        }
    }
    let Some(heard) = online.iter().min().copied() else {
        let nobody = unknown >= NOBODY_KNOWS;
        return if nobody || !offline.is_empty() { Verdict::Offline } else { Verdict::Unknown };
    };
    let freshest = offline.iter().all(|ended| heard <= *ended);
    let most_say_offline = offline.len() > online.len();
    if freshest || !most_say_offline { Verdict::Online(heard) } else { Verdict::Offline }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn check(answers: &[Standing], expected: Verdict) {
        assert_eq!(verdict(answers), expected, "{answers:?}");
    }

    use Standing::{Offline, Online, Unknown};

    #[test]
    fn the_freshest_word_counts_and_else_the_majority() {
        check(&[], Verdict::Unknown);
        check(&[Unknown], Verdict::Unknown);
        check(&[Unknown, Unknown], Verdict::Offline);
        check(&[Offline(secs(70))], Verdict::Offline);
        check(&[Unknown, Unknown, Online(secs(3))], Verdict::Online(secs(3)));
        // Holders that it no longer speaks to.
        check(&[Offline(secs(70)), Offline(secs(90)), Online(secs(3))], Verdict::Online(secs(3)));
        // A goodbye that one holder missed.
        check(&[Offline(secs(1)), Offline(secs(1)), Online(secs(15))], Verdict::Offline);
        // One device said goodbye, another is there.
        check(&[Offline(secs(1)), Online(secs(15)), Online(secs(16))], Verdict::Online(secs(15)));
        check(&[Online(secs(60))], Verdict::Offline);
    }

    fn standing() -> impl Strategy<Value = Standing> {
        prop_oneof![
            Just(Unknown),
            (0u64..200).prop_map(|s| Offline(secs(s))),
            (0u64..200).prop_map(|s| Online(secs(s))),
        ]
    }

    proptest! {
        #[test]
        fn the_order_of_answers_does_not_matter(mut answers in prop::collection::vec(standing(), 0..7)) {
            let first = verdict(&answers);
            answers.reverse();
            prop_assert_eq!(verdict(&answers), first);
        }

        #[test]
        fn nobody_is_online_without_a_word_within_the_silence(answers in prop::collection::vec(standing(), 0..7)) {
            if let Verdict::Online(heard) = verdict(&answers) {
                prop_assert!(heard < SILENCE && answers.contains(&Online(heard)));
            }
            let honest: Vec<Standing> = answers.iter().copied().filter(|a| !matches!(a, Online(s) if *s < SILENCE)).collect();
            prop_assert!(!matches!(verdict(&honest), Verdict::Online(_)));
        }

        #[test]
        fn one_that_was_just_heard_from_is_online_whatever_the_others_last_knew(
            answers in prop::collection::vec(standing(), 0..7), at in 0usize..7,
        ) {
            let mut answers = answers;
            answers.insert(at.min(answers.len()), Online(secs(0)));
            prop_assert_eq!(verdict(&answers), Verdict::Online(secs(0)));
        }
    }
}
