//! Tokens at a vault: their time, their integrity, and the directory behind them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::json;
use strongroom_directory::Application;
use strongroom_directory::row::row_key;
use strongroom_store::{Store, Txn};

use crate::support::tokens::{b64, claims, header, sign, with};
use crate::support::{Answer, Server};

async fn try_token<S: Store>(server: &Server<S>, token: &str) -> Answer {
    let ask = server.ask(Method::GET, "/secrets");
    server.send(&ask.header("authorization", &format!("Bearer {token}"))).await
}

#[tokio::test]
async fn a_token_ends_with_its_hour() {
    let server = Server::start().await;
    server.get("/secrets").await.expect(200);
    server.travel(3_599).await;
    server.get("/secrets").await.expect(200);
    server.travel(1).await;
    let answer = server.get("/secrets").await.expect(401);
    assert!(
        answer
            .header("www-authenticate")
            .ends_with(r#", error="invalid_token", error_description="The token is expired""#)
    );
    let fresh = server.sign_in_owner().await;
    try_token(&server, &fresh).await.expect(200);
}

#[tokio::test]
async fn a_changed_token_is_refused() {
    let server = Server::start().await;
    let token = server.token.clone();
    try_token(&server, &token).await.expect(200);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (head, payload) = signed.split_once('.').unwrap();
    let mut claims: serde_json::Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    claims["exp"] = json!(9_999_999_999_i64);
    let later = b64(claims.to_string());
    let zeros = b64([0; 256]);
    for forged in [
        format!("{head}.{later}.{signature}"),
        format!("{head}.{payload}.{zeros}"),
        format!("{head}.{payload}."),
        format!("{head}.{payload}"),
        format!("{token}A"),
        format!("{token}."),
        format!("{token}="),
        format!("{token} {token}"),
        token.to_uppercase(),
    ] {
        try_token(&server, &forged).await.expect(401);
    }
    let mut bytes = token.clone().into_bytes();
    for at in (0..bytes.len()).step_by(11) {
        let was = bytes[at];
        bytes[at] = if was == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(bytes.clone()).unwrap();
        assert_eq!(try_token(&server, &forged).await.status, 401, "character {at}");
        bytes[at] = was;
    }
    try_token(&server, &token).await.expect(200);
}

/// An attacker knows our public key; it must never be taken for a MAC key.
#[tokio::test]
async fn our_public_key_is_no_secret() {
    let server = Server::start().await;
    let directory = server.node.directory.current();
    let public = directory.token_keys()[0].key.public();
    let claims = claims(&server);
    for algorithm in ["HS256", "HS384", "HS512", "none", "None", "NONE", "RS1", "", "PS256"] {
        let head = with(header(&server), "alg", json!(algorithm));
        let signed = format!("{}.{}", b64(head.to_string()), b64(claims.to_string()));
        for key in [public.n.as_slice(), public.e.as_slice(), b"", b"secret"] {
            let mac = strongroom_crypto::MacKey::new(key).tag(&[signed.as_bytes()]);
            try_token(&server, &format!("{signed}.{}", b64(mac))).await.expect(401);
        }
        try_token(&server, &format!("{signed}.")).await.expect(401);
        // Signed by the right key, under a name that is not its algorithm's.
        try_token(&server, &sign(&server, &head, &claims)).await.expect(401);
    }
    try_token(&server, &sign(&server, &header(&server), &claims)).await.expect(200);
}

#[tokio::test]
async fn the_directory_counts_on_the_next_request() {
    let server = Server::start().await;
    let scope = server.node.directory.current().vault("dev").unwrap().scope.clone();
    let user = server.identity(Some(("Key Vault Reader", scope))).await;
    try_token(&server, &user.token).await.expect(200);
    let directory = server.node.directory.current();
    let assignment = directory.assignments().find(|a| a.principal == user.object_id).unwrap().id;
    let ops = &server.node.ops;
    ops.delete_role_assignment(assignment, &mut server.node.call()).await.unwrap();
    try_token(&server, &user.token).await.expect(403);
    let gone = Txn::new().delete(row_key::<Application>(user.client_id.as_bytes()));
    server.node.directory.commit(gone).await.unwrap();
    try_token(&server, &user.token).await.expect(401);
}

/// The keys rotate by the clock; a token of the key before is good until it ends.
#[tokio::test]
async fn tokens_outlive_the_rotation_of_keys() {
    let server = Server::start().await;
    for _ in 0..5 {
        server.travel(20 * 86_400).await;
        let token = server.sign_in_owner().await;
        try_token(&server, &token).await.expect(200);
    }
    try_token(&server, &server.token).await.expect(401);
}
