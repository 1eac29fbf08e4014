//! The numbers of simulated nodes by their ids: asked for several times a message, so found without a search.

use crate::types::NodeId;

/// Numbers by ids, which are as good as random: an id's first bytes say where its number lies, or shortly behind.
#[derive(Default)]
pub(super) struct Numbers {
    /// A power of two, at least twice as many as there are nodes; 0 is nobody's, others one more than the number.
    places: Vec<u32>,
    ids: Vec<NodeId>,
}

impl Numbers {
    pub(super) fn of(&self, id: &NodeId) -> Option<u32> {
        let mut place = self.first(id)?;
        loop {
            let number = self.places[place].checked_sub(1)?;
            if self.ids[number as usize] == *id {
                return Some(number);
            }
            place = (place + 1) % self.places.len();
        }
    }

    /// Returns the number of a node; one that is new has the next.
    pub(super) fn give(&mut self, id: NodeId) -> u32 {
        self.of(&id).unwrap_or_else(|| {
            self.ids.push(id);
            if 2 * self.ids.len() > self.places.len() {
                self.places = vec![0; (4 * self.ids.len()).next_power_of_two()];
                (0..self.ids.len()).for_each(|number| self.put(number));
            } else {
                self.put(self.ids.len() - 1);
            }
            self.ids.len() as u32 - 1
        })
    }

    fn put(&mut self, number: usize) {
        let Some(mut place) = self.first(&self.ids[number]) else { return };
        while self.places[place] != 0 {
            place = (place + 1) % self.places.len();
        }
        self.places[place] = number as u32 + 1;
    }

    fn first(&self, id: &NodeId) -> Option<usize> {
        let [a, b, c, d, ..] = id.0;
        (u32::from_le_bytes([a, b, c, d]) as usize).checked_rem(self.places.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_a_number_and_keeps_it() {
        let mut numbers = Numbers::default();
        // Many of them begin alike.
        let id = |n: u32| {
            let mut id = [0; 32];
            (id[0], id[9]) = (n as u8 / 8, n as u8);
            NodeId(id)
        };
        assert_eq!(numbers.of(&id(0)), None);
        (0..200).for_each(|n| assert_eq!(numbers.give(id(n)), n));
        (0..200).for_each(|n| assert_eq!((numbers.of(&id(n)), numbers.give(id(n))), (Some(n), n)));
        assert_eq!(numbers.of(&id(200)), None);
    }
}
