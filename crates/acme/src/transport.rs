//! The library's requests, sent to the one server that the operator has named.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use strongroom_outgoing::{Origin, OutgoingError};

use crate::AcmeError;
use crate::error::shortened;

/// The longest that an authority is left alone because it wants to be.
const LONGEST_WISH: Duration = Duration::from_secs(24 * 3_600);

/// Sends the library's requests. Everything that an authority answers with a URL leads here too,
/// so that it cannot send this server elsewhere.
#[derive(Clone)]
pub(crate) struct Transport {
    origin: Arc<Origin>,
    wish: Arc<Mutex<Option<Duration>>>,
}

impl Transport {
    pub(crate) fn new(origin: Origin) -> Self {
        Self { origin: Arc::new(origin), wish: Arc::default() }
    }

    /// An error of the library in this crate's terms.
    pub(crate) fn explain(&self, error: Error) -> AcmeError {
        match error {
            Error::Api(problem) => AcmeError::Refused {
                problem: Box::new(problem),
                retry_after: *self.wish.lock().unwrap_or_else(PoisonError::into_inner),
            },
            Error::Other(other) => match other.downcast::<OutgoingError>() {
                Ok(error) => AcmeError::Unreachable(*error),
                Err(other) => AcmeError::Garbage(shortened(&other.to_string())),
            },
            other => AcmeError::Garbage(shortened(&other.to_string())),
        }
    }

    fn remember_wish(&self, answer: &Response<Bytes>) {
        let limited = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE]
            .contains(&answer.status());
        let after = answer.headers().get(RETRY_AFTER).filter(|_| limited);
        let seconds = after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let wish = seconds.map(|seconds| Duration::from_secs(seconds).min(LONGEST_WISH));
        *self.wish.lock().unwrap_or_else(PoisonError::into_inner) = wish;
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>>;

impl HttpClient for Transport {
    fn request(&self, request: Request<BodyWrapper<Bytes>>) -> Answering {
        let transport = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            // Infallible: the library's bodies are bytes.
            let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            let answer = transport.origin.exchange(Request::from_parts(parts, body)).await;
            let answer = answer.map_err(|error| Error::Other(Box::new(error)))?;
            transport.remember_wish(&answer);
            Ok(BytesResponse::from(answer.map(Full::new)))
        })
    }
}
