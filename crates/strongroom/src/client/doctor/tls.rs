//! Whether the host proves that it is the host, to the programs of this environment.

use std::error::Error;
use std::iter::successors;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};
use rustls::CertificateError as Fault;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::UnixTime;
use strongroom_directory::system_now;

use super::super::failure::own_path;
use super::host;
use super::report::{Finding, Told};
use super::target::Target;
use super::trust::Source;
use super::wire::{Answer, Verdict, Wire};
use crate::error::CliError;

/// Clocks that differ by less do no harm.
const LEEWAY: SignedDuration = SignedDuration::from_mins(5);

/// A host that has proved who it is.
pub(super) struct Proved {
    pub(super) wire: Wire,
    /// What it said to somebody without a token, if it answered.
    pub(super) answer: Result<Answer, String>,
    /// Certificates by which it is known.
    pub(super) ca_file: PathBuf,
}

/// Shakes hands, and asks the first question.
pub(super) async fn shake_hands(
    target: &Target,
    addresses: &[SocketAddr],
    sources: &[Source],
) -> Result<Told<Proved>, CliError> {
    let usable: Vec<(&Source, Arc<WebPkiServerVerifier>)> = sources
        .iter()
        .filter_map(|source| Some((source, Arc::clone(source.verifier.as_ref().ok()?))))
        .collect();
    let verifiers: Vec<_> = usable.iter().map(|(_, verifier)| Arc::clone(verifier)).collect();
    if verifiers.is_empty() {
        return Ok((unusable(sources), None));
    }
    let wire = Wire::new(target.host(), addresses, verifiers.clone())?;
    let answer = wire.get(host::question(target), None).await;
    let verdicts = wire.verdicts();
    let proof = usable.iter().zip(&verdicts).find(|(_, verdict)| verdict.is_ok());
    let Some(((source, _), _)) = proof else {
        let Some(Err(fault)) = verdicts.first() else {
            return Ok((no_handshake(target, answer.as_ref().err()), None));
        };
        let times = Wire::whatever_the_time(target.host(), addresses, verifiers)?;
        let named = usable.first().map(|(source, _)| source.name.as_str()).unwrap_or_default();
        return Ok((untrusted(target, named, fault, &times).await, None));
    };
    let ca_file = source.file.clone();
    let finding = judged(target, sources, &usable, &verdicts);
    let finding = finding.adding(answer.as_ref().ok().and_then(skew).and_then(told_skew));
    let answer = answer.map_err(|error| cause(&error));
    Ok((finding, Some(Proved { wire, answer, ca_file })))
}

/// Some program believes the host. Do all?
fn judged(
    target: &Target,
    sources: &[Source],
    usable: &[(&Source, Arc<WebPkiServerVerifier>)],
    verdicts: &[Verdict],
) -> Finding {
    let by = |is_ok: bool| {
        let named = usable.iter().zip(verdicts).filter(move |(_, v)| v.is_ok() == is_ok);
        named.map(|((source, _), _)| source.name.clone()).collect::<Vec<_>>().join(", ")
    };
    let broken = sources.iter().find_map(|one| Some((one, one.verifier.as_ref().err()?)));
    if let Some((source, why)) = broken {
        let found = format!("{} {why}; it is trusted by {}", source.name, by(true));
        return Finding::wrong(CliError::Failed, "trustUnusable", found, trust_next(target));
    }
    let Some(fault) = verdicts.iter().find_map(|verdict| verdict.as_ref().err()) else {
        let host = target.host();
        return Finding::ok(format!("{host} has proved who it is: trusted by {}", by(true)));
    };
    let (code, what, next) = fault_of(target, fault);
    let found = format!("{what} by {}, though it is by {}", by(false), by(true));
    Finding::wrong(CliError::Failed, code, found, next)
}

fn unusable(sources: &[Source]) -> Finding {
    let broken = sources
        .iter()
        .filter_map(|source| Some(format!("{} {}", source.name, source.verifier.as_ref().err()?)));
    let found = broken.collect::<Vec<_>>().join(", ");
    let next = "set the variable to the installation's ca.pem or bundle.pem, as `strongroom env` \
                prints it, or unset it";
    Finding::wrong(CliError::Failed, "trustUnusable", found, next)
}

async fn untrusted(target: &Target, source: &str, fault: &rustls::Error, times: &Wire) -> Finding {
    let (code, what, next) = fault_of(target, fault);
    let found = format!("{what} by {source}");
    if !matches!(code, "expired" | "notYetValid") {
        return Finding::wrong(CliError::Failed, code, found, next);
    }
    let answer = times.get(host::question(target), None).await;
    match answer.ok().as_ref().and_then(skew).and_then(told_skew) {
        Some(skew) => Finding::wrong(
            CliError::Failed,
            "clockSkew",
            format!("{found}; {skew}"),
            "set the clocks, best by NTP: `timedatectl status` shows whether it runs",
        ),
        None => Finding::wrong(CliError::Failed, code, found, next),
    }
}

/// A word for programs, what is wrong, and what to do.
fn fault_of(target: &Target, fault: &rustls::Error) -> (&'static str, String, String) {
    let host = target.host();
    let rustls::Error::InvalidCertificate(fault) = fault else {
        let next = "see what answers there: `openssl s_client -connect HOST:PORT`".to_owned();
        return ("badCertificate", format!("the proof of {host} is no good ({fault})"), next);
    };
    match fault {
        Fault::UnknownIssuer => {
            let what = format!("the certificate of {host} is of an authority that is not trusted");
            ("unknownAuthority", what, trust_next(target))
        }
        Fault::NotValidForName | Fault::NotValidForNameContext { .. } => {
            let what =
                format!("the certificate does not name {host}{}, so it is not", named(fault));
            let what = format!("{what} believed");
            let next = "use one of the names that it is for, or give the server a certificate for \
                        this one: a vault's URL is https://<vault>.vault.<base>, and the server's \
                        base domain (`--base`, `server.base`) decides";
            ("nameMismatch", what, next.into())
        }
        Fault::Expired | Fault::ExpiredContext { .. } => {
            let what =
                format!("the certificate of {host} has ended{}, so it is not believed", at(fault));
            let next = "restart the server: it renews its certificate, and see why it did not in \
                        its log; behind a proxy renew the proxy's";
            ("expired", what, next.into())
        }
        Fault::NotValidYet | Fault::NotValidYetContext { .. } => {
            let what =
                format!("the certificate of {host} begins{}, so it is not believed yet", at(fault));
            ("notYetValid", what, "set the clocks, best by NTP: `timedatectl status`".into())
        }
        _ => {
            let what = format!("the certificate of {host} is not believed ({fault})");
            ("badCertificate", what, trust_next(target))
        }
    }
}

fn trust_next(target: &Target) -> String {
    format!(
        "on the server's machine, `eval \"$({} env --ready-file FILE)\"`; elsewhere copy its \
         ca.pem and set SSL_CERT_FILE, REQUESTS_CA_BUNDLE (Python, az; it replaces the usual ones) \
         and NODE_EXTRA_CA_CERTS to it. If a proxy stands before {} \
         its authority has to be there, too",
        own_path(),
        target.host()
    )
}

fn named(fault: &Fault) -> String {
    match fault {
        Fault::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            format!(" but {}", presented.join(", ").replace("DnsName(\"", "").replace("\")", ""))
        }
        _ => String::new(),
    }
}

fn at(fault: &Fault) -> String {
    let (edge, now) = match fault {
        Fault::ExpiredContext { time, not_after } => (not_after, time),
        Fault::NotValidYetContext { time, not_before } => (not_before, time),
        _ => return String::new(),
    };
    format!(" at {} (it is {} on this machine)", shown(*edge), shown(*now))
}

fn shown(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or_default();
    Timestamp::from_second(seconds).map(|time| time.to_string()).unwrap_or_default()
}

/// How far the host's clock is ahead of this machine's, by its `Date` header.
fn skew(answer: &Answer) -> Option<SignedDuration> {
    let date = DateTimeParser::new().parse_timestamp(answer.header("date")?).ok()?;
    let now = Timestamp::from_second(system_now().0).ok()?;
    Some(date.duration_since(now))
}

fn told_skew(skew: SignedDuration) -> Option<String> {
    if skew.abs() < LEEWAY {
        return None;
    }
    let (whole, side) =
        (skew.abs().as_secs(), if skew.is_positive() { "behind" } else { "ahead of" });
    Some(format!("this machine's clock is {whole} s {side} the server's"))
}

fn no_handshake(target: &Target, error: Option<&reqwest::Error>) -> Finding {
    let place = format!("{}:{}", target.host(), target.port());
    let why = error.map_or_else(|| "no certificate was shown".to_owned(), cause);
    let found = format!("{place} does not speak TLS: {why}");
    let next = "see what listens there: is it the right port, or a proxy that expects something \
                else? A Strongroom speaks TLS 1.2 and 1.3 only";
    Finding::wrong(CliError::Failed, "notTls", found, next)
}

/// The innermost reason, and that it was too late where it was.
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it did not answer in time".into();
    }
    let causes = successors(error.source(), |cause| (*cause).source());
    causes.last().map_or_else(|| error.to_string(), ToString::to_string)
}
