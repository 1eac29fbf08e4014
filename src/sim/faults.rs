//! Panics in simulated nodes: noticed, whoever swallows them.

use std::cell::{Cell, RefCell};
use std::panic;
use std::sync::Once;

thread_local! {
    static PANICS: Cell<u64> = const { Cell::new(0) };
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Counts from now on the panics of every thread, as the runtime and the actors swallow those of their tasks.
pub(super) fn count_panics() {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANICS.with(|n| n.set(n.get() + 1));
            LAST.with(|last| *last.borrow_mut() = info.to_string());
            before(info);
        }));
    });
}

/// Returns how many panics there were on this thread, and what the last one said.
pub(super) fn panics() -> (u64, String) {
    (PANICS.with(Cell::get), LAST.with(|last| last.borrow().clone()))
}
