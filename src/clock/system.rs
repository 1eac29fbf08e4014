//! The system's clock.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::seam::Clock;
use crate::types::WallTime;

/// Wall time as the operating system tells it. Without time servers configured it is never in doubt.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the system's clock")]
    fn now(&self) -> WallTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        WallTime(since.as_millis() as u64)
    }

    fn in_doubt(&self) -> bool {
        false
    }
}
