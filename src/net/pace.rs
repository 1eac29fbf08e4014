//! How many handshakes this node begins at once: many, unless its thread falls behind.
//!
//! A handshake takes a hundred times the work of a request. Where more are begun than can be finished in the time that a dial has,
//! all of them are in vain, at both ends, and those that follow as well. So when timers go off late, the next dial waits for
//! others to end.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// While the thread keeps up: more than a node has use for, but after a sleep.
const MANY: usize = 64;
/// While it does not.
const FEW: usize = 4;
/// How often it is looked, as long as there are dials.
const LOOK: Duration = Duration::from_millis(20);
/// A timer that goes off so late says that the thread has fallen behind.
const LATE: Duration = Duration::from_millis(40);

/// Dials under way.
#[derive(Default)]
pub(super) struct Pace {
    under_way: Cell<usize>,
    is_late: Cell<bool>,
    looks: Cell<bool>,
    changed: Notify,
}

/// A dial that may go on until this is dropped.
pub(super) struct Turn(Rc<Pace>);

impl Pace {
    /// Begins a dial, where that may be now.
    pub(super) fn try_begin(self: &Rc<Self>) -> Option<Turn> {
        let most = if self.is_late.get() { FEW } else { MANY };
        if self.under_way.get() >= most {
            return None;
        }
        self.under_way.set(self.under_way.get() + 1);
        if !self.looks.replace(true) {
            tokio::task::spawn_local(self.clone().look());
        }
        Some(Turn(self.clone()))
    }

    /// Waits until a dial may begin that did not begin at once.
    pub(super) async fn turn(self: &Rc<Self>, begun: Option<Turn>) -> Turn {
        match begun {
            Some(turn) => turn,
            None => self.begin().await,
        }
    }

    async fn begin(self: &Rc<Self>) -> Turn {
        loop {
            let changed = self.changed.notified();
            match self.try_begin() {
                Some(turn) => return turn,
                None => changed.await,
            }
        }
    }

    /// Sees whether the thread keeps up, until no dial is left.
    async fn look(self: Rc<Self>) {
        while self.under_way.get() > 0 {
            let asleep = Instant::now();
            sleep(LOOK).await;
            let was_late = self.is_late.replace(asleep.elapsed() >= LOOK + LATE);
            if was_late && !self.is_late.get() {
                self.changed.notify_waiters();
            }
        }
        self.looks.set(false);
        self.is_late.set(false);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.under_way.set(self.0.under_way.get() - 1);
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::task::LocalSet;

    use super::*;

    #[test]
    fn few_are_begun_while_the_thread_is_late_and_all_have_their_turn() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let play = async {
            let pace = Rc::<Pace>::default();
            let mut turns: Vec<Turn> = std::iter::from_fn(|| pace.try_begin()).collect();
            assert_eq!(turns.len(), MANY);
            assert!(pace.begin().now_or_never().is_none());
            // The clock goes on while nothing is done, as on a thread that is busy.
            tokio::task::yield_now().await;
            tokio::time::advance(LOOK + LATE).await;
            sleep(Duration::from_millis(1)).await;
            turns.truncate(FEW);
            assert!(pace.try_begin().is_none(), "it has fallen behind");
            let waits = tokio::task::spawn_local({
                let pace = pace.clone();
                async move { (pace.begin().await, pace.begin().await) }
            });
            tokio::task::yield_now().await;
            assert!(!waits.is_finished());
            turns.pop();
            tokio::task::yield_now().await;
            assert!(!waits.is_finished(), "one of two");
            // It keeps up again.
            sleep(2 * LOOK).await;
            drop(waits.await);
            turns.clear();
            sleep(2 * LOOK).await;
            assert!(!pace.looks.get() && pace.under_way.get() == 0, "nothing goes on without a dial");
        };
        LocalSet::new().block_on(&runtime.expect("a runtime"), play);
    }
}
