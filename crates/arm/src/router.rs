//! The way of a request to `management.<base>`, from its head to its answer and its audit record.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::{AUTHORIZATION, USER_AGENT};
use http::request::Parts;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use strongroom_audit::{Record, audited_uri};
use strongroom_authn::bearer_token;
use strongroom_crypto::random;
use strongroom_directory::Directory;
use strongroom_model::{Caller, ConnectionInfo, RequestId, TenantId, Timestamp};
use strongroom_ops::Call;
use strongroom_store::Store;
use zeroize::Zeroizing;

use crate::api_version::Place;
use crate::headers::{self, Correlation, text};
use crate::{
    ArmRequest, ArmService, Problem, Query, Reply, Target, activity_log, api_version,
    authorization, groups, locations, locks, metadata, operations, providers, resources,
    subscriptions, tags, vaults,
};

/// The longest body, in bytes, as the real service has it.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The control plane on `management.<base>`.
///
/// The client's address is read from the request's extension `Arc<ConnectionInfo>`.
pub fn router<S: Store>(service: ArmService<S>) -> Router {
    Router::new().fallback(respond::<S>).with_state(Arc::new(service))
}

/// Nothing is answered unaudited: whatever comes out, refusals included, is recorded before the
/// client hears of it. Only the endpoints, which are anybody's, are not.
async fn respond<S: Store>(
    State(service): State<Arc<ArmService<S>>>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let target = Target::parse(head.uri.path());
    let mut call = draft(&service, &head);
    let (now, correlation) = (call.now(), Correlation::of(&head.headers, call.id()));
    if metadata::is_asked(&target) {
        let reply = metadata::answer(&service.endpoints, &head);
        let location = metadata::LOCATION;
        return headers::put(reply.into_response(), &correlation, &head.method, location, now);
    }
    let directory = service.ops.directory().current();
    let location = location(&directory, &target);
    let method = head.method.clone();
    let outcome = match admit(&service, &head, &target, &directory, &mut call).await {
        Ok(caller) => {
            let (outcome, after) =
                Box::pin(operate(&service, head, body, target, directory, caller, call)).await;
            call = after;
            outcome
        }
        Err(problem) => Err(problem),
    };
    let outcome = match record(&service, call, &outcome).await {
        Ok(()) => outcome,
        Err(problem) => Err(problem),
    };
    let reply = outcome.unwrap_or_else(|problem| problem.reply());
    headers::put(reply.into_response(), &correlation, &method, &location, now)
}

/// The record of a request, as far as its head tells.
fn draft<S: Store>(service: &ArmService<S>, head: &Parts) -> Call {
    let now_ms = service.ops.clock().now_ms();
    let id = random::identifier().map_or_else(
        |_| uuid::Uuid::new_v4(),
        |bytes| uuid::Builder::from_random_bytes(bytes).into_uuid(),
    );
    let id = RequestId(id);
    let mut record = Record::new(id, now_ms, "ManagementRequest");
    record.correlation_id = Correlation::of(&head.headers, id).correlation;
    if let Some(connection) = head.extensions.get::<Arc<ConnectionInfo>>() {
        record.caller_ip = Some(connection.peer.ip().to_canonical());
        record.tls_version = connection.tls_version.into();
    }
    text(&head.headers, &USER_AGENT).unwrap_or_default().clone_into(&mut record.client_info);
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    record.properties.push(("httpMethod".into(), head.method.to_string()));
    record.request_uri = audited_uri(&[&service.endpoints.url("management"), path].concat());
    Call::new(record, Timestamp(now_ms.div_euclid(1_000)), Instant::now())
}

/// Who calls. What lies below a subscription takes tokens of the subscription's tenant.
async fn admit<S: Store>(
    service: &ArmService<S>,
    head: &Parts,
    target: &Target,
    directory: &Directory,
    call: &mut Call,
) -> Result<Arc<Caller>, Problem> {
    if !service.ops.directory().is_following() {
        return Err(Problem::unavailable("The directory is not available."));
    }
    let tenant = tenant(directory, target)
        .ok_or_else(|| Problem::unavailable("The installation has no tenant yet."))?;
    let refused = |fault| Problem::token(&fault, &service.endpoints, tenant);
    let token = bearer_token(text(&head.headers, &AUTHORIZATION)).map_err(refused)?;
    let caller =
        service.authenticator.authenticate(token, call.now(), tenant).await.map_err(refused)?;
    if !service.endpoints.is_own_issuer(&caller.issuer) {
        call.set_property("issuer", caller.issuer.clone());
    }
    let identity = &mut call.record_mut().identity;
    identity.object_id = Some(caller.object_id.to_string());
    identity.app_id.clone_from(&caller.app_id);
    identity.upn.clone_from(&caller.upn);
    Ok(caller)
}

/// Whose tokens are asked for: the subscription's tenant, or the default one.
fn tenant(directory: &Directory, target: &Target) -> Option<TenantId> {
    let subscription = target.subscription().ok().and_then(|id| directory.subscription(id));
    subscription
        .map(|subscription| subscription.tenant)
        .or_else(|| directory.installation().map(|installation| installation.default_tenant))
}

/// Checks the version, reads the body, and hands the request to whom it is for.
async fn operate<S: Store>(
    service: &ArmService<S>,
    head: Parts,
    body: Body,
    target: Target,
    directory: Arc<Directory>,
    caller: Arc<Caller>,
    mut call: Call,
) -> (Result<Reply, Problem>, Call) {
    let query = Query::parse(head.uri.query());
    let place = Place { location: &location(&directory, &target), directory: &directory };
    let api_version = match api_version::check(&target, query.get("api-version"), &place) {
        Ok(version) => version,
        Err(problem) => return (Err(problem), call),
    };
    call.record_mut().api_version = api_version.clone().into();
    let body = match read(body).await {
        Ok(body) => body,
        Err(problem) => return (Err(problem), call),
    };
    let is_head = head.method == Method::HEAD;
    let method = if is_head { Method::GET } else { head.method };
    let mut request = ArmRequest {
        service,
        directory,
        method,
        target,
        query,
        headers: head.headers,
        api_version,
        caller,
        call,
        body,
    };
    let outcome = dispatch(&mut request).await;
    let outcome = match outcome {
        Ok(reply) if is_head && reply.status == StatusCode::OK => {
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        outcome => outcome,
    };
    (outcome, request.call)
}

/// Hands a request to whom it is for.
async fn dispatch<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let namespace = request.target.namespace();
    let first = request.target.segment(0).to_ascii_lowercase();
    match (namespace.as_deref(), first.as_str()) {
        (Some("microsoft.keyvault"), kind) if !providers::is_own_route(kind) => {
            Box::pin(vaults::answer(request)).await
        }
        (Some("microsoft.authorization"), "locks") => Box::pin(locks::answer(request)).await,
        (Some("microsoft.authorization"), kind) if !providers::is_own_route(kind) => {
            Box::pin(authorization::answer(request)).await
        }
        (Some("microsoft.resources"), "tags") => Box::pin(tags::answer(request)).await,
        (Some("microsoft.resources"), "checkresourcename") => {
            resources::check_resource_name(request)
        }
        (Some("microsoft.insights"), kind) if !providers::is_own_route(kind) => {
            Box::pin(activity_log::answer(request)).await
        }
        (Some(_), _) => providers::answer(request),
        (None, "providers") => providers::answer(request),
        (None, "subscriptions" | "tenants") => subscriptions::answer(request),
        (None, "tagnames") => Box::pin(tags::names(request)).await,
        (None, "resources") => resources::list(request),
        (None, "locations") => locations::list(request),
        (None, "operationresults") => Box::pin(operations::answer(request)).await,
        (None, "resourcegroups") => groups::list(request),
        (None, "") if request.target.group_text().is_some() => {
            Box::pin(groups::answer(request)).await
        }
        (None, "") if request.target.subscription_text().is_some() => subscriptions::show(request),
        _ => Err(Problem::no_path(&request.target.path())),
    }
}

/// The whole body; zeroized when dropped, for it may hold a secret.
async fn read(body: Body) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let collect = Limited::new(body, MOST_BYTES).collect();
    let collected = tokio::time::timeout(BODY_TIMEOUT, collect)
        .await
        .map_err(|_| Problem::content("The request content did not come in time."))?
        .map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => Problem::too_large(),
            None => Problem::content("The request content ended early."),
        })?;
    Ok(Zeroizing::new(Vec::from(collected.to_bytes())))
}

/// Hands the record to the journal, unless a change has committed it already.
async fn record<S: Store>(
    service: &ArmService<S>,
    call: Call,
    outcome: &Result<Reply, Problem>,
) -> Result<(), Problem> {
    if call.is_recorded() {
        return Ok(());
    }
    let audit = service.ops.audit();
    let recorded = match outcome {
        Ok(reply) => audit.record(&call.close(reply.status.as_u16(), None)).await,
        Err(problem) => {
            let why = [problem.code, ": ", &problem.message].concat();
            let record = call.close(problem.status.as_u16(), Some(&why));
            if problem.is_challenge() {
                audit.denied(record).await
            } else {
                audit.record(&record).await
            }
        }
    };
    recorded.map_err(|error| {
        tracing::error!(%error, "a request could not be audited, so it is not answered");
        Problem::unavailable("The request could not be recorded in the audit.")
    })
}

/// The region that answers: the group's that is asked for, or the installation's.
fn location(directory: &Directory, target: &Target) -> String {
    let group = target.subscription().ok().zip(target.group().ok());
    group
        .and_then(|(subscription, name)| directory.resource_group(subscription, &name))
        .map_or_else(|| metadata::LOCATION.to_owned(), |group| group.location.clone())
}
