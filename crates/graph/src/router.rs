//! The way of a request to `graph.<base>`, from its head to its answer and its audit record.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::response::Response;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, USER_AGENT, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde::Serialize;
use strongroom_audit::{Record, audited_uri};
use strongroom_authn::bearer_token;
use strongroom_directory::Directory;
use strongroom_model::{Caller, ConnectionInfo, RequestId, Timestamp};
use strongroom_store::Store;
use strongroom_wire::graph::{GraphError, GraphErrorBody, GraphInnerError};
use uuid::Uuid;

use crate::GraphService;
use crate::path::Path;
use crate::problem::Problem;
use crate::query::Query;
use crate::request::{Answer, Request};

/// The longest body, in bytes: a thousand ids and what goes with them.
const MOST_BYTES: usize = 256 * 1024;

/// How long a client may take to send a body: less than an answer may take as a whole.
const BODY_TIMEOUT: Duration = Duration::from_secs(25);

const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const VERSION: HeaderName = HeaderName::from_static("odata-version");
const JSON: &str = "application/json;odata.metadata=minimal;odata.streaming=true;\
                    IEEE754Compatible=false;charset=utf-8";

/// Microsoft Graph on `graph.<base>`.
///
/// The client's address is read from the request's extension `Arc<ConnectionInfo>`.
pub fn router<S: Store>(service: GraphService<S>) -> Router {
    Router::new().fallback(respond::<S>).with_state(Arc::new(service))
}

/// Nothing is answered unaudited: whatever comes out, refusals included, is recorded before the
/// client hears of it.
async fn respond<S: Store>(
    State(service): State<Arc<GraphService<S>>>,
    request: HttpRequest,
) -> Response {
    let begun = Instant::now();
    let (head, body) = request.into_parts();
    let now_ms = service.clock.now_ms();
    let ids = Ids::of(&head.headers);
    let mut record = service.draft(&head, &ids, now_ms);
    let now = Timestamp(now_ms.div_euclid(1_000));
    let answer = Box::pin(service.answer(&head, body, now, &mut record)).await;
    close(&mut record, &answer, begun);
    let is_strange = answer.as_ref().is_err_and(|problem| problem.challenge.is_some());
    let recorded = match is_strange {
        true => service.audit.denied(record).await,
        false => service.audit.record(&record).await,
    };
    let answer = match recorded {
        Ok(()) => answer,
        Err(error) => {
            tracing::error!(%error, "a request could not be audited, so it is not answered");
            Err(Problem::unavailable("The request could not be recorded in the audit."))
        }
    };
    let mut response = match answer {
        Ok(document) => json(StatusCode::OK, &document),
        Err(problem) => refuse(&problem, &ids, now),
    };
    put(response.headers_mut(), &REQUEST_ID, &ids.request.to_string());
    put(response.headers_mut(), &CLIENT_REQUEST_ID, &ids.client);
    response
}

impl<S: Store> GraphService<S> {
    /// The record of a request, as far as its head tells.
    fn draft(&self, head: &Parts, ids: &Ids, now_ms: i64) -> Record {
        let reads = [Method::GET, Method::HEAD].contains(&head.method)
            || head.uri.path().rsplit('/').next().is_some_and(is_question);
        let name = if reads { "DirectoryRead" } else { "DirectoryWrite" };
        let mut record = Record::new(ids.request, now_ms, name);
        record.correlation_id.clone_from(&ids.client);
        record.api_version =
            head.uri.path().split('/').nth(1).unwrap_or_default().to_owned().into();
        if let Some(connection) = head.extensions.get::<Arc<ConnectionInfo>>() {
            record.caller_ip = Some(connection.peer.ip().to_canonical());
            record.tls_version = connection.tls_version.into();
        }
        text(&head.headers, &USER_AGENT).unwrap_or_default().clone_into(&mut record.client_info);
        let uri = [&self.endpoints.url("graph"), head.uri.path()].concat();
        record.request_uri = audited_uri(&uri);
        record
    }

    async fn answer(
        &self,
        head: &Parts,
        body: Body,
        now: Timestamp,
        record: &mut Record,
    ) -> Answer {
        let directory = (self.directory)();
        let caller = self.admit(head, &directory, now, record).await?;
        let path = Path::parse(head.uri.path())?;
        let query = Query::parse(head.uri.query())?;
        let body = read(body).await?;
        let request = Request {
            directory: &directory,
            endpoints: &self.endpoints,
            caller: &caller,
            method: if head.method == Method::HEAD { &Method::GET } else { &head.method },
            path: &path,
            query: &query,
            body: &body,
        };
        request.answer()
    }

    /// Who calls: anybody of any tenant here.
    async fn admit(
        &self,
        head: &Parts,
        directory: &Directory,
        now: Timestamp,
        record: &mut Record,
    ) -> Result<Arc<Caller>, Problem> {
        let installation = directory
            .installation()
            .ok_or_else(|| Problem::unavailable("The installation has no tenant yet."))?;
        let refused = |fault| Problem::token(&fault, &self.endpoints);
        let token = bearer_token(text(&head.headers, &AUTHORIZATION)).map_err(refused)?;
        let tenant = installation.default_tenant;
        let caller = self.authenticator.identify(token, now, tenant).await.map_err(refused)?;
        record.resource_id = format!("/tenants/{}", caller.tenant);
        record.identity.object_id = Some(caller.object_id.to_string());
        record.identity.app_id.clone_from(&caller.app_id);
        record.identity.upn.clone_from(&caller.upn);
        Ok(caller)
    }
}

/// Whether a path's last segment is a question that is asked by POST.
fn is_question(segment: &str) -> bool {
    let segment = segment.to_ascii_lowercase();
    segment == "getbyids" || crate::member::is_action(&segment)
}

fn close(record: &mut Record, answer: &Answer, begun: Instant) {
    let problem = answer.as_ref().err();
    record.http_status = problem.map_or(200, |problem| problem.status.as_u16());
    record.success = problem.is_none();
    record.signature = problem.map_or("OK".into(), |problem| {
        problem.status.canonical_reason().unwrap_or("Bad Request").into()
    });
    record.description =
        problem.map_or_else(String::new, |p| format!("{}: {}", p.code, p.message)).into();
    record.duration_ms = u32::try_from(begun.elapsed().as_millis()).unwrap_or(u32::MAX);
}

/// The ids of a request: ours, and the client's or ours again.
struct Ids {
    request: RequestId,
    client: String,
}

impl Ids {
    fn of(headers: &HeaderMap) -> Self {
        let is_plain = |id: &&str| {
            id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let request = RequestId(Uuid::new_v4());
        let client = text(headers, &CLIENT_REQUEST_ID).filter(is_plain);
        Self { request, client: client.map_or_else(|| request.to_string(), str::to_owned) }
    }
}

/// The whole body.
async fn read(body: Body) -> Result<Vec<u8>, Problem> {
    let collect = Limited::new(body, MOST_BYTES).collect();
    match tokio::time::timeout(BODY_TIMEOUT, collect).await {
        Ok(Ok(collected)) => Ok(Vec::from(collected.to_bytes())),
        Ok(Err(_)) => Err(Problem::too_large()),
        Err(_) => Err(Problem::bad_body()),
    }
}

fn json(status: StatusCode, document: &impl Serialize) -> Response {
    let mut response = match serde_json::to_vec(document) {
        Ok(json) => Response::new(Body::from(json)),
        Err(_) => Response::new(Body::empty()),
    };
    *response.status_mut() = status;
    put(response.headers_mut(), &CONTENT_TYPE, JSON);
    put(response.headers_mut(), &CACHE_CONTROL, "no-cache");
    put(response.headers_mut(), &VERSION, "4.0");
    response
}

fn refuse(problem: &Problem, ids: &Ids, now: Timestamp) -> Response {
    let time = jiff::Timestamp::from_second(now.0).unwrap_or_default();
    let error = GraphErrorBody {
        code: problem.code,
        message: &problem.message,
        inner_error: GraphInnerError {
            date: time.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            request_id: &ids.request.to_string(),
            client_request_id: &ids.client,
        },
    };
    let mut response = json(problem.status, &GraphError { error });
    if let Some(challenge) = &problem.challenge {
        put(response.headers_mut(), &WWW_AUTHENTICATE, challenge);
    }
    response
}

fn put(headers: &mut HeaderMap, name: &HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
