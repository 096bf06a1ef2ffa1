//! A request to a vault, from its head to its answer and its audit record.

mod acme;
mod answer;
mod api_version;
mod certificates;
mod draft;
mod keys;
mod objects;
mod operate;
mod problem;
mod route;
mod secrets;

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use strongroom_authn::{Challenge, bearer_token};
use strongroom_authz::{Access, Authorized, authorise, network};
use strongroom_directory::{Directory, Vault};
use strongroom_model::{Caller, Operation, TenantId};
use strongroom_ops::Call;
use strongroom_store::Store;

use crate::body::{self, Body};
use crate::headers::{self, CLIENT_REQUEST_ID, Connection};
use crate::query::Query;
use crate::service::{Service, authority};
use answer::Answer;
use api_version::ApiVersion;
use problem::with_vault;
use route::Route;

pub(crate) use acme::AcmeServer;
pub(crate) use draft::Draft;
pub(crate) use problem::Problem;

#[cfg(any(fuzzing, test))]
pub use {acme::jws, keys::fuzzing};

const LOCAL: HeaderValue = HeaderValue::from_static("local");

/// One request to a vault.
pub(crate) struct Exchange<'a, S: Store> {
    pub(crate) service: &'a Service<S>,
    pub(crate) api_version: ApiVersion,
    pub(crate) query: Query<'a>,
    /// The vault's URL.
    pub(crate) base: &'a str,
}

/// The whole way of a request. Nothing is answered unaudited: whatever comes out of `attempt`,
/// refusals included, is recorded before the client hears of it.
pub(crate) async fn respond<S: Store>(
    service: &Service<S>,
    connection: &Connection,
    vault_name: &str,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    // An account's signature stands in for a token there.
    if acme::is_acme(request.uri().path()) {
        return Box::pin(acme::respond(service, connection, vault_name, request)).await;
    }
    let base = service.endpoints.vault(vault_name);
    let draft = Draft::new(service, connection, &base, &request);
    let started = draft.started;
    let client_request_id = request.headers().get(CLIENT_REQUEST_ID).cloned();
    let method = request.method().clone();
    let directory = service.ops.directory().current();
    let vault = directory.vault(vault_name).cloned();
    let tenant = tenant(&directory, vault.as_ref());
    let mut call = draft.into_call(vault.as_deref());
    let request_id = call.id();

    let asked = Asked {
        service,
        directory: &directory,
        vault: vault.as_ref(),
        tenant,
        vault_name,
        base: &base,
        address: connection.info.peer.ip(),
    };
    let mut operation = None;
    let outcome = attempt(&asked, request, &mut call, &mut operation).await;
    // Nobody else is told where a vault is, or that there is one.
    let is_known = call.record_mut().identity.object_id.is_some();
    let mut answer = match outcome {
        Ok(answer) => answer,
        Err(problem) => refusal(service, &problem, vault.as_deref(), tenant),
    };
    if let Err(error) = record(service, call, &answer).await {
        answer = unaudited(service, &error, vault.as_deref(), tenant);
    }
    let status = answer.status.as_u16();
    let region = vault
        .filter(|_| is_known)
        .and_then(|vault| HeaderValue::from_str(&vault.resource.location).ok())
        .unwrap_or(LOCAL);
    let mut response = answer.into_response(&method);
    headers::put(
        response.headers_mut(),
        request_id,
        client_request_id.as_ref(),
        &region,
        connection,
    );
    service.metrics().answered(operation, status, started.elapsed());
    response
}

/// Refuses, and records, a request to a host that is no vault's.
pub(crate) async fn refuse<S: Store, B>(
    service: &Service<S>,
    connection: &Connection,
    request: &Request<B>,
    problem: &Problem,
) -> Response<Full<Bytes>> {
    let base = format!("https://{}", authority(request).unwrap_or_default());
    let draft = Draft::new(service, connection, &base, request);
    let started = draft.started;
    let call = draft.into_call(None);
    let request_id = call.id();
    let mut answer = refusal(service, problem, None, None);
    let record = call.close(answer.status.as_u16(), answer.failure.as_deref());
    // Nobody has signed in: a flood of these is summed as those without a token are.
    if let Err(error) = service.ops.audit().denied(record).await {
        answer = unaudited(service, &error, None, None);
    }
    let status = answer.status.as_u16();
    let mut response = answer.into_response(request.method());
    let client_request_id = request.headers().get(CLIENT_REQUEST_ID);
    headers::put(response.headers_mut(), request_id, client_request_id, &LOCAL, connection);
    service.metrics().answered(None, status, started.elapsed());
    response
}

/// Whose tokens are asked for: the vault's tenant, or the default one.
fn tenant(directory: &Directory, vault: Option<&Arc<Vault>>) -> Option<TenantId> {
    vault
        .map(|vault| vault.resource.tenant)
        .or_else(|| directory.installation().map(|installation| installation.default_tenant))
}

/// Where a request goes.
struct Asked<'a, S: Store> {
    service: &'a Service<S>,
    directory: &'a Directory,
    vault: Option<&'a Arc<Vault>>,
    /// Whose tokens are asked for: the vault's tenant, or the default one.
    tenant: Option<TenantId>,
    vault_name: &'a str,
    /// The vault's URL.
    base: &'a str,
    /// Whence it comes.
    address: IpAddr,
}

/// What a request asks for, once it is decided that it may.
struct Decided<'a> {
    query: Query<'a>,
    route: Route,
    api_version: ApiVersion,
    authorized: Authorized,
}

/// Decide, read the body, and decide once more if the directory is another by then: a client may
/// take half a minute to send one. The operation does the rest.
async fn attempt<S: Store>(
    asked: &Asked<'_, S>,
    request: Request<Incoming>,
    call: &mut Call,
    operation: &mut Option<Operation>,
) -> Result<Answer, Problem> {
    let Asked { service, base, .. } = *asked;
    let (head, body) = request.into_parts();
    let mut decided = decide(asked, &head, call, operation).await?;
    let mut sent = Body::default();
    if takes_body(&method(&head.method, &head.headers)) && !body.is_end_stream() {
        sent = body::read(body, operate::body_limit(decided.route.operation)).await?;
        let directory = service.ops.directory().current();
        if directory.revision() != asked.directory.revision() {
            let vault = directory.vault(asked.vault_name);
            let tenant = tenant(&directory, vault);
            let asked = Asked { directory: &directory, vault, tenant, ..*asked };
            decided = Box::pin(decide(&asked, &head, call, operation)).await?;
        }
    }
    let Decided { query, route, api_version, authorized } = decided;
    let exchange = Exchange { service, api_version, query, base };
    operate::operate(&exchange, authorized, route, sent, call).await
}

/// Authenticate, find the vault, pass its firewall, route, authorise.
async fn decide<'a, S: Store>(
    asked: &Asked<'_, S>,
    head: &'a Parts,
    call: &mut Call,
    operation: &mut Option<Operation>,
) -> Result<Decided<'a>, Problem> {
    let Asked { service, directory, .. } = *asked;
    if !service.ops.directory().is_following() {
        return Err(Problem::Op(strongroom_ops::OpError::Unavailable("directory".into())));
    }
    let not_found = || Problem::VaultNotFound(asked.vault_name.chars().take(63).collect());
    let authorization = head.headers.get(header::AUTHORIZATION);
    let token = bearer_token(authorization.and_then(|value| value.to_str().ok()))?;
    let tenant = asked.tenant.ok_or_else(not_found)?;
    let caller = service.authenticator.authenticate(token, call.now(), tenant).await?;
    draft::identify(call, &caller, &service.endpoints);
    let vault = asked.vault.ok_or_else(not_found)?;

    let method = method(&head.method, &head.headers);
    let query = Query::parse(head.uri.query());
    let route = route::parse(&method, head.uri.path());
    if let Ok(route) = &route {
        *operation = Some(route.operation);
        call.record_mut().operation = route.operation.audit_name().into();
    }
    admit_network(service, vault, asked.address, &caller)?;
    let route = route?;
    let api_version = ApiVersion::parse(query.get("api-version"))?;
    call.record_mut().api_version = api_version.as_str().into();
    api_version.check(route.operation)?;

    let authorized = authorise(
        Access {
            caller,
            operation: route.operation,
            vault: Arc::clone(&vault.resource),
            vault_scope: &vault.scope,
            policies: vault.policies.as_ref(),
            object: route.name.clone(),
        },
        directory,
    );
    let authorized = draft::authorised(call, authorized)?;
    Ok(Decided { query, route, api_version, authorized })
}

/// Decided anew for every request: the firewall may have changed since the last one.
fn admit_network<S: Store>(
    service: &Service<S>,
    vault: &Vault,
    address: IpAddr,
    caller: &Arc<Caller>,
) -> Result<(), Problem> {
    let trusted = &service.network().principals;
    network::admit(&vault.firewall, address, Some(caller), trusted)
        .map_err(|refusal| Problem::Network(refusal, Arc::clone(caller)))
}

/// The method, or the one that a POST says it stands for.
fn method(method: &Method, headers: &HeaderMap) -> Method {
    if *method != Method::POST {
        return method.clone();
    }
    ["x-http-method", "x-http-method-override"]
        .iter()
        .find_map(|name| headers.get(*name))
        .and_then(|value| Method::from_bytes(value.as_bytes()).ok())
        .unwrap_or(Method::POST)
}

/// Whether an operation of a method may have a body; any other's is left unread.
fn takes_body(method: &Method) -> bool {
    [Method::POST, Method::PUT, Method::PATCH].contains(method)
}

fn refusal<S: Store>(
    service: &Service<S>,
    problem: &Problem,
    vault: Option<&Vault>,
    tenant: Option<TenantId>,
) -> Answer {
    if let Problem::Op(error @ strongroom_ops::OpError::Internal(_)) = problem {
        tracing::error!(%error, "a request failed");
    }
    let answer = with_vault(problem.answer(), vault.map(|vault| vault.resource.as_ref()));
    let challenge = match (problem, tenant) {
        (Problem::Token(fault), Some(tenant)) => {
            Some(Challenge::new(&service.endpoints, tenant).value_for(fault))
        }
        _ => None,
    };
    Answer::error(&answer, challenge)
}

/// What is answered in place of an answer that could not be recorded.
fn unaudited<S: Store>(
    service: &Service<S>,
    error: &strongroom_audit::AuditError,
    vault: Option<&Vault>,
    tenant: Option<TenantId>,
) -> Answer {
    tracing::error!(%error, "a request could not be audited, so it is not answered");
    refusal(service, &Problem::Op(strongroom_ops::OpError::AuditFull), vault, tenant)
}

/// Hands the record to the journal, unless a mutation has committed it already.
async fn record<S: Store>(
    service: &Service<S>,
    call: Call,
    answer: &Answer,
) -> Result<(), strongroom_audit::AuditError> {
    if call.is_recorded() {
        return Ok(());
    }
    let record = call.close(answer.status.as_u16(), answer.failure.as_deref());
    let audit = service.ops.audit();
    if answer.is_challenge() { audit.denied(record).await } else { audit.record(&record).await }
}
