//! The headers that every answer of the control plane carries, as the real service sends them.

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, EXPIRES, PRAGMA};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use strongroom_model::{RequestId, Timestamp};
use uuid::Uuid;

use crate::throttling::Remaining;

const CORRELATION: HeaderName = HeaderName::from_static("x-ms-correlation-request-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
const ROUTING: HeaderName = HeaderName::from_static("x-ms-routing-request-id");
const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
const RETURN_CLIENT_REQUEST_ID: HeaderName =
    HeaderName::from_static("x-ms-return-client-request-id");

const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
const NEVER: HeaderValue = HeaderValue::from_static("-1");

/// The ids of a request: ours, and the client's.
pub(crate) struct Correlation {
    request: RequestId,
    /// The client's GUID, or else the request's own id.
    pub(crate) correlation: String,
    client: Option<HeaderValue>,
}

impl Correlation {
    pub(crate) fn of(headers: &HeaderMap, request: RequestId) -> Self {
        let sent = text(headers, &CORRELATION).or_else(|| text(headers, &CLIENT_REQUEST_ID));
        let correlation = sent.and_then(|text| Uuid::parse_str(text).ok()).unwrap_or(request.0);
        let returned = text(headers, &RETURN_CLIENT_REQUEST_ID)
            .is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let client = headers.get(CLIENT_REQUEST_ID).filter(|_| returned).cloned();
        Self { request, correlation: correlation.to_string(), client }
    }
}

/// Puts the standard headers on an answer; HEAD is answered without a body.
pub(crate) fn put(
    mut response: Response,
    ids: &Correlation,
    method: &Method,
    location: &str,
    now: Timestamp,
    remaining: Option<Remaining>,
) -> Response {
    let headers = response.headers_mut();
    let request = ids.request.to_string();
    let place = location.to_ascii_uppercase();
    let time = jiff::Timestamp::from_second(now.0).unwrap_or_default().strftime("%Y%m%dT%H%M%SZ");
    insert(headers, REQUEST_ID, &request);
    insert(headers, CORRELATION, &ids.correlation);
    insert(headers, ROUTING, &format!("{place}:{time}:{request}"));
    if let Some(client) = &ids.client {
        headers.insert(CLIENT_REQUEST_ID, client.clone());
    }
    headers.insert(CACHE_CONTROL, NO_CACHE);
    headers.insert(PRAGMA, NO_CACHE);
    headers.insert(EXPIRES, NEVER);
    headers.extend(remaining.into_iter().flat_map(Remaining::headers));
    if method == Method::HEAD {
        headers.remove(CONTENT_LENGTH);
        *response.body_mut() = Body::empty();
    }
    response
}

/// A header's text.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
