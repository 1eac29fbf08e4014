//! The two stores: SQLite for real nodes, memory for simulated ones.
//!
//! Owns durability, order and atomicity of records and local values. Does not own what a record means: which
//! record of a slot wins is told by the [`Merge`] function that a store is built with.

mod memory;
mod merge;
mod sqlite;

pub use memory::{MemoryDisk, MemoryStore, Pool};
pub use merge::{Merge, Verdict};
pub use sqlite::{SCHEMA, STEPS, Setup, SqliteStore, Step};
