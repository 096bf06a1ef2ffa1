//! Whether `*.localhost` names resolve: glibc leaves them to a module that is often missing.

use std::net::ToSocketAddrs;
use std::process::Command;

use super::counts::Counts;
use super::step::{Outcome, Place};
use super::tools;

/// The hosts and vaults of the compat suites.
const HOSTS: &[&str] = &["login", "management", "graph", "portal"];
const VAULTS: &[&str] = &["dev", "protected", "week", "nowhere"];

/// Makes the names resolve when it may: libnss-myhostname first, else a block in /etc/hosts.
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
    Outcome::of(install_block(place).and_then(|()| {
        if all_resolve() { Ok(()) } else { Err("names in /etc/hosts do not resolve".into()) }
    }))
}

fn install_block(place: &Place) -> Result<(), String> {
    let mut command = Command::new(place.server());
    command.args(["hosts", "--install", "--base", "localhost"]);
    command.args(VAULTS.iter().flat_map(|vault| ["--vault", vault]));
    place.succeed(&mut command)
}

/// A new process asks, as the system is set up now.
fn all_resolve() -> bool {
    let hosts = HOSTS.iter().map(|host| format!("{host}.localhost"));
    hosts.chain(VAULTS.iter().map(|vault| format!("{vault}.vault.localhost"))).all(|name| {
        match Command::new("getent").args(["ahosts", &name]).output() {
            Ok(output) => output.status.success(),
            Err(_) => (name.as_str(), 443).to_socket_addrs().is_ok(),
        }
    })
}
