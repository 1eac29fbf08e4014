//! Reading a scenario, and refusing one that makes no sense.

use std::time::Duration;

use thiserror::Error;

use super::bounds::Hops;
use super::fault::Kind;
use super::schema::Scenario;

/// The most nodes: what fits the addresses that are given out, and no machine's memory holds more.
const MOST_NODES: usize = 1_000_000;
/// The longest run: ten years, far inside what a clock holds.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Why a scenario is refused. Nothing was simulated.
#[derive(Debug, Error)]
pub enum ScenarioError {
    /// Not TOML, or a key that is unknown, or a value of the wrong kind.
    #[error("{0}")]
    Malformed(#[from] toml::de::Error),
    /// A value outside what is allowed.
    #[error("{key} must be {allowed}")]
    Value {
        /// The key.
        key: &'static str,
        /// What it may be.
        allowed: &'static str,
    },
    /// A run that would end before all of its faults have happened.
    #[error("a run of {duration:?} is too short: the last fault begins after {fault:?}")]
    TooShort {
        /// How long it would last.
        duration: Duration,
        /// When the last fault begins.
        fault: Duration,
    },
}

impl Scenario {
    /// Reads and checks a scenario.
    ///
    /// # Errors
    /// What is wrong with it, with its place where it cannot be read.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(text)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Checks what the types do not say.
    ///
    /// # Errors
    /// Names the key whose value makes no sense.
    pub fn check(&self) -> Result<(), ScenarioError> {
        require((1..=64).contains(&self.k), "k", "1 to 64")?;
        require((1..=32).contains(&self.bootpeers), "bootpeers", "1 to 32: names need a registrar")?;
        if let Some(fan_out) = &self.fan_out {
            let share = (0.0..=50.0).contains(&fan_out.dead_percent);
            require(share, "fan_out.dead_percent", "0 to 50")?;
            let seconds = |time: Duration| (Duration::from_millis(1)..=Duration::from_secs(60)).contains(&time);
            require(seconds(fan_out.round_trip), "fan_out.round_trip", "1 ms to 60 s")?;
            require(
                seconds(fan_out.within) && fan_out.within <= fan_out.patience,
                "fan_out.within",
                "1 ms to 60 s, not beyond patience",
            )?;
            require(fan_out.patience <= Duration::from_secs(600), "fan_out.patience", "at most 10 minutes")?;
        }
        if let Some(following) = &self.following {
            require((1..=5000).contains(&following.followees), "following.followees", "1 to 5000")?;
            let fine = following.post_every.is_none_or(|every| every >= Duration::from_secs(60));
            require(fine, "following.post_every", "at least 1m")?;
            let fine = following.most.is_finite() && following.most > 0.0;
            require(fine, "following.most", "more than 0")?;
        }
        let sizes = if self.sizes.is_empty() { &[self.nodes][..] } else { &self.sizes[..] };
        let fits = |n: &usize| (self.bootpeers + 1..=MOST_NODES).contains(n);
        require(sizes.iter().all(fits), "nodes and sizes", "more than the bootpeers, at most 1000000")?;
        require(
            !self.duration.is_zero() && self.duration <= LONGEST,
            "duration",
            "more than 0s and at most ten years",
        )?;
        self.check_people()?;
        self.check_world()?;
        self.check_bounds()?;
        self.fault.iter().try_for_each(|fault| {
            require(percent(fault.percent), "fault.percent", "0 to 100")?;
            require(fault.bootpeers <= self.bootpeers, "fault.bootpeers", "at most as many as there are")?;
            require(fault.at < self.duration, "fault.at", "within the duration")?;
            let clock = fault.kind == Kind::Clock;
            require(clock == fault.shift_ms.is_some(), "fault.by", "given for clock, and for nothing else")
        })
    }

    fn check_people(&self) -> Result<(), ScenarioError> {
        let p = &self.people;
        require(percent(p.percent) && p.percent > 0.0, "people.percent", "more than 0 and at most 100")?;
        require(percent(p.mention_percent), "people.mention_percent", "0 to 100")?;
        let rates = [p.posts, p.looks, p.deletes, p.unfollows, p.profiles, p.reads, p.lookups];
        let fine = rates.iter().all(|rate| rate.is_finite() && (0.0..=3600.0).contains(rate));
        require(fine, "a rate of people", "0 to 3600 an hour")
    }

    fn check_world(&self) -> Result<(), ScenarioError> {
        let links = &self.links;
        require(links.shortest <= links.longest, "links.longest", "at least links.shortest")?;
        let inside = links.median.is_none_or(|m| (links.shortest..=links.longest).contains(&m) && !m.is_zero());
        require(inside, "links.median", "between links.shortest and links.longest")?;
        let rates = [links.loss_percent, links.twice_percent, links.late_percent];
        require(rates.into_iter().all(percent), "a percentage of links", "0 to 100")?;
        require(self.retention.posts > 0, "retention.posts", "at least 1")?;
        require(!self.retention.interval.is_zero(), "retention.interval", "more than 0s")?;
        require(!self.check.count_every.is_zero(), "check.count_every", "more than 0s")?;
        require(self.quiet.every.is_none_or(|every| !every.is_zero()), "quiet.every", "more than 0s")?;
        let Some(churn) = &self.churn else { return Ok(()) };
        require(!churn.median_session.is_zero(), "churn.median_session", "more than 0s")?;
        require(churn.shape.is_finite() && (0.1..=10.0).contains(&churn.shape), "churn.shape", "0.1 to 10")?;
        let shares = [churn.percent, churn.clean_percent, churn.disk_loss_percent];
        require(shares.into_iter().all(percent), "a percentage of churn", "0 to 100")
    }
}

impl Scenario {
    fn check_bounds(&self) -> Result<(), ScenarioError> {
        let bounds = &self.bounds;
        require(bounds.reads_percent.is_none_or(percent), "bounds.reads_percent", "0 to 100")?;
        let more_than_nothing = |value: f64| value.is_finite() && value > 0.0;
        let hops = if let Some(Hops::Most(most)) = bounds.hops { Some(most) } else { None };
        require(hops.is_none_or(more_than_nothing), "bounds.hops", "\"log\", or more than 0")?;
        require(bounds.kib_a_node.is_none_or(more_than_nothing), "bounds.kib_a_node", "more than 0")
    }

    /// Lets the run last for so long instead; faults and counts keep their times.
    ///
    /// # Errors
    /// A time that ends before the last fault, or that no run can take.
    pub fn last_for(&mut self, duration: Duration) -> Result<(), ScenarioError> {
        if let Some(fault) = self.fault.iter().map(|fault| fault.at).max().filter(|at| *at >= duration) {
            return Err(ScenarioError::TooShort { duration, fault });
        }
        self.duration = duration;
        self.check()
    }
}

fn percent(value: f64) -> bool {
    (0.0..=100.0).contains(&value)
}

fn require(fine: bool, key: &'static str, allowed: &'static str) -> Result<(), ScenarioError> {
    if fine { Ok(()) } else { Err(ScenarioError::Value { key, allowed }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::scenario::Way;

    fn error(text: &str) -> String {
        Scenario::parse(text).expect_err(text).to_string()
    }

    #[test]
    fn nothing_is_a_scenario_with_the_defaults() {
        assert_eq!(Scenario::parse("").expect("valid"), Scenario::default());
    }

    #[test]
    fn faults_are_read_with_their_times() {
        let text = "[[fault]]\nat = \"10m\"\ndo = \"partition\"\npercent = 30\nway = \"out\"\nfor = \"90s\"\n\
                    [[fault]]\nat = \"1s\"\ndo = \"clock\"\npercent = 5\nby = \"-10m\"\n[churn]\nmedian_session = \"20m\"";
        let scenario = Scenario::parse(text).expect("valid");
        let [partition, clock] = &scenario.fault[..] else { panic!("{scenario:?}") };
        assert_eq!((partition.kind, partition.way, partition.percent), (Kind::Partition, Way::Out, 30.0));
        assert_eq!(partition.lasts, Some(Duration::from_secs(90)));
        assert_eq!((clock.kind, clock.shift_ms, clock.lasts), (Kind::Clock, Some(-600_000), None));
        let churn = scenario.churn.expect("there is churn");
        assert_eq!((churn.median_session, churn.shape), (Duration::from_secs(1200), 0.6));
    }

    #[test]
    fn unknown_keys_are_errors_that_name_them_and_their_line() {
        let said = error("nodes = 5\n[people]\npostings = 3");
        assert!(said.contains("line 3") && said.contains("postings") && said.contains("posts"), "{said}");
        for text in
            ["node = 5", "[[fault]]\nat = \"1s\"\ndo = \"flood\"", "[[fault]]\ndo = \"crash\"", "nodes = \"many\""]
        {
            error(text);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_key() {
        for (text, key) in [
            ("nodes = 3", "nodes"),
            ("bootpeers = 0", "bootpeers"),
            ("duration = \"0s\"", "duration"),
            ("duration = \"10\"", "duration"),
            ("[people]\npercent = 0", "people.percent"),
            ("[people]\nposts = -1.0", "a rate"),
            ("[people]\nmention_percent = 101", "people.mention_percent"),
            ("[links]\nshortest = \"1s\"", "links.longest"),
            ("[links]\nmedian = \"1s\"", "links.median"),
            ("[links]\nloss_percent = 101", "percentage"),
            ("[churn]\nshape = 0", "churn.shape"),
            ("[[fault]]\nat = \"9h\"\ndo = \"crash\"", "fault.at"),
            ("[[fault]]\nat = \"1h\"\ndo = \"crash\"", "fault.at"),
            ("[[fault]]\nat = \"1s\"\ndo = \"clock\"", "fault.by"),
            ("[bounds]\nreads_percent = 101", "bounds.reads_percent"),
            ("[bounds]\nhops = 0", "bounds.hops"),
            ("[bounds]\nhops = \"few\"", "hops"),
            ("[bounds]\nkib_a_node = -1", "bounds.kib_a_node"),
            ("[[fault]]\nat = \"1s\"\ndo = \"crash\"\nbootpeers = 9", "fault.bootpeers"),
        ] {
            let said = error(text);
            assert!(said.contains(key), "{text}: {said}");
        }
    }

    #[test]
    fn a_run_lasts_as_long_as_asked_but_not_shorter_than_to_its_last_fault() {
        let text = "duration = \"1h\"\n[[fault]]\nat = \"50m\"\ndo = \"crash\"\n[[fault]]\nat = \"1m\"\ndo = \"crash\"";
        let mut scenario = Scenario::parse(text).expect("valid");
        let week = Duration::from_secs(7 * 24 * 3600);
        scenario.last_for(week).expect("long enough");
        assert_eq!((scenario.duration, scenario.fault[0].at), (week, Duration::from_secs(3000)));
        let said = scenario.last_for(Duration::from_secs(3000)).expect_err("too short").to_string();
        assert!(said.contains("3000s is too short") && said.contains("after 3000s"), "{said}");
        assert_eq!(scenario.duration, week);
        scenario.fault.clear();
        assert!(scenario.last_for(Duration::ZERO).is_err());
    }
}
