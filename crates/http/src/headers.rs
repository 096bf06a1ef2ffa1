//! The headers that every answer of a vault carries, as the real service sends them.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use strongroom_model::{ConnectionInfo, RequestId};

const EXPIRES: HeaderValue = HeaderValue::from_static("-1");
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000;includeSubDomains");
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const SERVICE_VERSION: HeaderValue = HeaderValue::from_static(env!("CARGO_PKG_VERSION"));

const REGION: HeaderName = HeaderName::from_static("x-ms-keyvault-region");
pub(crate) const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-client-request-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
const VERSION: HeaderName = HeaderName::from_static("x-ms-keyvault-service-version");
const NETWORK_INFO: HeaderName = HeaderName::from_static("x-ms-keyvault-network-info");

/// Puts the standard headers on an answer.
pub(crate) fn put(
    headers: &mut HeaderMap,
    request_id: RequestId,
    client_request_id: Option<&HeaderValue>,
    region: &HeaderValue,
    connection: &Connection,
) {
    headers.reserve(14);
    headers.insert(header::CACHE_CONTROL, NO_CACHE);
    headers.insert(header::PRAGMA, NO_CACHE);
    headers.insert(header::EXPIRES, EXPIRES);
    headers.insert(REGION, region.clone());
    if let Some(id) = client_request_id {
        headers.insert(CLIENT_REQUEST_ID, id.clone());
    }
    if let Ok(id) = HeaderValue::from_str(request_id.0.hyphenated().encode_lower(&mut [0; 36])) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(VERSION, SERVICE_VERSION);
    headers.insert(NETWORK_INFO, connection.network_info.clone());
    put_security(headers);
}

/// Puts what every host answers with: no guessing of types, TLS only.
pub(crate) fn put_security(headers: &mut HeaderMap) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
}

/// Says that the body is JSON.
pub(crate) fn put_json(headers: &mut HeaderMap) {
    headers.insert(header::CONTENT_TYPE, JSON);
}

/// A connection, with the header that every answer on it carries.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) info: std::sync::Arc<ConnectionInfo>,
    network_info: HeaderValue,
}

impl Connection {
    pub(crate) fn new(info: ConnectionInfo) -> Self {
        let peer = info.peer.ip().to_canonical();
        let (kind, family) = match peer {
            std::net::IpAddr::V4(_) => ("Ipv4", "InterNetwork"),
            std::net::IpAddr::V6(_) => ("Ipv6", "InterNetworkV6"),
        };
        let text = format!("conn_type={kind};addr={peer};act_addr_fam={family};");
        let network_info =
            HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("conn_type=Unknown;"));
        Self { info: std::sync::Arc::new(info), network_info }
    }
}
