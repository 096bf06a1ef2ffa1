//! Attestation tokens, their authority's keys served over TLS by the test.

#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

#[expect(dead_code, reason = "shared with own_tokens.rs, which uses the rest")]
mod common;
#[expect(dead_code, reason = "shared with external_tokens.rs, which uses the rest")]
#[path = "common/issuer_server.rs"]
mod issuer_server;

use common::{NOW, b64, key, sign, stranger};
use issuer_server::{CA, IssuerServer};
use proptest::prelude::*;
use serde_json::{Value, json};
use strongroom_authn::OutgoingRules;
use strongroom_authn::attestation::{
    AttestationAuthorities, AttestationFault, AttestationToken, Attested, MOST_BYTES,
    TrustedAuthority,
};
use strongroom_crypto::SecretBytes;
use strongroom_crypto::sign::RsaSigningKey;
use strongroom_model::Timestamp;
use strongroom_model::release::Authority;

const KEYS: &str = "/certs";
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// An attestation service that shows the stranger's key under `kid` "x", and its tokens.
struct Service {
    server: IssuerServer,
}

impl Service {
    async fn start() -> Self {
        let server = IssuerServer::start().await;
        // As the mock attestation service of Azure's SDK tests answers: without an `issuer`.
        server.show(DISCOVERY, json!({"jwks_uri": server.url(KEYS)}).to_string());
        server.show(KEYS, jwks("x", stranger()));
        Self { server }
    }

    fn url(&self) -> String {
        self.server.url("")
    }

    fn authority(&self) -> Authority {
        Authority::parse(&self.url()).unwrap()
    }

    /// This service configured under `url`.
    fn trusted_as(&self, url: String) -> AttestationAuthorities {
        let trusted = vec![TrustedAuthority { url, ca_pem: Some(CA.into()) }];
        AttestationAuthorities::new(trusted, OutgoingRules::new(Vec::new())).unwrap()
    }

    fn trusted(&self) -> AttestationAuthorities {
        self.trusted_as(self.url())
    }

    /// The claims of a mock token of Azure's SDK tests, with the times of these tests.
    fn claims(&self) -> Value {
        json!({"iss": self.server.url("/"), "sdk-test": true, "x-ms-inittime": {},
            "x-ms-runtime": {"keys": [{"kty": "RSA", "kid": "fake-release-key", "use": "enc",
                "e": "AQAB", "n": b64(key().public().n)}]},
            "maa-ehd": "sdk-test", "iat": NOW.0, "exp": NOW.0 + 3600})
    }

    fn token(&self) -> String {
        token(&self.claims())
    }

    fn token_with(&self, name: &str, value: Value) -> String {
        let mut claims = self.claims();
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.into(), value),
        };
        token(&claims)
    }

    async fn ask(&self, token: &str) -> Result<Attested, AttestationFault> {
        self.trusted().verify(token, &[self.authority()], NOW).await
    }
}

fn token(claims: &Value) -> String {
    sign(stranger(), r#"{"alg":"RS256","typ":"JWT","kid":"x"}"#, &claims.to_string())
}

fn jwks(kid: &str, key: &RsaSigningKey) -> String {
    let (n, e) = (b64(key.public().n), b64(key.public().e));
    json!({"keys": [{"kty": "RSA", "kid": kid, "n": n, "e": e}]}).to_string()
}

#[tokio::test]
async fn a_sound_token_is_believed() {
    let service = Service::start().await;
    let attested = service.ask(&service.token()).await.unwrap();
    assert_eq!(attested.authority, service.authority());
    assert_eq!(attested.claims["sdk-test"], true);
    assert_eq!(attested.claims["x-ms-runtime"]["keys"][0]["kid"], "fake-release-key");
}

#[tokio::test]
async fn a_slash_at_the_end_names_the_same_authority() {
    let service = Service::start().await;
    for issuer in [service.server.url(""), service.server.url("/")] {
        for named in [Value::Null, json!(service.server.url("")), json!(service.server.url("/"))] {
            let mut discovery = json!({"jwks_uri": service.server.url(KEYS)});
            if !named.is_null() {
                discovery["issuer"] = named;
            }
            service.server.show(DISCOVERY, discovery.to_string());
            let token = service.token_with("iss", json!(issuer));
            let trusted = service.trusted_as(service.server.url("/"));
            assert!(trusted.verify(&token, &[service.authority()], NOW).await.is_ok());
        }
    }
    let other = json!({"issuer": "https://other.example", "jwks_uri": service.server.url(KEYS)});
    service.server.show(DISCOVERY, other.to_string());
    let refused = service.ask(&service.token()).await;
    assert_eq!(refused, Err(AttestationFault::UnknownKey(service.authority())));
}

#[tokio::test]
async fn only_an_authority_of_the_policy_that_is_configured_counts() {
    let service = Service::start().await;
    let (token, authority) = (service.token(), service.authority());
    let other = Authority::parse("https://other.example").unwrap();
    let trusted = service.trusted();
    let refused = trusted.verify(&token, &[other], NOW).await;
    assert_eq!(refused, Err(AttestationFault::OtherAuthority(authority.clone())));
    let refused = trusted.verify(&token, &[], NOW).await;
    assert_eq!(refused, Err(AttestationFault::OtherAuthority(authority.clone())));
    let nobody = AttestationAuthorities::default();
    let refused = nobody.verify(&token, std::slice::from_ref(&authority), NOW).await;
    assert_eq!(refused, Err(AttestationFault::NotConfigured(authority)));
    assert_eq!(service.server.requests(), 0, "nothing is fetched for what is refused anyway");
}

#[tokio::test]
async fn a_token_counts_in_its_time_only() {
    let service = Service::start().await;
    let refused = async |name, value| service.ask(&service.token_with(name, value)).await.err();
    assert_eq!(refused("exp", json!(NOW.0 - 60)).await, Some(AttestationFault::Expired));
    assert_eq!(refused("exp", json!(NOW.0 - 59)).await, None, "within the leeway");
    assert_eq!(refused("exp", Value::Null).await, Some(AttestationFault::Expired));
    assert_eq!(refused("exp", json!("never")).await, Some(AttestationFault::Malformed));
    assert_eq!(refused("nbf", json!(NOW.0 + 61)).await, Some(AttestationFault::NotYetValid));
    assert_eq!(refused("nbf", json!(NOW.0)).await, None);
    let (trusted, token) = (service.trusted(), service.token());
    let later = Timestamp(NOW.0 + 7200);
    let refused = trusted.verify(&token, &[service.authority()], later).await;
    assert_eq!(refused, Err(AttestationFault::Expired));
}

#[tokio::test]
async fn a_tampered_or_foreign_signature_is_refused() {
    let service = Service::start().await;
    let token = service.token();
    let parts: Vec<&str> = token.split('.').collect();
    let claims = service.claims().to_string().replace("\"sdk-test\":true", "\"sdk-test\":false");
    let tampered = format!("{}.{}.{}", parts[0], b64(claims), parts[2]);
    assert_eq!(service.ask(&tampered).await, Err(AttestationFault::Signature));
    let cut = format!("{}.{}.AAAA", parts[0], parts[1]);
    assert_eq!(service.ask(&cut).await, Err(AttestationFault::Signature));
    let header = r#"{"alg":"RS256","typ":"JWT","kid":"x"}"#;
    let forged = sign(key(), header, &service.claims().to_string());
    assert_eq!(service.ask(&forged).await, Err(AttestationFault::Signature));
    let ps256 = header.replace("RS256", "PS256");
    let other = sign(stranger(), &ps256, &service.claims().to_string());
    assert_eq!(service.ask(&other).await, Err(AttestationFault::Signature));
}

#[tokio::test]
async fn no_algorithm_and_no_shared_secret_will_do() {
    let service = Service::start().await;
    let claims = service.claims().to_string();
    for header in [
        r#"{"alg":"none","typ":"JWT","kid":"x"}"#,
        r#"{"alg":"HS256","typ":"JWT","kid":"x"}"#,
        r#"{"alg":"RS256","typ":"JWT"}"#,
        r#"{"alg":"RS256","typ":"JWT","kid":"x","crit":["exp"]}"#,
        r#"{"alg":"RS256","alg":"none","kid":"x"}"#,
    ] {
        let refused = service.ask(&sign(stranger(), header, &claims)).await;
        assert_eq!(refused, Err(AttestationFault::Malformed), "{header}");
        let unsigned = format!("{}.{}.", b64(header), b64(&claims));
        assert_eq!(service.ask(&unsigned).await, Err(AttestationFault::Malformed), "{header}");
    }
    assert_eq!(service.server.requests(), 0);
}

/// An attacker's own server vouches for the attacker's key; the header points there.
#[tokio::test]
async fn a_key_that_the_token_brings_itself_is_never_used() {
    let (service, evil) = (Service::start().await, Service::start().await);
    evil.server.show(KEYS, jwks("evil", key()));
    let (n, e) = (b64(key().public().n), b64(key().public().e));
    let certificate = include_str!("fixtures/server.pem").lines().collect::<Vec<_>>();
    let x5c = certificate[1..certificate.len() - 1].concat();
    for pointer in [
        json!({"jku": evil.server.url(KEYS)}),
        json!({"x5u": evil.server.url(KEYS)}),
        json!({"jwk": {"kty": "RSA", "kid": "evil", "n": n, "e": e}}),
        json!({"x5c": [x5c]}),
    ] {
        for kid in ["evil", "x"] {
            let mut header = json!({"alg": "RS256", "typ": "JWT", "kid": kid});
            header.as_object_mut().unwrap().extend(pointer.as_object().unwrap().clone());
            let forged = sign(key(), &header.to_string(), &service.claims().to_string());
            let refused = service.ask(&forged).await.unwrap_err();
            let expected = match kid {
                "x" => AttestationFault::Signature,
                _ => AttestationFault::UnknownKey(service.authority()),
            };
            assert_eq!(refused, expected, "{header}");
        }
    }
    assert_eq!(evil.server.requests(), 0);
}

// As Microsoft Azure Attestation shows its keys: `x5c` alone. fixtures/make_attestation.py made
// the certificate and its key.
#[tokio::test]
async fn a_key_in_a_certificate_is_found() {
    let service = Service::start().await;
    service.server.show(KEYS, include_str!("fixtures/attestation_certs.json"));
    let pkcs8 = SecretBytes::new(include_bytes!("fixtures/attestation.pkcs8").to_vec());
    let certified = RsaSigningKey::from_pkcs8(&pkcs8).unwrap();
    let header = r#"{"alg":"RS256","jku":"https://a.example/certs","kid":"certified","typ":"JWT"}"#;
    let claims = service.claims().to_string();
    assert!(service.ask(&sign(&certified, header, &claims)).await.is_ok());
    let refused = service.ask(&sign(stranger(), header, &claims)).await;
    assert_eq!(refused, Err(AttestationFault::Signature));
}

#[tokio::test]
async fn keys_are_fetched_once_and_not_more_often_than_every_half_minute() {
    let service = Service::start().await;
    let (trusted, authority) = (service.trusted(), [service.authority()]);
    let token = service.token();
    for _ in 0..3 {
        assert!(trusted.verify(&token, &authority, NOW).await.is_ok());
    }
    assert_eq!(service.server.requests(), 2);
    for _ in 0..3 {
        let header = r#"{"alg":"RS256","typ":"JWT","kid":"y"}"#;
        let unknown = sign(stranger(), header, &service.claims().to_string());
        let refused = trusted.verify(&unknown, &authority, NOW).await;
        assert!(matches!(refused, Err(AttestationFault::UnknownKey(_))));
    }
    assert_eq!(service.server.requests(), 2);
}

#[test]
fn an_authority_is_configured_by_its_https_url() {
    for bad in ["http://localhost:8023/", "attest.example", "https://user@a.example", ""] {
        let trusted = vec![TrustedAuthority { url: bad.into(), ca_pem: None }];
        let outgoing = OutgoingRules::new(Vec::new());
        assert!(AttestationAuthorities::new(trusted, outgoing).is_err(), "{bad}");
    }
}

#[test]
fn a_long_token_is_not_looked_at() {
    let claims = json!({"iss": "https://a.example", "x": "x".repeat(MOST_BYTES / 2)}).to_string();
    let header = b64(r#"{"alg":"RS256","kid":"x"}"#);
    assert!(AttestationToken::parse(&format!("{header}.{}.AAAA", b64(&claims))).is_ok());
    let longer = format!("{header}.{}.AAAA", b64(claims.repeat(2)));
    let refused = AttestationToken::parse(&longer).err();
    assert_eq!(refused, Some(AttestationFault::Malformed));
}

proptest! {
    #[test]
    fn arbitrary_text_does_not_panic(text in "[ -~]{0,200}") {
        let _ = AttestationToken::parse(&text);
    }

    #[test]
    fn arbitrary_segments_do_not_panic(
        header in prop::collection::vec(any::<u8>(), 0..64),
        claims in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let token = format!("{}.{}.AAAA", b64(header), b64(claims));
        let _ = AttestationToken::parse(&token);
    }

    #[test]
    fn what_parses_names_an_https_authority(issuer in "(https?://)?[a-z.:/@?#]{0,20}") {
        let claims = json!({"iss": issuer}).to_string();
        let token = format!("{}.{}.AAAA", b64(r#"{"alg":"RS256","kid":"x"}"#), b64(claims));
        if let Ok(token) = AttestationToken::parse(&token) {
            prop_assert!(token.authority().as_str().starts_with("https://"));
            prop_assert!(!token.authority().as_str().contains(['@', '?', '#']));
        }
    }
}
