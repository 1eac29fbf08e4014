//! Requests to end: SIGINT, SIGTERM and, when the terminal closes, SIGHUP.

use std::io;
use std::thread;

use tokio::runtime::Builder;

/// Calls `on_signal` for every request to end, from a thread of its own; from this call on they no longer end the process.
///
/// # Errors
///
/// Those of the system when it grants no handler or no thread.
pub fn watch(mut on_signal: impl FnMut() + Send + 'static) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    // Registered here, so that a signal right after the return is not missed.
    let mut signals = {
        let _inside = runtime.enter();
        Signals::register()?
    };
    let run = move || {
        runtime.block_on(async {
            loop {
                signals.next().await;
                on_signal();
            }
        });
    };
    thread::Builder::new().name("signals".into()).spawn(run).map(drop)
}

/// Calls `on_change` whenever the terminal gets another size, from a thread of its own.
///
/// # Errors
///
/// As [`watch`].
#[cfg(unix)]
pub fn watch_size(mut on_change: impl FnMut() + Send + 'static) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let mut changes = {
        let _inside = runtime.enter();
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::window_change())?
    };
    let run = move || {
        runtime.block_on(async {
            while changes.recv().await.is_some() {
                on_change();
            }
        });
    };
    thread::Builder::new().name("size".into()).spawn(run).map(drop)
}

/// Elsewhere nobody tells of a new size; the next line that is drawn has it.
#[cfg(not(unix))]
pub fn watch_size(_: impl FnMut() + Send + 'static) -> io::Result<()> {
    Ok(())
}

/// What the system sends whose file may grow no further.
#[cfg(any(target_os = "linux", target_os = "macos"))]
const SIGXFSZ: i32 = 25;

#[cfg(unix)]
struct Signals([tokio::signal::unix::Signal; 3]);

#[cfg(unix)]
impl Signals {
    fn register() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        // A file that may grow no further is an error like any other, and no reason to end.
        #[cfg(any(target_os = "linux", target_os = "macos"))]
        drop(signal(SignalKind::from_raw(SIGXFSZ)));
        Ok(Self([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            biased;
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(not(unix))]
impl Signals {
    fn register() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}
