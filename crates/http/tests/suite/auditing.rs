//! Every request leaves exactly one record, and no secret leaves a trace.

use std::collections::BTreeMap;

use http::Method;
use serde_json::json;
use strongroom_audit::Record;
use strongroom_model::Scope;
use strongroom_store::disk::{Disk, FaultDisk, join, read};
use strongroom_store::memory::MemoryStore;

use crate::support::{Ask, MeddledStore, Mood, Node, Server, audited, embedded};

/// Requests of every kind, some of which are refused, and the status that each must get.
async fn requests(server: &Server<MemoryStore>) -> Vec<(Ask, u16)> {
    let version = server.set("there", "v").await;
    server.set("deleted", "v").await;
    server.deleted("deleted").await;
    let stranger = format!("Bearer {}", server.identity(None).await.token);
    let ask = |method: &str, target: &str, body: &str| {
        server.ask(Method::from_bytes(method.as_bytes()).unwrap(), target).body(body)
    };
    let mut requests = vec![
        (ask("PUT", "/secrets/a", r#"{"value":"v"}"#), 200),
        (ask("PUT", "/secrets/a", r#"{"value":"#), 400),
        (ask("PUT", "/secrets/deleted", r#"{"value":"v"}"#), 409),
        (ask("PUT", "/secrets/", "{}"), 405),
        (ask("GET", "/secrets/there", ""), 200),
        (ask("GET", "/secrets/absent", ""), 404),
        (ask("GET", "/secrets/a_b", ""), 400),
        (ask("GET", "/secrets", ""), 200),
        (ask("GET", "/secrets?api-version=0", ""), 400),
        (ask("GET", "/secrets/there/versions", ""), 200),
        (ask("PATCH", "/secrets/there", "{}"), 200),
        (ask("PATCH", "/secrets/absent", "{}"), 404),
        (ask("POST", &format!("/secrets/there/{version}/rollback"), ""), 200),
        (ask("POST", "/secrets/there/backup", ""), 200),
        (ask("POST", "/secrets/restore", r#"{"value":"x"}"#), 400),
        (ask("GET", "/deletedsecrets", ""), 200),
        (ask("GET", "/deletedsecrets/deleted", ""), 200),
        (ask("POST", "/deletedsecrets/deleted/recover", ""), 200),
        (ask("DELETE", "/secrets/there", ""), 200),
        (ask("DELETE", "/deletedsecrets/there", ""), 204),
        (ask("DELETE", "/deletedsecrets/there", ""), 404),
        (ask("GET", "/nothing", ""), 404),
        (ask("GET", "/secrets", "").host(&server.authority("nowhere.vault")), 404),
        (ask("GET", "/secrets", "").host("unknown.example"), 404),
        (ask("GET", "/secrets", "").host(&server.authority("management")), 421),
    ];
    let refused = ask("PUT", "/secrets/a", "{}").header("authorization", &stranger);
    requests.push((refused, 403));
    requests.push((ask("GET", "/secrets", "").without("authorization"), 401));
    requests.push((ask("GET", "/secrets", "").header("authorization", "Bearer x.y.z"), 401));
    requests
}

#[tokio::test]
async fn one_record_for_every_request() {
    let server = Server::start().await;
    let requests = requests(&server).await;
    let mut expected = BTreeMap::new();
    for (n, (ask, status)) in requests.into_iter().enumerate() {
        let id = format!("request-{n:02}");
        let ask = ask.header("x-ms-client-request-id", &id).header("user-agent", "a client");
        let answer = server.send(&ask).await.expect(status);
        expected.insert(id, (answer, ask));
    }
    let owner = server.owner.object_id.to_string();
    let records = server.stop().await;
    for (id, (answer, ask)) in &expected {
        let found: Vec<&Record> = records.iter().filter(|r| &r.correlation_id == id).collect();
        assert_eq!(found.len(), 1, "{ask:?}");
        let record = found[0];
        assert_eq!(record.http_status, answer.status, "{ask:?}");
        assert_eq!(record.id.to_string(), answer.header("x-ms-request-id"));
        assert_eq!(record.success, answer.status < 400);
        assert_eq!(record.description.is_empty(), record.success, "{record:?}");
        assert_eq!(record.count, 1);
        assert_eq!(record.client_info, "a client");
        assert_eq!(record.tls_version, "TLS1_3");
        assert_eq!(record.caller_ip, Some([127, 0, 0, 1].into()));
        let path = ask.target.split('?').next().unwrap();
        assert!(record.request_uri.contains(path), "{record:?}");
        if record.success {
            assert_eq!(record.identity.object_id.as_ref(), Some(&owner));
            assert_eq!(record.rbac_authorized, Some(true));
            assert!(record.applied_assignment_id.is_some());
            assert!(record.resource_id.ends_with("/vaults/dev"));
        }
    }
}

/// A flood without tokens becomes a few records whose counts add up.
#[tokio::test]
async fn a_flood_without_tokens_is_summed() {
    let server = Server::start().await;
    let ask = server.ask(Method::GET, "/secrets").without("authorization");
    for _ in 0..100 {
        server.send(&ask).await.expect(401);
    }
    let records = server.stop().await;
    let refused: Vec<&Record> = records.iter().filter(|r| r.http_status == 401).collect();
    assert!(refused.len() < 100);
    assert_eq!(refused.iter().map(|r| r.count).sum::<u32>(), 100);
}

/// Authenticated refusals are never summed.
#[tokio::test]
async fn refusals_of_known_callers_are_recorded_one_by_one() {
    let server = Server::start().await;
    let stranger = server.identity(None).await;
    let ask = server.ask(Method::GET, "/secrets/a");
    let ask = ask.header("authorization", &format!("Bearer {}", stranger.token));
    for _ in 0..50 {
        server.send(&ask).await.expect(403);
    }
    let records = server.stop().await;
    let refused: Vec<&Record> = records.iter().filter(|r| r.http_status == 403).collect();
    assert_eq!(refused.len(), 50);
    assert!(refused.iter().all(|r| r.count == 1));
}

/// Every byte of every file, of the store and of the journal.
fn everything(disk: &FaultDisk) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for dir in ["", "audit", "store", "store/log"] {
        for name in disk.list(dir).unwrap() {
            let path = join(dir, &name);
            found.push((path.clone(), read(disk, &path).unwrap().unwrap()));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_lies_on_the_disk() {
    let disk = FaultDisk::new();
    let store = embedded(&disk);
    let server = Server::over(store, disk.clone()).await;
    let body = json!({
        "value": "MARK-VALUE-1", "contentType": "MARK-CONTENT-TYPE",
        "tags": { "MARK-TAG-NAME": "MARK-TAG-VALUE" }, "unknown": "MARK-UNKNOWN",
    });
    let version = server.put("/secrets/a", &body).await.expect(200).version();
    server.put("/secrets/a", &json!({ "value": "MARK-VALUE-2" })).await.expect(200);
    server.get("/secrets/a").await.expect(200);
    server.patch("/secrets/a", &body).await.expect(200);
    server.post(&format!("/secrets/a/{version}/rollback"), &json!(null)).await.expect(200);
    let backup = server.post("/secrets/a/backup", &json!(null)).await.expect(200).body;
    let backup = String::from_utf8(backup).unwrap();
    let restore = server.ask(Method::POST, "/secrets/restore").body(backup.clone());
    server.send(&restore).await.expect(409);
    let misplaced = "/secrets/a?api-version=7.4&password=MARK-QUERY";
    server.get(misplaced).await.expect(200);
    let malformed = server.ask(Method::PUT, "/secrets/a").body(r#"{"value":["MARK-WRONG"]}"#);
    server.send(&malformed).await.expect(400);
    let basic = server.ask(Method::GET, "/secrets").header("authorization", "Basic MARK-BASIC");
    server.send(&basic).await.expect(401);
    let bearer = basic.header("authorization", "Bearer MARK-BEARER");
    server.send(&bearer).await.expect(401);
    let cookie = server.ask(Method::GET, "/secrets").header("cookie", "MARK-COOKIE");
    server.send(&cookie).await.expect(200);
    server.deleted("a").await;
    let list = server.get("/secrets?api-version=7.4&$skiptoken=MARK-SKIP").await.expect(400);
    assert!(!String::from_utf8_lossy(&list.body).contains("MARK"));
    let token = server.token.clone();
    let secret = String::from_utf8(server.owner.client_secret.expose().to_vec()).unwrap();
    let blob: serde_json::Value = serde_json::from_str(&backup).unwrap();
    let blob = blob["value"].as_str().unwrap().to_owned();
    let store = server.node.store.clone();
    let records = server.stop().await;
    assert!(records.len() >= 13);
    store.close().await;
    let payload = token.split('.').nth(1).unwrap();
    let signature = token.rsplit('.').next().unwrap();
    for (path, bytes) in everything(&disk) {
        for mark in ["MARK", secret.as_str(), payload, signature, blob.as_str()] {
            let found = bytes.windows(mark.len()).any(|window| window == mark.as_bytes());
            assert!(!found, "{mark} in {path}");
        }
    }
    // The scan would see one: names are in clear on purpose.
    let names = everything(&disk).into_iter().filter(|(path, _)| path.starts_with("audit/"));
    let mut names = names.map(|(_, bytes)| bytes.windows(10).any(|w| w == b"/secrets/a"));
    assert!(names.any(|found| found));
}

/// A commit whose outcome nobody knows: the refusal says so, and should the change have happened
/// after all, its own record follows.
#[tokio::test]
async fn an_unknown_outcome_is_told_from_a_refusal() {
    let (store, disk) = (MeddledStore::default(), FaultDisk::new());
    let server = Server::over(store.clone(), disk.clone()).await;
    store.set(Mood::Indeterminate);
    let answer = server.put("/secrets/a", &json!({ "value": "v" })).await.expect(503);
    let request = answer.header("x-ms-request-id").to_owned();
    store.set(Mood::Fair);
    server.get("/secrets/a").await.expect(200);
    drop(server.stop().await);
    let node = Node::open(store, disk.clone()).await;
    node.audit.close().await.unwrap();
    let records = audited(&disk);
    let sets: Vec<&Record> = records.iter().filter(|r| r.operation == "SecretSet").collect();
    let done: Vec<_> = sets.iter().filter(|r| r.success).collect();
    assert_eq!(done.len(), 1, "the change that happened");
    assert_eq!(done[0].id.to_string(), request);
    let refused: Vec<_> = sets.iter().filter(|r| !r.success).collect();
    assert_eq!(refused.len(), 1, "the answer that the client got");
    assert_eq!(refused[0].properties, [("outcomeUnknownOf".to_owned(), request)]);
}

/// Reads and writes of one hundred requests at once verify as one chain.
#[tokio::test]
async fn the_journal_verifies() {
    let server = Server::start().await;
    let scope = Scope::subscription(server.owner.subscription);
    let user = server.identity(Some(("Key Vault Secrets Officer", scope))).await;
    for n in 0..50 {
        server.set(&format!("n{n}"), "v").await;
        let get = server.ask(Method::GET, "/secrets/n0");
        let get = get.header("authorization", &format!("Bearer {}", user.token));
        server.send(&get).await.expect(200);
    }
    let report = server.node.audit.verify().await.unwrap();
    assert!(report.findings.is_empty(), "{report:?}");
    let records = server.stop().await;
    let count = |operation: &str| records.iter().filter(|r| r.operation == operation).count();
    assert_eq!((count("SecretSet"), count("SecretGet")), (50, 50));
}
