//! Time servers over the network (SNTP, RFC 4330, through `sntpc`), and the system's clock as something to be set.
//!
//! One question, one answer; which servers are believed is decided in `agreement`.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use sntpc::{NtpContext, StdTimestampGen};
use sntpc_net_tokio::UdpSocketWrapper;
use tokio::net::{UdpSocket, lookup_host};
use tokio::time::timeout;

use crate::seam::{Later, SetClockError, TimeError, TimeSample, TimeSource};

/// Where time servers listen.
const PORT: u16 = 123;

/// Asks time servers on the network.
#[derive(Debug, Default, Clone, Copy)]
pub struct Sntp;

impl TimeSource for Sntp {
    fn ask(&self, server: &str, within: Duration) -> Later<Result<TimeSample, TimeError>> {
        let server = with_port(server);
        Box::pin(async move { timeout(within, ask(&server)).await.unwrap_or(Err(TimeError::Silent)) })
    }

    fn set_system(&self, by_ms: i64) -> Result<(), SetClockError> {
        set_system(by_ms)
    }
}

/// Adds the usual port where none is named.
fn with_port(server: &str) -> String {
    if let Ok(address) = server.trim_matches(['[', ']']).parse::<Ipv6Addr>() {
        return format!("[{address}]:{PORT}");
    }
    if server.contains(':') { server.to_owned() } else { format!("{server}:{PORT}") }
}

async fn ask(server: &str) -> Result<TimeSample, TimeError> {
    let address = lookup_host(server).await.ok().and_then(|mut found| found.next()).ok_or(TimeError::Unresolved)?;
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    // A socket of its own for each question: its port is one more thing that a forger has to guess.
    let socket = UdpSocketWrapper::new(UdpSocket::bind(any).await.map_err(|_| TimeError::Silent)?);
    let answer = sntpc::get_time(address, &socket, NtpContext::new(StdTimestampGen::default())).await;
    let answer = answer.map_err(|error| match error {
        sntpc::Error::Network | sntpc::Error::AddressResolve => TimeError::Silent,
        sntpc::Error::KissOfDeath(_) => TimeError::Refused,
        _ => TimeError::Unusable,
    })?;
    Ok(TimeSample {
        offset_us: answer.offset(),
        round_trip: Duration::from_micros(answer.roundtrip()),
        dispersion: short(answer.root_delay()) / 2 + short(answer.root_dispersion()),
    })
}

/// Reads NTP's short format: seconds with 16 bits of fraction.
fn short(value: u32) -> Duration {
    Duration::from_micros((u64::from(value) * 1_000_000) >> 16)
}

#[cfg(unix)]
fn set_system(by_ms: i64) -> Result<(), SetClockError> {
    use rustix::time::{ClockId, Timespec, clock_gettime, clock_settime};

    let now = clock_gettime(ClockId::Realtime);
    let nanos = i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec) + i128::from(by_ms) * 1_000_000;
    let tv_sec = nanos.div_euclid(1_000_000_000).try_into().map_err(|_| SetClockError::Failed)?;
    let tv_nsec = nanos.rem_euclid(1_000_000_000).try_into().map_err(|_| SetClockError::Failed)?;
    clock_settime(ClockId::Realtime, Timespec { tv_sec, tv_nsec }).map_err(|error| match error {
        rustix::io::Errno::PERM | rustix::io::Errno::ACCESS => SetClockError::Denied,
        _ => SetClockError::Failed,
    })
}

#[cfg(not(unix))]
fn set_system(_: i64) -> Result<(), SetClockError> {
    Err(SetClockError::Failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_without_a_port_is_asked_at_the_usual_one() {
        for (server, address) in [
            ("pool.ntp.org", "pool.ntp.org:123"),
            ("192.0.2.1:1123", "192.0.2.1:1123"),
            ("2001:db8::1", "[2001:db8::1]:123"),
            ("[2001:db8::1]", "[2001:db8::1]:123"),
            ("[2001:db8::1]:1123", "[2001:db8::1]:1123"),
        ] {
            assert_eq!(with_port(server), address);
        }
    }

    #[test]
    fn the_short_format_is_seconds_and_parts() {
        assert_eq!(short(0x0001_8000), Duration::from_millis(1500));
        assert_eq!(short(0), Duration::ZERO);
        assert!(short(u32::MAX) < Duration::from_secs(65_536));
    }
}
