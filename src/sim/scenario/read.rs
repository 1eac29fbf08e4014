//! Durations in scenarios, as people write them elsewhere: `10s`, `5m`, `7d`; shifts may be negative.

use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::node::config::parse_duration;

pub(super) fn span<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(input)?;
    parse_duration(&text).map_err(|error| D::Error::custom(format!("{text:?} is no duration such as \"10m\": {error}")))
}

pub(super) fn maybe_span<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Duration>, D::Error> {
    span(input).map(Some)
}

/// Reads a duration with or without a sign, in milliseconds.
pub(super) fn maybe_shift<'de, D: Deserializer<'de>>(input: D) -> Result<Option<i64>, D::Error> {
    let text = String::deserialize(input)?;
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.as_str()),
    };
    let span = parse_duration(rest)
        .map_err(|error| D::Error::custom(format!("{text:?} is no shift such as \"-5m\": {error}")))?;
    Ok(Some(sign * i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
}
