//! The one GET of HTTP-01, with redirects that stay on the host.

use bytes::Bytes;
use http::uri::{Scheme, Uri};
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Failure, FailureKind, Validator, tls};

/// The longest body that is read, in bytes: a key authorization has less than 200.
const MOST_BYTES: usize = 8 * 1024;

/// The most redirects that are followed.
const MOST_REDIRECTS: usize = 5;

/// Gets a path of a host over HTTP.
pub(super) async fn get(validator: &Validator, host: &str, path: &str) -> Result<Bytes, Failure> {
    let mut scheme = Scheme::HTTP;
    let mut path = path.to_owned();
    for _ in 0..=MOST_REDIRECTS {
        let response = ask(validator, host, &scheme, &path).await?;
        let status = response.status();
        if status.is_redirection() {
            (scheme, path) = follow(validator, host, &scheme, &response)?;
            continue;
        }
        if !status.is_success() {
            let text = format!("{scheme}://{host}{path} answers {status}");
            return Err(Failure::new(FailureKind::Incorrect, text));
        }
        let body = Limited::new(response.into_body(), MOST_BYTES).collect().await;
        return body.map(|body| body.to_bytes()).map_err(|error| {
            let text = format!("the body of {scheme}://{host}{path}: {error}");
            Failure::new(FailureKind::Connection, text)
        });
    }
    let text = format!("{host} redirects more than {MOST_REDIRECTS} times");
    Err(Failure::new(FailureKind::Incorrect, text))
}

/// Where a redirect leads: to the same host, on one of the two ports.
fn follow(
    validator: &Validator,
    host: &str,
    scheme: &Scheme,
    response: &Response<Incoming>,
) -> Result<(Scheme, String), Failure> {
    let refused = |why: String| Failure::new(FailureKind::Incorrect, why);
    let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    let location = location.ok_or_else(|| refused(format!("{host} redirects nowhere")))?;
    let uri: Uri =
        location.parse().map_err(|_| refused(format!("{host} redirects to what is no URL")))?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    if !path.starts_with('/') {
        return Err(refused(format!("{host} redirects to a relative path")));
    }
    let Some(authority) = uri.authority() else { return Ok((scheme.clone(), path.to_owned())) };
    let scheme = uri.scheme().cloned().unwrap_or(Scheme::HTTP);
    let (standard, ours) = if scheme == Scheme::HTTPS {
        (443, validator.settings.tls_port)
    } else {
        (80, validator.settings.http_port)
    };
    let port = authority.port_u16().unwrap_or(standard);
    let named = authority.host().trim_matches(['[', ']']);
    let known = scheme == Scheme::HTTP || scheme == Scheme::HTTPS;
    let plain = !authority.as_str().contains('@');
    if !known || !plain || !named.eq_ignore_ascii_case(host) || ![standard, ours].contains(&port) {
        return Err(refused(format!("{host} redirects elsewhere, which is not followed")));
    }
    Ok((scheme, path.to_owned()))
}

async fn ask(
    validator: &Validator,
    host: &str,
    scheme: &Scheme,
    path: &str,
) -> Result<Response<Incoming>, Failure> {
    let settings = &validator.settings;
    if *scheme == Scheme::HTTPS {
        let stream = validator.connect(host, settings.tls_port).await?;
        let stream = tls::connect(host, stream, None).await?;
        return exchange(host, path, stream).await;
    }
    exchange(host, path, validator.connect(host, settings.http_port).await?).await
}

async fn exchange<T>(host: &str, path: &str, stream: T) -> Result<Response<Incoming>, Failure>
where
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(FailureKind::Connection, format!("the web server of {host}: {error}"))
    };
    let is_v6 = host.contains(':');
    let named = if is_v6 { format!("[{host}]") } else { host.to_owned() };
    let request = Request::get(path)
        .header(header::HOST, named)
        .header(header::USER_AGENT, "strongroom-acme")
        .header(header::ACCEPT, "*/*")
        .body(Empty::<Bytes>::new())
        .map_err(|error| failed(&error))?;
    let mut builder = http1::Builder::new();
    let (mut sender, connection) = builder
        .max_buf_size(16 * 1024)
        .max_headers(64)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(&error))?;
    // It ends when the response's body is dropped, at the latest with the time for the look.
    tokio::spawn(async move { tokio::time::timeout(super::LOOK, connection).await });
    sender.send_request(request).await.map_err(|error| failed(&error))
}
