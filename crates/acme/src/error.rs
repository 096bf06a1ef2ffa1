//! Why an authority did not do what it was asked.

use std::time::Duration;

use instant_acme::Problem;
use strongroom_outgoing::OutgoingError;
use strongroom_pki::PkiError;

/// Why an authority did not do what it was asked. The texts are for whoever owns the certificate.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    /// A setting of the configuration that cannot be; names it.
    #[error("{0}")]
    Settings(String),
    /// Names that an authority of this kind, or the configured challenge, cannot certify.
    #[error("{0}")]
    Names(String),
    /// The key of the external account is not base64url.
    #[error("the issuer's password is not an EAB HMAC key: it must be base64url")]
    ExternalAccount,
    /// The authority refused, in its own words.
    #[error("the authority refused: {}", said(.problem))]
    Refused {
        /// What it said (RFC 7807).
        problem: Box<Problem>,
        /// For how long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// It found that the names are not ours, or would not issue for another reason.
    #[error("the order is invalid: {0}")]
    Invalid(String),
    /// No connection, or no answer in time.
    #[error(transparent)]
    Unreachable(#[from] OutgoingError),
    /// An answer that is not ACME.
    #[error("the authority answered something that is not ACME: {0}")]
    Garbage(String),
    /// The whole step took too long.
    #[error("the step took longer than {} s", .0.as_secs())]
    Timeout(Duration),
    /// A challenge's answer could not be put where the authority looks.
    #[error("the answer to the challenge could not be placed: {0}")]
    Challenge(String),
    /// The authority's certificate, or ours for a challenge, is not one.
    #[error(transparent)]
    Certificate(#[from] PkiError),
}

/// What a problem says, with those of its parts.
fn said(problem: &Problem) -> String {
    let part = |kind: &Option<String>, detail: &Option<String>| {
        let kind = kind.as_deref().unwrap_or("about:blank");
        let kind = kind.strip_prefix("urn:ietf:params:acme:error:").unwrap_or(kind);
        match detail {
            Some(detail) => format!("{detail} ({kind})"),
            None => kind.to_owned(),
        }
    };
    let mut text = part(&problem.r#type, &problem.detail);
    for sub in &problem.subproblems {
        text.push_str("; ");
        text.push_str(&part(&sub.r#type, &sub.detail));
    }
    shortened(&text)
}

/// What a client sees of a text that came from elsewhere: one line, not too long.
pub(crate) fn shortened(text: &str) -> String {
    const MOST_CHARS: usize = 600;
    let mut short: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST_CHARS).collect();
    if text.chars().nth(MOST_CHARS).is_some() {
        short.push('…');
    }
    short
}

/// What a problem says of an order or an authorization.
pub(crate) fn problem_text(problem: &Problem) -> String {
    said(problem)
}

/// Problems (RFC 8555, 6.7) after which the same request, sent again, would be refused again.
const FINAL: &[&str] = &[
    "accountDoesNotExist",
    "alreadyReplaced",
    "badCSR",
    "badPublicKey",
    "badSignatureAlgorithm",
    "caa",
    "externalAccountRequired",
    "invalidContact",
    "invalidProfile",
    "malformed",
    "rejectedIdentifier",
    "unauthorized",
    "unsupportedContact",
    "unsupportedIdentifier",
    "userActionRequired",
];

impl AcmeError {
    /// Whether trying again is of no use.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Settings(_) | Self::Names(_) | Self::ExternalAccount | Self::Invalid(_) => true,
            Self::Refused { problem, .. } => FINAL.iter().any(|kind| is(problem, kind)),
            Self::Unreachable(error) => {
                matches!(error, OutgoingError::Url | OutgoingError::Ca)
            }
            Self::Garbage(_) | Self::Timeout(_) | Self::Challenge(_) | Self::Certificate(_) => {
                false
            }
        }
    }

    /// For how long the authority wants to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the authority does not know our account: it has forgotten it, or is another one.
    pub fn account_is_unknown(&self) -> bool {
        matches!(self, Self::Refused { problem, .. } if is(problem, "accountDoesNotExist"))
    }

    /// Whether the authority has no such order, or not any more.
    pub fn order_is_unknown(&self) -> bool {
        matches!(self, Self::Refused { problem, .. } if problem.status == Some(404))
    }

    /// Whether the authority knows no certificate that the order says it replaces.
    pub fn cannot_replace(&self) -> bool {
        matches!(self, Self::Refused { problem, .. } if is(problem, "alreadyReplaced"))
    }
}

fn is(problem: &Problem, kind: &str) -> bool {
    let known = problem.r#type.as_deref().unwrap_or_default();
    known.strip_prefix("urn:ietf:params:acme:error:") == Some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(kind: &str) -> AcmeError {
        let problem = Problem {
            r#type: Some(format!("urn:ietf:params:acme:error:{kind}")),
            detail: Some("no\u{7} way".into()),
            status: Some(403),
            subproblems: Vec::new(),
        };
        AcmeError::Refused { problem: Box::new(problem), retry_after: None }
    }

    /// RFC 8555, 6.7: what a client may send again, and what not.
    #[test]
    fn a_limit_passes_and_a_rejection_stays() {
        for kind in ["rateLimited", "serverInternal", "badNonce", "orderNotReady", "dns"] {
            assert!(!refused(kind).is_final(), "{kind}");
        }
        for kind in ["rejectedIdentifier", "caa", "externalAccountRequired", "badCSR"] {
            assert!(refused(kind).is_final(), "{kind}");
        }
    }

    #[test]
    fn what_an_authority_says_stays_on_one_line() {
        assert_eq!(refused("caa").to_string(), "the authority refused: no  way (caa)");
        assert_eq!(shortened(&"x".repeat(1_000)).chars().count(), 601);
    }
}
