//! A post to more followers than its author brings it to itself, in networks that are set up ready-made.

use std::time::Duration;

use bytes::Bytes;
use timeline::sim::SimConfig;
use timeline::sim::ready::{FanOut, FanReport, Mishap, fan_out_with};
use timeline::wire::{Forward, Forwarded, Request, encode_ok};

fn play(wanted: FanOut, mishap: Mishap, change: impl FnOnce(&mut SimConfig)) -> FanReport {
    fan_out_with(wanted, &(), mishap, change)
}

#[test]
fn a_thousand_followers_have_a_post_soon_and_its_author_sends_it_to_few() {
    let wanted = FanOut { seed: 601, followers: 1000, ..FanOut::default() };
    let report = play(wanted, Mishap::None, |_| ());
    assert!(report.ok && report.author_brings <= 64, "{report:?}");
    assert_eq!((report.received, report.online, report.delivered), (1000, 1000, 1000));
    assert!(report.most_of_one <= 72 && report.brought <= 1010, "each is brought it about once: {report:?}");
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let wanted = FanOut { seed: 602, followers: 120, dead_percent: 10.0, ..FanOut::default() };
    let [one, other] = [(), ()].map(|()| play(wanted, Mishap::None, |_| ()));
    assert_eq!(one, other);
    assert_ne!(one.trace, play(FanOut { seed: 603, ..wanted }, Mishap::None, |_| ()).trace);
}

#[test]
fn the_dead_cost_a_retry_and_nobody_a_post() {
    let within = Duration::from_secs(6);
    let wanted = FanOut { seed: 604, followers: 400, dead_percent: 10.0, within, ..FanOut::default() };
    let report = play(wanted, Mishap::None, |_| ());
    assert!(report.ok && report.received == 360, "{report:?}");
    // Those behind a forwarder that died while the author had a connection to it come too late for what the author is told.
    assert!(report.online <= 360 && report.delivered >= 300, "the dead are not counted: {report:?}");
}

#[test]
fn a_forwarder_that_dies_with_the_post_is_replaced() {
    let within = Duration::from_secs(8);
    let wanted = FanOut { seed: 605, followers: 400, within, ..FanOut::default() };
    let report = play(wanted, Mishap::ForwarderDies, |_| ());
    assert_eq!((report.dead, report.received), (1, 399));
    assert!(report.ok, "within the time of one retry: {report:?}");
    // Nobody looked for it: others were asked to bring it.
    let died = play(wanted, Mishap::None, |_| ());
    assert!(report.author["FORWARD"] > died.author["FORWARD"], "{report:?}");
}

/// Says of some nodes that they brought a post to very many, and lets them bring it to nobody.
fn lies(node: usize, request: &Bytes) -> Option<Bytes> {
    let lied = node.is_multiple_of(4) && request.first() == Some(&Forward::NUMBER);
    lied.then(|| encode_ok(&Forwarded { status: 0, cared: true, online: 4_000_000_000, acked: 4_000_000_000 }))
}

#[test]
fn whoever_lies_about_bringing_a_post_on_keeps_it_from_nobody_for_long() {
    let patience = Duration::from_secs(150);
    let wanted = FanOut { seed: 606, followers: 200, within: patience, patience, ..FanOut::default() };
    let report = play(wanted, Mishap::None, |config| config.lies = Some(lies));
    assert_eq!(report.received, 200, "followers look for what nobody brings them: {report:?}");
    assert!(report.all_ms.is_some_and(|ms| ms > 5_000), "somebody lied: {report:?}");
    assert!(report.delivered < 2_000, "no part has so many: {report:?}");
}

#[test]
fn nodes_that_do_not_know_how_are_brought_the_post_all_the_same() {
    let within = Duration::from_secs(60);
    let patience = Duration::from_secs(150);
    let wanted = FanOut { seed: 607, followers: 150, within: patience, patience, ..FanOut::default() };
    let report = play(wanted, Mishap::None, |config| config.refuses = Some(|_, number| number == Forward::NUMBER));
    assert_eq!(report.received, 150, "{report:?}");
    assert!(report.half_ms.is_some_and(|ms| u128::from(ms) < within.as_millis()), "{report:?}");
}
