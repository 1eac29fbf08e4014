//! What many measurements say: percentiles, means, and what no loss in so many proves.

use serde::Serialize;

/// Values that are kept; beyond, every second one goes and from then on only every second one is taken, and so on.
const MOST: usize = 1 << 18;

/// Measurements of one thing.
#[derive(Clone, Debug)]
pub struct Sample {
    values: Vec<f64>,
    /// One of so many is kept.
    stride: u64,
    count: u64,
    sum: f64,
    least: f64,
    most: f64,
}

impl Default for Sample {
    fn default() -> Self {
        Self { values: Vec::new(), stride: 1, count: 0, sum: 0.0, least: f64::INFINITY, most: f64::NEG_INFINITY }
    }
}

/// What a sample says; all values are 0 where there are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Measurements.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// The least.
    pub min: f64,
    /// Half of them are at most this.
    pub p50: f64,
    /// Nine of ten are at most this.
    pub p90: f64,
    /// All but one in a hundred are at most this.
    pub p99: f64,
    /// The most.
    pub max: f64,
}

impl Sample {
    /// Takes a measurement.
    pub fn note(&mut self, value: f64) {
        if self.count.is_multiple_of(self.stride) {
            self.values.push(value);
        }
        self.count += 1;
        self.sum += value;
        self.least = self.least.min(value);
        self.most = self.most.max(value);
        if self.values.len() >= MOST {
            let mut i = 0;
            self.values.retain(|_| {
                i += 1;
                i % 2 == 1
            });
            self.stride *= 2;
        }
    }

    /// Returns how many there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the smallest value that a share of the measurements do not exceed: the nearest rank, no interpolation.
    pub fn percentile(&self, share: f64) -> Option<f64> {
        let mut values = self.values.clone();
        values.sort_by(f64::total_cmp);
        nearest(&values, share)
    }

    /// Returns what the sample says.
    pub fn summary(&self) -> Summary {
        let mut values = self.values.clone();
        values.sort_by(f64::total_cmp);
        let at = |share| nearest(&values, share).unwrap_or_default();
        if self.count == 0 {
            return Summary::default();
        }
        Summary {
            count: self.count,
            mean: self.sum / self.count as f64,
            min: self.least,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            max: self.most,
        }
    }

    /// Returns how many of the kept values fall into each of `bins` equal parts from `from` to `to`; what is outside falls
    /// into the outermost.
    pub fn histogram(&self, from: f64, to: f64, bins: usize) -> Vec<u64> {
        let mut counts = vec![0; bins.max(1)];
        let width = ((to - from) / counts.len() as f64).max(f64::MIN_POSITIVE);
        for value in &self.values {
            let bin = ((value - from) / width).floor().clamp(0.0, counts.len() as f64 - 1.0) as usize;
            counts[bin] += self.stride;
        }
        counts
    }
}

fn nearest(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (share.clamp(0.0, 1.0) * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

/// Returns the probability of a loss that none in `n` trials exclude at 95 % confidence: 3/n (Hanley and Lippman-Hand 1983).
pub fn rule_of_three(n: f64) -> Option<f64> {
    (n > 0.0).then(|| (3.0 / n).min(1.0))
}

/// Returns what `lost` of `n` say of the probability of a loss, at most, at 95 % confidence: 3/n for none, else
/// mean and two deviations of a Poisson count above it.
pub fn loss_bound(lost: u64, n: f64) -> Option<f64> {
    match lost {
        0 => rule_of_three(n),
        _ => (n > 0.0).then(|| ((lost as f64 + 2.0 * (lost as f64).sqrt() + 2.0) / n).min(1.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(values: impl IntoIterator<Item = f64>) -> Sample {
        let mut sample = Sample::default();
        values.into_iter().for_each(|value| sample.note(value));
        sample
    }

    #[test]
    fn percentiles_are_measurements_and_not_invented() {
        let check = |values: &[f64], share, expected| {
            assert_eq!(sample(values.iter().copied()).percentile(share), expected, "{values:?} {share}");
        };
        check(&[], 0.5, None);
        check(&[7.0], 0.01, Some(7.0));
        check(&[4.0, 1.0, 3.0, 2.0], 0.5, Some(2.0));
        check(&[4.0, 1.0, 3.0, 2.0], 0.51, Some(3.0));
        check(&[4.0, 1.0, 3.0, 2.0], 1.0, Some(4.0));
        check(&[4.0, 1.0, 3.0, 2.0], 0.0, Some(1.0));
        let hundred = sample((1..=100).rev().map(f64::from));
        assert_eq!((hundred.percentile(0.9), hundred.percentile(0.99)), (Some(90.0), Some(99.0)));
    }

    #[test]
    fn a_summary_says_what_was_measured() {
        let summary = sample([2.0, 4.0, 9.0]).summary();
        let expected = Summary { count: 3, mean: 5.0, min: 2.0, p50: 4.0, p90: 9.0, p99: 9.0, max: 9.0 };
        assert_eq!(summary, expected);
        assert_eq!(Sample::default().summary(), Summary::default());
    }

    #[test]
    fn a_sample_is_bounded_and_thinning_keeps_its_shape() {
        let many = sample((0..1_000_000).map(|i| f64::from(i % 1000)));
        assert!(many.values.len() < MOST);
        let summary = many.summary();
        assert_eq!((summary.count, summary.min, summary.max), (1_000_000, 0.0, 999.0));
        assert!((summary.mean - 499.5).abs() < 0.001 && (summary.p50 - 500.0).abs() < 10.0, "{summary:?}");
    }

    #[test]
    fn a_histogram_counts_everything_once() {
        let counts = sample([-5.0, 0.0, 1.0, 9.99, 10.0, 50.0]).histogram(0.0, 10.0, 10);
        assert_eq!(counts.iter().sum::<u64>(), 6);
        assert_eq!((counts[0], counts[1], counts[9]), (2, 1, 3));
    }

    #[test]
    fn no_loss_in_three_hundred_leaves_one_in_a_hundred() {
        assert_eq!(rule_of_three(300.0), Some(0.01));
        assert_eq!((rule_of_three(0.0), rule_of_three(1.0)), (None, Some(1.0)));
        assert_eq!(loss_bound(0, 300.0), Some(0.01));
        // Every count is below its bound, and more losses never prove less.
        let bounds: Vec<f64> = (0..50).filter_map(|lost| loss_bound(lost, 1000.0)).collect();
        assert!(bounds.iter().enumerate().all(|(lost, bound)| *bound > lost as f64 / 1000.0) && bounds.is_sorted());
    }
}
