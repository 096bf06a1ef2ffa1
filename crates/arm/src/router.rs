//! The way of a request to `management.<base>`, from its head to its answer and its audit record.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::{AUTHORIZATION, USER_AGENT};
use http::request::Parts;
use http::{Method, StatusCode};
use strongroom_audit::{Record, audited_uri};
use strongroom_authn::bearer_token;
use strongroom_crypto::random;
use strongroom_directory::Directory;
use strongroom_model::{Caller, ConnectionInfo, RequestId, TenantId, Timestamp};
use strongroom_ops::Call;
use strongroom_store::Store;

use crate::api_version::Place;
use crate::body::{self, Sent};
use crate::headers::{self, Correlation, text};
use crate::throttling::{Counted, Remaining};
use crate::{
    ArmRequest, ArmService, Problem, Query, Reply, Target, activity_log, api_version,
    authorization, groups, locations, locks, metadata, operations, providers, resources,
    subscriptions, tags, vaults,
};

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
        let (response, location) = (reply.into_response(), metadata::LOCATION);
        return headers::put(response, &correlation, &head.method, location, now, None);
    }
    let (method, mut remaining) = (head.method.clone(), None);
    let received = receive(&service, &head, body, &target, &mut call, &mut remaining).await;
    let location = received.as_ref().map_or_else(
        |_| metadata::LOCATION.to_owned(),
        |received| location(&received.directory, &target, &received.caller),
    );
    let finish = finish(service, head, target, received, call);
    // A change that has begun is finished and recorded, whether or not the client waits for it.
    let outcome = match [Method::GET, Method::HEAD].contains(&method) {
        true => Box::pin(finish).await,
        false => tokio::spawn(finish).await.unwrap_or_else(|error| Err(Problem::internal(&error))),
    };
    let reply = outcome.unwrap_or_else(|problem| problem.reply());
    headers::put(reply.into_response(), &correlation, &method, &location, now, remaining)
}

/// A request that has come whole, and the directory that it is decided on.
struct Received {
    directory: Arc<Directory>,
    caller: Arc<Caller>,
    body: Sent,
}

/// Lets a request in and reads its body. A client may take half a minute to send one: who calls is
/// asked again afterwards, of the directory as it is then, and so is all else.
async fn receive<S: Store>(
    service: &ArmService<S>,
    head: &Parts,
    body: Body,
    target: &Target,
    call: &mut Call,
    remaining: &mut Option<Remaining>,
) -> Result<Received, Problem> {
    let directory = service.ops.directory().current();
    let caller = admit(service, head, target, &directory, call).await?;
    let place = counted(&directory, target, &caller);
    let now_ms = service.ops.clock().now_ms();
    let (left, spent) = service.throttle.spend(&caller, place, &head.method, now_ms);
    *remaining = Some(left);
    let has_right =
        target.scope().is_ok_and(|scope| subscriptions::has_part(&caller, &directory, &scope));
    // What is left unread costs the client its connection.
    let body = body::read(body, &head.method, has_right).await?;
    spent?;
    let now = service.ops.directory().current();
    if now.revision() == directory.revision() {
        return Ok(Received { directory, caller, body });
    }
    let caller = admit(service, head, target, &now, call).await?;
    Ok(Received { directory: now, caller, body })
}

/// Does what a request asks for, and records it.
async fn finish<S: Store>(
    service: Arc<ArmService<S>>,
    head: Parts,
    target: Target,
    received: Result<Received, Problem>,
    mut call: Call,
) -> Result<Reply, Problem> {
    let outcome = match received {
        Ok(received) => {
            let (outcome, after) = Box::pin(operate(&service, head, target, received, call)).await;
            call = after;
            outcome
        }
        Err(problem) => Err(problem),
    };
    record(&service, call, &outcome).await?;
    outcome
}

/// What a request is counted against: a subscription that is there and the caller's tenant's, or
/// else the tenant.
fn counted(directory: &Directory, target: &Target, caller: &Caller) -> Counted {
    let id = target.subscription().ok().filter(|id| {
        directory.subscription(*id).is_some_and(|found| found.tenant == caller.tenant)
    });
    id.map_or(Counted::Tenant(caller.tenant), Counted::Subscription)
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

/// Checks the version, and hands the request to whom it is for.
async fn operate<S: Store>(
    service: &ArmService<S>,
    head: Parts,
    target: Target,
    received: Received,
    mut call: Call,
) -> (Result<Reply, Problem>, Call) {
    let Received { directory, caller, body } = received;
    let query = Query::parse(head.uri.query());
    let place = Place { location: &location(&directory, &target, &caller), directory: &directory };
    let api_version = match api_version::check(&target, query.get("api-version"), &place) {
        Ok(version) => version,
        Err(problem) => return (Err(problem), call),
    };
    call.record_mut().api_version = api_version.clone().into();
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

/// The region that answers: that of the group that is asked for, to whoever has a part in it, so
/// that nobody else learns which groups there are; or else the installation's.
fn location(directory: &Directory, target: &Target, caller: &Caller) -> String {
    let group = target.subscription().ok().zip(target.group().ok());
    group
        .and_then(|(subscription, name)| directory.resource_group(subscription, &name))
        .filter(|group| subscriptions::has_part(caller, directory, &group.scope()))
        .map_or_else(|| metadata::LOCATION.to_owned(), |group| group.location.clone())
}
