//! The token endpoints over HTTP.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::{AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use strongroom_model::{ConnectionInfo, Timestamp};
use strongroom_wire::identity::{TokenResponse, TokenResponseV1};
use zeroize::Zeroizing;

use crate::TokenService;
use crate::audit::TokenOutcome;
use crate::authority::Authority;
use crate::exchange::{Endpoint, Exchange, Facts, Issued};
use crate::issue::LIFETIME;
use crate::refusal::Refusal;
use crate::router::{Ids, json, refuse};

/// The longest body of a request for a token, in bytes.
const MOST_BYTES: usize = 64 * 1024;

/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) async fn v1(State(service): State<Arc<TokenService>>, request: Request) -> Response {
    answer(&service, Endpoint::V1, request).await
}

pub(crate) async fn v2(State(service): State<Arc<TokenService>>, request: Request) -> Response {
    answer(&service, Endpoint::V2, request).await
}

async fn answer(service: &TokenService, endpoint: Endpoint, request: Request) -> Response {
    let begun = Instant::now();
    let now = (service.now)();
    let (parts, body) = request.into_parts();
    let ids = Ids::of(&parts.extensions);
    let mut facts = Facts::default();
    let decided = match read(body).await {
        Err(refusal) => Err(refusal),
        Ok(body) => {
            let authority = Authority::segment(&parts.uri);
            let authorization = text(&parts.headers, &AUTHORIZATION);
            let request = Exchange { endpoint, authority, authorization, body: &body };
            service.exchange(&request, now, &mut facts)
        }
    };
    let refusal = decided.as_ref().err();
    let user_agent = text(&parts.headers, &USER_AGENT);
    let outcome = TokenOutcome {
        id: ids.request,
        correlation_id: ids.correlation.clone(),
        time: now,
        duration: begun.elapsed(),
        path: parts.uri.path().chars().take(256).collect(),
        client_id: facts.client_id,
        object_id: facts.application.map(|application| application.object_id),
        tenant: facts.tenant,
        audience: decided.as_ref().ok().map(|issued| issued.audience.clone()),
        status: refusal.map_or(StatusCode::OK, Refusal::status).as_u16(),
        aadsts: refusal.map(Refusal::number),
        connection: parts.extensions.get::<Arc<ConnectionInfo>>().cloned(),
        user_agent: user_agent.map(|agent| agent.chars().take(256).collect()),
    };
    let decided = match service.audit.record(outcome).await {
        Ok(()) => decided,
        Err(_) => Err(Refusal::NotReady),
    };
    match decided {
        Ok(issued) => token(&issued, now),
        Err(refusal) => refuse(&refusal, &ids, now),
    }
}

/// The whole body; zeroized when dropped, for it holds the client's secret.
async fn read(body: Body) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let collect = Limited::new(body, MOST_BYTES).collect();
    let collected = tokio::time::timeout(BODY_TIMEOUT, collect)
        .await
        .map_err(|_| Refusal::Incomplete)?
        .map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => Refusal::TooLarge,
            None => Refusal::Incomplete,
        })?;
    Ok(Zeroizing::new(Vec::from(collected.to_bytes())))
}

fn token(issued: &Issued, now: Timestamp) -> Response<Body> {
    if issued.is_v1 {
        let answer = TokenResponseV1 {
            token_type: "Bearer",
            expires_in: LIFETIME,
            ext_expires_in: LIFETIME,
            expires_on: now.plus_seconds(LIFETIME).0,
            not_before: now.0,
            resource: &issued.resource,
            access_token: &issued.token,
        };
        return json(StatusCode::OK, "no-store, no-cache", &answer);
    }
    let answer = TokenResponse {
        token_type: "Bearer",
        expires_in: LIFETIME,
        ext_expires_in: LIFETIME,
        access_token: &issued.token,
    };
    json(StatusCode::OK, "no-store, no-cache", &answer)
}

fn text<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
