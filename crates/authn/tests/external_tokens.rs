//! Tokens of external issuers, their keys served over TLS by the test.

#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

#[expect(dead_code, reason = "shared with own_tokens.rs, which uses the rest")]
mod common;
#[path = "common/issuer_server.rs"]
mod issuer_server;

use std::collections::HashMap;
use std::time::Duration;

use common::*;
use issuer_server::{CA, IssuerServer};
use serde_json::{Value, json};
use strongroom_authn::{Resource, TokenFault};
use strongroom_crypto::sign::RsaSigningKey;
use strongroom_directory::{Application, TrustedIssuer};
use strongroom_model::{Caller, ClientId, IdentityType, PrincipalId};

const AUDIENCE: &str = "api://strongroom-test";
const KEYS: &str = "/keys";
const DISCOVERY: &str = "/.well-known/openid-configuration";

fn trusted(issuer: String, jwks_uri: Option<String>) -> TrustedIssuer {
    TrustedIssuer {
        issuer,
        tenant: TENANT,
        audience: AUDIENCE.into(),
        algorithms: vec!["RS256".into()],
        jwks_uri,
        ca_pem: Some(CA.into()),
        required_claims: Vec::new(),
        management_audience: None,
        graph_audience: None,
    }
}

fn jwks(keys: &[(&str, &RsaSigningKey)]) -> String {
    let jwk = |(kid, key): &(&str, &RsaSigningKey)| {
        let public = key.public();
        json!({"kty": "RSA", "kid": kid, "use": "sig", "n": b64(public.n), "e": b64(public.e)})
    };
    json!({"keys": keys.iter().map(jwk).collect::<Vec<Value>>()}).to_string()
}

/// A server that shows the stranger's key under `kid` "x", and its tokens.
struct Issuer {
    server: IssuerServer,
}

impl Issuer {
    async fn start() -> Self {
        let server = IssuerServer::start().await;
        let discovery = json!({"issuer": server.url(""), "jwks_uri": server.url(KEYS)});
        server.show(DISCOVERY, discovery.to_string());
        server.show(KEYS, jwks(&[("x", stranger())]));
        Self { server }
    }

    fn trusted(&self) -> TrustedIssuer {
        trusted(self.server.url(""), None)
    }

    fn claims(&self) -> Value {
        json!({"iss": self.server.url(""), "aud": AUDIENCE, "sub": "alice",
            "nbf": NOW.0, "exp": NOW.0 + 3600})
    }

    fn token_with(&self, kid: &str, name: &str, value: Value) -> String {
        let mut claims = self.claims();
        claims[name] = value;
        self.token(kid, &claims)
    }

    fn token(&self, kid: &str, claims: &Value) -> String {
        let header = format!(r#"{{"typ":"JWT","alg":"RS256","kid":"{kid}"}}"#);
        sign(stranger(), &header, &claims.to_string())
    }
}

async fn ask(installation: &Installation, token: &str) -> Result<Caller, TokenFault> {
    let answer = installation.authenticator.authenticate(token, NOW, TENANT).await;
    answer.map(|caller| Caller::clone(&caller))
}

#[tokio::test]
async fn every_algorithm_of_an_independent_implementation_is_verified() {
    let installation = Installation::new().await;
    let server = IssuerServer::start().await;
    server.show(KEYS, include_str!("fixtures/jwks.json"));
    let tokens: HashMap<String, String> =
        serde_json::from_str(include_str!("fixtures/tokens.json")).unwrap();
    let mut issuer = trusted("https://issuer.example/realms/a".into(), Some(server.url(KEYS)));
    assert_eq!(tokens.len(), 4);
    for (algorithm, token) in &tokens {
        issuer.algorithms = vec![algorithm.clone()];
        installation.put(&issuer).await;
        let caller = ask(&installation, token).await.unwrap();
        // uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_URL, iss), "alice") in Python.
        assert_eq!(caller.object_id.to_string(), ALICE);
        assert_eq!(caller.app_id.as_deref(), Some("pipeline"));
        assert_eq!(caller.tenant, TENANT);
        assert_eq!(caller.issuer, "https://issuer.example/realms/a");
        assert_eq!(caller.groups, ["0f6b5a1e-0d0a-4b6f-9a53-5d1c3f1f2a10".parse().unwrap()]);
        assert_eq!(caller.identity_type, IdentityType::App);
    }
    issuer.algorithms = vec!["ES512".into()];
    installation.put(&issuer).await;
    for token in tokens.values() {
        assert!(ask(&installation, token).await.is_err());
    }
}

const ALICE: &str = "3d53fdc8-3497-5bd2-b4b0-e1ecbe2483eb";

#[tokio::test]
async fn keys_are_found_through_discovery_and_fetched_once() {
    let (installation, issuer) = (Installation::new().await, Issuer::start().await);
    installation.put(&issuer.trusted()).await;
    let token = issuer.token("x", &issuer.claims());
    let other = issuer.token_with("x", "sub", json!("bob"));
    let (a, b) = tokio::join!(ask(&installation, &token), ask(&installation, &other));
    assert_ne!(a.unwrap().object_id, b.unwrap().object_id);
    assert!(ask(&installation, &token).await.is_ok());
    assert_eq!(issuer.server.requests(), 2);
}

#[tokio::test]
async fn only_the_configured_audience_counts() {
    let (installation, issuer) = (Installation::new().await, Issuer::start().await);
    installation.put(&issuer.trusted()).await;
    for sound in [json!(AUDIENCE), json!([AUDIENCE]), json!(["account", AUDIENCE])] {
        assert!(ask(&installation, &issuer.token_with("x", "aud", sound)).await.is_ok());
    }
    for other in [
        json!("https://vault.azure.net"),
        json!("https://vault.localhost:8443"),
        json!([AUDIENCE, "https://vault.azure.net"]),
        json!([AUDIENCE, "https://VAULT.azure.net/"]),
        json!([AUDIENCE, "https://managedhsm.azure.net"]),
        json!("api://strongroom-test/"),
        json!([]),
        Value::Null,
    ] {
        let found = ask(&installation, &issuer.token_with("x", "aud", other.clone())).await;
        assert!(matches!(found, Err(TokenFault::Audience { .. })), "{other}");
    }
    // Not even when it is configured.
    let mut careless = issuer.trusted();
    careless.audience = "https://vault.azure.net".into();
    installation.put(&careless).await;
    let token = issuer.token_with("x", "aud", json!("https://vault.azure.net"));
    assert!(matches!(ask(&installation, &token).await, Err(TokenFault::Audience { .. })));
}

#[tokio::test]
async fn a_token_opens_the_one_service_that_it_is_for() {
    const MANAGEMENT: &str = "api://strongroom-management";
    const GRAPH: &str = "api://strongroom-graph";
    let (installation, issuer) = (Installation::new().await, Issuer::start().await);
    let services =
        [(Resource::Vault, AUDIENCE), (Resource::Management, MANAGEMENT), (Resource::Graph, GRAPH)];
    let ask = async |resource, audience: &str| {
        let authenticator = installation.authenticator_for(resource);
        let token = issuer.token_with("x", "aud", json!(audience));
        let found = authenticator.authenticate(&token, NOW, TENANT).await;
        let known = authenticator.identify(&token, NOW, TENANT).await;
        assert_eq!(found.as_ref().err(), known.as_ref().err());
        found.map(|_| ())
    };

    // What is not said is not trusted: vaults alone are, and only for their own audience.
    installation.put(&issuer.trusted()).await;
    assert_eq!(ask(Resource::Vault, AUDIENCE).await, Ok(()));
    for resource in [Resource::Management, Resource::Graph] {
        let own = resource.audience(&endpoints());
        for audience in [AUDIENCE, MANAGEMENT, GRAPH, own.as_str()] {
            let found = ask(resource, audience).await;
            assert!(matches!(found, Err(TokenFault::Issuer { .. })), "{audience} at {resource:?}");
        }
    }

    let mut everywhere = issuer.trusted();
    everywhere.management_audience = Some(MANAGEMENT.into());
    everywhere.graph_audience = Some(GRAPH.into());
    installation.put(&everywhere).await;
    for (resource, _) in services {
        for (meant, audience) in services {
            match ask(resource, audience).await {
                Ok(()) => assert_eq!(resource, meant),
                Err(TokenFault::Audience { .. }) => assert_ne!(resource, meant),
                Err(other) => panic!("{audience} at {resource:?}: {other}"),
            }
        }
    }
}

#[tokio::test]
async fn who_is_no_longer_trusted_with_the_control_plane_is_refused_at_once() {
    let (installation, issuer) = (Installation::new().await, Issuer::start().await);
    let mut governing = issuer.trusted();
    governing.management_audience = Some("api://strongroom-management".into());
    installation.put(&governing).await;
    let authenticator = installation.authenticator_for(Resource::Management);
    let token = issuer.token_with("x", "aud", json!("api://strongroom-management"));
    assert!(authenticator.authenticate(&token, NOW, TENANT).await.is_ok());
    installation.put(&issuer.trusted()).await;
    for _ in 0..2 {
        assert!(authenticator.authenticate(&token, NOW, TENANT).await.is_err());
    }
}

#[tokio::test]
async fn lifetimes_have_sixty_seconds_of_leeway() {
    let (installation, issuer) = (Installation::new().await, Issuer::start().await);
    installation.put(&issuer.trusted()).await;
    for (name, seconds, expected) in [
        ("exp", -59, Ok(())),
        ("exp", -60, Err(TokenFault::Expired)),
        ("nbf", 60, Ok(())),
        ("nbf", 61, Err(TokenFault::NotYetValid)),
    ] {
        let token = issuer.token_with("x", name, json!(NOW.0 + seconds));
        assert_eq!(ask(&installation, &token).await.map(|_| ()), expected, "{name} {seconds}");
    }
}

#[tokio::test]
async fn required_claims_must_hold() {
    let (installation, issuer) = (Installation::new().await, Issuer::start().await);
    let mut strict = issuer.trusted();
    strict.required_claims = vec![("department".into(), "payments".into())];
    installation.put(&strict).await;
    let sound = issuer.token_with("x", "department", json!("payments"));
    assert!(ask(&installation, &sound).await.is_ok());
    for other in [json!("Payments"), json!(["payments"]), Value::Null] {
        let token = issuer.token_with("x", "department", other);
        assert_eq!(ask(&installation, &token).await, Err(TokenFault::Claim));
    }
}

#[tokio::test]
async fn no_issuer_speaks_for_another() {
    let (installation, issuer) = (Installation::new().await, Issuer::start().await);
    installation.put(&issuer.trusted()).await;
    // Our application's object id, by an issuer that is not us.
    let token = issuer.token_with("x", "oid", json!(OBJECT.to_string()));
    assert_eq!(ask(&installation, &token).await, Err(TokenFault::UnknownPrincipal));
    // A group of ours; also when it is made after the token was taken.
    let token = issuer.token_with("x", "oid", json!(GROUP.to_string()));
    assert!(ask(&installation, &token).await.is_ok());
    installation.put(&group(&[])).await;
    assert_eq!(ask(&installation, &token).await, Err(TokenFault::UnknownPrincipal));
    // Our `iss`, signed by the external issuer's key under its kid and under ours.
    for kid in ["x", KID] {
        let header = format!(r#"{{"typ":"JWT","alg":"RS256","kid":"{kid}"}}"#);
        let token = sign(stranger(), &header, &claims().to_string());
        assert!(ask(&installation, &token).await.is_err());
    }
    // The external `iss`, signed by our key.
    let header = format!(r#"{{"typ":"JWT","alg":"RS256","kid":"{KID}"}}"#);
    let token = sign(key(), &header, &issuer.claims().to_string());
    assert!(matches!(ask(&installation, &token).await, Err(TokenFault::UnknownKey { .. })));
    // An `iss` that only resembles the configured one.
    for resembling in [issuer.server.url("/"), issuer.server.url("").to_uppercase()] {
        let token = issuer.token_with("x", "iss", json!(resembling));
        assert!(matches!(ask(&installation, &token).await, Err(TokenFault::Issuer { .. })));
    }
}

/// Roles are assigned to object ids: whoever had an application's among the groups would have
/// the application's roles.
#[tokio::test]
async fn no_issuer_makes_a_group_of_what_is_ours() {
    let (installation, issuer) = (Installation::new().await, Issuer::start().await);
    installation.put(&issuer.trusted()).await;
    installation.put(&group(&[])).await;
    let late = PrincipalId(uuid::uuid!("5d0f1b52-7e0e-4f63-9f3e-0a5b0a7a9c11"));
    let own = PrincipalId(uuid::uuid!("0f6b5a1e-0d0a-4b6f-9a53-5d1c3f1f2a10"));
    let named = [OBJECT, GROUP, late, own].map(|id| id.to_string());
    let token = issuer.token_with("x", "groups", json!(named));
    let caller = ask(&installation, &token).await.unwrap();
    assert!(caller.groups.contains(&own), "{:?}", caller.groups);
    assert!(!caller.groups.contains(&OBJECT), "{:?}", caller.groups);
    assert!(!caller.groups.contains(&GROUP), "{:?}", caller.groups);
    // A token that was verified before is worth no more once such an application is made.
    assert!(caller.groups.contains(&late), "{:?}", caller.groups);
    let client_id = ClientId(uuid::uuid!("6a0f1b52-7e0e-4f63-9f3e-0a5b0a7a9c12"));
    installation.put(&Application { client_id, ..application(late) }).await;
    assert_eq!(ask(&installation, &token).await.unwrap().groups, [own]);
}

#[tokio::test]
async fn an_issuer_that_is_removed_or_changed_loses_its_tokens_at_once() {
    let (installation, issuer) = (Installation::new().await, Issuer::start().await);
    let token = issuer.token("x", &issuer.claims());
    assert!(matches!(ask(&installation, &token).await, Err(TokenFault::Issuer { .. })));
    installation.put(&issuer.trusted()).await;
    assert!(ask(&installation, &token).await.is_ok());
    let mut other = issuer.trusted();
    other.audience = "api://strongroom-other".into();
    installation.put(&other).await;
    assert!(ask(&installation, &token).await.is_err());
    assert!(matches!(ask(&installation, &token).await, Err(TokenFault::Audience { .. })));
    installation.put(&issuer.trusted()).await;
    assert!(ask(&installation, &token).await.is_ok());
    installation.delete::<TrustedIssuer>(issuer.server.url("").as_bytes()).await;
    assert!(ask(&installation, &token).await.is_err());
    assert!(matches!(ask(&installation, &token).await, Err(TokenFault::Issuer { .. })));
}

#[tokio::test]
async fn dishonest_servers_are_not_believed() {
    let (installation, issuer) = (Installation::new().await, Issuer::start().await);
    let server = &issuer.server;
    let discovery = |issuer: &str, keys: &str| json!({"issuer": issuer, "jwks_uri": keys});
    let own = server.url("");
    let endless = vec![b' '; 300 * 1024];
    let moved = format!("Location: {}\r\n", server.url(KEYS));
    for attempt in 0..7 {
        server.show(DISCOVERY, discovery(&own, &server.url(KEYS)).to_string());
        server.show(KEYS, jwks(&[("x", stranger())]));
        match attempt {
            0 => server.show(DISCOVERY, discovery("https://other", &server.url(KEYS)).to_string()),
            1 => server.show(DISCOVERY, discovery(&own, "http://127.0.0.1/keys").to_string()),
            2 => server.show(KEYS, &endless),
            3 => server.answer(KEYS, "302 Found", &moved, b""),
            4 => server.answer(KEYS, "500 Internal Server Error", "", b"{}"),
            5 => server.show(KEYS, "not JSON"),
            _ => {}
        }
        // Another configuration each time, so that no attempt is held back by the one before.
        let mut trusted = issuer.trusted();
        trusted.required_claims = vec![("sub".into(), attempt.to_string())];
        installation.put(&trusted).await;
        let token = issuer.token_with("x", "sub", json!(attempt.to_string()));
        let found = ask(&installation, &token).await;
        let refused = matches!(found, Err(TokenFault::UnknownKey { .. }));
        assert_eq!((found.is_ok(), refused), (attempt == 6, attempt < 6), "attempt {attempt}");
    }
}

#[tokio::test]
async fn a_server_whose_certificate_is_of_another_authority_is_not_believed() {
    let (installation, issuer) = (Installation::new().await, Issuer::start().await);
    let mut system_roots = issuer.trusted();
    system_roots.ca_pem = None;
    installation.put(&system_roots).await;
    let found = ask(&installation, &issuer.token("x", &issuer.claims())).await;
    assert!(matches!(found, Err(TokenFault::UnknownKey { .. })));
    assert_eq!(issuer.server.requests(), 0);
}

#[tokio::test]
async fn a_flood_of_unknown_keys_causes_one_fetch() {
    let (installation, issuer) = (Installation::new().await, Issuer::start().await);
    installation.put(&issuer.trusted()).await;
    for n in 0..50 {
        let token = issuer.token(&format!("unknown-{n}"), &issuer.claims());
        let found = ask(&installation, &token).await;
        assert!(matches!(found, Err(TokenFault::UnknownKey { .. })));
    }
    assert_eq!(issuer.server.requests(), 2);
    assert!(ask(&installation, &issuer.token("x", &issuer.claims())).await.is_ok());
}

#[tokio::test]
async fn rotated_keys_are_found_after_thirty_seconds() {
    let (installation, issuer) = (Installation::new().await, Issuer::start().await);
    installation.put(&issuer.trusted()).await;
    assert!(ask(&installation, &issuer.token("x", &issuer.claims())).await.is_ok());
    issuer.server.show(KEYS, jwks(&[("y", stranger())]));
    let rotated = issuer.token("y", &issuer.claims());
    assert!(ask(&installation, &rotated).await.is_err());
    travel(30).await;
    assert!(ask(&installation, &rotated).await.is_ok());
    let withdrawn = issuer.token_with("x", "sub", json!("bob"));
    assert!(ask(&installation, &withdrawn).await.is_err());
}

#[tokio::test]
async fn older_keys_serve_while_the_issuer_is_down() {
    let (installation, issuer) = (Installation::new().await, Issuer::start().await);
    installation.put(&issuer.trusted()).await;
    assert!(ask(&installation, &issuer.token("x", &issuer.claims())).await.is_ok());
    issuer.server.answer(DISCOVERY, "503 Service Unavailable", "", b"");
    travel(301).await;
    let token = issuer.token_with("x", "sub", json!("bob"));
    assert!(ask(&installation, &token).await.is_ok());
    assert_eq!(issuer.server.requests(), 3);
}

#[tokio::test]
async fn a_hanging_issuer_is_given_up_and_never_holds_our_own_tokens() {
    let (installation, issuer) = (Installation::new().await, Issuer::start().await);
    installation.put(&issuer.trusted()).await;
    issuer.server.hang(DISCOVERY);
    let external = issuer.token("x", &issuer.claims());
    let own = token(&claims());
    let begun = std::time::Instant::now();
    let waiting = async { (ask(&installation, &external).await, begun.elapsed()) };
    let mine = async { (ask(&installation, &own).await, begun.elapsed()) };
    let ((refused, gave_up), (accepted, took)) = tokio::join!(waiting, mine);
    assert!(matches!(refused, Err(TokenFault::UnknownKey { .. })));
    assert!((Duration::from_secs(4)..Duration::from_secs(9)).contains(&gave_up), "{gave_up:?}");
    assert!(accepted.is_ok());
    assert!(took < Duration::from_secs(4), "{took:?}");
}

/// Moves the runtime's clock, which only the intervals between fetches follow.
async fn travel(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}
