//! The routes of the administration socket.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, Query, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use strongroom_audit::{Record, Report};
use strongroom_authz::roles;
use strongroom_identity::rotation::{self, RotationStep};
use strongroom_model::{
    PrincipalId, RequestId, RoleAssignment, RoleAssignmentId, RoleDefinition, RoleDefinitionId,
    Scope, SubscriptionId,
};
use strongroom_ops::identities::{find_principal, new_guid};
use strongroom_ops::{Call, OpError};

use super::{Peer, access, denials, principals, vaults, what_if};
use crate::server::{Node, carry_out, sweep_all};

#[derive(Clone)]
pub(super) struct Admin {
    pub(super) node: Arc<Node>,
    peer: Peer,
}

/// The router for one connection.
pub(super) fn router(node: Arc<Node>, peer: Peer) -> Router {
    let admin = Admin { node, peer };
    Router::new()
        .merge(vaults::router())
        .merge(principals::router())
        .merge(access::router())
        .merge(denials::router())
        .merge(what_if::router())
        .route("/identities", post(create_identity))
        .route("/roleAssignments", post(create_assignment).get(list_assignments))
        .route("/roleAssignments/{id}", axum::routing::delete(delete_assignment))
        .route("/clock", get(show_clock))
        .route("/clock/advance", post(advance_clock))
        .route("/clock/accept", post(accept_clock))
        .route("/audit/verify", post(verify_audit))
        .route("/tokenKeys/rotate", post(rotate_token_key))
        .layer(middleware::from_fn_with_state(admin.clone(), audit_the_rest))
        .with_state(admin)
}

/// What an operation has recorded itself is not recorded twice.
#[derive(Clone, Copy)]
struct Recorded;

/// Records what no operation does: reads, and refusals of what is no operation (an unknown route,
/// a body that does not parse).
async fn audit_the_rest(
    State(admin): State<Admin>,
    request: Request,
    next: Next,
) -> Result<Response, Refused> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    let status = response.status();
    let recorded = response.extensions().get::<Recorded>().is_some();
    if recorded || (status.is_success() && method != Method::GET) {
        return Ok(response);
    }
    let name = if status.is_success() { "AdministrationRead" } else { "AdministrationRefused" };
    let mut call = admin.call(name)?;
    call.record_mut().request_uri = format!("unix:{path}");
    let why = (!status.is_success()).then(|| format!("{method} was refused"));
    admin.node.audit.record(&call.close(status.as_u16(), why.as_deref())).await.map_err(failed)?;
    Ok(response)
}

/// A refusal, in the shape of every other error of the service.
pub(super) struct Refused {
    status: StatusCode,
    code: &'static str,
    message: String,
    recorded: bool,
}

impl Refused {
    pub(super) fn new(
        status: StatusCode,
        code: &'static str,
        message: impl std::fmt::Display,
    ) -> Self {
        Self { status, code, message: message.to_string(), recorded: false }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = json!({ "error": { "code": self.code, "message": self.message } });
        let mut response = (self.status, Json(body)).into_response();
        if self.recorded {
            response.extensions_mut().insert(Recorded);
        }
        response
    }
}

pub(super) type Answer = Result<Json<Value>, Refused>;

pub(super) fn bad(message: impl std::fmt::Display) -> Refused {
    Refused::new(StatusCode::BAD_REQUEST, "BadParameter", message)
}

pub(super) fn failed(message: impl std::fmt::Display) -> Refused {
    Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", message)
}

pub(super) fn refused(error: &OpError) -> Refused {
    match error {
        OpError::NoSuch(text) => {
            Refused::new(StatusCode::NOT_FOUND, "ResourceNotFound", text.clone())
        }
        OpError::NameTaken(_) | OpError::Contended => {
            Refused::new(StatusCode::CONFLICT, "Conflict", error.to_string())
        }
        OpError::Invalid(text) => bad(text),
        OpError::Vault(refusal) => {
            let (status, code) = refusal.status_and_code();
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
            Refused::new(status, code, refusal)
        }
        OpError::Unavailable(_) | OpError::AuditFull => {
            Refused::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", error.to_string())
        }
        other => failed(other),
    }
}

impl Admin {
    /// A call by the user at the other end of the socket.
    pub(super) fn call(&self, operation: &'static str) -> Result<Call, Refused> {
        let id = RequestId(new_guid().map_err(failed)?);
        let mut record = Record::new(id, self.node.clock.now_ms(), operation);
        record.correlation_id = id.to_string();
        record.addr_auth_type = "UnixSocket".into();
        record.client_info = match self.peer.pid {
            Some(pid) => format!("unix socket, uid {}, pid {pid}", self.peer.uid),
            None => format!("unix socket, uid {}", self.peer.uid),
        };
        Ok(Call::new(record, self.node.clock.now(), Instant::now()))
    }

    /// Records a call that changed nothing in the store, or failed.
    async fn record(&self, call: Call, failure: Option<&OpError>) -> Result<(), Refused> {
        if call.is_recorded() {
            return Ok(());
        }
        let status = failure.map_or(StatusCode::OK, |error| refused(error).status);
        let text = failure.map(ToString::to_string);
        let record = call.close(status.as_u16(), text.as_deref());
        self.node.audit.record(&record).await.map_err(failed)
    }

    pub(super) async fn finish<T>(
        &self,
        call: Call,
        outcome: Result<T, OpError>,
    ) -> Result<T, Refused> {
        self.record(call, outcome.as_ref().err()).await?;
        outcome.map_err(|error| Refused { recorded: true, ..refused(&error) })
    }

    pub(super) fn subscription(&self) -> Result<SubscriptionId, Refused> {
        let directory = self.node.directory.current();
        let first = directory.subscriptions().next().map(|subscription| subscription.id);
        first.ok_or_else(|| failed("the installation has no subscription"))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewIdentity {
    display_name: String,
    role: Option<String>,
    scope: Option<String>,
}

/// An application, and with a role and a scope its role assignment, as az prints it.
async fn create_identity(State(admin): State<Admin>, Json(sent): Json<NewIdentity>) -> Answer {
    let grant = match (&sent.role, &sent.scope) {
        (None, None) => None,
        (Some(role), Some(scope)) => Some((find_role(role)?.id, Scope::parse(scope).map_err(bad)?)),
        _ => return Err(bad("role and scope go together: give both or neither")),
    };
    let directory = admin.node.directory.current();
    let tenant = directory
        .installation()
        .map(|installation| installation.default_tenant)
        .ok_or_else(|| failed("the installation has no tenant"))?;
    let mut call = admin.call("ApplicationCreate")?;
    let ops = &admin.node.ops;
    let outcome = ops.create_application(&sent.display_name, tenant, grant, &mut call).await;
    let new = admin.finish(call, outcome).await?;
    Ok(Json(json!({
        "appId": new.application.client_id.to_string(),
        "displayName": new.application.display_name,
        "objectId": new.application.object_id.to_string(),
        "password": String::from_utf8_lossy(new.client_secret.expose()),
        "tenant": tenant.to_string(),
    })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewAssignment {
    assignee: Option<String>,
    /// Any object id: also that of a principal of an external issuer.
    assignee_object_id: Option<String>,
    role: String,
    scope: String,
}

async fn create_assignment(State(admin): State<Admin>, Json(sent): Json<NewAssignment>) -> Answer {
    let principal = match (&sent.assignee, &sent.assignee_object_id) {
        (Some(assignee), None) => {
            let directory = admin.node.directory.current();
            find_principal(&directory, assignee).map_err(|error| refused(&error))?
        }
        (None, Some(object_id)) => object_id.parse().map_err(bad)?,
        _ => return Err(bad("give either assignee or assigneeObjectId")),
    };
    let role = find_role(&sent.role)?;
    let scope = Scope::parse(&sent.scope).map_err(bad)?;
    let mut call = admin.call("RoleAssignmentWrite")?;
    let outcome = admin.node.ops.create_role_assignment(principal, role.id, scope, &mut call).await;
    let assignment = admin.finish(call, outcome).await?;
    Ok(Json(show_assignment(&assignment)))
}

async fn delete_assignment(State(admin): State<Admin>, Path(id): Path<String>) -> Answer {
    let guid = id.rsplit('/').next().unwrap_or_default();
    let id: RoleAssignmentId = guid.parse().map_err(bad)?;
    let mut call = admin.call("RoleAssignmentDelete")?;
    let outcome = admin.node.ops.delete_role_assignment(id, &mut call).await.and_then(|found| {
        found.ok_or_else(|| OpError::NoSuch(format!("The role assignment '{id}' is not found.")))
    });
    let assignment = admin.finish(call, outcome).await?;
    Ok(Json(show_assignment(&assignment)))
}

#[derive(Deserialize)]
struct AssignmentFilter {
    assignee: Option<String>,
    scope: Option<String>,
}

async fn list_assignments(
    State(admin): State<Admin>,
    Query(filter): Query<AssignmentFilter>,
) -> Answer {
    let directory = admin.node.directory.current();
    let principal: Option<PrincipalId> = match &filter.assignee {
        None => None,
        Some(assignee) => match find_principal(&directory, assignee) {
            Ok(principal) => Some(principal),
            Err(_) => Some(assignee.parse().map_err(bad)?),
        },
    };
    let scope = filter.scope.as_deref().map(Scope::parse).transpose().map_err(bad)?;
    let mut found: Vec<&Arc<RoleAssignment>> = directory
        .assignments()
        .filter(|a| principal.is_none_or(|principal| a.principal == principal))
        .filter(|a| scope.as_ref().is_none_or(|scope| a.scope == *scope))
        .collect();
    found.sort_by_key(|assignment| assignment.id);
    Ok(Json(found.into_iter().map(|assignment| show_assignment(assignment)).collect()))
}

/// A role by its name or its id.
fn find_role(role: &str) -> Result<&'static RoleDefinition, Refused> {
    let guid = role.rsplit('/').next().unwrap_or_default();
    let by_id = guid.parse::<RoleDefinitionId>().ok().and_then(roles::by_id);
    by_id.or_else(|| roles::by_name(role)).ok_or_else(|| no_role(role))
}

pub(super) fn no_role(role: &str) -> Refused {
    Refused::new(
        StatusCode::NOT_FOUND,
        "RoleDefinitionDoesNotExist",
        format!("Role '{role}' doesn't exist."),
    )
}

/// A role assignment in the shape of az.
fn show_assignment(assignment: &RoleAssignment) -> Value {
    let scope = assignment.scope.as_str();
    let base = if scope == "/" { "" } else { scope };
    let definitions = "/providers/Microsoft.Authorization/roleDefinitions";
    json!({
        "id": format!("{base}/providers/Microsoft.Authorization/roleAssignments/{}", assignment.id),
        "name": assignment.id.to_string(),
        "principalId": assignment.principal.to_string(),
        "roleDefinitionId": format!("{definitions}/{}", assignment.role),
        "roleDefinitionName": roles::by_id(assignment.role).map(|role| role.name.as_str()),
        "scope": scope,
        "type": "Microsoft.Authorization/roleAssignments",
    })
}

async fn show_clock(State(admin): State<Admin>) -> Answer {
    let clock = &admin.node.clock;
    Ok(Json(json!({
        "now": clock.now().0,
        "manual": clock.is_manual(),
        "paused": clock.is_paused(),
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: u32,
}

/// Moves a manual clock, and answers when everything that fell due has been done.
async fn advance_clock(State(admin): State<Admin>, Json(sent): Json<Advance>) -> Answer {
    let call = admin.call("ClockAdvance")?;
    let refused = || bad("the clock is the system's: only `dev --clock manual` can be advanced");
    if !admin.node.clock.is_manual() {
        return Err(refused());
    }
    admin.record(call, None).await?;
    let moved = admin.node.clock.advance(sent.seconds).await.map_err(failed)?;
    let now = moved.ok_or_else(refused)?;
    let swept = sweep_all(&admin.node).await.map_err(failed)?;
    Ok(Json(json!({
        "now": now.0,
        "purged": swept.purged,
        "rotated": swept.rotated,
        "renewed": swept.renewed,
        "noticed": swept.noticed,
        "collected": swept.collected,
    })))
}

async fn accept_clock(State(admin): State<Admin>) -> Answer {
    let call = admin.call("ClockAccept")?;
    admin.record(call, None).await?;
    admin.node.clock.accept().await.map_err(failed)?;
    Ok(Json(json!({ "now": admin.node.clock.now().0, "paused": false })))
}

async fn verify_audit(State(admin): State<Admin>) -> Answer {
    let call = admin.call("AuditVerify")?;
    let report = admin.node.audit.verify().await.map_err(failed)?;
    admin.record(call, None).await?;
    Ok(Json(show_report(&report)))
}

fn show_report(report: &Report) -> Value {
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            json!({
                "file": finding.file,
                "offset": finding.offset,
                "seq": finding.seq,
                "what": finding.what,
                "tampered": finding.tampered,
            })
        })
        .collect();
    json!({
        "node": report.node.map(|node| node.to_string()),
        "segments": report.segments,
        "records": report.records,
        "epochs": report.epochs,
        "firstSeq": report.first_seq,
        "lastSeq": report.last_seq,
        "anchoredSeq": report.anchored_seq,
        "undrained": report.undrained,
        "unsynced": report.unsynced,
        "tamperings": report.tamperings,
        "findings": findings,
    })
}

/// Makes the next token-signing key now. It signs once every verifier has seen it.
async fn rotate_token_key(State(admin): State<Admin>) -> Answer {
    let call = admin.call("TokenKeyRotate")?;
    let schedule = rotation::rotate_now(admin.node.clock.now());
    let signs_from = schedule.signs_from.0;
    carry_out(&admin.node, RotationStep::Add(schedule), call).await.map_err(failed)?;
    Ok(Json(json!({ "signsFrom": signs_from })))
}
