//! Which addresses mean something outside the network they are in, and what is told to whom.

use std::net::{IpAddr, SocketAddr};

use crate::types::Contact;

/// Tells whether an address means something only on its own machine, link or site: loopback, link-local, private, or
/// unique-local.
pub fn is_private(ip: &IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local() || ip.is_private(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unique_local(),
    }
}

/// Tells whether a contact may be told to a peer that is met at a public address, where private ones lead nowhere, or to
/// somebody else, and say what is none of the peer's business.
pub fn is_public(contact: &Contact) -> bool {
    !contact.addresses.iter().any(|address| is_private(&address.ip()))
}

/// Returns what a node tells of its own addresses to peers that it meets at public ones: those that are public, or all
/// when none is.
pub fn outside(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let public: Vec<SocketAddr> = addresses.iter().copied().filter(|address| !is_private(&address.ip())).collect();
    if public.is_empty() { addresses.to_vec() } else { public }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::NodeId;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().expect("an address"), 9)).collect()
    }

    #[test]
    fn private_addresses_are_known_in_every_form() {
        let private = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.1.1",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:10.0.0.1",
        ];
        let public = ["192.0.2.1", "172.32.0.1", "2001:db8::1", "::ffff:192.0.2.1"];
        assert!(addresses(&private).iter().all(|a| is_private(&a.ip())));
        assert!(addresses(&public).iter().all(|a| !is_private(&a.ip())));
    }

    #[test]
    fn a_contact_with_any_private_address_stays_inside() {
        let check = |texts: &[&str], expected| {
            let contact = Contact::hint(NodeId([1; 32]), ([1, 1, 1, 1], 9).into())
                .but(|reach| reach.addresses = addresses(texts));
            assert_eq!(is_public(&contact), expected, "{texts:?}");
        };
        check(&["192.0.2.1"], true);
        check(&["192.0.2.1", "10.0.0.1"], false);
        check(&["10.0.0.1"], false);
    }

    #[test]
    fn own_private_addresses_are_kept_back_where_there_are_others() {
        assert_eq!(outside(&addresses(&["10.0.0.1", "192.0.2.1"])), addresses(&["192.0.2.1"]));
        assert_eq!(outside(&addresses(&["10.0.0.1"])), addresses(&["10.0.0.1"]));
    }
}
