//! Many clients at once, on the engine that the server uses.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use http::Method;
use serde_json::json;
use strongroom_model::Kind;
use strongroom_store::disk::FaultDisk;
use strongroom_store::layout::{self, Table};
use strongroom_store::{Freshness, Snapshot, Store};
use strongroom_store_embedded::EmbeddedStore;

use crate::support::{Answer, Server, embedded};

async fn start() -> Arc<Server<EmbeddedStore>> {
    let disk = FaultDisk::new();
    Arc::new(Server::over(embedded(&disk), disk).await)
}

/// Sends all of these at once.
async fn at_once(
    server: &Arc<Server<EmbeddedStore>>,
    requests: Vec<(Method, String, String)>,
) -> Vec<Answer> {
    let tasks = requests.into_iter().map(|(method, target, body)| {
        let server = Arc::clone(server);
        tokio::spawn(async move { server.send(&server.ask(method, &target).body(body)).await })
    });
    join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}

async fn versions(server: &Server<EmbeddedStore>, name: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut target = format!("/secrets/{name}/versions?api-version=7.4");
    loop {
        let page = server.get(&target).await.expect(200).json();
        let ids = page["value"].as_array().unwrap().iter();
        found.extend(ids.map(|v| v["id"].as_str().unwrap().rsplit('/').next().unwrap().into()));
        let Some(next) = page["nextLink"].as_str() else { return found };
        target = next.split_once("/secrets/").map(|(_, rest)| format!("/secrets/{rest}")).unwrap();
    }
}

/// Every writer of one name gets its version, none is lost, none is told to try again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sets_of_one_name() {
    let server = start().await;
    for round in 0..3 {
        let body = |n: usize| json!({ "value": format!("{round}-{n}") }).to_string();
        let requests = (0..32).map(|n| {
            let name = if n % 2 == 0 { "/secrets/one" } else { "/secrets/ONE" };
            (Method::PUT, name.to_owned(), body(n))
        });
        let answers = at_once(&server, requests.collect()).await;
        for (n, answer) in answers.into_iter().enumerate() {
            let version = answer.expect(200).version();
            let found = server.get(&format!("/secrets/one/{version}")).await.expect(200).json();
            assert_eq!(found["value"], format!("{round}-{n}"));
        }
    }
    assert_eq!(versions(&server, "one").await.len(), 96);
    let records = Arc::into_inner(server).unwrap().stop().await;
    let sets = records.iter().filter(|r| r.operation == "SecretSet");
    assert_eq!(sets.filter(|r| r.success).count(), 96);
}

/// Deletes, recoveries, sets and updates of one name: each answer is one that some order explains,
/// and in the end every acknowledged version is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn histories_of_one_name() {
    let server = start().await;
    let mut acknowledged = BTreeSet::from([server.set("one", "v").await]);
    for round in 0..6 {
        let requests: Vec<_> = (0..40)
            .map(|n| match (n + round) % 5 {
                0 => (Method::DELETE, "/secrets/one".to_owned(), String::new()),
                1 => (Method::POST, "/deletedsecrets/one/recover".to_owned(), String::new()),
                2 => (Method::PATCH, "/secrets/one".to_owned(), r#"{"tags":{"a":"b"}}"#.into()),
                _ => (Method::PUT, "/secrets/one".to_owned(), r#"{"value":"w"}"#.into()),
            })
            .collect();
        let answers = at_once(&server, requests.clone()).await;
        let (mut deleted, mut recovered) = (0, 0);
        for ((method, target, _), answer) in requests.iter().zip(answers) {
            match (method.as_str(), answer.status) {
                ("PUT", 200) => assert!(acknowledged.insert(answer.version())),
                ("PUT", 409) => assert_eq!(answer.inner(), "ObjectIsDeletedButRecoverable"),
                ("DELETE", 200) => deleted += 1,
                ("POST", 200) => recovered += 1,
                ("PATCH", 200) => {}
                (_, 404) => assert_eq!(answer.code(), "SecretNotFound"),
                _ => panic!("{method} {target}: {answer:?}"),
            }
        }
        let is_deleted = server.get("/deletedsecrets/one").await.status == 200;
        assert_eq!(deleted, recovered + usize::from(is_deleted), "round {round}");
        assert_eq!(server.get("/secrets/one").await.status == 200, !is_deleted);
        if is_deleted {
            server.post("/deletedsecrets/one/recover", &json!(null)).await.expect(200);
        }
    }
    assert_eq!(versions(&server, "one").await, acknowledged);
}

/// Of a purge and a recovery, one wins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn purge_against_recovery() {
    let server = start().await;
    for _ in 0..20 {
        server.set("one", "v").await;
        server.deleted("one").await;
        let requests = vec![
            (Method::DELETE, "/deletedsecrets/one".to_owned(), String::new()),
            (Method::POST, "/deletedsecrets/one/recover".to_owned(), String::new()),
        ];
        let statuses: Vec<u16> =
            at_once(&server, requests).await.iter().map(|answer| answer.status).collect();
        match statuses.as_slice() {
            [204, 404] => drop(server.get("/secrets/one").await.expect(404)),
            [404, 200] => drop(server.get("/secrets/one").await.expect(200)),
            other => panic!("{other:?}"),
        }
    }
}

/// Of many restores of one backup, one makes the secret.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restores_of_one_backup() {
    let server = start().await;
    let expected: BTreeSet<String> =
        [server.set("one", "v").await, server.set("one", "w").await].into();
    let backup = server.post("/secrets/one/backup", &json!(null)).await.expect(200);
    let blob = String::from_utf8(backup.body).unwrap();
    server.deleted("one").await;
    server.delete("/deletedsecrets/one").await.expect(204);
    let request = (Method::POST, "/secrets/restore".to_owned(), blob);
    let answers = at_once(&server, vec![request; 8]).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 409).count(), 7);
    assert_eq!(versions(&server, "one").await, expected);
    // What the losers wrote is collected, once nobody can still be at it; the winner's stays.
    assert!(server.travel(3_601).await.collected >= 1, "the purge, and who lost late");
    let vault = server.node.directory.current().vault("dev").unwrap().resource.id;
    let snapshot = server.node.store.snapshot(Freshness::Linearizable).await.unwrap();
    for (table, rows) in [(Table::Bodies, 2), (Table::Versions, 1), (Table::Heads, 1)] {
        let prefix = layout::table(vault, Kind::Secret, table);
        assert_eq!(snapshot.scan(&prefix, None, 100).await.unwrap().len(), rows, "{table:?}");
    }
    assert_eq!(snapshot.scan(layout::GARBAGE, None, 100).await.unwrap(), []);
}
