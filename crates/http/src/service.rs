//! From a request to its answer: the host decides who answers.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body as AxumBody;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use strongroom_authn::Authenticator;
use strongroom_model::{Endpoints, Host};
use strongroom_monitor::HttpMetrics;
use strongroom_ops::Ops;
use strongroom_store::Store;
use tower::ServiceExt;

use crate::headers::{Connection, put_json};
use crate::vault;

/// A vault's answer is one piece; the token service streams through axum.
pub(crate) type ResponseBody = Either<Full<Bytes>, AxumBody>;

/// Everything an answer needs.
pub struct Service<S: Store> {
    pub(crate) ops: Arc<Ops<S>>,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) endpoints: Endpoints,
    login: Router,
    metrics: Arc<HttpMetrics>,
}

impl<S: Store> Service<S> {
    /// A service over its parts; `login` is the token service.
    pub fn new(
        ops: Arc<Ops<S>>,
        authenticator: Arc<Authenticator>,
        endpoints: Endpoints,
        login: Router,
        metrics: Arc<HttpMetrics>,
    ) -> Self {
        Self { ops, authenticator, endpoints, login, metrics }
    }

    pub(crate) fn metrics(&self) -> &HttpMetrics {
        &self.metrics
    }

    /// Answers a request. HTTP/2 clients share one connection between hosts, so the vault comes
    /// from the request's own authority; one of another kind than the handshake's is refused.
    pub(crate) async fn respond(
        self: Arc<Self>,
        connection: Arc<Connection>,
        request: Request<Incoming>,
    ) -> Result<Response<ResponseBody>, Infallible> {
        let authority = request
            .uri()
            .authority()
            .map(http::uri::Authority::as_str)
            .or_else(|| request.headers().get(header::HOST).and_then(|h| h.to_str().ok()));
        let host = authority.and_then(|authority| self.endpoints.host(authority));
        if let (Some(host), Some(sni)) = (&host, &connection.info.sni)
            && !same_kind(host, self.endpoints.host(sni).as_ref())
        {
            return Ok(plain_error(
                StatusCode::MISDIRECTED_REQUEST,
                "MisdirectedRequest",
                "The host of the request is not the host of the connection.",
            ));
        }
        Ok(match host {
            Some(Host::Vault(name)) => {
                vault::respond(&self, &connection, &name, request).await.map(Either::Left)
            }
            Some(Host::Login) => self.login(&connection, request).await,
            Some(Host::ManagedHsm(_) | Host::Management | Host::Graph | Host::Portal) => {
                plain_error(
                    StatusCode::NOT_FOUND,
                    "ResourceNotFound",
                    "This release does not serve this host yet.",
                )
            }
            None => plain_error(
                StatusCode::NOT_FOUND,
                "ResourceNotFound",
                &format!(
                    "The host is not served here. Vaults are at https://<name>.vault.{}.",
                    self.endpoints.base()
                ),
            ),
        })
    }

    async fn login(
        &self,
        connection: &Connection,
        mut request: Request<Incoming>,
    ) -> Response<ResponseBody> {
        request.extensions_mut().insert(Arc::clone(&connection.info));
        match self.login.clone().oneshot(request.map(AxumBody::new)).await {
            Ok(response) => response.map(Either::Right),
            Err(never) => match never {},
        }
    }
}

fn same_kind(host: &Host, sni: Option<&Host>) -> bool {
    sni.is_none_or(|sni| std::mem::discriminant(host) == std::mem::discriminant(sni))
}

/// An error outside any vault, in the shape that every Azure client reads.
fn plain_error(status: StatusCode, code: &str, message: &str) -> Response<ResponseBody> {
    let body = strongroom_wire::KeyVaultError::new(code, message, None);
    let json = strongroom_wire::to_json(&body).unwrap_or_default();
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(json))));
    *response.status_mut() = status;
    put_json(response.headers_mut());
    response
}
