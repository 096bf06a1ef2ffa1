//! Soft delete, recovery, purge and what the clock does, as clients see them.

use http::Method;
use serde_json::json;
use strongroom_model::{Kind, VaultId};
use strongroom_store::layout::{self, Table};
use strongroom_store::{Freshness, Snapshot, Store};

use crate::support::{Ask, DAY, Server};

/// How many rows a vault's secrets have in a table.
async fn rows<S: Store>(server: &Server<S>, vault: VaultId, table: Table) -> usize {
    let snapshot = server.node.store.snapshot(Freshness::Linearizable).await.unwrap();
    let prefix = layout::table(vault, Kind::Secret, table);
    snapshot.scan(&prefix, None, 1_000).await.unwrap().len()
}

/// A request to a vault, with a fresh token.
async fn at<S: Store>(server: &Server<S>, vault: &str, method: Method, target: &str) -> Ask {
    let token = server.sign_in_owner().await;
    let ask = server.ask(method, target).host(&server.authority(&format!("{vault}.vault")));
    ask.header("authorization", &format!("Bearer {token}"))
}

#[tokio::test]
async fn retention_ends_on_the_second() {
    let server = Server::start().await;
    for (name, days, protected) in
        [("week", 7, false), ("month", 30, true), ("quarter", 90, false), ("guarded", 90, true)]
    {
        let vault = server.vault(name, days, protected).await;
        let put = at(&server, name, Method::PUT, "/secrets/a").await;
        server.send(&put.clone().body(r#"{"value":"one"}"#)).await.expect(200);
        server.send(&put.body(r#"{"value":"two"}"#)).await.expect(200);
        let delete = at(&server, name, Method::DELETE, "/secrets/a").await;
        let deleted = server.send(&delete).await.expect(200).json();
        let now = server.now();
        assert_eq!(deleted["deletedDate"], now);
        assert_eq!(deleted["scheduledPurgeDate"], now + i64::from(days) * i64::from(DAY));
        if protected {
            let purge = at(&server, name, Method::DELETE, "/deletedsecrets/a").await;
            let refused = server.send(&purge).await.expect(403);
            assert!(refused.message().contains("purge protection is enabled"));
        }
        assert_eq!(server.travel(days * DAY - 1).await.purged, 0, "{name}: a second too early");
        let get = at(&server, name, Method::GET, "/deletedsecrets/a").await;
        server.send(&get).await.expect(200);
        assert_eq!(server.travel(1).await.purged, 1, "{name}: due");
        let get = at(&server, name, Method::GET, "/deletedsecrets/a").await;
        server.send(&get).await.expect(404);
        for table in [Table::Heads, Table::Deleted, Table::Versions, Table::Bodies] {
            assert_eq!(rows(&server, vault.id, table).await, 0, "{name} {table:?}");
        }
        assert_eq!(server.travel(365 * DAY).await.purged, 0, "{name}: once");
    }
    let records = server.stop().await;
    let swept: Vec<_> = records.iter().filter(|r| r.client_info == "strongroom sweeper").collect();
    assert_eq!(swept.len(), 4);
    assert!(swept.iter().all(|r| r.operation == "SecretPurge" && r.success));
    assert!(swept.iter().all(|r| r.resource_id.contains("/vaults/")));
}

#[tokio::test]
async fn a_recovered_secret_is_as_it_was() {
    let server = Server::start().await;
    let first = json!({ "value": "one", "tags": { "n": "1" }, "contentType": "text/plain" });
    let first = server.put("/secrets/Name", &first).await.expect(200).version();
    let second = server.set("name", "two").await;
    let before = server.get("/secrets/name").await.json();
    server.deleted("NAME").await;
    for (method, target) in [
        (Method::GET, "/secrets/name".to_owned()),
        (Method::GET, format!("/secrets/name/{first}")),
        (Method::PATCH, "/secrets/name".to_owned()),
        (Method::DELETE, "/secrets/name".to_owned()),
        (Method::POST, "/secrets/name/backup".to_owned()),
        (Method::POST, format!("/secrets/name/{first}/rollback")),
    ] {
        let ask = server.ask(method, &target).body("{}");
        assert_eq!(server.send(&ask).await.expect(404).code(), "SecretNotFound", "{target}");
    }
    for _ in 0..2 {
        let refused = server.put("/secrets/naMe", &json!({ "value": "x" })).await.expect(409);
        assert_eq!(refused.inner(), "ObjectIsDeletedButRecoverable");
    }
    let deleted = server.get("/deletedsecrets/name").await.expect(200).json();
    assert!(deleted.get("value").is_none());
    assert_eq!(deleted["recoveryId"], format!("{}/deletedsecrets/Name", base(&server)));
    let recovered = server.post("/deletedsecrets/name/recover", &json!(null)).await.expect(200);
    assert_eq!(recovered.version(), second);
    assert!(recovered.json().get("value").is_none());
    assert_eq!(server.get("/secrets/name").await.expect(200).json(), before);
    let old = server.get(&format!("/secrets/name/{first}")).await.expect(200).json();
    assert_eq!((&old["value"], &old["tags"]["n"]), (&json!("one"), &json!("1")));
    server.get("/deletedsecrets/name").await.expect(404);
    // The timer went with the recovery.
    assert_eq!(server.travel(91 * DAY).await.purged, 0);
}

fn base<S: Store>(server: &Server<S>) -> String {
    server.endpoints.vault("dev")
}

#[tokio::test]
async fn a_name_that_is_used_again_is_a_new_secret() {
    let server = Server::start().await;
    let old = server.set("a", "old").await;
    server.deleted("a").await;
    server.delete("/deletedsecrets/a").await.expect(204);
    server.delete("/deletedsecrets/a").await.expect(404);
    server.set("A", "new").await;
    server.get(&format!("/secrets/a/{old}")).await.expect(404);
    let versions = server.get("/secrets/a/versions").await.expect(200).json();
    assert_eq!(versions["value"].as_array().unwrap().len(), 1);
    // The first spelling of this life is what is answered.
    assert!(versions["value"][0]["id"].as_str().unwrap().contains("/secrets/A/"));
    assert_eq!(server.travel(0).await.collected, 1);
    assert_eq!(server.get("/secrets/a").await.json()["value"], "new");
}

#[tokio::test]
async fn each_deletion_has_its_own_timer() {
    let server = Server::start().await;
    server.set("a", "v").await;
    server.deleted("a").await;
    server.travel(30 * DAY).await;
    let token = server.sign_in_owner().await;
    let bearer = format!("Bearer {token}");
    let recover = server.ask(Method::POST, "/deletedsecrets/a/recover");
    server.send(&recover.header("authorization", &bearer)).await.expect(200);
    let delete = server.ask(Method::DELETE, "/secrets/a").header("authorization", &bearer);
    server.send(&delete).await.expect(200);
    assert_eq!(server.travel(60 * DAY).await.purged, 0, "the first deletion's time");
    assert_eq!(server.travel(30 * DAY).await.purged, 1, "the second deletion's time");
}

#[tokio::test]
async fn disabled_and_outside_its_times() {
    let server = Server::start().await;
    let now = server.now();
    for (attributes, status) in [
        (json!({ "enabled": false }), 403),
        (json!({ "nbf": now + 1000 }), 200),
        (json!({ "exp": now - 1000 }), 200),
        (json!({ "exp": 0, "nbf": 0 }), 200),
        (json!({ "exp": -1 }), 200),
        (json!({ "enabled": true, "nbf": now + 1, "exp": now - 1 }), 200),
    ] {
        let body = json!({ "value": "v", "attributes": attributes });
        let set = server.put("/secrets/a", &body).await.expect(200);
        let version = format!("/secrets/a/{}", set.version());
        assert_eq!(server.get("/secrets/a").await.status, status, "{attributes}");
        assert_eq!(server.get(&version).await.status, status, "{attributes}");
        for (name, value) in attributes.as_object().unwrap() {
            assert_eq!(&set.json()["attributes"][name], value);
        }
    }
    // Each version is enabled for itself, and what is disabled is listed all the same.
    let off = server.put("/secrets/b", &json!({ "value": "v" })).await.version();
    let on = server.set("b", "w").await;
    let disable = json!({ "attributes": { "enabled": false } });
    server.patch(&format!("/secrets/b/{off}"), &disable).await.expect(200);
    server.get(&format!("/secrets/b/{off}")).await.expect(403);
    assert_eq!(server.get("/secrets/b").await.expect(200).version(), on);
    let listed = server.get("/secrets/b/versions").await.json();
    assert_eq!(listed["value"].as_array().unwrap().len(), 2);
    let enable = json!({ "attributes": { "enabled": true } });
    server.patch(&format!("/secrets/b/{off}"), &enable).await.expect(200);
    assert_eq!(server.get(&format!("/secrets/b/{off}")).await.json()["value"], "v");
}

#[tokio::test]
async fn a_rollback_copies_and_hides_nothing() {
    let server = Server::start().await;
    let first = server.set("a", "one").await;
    let second = server.set("a", "two").await;
    let target = format!("/secrets/a/{first}/rollback");
    let third = server.post(&target, &json!(null)).await.expect(200).version();
    for (version, value) in [(&first, "one"), (&second, "two"), (&third, "one")] {
        let got = server.get(&format!("/secrets/a/{version}")).await.expect(200);
        assert_eq!(got.json()["value"], value);
    }
    assert_eq!(server.get("/secrets/a").await.version(), third);
    let records = server.stop().await;
    let rollback = records.iter().find(|r| r.operation == "SecretRollback").unwrap();
    let property = |name: &str| {
        let mut found = rollback.properties.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, value)| value.clone())
    };
    assert_eq!(property("rolledBackTo"), Some(first));
    assert_eq!(property("newVersion"), Some(third));
}
