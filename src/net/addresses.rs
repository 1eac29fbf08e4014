//! Under which addresses others may reach this node.
//!
//! Looks at what the operator said, then at the socket, then at the interfaces; asks nobody outside.

use std::net::{IpAddr, SocketAddr};

use crate::types::MAX_ADDRESSES;

/// Returns the addresses to tell to others, the preferred one first, at most [`MAX_ADDRESSES`].
///
/// `advertise` is what the operator said; `bound` is where the socket listens, `dual` whether an IPv6 socket takes
/// IPv4 as well.
pub(super) fn reachable(advertise: &[SocketAddr], bound: SocketAddr, dual: bool) -> Vec<SocketAddr> {
    let mut found = if !advertise.is_empty() {
        advertise.to_vec()
    } else if !bound.ip().is_unspecified() {
        vec![bound]
    } else {
        let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
        choose(interfaces.iter().map(|interface| interface.ip()), bound, dual)
    };
    found.truncate(MAX_ADDRESSES);
    found
}

/// Chooses among the addresses of the interfaces: IPv4 first, loopback only where there is nothing else.
fn choose(interfaces: impl Iterator<Item = IpAddr>, bound: SocketAddr, dual: bool) -> Vec<SocketAddr> {
    let usable = |ip: &IpAddr| match ip {
        IpAddr::V4(_) => bound.is_ipv4() || dual,
        IpAddr::V6(v6) => bound.is_ipv6() && !v6.is_unicast_link_local(),
    };
    let (loopback, mut outside): (Vec<IpAddr>, Vec<IpAddr>) = interfaces.filter(usable).partition(IpAddr::is_loopback);
    if outside.is_empty() {
        outside = loopback;
    }
    outside.sort_by_key(IpAddr::is_ipv6);
    outside.dedup();
    outside.into_iter().map(|ip| SocketAddr::new(ip, bound.port())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(interfaces: &[&str], bound: &str, dual: bool, expected: &[&str]) {
        let ips = interfaces.iter().map(|ip| ip.parse().expect("an address"));
        let found = choose(ips, bound.parse().expect("an address"), dual);
        let expected: Vec<SocketAddr> = expected.iter().map(|a| a.parse().expect("an address")).collect();
        assert_eq!(found, expected, "{interfaces:?}");
    }

    #[test]
    fn interfaces_are_chosen_by_what_the_socket_takes() {
        let all = ["127.0.0.1", "::1", "2001:db8::1", "fe80::1", "192.168.1.5"];
        check(&all, "[::]:9", true, &["192.168.1.5:9", "[2001:db8::1]:9"]);
        check(&all, "[::]:9", false, &["[2001:db8::1]:9"]);
        check(&all, "0.0.0.0:9", false, &["192.168.1.5:9"]);
        check(&["::1", "127.0.0.1", "fe80::1"], "[::]:9", true, &["127.0.0.1:9", "[::1]:9"]);
        check(&[], "[::]:9", true, &[]);
    }

    #[test]
    fn what_the_operator_says_comes_before_what_the_socket_says() {
        let bound = "127.0.0.1:9".parse().expect("an address");
        let said: Vec<SocketAddr> = (1..9).map(|port| SocketAddr::new([203, 0, 113, 1].into(), port)).collect();
        assert_eq!(reachable(&said, bound, false), said[..MAX_ADDRESSES]);
        assert_eq!(reachable(&[], bound, false), [bound]);
    }
}
