//! When an author's home is looked at: seldom while every post comes by itself, often where one did not.
//!
//! Posts are brought by their authors; a look is for those that were not. A glance asks one holder, a whole read many.

use std::time::Duration;

use tokio::time::Instant;

use crate::types::Rng;

/// The shortest time between two looks, after a start and wherever a look brought what nobody had.
pub(super) const SHORTEST: Duration = Duration::from_secs(60);
/// The first look after a start follows the reading so soon: its author may have come back at the same time, and not have
/// known yet that this node is here.
const FIRST: Duration = Duration::from_secs(25);
/// The longest one where few are followed: what was missed is here within two minutes.
const LONGEST: Duration = Duration::from_secs(120);
/// However many are followed, looks cost no more than five requests in six seconds ...
const EACH: Duration = Duration::from_millis(1200);
/// ... but for those who follow so many that each would be looked at less often than this.
const SELDOM: Duration = Duration::from_secs(600);
/// A home is read as a whole this often, whatever glances say: a holder may hide things, and others be mended ...
const WHOLE: Duration = Duration::from_secs(2 * 3600);
/// ... but no two homes within less than this, as each takes some forty requests, connections among them ...
const WHOLE_EACH: Duration = Duration::from_secs(180);
/// ... and each at least once in two days.
const WHOLE_SELDOM: Duration = Duration::from_secs(48 * 3600);
/// A reading that found too few holders is repeated after this.
pub(super) const AGAIN: Duration = Duration::from_secs(3);
/// A look that has not ended by then was lost; until then the same home is not looked at beside it.
const LOST: Duration = Duration::from_secs(30);
/// But for one that began before this node came back: it asked in vain. Whoever has just begun knows as much.
const JUST: Duration = Duration::from_secs(1);

/// How thoroughly a home is to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Many holders are asked, and what they say is merged.
    Whole,
    /// One holder is asked; the number says whose turn it is.
    Glance(u32),
}

/// Where the looks at one home stand.
#[derive(Debug)]
pub struct Pace {
    /// When it was last read as a whole.
    pub read_at: Option<Instant>,
    asked_at: Option<Instant>,
    looked_at: Option<Instant>,
    wait: Duration,
    glance_at: Instant,
    /// After which part of the longest time the home is read as a whole again, in thousandths.
    part: u32,
    turn: u32,
}

impl Pace {
    /// Begins with a home that was never read.
    pub fn new() -> Self {
        let now = Instant::now();
        let (read_at, asked_at, looked_at) = (None, None, None);
        Self { read_at, asked_at, looked_at, wait: SHORTEST, glance_at: now, part: 1000, turn: 0 }
    }

    /// Forgets that the home was read: it is read as a whole at once.
    pub fn restart(&mut self) {
        *self = Self { turn: self.turn, ..Self::new() };
    }

    /// Asks for a look now, and for further ones soon: something may have been missed.
    pub fn hurry(&mut self, now: Instant) {
        (self.wait, self.glance_at) = (SHORTEST, now);
        self.asked_at = self.asked_at.filter(|at| now.duration_since(*at) < JUST);
    }

    /// Returns the look that is due, and notes that it begins; `complete` says whether the last one found enough holders, `authors`
    /// how many are looked at.
    pub fn begin(&mut self, now: Instant, complete: bool, authors: usize) -> Option<Look> {
        let since = |at: Option<Instant>| at.map(|at| now.duration_since(at));
        if since(self.asked_at).is_some_and(|asked| asked < LOST) {
            return None;
        }
        let failed = !complete && since(self.read_at).is_none_or(|read| read >= AGAIN);
        let whole = self.read_at.is_none_or(|at| at + longest_whole(authors) * self.part / 1000 <= now);
        let look = if failed || whole {
            Look::Whole
        } else if self.glance_at <= now {
            self.turn = self.turn.wrapping_add(1);
            Look::Glance(self.turn)
        } else {
            return None;
        };
        self.asked_at = Some(now);
        Some(look)
    }

    /// Notes that the home was read as a whole.
    pub fn read(&mut self, now: Instant, rng: &mut Rng) {
        // At a start all are read at once; the next time they are spread out.
        let least = if self.read_at.is_none() { 125 } else { 875 };
        self.part = least + rng.below(u64::from(1000 - least)) as u32;
        self.read_at = Some(now);
    }

    /// Notes that a look has ended; `missed` says that it brought what should have come by itself, `authors` how many
    /// are looked at.
    pub fn looked(&mut self, now: Instant, missed: bool, authors: usize, rng: &mut Rng) {
        // Several looks in a row prove no more than one.
        let proves = self.looked_at.is_none_or(|at| now.duration_since(at) >= self.wait / 2);
        self.wait = match missed {
            true => SHORTEST,
            false if proves && self.looked_at.is_some() => (self.wait * 2).min(longest(authors)),
            false => self.wait,
        };
        let next = if self.looked_at.is_none() { FIRST } else { self.wait };
        (self.looked_at, self.asked_at) = (Some(now), None);
        self.glance_at = now + some_less(next, rng);
    }
}

/// Returns the longest time between two looks at one of so many homes.
fn longest(authors: usize) -> Duration {
    EACH.saturating_mul(authors as u32).clamp(LONGEST, SELDOM)
}

/// Returns the longest time between two whole reads of one of so many homes.
fn longest_whole(authors: usize) -> Duration {
    WHOLE_EACH.saturating_mul(authors as u32).clamp(WHOLE, WHOLE_SELDOM)
}

/// Takes off up to an eighth, so that looks do not come all together.
fn some_less(time: Duration, rng: &mut Rng) -> Duration {
    let most = (time / 8).as_millis() as u64;
    time - Duration::from_millis(rng.below(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets so many seconds pass; returns what was due when, and says of each glance that it brought nothing.
    fn quiet(pace: &mut Pace, from: Instant, seconds: u64, authors: usize, rng: &mut Rng) -> Vec<(u64, Look)> {
        let mut looks = Vec::new();
        for second in 0..seconds {
            let now = from + Duration::from_secs(second);
            if let Some(look) = pace.begin(now, true, authors) {
                looks.push((second, look));
                if look == Look::Whole {
                    pace.read(now, rng);
                }
                pace.looked(now, false, authors, rng);
            }
        }
        looks
    }

    #[test]
    fn looks_get_rarer_while_nothing_is_missed_and_never_rarer_than_they_may() {
        let mut rng = Rng::from_seed([1; 32]);
        for (authors, most) in [(1, 121), (100, 121), (250, 301), (5000, 601)] {
            let mut pace = Pace::new();
            let looks = quiet(&mut pace, Instant::now(), 6000, authors, &mut rng);
            assert_eq!(looks[0], (0, Look::Whole));
            let gaps: Vec<u64> = looks.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
            assert!((21..=26).contains(&gaps[0]) && (52..=61).contains(&gaps[1]), "{gaps:?}");
            assert!(
                gaps.iter().all(|gap| *gap <= most) && *gaps.last().expect("several") > most * 7 / 8 - 2,
                "{gaps:?}"
            );
            let turns: Vec<Look> = looks[1..4].iter().map(|(_, look)| *look).collect();
            assert_eq!(turns, [Look::Glance(1), Look::Glance(2), Look::Glance(3)]);
        }
    }

    #[test]
    fn whoever_missed_something_looks_again_soon() {
        let (mut rng, start) = (Rng::from_seed([2; 32]), Instant::now());
        let mut pace = Pace::new();
        quiet(&mut pace, start, 1000, 1, &mut rng);
        let now = start + Duration::from_secs(1000);
        pace.looked(now, true, 1, &mut rng);
        let next = quiet(&mut pace, now, 70, 1, &mut rng);
        assert!(matches!(next[..], [(52..=61, Look::Glance(_))]), "{next:?}");
        pace.hurry(now + Duration::from_secs(70));
        assert!(matches!(quiet(&mut pace, now + Duration::from_secs(70), 5, 1, &mut rng)[..], [(0, Look::Glance(_))]));
        pace.restart();
        assert_eq!(quiet(&mut pace, now, 5, 1, &mut rng), [(0, Look::Whole)]);
    }

    #[test]
    fn a_home_of_which_too_few_holders_answered_is_read_again_and_all_are_now_and_then() {
        let (mut rng, start) = (Rng::from_seed([3; 32]), Instant::now());
        let mut pace = Pace::new();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(pace.begin(start, true, 1), Some(Look::Whole));
        pace.read(start, &mut rng);
        pace.looked(start, false, 1, &mut rng);
        assert_eq!((pace.begin(at(2), false, 1), pace.begin(at(3), false, 1)), (None, Some(Look::Whole)));
        assert_eq!(pace.begin(at(4), false, 1), None, "it is being read");
        pace.read(at(4), &mut rng);
        let looks = quiet(&mut pace, at(5), 7200, 1, &mut rng);
        assert_eq!(looks.iter().filter(|(_, look)| *look == Look::Whole).count(), 1);
    }

    #[test]
    fn whole_reads_are_spread_out_and_of_very_many_homes_each_is_read_within_two_days() {
        let (mut rng, start) = (Rng::from_seed([4; 32]), Instant::now());
        for (authors, hours) in [(1, 2.0), (40, 2.0), (100, 5.0), (5000, 48.0)] {
            let mut first = Vec::new();
            for _ in 0..64 {
                let mut pace = Pace::new();
                let wait = |pace: &Pace| f64::from(pace.part) / 1000.0 * longest_whole(authors).as_secs_f64() / 3600.0;
                pace.read(start, &mut rng);
                first.push(wait(&pace));
                pace.read(start, &mut rng);
                assert!((0.875 * hours..=hours).contains(&wait(&pace)), "{authors}: {}", wait(&pace));
            }
            let (least, most) = first.iter().fold((f64::MAX, 0.0f64), |(a, b), h| (a.min(*h), b.max(*h)));
            assert!(least >= hours / 8.0 && least < hours / 4.0 && most <= hours && most > 0.8 * hours, "{first:?}");
        }
    }
}
