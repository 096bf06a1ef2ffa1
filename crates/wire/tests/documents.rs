//! Error bodies and the token service's documents, as clients and recorded answers have them.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

use strongroom_wire::identity::{
    InstanceDiscovery, InstanceMetadata, Jwk, Jwks, OAuthError, OpenIdConfiguration, TokenResponse,
    TokenResponseV1,
};
use strongroom_wire::{KeyVaultError, to_json};

fn text(body: &impl serde::Serialize) -> String {
    String::from_utf8(to_json(body).unwrap()).unwrap()
}

#[test]
fn key_vault_errors() {
    let missing = "AKV10000: Request is missing a Bearer or PoP token.";
    assert_eq!(
        text(&KeyVaultError::new("Unauthorized", missing, None)),
        concat!(
            r#"{"error":{"code":"Unauthorized","message":"AKV10000: Request is missing a "#,
            r#"Bearer or PoP token."}}"#,
        )
    );
    let disabled = "Operation get is not allowed on a disabled secret.";
    assert_eq!(
        text(&KeyVaultError::new("Forbidden", disabled, Some("SecretDisabled"))),
        concat!(
            r#"{"error":{"code":"Forbidden","message":"Operation get is not allowed on a "#,
            r#"disabled secret.","innererror":{"code":"SecretDisabled"}}}"#,
        )
    );
}

#[test]
fn numbers_of_a_v1_token_are_strings() {
    let v2 = TokenResponse {
        token_type: "Bearer",
        expires_in: 3599,
        ext_expires_in: 3599,
        access_token: "t",
    };
    assert_eq!(
        text(&v2),
        r#"{"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"t"}"#
    );
    let v1 = TokenResponseV1 {
        token_type: "Bearer",
        expires_in: 3599,
        ext_expires_in: 3599,
        expires_on: 1_493_942_058,
        not_before: 1_493_938_158,
        resource: "https://vault.azure.net",
        access_token: "t",
    };
    assert_eq!(
        text(&v1),
        concat!(
            r#"{"token_type":"Bearer","expires_in":"3599","ext_expires_in":"3599","#,
            r#""expires_on":"1493942058","not_before":"1493938158","#,
            r#""resource":"https://vault.azure.net","access_token":"t"}"#,
        )
    );
}

#[test]
fn a_refusal_has_every_member_that_clients_print() {
    let refusal = OAuthError {
        error: "invalid_client".to_owned(),
        error_description: "AADSTS7000215: Invalid client secret provided.".to_owned(),
        error_codes: vec![7_000_215],
        timestamp: "2026-01-31 12:00:00Z".to_owned(),
        trace_id: "t".to_owned(),
        correlation_id: "c".to_owned(),
        error_uri: None,
    };
    assert_eq!(
        text(&refusal),
        concat!(
            r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client "#,
            r#"secret provided.","error_codes":[7000215],"timestamp":"2026-01-31 12:00:00Z","#,
            r#""trace_id":"t","correlation_id":"c"}"#,
        )
    );
}

/// The example key of RFC 7517, appendix A.1, and a foreign member.
const RFC_7517_KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256",
    "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1","novel":{}}]}"#;

#[test]
fn key_sets_of_others_are_read_and_ours_are_written() {
    let foreign: Jwks = serde_json::from_str(RFC_7517_KEYS).unwrap();
    let key = foreign.keys.first().unwrap();
    assert_eq!((key.kty.as_str(), key.crv.as_deref()), ("EC", Some("P-256")));
    let ours = Jwk {
        kty: "RSA".to_owned(),
        key_use: Some("sig".to_owned()),
        kid: Some("k".to_owned()),
        n: Some("AQ".to_owned()),
        e: Some("AQAB".to_owned()),
        alg: Some("RS256".to_owned()),
        issuer: Some("https://login.localhost/t/v2.0".to_owned()),
        ..Jwk::default()
    };
    assert_eq!(
        text(&Jwks { keys: vec![ours] }),
        concat!(
            r#"{"keys":[{"kty":"RSA","use":"sig","kid":"k","n":"AQ","e":"AQAB","alg":"RS256","#,
            r#""issuer":"https://login.localhost/t/v2.0"}]}"#,
        )
    );
}

#[test]
fn discovery_documents() {
    let foreign: OpenIdConfiguration =
        serde_json::from_str(r#"{"issuer":"i","jwks_uri":"j","novel":true}"#).unwrap();
    assert_eq!(text(&foreign), r#"{"jwks_uri":"j","issuer":"i"}"#);
    assert!(serde_json::from_str::<OpenIdConfiguration>(r#"{"issuer":"i"}"#).is_err());
    let discovery = InstanceDiscovery {
        tenant_discovery_endpoint: "e".to_owned(),
        api_version: "1.1".to_owned(),
        metadata: vec![InstanceMetadata {
            preferred_network: "login.localhost".to_owned(),
            preferred_cache: "login.localhost".to_owned(),
            aliases: vec!["login.localhost".to_owned()],
        }],
    };
    assert_eq!(
        text(&discovery),
        concat!(
            r#"{"tenant_discovery_endpoint":"e","api-version":"1.1","#,
            r#""metadata":[{"preferred_network":"login.localhost","#,
            r#""preferred_cache":"login.localhost","aliases":["login.localhost"]}]}"#,
        )
    );
}
