//! Random times and magnitudes from a seeded stream: the distributions that networks and people are drawn from.

use std::f64::consts::{LN_2, TAU};
use std::time::Duration;

use crate::types::Rng;

/// Steps between 0 and 1: what a float holds exactly.
const STEPS: u64 = 1 << 53;
/// No draw is longer than this, so that nothing overflows: a hundred years.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Returns a number above 0 and at most 1.
pub(super) fn unit(rng: &mut Rng) -> f64 {
    (rng.below(STEPS) + 1) as f64 / STEPS as f64
}

/// Turns a random word into a number above 0 and at most 1.
pub(super) fn unit_of(word: u64) -> f64 {
    (word / (u64::MAX / STEPS + 1) + 1) as f64 / STEPS as f64
}

/// Tells whether something happens that happens so many times in a hundred.
pub(super) fn happens(rng: &mut Rng, percent: f64) -> bool {
    percent > 0.0 && unit(rng) * 100.0 <= percent
}

/// Turns a number above 0 and at most 1 into a time of a Weibull distribution with this shape and median.
pub(super) fn weibull(unit: f64, shape: f64, median: Duration) -> Duration {
    let times = (-unit.ln() / LN_2).powf(1.0 / shape);
    times_of(median, times)
}

/// Returns the time until the next of events that happen so many times an hour, independently; `None` for never.
pub(super) fn next_of(rng: &mut Rng, per_hour: f64) -> Option<Duration> {
    (per_hour > 0.0).then(|| times_of(Duration::from_secs(3600), -unit(rng).ln() / per_hour))
}

/// Turns two numbers above 0 and at most 1 into one of the normal distribution (Box and Muller 1958).
pub(super) fn normal(one: f64, other: f64) -> f64 {
    (-2.0 * one.ln()).sqrt() * (TAU * other).cos()
}

/// Returns so many times a duration, in whole microseconds.
pub(super) fn times_of(duration: Duration, times: f64) -> Duration {
    let micros = duration.as_micros() as f64 * times;
    if micros >= LONGEST.as_micros() as f64 { LONGEST } else { Duration::from_micros(micros.max(0.0) as u64) }
}

/// Returns `n` of the numbers below `of`, each set as likely as any other, in a random order.
pub(super) fn pick(rng: &mut Rng, n: usize, of: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (0..of).collect();
    let n = n.min(of);
    for i in 0..n {
        let other = i + rng.below((of - i) as u64) as usize;
        all.swap(i, other);
    }
    all.truncate(n);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: usize = 20_000;

    fn rng() -> Rng {
        Rng::from_seed([5; 32])
    }

    /// Returns the value that a share of the draws lies below.
    fn quantile(mut draws: Vec<f64>, share: f64) -> f64 {
        draws.sort_by(f64::total_cmp);
        draws[(draws.len() as f64 * share) as usize]
    }

    fn near(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() <= expected * tolerance, "{found}, expected {expected}");
    }

    #[test]
    fn a_weibull_session_has_its_median_and_its_long_tail() {
        let (mut rng, median) = (rng(), Duration::from_secs(1200));
        let draws: Vec<f64> = (0..DRAWS).map(|_| weibull(unit(&mut rng), 0.6, median).as_secs_f64()).collect();
        near(quantile(draws.clone(), 0.5), 1200.0, 0.05);
        // The inverse of 1 - exp(-ln 2 (t / median)^0.6).
        near(quantile(draws.clone(), 0.9), 1200.0 * (10f64.ln() / LN_2).powf(1.0 / 0.6), 0.06);
        near(quantile(draws, 0.1), 1200.0 * ((1.0f64 / 0.9).ln() / LN_2).powf(1.0 / 0.6), 0.1);
    }

    #[test]
    fn with_shape_one_it_is_exponential() {
        let mut rng = rng();
        let draws: Vec<f64> =
            (0..DRAWS).map(|_| weibull(unit(&mut rng), 1.0, Duration::from_secs(100)).as_secs_f64()).collect();
        near(draws.iter().sum::<f64>() / DRAWS as f64, 100.0 / LN_2, 0.05);
    }

    #[test]
    fn events_come_as_often_as_they_should() {
        let mut rng = rng();
        let sum: f64 = (0..DRAWS).filter_map(|_| next_of(&mut rng, 2.0)).map(|d| d.as_secs_f64()).sum();
        near(sum / DRAWS as f64, 1800.0, 0.05);
        assert_eq!(next_of(&mut rng, 0.0), None);
    }

    #[test]
    fn normal_draws_have_mean_zero_and_deviation_one() {
        let mut rng = rng();
        let draws: Vec<f64> = (0..DRAWS).map(|_| normal(unit(&mut rng), unit(&mut rng))).collect();
        let mean = draws.iter().sum::<f64>() / DRAWS as f64;
        let square = draws.iter().map(|d| d * d).sum::<f64>() / DRAWS as f64;
        assert!(mean.abs() < 0.03, "{mean}");
        near(square, 1.0, 0.05);
    }

    #[test]
    fn percents_are_percents() {
        let mut rng = rng();
        let hits = (0..DRAWS).filter(|_| happens(&mut rng, 5.0)).count();
        near(hits as f64, DRAWS as f64 * 0.05, 0.1);
        assert!(!happens(&mut rng, 0.0) && happens(&mut rng, 100.0));
    }

    #[test]
    fn picks_are_different_and_everybody_is_picked_alike() {
        let mut rng = rng();
        let mut counts = [0_u32; 10];
        for _ in 0..2000 {
            let mut picked = pick(&mut rng, 3, 10);
            picked.iter().for_each(|i| counts[*i] += 1);
            picked.sort_unstable();
            picked.dedup();
            assert_eq!(picked.len(), 3);
        }
        assert!(counts.iter().all(|n| (500..700).contains(n)), "{counts:?}");
        assert_eq!(pick(&mut rng, 5, 2).len(), 2);
    }

    #[test]
    fn nothing_overflows() {
        assert!(unit_of(0) > 0.0 && unit_of(u64::MAX) == 1.0 && (unit_of(u64::MAX / 2) - 0.5).abs() < 1e-9);
        assert_eq!(times_of(Duration::from_secs(1), f64::INFINITY), LONGEST);
        assert_eq!(times_of(Duration::from_secs(1), -1.0), Duration::ZERO);
        assert_eq!(weibull(f64::MIN_POSITIVE, 0.1, Duration::from_secs(86_400)), LONGEST);
    }
}
