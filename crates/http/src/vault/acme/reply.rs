//! An answer of the ACME server on its way out.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use serde::Serialize;
use strongroom_ops::{AcmeError, AcmeErrorKind as Kind, AcmeRefusal, Identifier, OpError};
use strongroom_wire::{acme as wire, to_json};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");
const PEM_CHAIN: HeaderValue = HeaderValue::from_static("application/pem-certificate-chain");

const REPLAY_NONCE: HeaderName = HeaderName::from_static("replay-nonce");

/// The algorithms that accounts may sign with.
const ALGORITHMS: &[&str] = &["ES256", "ES384", "RS256", "PS256"];

/// A status, a body, headers, and what the audit says of a failure.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) failure: Option<Cow<'static, str>>,
    body: Bytes,
    content_type: Option<HeaderValue>,
    location: Option<String>,
    /// URLs and their relations.
    links: Vec<(String, &'static str)>,
    retry_after: Option<u32>,
    gives_nonce: bool,
    directory: Option<String>,
}

impl Reply {
    /// A status without a body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            failure: None,
            body: Bytes::new(),
            content_type: None,
            location: None,
            links: Vec::new(),
            retry_after: None,
            gives_nonce: false,
            directory: None,
        }
    }

    /// The same answer, whose point is the nonce that comes with it.
    pub(crate) fn with_nonce(self) -> Self {
        Self { gives_nonce: true, ..self }
    }

    /// Whether a nonce comes with it, whatever the request's method.
    pub(crate) fn gives_nonce(&self) -> bool {
        self.gives_nonce
    }

    /// The same answer, of the server whose directory is at a URL.
    pub(crate) fn of_directory(self, directory: String) -> Self {
        Self { directory: Some(directory), ..self }
    }

    /// The URL of the directory.
    pub(crate) fn directory(&self) -> Option<&str> {
        self.directory.as_deref()
    }

    /// A JSON body.
    pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Result<Self, AcmeError> {
        let json = to_json(body).map_err(|_| OpError::Internal("an answer".into()))?;
        let content_type = Some(JSON);
        Ok(Self { body: json.into(), content_type, ..Self::empty(status) })
    }

    /// A chain of certificates, in PEM.
    pub(crate) fn pem_chain(pem: String) -> Self {
        let content_type = Some(PEM_CHAIN);
        Self { body: pem.into(), content_type, ..Self::empty(StatusCode::OK) }
    }

    pub(crate) fn at(self, location: String) -> Self {
        Self { location: Some(location), ..self }
    }

    pub(crate) fn link(mut self, url: String, relation: &'static str) -> Self {
        self.links.push((url, relation));
        self
    }

    /// The same answer to a client that should ask again after so many seconds.
    pub(crate) fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// What a client is told instead of what it asked for.
    pub(crate) fn refusal(error: &AcmeError) -> Self {
        let (problem, retry_after) = match error {
            AcmeError::Refused(refusal) => (problem(refusal), None),
            AcmeError::Identifiers(refusals) => (problems(refusals), None),
            AcmeError::Op(error) => failure(error),
        };
        let status = StatusCode::from_u16(problem.status);
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let failure = problem.kind.rsplit(':').next().unwrap_or_default().to_owned();
        let body = to_json(&problem).unwrap_or_default().into();
        let failure = Some(failure.into());
        Self { failure, body, content_type: Some(PROBLEM), retry_after, ..Self::empty(status) }
    }

    /// The response to a request of this method, with a nonce for the client's next one.
    pub(crate) fn into_response(
        self,
        method: &Method,
        nonce: Option<&str>,
    ) -> Response<Full<Bytes>> {
        let body = if *method == Method::HEAD { Bytes::new() } else { self.body };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let put = |headers: &mut HeaderMap, name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.append(name, value);
            }
        };
        if let Some(content_type) = self.content_type {
            headers.insert(header::CONTENT_TYPE, content_type);
        }
        if let Some(location) = &self.location {
            put(headers, header::LOCATION, location);
        }
        for (url, relation) in &self.links {
            put(headers, header::LINK, &format!("<{url}>;rel=\"{relation}\""));
        }
        if let Some(nonce) = nonce {
            put(headers, REPLAY_NONCE, nonce);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A refusal on the wire.
pub(crate) fn problem(refusal: &AcmeRefusal) -> wire::Problem {
    wire::Problem {
        kind: format!("urn:ietf:params:acme:error:{}", refusal.kind.name()),
        detail: refusal.detail.clone(),
        status: refusal.kind.status(),
        identifier: refusal.identifier.as_ref().map(identifier),
        subproblems: Vec::new(),
        algorithms: (refusal.kind == Kind::BadSignatureAlgorithm).then_some(ALGORITHMS),
    }
}

/// An identifier on the wire.
pub(crate) fn identifier(identifier: &Identifier) -> wire::Identifier {
    wire::Identifier { kind: identifier.kind().into(), value: identifier.value().into() }
}

fn problems(refusals: &[AcmeRefusal]) -> wire::Problem {
    let kind = refusals.first().map_or(Kind::Malformed, |first| first.kind);
    let all = refusals.iter().all(|refusal| refusal.kind == kind);
    let kind = if all { kind } else { Kind::Malformed };
    let text = format!("{} identifiers are refused.", refusals.len());
    let subproblems = refusals.iter().map(problem).collect();
    wire::Problem { subproblems, ..problem(&AcmeRefusal::new(kind, text)) }
}

/// What a client is told of a failure: no more than whether to try again.
fn failure(error: &OpError) -> (wire::Problem, Option<u32>) {
    let (kind, text, retry_after) = match error {
        OpError::Throttled { retry_after, .. } => {
            (Kind::RateLimited, "Too many requests were made of the vault.", *retry_after)
        }
        OpError::Busy { retry_after } => {
            (Kind::Unavailable, "Too many requests are waiting.", Some(*retry_after))
        }
        OpError::Contended => {
            (Kind::Unavailable, "Several requests change the same thing. Try again.", Some(1))
        }
        OpError::AuditFull | OpError::Unavailable(_) => {
            (Kind::Unavailable, "The service cannot take the request now. Try again.", Some(1))
        }
        OpError::VaultGone => (Kind::NotFound, "No ACME directory is served here.", None),
        OpError::Invalid(text) => (Kind::Malformed, text.as_str(), None),
        error => {
            tracing::error!(%error, "a request of the ACME server failed");
            (Kind::ServerInternal, "The service's log says why, by request id.", None)
        }
    };
    (problem(&AcmeRefusal::new(kind, text)), retry_after)
}
