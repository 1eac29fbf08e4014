//! What a run has to reach beside losing nothing.

use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::read::maybe_span;

/// What a run has to reach beside losing nothing; what is not given is not judged.
#[derive(Clone, Debug, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "`config/sim/README.md` says what each key means")]
pub struct Bounds {
    pub reads_percent: Option<f64>,
    #[serde(deserialize_with = "maybe_span")]
    pub read_p50: Option<Duration>,
    #[serde(deserialize_with = "maybe_span")]
    pub read_p99: Option<Duration>,
    pub hops: Option<Hops>,
    pub kib_a_node: Option<f64>,
    #[serde(deserialize_with = "maybe_span")]
    pub wall: Option<Duration>,
}

/// The most hops that lookups may take on average.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Hops {
    /// A third of the logarithm of the number of nodes, and two.
    Log,
    /// So many.
    Most(f64),
}

impl Hops {
    /// Returns the most in a network of so many nodes.
    pub fn most(self, nodes: usize) -> f64 {
        match self {
            Hops::Log => (nodes.max(1) as f64).log2() / 3.0 + 2.0,
            Hops::Most(most) => most,
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(f64),
    Word(String),
}

impl<'de> Deserialize<'de> for Hops {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        match Written::deserialize(input)? {
            Written::Number(most) => Ok(Hops::Most(most)),
            Written::Word(word) if word == "log" => Ok(Hops::Log),
            Written::Word(word) => Err(D::Error::custom(format!("{word:?} are no hops: \"log\", or a number"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::scenario::Scenario;

    #[test]
    fn bounds_are_read_with_their_units_and_are_none_by_default() {
        let text = "[bounds]\nreads_percent = 99.99\nread_p50 = \"300ms\"\nread_p99 = \"2s\"\nhops = \"log\"\nkib_a_node = 60\nwall = \"5m\"";
        let bounds = Scenario::parse(text).expect("valid").bounds;
        let all = Bounds {
            reads_percent: Some(99.99),
            read_p50: Some(Duration::from_millis(300)),
            read_p99: Some(Duration::from_secs(2)),
            hops: Some(Hops::Log),
            kib_a_node: Some(60.0),
            wall: Some(Duration::from_secs(300)),
        };
        assert_eq!(bounds, all);
        assert_eq!(Scenario::parse("[bounds]\nhops = 4").expect("valid").bounds.hops, Some(Hops::Most(4.0)));
        assert_eq!(Scenario::parse("").expect("valid").bounds, Bounds::default());
    }

    #[test]
    fn hops_may_grow_with_a_third_of_the_logarithm() {
        assert!((Hops::Log.most(1 << 12) - 6.0).abs() < 1e-9);
        assert!((Hops::Log.most(100_000) - 7.537).abs() < 1e-3);
        assert!((Hops::Most(3.5).most(100_000) - 3.5).abs() < 1e-9);
    }
}
