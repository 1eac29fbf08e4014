//! What several time servers say together: the part of their error bounds that a majority shares (Marzullo 1984).

use std::time::Duration;

use crate::seam::TimeSample;

/// What is added to each bound: honest servers differ by as much on machines that are busy.
const SLACK_US: i128 = 5_000;
/// The most that a server may widen its own bound by; a wide one agrees with everybody.
const WIDEST: Duration = Duration::from_secs(1);
/// Where more servers than this were asked, one alone is not believed: the others may have been kept from answering.
const ALONE: usize = 2;

/// The best answer of one server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Its place among those that were asked.
    pub server: usize,
    /// The sample with the shortest way.
    pub sample: TimeSample,
}

/// What a majority of servers agrees on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Agreed {
    /// The one of them with the shortest way.
    pub server: usize,
    /// How far the true time is ahead of the system's clock, in microseconds; within the bounds of all who agree.
    pub offset_us: i64,
}

/// Returns the sample with the shortest way: the least can have gone wrong on it.
pub fn best(samples: &[TimeSample]) -> Option<TimeSample> {
    samples.iter().min_by_key(|s| (s.round_trip, s.offset_us)).copied()
}

/// Returns what more than half of those that answered agree on, where at least two do or no more than two were asked.
///
/// `None` also where two different majorities are possible. In O(n²) for n answers.
pub fn agree(answers: &[Answer], asked: usize) -> Option<Agreed> {
    let bounds: Vec<(i128, i128)> = answers.iter().map(|a| bounds(&a.sample)).collect();
    let sharing = |at: i128| bounds.iter().filter(|(low, high)| (*low..=*high).contains(&at)).count();
    // A largest shared part begins where some bound begins, and ends with the first of those bounds that ends.
    let most = bounds.iter().map(|(low, _)| sharing(*low)).max()?;
    if most * 2 <= answers.len() || (most < 2 && asked > ALONE) {
        return None;
    }
    let mut parts: Vec<(i128, i128)> = Vec::new();
    for (low, _) in bounds.iter().filter(|(low, _)| sharing(*low) == most) {
        let high = bounds.iter().filter(|(l, h)| l <= low && low <= h).map(|(_, h)| *h).min()?;
        if !parts.contains(&(*low, high)) {
            parts.push((*low, high));
        }
    }
    let [(low, high)] = parts[..] else { return None };
    let within = |a: &&Answer| {
        let (l, h) = self::bounds(&a.sample);
        l <= low && high <= h
    };
    let chosen = answers.iter().filter(within).min_by_key(|a| (a.sample.round_trip, a.server))?;
    let offset = i128::from(chosen.sample.offset_us).clamp(low, high);
    Some(Agreed { server: chosen.server, offset_us: i64::try_from(offset).ok()? })
}

fn bounds(sample: &TimeSample) -> (i128, i128) {
    let half = sample.round_trip.as_micros() / 2 + sample.dispersion.min(WIDEST).as_micros();
    let (middle, off) = (i128::from(sample.offset_us), half as i128 + SLACK_US);
    (middle - off, middle + off)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR_US: i64 = 3_600_000_000;

    fn answer(server: usize, offset_us: i64, round_trip_us: u64) -> Answer {
        let round_trip = Duration::from_micros(round_trip_us);
        Answer { server, sample: TimeSample { offset_us, round_trip, dispersion: Duration::ZERO } }
    }

    #[test]
    fn a_liar_is_outvoted_and_no_majority_is_no_time() {
        let check = |answers: &[Answer], asked: usize, expected: Option<(usize, i64)>| {
            assert_eq!(agree(answers, asked).map(|a| (a.server, a.offset_us)), expected, "{answers:?} of {asked}");
        };
        let (near, far, liar) = (answer(0, 100, 400), answer(1, 900, 40_000), answer(2, HOUR_US, 10));
        check(&[near, far, liar], 3, Some((0, 100)));
        check(&[near, liar], 2, None);
        check(&[near, liar], 3, None);
        check(&[near, far], 3, Some((0, 100)));
        // One alone: believed where nobody else, or only one other, was asked.
        check(&[liar], 1, Some((2, HOUR_US)));
        check(&[near], 2, Some((0, 100)));
        check(&[near], 3, None);
        check(&[], 3, None);
        // Two and two.
        check(&[near, far, liar, answer(3, HOUR_US, 10)], 4, None);
    }

    #[test]
    fn one_who_claims_to_know_little_does_not_join_two_that_differ() {
        let wide = Answer {
            sample: TimeSample { dispersion: Duration::from_secs(16), ..answer(1, 0, 10).sample },
            ..answer(1, 0, 10)
        };
        let (left, right) = (answer(0, -400_000, 10), answer(2, 400_000, 10));
        assert_eq!(agree(&[left, wide, right], 3), None, "either could be the majority");
        // The wide one is nearest, and yet the others' bounds hold.
        let agreed = agree(&[left, wide, answer(2, -400_000, 20)], 3).expect("a majority");
        assert!((-405_005..=-394_995).contains(&agreed.offset_us), "{agreed:?}");
    }

    #[test]
    fn extreme_answers_do_no_harm() {
        let extreme = [answer(0, i64::MAX, u64::MAX), answer(1, i64::MIN, u64::MAX), answer(2, i64::MAX, 0)];
        let _ = agree(&extreme, 3);
    }

    /// Servers: what each says, and its way.
    type Said = Vec<(i64, u64)>;

    /// A true time, honest servers with their error within half the way, and fewer liars.
    fn world() -> impl Strategy<Value = (i64, Said, Said)> {
        (-HOUR_US..HOUR_US, 1..6usize).prop_flat_map(|(truth, honest)| {
            let good = (0..200_000u64).prop_flat_map(|way| (-(way as i64) / 2..=way as i64 / 2, Just(way)));
            let bad = (-2 * HOUR_US..2 * HOUR_US, 0..200_000u64);
            (Just(truth), prop::collection::vec(good, honest), prop::collection::vec(bad, 0..honest))
        })
    }

    proptest! {
        #[test]
        fn liars_fewer_than_half_cannot_move_the_clock_beyond_what_an_honest_server_allows(
            (truth, honest, liars) in world(),
        ) {
            let good = honest.iter().map(|(error, way)| (truth + error, *way));
            let all: Vec<Answer> =
                good.chain(liars.iter().copied()).enumerate().map(|(i, (at, way))| answer(i, at, way)).collect();
            if let Some(agreed) = agree(&all, all.len()) {
                prop_assert!((agreed.offset_us - truth).unsigned_abs() <= 200_000 + 2 * SLACK_US as u64);
            }
        }

        #[test]
        fn honest_servers_agree_whatever_liars_far_away_say((truth, honest, liars) in world()) {
            let good = honest.iter().map(|(error, way)| (truth + error, *way));
            let bad = liars.iter().map(|(at, way)| (at + 20 * HOUR_US, *way));
            let all: Vec<Answer> = good.chain(bad).enumerate().map(|(i, (at, way))| answer(i, at, way)).collect();
            let asked = if honest.len() == 1 { 1 } else { all.len() };
            prop_assert!(agree(&all, asked).is_some_and(|agreed| agreed.server < honest.len()));
        }

        #[test]
        fn the_order_of_answers_does_not_matter((truth, honest, liars) in world()) {
            let good = honest.iter().map(|(error, way)| (truth + error, *way));
            let all: Vec<Answer> =
                good.chain(liars.iter().copied()).enumerate().map(|(i, (at, way))| answer(i, at, way)).collect();
            let reversed: Vec<Answer> = all.iter().rev().copied().collect();
            prop_assert_eq!(agree(&all, all.len()), agree(&reversed, all.len()));
        }

        #[test]
        fn any_answers_are_judged(answers in prop::collection::vec((any::<i64>(), any::<u64>()), 0..8), asked in 0..9usize) {
            let all: Vec<Answer> = answers.iter().enumerate().map(|(i, (at, way))| answer(i, *at, *way)).collect();
            let _ = agree(&all, asked);
        }
    }
}
