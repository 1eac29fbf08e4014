//! Who brings a post to whom: which of those found get it at once, and which are asked to bring it on.

use crate::keys::hash;
use crate::records::{MAX_PAGE_DEPTH, Part};
use crate::types::{AccountId, DeviceId, Hash};

/// The most followers that somebody brings a post to at once.
pub const DIRECT: usize = 64;
/// Bits by which a forwarder divides its part: eight parts.
pub const WIDTH: u8 = 3;
/// Levels of pages that are read before a part is divided: as many as the bits, so that each page is read by few.
pub const LEVELS: u8 = 3;
/// Bits by which an author divides the list at most: 64 parts.
const AUTHOR_WIDTH: u8 = 6;
/// So many followers make a part worth a forwarder of its own.
const WORTH: u64 = 16;
/// Entries of interest that fit a page, by their bytes.
const PAGE_ENTRIES: u64 = 300;
/// Bits more that the surroundings of somebody passed over have in common, in a list of unknown length.
const SURROUNDINGS: u8 = 10;
/// Followers that are tried as forwarders of one part.
const TRIES: usize = 2;

/// Somebody who is interested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Whose account.
    pub account: AccountId,
    /// Which device.
    pub device: DeviceId,
    /// How deep the page is on which it was found.
    pub page: u8,
}

/// What somebody has to care for, and what of it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// The part.
    pub part: Part,
    /// Pages less deep are cared for by somebody else.
    pub floor: u8,
    /// Pages less deep than this were read.
    pub read: u8,
    /// Whether more lies on the pages below those.
    pub more: bool,
    /// About how many there are in the part, where that is known.
    pub expected: Option<u64>,
}

/// How much somebody sends, and to whom not.
#[derive(Clone, Copy, Debug)]
pub struct Room<'a> {
    /// Followers who get a post at once, at most.
    pub direct: usize,
    /// Bits by which a part is divided, at most.
    pub width: u8,
    /// Accounts that are passed over: whoever knows of them cares itself for those around them, as no forwarder may be told.
    pub passed_over: &'a [AccountId],
}

impl Room<'_> {
    /// What a forwarder sends.
    pub const FORWARDER: Self = Self { direct: DIRECT, width: WIDTH, passed_over: &[] };
}

/// A part that somebody is asked to care for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The part.
    pub part: Part,
    /// Pages less deep are cared for by whoever asks.
    pub floor: u8,
    /// Whom to ask, by their places among those found, one after the other. Nobody: whoever asks reads on.
    pub by: Vec<usize>,
}

/// Who brings a post to whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Who gets it at once, by their places among those found; those asked to forward are not among them.
    pub direct: Vec<usize>,
    /// What others are asked to care for.
    pub tasks: Vec<Task>,
}

/// Plans how a post gets to a part of its author's list: to so many followers at once, to the rest by parts. Together these
/// reach everybody of whom the pages tell, each by one way.
pub fn plan(post: &Hash, job: Job, found: &[Found], room: Room<'_>) -> Plan {
    let wanted = || (0..found.len()).filter(|i| !room.passed_over.contains(&found[*i].account));
    if !job.more && (found.len() <= room.direct || job.part.depth() == MAX_PAGE_DEPTH) {
        return Plan { direct: wanted().collect(), tasks: Vec::new() };
    }
    let floor = next_floor(job, found, room.direct);
    let mut parts = Vec::new();
    divide(job, found, floor, room.width)
        .into_iter()
        .for_each(|part| leave_out(job, part, room.passed_over, &mut parts));
    let task = |(part, alone): (Part, bool)| {
        let by = if alone { Vec::new() } else { forwarders(post, part, found) };
        Task { part, floor, by }
    };
    let tasks: Vec<Task> = parts.into_iter().map(task).collect();
    let asked: Vec<usize> = tasks.iter().filter_map(|task| task.by.first().copied()).collect();
    let direct = wanted().filter(|i| found[*i].page < floor && !asked.contains(i)).collect();
    Plan { direct, tasks }
}

/// Returns about how many there are in a smaller part of one in which so many are expected.
pub fn expected_in(whole: Part, expected: Option<u64>, part: Part) -> Option<u64> {
    let less = part.depth().saturating_sub(whole.depth());
    expected.map(|expected| (expected >> less).max(1))
}

/// Divides a part around those who are passed over, each with whether it is too small to be handed on.
fn leave_out(job: Job, part: Part, passed_over: &[AccountId], parts: &mut Vec<(Part, bool)>) {
    let free = !passed_over.iter().any(|account| part.contains(account));
    let few = expected_in(job.part, job.expected, part)
        .map_or(part.depth() >= job.part.depth() + SURROUNDINGS, |n| n <= WORTH);
    match part.halves().filter(|_| !free && !few) {
        Some(halves) => halves.into_iter().for_each(|half| leave_out(job, half, passed_over, parts)),
        None => parts.push((part, !free)),
    }
}

/// Returns up to which page depth those found get the post at once: as far as they are not too many.
fn next_floor(job: Job, found: &[Found], direct: usize) -> u8 {
    let deepest = if job.more { job.read } else { job.read.saturating_sub(1) };
    let fits = |floor: &u8| found.iter().filter(|f| f.page < *floor).count() <= direct;
    (job.floor..=deepest.max(job.floor)).rev().find(fits).unwrap_or(job.floor)
}

fn divide(job: Job, found: &[Found], floor: u8, width: u8) -> Vec<Part> {
    let has = |part: Part| found.iter().any(|f| part.contains(&f.account));
    let parts = split(job.part, width, !job.more, &has);
    if parts == [job.part] && floor == job.floor && width > 0 {
        // The same part again would lead nowhere.
        let halves = job.part.halves().into_iter().flatten();
        return halves.filter(|half| job.more || has(*half)).collect();
    }
    parts
}

/// Divides a part while somebody is known in both halves, so that each has its forwarder; a half in which nobody is left out
/// where that is `certain`.
fn split(part: Part, width: u8, certain: bool, has: &dyn Fn(Part) -> bool) -> Vec<Part> {
    let Some([one, other]) = part.halves().filter(|_| width > 0) else { return vec![part] };
    let go_on = |half| split(half, width - 1, certain, has);
    match (has(one), has(other)) {
        (true, true) => [go_on(one), go_on(other)].concat(),
        (true, false) if certain => go_on(one),
        (false, true) if certain => go_on(other),
        _ => vec![part],
    }
}

/// Returns who may care for a part: the same for everybody who knows the same followers, others for each post.
fn forwarders(post: &Hash, part: Part, found: &[Found]) -> Vec<usize> {
    let turn = |f: &Found| hash(&[&post.0[..], &f.account.0, &f.device.0].concat());
    let of_part = found.iter().enumerate().filter(|(_, f)| part.contains(&f.account));
    let mut by: Vec<(Hash, usize)> = of_part.map(|(i, f)| (turn(f), i)).collect();
    by.sort_unstable();
    by.into_iter().map(|(_, i)| i).take(TRIES).collect()
}

/// Returns by how many bits an author of about so many followers divides the list.
pub fn width_of(followers: u64) -> u8 {
    let bits = followers.div_ceil(WORTH).max(1).next_power_of_two().trailing_zeros() as u8;
    bits.clamp(WIDTH, AUTHOR_WIDTH)
}

/// Returns how many levels of pages are worth reading side by side, from `floor` on: as deep as a list of that size gets, at
/// most [`LEVELS`]. `expected` is how many are in the part, where that is known.
pub fn levels(part: Part, floor: u8, expected: Option<u64>) -> u8 {
    let Some(expected) = expected else { return LEVELS };
    let followers = expected << part.depth();
    let holds = |depth: &u8| PAGE_ENTRIES * ((2 << depth) - 1) >= followers;
    let deepest = (0..=MAX_PAGE_DEPTH).find(holds).unwrap_or(MAX_PAGE_DEPTH);
    (deepest + 1).saturating_sub(floor).clamp(1, LEVELS)
}
