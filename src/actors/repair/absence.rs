//! Whether this node was away for so long that it may lack what it should have.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::actors::context::Context;
use crate::seam::{Batch, Op, Space};
use crate::types::WallTime;

/// Whoever was away for longer missed more than readers and writers make up for.
const AWAY: Duration = Duration::from_secs(30 * 60);
/// How long others are looked for that have everything, before this node counts as one that has.
const ALONE: Duration = Duration::from_secs(30);
/// How many others with everything this one has to be in step with, as far as there are so many.
const ENOUGH: usize = 3;
/// After this, one other is enough: of several that answered, some never come to an end.
const PATIENCE: Duration = Duration::from_secs(300);
/// After this, none need be, where rounds bring nothing any more: whoever says that it has everything and never comes to an end
/// keeps nobody from having a voice.
const HOPELESS: Duration = Duration::from_secs(900);
/// A clock that moved further than this beside the time that passed was set.
const STEP: Duration = Duration::from_secs(5);
/// On disk: when this node last ran, as 64-bit big-endian number of milliseconds.
const ROW: &[u8] = b"alive";

/// When this node last ran, and since when it is back.
pub(super) struct Absence {
    last: Cell<(Instant, WallTime)>,
    back: Cell<Instant>,
    stepped: Cell<bool>,
}

impl Absence {
    /// Looks at the disk: one that is fresh, old, or has lost what it was told, has missed something.
    pub(super) fn begin(node: &Context) -> Self {
        let now = (Instant::now(), node.now());
        let rows = node.store.local(Space::Node, ROW, None, 1).unwrap_or_default();
        let last = rows.first().and_then(|(_, value)| value.first_chunk()).map(|ms| WallTime(u64::from_be_bytes(*ms)));
        // Where the clock was set back, nobody knows for how long it was away.
        if last.is_none_or(|last| now.1.since(last) > AWAY || last > now.1.plus(STEP)) || node.store.cut() > 0 {
            node.set_synced(false);
        }
        Self { last: Cell::new(now), back: Cell::new(now.0), stepped: Cell::new(false) }
    }

    /// Notes that this node runs; true when it did not for long.
    pub(super) fn watch(&self, node: &Context) -> bool {
        let now = (Instant::now(), node.now());
        let last = self.last.replace(now);
        let (passed, by_clock) = (now.0.duration_since(last.0), now.1.since(last.1));
        if by_clock.abs_diff(passed) > STEP || now.1 < last.1 {
            self.stepped.set(true);
        }
        let away = passed.max(by_clock) > AWAY;
        if away {
            tracing::info!("the node was away: others may have more");
            node.set_synced(false);
            self.back.set(now.0);
        }
        away
    }

    /// Tells whether the clock was set since this was asked last.
    pub(super) fn has_stepped(&self) -> bool {
        self.stepped.take()
    }

    /// Writes down that this node runs.
    pub(super) fn keep(&self, node: &Rc<Context>) {
        let value = Bytes::copy_from_slice(&node.now().0.to_be_bytes());
        let kept = node.store.commit(Batch(vec![Op::SetLocal(Space::Node, Bytes::from_static(ROW), value)]));
        node.spawn(async move {
            if let Err(error) = kept.await {
                tracing::warn!(%error, "it was not written down that the node runs");
            }
        });
    }

    /// Tells whether there is time to look for somebody with everything once more.
    pub(super) fn has_time(&self) -> bool {
        self.back.get().elapsed() < ALONE
    }

    /// Decides after a round, given how many with everything answered, with how many of them all was compared, and whether
    /// anything was fetched.
    pub(super) fn judge(&self, node: &Context, answered: usize, in_step: usize, fetched: bool) {
        if is_back(self.back.get().elapsed(), answered, in_step, fetched) {
            tracing::info!(in_step, "this node has what it should have");
            node.set_synced(true);
        }
    }
}

/// Tells whether a node that came back so long ago has what it should have, as far as that can be.
fn is_back(passed: Duration, answered: usize, in_step: usize, fetched: bool) -> bool {
    let enough = match passed {
        _ if passed >= HOPELESS && !fetched => 0,
        _ if passed >= PATIENCE => 1,
        _ => ENOUGH,
    };
    let alone = answered == 0 && passed >= ALONE;
    alone || (answered > 0 && in_step >= enough.min(answered))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_came_back_is_in_step_with_three_and_after_a_while_with_fewer() {
        let check = |seconds, answered, in_step, fetched, expected| {
            let back = is_back(Duration::from_secs(seconds), answered, in_step, fetched);
            assert_eq!(back, expected, "{seconds} s: {in_step} of {answered}, {fetched}");
        };
        check(29, 0, 0, false, false);
        check(30, 0, 0, false, true);
        check(5, 5, 2, true, false);
        check(5, 5, 3, true, true);
        check(5, 2, 2, false, true);
        check(299, 5, 1, false, false);
        check(300, 5, 1, true, true);
        check(300, 5, 0, false, false);
        // One that always says that it has more, and hands nothing over.
        check(899, 1, 0, false, false);
        check(900, 1, 0, true, false);
        check(900, 1, 0, false, true);
    }
}
