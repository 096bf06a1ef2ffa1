//! An answer: a status, a JSON body or none, and further headers.

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::Value;

use crate::Problem;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// Seconds after which a client asks again. Azure's own SDK takes 0 for "nothing said", and then
/// waits 30.
const POLL_AGAIN: HeaderValue = HeaderValue::from_static("1");

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    body: Option<Vec<u8>>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Reply {
    /// 200 with a body.
    ///
    /// # Errors
    /// A [`Problem`] when the body cannot be written as JSON.
    pub fn ok(body: &impl Serialize) -> Result<Self, Problem> {
        Self::json(StatusCode::OK, body)
    }

    /// A status with a body.
    ///
    /// # Errors
    /// A [`Problem`] when the body cannot be written as JSON.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::to_vec(body).map_err(|error| Problem::internal(&error))?;
        Ok(Self { status, body: Some(body), headers: Vec::new() })
    }

    /// 200 with `{"value": [...]}`.
    ///
    /// # Errors
    /// A [`Problem`] when the body cannot be written as JSON.
    pub fn list(values: Vec<Value>) -> Result<Self, Problem> {
        Self::page(values, None)
    }

    /// 200 with a page, and where the next one is.
    ///
    /// # Errors
    /// A [`Problem`] when the body cannot be written as JSON.
    pub fn page(values: Vec<Value>, next_link: Option<String>) -> Result<Self, Problem> {
        let mut body = serde_json::Map::new();
        body.insert("value".into(), Value::Array(values));
        if let Some(link) = next_link {
            body.insert("nextLink".into(), Value::String(link));
        }
        Self::ok(&body)
    }

    /// A status without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, body: None, headers: Vec::new() }
    }

    /// 202: the operation goes on; `location` tells its outcome.
    pub fn accepted(location: &str) -> Self {
        Self::empty(StatusCode::ACCEPTED).with(LOCATION, location).polled()
    }

    /// The same, which a client asks for again in a second.
    #[must_use]
    pub fn polled(mut self) -> Self {
        self.headers.push((RETRY_AFTER, POLL_AGAIN));
        self
    }

    /// The same, with a header; one that cannot be written is left out.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    pub(crate) fn into_response(self) -> Response {
        let has_body = self.body.is_some();
        let mut response = Response::new(self.body.map_or_else(Body::empty, Body::from));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if has_body {
            headers.insert(CONTENT_TYPE, JSON);
        }
        headers.extend(self.headers);
        response
    }
}
