//! Networks that are broken on purpose: the checker has to notice.

use std::time::Duration;

use bytes::Bytes;
use timeline::node::merge_rule;
use timeline::seam::{Op, Space};
use timeline::sim::SimConfig;
use timeline::sim::play::{Report, play_with};
use timeline::sim::scenario::Scenario;
use timeline::store::Verdict;
use timeline::types::Section;

/// A few people who post, look, and follow others than before, in a network that collects at once what it may.
fn scenario(seed: u64) -> Scenario {
    let text = "nodes = 12\nk = 6\nduration = \"150s\"\n\
                [people]\npercent = 60\nfollows = 3\nposts = 30\nlooks = 30\nunfollows = 15\ndeletes = 5\nprofiles = 10\nreads = 0\nlookups = 0\n\
                [retention]\nmin_age = \"0s\"\ninterval = \"5s\"\n\
                [check]\npeople = 6\nfresh_reader = false\ncount_every = \"1m\"\n[quiet]\nwithin = \"20s\"";
    Scenario { seed, ..Scenario::parse(text).expect("valid") }
}

fn broken(scenario: &Scenario, change: impl FnOnce(&mut SimConfig)) -> Report {
    play_with(scenario, scenario.nodes, &(), change)
}

/// Returns how many findings of a kind the last check had.
fn found(report: &Report, word: &str) -> usize {
    report.checks.last().and_then(|check| check.counts.get(word)).copied().unwrap_or(0)
}

#[test]
fn the_same_network_unbroken_is_found_whole() {
    let long = Scenario { duration: Duration::from_secs(240), ..scenario(41) };
    let report = broken(&long, |_| ());
    assert!(report.ok, "{}\n{:#?}", report.for_people(), report.checks);
    assert!(report.posts.published > 5, "{report:?}");
}

/// Whatever came first stays.
fn first_wins(section: Section, held: &[Bytes], new: &Bytes) -> Verdict {
    if held.is_empty() { merge_rule(section, held, new) } else { Verdict::Superseded }
}

#[test]
fn a_merge_rule_that_keeps_what_came_first_is_noticed() {
    let report = broken(&scenario(41), |config| config.merge = first_wins);
    assert!(!report.ok, "{}", report.for_people());
    assert!(found(&report, "head_behind") > 0, "{:?}", report.checks);
    assert!(found(&report, "list_has") + found(&report, "list_lacks") > 0, "{:?}", report.checks);
}

/// A store that acknowledges posts of odd numbers and loses them.
fn loses_posts(_: usize, op: &Op) -> bool {
    matches!(op, Op::Put(record) if record.section == Section::Post && record.slot.last().is_some_and(|seq| seq % 2 == 1))
}

#[test]
fn posts_that_were_acknowledged_and_are_nowhere_are_lost() {
    let report = broken(&scenario(41), |config| config.drops = Some(loses_posts));
    assert!(!report.ok && report.posts.lost > 0 && report.posts.lost_at_worst > 0, "{}", report.for_people());
    // Nor does its author call it gone, whose own disk has lost it.
    assert!(found(&report, "lost") > 0, "{:?}", report.checks);
    assert!(
        report.posts.loss_bound.is_some_and(|bound| bound > report.posts.lost as f64 / report.posts.published as f64)
    );
}

/// A store on which every second node keeps no posts: copies that nothing brings back.
fn half_keep_no_posts(node: usize, op: &Op) -> bool {
    node % 2 == 1 && matches!(op, Op::Put(record) if record.section == Section::Post)
}

#[test]
fn replicas_that_nothing_brings_back_are_noticed_where_they_are_asked_for() {
    let mut scenario = scenario(41);
    scenario.check.replicas = true;
    let report = broken(&scenario, |config| config.drops = Some(half_keep_no_posts));
    assert!(!report.ok && found(&report, "few_replicas") > 0, "{:?}", report.checks);
    assert!(found(&report, "states_differ") > 0, "{:?}", report.checks);
}

/// A store that forgets half of the followers, so that posts do not wait for them.
fn forgets_followers(_: usize, op: &Op) -> bool {
    matches!(op, Op::Put(record) if record.section == Section::Followers && record.slot.first().is_some_and(|b| b % 2 == 1))
}

#[test]
fn a_collection_that_does_not_wait_for_every_follower_is_noticed() {
    // Whether a post is collected early depends on who reads what in time: one of a few networks shows it.
    let play = |seed| {
        let scenario = Scenario { duration: Duration::from_secs(400), ..scenario(seed) };
        broken(&scenario, |config| config.drops = Some(forgets_followers))
    };
    let report = (41..49).map(play).find(|report| found(report, "collected_early") > 0);
    let report = report.expect("a post is collected before every follower has seen it");
    assert!(!report.ok && found(&report, "list_lacks") > 0, "{:?}", report.checks);
}

/// People who post and do not read, as reading mends, in a network of more replicas than one look asks, in which disks are lost.
fn losses() -> Scenario {
    let text = "nodes = 11\nk = 9\nduration = \"30s\"\nanchors = false\n\
                [people]\npercent = 35\nfollows = 0\nposts = 360\nlooks = 0\nunfollows = 0\ndeletes = 0\nreads = 0\nlookups = 0\n\
                [check]\npeople = 0\nfresh_reader = false\ncount_every = \"1m\"\nreplicas = true\n[quiet]\nwithin = \"12s\"\n\
                [[fault]]\nat = \"20s\"\ndo = \"disk-loss\"\npercent = 50\nfor = \"5s\"";
    Scenario { seed: 43, ..Scenario::parse(text).expect("valid") }
}

/// The request with which every repair begins: COMPARE.
const COMPARE: u8 = 14;

#[test]
fn a_repair_that_nobody_takes_part_in_is_noticed_and_one_that_works_passes() {
    let whole = broken(&losses(), |_| ());
    assert!(whole.ok, "{}\n{:#?}", whole.for_people(), whole.checks);
    let report = broken(&losses(), |config| config.refuses = Some(|_, request| request == COMPARE));
    assert!(!report.ok && found(&report, "few_replicas") > 0, "{:?}", report.checks);
}

/// The request with which a node takes what it lacks: FETCH.
const FETCH: u8 = 15;

/// Whoever may lose its disk has no time for those that compare, so that nobody learns what to bring it: what such a node
/// lacks comes by its own asking, or not at all.
fn is_not_told(node: usize, request: u8) -> bool {
    request == COMPARE && node >= losses().bootpeers
}

#[test]
fn a_repair_that_never_fetches_is_noticed() {
    let whole = broken(&losses(), |config| config.refuses = Some(is_not_told));
    assert!(whole.ok, "{}\n{:#?}", whole.for_people(), whole.checks);
    // Some disks that are lost lacked nothing yet: one of a few networks shows it.
    let never_fetches = |node, request| is_not_told(node, request) || request == FETCH;
    let play = |seed| broken(&Scenario { seed, ..losses() }, |config| config.refuses = Some(never_fetches));
    let report = (43..46).map(play).find(|report| !report.ok).expect("what is lost is not fetched");
    assert!(found(&report, "few_replicas") > 0, "{:?}", report.checks);
}

#[test]
fn nodes_that_take_again_what_they_have_collected_are_noticed() {
    // They do not find their marks, so that what comes late brings posts back.
    let report = broken(&scenario(41), |config| config.blind = Some(|_, space| space == Space::Marks));
    assert!(!report.ok && found(&report, "came_back") > 0, "{:?}", report.checks);
}

/// A store that acknowledges mentions and keeps none.
fn forgets_mentions(_: usize, op: &Op) -> bool {
    matches!(op, Op::SetLocal(Space::Inbox, ..))
}

#[test]
fn mentions_that_are_not_kept_are_noticed() {
    let mut scenario = scenario(41);
    scenario.people.mention_percent = 100.0;
    let report = broken(&scenario, |config| config.drops = Some(forgets_mentions));
    assert!(!report.ok && found(&report, "mentions_lack") > 0, "{:?}", report.checks);
}

/// A store that acknowledges that posts were removed, and keeps them.
fn keeps_posts(node: usize, op: &Op) -> bool {
    node % 2 == 1 && matches!(op, Op::Delete { section: Section::Post, .. })
}

#[test]
fn a_collection_that_removes_nothing_is_noticed() {
    let report = broken(&scenario(41), |config| config.drops = Some(keeps_posts));
    assert!(!report.ok && found(&report, "came_back") > 0, "{:?}", report.checks);
}

#[test]
fn a_collection_that_does_not_wait_for_the_age_of_posts_is_noticed() {
    let mut scenario = Scenario { duration: Duration::from_secs(120), ..scenario(41) };
    scenario.retention.min_age = Duration::from_secs(3600);
    let patient = broken(&scenario, |_| ());
    assert!(patient.ok, "{}\n{:#?}", patient.for_people(), patient.checks);
    let report = broken(&scenario, |config| config.retention.min_age = Duration::ZERO);
    assert!(!report.ok && found(&report, "collected_young") > 0, "{:?}", report.checks);
}
