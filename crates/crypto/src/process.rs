//! The process before the system: its memory kept to itself (no core dumps, no reading by others,
//! no swapping), its descriptors.

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

/// Raises the limit on open descriptors as far as this user may, and gives what it is then.
///
/// Every connection takes one; many systems start a process with 1024. 0 when the system does not
/// say.
pub fn raise_descriptor_limit() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 0 };
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(_) => soft,
    }
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_limit_on_descriptors_is_raised() {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, hard.min(128), hard).unwrap();
        assert_eq!(raise_descriptor_limit(), hard);
        assert_eq!(getrlimit(Resource::RLIMIT_NOFILE).unwrap(), (hard, hard));
    }
}
