//! Prefixes of addresses: which ones a network knows as its own, and which addresses count as one source.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

/// Why a text is not a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a prefix is an address, a slash and its bits, with no bit set behind them: 192.0.2.0/24, 2001:db8::/32")]
pub struct IpPrefixError;

/// A prefix in CIDR notation. IPv4 addresses that are mapped into IPv6 count as IPv4.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct IpPrefix {
    address: IpAddr,
    bits: u8,
}

impl IpPrefix {
    /// Tells whether an address is in the prefix.
    pub fn contains(&self, ip: IpAddr) -> bool {
        cut(ip.to_canonical(), self.bits) == Some(self.address)
    }

    /// Returns the block that is usually routed, and rented, as one: a /24 of IPv4 or a /48 of IPv6; `None` for loopback,
    /// link-local, private and unique-local addresses, which say nothing about whose they are.
    pub fn source(ip: IpAddr) -> Option<Self> {
        let ip = ip.to_canonical();
        let (local, bits) = match ip {
            IpAddr::V4(ip) => (ip.is_loopback() || ip.is_link_local() || ip.is_private(), 24),
            IpAddr::V6(ip) => (ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unique_local(), 48),
        };
        if local { None } else { cut(ip, bits).map(|address| Self { address, bits }) }
    }
}

/// Clears all but the first bits; `None` when the address has not so many.
fn cut(ip: IpAddr, bits: u8) -> Option<IpAddr> {
    let bits = u32::from(bits);
    match ip {
        IpAddr::V4(ip) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            Some(Ipv4Addr::from(u32::from(ip) & mask).into())
        }
        IpAddr::V6(ip) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            Some(Ipv6Addr::from(u128::from(ip) & mask).into())
        }
        _ => None,
    }
}

impl FromStr for IpPrefix {
    type Err = IpPrefixError;

    fn from_str(text: &str) -> Result<Self, IpPrefixError> {
        let (address, bits) = text.split_once('/').ok_or(IpPrefixError)?;
        let address: IpAddr = address.parse().map_err(|_| IpPrefixError)?;
        let bits: u8 = bits.parse().map_err(|_| IpPrefixError)?;
        let whole = address == address.to_canonical() && cut(address, bits) == Some(address);
        if whole { Ok(Self { address, bits }) } else { Err(IpPrefixError) }
    }
}

impl fmt::Display for IpPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_read_back_and_nothing_else_is_read() {
        for good in ["192.0.2.0/24", "0.0.0.0/0", "192.0.2.1/32", "2001:db8::/32", "::/0", "2001:db8::1/128"] {
            assert_eq!(good.parse::<IpPrefix>().map(|p| p.to_string()), Ok(good.to_owned()));
        }
        let bad = ["", "/", "192.0.2.0", "192.0.2.1/24", "192.0.2.0/33", "192.0.2.0/-1", "a/8", "::ffff:192.0.2.0/120"];
        for bad in bad {
            assert_eq!(bad.parse::<IpPrefix>(), Err(IpPrefixError), "{bad}");
        }
    }

    #[test]
    fn a_source_is_a_block_and_local_addresses_are_none() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let source = |text| IpPrefix::source(ip(text)).map(|p| p.to_string());
        assert_eq!(source("192.0.2.77").as_deref(), Some("192.0.2.0/24"));
        assert_eq!(source("::ffff:192.0.2.77").as_deref(), Some("192.0.2.0/24"));
        assert_eq!(source("2001:db8:1:2::3").as_deref(), Some("2001:db8:1::/48"));
        for local in ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.0.1", "::1", "fe80::1", "fd00::1"] {
            assert_eq!(source(local), None, "{local}");
        }
        let campus: IpPrefix = "192.0.0.0/16".parse().expect("a prefix");
        assert!(campus.contains(ip("192.0.2.77")) && campus.contains(ip("::ffff:192.0.255.1")));
        assert!(!campus.contains(ip("192.1.0.0")) && !campus.contains(ip("2001:db8::1")));
    }
}
