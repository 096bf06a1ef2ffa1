//! What clients read before they ask for a token: OpenID configuration, keys, instances.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{StatusCode, Uri};
use strongroom_directory::TokenKey;
use strongroom_wire::identity::{
    InstanceDiscovery, InstanceMetadata, Jwk, Jwks, OpenIdConfiguration,
};

use crate::TokenService;
use crate::authority::Authority;
use crate::exchange::Endpoint;
use crate::form::Form;
use crate::router::{Ids, json, refuse};

/// Configuration changes with the installation's address only.
const CONFIGURATION_AGE: &str = "max-age=86400, private";

/// A new key is shown for a day before it signs, so an hour is soon enough.
const KEYS_AGE: &str = "max-age=3600, private";

pub(crate) async fn configuration_v1(
    State(service): State<Arc<TokenService>>,
    uri: Uri,
    Extension(ids): Extension<Ids>,
) -> Response {
    configuration(&service, Authority::segment(&uri), Endpoint::V1, &ids)
}

pub(crate) async fn configuration_v2(
    State(service): State<Arc<TokenService>>,
    uri: Uri,
    Extension(ids): Extension<Ids>,
) -> Response {
    configuration(&service, Authority::segment(&uri), Endpoint::V2, &ids)
}

fn configuration(
    service: &TokenService,
    authority: &str,
    endpoint: Endpoint,
    ids: &Ids,
) -> Response {
    match Authority::parse(authority, &(service.directory)()) {
        Ok(authority) => {
            let document = service.open_id_configuration(&authority, endpoint);
            json(StatusCode::OK, CONFIGURATION_AGE, &document)
        }
        Err(refusal) => refuse(&refusal, ids, (service.now)()),
    }
}

pub(crate) async fn keys(
    State(service): State<Arc<TokenService>>,
    uri: Uri,
    Extension(ids): Extension<Ids>,
) -> Response {
    let (directory, now) = ((service.directory)(), (service.now)());
    let authority = match Authority::parse(Authority::segment(&uri), &directory) {
        Ok(authority) => authority,
        Err(refusal) => return refuse(&refusal, &ids, now),
    };
    let issuer = service.endpoints.issuer(authority.tenant);
    let shown = directory.token_keys().iter().filter(|key| now < key.expires);
    let keys = shown.map(|key| jwk(key, &issuer)).collect();
    json(StatusCode::OK, KEYS_AGE, &Jwks { keys })
}

fn jwk(key: &TokenKey, issuer: &str) -> Jwk {
    let public = key.key.public();
    Jwk {
        kty: "RSA".into(),
        key_use: Some("sig".into()),
        kid: Some(key.kid.clone()),
        x5t: Some(key.kid.clone()),
        n: Some(URL_SAFE_NO_PAD.encode(public.n)),
        e: Some(URL_SAFE_NO_PAD.encode(public.e)),
        alg: Some("RS256".into()),
        issuer: Some(issuer.to_owned()),
        ..Jwk::default()
    }
}

pub(crate) async fn instance(State(service): State<Arc<TokenService>>, uri: Uri) -> Response {
    let query = Form::parse(uri.query().unwrap_or_default().as_bytes()).unwrap_or_default();
    let asked = query.text("authorization_endpoint").and_then(authority_of);
    let directory = (service.directory)();
    let authority = asked.and_then(|segment| Authority::parse(segment, &directory).ok());
    let segment = authority.map_or_else(|| "common".to_owned(), |authority| authority.segment);
    json(StatusCode::OK, CONFIGURATION_AGE, &service.instance_discovery(&segment))
}

/// The first path segment of an authorization endpoint. Its host is not looked at: MSAL for
/// Python drops the port, and a client that reached us through another name is answered alike.
fn authority_of(authorization_endpoint: &str) -> Option<&str> {
    let (_, rest) = authorization_endpoint.split_once("://")?;
    rest.split('/').nth(1)
}

impl TokenService {
    /// The `issuer` names the default tenant where the authority names none, with the host and
    /// port of the authority: MSAL for JavaScript and Go refuse anything else.
    fn open_id_configuration(
        &self,
        authority: &Authority,
        endpoint: Endpoint,
    ) -> OpenIdConfiguration {
        let base = format!("{}/{}", self.endpoints.authority(), authority.segment);
        let (oauth2, keys) = match endpoint {
            _ if authority.is_adfs() => (format!("{base}/oauth2"), "discovery/keys"),
            Endpoint::V1 => (format!("{base}/oauth2"), "discovery/keys"),
            Endpoint::V2 => (format!("{base}/oauth2/v2.0"), "discovery/v2.0/keys"),
        };
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        OpenIdConfiguration {
            token_endpoint: format!("{oauth2}/token"),
            token_endpoint_auth_methods_supported: texts(&[
                "client_secret_post",
                "client_secret_basic",
            ]),
            jwks_uri: format!("{base}/{keys}"),
            response_modes_supported: texts(&["query", "fragment", "form_post"]),
            subject_types_supported: texts(&["pairwise"]),
            id_token_signing_alg_values_supported: texts(&["RS256"]),
            response_types_supported: texts(&["code", "id_token", "code id_token"]),
            scopes_supported: texts(&["openid", "profile", "email", "offline_access"]),
            issuer: self.endpoints.issuer(authority.tenant),
            // MSAL demands these two, even where only client credentials are used.
            authorization_endpoint: format!("{oauth2}/authorize"),
            device_authorization_endpoint: Some(format!("{oauth2}/devicecode")),
            end_session_endpoint: Some(format!("{oauth2}/logout")),
            claims_supported: texts(CLAIMS),
            tenant_region_scope: None,
            cloud_instance_name: Some(self.host()),
        }
    }

    fn instance_discovery(&self, segment: &str) -> InstanceDiscovery {
        let host = self.host();
        let mut aliases = vec![host.clone()];
        // MSAL for Python asks without the port.
        aliases.extend(host.split_once(':').map(|(name, _)| name.to_owned()));
        let base = self.endpoints.authority();
        InstanceDiscovery {
            tenant_discovery_endpoint: format!(
                "{base}/{segment}/v2.0/.well-known/openid-configuration"
            ),
            api_version: "1.1".into(),
            metadata: vec![InstanceMetadata {
                preferred_network: host.clone(),
                preferred_cache: host,
                aliases,
            }],
        }
    }

    /// `login.<base>[:port]`
    fn host(&self) -> String {
        let authority = self.endpoints.authority();
        authority.strip_prefix("https://").unwrap_or(&authority).to_owned()
    }
}

const CLAIMS: &[&str] = &[
    "sub", "iss", "aud", "exp", "iat", "nbf", "tid", "oid", "appid", "azp", "idtyp", "groups",
    "uti", "ver", "xms_cc",
];
