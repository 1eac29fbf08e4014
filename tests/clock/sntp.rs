//! One question to a server, whatever the server is.

use std::time::Duration;

use timeline::clock::Sntp;
use timeline::seam::{TimeError, TimeSample, TimeSource};

use crate::servers::{Manner, Server};

const WITHIN: Duration = Duration::from_secs(10);
/// Far more than an answer takes on loopback, and far less than any lie.
const CLOSE_US: i64 = 1_000_000;

pub fn ask(server: &str, within: Duration) -> Result<TimeSample, TimeError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(Sntp.ask(server, within))
}

#[test]
fn an_honest_server_tells_the_time_and_one_that_lies_tells_another() {
    for ahead_ms in [0, 3_600_000, -3_600_000] {
        let server = Server::start(Manner::Ahead(ahead_ms));
        let sample = ask(&server.name(), WITHIN).expect("an answer");
        assert!((sample.offset_us - ahead_ms * 1000).abs() < CLOSE_US, "{sample:?}");
        assert!(sample.round_trip < Duration::from_secs(1) && sample.dispersion.is_zero(), "{sample:?}");
    }
}

#[test]
fn what_is_no_answer_is_not_taken_for_one() {
    for (manner, error) in [
        (Manner::Silent, TimeError::Silent),
        (Manner::Kiss, TimeError::Refused),
        (Manner::Forged, TimeError::Unusable),
        (Manner::Short, TimeError::Unusable),
        (Manner::Unsynchronized, TimeError::Unusable),
    ] {
        let server = Server::start(manner);
        let within = if manner == Manner::Silent { Duration::from_millis(300) } else { WITHIN };
        assert_eq!(ask(&server.name(), within), Err(error), "{manner:?}");
    }
}

#[test]
fn a_name_without_an_address_is_said_to_have_none() {
    assert_eq!(ask("nobody.invalid:123", WITHIN), Err(TimeError::Unresolved));
}
