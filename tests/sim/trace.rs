//! The same seed gives the same run.
