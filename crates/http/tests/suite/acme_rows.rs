//! What the ACME server takes on for a vault, and what it keeps of an issuer.

use serde_json::json;
use strongroom_model::Kind;
use strongroom_store::{Freshness, Snapshot as _, Store as _, layout};

use super::acme::{NAME, refused, server};
use crate::support::acme::{AcmeClient, Key, Web, authority, binding, profile};
use crate::support::{Features, Server};

/// Hosts that take a connection and say nothing: each is looked at for half a minute.
#[tokio::test]
async fn a_vault_has_only_so_many_answers_looked_at() {
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let acme = Some(mute.local_addr().unwrap().port());
    let server = Server::with(Features { acme, ..Features::default() }).await;
    authority(&server, "web").await;
    let client = AcmeClient::registered(&server, "web", &server.token).await;
    let mut challenges = Vec::new();
    // 8 that are looked at, as many as an order may have that wait, and one more.
    for _ in 0..8 + 100 + 1 {
        let (_, order) = client.order(&[NAME]).await;
        let authorization = order["authorizations"][0].as_str().unwrap();
        challenges.push(client.challenge(authorization, "http-01").await.0);
    }
    let (last, first) = challenges.split_last().unwrap();
    for challenge in first {
        client.post(challenge, &json!({})).await.expect(200);
    }
    let full = client.post(last, &json!({})).await;
    refused(&full, 429, "rateLimited");
    assert!(full.header("retry-after").parse::<u32>().unwrap() > 0);
    let kept = client.read(last).await.expect(200).json();
    assert_eq!(kept["status"], "pending", "it may be said again later");
}

#[tokio::test]
async fn what_a_deleted_issuer_had_goes_with_it() {
    let web = Web::start().await;
    let server = server(&web).await;
    profile(&server, "other", &json!({ "acme": true })).await;
    let other = AcmeClient::registered(&server, "other", &server.token).await;
    other.order(&[NAME]).await;
    let kept = rows(&server).await;
    let client = AcmeClient::registered(&server, "web", &server.token).await;
    client.obtain(&web, &[NAME], &Key::generate()).await;
    client.order(&[NAME]).await;
    binding(&server, "web", &server.token).await;
    assert!(rows(&server).await > kept + 5);
    server.delete("/certificates/issuers/web").await.expect(200);
    server.travel(1).await;
    assert_eq!(rows(&server).await, kept, "and what others have stays");
    other.order(&[NAME]).await;
    // An issuer that is set again under the name has nothing of the old one, and keeps its own.
    profile(&server, "web", &json!({ "acme": true })).await;
    let unknown = client.post(&client.url("new-order"), &json!({})).await;
    refused(&unknown, 400, "accountDoesNotExist");
    let again = AcmeClient::registered(&server, "web", &server.token).await;
    server.travel(1).await;
    again.order(&[NAME]).await;
}

/// How many rows the ACME servers of the vault `dev` have.
async fn rows(server: &Server) -> usize {
    let directory = server.node.directory.current();
    let vault = directory.vault("dev").unwrap().resource.id;
    let table = layout::table(vault, Kind::Certificate, layout::Table::Acme);
    let snapshot = server.node.store.snapshot(Freshness::Linearizable).await.unwrap();
    snapshot.scan(&table, None, 1_000).await.unwrap().len()
}
