//! Requests for tokens as the official clients send them, and refusals as Entra ID answers them.

#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::*;
use futures_util::stream;
use http::Request;
use serde_json::{Value, json};
use strongroom_authn::TokenFault;
use strongroom_directory::{Application, Group};
use strongroom_model::PrincipalId;
use uuid::uuid;

const SCOPE: (&str, &str) = ("scope", "https://vault.localhost:8443/.default");

fn v2() -> String {
    format!("/{TENANT}/oauth2/v2.0/token")
}

fn v1() -> String {
    format!("/{TENANT}/oauth2/token")
}

#[tokio::test]
async fn msal_gets_a_token_that_the_vault_accepts() {
    let service = Service::new().await;
    // The parameters of azure-cli 2.91 (MSAL for Python 1.39).
    let claims = r#"{"access_token":{"xms_cc":{"values":["CP1"]}}}"#;
    let body = credentials(SECRET, &[("client_info", "1"), SCOPE, ("claims", claims)]);
    let request = post(&v2()).header("client-request-id", "5f8a7a3e-0000-4000-8000-000000000001");
    let answer = service.ask(request.body(Body::from(body)).unwrap()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/json; charset=utf-8");
    assert_eq!(answer.headers["cache-control"], "no-store, no-cache");
    assert_eq!(answer.headers["pragma"], "no-cache");
    assert_eq!(answer.headers["client-request-id"], "5f8a7a3e-0000-4000-8000-000000000001");
    assert!(answer.headers.contains_key("x-ms-request-id"));
    assert_eq!(answer.body["token_type"], "Bearer");
    assert_eq!(answer.body["expires_in"], 3600);
    assert_eq!(answer.body["ext_expires_in"], 3600);
    assert_eq!(answer.body.as_object().unwrap().len(), 4);

    let (header, claims) = parts(&answer.body["access_token"]);
    assert_eq!(header["typ"], "JWT");
    assert_eq!(header["alg"], "RS256");
    assert_eq!(header["kid"], header["x5t"]);
    assert!(claims["uti"].as_str().unwrap().len() >= 20);
    let mut rest = claims.clone();
    rest.as_object_mut().unwrap().remove("uti");
    let issuer = format!("https://login.localhost:8443/{TENANT}/v2.0");
    let expected = json!({
        "aud": VAULT, "iss": issuer, "idp": issuer,
        "iat": NOW.0, "nbf": NOW.0, "exp": NOW.0 + 3600,
        "appid": CLIENT.to_string(), "appidacr": "1",
        "azp": CLIENT.to_string(), "azpacr": "1", "idtyp": "app",
        "oid": OBJECT.to_string(), "sub": OBJECT.to_string(), "tid": TENANT.to_string(),
        "ver": "2.0", "xms_cc": ["CP1"],
    });
    assert_eq!(rest, expected);

    let token = answer.body["access_token"].as_str().unwrap();
    let caller = service.authenticator.authenticate(token, NOW, TENANT).await.unwrap();
    assert_eq!(caller.object_id, OBJECT);
    let after = NOW.plus_seconds(3600);
    let expired = service.authenticator.authenticate(token, after, TENANT).await;
    assert_eq!(expired.unwrap_err(), TokenFault::Expired);
}

#[tokio::test]
async fn v1_answers_numbers_in_strings() {
    let service = Service::new().await;
    let body = credentials(SECRET, &[("resource", "https://vault.localhost:8443/")]);
    let answer = service.post(&v1(), body).await;
    assert_eq!(answer.status, 200);
    let mut rest = answer.body;
    let token = rest.as_object_mut().unwrap().remove("access_token").unwrap();
    let expected = json!({
        "token_type": "Bearer", "expires_in": "3600", "ext_expires_in": "3600",
        "expires_on": (NOW.0 + 3600).to_string(), "not_before": NOW.0.to_string(),
        "resource": "https://vault.localhost:8443/",
    });
    assert_eq!(rest, expected);
    let (_, claims) = parts(&token);
    assert_eq!(claims["ver"], "1.0");
    assert_eq!(claims["aud"], VAULT);
    assert_eq!(claims["appid"], CLIENT.to_string());
    assert_eq!(claims.get("azp"), None);
    assert_eq!(claims.get("xms_cc"), None);
    assert_eq!(claims["iss"], format!("https://login.localhost:8443/{TENANT}/v2.0"));
}

#[tokio::test]
async fn adfs_stands_for_the_default_tenant_and_takes_scope_or_resource() {
    let service = Service::new().await;
    for path in ["/adfs/oauth2/token", "/adfs/oauth2/v2.0/token"] {
        for parameter in [SCOPE, ("resource", VAULT)] {
            let answer = service.post(path, credentials(SECRET, &[parameter])).await;
            assert_eq!(answer.status, 200);
            assert_eq!(answer.body["expires_in"], 3600);
            let (_, claims) = parts(&answer.body["access_token"]);
            assert_eq!(claims["tid"], TENANT.to_string());
            assert_eq!(claims["ver"], "1.0");
            let token = answer.body["access_token"].as_str().unwrap();
            assert!(service.authenticator.authenticate(token, NOW, TENANT).await.is_ok());
        }
    }
}

#[tokio::test]
async fn other_names_stand_for_the_default_tenant_too() {
    let service = Service::new().await;
    for authority in ["common", "organizations", "consumers", "Organizations"] {
        let path = format!("/{authority}/oauth2/v2.0/token");
        assert_eq!(service.post(&path, credentials(SECRET, &[SCOPE])).await.status, 200);
    }
}

#[tokio::test]
async fn http_basic_proves_the_client_too() {
    let service = Service::new().await;
    let encoded = SECRET
        .replace('%', "%25")
        .replace('+', "%2B")
        .replace(' ', "+")
        .replace('/', "%2F")
        .replace('=', "%3D")
        .replace('&', "%26");
    let basic = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:{encoded}")));
    let ask = async |header: &str, parameters: &[(&str, &str)]| {
        let request = post(&v2()).header("authorization", header);
        service.ask(request.body(Body::from(form(parameters))).unwrap()).await
    };
    let grant = ("grant_type", "client_credentials");
    assert_eq!(ask(&basic, &[grant, SCOPE]).await.status, 200);
    let client = CLIENT.to_string();
    assert_eq!(ask(&basic, &[grant, SCOPE, ("client_id", &client)]).await.status, 200);
    for refused in [
        ask(&basic, &[grant, SCOPE, ("client_secret", SECRET)]).await,
        ask(&basic, &[grant, SCOPE, ("client_id", "another")]).await,
        ask("Basic !!!", &[grant, SCOPE]).await,
        ask("Bearer x", &[grant, SCOPE]).await,
        ask(&format!("Basic {}", STANDARD.encode("no colon")), &[grant, SCOPE]).await,
    ] {
        assert_eq!(refused.status, 400);
        assert_eq!(refused.body["error"], "invalid_request");
    }
    let wrong = format!("Basic {}", STANDARD.encode(format!("{CLIENT}:wrong")));
    assert_eq!(ask(&wrong, &[grant, SCOPE]).await.body["error_codes"], json!([7000215]));
}

#[tokio::test]
async fn groups_stand_in_the_token() {
    let service = Service::new().await;
    let id = PrincipalId(uuid!("8e93423f-d08c-4539-ba3d-8cbc20bc6aa5"));
    let display_name = "readers".into();
    service
        .put(&Group { object_id: id, tenant: TENANT, display_name, members: vec![OBJECT] })
        .await;
    let answer = service.post(&v2(), credentials(SECRET, &[SCOPE])).await;
    let (_, claims) = parts(&answer.body["access_token"]);
    assert_eq!(claims["groups"], json!([id.to_string()]));
}

#[tokio::test]
async fn a_token_for_arm_keeps_its_slash_and_opens_no_vault() {
    let service = Service::new().await;
    let scope = ("scope", "https://management.core.windows.net//.default");
    let answer = service.post(&v2(), credentials(SECRET, &[scope])).await;
    let (_, claims) = parts(&answer.body["access_token"]);
    assert_eq!(claims["aud"], "https://management.core.windows.net/");
    let token = answer.body["access_token"].as_str().unwrap();
    let refused = service.authenticator.authenticate(token, NOW, TENANT).await;
    assert!(matches!(refused, Err(TokenFault::Audience { .. })));
}

/// A refusal: path, body, then status, OAuth's word and the AADSTS number.
type Case<'a> = (String, String, u16, &'a str, u32);

fn refusals() -> Vec<Case<'static>> {
    let grant = ("grant_type", "client_credentials");
    let client = CLIENT.to_string();
    let id = ("client_id", client.as_str());
    let secret = ("client_secret", SECRET);
    let stranger = ("client_id", "99999999-2222-4333-8444-555555555555");
    let no_tenant = "/99999999-2222-4333-8444-555555555555/oauth2/v2.0/token".to_owned();
    let twice = format!("{}&client_id=x", credentials(SECRET, &[SCOPE]));
    let with_scope = |scope| credentials(SECRET, &[("scope", scope)]);
    let with_resource = |resource| credentials(SECRET, &[("resource", resource)]);
    vec![
        (no_tenant, credentials(SECRET, &[SCOPE]), 400, "invalid_request", 90002),
        ("/contoso.com/oauth2/token".into(), String::new(), 400, "invalid_request", 90002),
        ("/ADFS/oauth2/token".into(), String::new(), 400, "invalid_request", 90002),
        (v2(), String::new(), 400, "invalid_request", 900144),
        (v2(), r#"{"grant_type":"client_credentials"}"#.into(), 400, "invalid_request", 900144),
        (v2(), form(&[grant, secret, SCOPE]), 400, "invalid_request", 900144),
        (v2(), form(&[grant, id, secret]), 400, "invalid_request", 900144),
        (v1(), form(&[grant, id, secret, SCOPE]), 400, "invalid_request", 900144),
        (v2(), twice, 400, "invalid_request", 90100),
        (v2(), "%ff=1".into(), 400, "invalid_request", 9002313),
        (v2(), form(&[("grant_type", "password"), id]), 400, "unsupported_grant_type", 70003),
        (v2(), form(&[grant, id, SCOPE]), 401, "invalid_client", 7000218),
        (v2(), form(&[grant, stranger, secret, SCOPE]), 400, "unauthorized_client", 700016),
        (
            v2(),
            form(&[grant, ("client_id", "x"), secret, SCOPE]),
            400,
            "unauthorized_client",
            700016,
        ),
        (
            format!("/{OTHER}/oauth2/v2.0/token"),
            credentials(SECRET, &[SCOPE]),
            400,
            "unauthorized_client",
            700016,
        ),
        (v2(), credentials("wrong", &[SCOPE]), 401, "invalid_client", 7000215),
        (v2(), credentials(EXPIRED, &[SCOPE]), 401, "invalid_client", 7000222),
        (v2(), with_scope("https://vault.localhost:8443"), 400, "invalid_scope", 1002012),
        (v2(), with_scope("https://a/.default https://b/.default"), 400, "invalid_scope", 70011),
        (v2(), with_scope("https://a.example/.default"), 400, "invalid_resource", 500011),
        (v1(), with_resource("https://a.example"), 400, "invalid_resource", 500011),
        (v2(), "x".repeat(64 * 1024 + 1), 413, "invalid_request", 9002313),
    ]
}

#[tokio::test]
async fn refusals_have_the_shape_of_entra_id() {
    let service = Service::new().await;
    for (path, body, status, error, number) in refusals() {
        let answer = service.post(&path, body.clone()).await;
        let about: String = body.chars().take(120).collect();
        assert_eq!(answer.status.as_u16(), status, "{path} {about}");
        assert_eq!(answer.body["error"], error, "{path} {about}");
        assert_eq!(answer.body["error_codes"], json!([number]), "{path} {about}");
        assert_eq!(answer.headers["cache-control"], "no-store, no-cache");
        assert_eq!(answer.body["timestamp"], "2026-01-01 00:01:40Z");
        let description = answer.body["error_description"].as_str().unwrap();
        assert!(description.starts_with(&format!("AADSTS{number}: ")), "{description}");
        for named in ["trace_id", "correlation_id"] {
            assert!(description.contains(answer.body[named].as_str().unwrap()), "{description}");
        }
        assert!(!description.contains(SECRET) && !description.contains(EXPIRED), "{description}");
        assert_eq!(answer.body["trace_id"], answer.headers["x-ms-request-id"].to_str().unwrap());
    }
}

#[tokio::test]
async fn a_secret_that_is_taken_away_is_refused_at_once() {
    let service = Service::new().await;
    assert_eq!(service.post(&v2(), credentials(SECRET, &[SCOPE])).await.status, 200);
    let bare = Application { credentials: Vec::new(), ..service.application() };
    service.put(&bare).await;
    let answer = service.post(&v2(), credentials(SECRET, &[SCOPE])).await;
    assert_eq!(answer.body["error_codes"], json!([7000215]));
}

#[tokio::test]
async fn what_a_client_sends_is_repeated_short_and_clean() {
    let service = Service::new().await;
    let long = format!("a\r\n\u{7}{}", "x".repeat(10_000));
    let body =
        form(&[("grant_type", "client_credentials"), ("client_id", &long), ("client_secret", "s")]);
    let answer = service.post(&v2(), format!("{body}&scope=a/.default")).await;
    let description = answer.body["error_description"].as_str().unwrap();
    assert!(description.len() < 1000);
    assert!(!description.contains(['\r', '\n', '\u{7}']));
}

#[tokio::test]
async fn other_methods_and_paths_are_refused_in_the_same_shape() {
    let service = Service::new().await;
    let answer = service.get(&v2()).await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.body["error_codes"], json!([900561]));
    let answer = service.post("/common/discovery/instance", "").await;
    assert_eq!(answer.status, 405);
    for path in ["/", "/x", "//", "/adfs/oauth2/authorize", "/%ff/oauth2/other"] {
        let answer = service.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.body["error"], "invalid_request", "{path}");
    }
    let answer = service.get("/%ff/discovery/keys").await;
    assert_eq!(answer.body["error_codes"], json!([90002]));
}

#[tokio::test]
async fn every_request_is_recorded_before_it_is_answered() {
    let service = Service::new().await;
    let answer = service.post(&v2(), credentials(SECRET, &[SCOPE])).await;
    service.post("/adfs/oauth2/token", credentials("wrong", &[SCOPE])).await;
    service.post("/nowhere/oauth2/token", "x".repeat(70_000)).await;
    let outcomes = std::mem::take(&mut *service.audit.outcomes.lock().unwrap());
    assert_eq!(outcomes.len(), 3);

    let granted = &outcomes[0];
    assert_eq!(granted.id.to_string(), answer.headers["x-ms-request-id"].to_str().unwrap());
    assert_eq!((granted.status, granted.aadsts), (200, None));
    assert_eq!(granted.client_id, Some(CLIENT.to_string()));
    assert_eq!(granted.object_id, Some(OBJECT));
    assert_eq!(granted.tenant, Some(TENANT));
    assert_eq!(granted.audience.as_deref(), Some(VAULT));
    assert_eq!(granted.time, NOW);
    assert_eq!(granted.path, v2());
    assert_eq!(granted.user_agent.as_deref(), Some("azsdk-python-identity/1.27.0"));
    let peer = granted.connection.as_ref().unwrap().peer;
    assert_eq!(peer, "127.0.0.1:50000".parse().unwrap());

    let wrong = &outcomes[1];
    assert_eq!((wrong.status, wrong.aadsts), (401, Some(7000215)));
    assert_eq!((wrong.object_id, &wrong.audience), (None, &None));
    assert_eq!(wrong.client_id, Some(CLIENT.to_string()));
    assert_eq!((outcomes[2].status, outcomes[2].aadsts), (413, Some(9002313)));
    for outcome in &outcomes {
        let text = format!("{outcome:?}");
        assert!(!text.contains(SECRET) && !text.contains("eyJ"), "{text}");
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_answered() {
    let service = Service::new().await;
    service.audit.broken.store(true, Ordering::SeqCst);
    let answer = service.post(&v2(), credentials(SECRET, &[SCOPE])).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.body["error"], "temporarily_unavailable");
    assert_eq!(answer.body.get("access_token"), None);
}

/// Without a bound, each name would be compared with all before it: 128 million comparisons.
#[tokio::test]
async fn a_flood_of_parameters_is_refused_before_it_is_read() {
    let service = Service::new().await;
    let names = (0..16_000_u32).map(|n| {
        let digits = [n / 1024, n / 32 % 32, n % 32].map(|digit| char::from_digit(digit, 32));
        digits.map(Option::unwrap).into_iter().collect::<String>()
    });
    let flood = names.collect::<Vec<_>>().join("&");
    assert!((60_000..=65_536).contains(&flood.len()));
    let answer = service.post(&v2(), flood.clone()).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.body["error"], "invalid_request");
    assert_eq!(answer.body["error_codes"], json!([9002313]));
    // Nor is it read further behind sound credentials.
    let flood = format!("{}&{}", credentials(SECRET, &[SCOPE]), flood.get(..63_488).unwrap());
    assert_eq!(service.post(&v2(), flood).await.body["error_codes"], json!([9002313]));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_drips_is_given_up_after_thirty_seconds() {
    let service = Service::new().await;
    let drips = stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Some((Ok::<_, Infallible>("a"), ()))
    });
    let begun = tokio::time::Instant::now();
    let answer = service.post(&v2(), Body::from_stream(drips)).await;
    assert_eq!(begun.elapsed().as_secs(), 30);
    assert_eq!(answer.status, 408);
    assert_eq!(answer.body["error"], "invalid_request");
    assert_eq!(answer.body["error_codes"], json!([9002313]));
    assert_eq!(service.audit.outcomes.lock().unwrap()[0].status, 408);
}

#[tokio::test]
async fn a_strange_correlation_id_is_replaced() {
    let service = Service::new().await;
    for strange in ["a b", "x\"y", &"9".repeat(65)] {
        let request = Request::get("/x").header("client-request-id", strange);
        let answer = service.ask(request.body(Body::empty()).unwrap()).await;
        let correlation: Value = answer.body["correlation_id"].clone();
        assert_ne!(correlation, strange);
        assert_eq!(answer.headers["client-request-id"].to_str().unwrap(), correlation);
    }
}
