//! What is measured of a post that goes to very many.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::sim::Trace;
use crate::wire::{Deliver, Forward, Request, request_name};

/// The figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FanReport {
    /// The seed.
    pub seed: u64,
    /// Followers, each online with one device.
    pub followers: usize,
    /// Those of them whose nodes died just before.
    pub dead: usize,
    /// What the author sent for the post within the run, by kind of request.
    pub author: BTreeMap<&'static str, u64>,
    /// Posts that the author sent itself, to followers and to those who bring it on.
    pub author_brings: u64,
    /// Followers that sent the post on.
    pub forwarders: usize,
    /// The most posts that one of them sent.
    pub most_of_one: u64,
    /// Posts sent in all, DELIVER and FORWARD.
    pub brought: u64,
    /// Those of them that reached nobody new: to the dead, retries, and those that came twice.
    pub in_vain: u64,
    /// Requests of all kinds that all nodes sent within the run.
    pub requests: u64,
    /// The same by kind.
    pub kinds: BTreeMap<&'static str, u64>,
    /// Messages, HELLOs and answers among them.
    pub messages: u64,
    /// Followers alive that have it.
    pub received: usize,
    /// Milliseconds of virtual time until half of the living had it, 99 of a hundred, and all; absent where they did not.
    pub half_ms: Option<u64>,
    /// 99 of a hundred.
    pub most_ms: Option<u64>,
    /// All.
    pub all_ms: Option<u64>,
    /// What the author was told: devices online.
    pub online: u32,
    /// And how many have it.
    pub delivered: u32,
    /// The fingerprint of the run.
    pub trace: String,
    /// Whether all who live have it within the bound.
    pub ok: bool,
}

impl FanReport {
    /// Notes when each follower had it, in order.
    pub(super) fn note_times(&mut self, times: &[Duration], alive: usize) {
        let at = |count: usize| times.get(count.max(1) - 1).map(|time| time.as_millis() as u64);
        self.received = times.len();
        (self.half_ms, self.most_ms, self.all_ms) = (at(alive.div_ceil(2)), at((alive * 99).div_ceil(100)), at(alive));
    }

    /// Notes what nodes sent: what each sent by the number of requests, the author's among them.
    pub(super) fn note_sent(&mut self, author: &BTreeMap<u8, u64>, others: &[BTreeMap<u8, u64>]) {
        let brings = |sent: &BTreeMap<u8, u64>| -> u64 {
            [Deliver::NUMBER, Forward::NUMBER].iter().filter_map(|number| sent.get(number)).sum()
        };
        self.author = author.iter().filter(|(_, n)| **n > 0).map(|(number, n)| (request_name(*number), *n)).collect();
        self.author_brings = brings(author);
        let of_others: Vec<u64> = others.iter().map(brings).collect();
        self.forwarders = of_others.iter().filter(|n| **n > 0).count();
        self.most_of_one = of_others.iter().copied().max().unwrap_or_default();
        self.brought = self.author_brings + of_others.iter().sum::<u64>();
        self.in_vain = self.brought.saturating_sub(self.received as u64);
        for (number, n) in others.iter().chain([author]).flatten().filter(|(_, n)| **n > 0) {
            *self.kinds.entry(request_name(*number)).or_default() += n;
        }
        self.requests = others.iter().chain([author]).flat_map(BTreeMap::values).sum();
    }

    pub(super) fn note_trace(&mut self, before: Trace, after: Trace) {
        self.messages = after.messages - before.messages;
        self.trace = after.hash.to_string();
    }

    /// Says it to people.
    pub fn for_people(&self) -> String {
        let time = |ms: Option<u64>| ms.map_or("never".to_owned(), |ms| format!("{:.2} s", ms as f64 / 1000.0));
        let mut text =
            format!("{} followers online, {} of them dead · seed {}\n", self.followers, self.dead, self.seed);
        let mut line = |what: &str, value: String| {
            let done = writeln!(text, "  {what:24} {value}");
            done.expect("writing to a string cannot fail");
        };
        let author: Vec<String> = self.author.iter().map(|(name, n)| format!("{name} {n}")).collect();
        line("author brings it to", self.author_brings.to_string());
        line("author sends", author.join(", "));
        line("half have it after", time(self.half_ms));
        line("99 % have it after", time(self.most_ms));
        line("all have it after", time(self.all_ms));
        line("have it", format!("{} of {}", self.received, self.followers - self.dead));
        line("author is told", format!("{} of {}", self.delivered, self.online));
        line("forwarders", format!("{}, at most {} each", self.forwarders, self.most_of_one));
        line("brought", format!("{}, {} in vain", self.brought, self.in_vain));
        line("requests, messages", format!("{}, {}", self.requests, self.messages));
        let kinds: Vec<String> = self.kinds.iter().map(|(name, n)| format!("{name} {n}")).collect();
        line("by kind", kinds.join(", "));
        line("trace", self.trace.clone());
        text
    }
}
