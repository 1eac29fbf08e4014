//! Owner of records on their way: sends them to replicas and anchors, now and later, until enough have them.

mod actor;
mod handle;
mod item;
mod live;
mod messages;
mod replicas;
mod send;
mod tally;

pub use actor::OutboxActor;
pub use handle::OutboxHandle;
pub use item::{Item, WATERMARK};
pub use messages::{Progress, Tally, Waiting};
