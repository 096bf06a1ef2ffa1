//! What the steps need installed, and how they get it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::cargo;
use super::step::{Place, tail};

const CARGO_DENY: &str = "0.20.2";
const AZURE_CLI: &str = "2.91.0";

/// Whether a program is installed and starts.
pub(super) fn answers(program: &str) -> bool {
    answers_to(program, "--version")
}

fn answers_to(program: &str, argument: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// What judges the files that we write and makes those that we read: OpenSSL, Java's keytool.
pub(super) fn formats(place: &Place) -> Result<(), String> {
    if !answers_to("openssl", "version") {
        debian(place, &["openssl"])?;
    }
    if !answers_to("keytool", "-help") {
        debian(place, &["default-jre-headless"])?;
    }
    Ok(())
}

/// What issuers of provider ACME are tried against: an authority, and a DNS server that takes
/// updates.
pub(super) fn acme_authorities(place: &Place) -> Result<(), String> {
    if !(answers_to("pebble", "-help") && answers_to("pebble-challtestsrv", "-help")) {
        debian(place, &["pebble"])?;
    }
    if !(answers("/usr/sbin/knotd") && answers("kdig")) {
        debian(place, &["knot", "knot-dnsutils"])?;
    }
    Ok(())
}

/// The web server that serves certificates of a vault.
pub(super) fn web_server(place: &Place) -> Result<(), String> {
    if answers_to("/usr/sbin/nginx", "-v") { Ok(()) } else { debian(place, &["nginx"]) }
}

/// What the pages of docs/tasks take answers of the command line apart with.
pub(super) fn json_query(place: &Place) -> Result<(), String> {
    if answers("jq") { Ok(()) } else { debian(place, &["jq"]) }
}

/// What asks our ACME server for certificates.
pub(super) fn acme_clients(place: &Place) -> Result<(), String> {
    if answers("certbot") && answers("lego") { Ok(()) } else { debian(place, &["certbot", "lego"]) }
}

/// cargo-deny of one version, built once into `target/tools`.
pub(super) fn cargo_deny(place: &Place) -> Result<PathBuf, String> {
    let tools = place.target("tools");
    let deny = tools.join("bin/cargo-deny");
    if deny.is_file() {
        return Ok(deny);
    }
    println!("      installing cargo-deny {CARGO_DENY}, once: some minutes");
    let mut command = cargo(place, &["install", "cargo-deny", "--locked", "--quiet"]);
    command.args(["--version", CARGO_DENY]).arg("--root").arg(&tools);
    command.env("CARGO_TARGET_DIR", tools.join("build"));
    place.succeed(&mut command)?;
    let _ = fs::remove_dir_all(tools.join("build"));
    Ok(deny)
}

/// The interpreter of a virtual environment that holds exactly the pinned packages.
pub(super) fn python(place: &Place, requirements: &Path) -> Result<PathBuf, String> {
    let folder = place.target("compat/venv");
    let python = folder.join("bin/python");
    let stamp = folder.join("requirements.txt");
    if is_copy(requirements, &stamp) && answers_at(&python) {
        return Ok(python);
    }
    if !answers("python3") {
        debian(place, &["python3"])?;
    }
    let create = || place.succeed(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    if create().is_err() {
        // Debian packs the venv module on its own.
        debian(place, &["python3-venv"])?;
        create()?;
    }
    let mut install = Command::new(&python);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    place.succeed(install.arg("--requirement").arg(requirements))?;
    copy(requirements, &stamp)?;
    Ok(python)
}

/// `az` of one azure-cli, in a virtual environment of its own: some 750 MB, once.
pub(super) fn azure_cli(place: &Place) -> Result<PathBuf, String> {
    let folder = place.target("compat-az/venv");
    let (az, stamp) = (folder.join("bin/az"), folder.join(format!("azure-cli-{AZURE_CLI}")));
    if stamp.is_file() && az.is_file() {
        return Ok(az);
    }
    println!("      installing azure-cli {AZURE_CLI}, once: some minutes");
    let create = || place.succeed(Command::new("python3").args(["-m", "venv"]).arg(&folder));
    if create().is_err() {
        debian(place, &["python3", "python3-venv"])?;
        create()?;
    }
    let mut install = Command::new(folder.join("bin/python"));
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    place.succeed(install.arg(format!("azure-cli=={AZURE_CLI}")))?;
    fs::write(&stamp, "").map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(az)
}

/// A folder with the suite's files and exactly the locked packages; node resolves them from there.
pub(super) fn javascript(place: &Place, suite: &Path) -> Result<PathBuf, String> {
    let folder = place.target("compat/js");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    if !(answers("node") && answers("npm")) {
        debian(place, &["nodejs", "npm"])?;
    }
    let installed = folder.join("node_modules/installed-lock.json");
    for entry in fs::read_dir(suite).map_err(|error| error.to_string())?.flatten() {
        if entry.path().is_file() {
            copy(&entry.path(), &folder.join(entry.file_name()))?;
        }
    }
    let lock = suite.join("package-lock.json");
    if !is_copy(&lock, &installed) {
        let mut install = Command::new("npm");
        install.current_dir(&folder).args(["ci", "--no-audit", "--no-fund"]);
        place.succeed(&mut install)?;
        copy(&lock, &installed)?;
    }
    Ok(folder)
}

/// Installs Debian packages, when we are root on such a system.
pub(super) fn debian(place: &Place, packages: &[&str]) -> Result<(), String> {
    let names = packages.join(" ");
    if !is_root() || !answers("apt-get") {
        return Err(format!("not installed, and this is no root shell of a Debian: {names}"));
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments);
        place.succeed(&mut command)
    };
    let install = [&["install", "--yes", "--no-install-recommends"], packages].concat();
    println!("      installing {names}");
    apt(&install).or_else(|_| apt(&["update"]).and_then(|()| apt(&install)))
}

pub(super) fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.starts_with(b"0\n"))
}

fn answers_at(program: &Path) -> bool {
    program.to_str().is_some_and(answers)
}

fn is_copy(original: &Path, copy: &Path) -> bool {
    matches!((fs::read(original), fs::read(copy)), (Ok(a), Ok(b)) if a == b)
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let failed =
        |error| tail(&format!("cannot copy {} to {}: {error}", from.display(), to.display()));
    fs::copy(from, to).map(|_| ()).map_err(failed)
}
