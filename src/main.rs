//! The `timeline` binary.

fn main() {}
