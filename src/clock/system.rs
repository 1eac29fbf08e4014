//! The system's clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::seam::Clock;
use crate::types::WallTime;

/// Wall time as the operating system tells it; it never doubts itself.
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

    fn uptime(&self) -> Option<Duration> {
        uptime()
    }
}

/// On Linux the monotonic clock stands still while the machine sleeps, and this one does not.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn uptime() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
}

/// On macOS the standard library's clock stands still while the machine sleeps, and this one does not.
#[cfg(target_os = "macos")]
fn uptime() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos")))]
fn uptime() -> Option<Duration> {
    None
}
