//! The rules of doubt, one by one.

use proptest::prelude::*;

use super::*;

const NOON: WallTime = WallTime(1_767_225_600_000);
const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

fn peer(number: u8) -> NodeId {
    NodeId([number; 32])
}

/// The wall clock of a machine that started at noon and was not set.
fn right(at: Duration) -> WallTime {
    NOON.plus(at)
}

fn with_peers(servers: bool, ahead: &[i64]) -> Doubts {
    let mut doubts = Doubts::new(servers, Duration::ZERO);
    for (number, ahead) in ahead.iter().enumerate() {
        doubts.heard(peer(number as u8), WallTime((NOON.0 as i64 + ahead) as u64), Duration::ZERO);
    }
    doubts
}

#[test]
fn servers_that_are_silent_for_a_day_leave_the_clock_in_doubt_and_no_servers_do_not() {
    let day = AGREED_WITHIN;
    let mut doubts = Doubts::new(true, Duration::ZERO);
    assert_eq!(doubts.doubt(right(day), day), None);
    assert_eq!(doubts.doubt(right(day + SECOND), day + SECOND), Some(Doubt::Servers));
    doubts.agreed(day + SECOND);
    assert_eq!(doubts.doubt(right(day + SECOND), day + SECOND), None);
    assert_eq!(doubts.doubt(right(2 * day), 2 * day), None);
    assert_eq!(doubts.doubt(right(2 * day + 2 * SECOND), 2 * day + 2 * SECOND), Some(Doubt::Servers));
    // What an earlier run knew counts.
    assert_eq!(Doubts::new(true, day + SECOND).doubt(NOON, Duration::ZERO), Some(Doubt::Servers));
    assert_eq!(Doubts::new(false, 9 * day).doubt(right(9 * day), 9 * day), None);
}

#[test]
fn a_step_is_doubted_until_servers_agree_again() {
    let mut doubts = with_peers(true, &[0, 0, 0]);
    doubts.stepped(-400_000, SECOND);
    doubts.settle(right(HOUR), HOUR);
    assert_eq!(doubts.doubt(right(HOUR), HOUR), Some(Doubt::Step(-400_000)), "peers do not stand in for servers");
    doubts.agreed(HOUR);
    assert_eq!(doubts.doubt(right(HOUR), HOUR), None);
}

#[test]
fn without_servers_three_peers_that_agree_settle_a_step() {
    let back = Duration::from_secs(400);
    let mut doubts = with_peers(false, &[0, 0, 0]);
    doubts.stepped(-400_000, SECOND);
    let wrong = right(2 * SECOND).minus(back);
    doubts.settle(wrong, 2 * SECOND);
    assert_eq!(doubts.doubt(wrong, 2 * SECOND), Some(Doubt::Step(-400_000)));
    // Also after ten minutes: the peers still see another time.
    let later = 2 * STEADY;
    doubts.settle(right(later).minus(back), later);
    assert!(doubts.doubt(right(later).minus(back), later).is_some());
    // Set right again: settled at once.
    doubts.stepped(400_000, later + SECOND);
    doubts.settle(right(later + SECOND), later + SECOND);
    assert_eq!(doubts.doubt(right(later + SECOND), later + SECOND), None);
}

#[test]
fn alone_a_step_is_settled_by_ten_steady_minutes_but_not_against_the_peers_there_are() {
    for (ahead, settled) in
        [(&[][..], true), (&[0], true), (&[0, 1000], true), (&[400_000], false), (&[400_000, 400_000], false)]
    {
        let mut doubts = with_peers(false, ahead);
        doubts.stepped(60_000, SECOND);
        let before = STEADY;
        doubts.settle(right(before), before);
        assert_eq!(doubts.doubt(right(before), before), Some(Doubt::Step(60_000)), "{ahead:?}");
        let after = STEADY + SECOND;
        doubts.settle(right(after), after);
        assert_eq!(doubts.doubt(right(after), after).is_none(), settled, "{ahead:?}");
    }
}

#[test]
fn the_median_of_three_peers_counts_and_fewer_do_not() {
    let check = |ahead: &[i64], expected: Option<Doubt>| {
        assert_eq!(with_peers(false, ahead).doubt(NOON, Duration::ZERO), expected, "{ahead:?}");
    };
    check(&[3_600_000, 3_600_000], None);
    check(&[3_600_000, 0, 0], None);
    check(&[3_600_000, 3_600_000, 0], Some(Doubt::Peers(3_600_000)));
    check(&[-3_600_000, -3_600_000, 0], Some(Doubt::Peers(-3_600_000)));
    check(&[300_000, 300_000, 300_000], None);
    check(&[300_001, 300_001, 300_001], Some(Doubt::Peers(300_001)));
}

#[test]
fn what_a_peer_said_long_ago_does_not_count_and_one_peer_counts_once() {
    let mut doubts = with_peers(false, &[3_600_000, 3_600_000, 3_600_000]);
    assert!(doubts.doubt(right(RECENT), RECENT).is_some());
    assert_eq!(doubts.doubt(right(RECENT + SECOND), RECENT + SECOND), None);
    for _ in 0..5 {
        doubts.heard(peer(9), right(2 * HOUR).plus(HOUR), 2 * HOUR);
    }
    assert_eq!(doubts.peers(right(2 * HOUR), 2 * HOUR), (1, 3_600_000));
    doubts.forget_peers();
    assert_eq!(doubts.peers(right(2 * HOUR), 2 * HOUR), (0, 0));
}

#[test]
fn peers_are_bounded_and_the_oldest_goes() {
    let mut doubts = Doubts::new(false, Duration::ZERO);
    for number in 0..=255 {
        let at = Duration::from_secs(u64::from(number));
        doubts.heard(peer(number), right(at), at);
    }
    let at = Duration::from_secs(255);
    assert_eq!(doubts.peers(right(at), at), (PEERS, 0));
    let is_kept = |id| doubts.peers.iter().any(|heard| heard.peer == id);
    assert!(!is_kept(peer(0)) && is_kept(peer(255)));
}

#[test]
fn however_many_strangers_see_another_time_a_clock_that_agrees_with_the_registrars_is_not_in_doubt() {
    let doubt = |registrars: &[i64], at: Duration| {
        let mut doubts = Doubts::new(false, Duration::ZERO);
        doubts.trust((200..203).map(peer).collect());
        for (number, ahead) in registrars.iter().enumerate() {
            doubts.heard(peer(200 + number as u8), WallTime((NOON.0 as i64 + ahead) as u64), Duration::ZERO);
        }
        (0..100).for_each(|number| doubts.heard(peer(number), right(at).plus(HOUR), at));
        doubts.doubt(right(at), at)
    };
    let doubted = Some(Doubt::Peers(3_600_000));
    assert_eq!([doubt(&[0], SECOND), doubt(&[0, 3_600_000, 0], SECOND)], [None; 2]);
    assert_eq!(
        [doubt(&[], SECOND), doubt(&[3_600_000], SECOND), doubt(&[0, 9_000_000, 9_000_000], SECOND)],
        [doubted; 3]
    );
    assert_eq!([doubt(&[0], RECENT), doubt(&[0], RECENT + SECOND)], [None, doubted], "what was said long ago");
}

proptest! {
    #[test]
    fn fewer_than_half_of_the_peers_cannot_bring_a_right_clock_in_doubt(
        liars in prop::collection::vec(any::<u64>(), 0..4),
        drift in prop::collection::vec(-200_000..200_000i64, 5),
    ) {
        let mut doubts = with_peers(false, &drift);
        for (number, time) in liars.iter().enumerate() {
            doubts.heard(peer(100 + number as u8), WallTime(*time), Duration::ZERO);
        }
        prop_assert_eq!(doubts.doubt(NOON, Duration::ZERO), None);
    }
}
