//! The documents that clients read before they sign in.

#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

#[expect(dead_code, reason = "shared with token_endpoint.rs, which uses the rest")]
mod common;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::*;
use serde_json::json;
use strongroom_crypto::jws::{SignatureAlgorithm, VerifyingKey};
use strongroom_identity::rotation::rotate_now;

const LOGIN: &str = "https://login.localhost:8443";

#[tokio::test]
async fn the_v2_configuration_is_what_msal_needs() {
    let service = Service::new().await;
    let tenant = TENANT.to_string();
    for authority in [tenant.as_str(), "common", "organizations", "consumers"] {
        let path = format!("/{authority}/v2.0/.well-known/openid-configuration");
        let answer = service.get(&path).await;
        assert_eq!(answer.status, 200, "{path}");
        let body = answer.body;
        assert_eq!(body["issuer"], format!("{LOGIN}/{TENANT}/v2.0"));
        let base = format!("{LOGIN}/{authority}");
        assert_eq!(body["token_endpoint"], format!("{base}/oauth2/v2.0/token"));
        assert_eq!(body["authorization_endpoint"], format!("{base}/oauth2/v2.0/authorize"));
        assert_eq!(body["device_authorization_endpoint"], format!("{base}/oauth2/v2.0/devicecode"));
        assert_eq!(body["jwks_uri"], format!("{base}/discovery/v2.0/keys"));
        assert_eq!(body["id_token_signing_alg_values_supported"], json!(["RS256"]));
    }
    let upper = tenant.to_uppercase();
    let answer = service.get(&format!("/{upper}/v2.0/.well-known/openid-configuration")).await;
    assert_eq!(answer.body["token_endpoint"], format!("{LOGIN}/{TENANT}/oauth2/v2.0/token"));
}

#[tokio::test]
async fn v1_and_adfs_have_their_own_endpoints() {
    let service = Service::new().await;
    let v1 = service.get(&format!("/{TENANT}/.well-known/openid-configuration")).await.body;
    assert_eq!(v1["token_endpoint"], format!("{LOGIN}/{TENANT}/oauth2/token"));
    assert_eq!(v1["jwks_uri"], format!("{LOGIN}/{TENANT}/discovery/keys"));
    for path in
        ["/adfs/.well-known/openid-configuration", "/adfs/v2.0/.well-known/openid-configuration"]
    {
        let adfs = service.get(path).await.body;
        assert_eq!(adfs["token_endpoint"], format!("{LOGIN}/adfs/oauth2/token"));
        assert_eq!(adfs["authorization_endpoint"], format!("{LOGIN}/adfs/oauth2/authorize"));
        assert_eq!(adfs["jwks_uri"], format!("{LOGIN}/adfs/discovery/keys"));
        assert_eq!(adfs["issuer"], format!("{LOGIN}/{TENANT}/v2.0"));
    }
}

#[tokio::test]
async fn an_unknown_tenant_is_refused_like_entra_id_does() {
    let service = Service::new().await;
    for tenant in ["99999999-2222-4333-8444-555555555555", "contoso.com", "ADFS", "x"] {
        for end in [
            "v2.0/.well-known/openid-configuration",
            ".well-known/openid-configuration",
            "discovery/keys",
            "discovery/v2.0/keys",
        ] {
            let answer = service.get(&format!("/{tenant}/{end}")).await;
            assert_eq!(answer.status, 400);
            assert_eq!(answer.body["error"], "invalid_request");
            assert_eq!(answer.body["error_codes"], json!([90002]));
            let description = answer.body["error_description"].as_str().unwrap();
            assert!(description.starts_with(&format!("AADSTS90002: Tenant '{tenant}' not found.")));
        }
    }
}

#[tokio::test]
async fn the_keys_verify_a_token() {
    let service = Service::new().await;
    let scope = ("scope", "https://vault.azure.net/.default");
    let path = format!("/{TENANT}/oauth2/v2.0/token");
    let answer = service.post(&path, credentials(SECRET, &[scope])).await;
    let token = answer.body["access_token"].as_str().unwrap().to_owned();
    let (header, _) = parts(&answer.body["access_token"]);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    for path in ["/adfs/discovery/keys", "/common/discovery/v2.0/keys", "/common/discovery/keys"] {
        let keys = service.get(path).await.body["keys"].clone();
        let key = keys.as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
        assert_eq!(key["kty"], "RSA");
        assert_eq!(key["use"], "sig");
        assert_eq!(key["alg"], "RS256");
        assert_eq!(key["issuer"], format!("{LOGIN}/{TENANT}/v2.0"));
        assert_eq!(key.as_object().unwrap().len(), 8, "only public members: {key}");
        let number = |name: &str| decode(key[name].as_str().unwrap());
        VerifyingKey::rsa(&number("n"), &number("e"))
            .unwrap()
            .verify(SignatureAlgorithm::Rs256, signed.as_bytes(), &decode(signature))
            .unwrap();
    }
}

#[tokio::test]
async fn keys_are_shown_before_they_sign_and_no_longer_than_they_are_accepted() {
    let service = Service::new().await;
    let mut coming = rotate_now(NOW.plus_days(1)).generate().unwrap();
    coming.created = NOW;
    service.put(&coming).await;
    let gone = rotate_now(NOW.plus_days(400)).generate().unwrap();
    let gone = strongroom_directory::row::TokenKeyRow { expires: NOW, ..gone };
    service.put(&gone).await;
    let keys = service.get("/common/discovery/keys").await.body["keys"].clone();
    let kids: Vec<&str> =
        keys.as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap()).collect();
    assert_eq!(kids.len(), 2);
    assert!(kids.contains(&coming.kid.as_str()));
    assert!(!kids.contains(&gone.kid.as_str()));
    let scope = ("scope", "https://vault.azure.net/.default");
    let answer = service.post("/adfs/oauth2/token", credentials(SECRET, &[scope])).await;
    assert_ne!(parts(&answer.body["access_token"]).0["kid"], coming.kid);
}

#[tokio::test]
async fn instance_discovery_names_this_host_alone() {
    let service = Service::new().await;
    let metadata = json!([{
        "preferred_network": "login.localhost:8443",
        "preferred_cache": "login.localhost:8443",
        "aliases": ["login.localhost:8443", "login.localhost"],
    }]);
    for (endpoint, segment) in [
        // MSAL for Python drops the port; MSAL for JavaScript keeps it.
        (format!("https://login.localhost/{TENANT}/oauth2/v2.0/authorize"), TENANT.to_string()),
        (format!("{LOGIN}/{TENANT}/oauth2/v2.0/authorize"), TENANT.to_string()),
        (format!("{LOGIN}/organizations/oauth2/v2.0/authorize"), "organizations".into()),
        (format!("{LOGIN}/nowhere/oauth2/v2.0/authorize"), "common".into()),
        ("x".into(), "common".into()),
    ] {
        let path = format!(
            "/common/discovery/instance?api-version=1.1&{}",
            form(&[("authorization_endpoint", &endpoint)])
        );
        let answer = service.get(&path).await;
        assert_eq!(answer.status, 200);
        let expected = format!("{LOGIN}/{segment}/v2.0/.well-known/openid-configuration");
        assert_eq!(answer.body["tenant_discovery_endpoint"], expected);
        assert_eq!(answer.body["api-version"], "1.1");
        assert_eq!(answer.body["metadata"], metadata);
    }
    assert_eq!(service.get("/common/discovery/instance").await.status, 200);
}
