//! Threads for work that would hold up the arbiter.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::memory::usable_kib;
use crate::seam::{Lane, Offload};

type Job = Box<dyn FnOnce() + Send>;

/// At most two passwords are tried at once, since each takes 256 MiB; one where memory is scarce.
const PASSWORD_THREADS: usize = 2;
/// Below this much memory one password is tried at a time.
const SCARCE_KIB: u64 = 1024 * 1024;

/// A few threads for each lane; they end when this is dropped.
pub struct Threads {
    password: Sender<Job>,
    bulk: Sender<Job>,
}

impl Threads {
    /// Starts the threads.
    pub fn start() -> Self {
        let passwords = if usable_kib().is_some_and(|kib| kib < SCARCE_KIB) { 1 } else { PASSWORD_THREADS };
        Self { password: lane("password", passwords), bulk: lane("bulk", 1) }
    }
}

impl Offload for Threads {
    fn run(&self, lane: Lane, job: Job) {
        let sender = match lane {
            Lane::Password => &self.password,
            Lane::Bulk => &self.bulk,
        };
        if sender.send(job).is_err() {
            tracing::error!("work was dropped: no thread is left to do it");
        }
    }
}

#[allow(clippy::disallowed_methods, reason = "this is the thread pool behind the seam")]
fn lane(name: &str, threads: usize) -> Sender<Job> {
    let (sender, jobs) = channel::<Job>();
    let jobs = Arc::new(Mutex::new(jobs));
    for i in 0..threads {
        let jobs = jobs.clone();
        let started = std::thread::Builder::new().name(format!("{name}-{i}")).spawn(move || work(&jobs));
        if let Err(error) = started {
            tracing::error!(%error, "a thread could not be started");
        }
    }
    sender
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).is_err() {
            tracing::error!("offloaded work panicked, which is a bug");
        }
    }
}
