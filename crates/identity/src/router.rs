//! The paths of `login.<base>`, and what every answer has in common.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, PRAGMA};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::Serialize;
use strongroom_model::{RequestId, Timestamp};
use strongroom_wire::identity::OAuthError;
use uuid::Uuid;

use crate::refusal::Refusal;
use crate::{TokenService, discovery, token};

const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");

/// The token service on `login.<base>`.
///
/// The client's address is read from the request's extension `Arc<ConnectionInfo>`.
pub fn router(service: TokenService) -> Router {
    let service = Arc::new(service);
    Router::new()
        .route("/common/discovery/instance", get(discovery::instance))
        .route("/{authority}/.well-known/openid-configuration", get(discovery::configuration_v1))
        .route(
            "/{authority}/v2.0/.well-known/openid-configuration",
            get(discovery::configuration_v2),
        )
        .route("/{authority}/discovery/keys", get(discovery::keys))
        .route("/{authority}/discovery/v2.0/keys", get(discovery::keys))
        .route("/{authority}/oauth2/token", post(token::v1))
        .route("/{authority}/oauth2/v2.0/token", post(token::v2))
        .fallback(not_found)
        .method_not_allowed_fallback(other_method)
        .layer(middleware::from_fn(name_request))
        .with_state(service)
}

async fn not_found(
    State(service): State<Arc<TokenService>>,
    Extension(ids): Extension<Ids>,
) -> Response {
    refuse(&Refusal::NotFound, &ids, (service.now)())
}

async fn other_method(
    State(service): State<Arc<TokenService>>,
    Extension(ids): Extension<Ids>,
    method: Method,
) -> Response {
    let mut answer = refuse(&Refusal::Method(method.to_string()), &ids, (service.now)());
    answer.headers_mut().entry(ALLOW).or_insert(HeaderValue::from_static("GET,POST"));
    answer
}

/// The ids of a request: ours, and the client's or one drawn for it.
#[derive(Clone)]
pub(crate) struct Ids {
    pub(crate) request: RequestId,
    pub(crate) correlation: String,
}

impl Ids {
    pub(crate) fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_else(|| Self::new(None))
    }

    fn new(client: Option<&HeaderValue>) -> Self {
        let is_plain = |id: &&str| {
            id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let client = client.and_then(|id| id.to_str().ok()).filter(is_plain);
        Self {
            request: RequestId(Uuid::new_v4()),
            correlation: client.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned),
        }
    }
}

/// Gives the request its ids, and every answer the headers that Entra ID's have.
async fn name_request(mut request: Request, next: Next) -> Response {
    let client_id = request.headers().get(CLIENT_REQUEST_ID).cloned();
    let ids = Ids::new(client_id.as_ref());
    request.extensions_mut().insert(ids.clone());
    let mut answer = next.run(request).await;
    let headers = answer.headers_mut();
    put(headers, REQUEST_ID, &ids.request.to_string());
    if client_id.is_some() {
        put(headers, CLIENT_REQUEST_ID, &ids.correlation);
    }
    answer
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, caching: &'static str, body: &impl Serialize) -> Response {
    let mut answer = match serde_json::to_vec(body) {
        Ok(json) => Response::new(Body::from(json)),
        Err(_) => Response::new(Body::empty()),
    };
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    if caching.starts_with("no-store") {
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    }
    answer
}

/// A refusal in Entra ID's shape. Clients print the description as it is.
pub(crate) fn refuse(refusal: &Refusal, ids: &Ids, now: Timestamp) -> Response {
    let number = refusal.number();
    let timestamp = utc(now);
    let body = OAuthError {
        error: refusal.error().to_owned(),
        error_description: format!(
            "AADSTS{number}: {refusal} Trace ID: {} Correlation ID: {} Timestamp: {timestamp}",
            ids.request, ids.correlation
        ),
        error_codes: vec![number],
        timestamp,
        trace_id: ids.request.to_string(),
        correlation_id: ids.correlation.clone(),
        error_uri: Some(format!("https://login.microsoftonline.com/error?code={number}")),
    };
    json(refusal.status(), "no-store, no-cache", &body)
}

/// `2026-01-31 12:00:00Z`
fn utc(now: Timestamp) -> String {
    let time = jiff::Timestamp::from_second(now.0).unwrap_or_default();
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}
