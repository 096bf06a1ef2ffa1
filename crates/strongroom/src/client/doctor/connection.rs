//! Whether somebody listens where the name leads.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use strongroom_model::Endpoints;
use tokio::net::TcpStream;

use super::report::{Finding, Told};
use super::target::Target;
use crate::error::CliError;

/// For one address.
const PATIENCE: Duration = Duration::from_secs(5);

/// Those of the addresses at which somebody listens.
pub(super) async fn connect(
    target: &Target,
    addresses: &[SocketAddr],
    known: Option<&Endpoints>,
) -> Told<Vec<SocketAddr>> {
    let mut open = Vec::new();
    let mut failed = Vec::new();
    for address in addresses {
        match tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(_)) => open.push(*address),
            Ok(Err(error)) => failed.push((*address, error)),
            Err(_) => failed.push((*address, ErrorKind::TimedOut.into())),
        }
    }
    if open.is_empty() {
        return (closed(target, &failed, known), None);
    }
    let shown: Vec<String> = open.iter().map(SocketAddr::to_string).collect();
    let but = failed.first().map(|(address, error)| {
        let others = if failed.len() > 1 { " and others" } else { "" };
        format!("not at {address}{others} ({}), which costs programs time", why(error))
    });
    let finding = Finding::ok(format!("somebody listens at {}", shown.join(" and ")));
    (finding.adding(but).adding(proxy()), Some(open))
}

fn closed(
    target: &Target,
    failed: &[(SocketAddr, io::Error)],
    known: Option<&Endpoints>,
) -> Finding {
    let shown: Vec<String> =
        failed.iter().map(|(address, error)| format!("{address} ({})", why(error))).collect();
    let found = format!("nobody can be reached at {}", shown.join(" and "));
    let port = target.port();
    let other = known.map(Endpoints::port).filter(|known| *known != port);
    let other = other.map(|other| format!("this installation is at port {other}: use that; or "));
    let other = other.unwrap_or_default();
    if failed.iter().any(|(_, error)| error.kind() == ErrorKind::ConnectionRefused) {
        let next = format!(
            "{other}see on the server's machine whether it runs and listens at port {port} on \
             that address (`ss -ltn`), and start it"
        );
        return Finding::wrong(CliError::Failed, "refused", found, next);
    }
    let next = format!(
        "{other}see whether the machine is up, whether the name leads to the right address, and \
         whether a packet filter on the way drops connections to port {port}"
    );
    let timed_out = failed.iter().all(|(_, error)| error.kind() == ErrorKind::TimedOut);
    let code = if timed_out { "timedOut" } else { "unreachable" };
    Finding::wrong(CliError::Failed, code, found, next)
}

fn why(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "refused".into(),
        ErrorKind::TimedOut => "no answer in time".into(),
        _ => error.to_string(),
    }
}

/// Other programs may take another way than this one.
fn proxy() -> Option<String> {
    let variable = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        .into_iter()
        .find(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))?;
    Some(format!(
        "{variable} is set: unless NO_PROXY names this host, programs go through that proxy, \
         which this examination does not"
    ))
}
