//! Whether the machine has nothing better to do.

use std::fs::File;
use std::io::Read;

/// Of a hundred parts of the processors' time, how many must be idle.
const IDLE_PERCENT: u64 = 75;

/// The processors' time since the system's start, in ticks, as `/proc/stat` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticks {
    idle: u64,
    total: u64,
}

impl Ticks {
    /// Now; `None` where the system does not say.
    pub(crate) fn now() -> Option<Self> {
        let mut start = [0; 256];
        let read = File::open("/proc/stat").ok()?.read(&mut start).ok()?;
        Self::parse(std::str::from_utf8(start.get(..read)?).ok()?)
    }

    /// From the first line: `cpu user nice system idle iowait irq softirq steal ...`
    /// (proc_stat(5)). What guests use is counted in `user` already.
    fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> =
            line.split_ascii_whitespace().take(8).map_while(|t| t.parse().ok()).collect();
        let idle = ticks.get(3..5)?.iter().sum();
        Some(Self { idle, total: ticks.iter().sum() })
    }

    /// Whether most of the time since `before` was idle.
    pub(crate) fn idle_since(self, before: Self) -> bool {
        let total = self.total.saturating_sub(before.total);
        let idle = self.idle.saturating_sub(before.idle);
        total > 0 && idle * 100 >= total * IDLE_PERCENT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_quarters_must_be_idle() {
        let before = Ticks::parse("cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 2 3 4").unwrap();
        assert_eq!(before, Ticks { idle: 800, total: 1_000 });
        let idle = Ticks::parse("cpu  120 5 100 870 5 0 0 0 90 0\n").unwrap();
        assert!(idle.idle_since(before), "75 of 100 ticks");
        let busy = Ticks::parse("cpu  120 6 100 870 4 0 0 0 90 0\n").unwrap();
        assert!(!busy.idle_since(before), "74 of 100 ticks");
        assert!(!before.idle_since(before), "no time has passed");
    }

    #[test]
    fn this_system_says() {
        assert!(Ticks::now().unwrap().total > 0);
        assert_eq!(Ticks::parse("intr 5 6"), None);
    }
}
