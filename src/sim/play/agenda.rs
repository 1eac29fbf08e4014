//! What happens when: a queue of acts in the order of their times, and for equal times in the order of their making.

use std::collections::BTreeMap;
use std::time::Duration;

use super::habits::Habit;

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// A person acts.
    Person(usize, Habit),
    /// A node leaves, on its own.
    Leave(usize),
    /// A node comes back.
    Return(usize),
    /// A fault of the scenario begins.
    Fault(usize),
    /// It ends.
    Mend(usize),
    /// Copies are counted.
    Count,
    /// Everything calms down and is checked.
    Quiet,
}

/// A queue of acts; about as many as people have habits and nodes come and go.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    acts: BTreeMap<(Duration, u64), Act>,
    made: u64,
}

impl Agenda {
    /// Puts an act in.
    pub(super) fn at(&mut self, at: Duration, act: Act) {
        self.made += 1;
        self.acts.insert((at, self.made), act);
    }

    /// Takes out the next act, if it is before `end`.
    pub(super) fn next_before(&mut self, end: Duration) -> Option<(Duration, Act)> {
        let first = self.acts.first_entry().filter(|entry| entry.key().0 < end)?;
        let ((at, _), act) = first.remove_entry();
        Some((at, act))
    }

    /// Puts everything off.
    pub(super) fn shift(&mut self, by: Duration) {
        let acts = std::mem::take(&mut self.acts);
        self.acts = acts.into_iter().map(|((at, made), act)| ((at + by, made), act)).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_come_in_the_order_of_their_times_and_then_of_their_making() {
        let mut agenda = Agenda::default();
        let second = Duration::from_secs(1);
        agenda.at(3 * second, Act::Count);
        agenda.at(second, Act::Leave(2));
        agenda.at(second, Act::Leave(1));
        assert_eq!(agenda.next_before(3 * second), Some((second, Act::Leave(2))));
        assert_eq!(agenda.next_before(3 * second), Some((second, Act::Leave(1))));
        assert_eq!(agenda.next_before(3 * second), None);
        agenda.shift(second / 2);
        assert_eq!(agenda.next_before(3 * second + second / 2), None);
        assert_eq!(agenda.next_before(4 * second), Some((3 * second + second / 2, Act::Count)));
    }
}
