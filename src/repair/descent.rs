//! Which stretches are still to be compared with one peer: from the long ones down to where the difference lies.

use std::collections::VecDeque;

use crate::types::Stretch;

/// Most requests of one comparison: with 32 stretches each they lead to some thousand different leaves.
const REQUESTS: usize = 256;
/// Most stretches that wait: as many as the answers to all those requests may bring.
const WAITING: usize = 8192;

/// A walk down to the differences. It ends, whatever the peer answers.
#[derive(Debug)]
pub struct Descent {
    /// Bounded by [`WAITING`].
    todo: VecDeque<Stretch>,
    requests: usize,
    complete: bool,
}

impl Descent {
    /// Begins with these.
    pub fn new(stretches: Vec<Stretch>) -> Self {
        let complete = stretches.len() <= WAITING;
        Self { todo: stretches.into_iter().take(WAITING).collect(), requests: REQUESTS, complete }
    }

    /// Returns up to `most` stretches to compare next; none when all is compared, or enough was asked.
    pub fn next(&mut self, most: usize) -> Vec<Stretch> {
        if self.requests == 0 {
            self.complete &= self.todo.is_empty();
            self.todo.clear();
        }
        let some: Vec<Stretch> = self.todo.drain(..most.min(self.todo.len())).collect();
        self.requests -= usize::from(!some.is_empty());
        some
    }

    /// Notes stretches that the peer had no time for: they are asked for again.
    pub fn again(&mut self, stretches: &[Stretch]) {
        self.add(stretches.iter().copied());
    }

    /// Notes parts of a stretch that differ.
    pub fn deeper(&mut self, of: Stretch, parts: impl Iterator<Item = Stretch>) {
        // Nothing but its own parts, and each of them shorter: so nobody leads round and round.
        self.add(parts.filter(|part| of.covers(*part) && part.bits() > of.bits()));
    }

    /// Tells whether so much was asked that nothing more is.
    pub fn is_exhausted(&self) -> bool {
        self.requests == 0
    }

    /// Notes that something could not be brought in step.
    pub fn fall_short(&mut self) {
        self.complete = false;
    }

    /// Tells whether everything was compared down to its leaves.
    pub fn is_complete(&self) -> bool {
        self.complete && self.todo.is_empty()
    }

    fn add(&mut self, more: impl Iterator<Item = Stretch>) {
        for stretch in more {
            if self.todo.len() >= WAITING {
                self.complete = false;
                return;
            }
            self.todo.push_back(stretch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_always_differs_is_asked_so_often_and_no_more() {
        let mut descent = Descent::new(vec![Stretch::WHOLE]);
        let mut asked = 0;
        loop {
            let some = descent.next(32);
            if some.is_empty() {
                break;
            }
            asked += 1;
            for stretch in some {
                descent.deeper(stretch, stretch.parts().into_iter());
                descent.deeper(stretch, std::iter::repeat_n(Stretch::WHOLE, 100));
            }
        }
        assert!(asked == REQUESTS && !descent.is_complete() && descent.is_exhausted());
    }

    #[test]
    fn whoever_never_has_time_is_given_up() {
        let mut descent = Descent::new(vec![Stretch::WHOLE]);
        let mut asked = 0;
        while let [stretch] = descent.next(32)[..] {
            asked += 1;
            descent.again(&[stretch]);
        }
        assert!(asked == REQUESTS && !descent.is_complete());
        assert!(Descent::new(vec![]).is_complete());
    }
}
