//! Keeping the process's memory to itself: no core dumps, no reading by others, no swapping.

use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// `MCL_ONFAULT` of `<sys/mman.h>` (Linux 4.4): lock pages when they are first touched.
const MCL_ONFAULT: i32 = 4;

/// What the system allowed of the protection of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    /// The process writes no core and cannot be traced by its own user.
    pub undumpable: bool,
    /// No page of the process goes to swap.
    pub locked: bool,
}

/// Makes the process undumpable and, where the limit on locked memory allows it, unswappable.
///
/// Call it before the first secret is read. What was not allowed is for the caller to log.
pub fn protect() -> Protection {
    let undumpable = nix::sys::prctl::set_dumpable(false).is_ok()
        && setrlimit(Resource::RLIMIT_CORE, 0, 0).is_ok();
    Protection { undumpable, locked: lock_memory() }
}

/// Locks all pages, present and future. Under a finite limit on locked memory later allocations
/// would fail, so then nothing is locked.
fn lock_memory() -> bool {
    let unlimited = getrlimit(Resource::RLIMIT_MEMLOCK)
        .is_ok_and(|(soft, _)| soft == nix::libc::RLIM_INFINITY)
        || nix::unistd::geteuid().is_root();
    let flags = MlockAllFlags::MCL_CURRENT
        | MlockAllFlags::MCL_FUTURE
        | MlockAllFlags::from_bits_retain(MCL_ONFAULT);
    unlimited && mlockall(flags).is_ok()
}
