//! Whether `*.localhost` names resolve: glibc leaves them to a module that is often missing.

use std::fs;
use std::net::ToSocketAddrs;
use std::process::Command;

use super::counts::Counts;
use super::step::{Outcome, Place};
use super::tools;

/// The vaults and hosts of the compat suites, for /etc/hosts where no module can be installed.
const HOSTS: &[&str] = &[
    "login.localhost",
    "management.localhost",
    "graph.localhost",
    "portal.localhost",
    "dev.vault.localhost",
    "protected.vault.localhost",
    "week.vault.localhost",
    "nowhere.vault.localhost",
];
const BEGIN: &str = "# begin strongroom tests";
const END: &str = "# end strongroom tests";

/// Makes the names resolve when it may: libnss-myhostname first, a block in /etc/hosts else.
pub(super) fn resolve(place: &Place) -> Outcome {
    if all_resolve() {
        return Outcome::Ran(Counts::ONE);
    }
    if !tools::is_root() {
        return Outcome::Skipped(
            "*.localhost names do not resolve: install libnss-myhostname as root".into(),
        );
    }
    let module = tools::debian(place, &["libnss-myhostname"]);
    if module.is_ok() && all_resolve() {
        return Outcome::Ran(Counts::ONE);
    }
    Outcome::of(write_block().and_then(|()| {
        if all_resolve() { Ok(()) } else { Err("names in /etc/hosts do not resolve".into()) }
    }))
}

/// A new process asks, as the system is set up now.
fn all_resolve() -> bool {
    let getent = |name: &str| Command::new("getent").args(["ahosts", name]).output();
    HOSTS.iter().all(|name| match getent(name) {
        Ok(output) => output.status.success(),
        Err(_) => (*name, 443).to_socket_addrs().is_ok(),
    })
}

fn write_block() -> Result<(), String> {
    const FILE: &str = "/etc/hosts";
    let failed = |error| format!("{FILE}: {error}");
    let text = fs::read_to_string(FILE).map_err(failed)?;
    fs::write(FILE, with_block(&text)).map_err(failed)
}

fn with_block(hosts: &str) -> String {
    let mut inside = false;
    let kept = hosts.lines().filter(|line| {
        inside = (inside || *line == BEGIN) && *line != END;
        !inside && *line != END
    });
    let kept: Vec<&str> = kept.collect();
    let names = HOSTS.join(" ");
    format!("{}\n{BEGIN}\n127.0.0.1 {names}\n::1 {names}\n{END}\n", kept.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_is_written_once_and_keeps_the_rest() {
        let once = with_block("127.0.0.1 localhost");
        assert!(once.starts_with("127.0.0.1 localhost\n"));
        assert_eq!(with_block(&once), once);
    }
}
