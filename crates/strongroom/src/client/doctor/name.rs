//! Whether the name resolves on this machine, as programs ask for it.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::super::failure::own_path;
use super::report::{Finding, Told};
use super::target::Target;
use crate::error::CliError;

const PATIENCE: Duration = Duration::from_secs(15);
const HOSTS_FILE: &str = "/etc/hosts";

/// The addresses of a host.
pub(super) async fn resolve(target: &Target) -> Told<Vec<SocketAddr>> {
    let host = target.host();
    let literal = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let asked = tokio::net::lookup_host((host.trim_matches(['[', ']']), target.port()));
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(found)) => {
            let addresses: Vec<SocketAddr> = found.collect();
            let shown: BTreeSet<String> =
                addresses.iter().map(|address| address.ip().to_string()).collect();
            let shown = shown.into_iter().collect::<Vec<_>>().join(" and ");
            let by =
                if is_in_hosts_file(host) { format!(", by {HOSTS_FILE}") } else { String::new() };
            let text = match literal {
                Ok(_) => format!("{host} is an address"),
                Err(_) => format!("{host} is {shown}{by}"),
            };
            (Finding::ok(text), Some(addresses))
        }
        Ok(Err(error)) => (unresolved(host, &error.to_string()), None),
        Err(_) => (unresolved(host, "no resolver answered in time"), None),
    }
}

fn unresolved(host: &str, why: &str) -> Finding {
    let next = if host == "localhost" || host.ends_with(".localhost") {
        format!(
            "glibc does not know that *.localhost is this machine: install the package \
             libnss-myhostname (`sudo apt-get install libnss-myhostname`), or put the names into \
             {HOSTS_FILE}: `sudo {} hosts --install --ready-file FILE`",
            own_path()
        )
    } else {
        format!(
            "check its spelling, and what this machine's resolver says: `getent hosts {host}`. The \
             zone needs a record for it, or one for *.vault.<base>, that leads to the server; \
             {HOSTS_FILE} does for one machine"
        )
    };
    Finding::wrong(CliError::Failed, "unresolved", format!("{host} does not resolve: {why}"), next)
}

fn is_in_hosts_file(host: &str) -> bool {
    let text = fs::read_to_string(HOSTS_FILE).unwrap_or_default();
    let names = text
        .lines()
        .flat_map(|line| line.split('#').next().unwrap_or_default().split_whitespace().skip(1));
    names.into_iter().any(|name| name.eq_ignore_ascii_case(host))
}
