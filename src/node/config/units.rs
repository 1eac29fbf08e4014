//! Durations and sizes as people write them: a whole number and a unit, nothing between.

use std::time::Duration;

use thiserror::Error;

/// Why a text is not a duration or a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UnitError {
    /// It does not begin with a whole number.
    #[error("it must begin with a whole number")]
    Number,
    /// The unit is missing or unknown.
    #[error("the number must be followed by a unit: {0}")]
    Unit(&'static str),
    /// More than 64 bits can hold.
    #[error("the number is too large")]
    TooLarge,
}

/// Units of time, in milliseconds.
const TIME: &[(&str, u64)] = &[("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
/// Units of size, in bytes.
const SIZE: &[(&str, u64)] = &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

/// Reads a duration such as `0s`, `500ms`, `10s`, `5m`, `1h` or `7d`.
///
/// # Errors
///
/// Anything else is refused, also what does not fit 64 bits of milliseconds.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    parse(text, TIME, "ms, s, m, h or d").map(Duration::from_millis)
}

/// Reads a size in bytes such as `100B`, `512KiB`, `64MiB`, `1GiB` or `2TiB`.
///
/// # Errors
///
/// Anything else is refused, also what does not fit 64 bits.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    parse(text, SIZE, "B, KiB, MiB, GiB or TiB")
}

fn parse(text: &str, units: &[(&str, u64)], names: &'static str) -> Result<u64, UnitError> {
    let end = text.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    if digits.is_empty() {
        return Err(UnitError::Number);
    }
    let number: u64 = digits.parse().map_err(|_| UnitError::TooLarge)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit).ok_or(UnitError::Unit(names))?;
    number.checked_mul(*factor).ok_or(UnitError::TooLarge)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn written_forms_are_read_exactly() {
        for (text, millis) in [("0s", 0), ("500ms", 500), ("10s", 10_000), ("2m", 120_000), ("7d", 604_800_000)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for (text, bytes) in [("0B", 0), ("100B", 100), ("512KiB", 524_288), ("64MiB", 67_108_864)] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for bad in ["", "s", "-1s", "+1s", "1", "1 s", " 1s", "1s ", "1.5h", "1h30m", "1S", "1_0s", "0x1s", "１s"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
        for bad in ["", "64", "64MB", "64mib", "64 MiB", "1e3B", "MiB", "1GiBs"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_size("99999999999999999999B"), Err(UnitError::TooLarge));
        assert_eq!(parse_size("16777216TiB"), Err(UnitError::TooLarge));
        assert_eq!(parse_size("16777215TiB"), Ok(16_777_215 << 40));
    }

    proptest! {
        #[test]
        fn a_number_and_a_unit_give_their_product_or_overflow(number: u64, unit in 0..5usize) {
            let (name, factor) = TIME[unit];
            let expected = number.checked_mul(factor).map(Duration::from_millis).ok_or(UnitError::TooLarge);
            prop_assert_eq!(parse_duration(&format!("{number}{name}")), expected);
            let (name, factor) = SIZE[unit];
            let expected = number.checked_mul(factor).ok_or(UnitError::TooLarge);
            prop_assert_eq!(parse_size(&format!("{number}{name}")), expected);
        }

        #[test]
        fn any_text_is_answered_without_a_panic(text in "\\PC{0,24}") {
            let _ = (parse_duration(&text), parse_size(&text));
        }
    }
}
