//! Backup and restore: complete, sealed, and good in one subscription of one installation.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::{Value, json};
use strongroom_authz::roles;
use strongroom_directory::{ResourceGroup, Subscription};
use strongroom_model::{ResourceGroupName, SoftDelete, SubscriptionId, VaultName};
use strongroom_ops::vaults::CreateVault;
use strongroom_seal::Purpose;
use strongroom_store::Txn;
use strongroom_store::memory::MemoryStore;

use crate::support::golden::Golden;
use crate::support::{Answer, Server};

async fn backup(server: &Server<MemoryStore>, name: &str) -> String {
    let answer = server.post(&format!("/secrets/{name}/backup"), &json!(null)).await.expect(200);
    answer.json()["value"].as_str().unwrap().to_owned()
}

async fn purge(server: &Server<MemoryStore>, name: &str) {
    server.deleted(name).await;
    server.delete(&format!("/deletedsecrets/{name}")).await.expect(204);
}

async fn restore(server: &Server<MemoryStore>, blob: &str) -> Answer {
    server.post("/secrets/restore", &json!({ "value": blob })).await
}

async fn restore_in(server: &Server<MemoryStore>, vault: &str, blob: &str) -> Answer {
    let ask = server.ask(Method::POST, "/secrets/restore");
    let ask = ask.host(&server.authority(&format!("{vault}.vault")));
    server.send(&ask.body(json!({ "value": blob }).to_string())).await
}

fn assert_malformed(answer: &Answer, why: &str) {
    let found = (answer.status, answer.code());
    assert_eq!((found.0, found.1.as_str()), (400, "Malformed backup blob"), "{why}");
}

#[tokio::test]
async fn every_version_comes_back() {
    let server = Server::start().await;
    let mut expected: Vec<(String, Value)> = Vec::new();
    for n in 0..20 {
        let body = json!({
            "value": format!("value {n}"), "contentType": format!("type/{n}"),
            "attributes": { "nbf": n, "exp": 2_000_000_000 + n, "enabled": n % 7 != 6 },
            "tags": { "n": n.to_string() },
        });
        let version = server.put("/secrets/Spelt", &body).await.expect(200).version();
        expected.push((version, body));
    }
    let (first, last) = (expected[0].0.clone(), expected[19].0.clone());
    server.patch(&format!("/secrets/spelt/{first}"), &json!({ "tags": { "n": "x" } })).await;
    expected[0].1["tags"]["n"] = json!("x");
    let blob = backup(&server, "spelt").await;
    purge(&server, "spelt").await;
    server.travel(60).await;
    let restored = restore(&server, &blob).await.expect(200);
    assert_eq!(restored.version(), last);
    assert!(restored.json()["id"].as_str().unwrap().contains("/secrets/Spelt/"));
    for (version, body) in &expected {
        let target = format!("/secrets/spelt/{version}");
        if body["attributes"]["enabled"] == json!(false) {
            server.get(&target).await.expect(403);
            let enable = json!({ "attributes": { "enabled": true } });
            server.patch(&target, &enable).await.expect(200);
        }
        let found = server.get(&target).await.expect(200).json();
        for member in ["value", "contentType", "tags"] {
            assert_eq!(found[member], body[member], "{member}");
        }
        assert_eq!(found["attributes"]["exp"], body["attributes"]["exp"]);
        assert_eq!(found["attributes"]["created"], server.began, "not the restore's time");
    }
    // The restored secret lives on as any other.
    server.set("spelt", "new").await;
    server.travel(4_000).await;
    let token = format!("Bearer {}", server.sign_in_owner().await);
    let ask = server.ask(Method::GET, &format!("/secrets/spelt/{first}"));
    server.send(&ask.header("authorization", &token)).await.expect(200);
}

#[tokio::test]
async fn the_same_subscriptions_other_vault_takes_it() {
    let server = Server::start().await;
    server.vault("other", 7, false).await;
    server.set("a", "v").await;
    let blob = backup(&server, "a").await;
    let restored = restore_in(&server, "other", &blob).await.expect(200).json();
    assert_eq!(restored["attributes"]["recoverableDays"], 7);
    let twice = restore_in(&server, "other", &blob).await.expect(409);
    assert_eq!(twice.code(), "Conflict");
    assert_eq!(server.get("/secrets/a").await.json()["value"], "v");
}

#[tokio::test]
async fn another_installation_refuses_it() {
    let (one, two) = (Server::start().await, Server::start().await);
    one.set("a", "v").await;
    let blob = backup(&one, "a").await;
    assert_malformed(&restore(&two, &blob).await, "another installation's");
    let mut bytes = URL_SAFE_NO_PAD.decode(&blob).unwrap();
    bytes[4..20].copy_from_slice(two.owner.subscription.as_bytes());
    let forged = URL_SAFE_NO_PAD.encode(bytes);
    assert_malformed(&restore(&two, &forged).await, "with our subscription written in");
}

#[tokio::test]
async fn another_subscription_refuses_it() {
    let server = Server::start().await;
    let id = SubscriptionId::from_bytes([9; 16]);
    add_subscription(&server, id).await;
    server.set("a", "v").await;
    let blob = backup(&server, "a").await;
    assert_malformed(&restore_in(&server, "elsewhere", &blob).await, "another subscription's");
    let mut bytes = URL_SAFE_NO_PAD.decode(&blob).unwrap();
    bytes[4..20].copy_from_slice(id.as_bytes());
    let forged = URL_SAFE_NO_PAD.encode(bytes);
    assert_malformed(&restore_in(&server, "elsewhere", &forged).await, "with its id written in");
}

/// A second subscription with a vault `elsewhere`, where the owner may do everything.
async fn add_subscription(server: &Server<MemoryStore>, id: SubscriptionId) {
    let node = &server.node;
    let name = ResourceGroupName::parse("rg").unwrap();
    let group = ResourceGroup::new(id, name.clone(), "local".into());
    let display_name = "second".into();
    let row = Subscription::new(id, server.owner.tenant, display_name);
    let rows = [node.directory.row(&row).unwrap(), node.directory.row(&group).unwrap()];
    let key = node.ring.new_key(Purpose::Backup(id)).unwrap();
    let txn = rows.into_iter().chain([key]).fold(Txn::new(), |txn, (k, v)| txn.put(k, v));
    node.directory.commit(txn).await.unwrap();
    let request = CreateVault {
        name: VaultName::parse("elsewhere").unwrap(),
        subscription: id,
        resource_group: name,
        location: None,
        soft_delete: SoftDelete::new(90, false).unwrap(),
    };
    let vault = node.ops.create_vault(request, &mut node.call()).await.unwrap();
    let role = roles::by_name("Key Vault Administrator").unwrap().id;
    let (owner, scope) = (server.owner.object_id, vault.scope());
    node.ops.create_role_assignment(owner, role, scope, &mut node.call()).await.unwrap();
}

#[tokio::test]
async fn any_change_is_found() {
    let server = Server::start().await;
    server.set("a", "a value that is long enough to have a few bytes to change").await;
    server.set("a", "another one").await;
    let blob = backup(&server, "a").await;
    purge(&server, "a").await;
    let bytes = URL_SAFE_NO_PAD.decode(&blob).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        let answer = restore(&server, &URL_SAFE_NO_PAD.encode(&changed)).await;
        assert_malformed(&answer, &format!("byte {at} of {}", bytes.len()));
    }
    for length in (0..bytes.len()).step_by(7) {
        let cut = URL_SAFE_NO_PAD.encode(&bytes[..length]);
        assert_malformed(&restore(&server, &cut).await, &format!("cut at {length}"));
    }
    let longer = [bytes.as_slice(), b"x"].concat();
    assert_malformed(&restore(&server, &URL_SAFE_NO_PAD.encode(longer)).await, "longer");
    // The beginning of the backup in the specification's RestoreSecret example.
    let azures = "KUF6dXJlS2V5VmF1bHRTZWNyZXRCYWNrdXBWMS5taWNyb3NvZnQuY29tZXlKcmFXUWlPaUppTlRjMk5E";
    for text in
        [azures, "", "*", "====", "not base64 at all", &format!("{blob}\n"), &format!(" {blob}")]
    {
        assert_malformed(&restore(&server, text).await, text);
    }
    server.get("/secrets/a").await.expect(404);
    restore(&server, &blob).await.expect(200);
}

/// Fifteen tags of the greatest size: what a restore writes at once must fit its transactions.
#[tokio::test]
async fn the_largest_versions_come_back() {
    let server = Server::start().await;
    let long = "\u{1f511}".repeat(511);
    let tags: serde_json::Map<String, Value> = ('a'..='o')
        .map(|letter| (format!("{letter}{long}"), json!(format!("{letter}{long}"))))
        .collect();
    let body = json!({
        "value": "x".repeat(25_600), "tags": tags, "contentType": "\u{1f511}".repeat(255),
    });
    for _ in 0..20 {
        server.put("/secrets/a", &body).await.expect(200);
    }
    let blob = backup(&server, "a").await;
    purge(&server, "a").await;
    restore(&server, &blob).await.expect(200);
    let found = server.get("/secrets/a").await.expect(200).json();
    assert_eq!(found["tags"], body["tags"]);
    assert_eq!(found["value"], body["value"]);
}

/// OPERATIONS section 0, 21: 500 versions a backup.
#[tokio::test]
async fn five_hundred_versions_and_no_more() {
    let server = Server::start().await;
    for n in 0..500 {
        server.set("a", &n.to_string()).await;
    }
    let blob = backup(&server, "a").await;
    server.set("a", "500").await;
    let golden = Golden::new(&server, "backup_limit");
    let ask = server.ask(Method::POST, "/secrets/a/backup");
    golden.case("too_many_versions", ask).await.expect(400);
    golden.finish();
    purge(&server, "a").await;
    restore(&server, &blob).await.expect(200);
    assert_eq!(server.get("/secrets/a").await.json()["value"], "499");
}
