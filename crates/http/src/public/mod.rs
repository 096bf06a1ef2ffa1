//! What anybody may read without a token: the revocation lists, OCSP responses and certificates of
//! a vault's authorities.
//!
//! Whoever verifies a certificate has no account here, and may have no trusted TLS either, so the
//! same is answered at `https://<vault>.vault.<base>/pki/<authority>/…` and, where the operator
//! opens one, on a listener without TLS at `/<vault>/<authority>/…`. Nothing of it is secret, and
//! all of it is signed. A vault's firewall holds here too. Reads are counted, not
//! recorded, as those of the token service's discovery
//! documents are; refusals are recorded as those of requests without a token.

mod route;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use strongroom_audit::AuditError;
use strongroom_authz::network;
use strongroom_directory::Vault;
use strongroom_ops::{MAX_OCSP_BYTES, OpError, Published};
use strongroom_store::Store;

use crate::body;
use crate::headers::{self, Connection};
use crate::service::Service;
use crate::vault::Draft;
use route::{Asked, What};

/// What the audit calls a read of what an authority publishes.
const OPERATION: &str = "CertificateAuthorityRead";

const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// Whether a path of a vault's host is answered here.
pub(crate) fn is_public(path: &str) -> bool {
    path.starts_with("/pki/")
}

/// Answers a request to a vault's host.
pub(crate) async fn respond<S: Store>(
    service: &Service<S>,
    connection: &Connection,
    vault_name: &str,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let asked = route::of_host(request.uri().path());
    let vault = service.ops.directory().current().vault(vault_name).cloned();
    let base = service.endpoints.vault(vault_name);
    let at = At { connection, base: &base, vault: vault.as_deref() };
    let mut response = answer(service, &at, asked, request).await;
    headers::put_security(response.headers_mut());
    response
}

/// Answers a request on a listener without TLS.
pub(crate) async fn respond_plain<S: Store>(
    service: Arc<Service<S>>,
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if let Some(response) = challenge(&service, &request) {
        return Ok(response);
    }
    let (vault, asked) = match route::of_plain(request.uri().path()) {
        Some((vault, asked)) => {
            (service.ops.directory().current().vault(&vault).cloned(), Some(asked))
        }
        None => (None, None),
    };
    let base = format!("http://{}", connection.info.local);
    let at = At { connection: &connection, base: &base, vault: vault.as_deref() };
    let mut response = answer(&service, &at, asked, request).await;
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    Ok(response)
}

/// Answers an ACME authority that validates a name by HTTP-01 (RFC 8555, 8.3).
fn challenge<S: Store>(
    service: &Service<S>,
    request: &Request<Incoming>,
) -> Option<Response<Full<Bytes>>> {
    let token = request.uri().path().strip_prefix("/.well-known/acme-challenge/")?;
    let answer = service.ops.challenge_answer(token).filter(|_| request.method() == Method::GET)?;
    let content_type = HeaderValue::from_static("application/octet-stream");
    let mut response = Response::new(Full::new(Bytes::from(answer)));
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    put_caching(response.headers_mut(), 0);
    Some(response)
}

/// Where a request came in, and which vault it is about.
struct At<'a> {
    connection: &'a Connection,
    base: &'a str,
    vault: Option<&'a Vault>,
}

async fn answer<S: Store>(
    service: &Service<S>,
    at: &At<'_>,
    asked: Option<Asked>,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let started = Instant::now();
    let (head, body) = request.into_parts();
    let request = Request::from_parts(head, ());
    // Whom the vault's firewall does not let in sees no vault: nobody has signed in here, and the
    // status alone is answered.
    let open = at.vault.filter(|vault| {
        network::admit(&vault.firewall, at.connection.info.peer.ip(), None, &[]).is_ok()
    });
    let outcome = match open.zip(asked) {
        Some((vault, asked)) => read(service, vault, asked, &request, body).await,
        None => Err(Refusal::NotFound),
    };
    let response = match outcome {
        Ok((content_type, published)) => success(content_type, published, request.method()),
        Err(refusal) => {
            let noted = record(service, at, &request, refusal.status()).await;
            match noted {
                Ok(()) => refused(&refusal),
                Err(error) => {
                    tracing::error!(%error, "a request could not be audited");
                    refused(&Refusal::Later(None))
                }
            }
        }
    };
    service.metrics().answered(None, response.status().as_u16(), started.elapsed());
    response
}

/// Records a refusal; a flood of them from one address is summed.
async fn record<S: Store>(
    service: &Service<S>,
    at: &At<'_>,
    request: &Request<()>,
    status: StatusCode,
) -> Result<(), AuditError> {
    let mut call = Draft::new(service, at.connection, at.base, request).into_call(at.vault);
    call.record_mut().operation = OPERATION.into();
    let failure = status.canonical_reason().unwrap_or_default();
    service.ops.audit().denied(call.close(status.as_u16(), Some(failure))).await
}

/// Why something public is not answered.
enum Refusal {
    NotFound,
    Method,
    Request,
    TooLarge,
    Later(Option<u32>),
    Failed,
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Request => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Later(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<OpError> for Refusal {
    fn from(error: OpError) -> Self {
        match error {
            OpError::NotFound { .. } | OpError::VaultGone => Self::NotFound,
            OpError::Busy { retry_after } => Self::Later(Some(retry_after)),
            OpError::Unavailable(_) => Self::Later(None),
            error => {
                tracing::error!(%error, "a public request failed");
                Self::Failed
            }
        }
    }
}

async fn read<S: Store>(
    service: &Service<S>,
    vault: &Vault,
    asked: Asked,
    request: &Request<()>,
    body: Incoming,
) -> Result<(&'static str, Published), Refusal> {
    if !service.ops.directory().is_following() {
        return Err(Refusal::Later(None));
    }
    let (ops, vault) = (&service.ops, &vault.resource);
    let Asked { name, version, what } = asked;
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    match what {
        What::List if reads => {
            let list = ops.published_list(vault, &name, version).await?;
            Ok(("application/pkix-crl", list))
        }
        What::Certificate if reads => {
            let certificate = ops.published_certificate(vault, &name, version).await?;
            Ok(("application/pkix-cert", certificate))
        }
        What::Ocsp(Some(encoded)) if reads => {
            let request = route::ocsp_request(&encoded).ok_or(Refusal::Request)?;
            Ok(("application/ocsp-response", ops.answer_ocsp(vault, &name, &request).await))
        }
        What::Ocsp(None) if *request.method() == Method::POST => {
            let sent = body::read(body, MAX_OCSP_BYTES).await.map_err(|error| match error {
                body::BodyError::TooLarge => Refusal::TooLarge,
                body::BodyError::Incomplete => Refusal::Request,
            })?;
            Ok(("application/ocsp-response", ops.answer_ocsp(vault, &name, &sent).await))
        }
        _ => Err(Refusal::Method),
    }
}

fn success(
    content_type: &'static str,
    published: Published,
    method: &Method,
) -> Response<Full<Bytes>> {
    let length = published.der.len();
    let body = if *method == Method::HEAD { Bytes::new() } else { published.der };
    let mut response = Response::new(Full::new(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    put_caching(headers, published.max_age);
    response
}

fn put_caching(headers: &mut HeaderMap, max_age: u32) {
    let value = match max_age {
        0 => HeaderValue::from_static("no-store"),
        seconds => HeaderValue::from_str(&format!("public, max-age={seconds}, no-transform"))
            .unwrap_or(HeaderValue::from_static("no-store")),
    };
    headers.insert(header::CACHE_CONTROL, value);
}

fn refused(refusal: &Refusal) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = refusal.status();
    let headers = response.headers_mut();
    put_caching(headers, 0);
    match refusal {
        Refusal::Method => {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, POST"));
        }
        Refusal::Later(seconds) => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.unwrap_or(1)));
        }
        _ => {}
    }
    response
}
