//! Starts a server, then runs the tests with the ready file's variables in their environment:
//! a process may not change its own safely, and the SDK reads them from there.

use std::error::Error;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const START: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(15);

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let kept = folder.path().join("elsewhere");
    fs::create_dir(&kept)?;
    let (data, ready) = (folder.path().join("data"), kept.join("ready.json"));
    let log = folder.path().join("server.log");
    let config = folder.path().join("strongroom.toml");
    // As a Managed HSM: there symmetric keys are kept.
    fs::write(&config, "[keys]\nsymmetric_in_vaults = true\n")?;
    let mut server = Command::new(std::env::var("STRONGROOM_BIN")?)
        .args(["dev", "--port", "0", "--data"])
        .arg(&data)
        .arg("--root-key")
        .arg(kept.join("root.key"))
        .arg("--ready-file")
        .arg(&ready)
        .args(["--clock", "manual", "--config"])
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(File::create(&log)?)
        .stderr(File::options().append(true).open(&log)?)
        .spawn()?;
    let outcome =
        wait_until_ready(&mut server, &ready, &log).and_then(|()| run_tests(&data, &ready));
    let stopped = stop(&mut server);
    let passed = outcome?;
    if !stopped? {
        return Err("the server did not stop cleanly".into());
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn wait_until_ready(server: &mut Child, ready: &Path, log: &Path) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    while !ready.exists() {
        if server.try_wait()?.is_some() || begun.elapsed() > START {
            return Err(format!("the server did not start: {}", fs::read_to_string(log)?).into());
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn run_tests(data: &Path, ready: &Path) -> Result<bool, Box<dyn Error>> {
    let written: serde_json::Value = serde_json::from_slice(&fs::read(ready)?)?;
    let variables = written["env"].as_object().ok_or("no env in the ready file")?;
    let mut tests = Command::new("cargo");
    // One program after the other, in the order of their names: the last moves the server's time.
    tests.args(["test", "--locked", "--no-fail-fast", "--test", "*", "--manifest-path"]);
    tests.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    tests.env("STRONGROOM_DATA", data).env("STRONGROOM_READY", ready);
    for (name, value) in variables {
        tests.env(name, value.as_str().ok_or("a variable that is no text")?);
    }
    Ok(tests.status()?.success())
}

/// SIGTERM, then some patience; true when the server ended with 0.
fn stop(server: &mut Child) -> Result<bool, Box<dyn Error>> {
    Command::new("kill").arg(server.id().to_string()).status()?;
    let begun = Instant::now();
    while begun.elapsed() < STOP {
        if let Some(status) = server.try_wait()? {
            return Ok(status.success());
        }
        sleep(Duration::from_millis(20));
    }
    server.kill()?;
    server.wait()?;
    Ok(false)
}
