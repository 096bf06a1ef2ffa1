//! Processes: starting, stopping, and what the kernel knows of them.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::sys::time::TimeValLike as _;
use nix::unistd::Pid;

use crate::Result;

/// Ticks of /proc/PID/stat in a second, on every Linux.
const TICKS: f64 = 100.0;

/// A server that is stopped when it goes out of scope.
pub(crate) struct Server {
    child: Child,
}

impl Server {
    /// Starts a program; what it says goes to a file.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .map_err(|e| format!("{} does not start: {e}", command.get_program().display()))?;
        Ok(Self { child })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until a file is there; fails when the program ends first.
    pub(crate) fn await_file(&mut self, file: &Path, log: &Path) -> Result<()> {
        let patience = Instant::now() + Duration::from_secs(60);
        while !file.exists() {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the server ended with {status}: see {}", log.display()).into());
            }
            if Instant::now() > patience {
                return Err(format!("no {} after 60 s: see the log", file.display()).into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(pid) = i32::try_from(self.child.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let patience = Instant::now() + Duration::from_secs(15);
        while Instant::now() < patience {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The CPU time that this process has used, in seconds.
pub(crate) fn own_cpu_seconds() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(micros as f64 / 1e6)
}

/// The CPU time that a process has used, in seconds, to 10 ms.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the program's name in brackets, and may hold anything.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
    let mut times = fields.skip(11).take(2).map(str::parse::<f64>);
    match (times.next(), times.next()) {
        (Some(Ok(user)), Some(Ok(system))) => Ok((user + system) / TICKS),
        _ => Err(format!("/proc/{pid}/stat is not as expected").into()),
    }
}

/// A process's resident memory, in MiB.
pub(crate) fn resident_mib(pid: u32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
    let kib = line.and_then(|l| l.split_ascii_whitespace().next()).map(str::parse::<f64>);
    match kib {
        Some(Ok(kib)) => Ok(kib / 1024.0),
        _ => Err(format!("/proc/{pid}/status is not as expected").into()),
    }
}
