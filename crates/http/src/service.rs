//! From a request to its answer: the host decides who answers.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body as AxumBody;
use bytes::Bytes;
use http::{HeaderName, Request, Response, StatusCode, header};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use strongroom_acme::validate::Validator;
use strongroom_authn::Authenticator;
use strongroom_crypto::CryptoError;
use strongroom_model::{Endpoints, Host};
use strongroom_monitor::HttpMetrics;
use strongroom_ops::Ops;
use strongroom_ops::release::Release;
use strongroom_store::Store;
use tower::ServiceExt;

use crate::headers::{self, Connection};
use crate::network::NetworkTrust;
use crate::public;
use crate::vault::{self, AcmeServer, Problem};

/// How long a sign-in or a call of the control plane may take, its body included. The control
/// plane gives a body less, so that it answers, and records, one that does not come.
const ROUTER_TIMEOUT: Duration = Duration::from_secs(30);

/// A vault's answer is one piece; the others stream through axum.
pub(crate) type ResponseBody = Either<Full<Bytes>, AxumBody>;

/// Everything an answer needs.
pub struct Service<S: Store> {
    pub(crate) ops: Arc<Ops<S>>,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) endpoints: Endpoints,
    /// The hosts that axum routers answer for: the token service, and those that were added.
    routers: Vec<(Host, Router)>,
    metrics: Arc<HttpMetrics>,
    release: Option<Release>,
    acme: Option<AcmeServer>,
    network: NetworkTrust,
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
        let routers = vec![(Host::Login, login)];
        Self {
            ops,
            authenticator,
            endpoints,
            routers,
            metrics,
            release: None,
            acme: None,
            network: NetworkTrust::default(),
        }
    }

    /// The same service, which trusts these about the network.
    #[must_use]
    pub fn with_network_trust(self, network: NetworkTrust) -> Self {
        Self { network, ..self }
    }

    /// The same service, where a router answers for a host of the installation's own.
    #[must_use]
    pub fn with_host(mut self, host: Host, router: Router) -> Self {
        self.routers.retain(|(known, _)| *known != host);
        self.routers.push((host, router));
        self
    }

    /// The same service, which also releases keys.
    #[must_use]
    pub fn with_release(self, release: Release) -> Self {
        Self { release: Some(release), ..self }
    }

    /// The same service, whose authorities serve ACME; `validator` looks at answers to challenges.
    ///
    /// # Errors
    /// [`CryptoError::Random`] when the system has no random numbers.
    pub fn with_acme(self, validator: Validator) -> Result<Self, CryptoError> {
        Ok(Self { acme: Some(AcmeServer::new(validator)?), ..self })
    }

    pub(crate) fn acme(&self) -> Option<&AcmeServer> {
        self.acme.as_ref()
    }

    pub(crate) fn network(&self) -> &NetworkTrust {
        &self.network
    }

    pub(crate) fn release(&self) -> Option<&Release> {
        self.release.as_ref()
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
        let connection = self.network.behind_proxy(connection, request.headers());
        let host = authority(&request).and_then(|authority| self.endpoints.host(authority));
        let stray = match &host {
            _ if is_repeated(&request, header::HOST) => {
                Some(Problem::bad("A request names one host: it has several Host headers."))
            }
            _ if is_repeated(&request, header::AUTHORIZATION) => {
                Some(Problem::bad("A request has one Authorization header, not several."))
            }
            Some(host) if !self.same_kind(host, connection.info.sni.as_deref()) => {
                Some(Problem::Misdirected)
            }
            Some(Host::Vault(_)) => None,
            Some(host) if self.router(host).is_some() => None,
            Some(_) => Some(Problem::HostNotServed),
            None => Some(Problem::UnknownHost(self.endpoints.base().to_owned())),
        };
        Ok(match (stray, host) {
            (Some(problem), _) => {
                vault::refuse(&self, &connection, &request, &problem).await.map(Either::Left)
            }
            (None, Some(Host::Vault(name))) if public::is_public(request.uri().path()) => {
                public::respond(&self, &connection, &name, request).await.map(Either::Left)
            }
            (None, Some(Host::Vault(name))) => {
                vault::respond(&self, &connection, &name, request).await.map(Either::Left)
            }
            (None, host) => match host.and_then(|host| self.router(&host)) {
                Some(router) => through(router.clone(), &connection, request).await,
                None => {
                    let problem = Problem::HostNotServed;
                    vault::refuse(&self, &connection, &request, &problem).await.map(Either::Left)
                }
            },
        })
    }

    /// Whether a host is of the kind that the handshake named; a client may name none.
    fn same_kind(&self, host: &Host, sni: Option<&str>) -> bool {
        let kind = |host: &Host| std::mem::discriminant(host);
        sni.is_none_or(|sni| self.endpoints.host(sni).as_ref().map(kind) == Some(kind(host)))
    }

    fn router(&self, host: &Host) -> Option<&Router> {
        self.routers.iter().find(|(known, _)| known == host).map(|(_, router)| router)
    }
}

/// Answers by a router, which learns of the connection through an extension.
async fn through(
    router: Router,
    connection: &Connection,
    mut request: Request<Incoming>,
) -> Response<ResponseBody> {
    request.extensions_mut().insert(Arc::clone(&connection.info));
    let answer = router.oneshot(request.map(AxumBody::new));
    let mut response = match tokio::time::timeout(ROUTER_TIMEOUT, answer).await {
        Ok(Ok(response)) => response.map(Either::Right),
        Ok(Err(never)) => match never {},
        Err(_) => late(),
    };
    headers::put_security(response.headers_mut());
    response
}

/// The answer to a request that did not come whole in time.
fn late() -> Response<ResponseBody> {
    let mut response = Response::new(Either::Left(Full::default()));
    *response.status_mut() = StatusCode::REQUEST_TIMEOUT;
    response
}

/// Whether a header is there more than once, so that no two readers need agree on it (RFC 9112,
/// section 3.2, has such a Host answered with 400).
fn is_repeated<B>(request: &Request<B>, name: HeaderName) -> bool {
    request.headers().get_all(name).iter().nth(1).is_some()
}

/// The host that a request names, without the user information that a client may have put there.
pub(crate) fn authority<B>(request: &Request<B>) -> Option<&str> {
    let header = || request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let named = request.uri().authority().map(http::uri::Authority::as_str).or_else(header)?;
    Some(named.rsplit_once('@').map_or(named, |(_, host)| host))
}
