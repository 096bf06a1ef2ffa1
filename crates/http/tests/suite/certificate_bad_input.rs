//! What clients should not send of certificates: a clear refusal, and nothing written.

use http::Method;
use serde_json::{Value, json};

use crate::support::Server;

fn policy() -> Value {
    json!({ "x509_props": { "subject": "CN=a" }, "issuer": { "name": "Self" } })
}

/// The whole text of a body that is not what it should be.
#[tokio::test]
async fn bodies_that_are_none() {
    let server = Server::start().await;
    for body in ["", "{", "[]", "null", r#"{"policy":1}"#, r#"{"policy":{"key_props":[]}}"#] {
        let ask = server.ask(Method::POST, "/certificates/a/create").body(body);
        let answer = server.send(&ask).await.expect(400);
        assert_eq!(answer.code(), "BadParameter", "{body}");
    }
    server.get("/certificates/a").await.expect(404);
}

#[tokio::test]
async fn a_creation_without_a_policy() {
    let server = Server::start().await;
    for body in [json!({}), json!({ "policy": {} }), json!({ "policy": { "issuer": {} } })] {
        let answer = server.post("/certificates/a/create", &body).await.expect(400);
        assert_eq!(answer.code(), "BadParameter", "{body}");
    }
    server.get("/certificates/a").await.expect(404);
    server.get("/keys/a").await.expect(404);
}

#[tokio::test]
async fn subjects_that_are_no_names() {
    let server = Server::start().await;
    for subject in ["example.com", "CN", "CN=a,,O=b", "XX=a", "CN=a\u{0}b", "=a"] {
        let mut policy = policy();
        policy["x509_props"]["subject"] = subject.into();
        let answer = server.post("/certificates/a/create", &json!({ "policy": policy })).await;
        assert_eq!(answer.clone().expect(400).code(), "BadParameter", "{subject}");
    }
    server.get("/certificates/a").await.expect(404);
}

#[tokio::test]
async fn huge_lists_of_names() {
    let server = Server::start().await;
    let names: Vec<String> = (0..20_000).map(|n| format!("host{n}.example.com")).collect();
    let mut policy = policy();
    policy["x509_props"]["sans"] = json!({ "dns_names": names });
    let body = json!({ "policy": policy });
    let answer = server.post("/certificates/a/create", &body).await.expect(400);
    assert!(answer.message().contains("at most 250"), "{}", answer.message());
}

#[tokio::test]
async fn imports_that_are_none() {
    let server = Server::start().await;
    for body in [
        json!({}),
        json!({ "value": null }),
        json!({ "value": "" }),
        json!({ "value": "no base64!" }),
        json!({ "value": "MAA=" }),
        json!({ "value": "MIIJ...", "pwd": "123" }),
        json!({ "value": "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n" }),
        json!({ "value": "-----BEGIN PRIVATE KEY-----" }),
    ] {
        let answer = server.post("/certificates/a/import", &body).await.expect(400);
        assert_eq!(answer.code(), "BadParameter", "{body}");
    }
    server.get("/certificates/a").await.expect(404);
    server.get("/secrets/a").await.expect(404);
}

#[tokio::test]
async fn merges_that_are_none() {
    let server = Server::start().await;
    let mut unknown = policy();
    unknown["issuer"]["name"] = "Unknown".into();
    unknown["key_props"] = json!({ "kty": "EC" });
    server.post("/certificates/a/create", &json!({ "policy": unknown })).await.expect(202);
    for body in [
        json!({}),
        json!({ "x5c": [] }),
        json!({ "x5c": ["!"] }),
        json!({ "x5c": ["MAA="] }),
        json!({ "x5c": "MAA=" }),
        json!({ "x5c": vec!["MAA="; 1_000] }),
    ] {
        let answer = server.post("/certificates/a/pending/merge", &body).await.expect(400);
        assert_eq!(answer.code(), "BadParameter", "{body}");
    }
    let pending = server.get("/certificates/a/pending").await.expect(200).json();
    assert_eq!(pending["status"], "inProgress", "a bad merge ends nothing");
}

#[tokio::test]
async fn secrets_of_certificates_in_formats_that_are_none() {
    let server = Server::start().await;
    server.set("a", "v").await;
    let at = |version: &str, format: &str| {
        format!("/secrets/a?api-version={version}&outContentType={format}")
    };
    server.get(&at("2025-07-01", "text/plain")).await.expect(400);
    let plain = server.get(&at("2025-07-01", "application/x-pem-file")).await.expect(200);
    assert_eq!(plain.json()["value"], "v", "a plain secret has no other format");
    server.get(&at("7.4", "text/plain")).await.expect(200);
}

#[tokio::test]
async fn revocations_that_are_none() {
    let server = Server::start().await;
    let target = "/certificates/issuers/ours/revoke";
    for body in [
        json!({}),
        json!({ "serial": "xyz" }),
        json!({ "serial": "00".repeat(21) }),
        json!({ "serial": "01", "reason": "bored" }),
    ] {
        assert_eq!(server.post(target, &body).await.expect(400).code(), "BadParameter", "{body}");
    }
    server.post(target, &json!({ "serial": "01" })).await.expect(404);
}
