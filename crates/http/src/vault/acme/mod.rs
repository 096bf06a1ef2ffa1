//! The ACME server of a vault's authorities (RFC 8555): `/acme/{issuer}/…`.
//!
//! These requests carry no bearer token. An account's key signs them, and the account acts as the
//! principal that its binding was made for; so authentication is the signature, authorisation is
//! that principal's, looked up at every request, and both are recorded as everywhere else.
//!
//! ```text
//! path ─► resource, issuer ─► JWS: url, nonce ─► account, signature ─► principal ─► right ─► ops
//! ```

mod account;
pub mod jws;
mod nonce;
mod order;
mod places;
mod reply;
mod revoke;
mod route;
mod server;
mod signed;

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use strongroom_authz::network;
use strongroom_directory::{Directory, Vault};
use strongroom_model::ObjectName;
use strongroom_ops::{AcmeError, AcmeErrorKind as Kind, Call, OpError};
use strongroom_store::Store;
use strongroom_wire::acme as wire;

use super::LOCAL;
use super::draft::Draft;
use crate::headers::{self, CLIENT_REQUEST_ID, Connection};
use crate::service::Service;
use nonce::Nonces;
use reply::Reply;
use route::Resource;

pub(crate) use route::is_acme;
pub(crate) use server::AcmeServer;

/// How often a client should ask when to renew, in seconds: 6 hours.
const RENEWAL_LOOK: u32 = 6 * 3_600;

/// A request to one ACME server.
struct Visit<'a, S: Store> {
    service: &'a Service<S>,
    acme: &'a AcmeServer,
    nonces: &'a Nonces,
    directory: &'a Directory,
    vault: &'a Arc<Vault>,
    issuer: ObjectName,
    /// The vault's URL.
    base: &'a str,
    /// Whence it comes.
    address: IpAddr,
}

impl<S: Store> Visit<'_, S> {
    /// The URL of what is below this ACME server.
    fn path(&self, below: &str) -> String {
        format!("{}/acme/{}/{below}", self.base, self.issuer)
    }

    /// The URL of a path of this vault.
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

/// The whole way of a request. As in every vault, nothing is answered unaudited.
pub(crate) async fn respond<S: Store>(
    service: &Service<S>,
    connection: &Connection,
    vault_name: &str,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let base = service.endpoints.vault(vault_name);
    let draft = Draft::new(service, connection, &base, &request);
    let started = draft.started;
    let client_request_id = request.headers().get(CLIENT_REQUEST_ID).cloned();
    let method = request.method().clone();
    let directory = service.ops.directory().current();
    let vault = directory.vault(vault_name).cloned();
    let mut call = draft.into_call(vault.as_deref());
    let request_id = call.id();
    let address = connection.info.peer.ip();
    let open = vault.as_ref().filter(|vault| lets_in(vault, address));
    let place = (open, base.as_str(), address);
    let outcome = attempt(service, &directory, place, request, &mut call).await;
    let mut reply = outcome.unwrap_or_else(|error| Reply::refusal(&error));
    if let Err(error) = record(service, call, &reply).await {
        tracing::error!(%error, "a request could not be audited, so it is not answered");
        reply = Reply::refusal(&AcmeError::Op(OpError::AuditFull));
    }
    let status = reply.status.as_u16();
    // Every answer to a POST brings the nonce of the next one, errors included.
    let is_signed = method == Method::POST;
    let nonces = service.acme().map(|acme| &acme.nonces);
    let nonce = nonces.filter(|_| is_signed || reply.gives_nonce()).map(Nonces::draw);
    let index = reply.directory().map(str::to_owned);
    let reply = match index {
        Some(directory) if is_signed => reply.link(directory, "index"),
        _ => reply,
    };
    let mut response = reply.into_response(&method, nonce.as_deref());
    let headers = response.headers_mut();
    headers::put(headers, request_id, client_request_id.as_ref(), &LOCAL, connection);
    headers.insert(http::header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    service.metrics().answered(None, status, started.elapsed());
    response
}

async fn attempt<S: Store>(
    service: &Service<S>,
    directory: &Directory,
    (vault, base, address): (Option<&Arc<Vault>>, &str, IpAddr),
    request: Request<Incoming>,
    call: &mut Call,
) -> Result<Reply, AcmeError> {
    if !service.ops.directory().is_following() {
        return Err(OpError::Unavailable("directory".into()).into());
    }
    let (issuer, resource) = route::parse(request.method(), request.uri().path())?;
    call.record_mut().operation = resource.audit_name().into();
    let vault = vault.ok_or_else(nothing)?;
    let acme = service.acme().ok_or_else(nothing)?;
    if !service.ops.serves_acme(vault.resource.id, &issuer).await? {
        return Err(nothing());
    }
    let nonces = &acme.nonces;
    let visit = Visit { service, acme, nonces, directory, vault, issuer, base, address };
    let reply = answer(&visit, resource, request, call).await;
    let reply = reply.unwrap_or_else(|error| Reply::refusal(&error));
    Ok(reply.of_directory(visit.path("directory")))
}

/// A vault that is not there or whose firewall does not let this client in, and an issuer that
/// serves no ACME, look alike.
fn nothing() -> AcmeError {
    AcmeError::refused(Kind::NotFound, "No ACME directory is served here.")
}

fn lets_in(vault: &Vault, address: IpAddr) -> bool {
    network::admit(&vault.firewall, address, None, &[]).is_ok()
}

/// From a resource to what does it. One exhaustive match.
async fn answer<S: Store>(
    visit: &Visit<'_, S>,
    resource: Resource,
    request: Request<Incoming>,
    call: &mut Call,
) -> Result<Reply, AcmeError> {
    let is_head = request.method() == Method::HEAD;
    let (head, body) = request.into_parts();
    match &resource {
        Resource::Directory => return Reply::json(StatusCode::OK, &directory(visit)),
        Resource::NewNonce => {
            let status = if is_head { StatusCode::OK } else { StatusCode::NO_CONTENT };
            return Ok(Reply::empty(status).with_nonce());
        }
        Resource::RenewalInfo(certificate) => return renewal_info(visit, certificate).await,
        _ => {}
    }
    let jws = signed::read(visit, &head, body).await?;
    // A body may take half a minute to come: what is decided is decided on the directory of then.
    let now = visit.service.ops.directory().current();
    let vault = now.vault_by_id(visit.vault.resource.id);
    let vault = vault.filter(|vault| lets_in(vault, visit.address)).ok_or_else(nothing)?;
    let visit = &Visit { directory: &now, vault, issuer: visit.issuer.clone(), ..*visit };
    match &resource {
        Resource::NewAccount => return account::create(visit, &jws, call).await,
        Resource::RevokeCert => return Box::pin(revoke::revoke(visit, jws, call)).await,
        _ => {}
    }
    let url = jws.url.clone();
    let signed = signed::with_account(visit, jws, call).await?;
    match resource {
        Resource::Account(id) => account::update(visit, signed, id, call).await,
        Resource::Orders(id) => account::orders(visit, signed, id, call).await,
        Resource::KeyChange => account::change_key(visit, signed, &url, call).await,
        Resource::NewOrder => order::create(visit, signed, call).await,
        Resource::Order(id) => order::get(visit, signed, id, call).await,
        Resource::Finalize(id) => Box::pin(order::finalize(visit, signed, id, call)).await,
        Resource::Authorization(id, at) => {
            order::authorization(visit, signed, (id, at), call).await
        }
        Resource::Challenge(id, at, kind) => {
            order::challenge(visit, signed, (id, at, kind), call).await
        }
        Resource::Certificate(id) => order::certificate(visit, signed, id).await,
        Resource::Directory
        | Resource::NewNonce
        | Resource::NewAccount
        | Resource::RevokeCert
        | Resource::RenewalInfo(_) => Err(OpError::Internal("an ACME resource".into()).into()),
    }
}

/// `GET renewal-info/{id}`: the authority's key identifier and the serial number, each base64url.
async fn renewal_info<S: Store>(
    visit: &Visit<'_, S>,
    certificate: &str,
) -> Result<Reply, AcmeError> {
    let malformed = || AcmeError::refused(Kind::Malformed, "No identifier of a certificate.");
    let (authority, serial) = certificate.split_once('.').ok_or_else(malformed)?;
    URL_SAFE_NO_PAD.decode(authority).map_err(|_| malformed())?;
    let serial = URL_SAFE_NO_PAD.decode(serial).map_err(|_| malformed())?;
    let ops = &visit.service.ops;
    let window = ops.acme_renewal_window(visit.vault, &visit.issuer, &serial).await?;
    let unknown = || AcmeError::refused(Kind::NotFound, "The certificate is unknown.");
    let (start, end) = window.ok_or_else(unknown)?;
    let suggested_window = wire::SuggestedWindow { start: start.rfc3339(), end: end.rfc3339() };
    let body = Reply::json(StatusCode::OK, &wire::RenewalInfo { suggested_window })?;
    Ok(body.retry_after(RENEWAL_LOOK))
}

fn directory<S: Store>(visit: &Visit<'_, S>) -> wire::Directory {
    wire::Directory {
        new_nonce: visit.path("new-nonce"),
        new_account: visit.path("new-account"),
        new_order: visit.path("new-order"),
        revoke_cert: visit.path("revoke-cert"),
        key_change: visit.path("key-change"),
        renewal_info: visit.path("renewal-info"),
        meta: wire::DirectoryMeta { external_account_required: true },
    }
}

/// Hands the record to the journal, unless a mutation has committed it already. Whoever has shown
/// to hold no account may send a flood: those are summed, as those without a token are.
async fn record<S: Store>(
    service: &Service<S>,
    call: Call,
    reply: &Reply,
) -> Result<(), strongroom_audit::AuditError> {
    if call.is_recorded() {
        return Ok(());
    }
    let record = call.close(reply.status.as_u16(), reply.failure.as_deref());
    let audit = service.ops.audit();
    match record.identity.object_id {
        None => audit.denied(record).await,
        Some(_) => audit.record(&record).await,
    }
}
