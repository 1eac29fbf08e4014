//! Receipts: how many devices are there and have a post, added up on the way back. They steer retries and what an author is
//! told, and nothing rests on them.

/// How a delivery stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receipts {
    /// Devices that are there.
    pub online: u32,
    /// Those of them that have it.
    pub acked: u32,
}

/// What somebody may say of a part whose size nobody knows.
const UNKNOWN: u32 = 100_000;
/// Followers by which an estimate may be wrong beside its double.
const SLACK: u64 = 64;

impl Receipts {
    /// One device that has it.
    pub const ONE: Self = Self { online: 1, acked: 1 };

    /// Adds what somebody else counted.
    pub fn add(&mut self, other: Self) {
        self.online = self.online.saturating_add(other.online);
        self.acked = self.acked.saturating_add(other.acked);
    }

    /// Takes a forwarder's word for no more than may be in its part: nobody has it who is not there.
    pub fn within(self, most: u32) -> Self {
        let online = self.online.min(most);
        Self { online, acked: self.acked.min(online) }
    }
}

/// Returns how many a part may have where about so many are expected.
pub fn most_in(expected: Option<u64>) -> u32 {
    let most = expected.map(|expected| expected.saturating_mul(2).saturating_add(SLACK));
    most.map_or(UNKNOWN, |most| u32::try_from(most).unwrap_or(u32::MAX))
}
