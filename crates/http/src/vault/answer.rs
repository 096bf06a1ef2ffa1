//! An answer on its way out.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use serde::Serialize;
use strongroom_wire::{KeyVaultError, to_json, to_secret_json};
use zeroize::Zeroizing;

use super::problem::{ErrorAnswer, Problem};
use crate::headers::put_json;

/// A status, a body, and what the audit says of a failure.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) failure: Option<Cow<'static, str>>,
    body: Bytes,
    challenge: Option<String>,
    retry_after: Option<u32>,
    location: Option<String>,
}

/// A zeroized buffer that hyper may hold on to: it is wiped when the last reference goes.
struct Wiped(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Answer {
    fn new(status: StatusCode, body: Bytes) -> Self {
        Self { status, failure: None, body, challenge: None, retry_after: None, location: None }
    }

    /// 200 with a body that holds no secret.
    pub(crate) fn json(body: &impl Serialize) -> Result<Self, Problem> {
        Ok(Self::new(StatusCode::OK, to_json(body).map_err(encoding)?.into()))
    }

    /// 200 with a body that holds a secret.
    pub(crate) fn secret_json(body: &impl Serialize) -> Result<Self, Problem> {
        let json = to_secret_json(body).map_err(encoding)?;
        Ok(Self::new(StatusCode::OK, Bytes::from_owner(Wiped(json))))
    }

    /// 204.
    pub(crate) fn no_content() -> Self {
        Self::new(StatusCode::NO_CONTENT, Bytes::new())
    }

    /// The same with another status.
    #[must_use]
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same with a `Retry-After`, in seconds.
    #[must_use]
    pub(crate) fn with_retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The same with a `Location`.
    #[must_use]
    pub(crate) fn with_location(mut self, url: String) -> Self {
        self.location = Some(url);
        self
    }

    /// An error, with the challenge of a 401.
    pub(crate) fn error(error: &ErrorAnswer, challenge: Option<String>) -> Self {
        let body = KeyVaultError::new(error.code, error.message.as_ref(), error.inner);
        let json = to_json(&body).unwrap_or_default();
        let mut answer = Self::new(error.status, json.into());
        answer.failure = Some(error.inner.unwrap_or(error.code).into());
        answer.challenge = challenge;
        answer.retry_after = error.retry_after;
        answer
    }

    /// Whether it only asks who is calling.
    pub(crate) fn is_challenge(&self) -> bool {
        self.challenge.is_some()
    }

    /// The response to a request of this method: to HEAD without the body, which HTTP/2 would
    /// otherwise send.
    pub(crate) fn into_response(self, method: &Method) -> Response<Full<Bytes>> {
        let empty = self.body.is_empty();
        let body = if *method == Method::HEAD { Bytes::new() } else { self.body };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if !empty {
            put_json(headers);
        }
        if let Some(value) = self.challenge.and_then(|c| HeaderValue::from_str(&c).ok()) {
            headers.insert(header::WWW_AUTHENTICATE, value);
        }
        if let Some(value) = self.location.and_then(|url| HeaderValue::from_str(&url).ok()) {
            headers.insert(header::LOCATION, value);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

fn encoding(_: serde_json::Error) -> Problem {
    Problem::Op(strongroom_ops::OpError::Internal("an answer does not encode".into()))
}
