//! What went wrong between the command line and the server, in one line that says what to do.

use std::error::Error;
use std::io;
use std::iter::successors;
use std::path::Path;

use reqwest::Url;
use serde::Deserialize;

use crate::error::CliError;

/// The longest text of a server that is repeated, in characters.
const LONGEST: usize = 2_000;

/// Why a request found no answer.
pub(crate) fn no_answer(url: &Url, ca_file: Option<&Path>, error: &reqwest::Error) -> CliError {
    let place = url.origin().ascii_serialization();
    if error.is_timeout() {
        return CliError::Failed(format!(
            "{place} did not answer in time: look at the server's log"
        ));
    }
    let causes: Vec<&(dyn Error + 'static)> =
        successors(error.source(), |cause| (*cause).source()).collect();
    let refused = causes.iter().filter_map(|cause| cause.downcast_ref::<io::Error>());
    if refused.clone().any(|cause| cause.kind() == io::ErrorKind::ConnectionRefused) {
        return CliError::Failed(format!(
            "nobody listens at {place}: is the server running? `strongroom dev` starts one"
        ));
    }
    let says = |text: &str| causes.iter().any(|cause| cause.to_string().contains(text));
    if says("dns error") || says("failed to lookup address") {
        return CliError::Failed(unresolved(url));
    }
    if says("certificate") {
        return CliError::Failed(untrusted(&place, ca_file));
    }
    let cause = causes.last().map_or_else(|| error.to_string(), |cause| cause.to_string());
    CliError::Failed(format!("{place} gave no answer: {}", one_line(&cause)))
}

fn unresolved(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    format!(
        "{host} does not resolve on this machine: `sudo {} hosts --install --ready-file FILE` \
         helps",
        own_path()
    )
}

fn untrusted(place: &str, ca_file: Option<&Path>) -> String {
    let trusted = match ca_file {
        Some(file) => format!("by {}", file.display()),
        None => "by the certificates of this system".to_owned(),
    };
    format!(
        "the certificate of {place} is not vouched for {trusted}: set SSL_CERT_FILE to that \
         server's ca.pem, or name its ready file by --ready-file"
    )
}

/// The path of this program, for commands that the user is to type.
pub(crate) fn own_path() -> String {
    std::env::current_exe().map_or_else(|_| "strongroom".into(), |path| path.display().to_string())
}

/// An error body of the vault, or of the administrator's socket.
#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorDetail,
}

#[derive(Deserialize)]
struct ErrorDetail {
    code: String,
    message: String,
    innererror: Option<InnerError>,
}

#[derive(Deserialize)]
struct InnerError {
    code: String,
}

/// Why the server refused, in its own words.
pub(crate) fn refusal(status: u16, body: &[u8]) -> CliError {
    let text = match serde_json::from_slice::<ErrorBody>(body) {
        Ok(ErrorBody { error }) => {
            let code = error.innererror.map_or(error.code, |inner| inner.code);
            format!("({code}) {}", error.message)
        }
        Err(_) => format!("the server answered {status}"),
    };
    of_status(status, one_line(&text))
}

/// The exit status that belongs to an answer's status.
pub(crate) fn of_status(status: u16, text: String) -> CliError {
    match status {
        400 | 413 => CliError::Usage(text),
        401 | 403 => CliError::Denied(text),
        404 => CliError::NotFound(text),
        _ => CliError::Failed(text),
    }
}

/// A text on one line, without what a terminal would obey.
pub(crate) fn one_line(text: &str) -> String {
    let plain: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_the_service_says() {
        let body =
            br#"{"error":{"code":"Forbidden","message":"Caller is not authorized.\r\nAction: x",
            "innererror":{"code":"ForbiddenByRbac"}}}"#;
        let error = refusal(403, body);
        assert!(matches!(error, CliError::Denied(_)));
        assert_eq!(error.to_string(), "(ForbiddenByRbac) Caller is not authorized. Action: x");
    }

    #[test]
    fn each_status_has_its_exit_status() {
        assert!(matches!(refusal(404, b"{}"), CliError::NotFound(_)));
        assert!(matches!(refusal(401, b""), CliError::Denied(_)));
        assert!(matches!(refusal(400, b""), CliError::Usage(_)));
        for status in [409, 429, 500, 503] {
            assert!(matches!(refusal(status, b"<html>"), CliError::Failed(_)), "{status}");
        }
    }

    #[test]
    fn a_terminal_is_not_driven_by_a_server() {
        assert_eq!(one_line("a\u{1b}[2Jb\n\nc"), "a [2Jb c");
        assert_eq!(one_line(&"x".repeat(5_000)).len(), 2_000);
    }
}
