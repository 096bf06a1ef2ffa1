//! Requests over verified TLS.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use hyper::body::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Method, Response, StatusCode, Url};
use strongroom_wire::SecretValue;
use zeroize::Zeroizing;

use super::failure;
use super::installation::Installation;
use crate::error::CliError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(60);
/// How often a request is sent when the server says "later".
const MOST_ATTEMPTS: u32 = 4;
/// The longest wait that a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The largest answer: a backup.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// A client of one installation: trusts its CA only, follows no redirect.
pub(crate) struct HttpsClient {
    http: Client,
    ca_file: Option<PathBuf>,
}

/// A request.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) token: Option<HeaderValue>,
    pub(crate) body: Option<Body>,
}

/// A body, and what it is.
pub(crate) struct Body {
    pub(crate) content_type: &'static str,
    pub(crate) bytes: Zeroizing<Vec<u8>>,
}

/// An answer.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl HttpsClient {
    /// A client for these hosts of an installation.
    pub(crate) fn new(installation: &Installation, urls: &[&Url]) -> Result<Self, CliError> {
        let mut builder = Client::builder()
            .https_only(true)
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .user_agent(concat!("strongroom/", env!("CARGO_PKG_VERSION")));
        if let Some(addresses) = installation.loopback() {
            let addresses = addresses.map(|ip| SocketAddr::new(ip, 0));
            builder = builder.no_proxy();
            for host in urls.iter().filter_map(|url| url.host_str()) {
                builder = builder.resolve_to_addrs(host, &addresses);
            }
        }
        if let Some(file) = &installation.ca_file {
            let unusable = |why: &dyn std::fmt::Display| {
                CliError::Failed(format!("the CA file {} cannot be used: {why}", file.display()))
            };
            let pem = fs::read(file).map_err(|error| unusable(&error))?;
            let trusted = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(&error))?;
            builder = builder.tls_certs_only(trusted);
        }
        let http = builder.build().map_err(CliError::failed)?;
        Ok(Self { http, ca_file: installation.ca_file.clone() })
    }

    /// Sends a request; again when the server asks for it by 429 or 503 with `Retry-After`.
    pub(crate) async fn send(&self, request: Request) -> Result<Reply, CliError> {
        let Request { method, url, token, body } = request;
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            headers.insert(AUTHORIZATION, token);
        }
        let mut bytes = Bytes::new();
        if let Some(body) = body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(body.content_type));
            bytes = Bytes::from_owner(body.bytes);
        }
        for attempt in 1.. {
            let built = self.http.request(method.clone(), url.clone());
            let sent = built.headers(headers.clone()).body(bytes.clone()).send().await;
            let no_answer = |e| failure::no_answer(&url, self.ca_file.as_deref(), &e);
            let response = sent.map_err(no_answer)?;
            match wait_before_retry(&response) {
                Some(wait) if attempt < MOST_ATTEMPTS => tokio::time::sleep(wait).await,
                _ => return read(response).await.map_err(no_answer),
            }
        }
        Err(CliError::failed("no attempt was made"))
    }
}

impl Reply {
    /// The body, if the request was done.
    pub(crate) fn done(self) -> Result<Zeroizing<Vec<u8>>, CliError> {
        match self.status {
            200..=299 => Ok(self.body),
            status => Err(failure::refusal(status, &self.body)),
        }
    }
}

/// A token as a header that is never logged.
pub(crate) fn bearer(token: &SecretValue) -> Result<HeaderValue, CliError> {
    let text = Zeroizing::new(format!("Bearer {}", token.expose()));
    let mut header = HeaderValue::from_str(&text)
        .map_err(|_| CliError::failed("the token service answered what is no token"))?;
    header.set_sensitive(true);
    Ok(header)
}

fn wait_before_retry(response: &Response) -> Option<Duration> {
    let later = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
    if !later.contains(&response.status()) {
        return None;
    }
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds)).filter(|wait| *wait <= LONGEST_WAIT)
}

async fn read(mut response: Response) -> Result<Reply, reqwest::Error> {
    let status = response.status().as_u16();
    let promised = response.content_length().and_then(|length| usize::try_from(length).ok());
    let capacity = promised.unwrap_or(64 * 1024).min(MOST_BYTES);
    let mut body = Zeroizing::new(Vec::with_capacity(capacity));
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MOST_BYTES {
            break;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(status: u16, retry_after: Option<&str>) -> Option<u64> {
        let mut response = http::Response::builder().status(status);
        if let Some(text) = retry_after {
            response = response.header(RETRY_AFTER, text);
        }
        let response = Response::from(response.body("").unwrap());
        wait_before_retry(&response).map(|wait| wait.as_secs())
    }

    #[test]
    fn a_request_is_repeated_only_when_the_server_asks() {
        assert_eq!(wait(429, Some("1")), Some(1));
        assert_eq!(wait(503, Some(" 30 ")), Some(30));
        for (status, retry_after) in [
            (503, None),
            (500, Some("1")),
            (200, Some("1")),
            (429, Some("31")),
            (429, Some("-1")),
            (429, Some("Wed, 21 Oct 2015 07:28:00 GMT")),
        ] {
            assert_eq!(wait(status, retry_after), None, "{status} {retry_after:?}");
        }
    }

    #[test]
    fn a_token_is_hidden_and_holds_no_line() {
        let header = bearer(&SecretValue::new("abc".into())).unwrap();
        assert!(header.is_sensitive() && header.as_bytes() == b"Bearer abc");
        assert!(bearer(&SecretValue::new("a\r\nx: y".into())).is_err());
    }
}
