//! The form of `host:port`, where the host may be a name that is resolved later.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest name that the domain name system knows (RFC 1035, section 2.3.4).
const MAX_HOST_BYTES: usize = 253;
/// The longest part of a name between two dots (RFC 1035, section 2.3.4).
const MAX_LABEL_BYTES: usize = 63;

/// Tells whether the text is a host and a port from 1 to 65535 that others can dial: `192.0.2.1:4747`, `[2001:db8::1]:4747` or `example.org:4747`.
pub fn is_host_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    is_port(port) && is_host(host)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port != 0)
}

fn is_host(text: &str) -> bool {
    if let Some(inner) = text.strip_prefix('[') {
        let ip = inner.strip_suffix(']').and_then(|ip| ip.parse::<Ipv6Addr>().ok());
        return ip.is_some_and(|ip| !ip.is_unspecified());
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    // A name whose last label is a number can only be meant as an IPv4 address.
    let numeric = name.rsplit('.').next().is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
    if numeric {
        return text.parse::<Ipv4Addr>().is_ok_and(|ip| !ip.is_unspecified());
    }
    name.len() <= MAX_HOST_BYTES && name.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=MAX_LABEL_BYTES).contains(&label.len())
        && label.bytes().all(allowed)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_addresses_or_names() {
        for good in ["192.0.2.1:4747", "[::1]:1", "localhost:65535", "boot-1.example.org:4747", "a.b.:9", "my_box:80"] {
            assert!(is_host_port(good), "{good}");
        }
        let long = format!("{}:1", "a".repeat(64));
        for bad in [
            "",
            ":",
            "host",
            "host:",
            ":4747",
            "host:0",
            "host:65536",
            "host:+1",
            "::1:4747",
            "[::1:4747",
            "[host]:1",
            "0.0.0.0:1",
            "[::]:1",
            "300.0.0.1:1",
            "1.2.3:1",
            "a..b:1",
            "-a:1",
            "a b:1",
            "ä.de:1",
            "u@h:1",
            "a,b:1",
            &long,
        ] {
            assert!(!is_host_port(bad), "{bad}");
        }
    }
}
