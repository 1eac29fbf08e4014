//! The rest of a simulated node's world: a clock on virtual time, and work done in place.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use crate::seam::{Clock, Lane, Offload};
use crate::types::WallTime;

/// When every simulation begins: 2026-01-01T00:00:00Z.
pub(super) const BEGINNING: WallTime = WallTime(1_767_225_600_000);

/// How wrong a node's clock is, and whether it knows; shared between a node and who runs the simulation.
#[derive(Default)]
pub(super) struct Skew {
    pub ahead: Cell<Duration>,
    pub behind: Cell<Duration>,
    pub in_doubt: Cell<bool>,
}

/// Wall time that goes with the virtual time of the runtime.
pub(super) struct SimClock {
    pub began: Instant,
    pub skew: Rc<Skew>,
}

impl Clock for SimClock {
    fn now(&self) -> WallTime {
        BEGINNING.plus(self.began.elapsed()).plus(self.skew.ahead.get()).minus(self.skew.behind.get())
    }

    fn in_doubt(&self) -> bool {
        self.skew.in_doubt.get()
    }
}

/// Does all work now and here: a wait for another thread would let virtual time jump.
pub(super) struct InPlace;

impl Offload for InPlace {
    fn run(&self, _: Lane, job: Box<dyn FnOnce() + Send>) {
        job();
    }
}
