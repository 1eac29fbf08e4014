//! Why numbers of a log are gone: its author says which were collected, and which have ended.

/// What the author of a log says of the numbers that are gone, from one number to another; of others it says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Reasons {
    /// The first number that it speaks of; zero where it speaks of none.
    pub from: u64,
    /// The last one.
    pub to: u64,
    /// Collected before their end: first and last number of each range, ascending and apart. The others have ended.
    pub early: Vec<(u64, u64)>,
}

impl Reasons {
    /// Returns the ranges, ascending and apart, whose numbers count as collected where they are gone: what the author calls
    /// so, and what nobody speaks of unless it is certain that it has ended, as all up to `over` have.
    pub fn collected(&self, over: u64) -> Vec<(u64, u64)> {
        if self.from == 0 || self.to < self.from {
            return range(over.checked_add(1), Some(u64::MAX)).collect();
        }
        let below = range(over.checked_add(1), self.from.checked_sub(1));
        let above = range(over.max(self.to).checked_add(1), Some(u64::MAX));
        let early = self.early.iter().map(|(first, last)| (*first.max(&self.from), *last.min(&self.to)));
        below.chain(early.filter(|(first, last)| first <= last)).chain(above).collect()
    }
}

fn range(first: Option<u64>, last: Option<u64>) -> impl Iterator<Item = (u64, u64)> {
    first.zip(last).filter(|(first, last)| first <= last && *last > 0).into_iter()
}

/// Joins ranges and single numbers, in any order, into ranges that are ascending and apart.
pub fn joined(ranges: impl IntoIterator<Item = (u64, u64)>) -> Vec<(u64, u64)> {
    let mut all: Vec<(u64, u64)> = ranges.into_iter().collect();
    all.sort_unstable();
    let mut out: Vec<(u64, u64)> = Vec::new();
    for (first, last) in all {
        match out.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            _ => out.push((first, last)),
        }
    }
    out
}

/// Returns what two lists of ranges, each ascending and apart, have in common.
pub fn common(a: &[(u64, u64)], b: &[(u64, u64)]) -> Vec<(u64, u64)> {
    let pairs = a.iter().flat_map(|x| b.iter().map(move |y| (x.0.max(y.0), x.1.min(y.1))));
    pairs.filter(|(first, last)| first <= last).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: u64 = u64::MAX;

    #[test]
    fn what_nobody_speaks_of_counts_as_collected_unless_it_must_have_ended() {
        let check = |from, to, early: &[(u64, u64)], over, expected: &[(u64, u64)]| {
            assert_eq!(Reasons { from, to, early: early.to_vec() }.collected(over), expected);
        };
        check(0, 0, &[], 0, &[(1, END)]);
        check(0, 0, &[], 7, &[(8, END)]);
        check(0, 0, &[], END, &[]);
        check(1, 9, &[], 0, &[(10, END)]);
        check(1, 9, &[(2, 3), (5, 9)], 0, &[(2, 3), (5, 9), (10, END)]);
        check(4, 9, &[(5, 6)], 0, &[(1, 3), (5, 6), (10, END)]);
        check(4, 9, &[(5, 6)], 2, &[(3, 3), (5, 6), (10, END)]);
        // What the author calls collected stays so when its end has come.
        check(4, 9, &[(5, 6)], 12, &[(5, 6), (13, END)]);
        check(1, END, &[(5, 6)], 0, &[(5, 6)]);
    }

    #[test]
    fn ranges_are_joined_and_compared() {
        assert_eq!(joined([(7, 7), (1, 2), (3, 3), (8, 9), (8, 8), (END, END)]), [(1, 3), (7, 9), (END, END)]);
        assert_eq!(joined([]), []);
        assert_eq!(common(&[(1, 5), (8, 9)], &[(0, 1), (4, 8)]), [(1, 1), (4, 5), (8, 8)]);
    }
}
