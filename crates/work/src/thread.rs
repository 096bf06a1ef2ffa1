//! A thread's priority, and the processor time it has used.

use std::io;
use std::sync::Arc;
use std::thread;

use rustix::process::setpriority_process;
use rustix::thread::gettid;
use rustix::time::{ClockId, clock_gettime};

/// Starts a thread that yields to others: `niceness` from 0 (as important as anybody) to 19.
///
/// Linux keeps it per thread. Where the system refuses (a sandbox), the thread runs as it is: it
/// does the same work, only less politely.
///
/// # Errors
/// When the system gives no more threads.
pub(crate) fn spawn(
    name: &str,
    niceness: u8,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let body = move || {
        if niceness > 0 {
            let _ = setpriority_process(Some(gettid()), i32::from(niceness.min(19)));
        }
        work();
    };
    thread::Builder::new().name(name.to_owned()).spawn(body).map(|_detached| ())
}

/// Starts `count` threads on one state, named `name-0` and so on.
///
/// # Errors
/// When the system gives no more threads.
pub(crate) fn spawn_all<S: Send + Sync + 'static>(
    name: &str,
    count: usize,
    niceness: u8,
    state: &Arc<S>,
    work: fn(&S),
) -> io::Result<()> {
    for index in 0..count {
        let state = Arc::clone(state);
        spawn(&format!("{name}-{index}"), niceness, move || work(&state))?;
    }
    Ok(())
}

/// The processor time that the calling thread has used, in nanoseconds: what others take of the
/// processor meanwhile is not charged to it.
pub(crate) fn processor_nanos() -> u64 {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(used.tv_sec).unwrap_or_default();
    seconds * 1_000_000_000 + u64::try_from(used.tv_nsec).unwrap_or_default()
}
