//! Plans carried out on lists of every shape, what receipts may say, and what a node takes on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::keys::hash;
use crate::records::{MAX_PAGE_DEPTH, Part};
use crate::types::{AccountId, DeviceId, Hash};

const POST: Hash = Hash([7; 32]);

fn account(n: usize) -> AccountId {
    AccountId(hash(&(n as u64).to_be_bytes()).0)
}

/// A list of accounts on pages, filled from the top as holders do: entries on a page, by depth and leading part.
struct List(BTreeMap<Part, Vec<Found>>);

impl List {
    fn of(accounts: impl Iterator<Item = AccountId>, fits: usize) -> Self {
        let mut pages: BTreeMap<Part, Vec<Found>> = BTreeMap::new();
        for account in accounts {
            let device = DeviceId(account.0);
            let page = (0..=MAX_PAGE_DEPTH).find(|depth| {
                let page = pages.entry(Part::of(&account, *depth)).or_default();
                page.len() < fits || *depth == MAX_PAGE_DEPTH
            });
            let page = page.expect("the deepest takes all");
            pages.get_mut(&Part::of(&account, page)).expect("it is there").push(Found { account, device, page });
        }
        Self(pages)
    }

    /// Reads so many levels of a part, and whether more lies below.
    fn read(&self, part: Part, floor: u8, levels: u8) -> (Vec<Found>, Job) {
        let read = (floor + levels).min(MAX_PAGE_DEPTH + 1);
        let overlaps = |page: Part| page.covers(part) || part.covers(page);
        let here = self.0.iter().filter(|(page, _)| overlaps(**page));
        let found = here.clone().filter(|(page, _)| (floor..read).contains(&page.depth()));
        let found = found.flat_map(|(_, entries)| entries).filter(|f| part.contains(&f.account)).copied().collect();
        // A reader hears from the holders that a page is split, whether anything of this part lies below or not.
        let more = here.clone().any(|(page, entries)| page.depth() >= read && !entries.is_empty());
        (found, Job { part, floor, read, more, expected: None })
    }
}

/// What came of a post whose plans were all carried out.
#[derive(Default)]
struct Outcome {
    /// How often each account got it.
    got: BTreeMap<AccountId, usize>,
    /// The messages of each that sent any, the author first, with what it cared for itself.
    sent: Vec<usize>,
}

/// Carries all plans out; an author passes some over, and forwarders know nothing of that.
fn carry_out(list: &List, followers: u64, passed_over: &[AccountId]) -> Outcome {
    let mut outcome = Outcome { sent: vec![0], ..Outcome::default() };
    let mut jobs = vec![(Part::WHOLE, 0, None::<(usize, AccountId)>)];
    let author = Room { direct: 0, width: width_of(followers), passed_over };
    let mut turns = 0;
    while let Some((part, floor, me)) = jobs.pop() {
        let first = part == Part::WHOLE;
        let (mut found, mut job) = list.read(part, floor, if first { 1 } else { LEVELS });
        found.retain(|f| me.is_none_or(|(_, me)| me != f.account));
        job.expected = Some(followers >> part.depth());
        let room = match me {
            Some(_) => Room::FORWARDER,
            None if first => author,
            None => Room { passed_over, ..Room::FORWARDER },
        };
        let plan = plan(&POST, job, &found, room);
        let at = me.map_or(0, |(at, _)| at);
        outcome.sent[at] += plan.direct.len();
        plan.direct.iter().for_each(|i| *outcome.got.entry(found[*i].account).or_default() += 1);
        for task in plan.tasks {
            assert!(part.covers(task.part) && (task.part, task.floor) != (part, floor), "it leads on");
            let Some(by) = task.by.first().map(|by| found[*by].account) else {
                jobs.push((task.part, task.floor, me));
                continue;
            };
            assert!(
                task.part.contains(&by)
                    && !passed_over.iter().any(|account| task.part.contains(account) && me.is_none())
            );
            *outcome.got.entry(by).or_default() += 1;
            outcome.sent[at] += 1;
            jobs.push((task.part, task.floor, Some((outcome.sent.len(), by))));
            outcome.sent.push(0);
        }
        turns += 1;
        assert!(turns < 20_000, "it ends");
    }
    outcome
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn everybody_gets_it_and_nobody_sends_more_than_a_few(many in 65_usize..4000, fits in 1_usize..400, seed in 0_usize..1000) {
        let accounts: Vec<AccountId> = (0..many).map(|n| account(seed * 10_000 + n)).collect();
        let list = List::of(accounts.iter().copied(), fits);
        let Outcome { got, sent } = carry_out(&list, many as u64, &[]);
        let all: BTreeSet<AccountId> = got.keys().copied().collect();
        prop_assert_eq!(all.len(), many, "everybody");
        prop_assert!(sent[0] <= 64, "the author sent {}", sent[0]);
        prop_assert!(sent.iter().all(|n| *n <= DIRECT + 8), "{sent:?}");
        // Whoever forwards a part and lies on a page that is read again below gets it once more, and nobody else.
        let twice = got.values().filter(|n| **n > 1).count();
        prop_assert!(twice <= sent.len() && got.values().all(|n| *n <= 4), "{twice} of {many}");
    }

    #[test]
    fn whoever_is_passed_over_gets_nothing_and_everybody_else_does(many in 65_usize..3000, hidden in 1_usize..6, fits in 20_usize..400) {
        let accounts: Vec<AccountId> = (0..many).map(account).collect();
        let passed_over = &accounts[..hidden];
        let outcome = carry_out(&List::of(accounts.iter().copied(), fits), many as u64, passed_over);
        prop_assert!(passed_over.iter().all(|account| !outcome.got.contains_key(account)));
        prop_assert_eq!(outcome.got.len(), many - hidden);
        prop_assert!(outcome.sent[0] <= 64 + hidden * 80, "{}", outcome.sent[0]);
    }

    #[test]
    fn a_few_are_all_brought_it_at_once(many in 0_usize..=64) {
        let list = List::of((0..many).map(account), 300);
        let (found, job) = list.read(Part::WHOLE, 0, 1);
        let plan = plan(&POST, job, &found, Room::FORWARDER);
        prop_assert_eq!((plan.direct.len(), plan.tasks.len()), (many, 0));
    }

    #[test]
    fn a_lie_adds_no_more_than_a_part_can_hold(online: u32, acked: u32, expected in 0_u64..1_000_000) {
        let mut sum = Receipts::ONE;
        sum.add(Receipts { online, acked }.within(most_in(Some(expected))));
        prop_assert!(sum.acked <= sum.online && u64::from(sum.online) <= 1 + 2 * expected + 64);
    }

    #[test]
    fn a_node_takes_few_parts_of_a_post_on_and_none_twice(asked in prop::collection::vec((0_usize..40, 0_u8..=16), 0..60)) {
        let (mut taken, mut parts) = (Taken::default(), Vec::<Part>::new());
        for (n, depth) in asked {
            let part = Part::of(&account(n), depth);
            let outcome = taken.take((POST, account(1)), part, Duration::ZERO, 30);
            if parts.iter().any(|before| before.covers(part)) {
                prop_assert_eq!(outcome, Err(Refusal::Again));
            } else if parts.len() == 3 {
                prop_assert_eq!(outcome, Err(Refusal::Enough));
            } else {
                prop_assert_eq!(outcome, Ok(()));
                parts.push(part);
            }
        }
    }
}

#[test]
fn a_hundred_thousand_are_reached_by_sixty_four_messages_of_the_author() {
    let list = List::of((0..100_000).map(account), 300);
    let Outcome { got, sent } = carry_out(&list, 100_000, &[]);
    assert_eq!(got.len(), 100_000);
    assert!(sent[0] <= 64 && sent.iter().all(|n| *n <= DIRECT + 8), "{:?}", sent.iter().max());
    let messages: usize = sent.iter().sum();
    assert!(messages < 105_000, "{messages}");
}

#[test]
fn accounts_whose_hashes_begin_alike_are_told_apart_as_deep_as_it_takes() {
    let part = Part::of(&account(0), 9);
    let alike: Vec<AccountId> = (0..).map(account).filter(|a| part.contains(a)).take(200).collect();
    for fits in [1, 50, 300] {
        let Outcome { got, sent } = carry_out(&List::of(alike.iter().copied(), fits), 200, &[]);
        assert_eq!(got.len(), 200, "pages of {fits}");
        assert!(sent.iter().all(|n| *n <= DIRECT + 8), "{sent:?}");
    }
}

#[test]
fn the_same_forwarders_are_chosen_by_everybody_and_others_for_another_post() {
    let list = List::of((0..1000).map(account), 300);
    let (found, job) = list.read(Part::WHOLE, 0, 1);
    let room = Room { direct: 0, width: 6, passed_over: &[] };
    let chosen = |post: &Hash, found: &[Found]| -> BTreeSet<AccountId> {
        plan(post, job, found, room).tasks.iter().map(|task| found[task.by[0]].account).collect()
    };
    let mut turned = found.clone();
    turned.reverse();
    assert_eq!(chosen(&POST, &found), chosen(&POST, &turned));
    assert!(chosen(&POST, &found).intersection(&chosen(&Hash([8; 32]), &found)).count() < 30);
    let tasks = plan(&POST, job, &found, room).tasks;
    assert!(tasks.iter().filter(|task| task.by.len() == 2).count() > 50, "most have somebody for a retry");
}

#[test]
fn a_minute_takes_so_many_posts_of_an_author_and_the_memory_is_bounded() {
    let mut taken = Taken::default();
    let take = |taken: &mut Taken, n: usize, author: usize, at: u64| {
        let post = Hash(account(n).0);
        taken.take((post, account(author)), Part::WHOLE, Duration::from_secs(at), 2)
    };
    assert_eq!(take(&mut taken, 1, 0, 0), Ok(()));
    assert_eq!(take(&mut taken, 2, 0, 1), Ok(()));
    assert_eq!(take(&mut taken, 3, 0, 59), Err(Refusal::Enough));
    assert_eq!(take(&mut taken, 3, 1, 59), Ok(()));
    assert_eq!(take(&mut taken, 3, 0, 60), Err(Refusal::Again), "whoever it is said to be of");
    assert_eq!(take(&mut taken, 4, 0, 60), Ok(()));
    for n in 5..4000 {
        assert_eq!(take(&mut taken, n, n, 100), Ok(()));
    }
    assert_eq!(take(&mut taken, 3999, 0, 300), Err(Refusal::Again));
    assert_eq!(take(&mut taken, 4, 0, 300), Ok(()), "forgotten by then");
}

#[test]
fn a_device_that_is_found_on_several_pages_counts_once_and_a_retry_counts_again() {
    let mut taken = Taken::default();
    assert!(!taken.brought(POST, 3) && !taken.brought(POST, 3), "the first forwarder died, the second counts it");
    assert!(taken.brought(POST, 4));
    assert!(taken.asked(POST), "it was counted by whoever brought it");
    let other = Hash([9; 32]);
    assert!(!taken.asked(other) && taken.brought(other, 0) && taken.asked(other));
}

#[test]
fn as_many_levels_are_read_at_once_as_a_list_of_that_size_has() {
    let part = Part::of(&account(1), 6);
    for (followers, floor, expected) in
        [(256, 0, 1), (320, 0, 2), (1000, 0, 3), (100_000, 0, 3), (100_000, 6, 3), (100_000, 7, 2), (300, 4, 1)]
    {
        assert_eq!(levels(part, floor, Some(followers / 64 + u64::from(followers % 64 > 0))), expected, "{followers}");
    }
    assert_eq!(levels(part, 0, None), 3);
    assert_eq!([65, 129, 500, 1025, 100_000].map(width_of), [3, 4, 5, 6, 6]);
}
