//! Which of the nodes near a key are preferred as its replicas: not too many that would fail together.
//!
//! A network prefix often stands for one owner, one building, one cable. The rule depends on the contacts alone, so
//! that everybody who knows the same contacts prefers the same ones.

use std::net::IpAddr;

use super::places::is_private;
use crate::types::Contact;

/// The most contacts of one prefix that are taken while there are others: one may fail without taking all with it.
pub const PER_PREFIX: usize = 2;

/// A /24 of IPv4 or a /48 of IPv6: the smallest block that is usually routed, and rented, as one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Prefix {
    V4([u8; 3]),
    V6([u8; 6]),
}

/// Returns up to `n` of `sorted`, which is in order of distance; the order is kept.
///
/// A third contact of one /24 (IPv6 /48) is passed over as long as others are left, and taken when fewer than `n`
/// would be found without it. Loopback, link-local, private and unique-local addresses do not count: there the prefix
/// says nothing about the owner.
pub fn preferred(sorted: &[Contact], n: usize) -> Vec<Contact> {
    let all: Vec<&Contact> = sorted.iter().collect();
    preferred_places(&all, n).into_iter().map(|place| sorted[place].clone()).collect()
}

/// Returns the places of those among `sorted`, in order.
pub(super) fn preferred_places(sorted: &[&Contact], n: usize) -> Vec<usize> {
    let mut crowds = Crowds::default();
    let (first, passed_over): (Vec<usize>, Vec<usize>) =
        (0..sorted.len()).partition(|place| crowds.admit(sorted[*place]));
    let mut places: Vec<usize> = first.into_iter().chain(passed_over).take(n).collect();
    places.sort_unstable();
    places
}

/// Tells whether a prefix has more contacts here than are preferred.
pub(super) fn is_crowded(contacts: &[Contact]) -> bool {
    let mut crowds = Crowds::default();
    !contacts.iter().all(|contact| crowds.admit(contact))
}

/// How many contacts of each prefix were taken, in the order of prefixes.
#[derive(Debug, Default)]
pub(super) struct Crowds(Vec<(Prefix, usize)>);

impl Crowds {
    /// Takes a contact unless [`PER_PREFIX`] of its prefix were taken before.
    pub(super) fn admit(&mut self, contact: &Contact) -> bool {
        self.admit_of(prefix(contact))
    }

    /// Takes one of a prefix likewise; all of none.
    pub(super) fn admit_of(&mut self, prefix: Option<Prefix>) -> bool {
        let Some(prefix) = prefix else { return true };
        match self.0.binary_search_by_key(&prefix, |(prefix, _)| *prefix) {
            Ok(place) => {
                let taken = &mut self.0[place].1;
                let fits = *taken < PER_PREFIX;
                *taken += usize::from(fits);
                fits
            }
            Err(place) => {
                self.0.insert(place, (prefix, 1));
                true
            }
        }
    }
}

/// Returns the prefix of the contact's first address, `None` when that one does not count.
pub(super) fn prefix(contact: &Contact) -> Option<Prefix> {
    let ip = contact.addresses.first()?.ip().to_canonical();
    match ip {
        _ if is_private(&ip) => None,
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            Some(Prefix::V4([a, b, c]))
        }
        IpAddr::V6(ip) => {
            let [a, b, c, d, e, f, ..] = ip.octets();
            Some(Prefix::V6([a, b, c, d, e, f]))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::NodeId;

    fn contacts(ips: &[&str]) -> Vec<Contact> {
        let contact = |(i, ip): (usize, &&str)| {
            Contact::hint(NodeId([i as u8; 32]), (ip.parse::<IpAddr>().expect("an address"), 9).into())
        };
        ips.iter().enumerate().map(contact).collect()
    }

    fn check(ips: &[&str], n: usize, expected: &[u8]) {
        let found: Vec<u8> = preferred(&contacts(ips), n).iter().map(|c| c.node.0[0]).collect();
        assert_eq!(found, expected, "{ips:?}, {n}");
    }

    #[test]
    fn a_third_of_one_prefix_is_passed_over_while_there_are_others() {
        check(&["192.0.2.1", "192.0.2.2", "192.0.2.3", "198.51.100.1"], 3, &[0, 1, 3]);
        check(&["2001:db8:1::1", "2001:db8:1:2::1", "2001:db8:1:3::1", "2001:db8:2::1"], 3, &[0, 1, 3]);
        check(&["192.0.2.1", "::ffff:192.0.2.2", "192.0.2.3", "198.51.100.1"], 3, &[0, 1, 3]);
    }

    #[test]
    fn those_passed_over_fill_up_in_order_of_distance() {
        check(&["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "198.51.100.1"], 4, &[0, 1, 2, 4]);
        check(&["192.0.2.1", "192.0.2.2", "192.0.2.3"], 9, &[0, 1, 2]);
        check(&[], 3, &[]);
        check(&["192.0.2.1"], 0, &[]);
    }

    #[test]
    fn local_addresses_do_not_count() {
        check(&["127.0.0.1", "127.0.0.2", "127.0.0.3", "198.51.100.1"], 3, &[0, 1, 2]);
        check(&["10.0.0.1", "10.0.0.2", "10.0.0.3", "198.51.100.1"], 3, &[0, 1, 2]);
        check(&["169.254.0.1", "169.254.0.2", "169.254.0.3", "198.51.100.1"], 3, &[0, 1, 2]);
        check(&["fd00::1", "fd00::2", "fd00::3", "198.51.100.1"], 3, &[0, 1, 2]);
        check(&["fe80::1", "fe80::2", "::1", "198.51.100.1"], 3, &[0, 1, 2]);
    }

    #[test]
    fn the_first_address_alone_decides() {
        let mut all = contacts(&["192.0.2.1", "192.0.2.2", "198.51.100.1", "203.0.113.1"]);
        all[2].addresses.insert(0, ([192, 0, 2, 9], 9).into());
        let found: Vec<u8> = preferred(&all, 3).iter().map(|c| c.node.0[0]).collect();
        assert_eq!(found, [0, 1, 3]);
        all[2].addresses.clear();
        assert_eq!(preferred(&all, 3).len(), 3);
    }

    proptest! {
        #[test]
        fn as_many_as_wanted_are_found_and_no_crowd_without_need(nets in prop::collection::vec(0u8..6, 0..40), n in 0usize..30) {
            let contact = |(i, net): (usize, &u8)| Contact::hint(NodeId([i as u8; 32]), ([203, 0, *net, i as u8], 9).into());
            let all: Vec<Contact> = nets.iter().enumerate().map(contact).collect();
            let found = preferred(&all, n);
            prop_assert_eq!(found.len(), n.min(all.len()));
            prop_assert!(found.windows(2).all(|w| w[0].node < w[1].node));
            let count = |of: &[Contact], net: u8| of.iter().filter(|c| prefix(c) == Some(Prefix::V4([203, 0, net]))).count();
            let possible: usize = (0..6).map(|net| count(&all, net).min(PER_PREFIX)).sum();
            if possible >= n {
                prop_assert!((0..6).all(|net| count(&found, net) <= PER_PREFIX));
            }
        }
    }
}
