//! For how long a contact may be silent before it is asked whether it is still there.
//!
//! That follows from how often contacts were lost of late: in a calm network pings are rare, in a storm they are as frequent as
//! storms need (compare Mahajan, Castro and Rowstron 2003, "Controlling the cost of reliability in peer-to-peer overlays").

use std::time::Duration;

/// How near a bucket is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Zone {
    /// Up to the one with the k-th nearest contact: these nodes are in replica sets with this one, and wait for its repair.
    Near,
    /// The two behind.
    Behind,
    /// All others: lookups pass over a few that are gone.
    Beyond,
}

/// The bounds of one zone.
struct Bounds {
    /// Whoever comes and goes, nobody is asked sooner.
    soonest: Duration,
    /// A contact may be silent for a quarter of the time that it has been there, up to this: who has stayed for long will stay.
    stayed: Duration,
    /// Where few are lost, up to this.
    calm: Duration,
    /// Of so many that were silent for so long, one is gone by what was seen of all.
    one_in: u32,
}

const MINUTE: Duration = Duration::from_secs(60);
const NEAR: Bounds = Bounds {
    soonest: Duration::from_secs(90),
    stayed: MINUTE.saturating_mul(3),
    calm: MINUTE.saturating_mul(5),
    one_in: 64,
};
const BEHIND: Bounds = Bounds {
    soonest: MINUTE.saturating_mul(4),
    stayed: MINUTE.saturating_mul(10),
    calm: MINUTE.saturating_mul(30),
    one_in: 24,
};
const BEYOND: Bounds = Bounds {
    soonest: MINUTE.saturating_mul(8),
    stayed: MINUTE.saturating_mul(30),
    calm: MINUTE.saturating_mul(60),
    one_in: 12,
};

/// Beyond so many times its patience a contact is asked even if it asks us: it may not hear us.
const EVEN_IF_HEARD: u32 = 3;
/// So long after a near contact was lost, nobody counts on calm: when many go at once, all of them are missed soon.
const ALARM: Duration = Duration::from_secs(60);
/// What a node believes that has seen nothing yet: that contacts stay for an hour and a half.
const AT_FIRST: Duration = Duration::from_secs(96 * 60);
/// What was seen counts half when it is of so many losses, or of so long without: of late matters more.
const MOST_LOST: u32 = 32;
const LONGEST: Duration = Duration::from_secs(64 * 3600);

/// The longest that any contact may be silent without being asked.
pub const LONGEST_SILENCE: Duration = BEYOND.calm.saturating_mul(EVEN_IF_HEARD);

/// What was seen of contacts: how long all of them together stayed, and how many were lost meanwhile.
#[derive(Debug, Default)]
pub(super) struct Patience {
    stayed: Duration,
    lost: u32,
    alarmed: Option<Duration>,
}

impl Patience {
    /// Notes that a contact was still there after so long.
    pub(super) fn stayed(&mut self, for_so_long: Duration) {
        self.stayed = self.stayed.saturating_add(for_so_long);
        if self.stayed > LONGEST {
            self.fade();
        }
    }

    /// Notes that a contact was lost.
    pub(super) fn lost(&mut self, zone: Zone, now: Duration) {
        self.lost += 1;
        if self.lost > MOST_LOST {
            self.fade();
        }
        if zone == Zone::Near {
            self.alarmed = Some(now);
        }
    }

    fn fade(&mut self) {
        (self.stayed, self.lost) = (self.stayed / 2, self.lost / 2);
    }

    /// Returns from when on a contact is asked: one that came at `since`, answered at `last_seen` and asked something itself at
    /// `heard`.
    pub(super) fn due(
        &self,
        zone: Zone,
        (since, last_seen): (Duration, Duration),
        heard: Option<Duration>,
        now: Duration,
    ) -> Duration {
        let patience = self.of(zone, last_seen.saturating_sub(since), now);
        let due = last_seen.saturating_add(patience);
        let excused = heard.map(|heard| heard.saturating_add(patience));
        let longest = last_seen.saturating_add(patience.saturating_mul(EVEN_IF_HEARD));
        excused.map_or(due, |excused| excused.min(longest).max(due))
    }

    fn of(&self, zone: Zone, stayed: Duration, now: Duration) -> Duration {
        let bounds = match zone {
            Zone::Near => NEAR,
            Zone::Behind => BEHIND,
            Zone::Beyond => BEYOND,
        };
        let by_stay = (stayed / 4).clamp(bounds.soonest, bounds.stayed);
        if self.alarmed.is_some_and(|at| now.saturating_sub(at) < ALARM) {
            return by_stay;
        }
        let mean = AT_FIRST.saturating_add(self.stayed) / (self.lost + 1);
        (mean / bounds.one_in).min(bounds.calm).max(by_stay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn of(patience: &Patience, zone: Zone) -> Duration {
        patience.of(zone, Duration::ZERO, HOUR)
    }

    #[test]
    fn at_first_and_in_a_storm_contacts_are_asked_soon_and_in_calm_rarely() {
        let mut patience = Patience::default();
        let check = |patience: &Patience, near, behind, beyond| {
            let all = [Zone::Near, Zone::Behind, Zone::Beyond].map(|zone| of(patience, zone).as_secs());
            assert_eq!(all, [near, behind, beyond]);
        };
        check(&patience, 90, 240, 480);
        patience.stayed(HOUR * 4);
        check(&patience, 300, 840, 1680);
        patience.stayed(HOUR * 40);
        check(&patience, 300, 1800, 3600);
        (0..MOST_LOST).for_each(|_| patience.lost(Zone::Beyond, HOUR));
        check(&patience, 90, 240, 480);
    }

    #[test]
    fn who_has_stayed_for_long_may_be_silent_for_longer_within_bounds() {
        let patience = Patience::default();
        let of = |minutes| patience.of(Zone::Near, MINUTE * minutes, HOUR).as_secs();
        assert_eq!([of(0), of(6), of(8), of(12), of(600)], [90, 90, 120, 180, 180]);
    }

    #[test]
    fn the_loss_of_a_neighbour_ends_the_calm_for_a_minute() {
        let mut patience = Patience::default();
        patience.stayed(HOUR * 40);
        patience.lost(Zone::Near, HOUR);
        assert_eq!(of(&patience, Zone::Near), NEAR.soonest);
        let later = patience.of(Zone::Near, Duration::ZERO, HOUR + ALARM);
        assert_eq!(later, NEAR.calm, "one loss in so long is no storm");
    }

    #[test]
    fn what_was_seen_long_ago_counts_less() {
        let mut patience = Patience::default();
        (0..10_000).for_each(|_| patience.stayed(HOUR));
        (0..100).for_each(|_| patience.lost(Zone::Beyond, HOUR));
        assert!(patience.stayed <= LONGEST && patience.lost <= MOST_LOST, "{patience:?}");
        assert_eq!(of(&patience, Zone::Near), NEAR.soonest);
    }

    #[test]
    fn whoever_asks_us_is_asked_later_but_not_never() {
        let (patience, zone) = (Patience::default(), Zone::Near);
        let due = |heard| patience.due(zone, (HOUR, HOUR), heard, HOUR).as_secs() - HOUR.as_secs();
        let minutes = |n| Some(HOUR + MINUTE * n);
        assert_eq!([due(None), due(Some(Duration::ZERO)), due(minutes(1)), due(minutes(60))], [90, 90, 150, 270]);
    }
}
