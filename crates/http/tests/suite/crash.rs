//! Power is lost between a commit and its record's way to the journal: both are there, or neither.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::Method;
use strongroom_audit::Verdict;
use strongroom_crypto::SecretBytes;
use strongroom_model::Kind;
use strongroom_ops::setup::Owner;
use strongroom_store::disk::FaultDisk;
use strongroom_store::layout::{self, Table};
use strongroom_store::{Freshness, Snapshot, Store};
use strongroom_store_embedded::EmbeddedStore;

use crate::support::{Node, Server, audited, embedded};

const WRITERS: usize = 8;

/// Sets names until the power is cut; gives those that were acknowledged.
async fn write_until_the_cut(
    server: &Arc<Server<EmbeddedStore>>,
    disk: &FaultDisk,
    operations: u64,
) -> BTreeSet<String> {
    disk.cut_power_after(operations);
    let writers = (0..WRITERS).map(|writer| {
        let (server, disk) = (Arc::clone(server), disk.clone());
        tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for n in 0..10_000 {
                let name = format!("w{writer}-{n}");
                let ask = server.ask(Method::PUT, &format!("/secrets/{name}"));
                let answer = server.send(&ask.body(r#"{"value":"v"}"#)).await;
                match answer.status {
                    200 => acknowledged.push(name),
                    503 => return acknowledged,
                    other => panic!("{other}"),
                }
                if disk.is_dead() {
                    return acknowledged;
                }
            }
            acknowledged
        })
    });
    let written = futures_util::future::join_all(writers).await;
    written.into_iter().flat_map(Result::unwrap).collect()
}

/// The names of the secrets in the store.
async fn names<S: Store>(node: &Node<S>) -> BTreeSet<String> {
    let vault = node.directory.current().vault("dev").unwrap().resource.id;
    let prefix = layout::table(vault, Kind::Secret, Table::Heads);
    let snapshot = node.store.snapshot(Freshness::Linearizable).await.unwrap();
    let rows = snapshot.scan(&prefix, None, 100_000).await.unwrap();
    rows.iter().map(|(key, _)| String::from_utf8(key[prefix.len()..].to_vec()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn committed_means_audited() {
    let mut survivors = 0;
    for operations in [1, 2, 5, 13, 34, 89, 233] {
        let disk = FaultDisk::new();
        let server = Arc::new(Server::over(embedded(&disk), disk.clone()).await);
        let acknowledged = write_until_the_cut(&server, &disk, operations).await;
        for seed in 0..3 {
            let after = disk.power_loss(seed);
            let node = Node::open(embedded(&after), after.clone()).await;
            let found = names(&node).await;
            assert!(found.is_superset(&acknowledged), "{operations} {seed}: a secret is lost");
            let report = node.audit.verify().await.unwrap();
            assert_ne!(report.verdict(), Verdict::Tampered, "{operations} {seed}: {report:?}");
            node.audit.close().await.unwrap();
            let records = audited(&after);
            let sets = records.iter().filter(|r| r.operation == "SecretSet" && r.success);
            let mut recorded = BTreeSet::new();
            for record in sets {
                let name = record.object_url().rsplit('/').next().unwrap().to_owned();
                assert!(recorded.insert(name), "{operations} {seed}: {record:?} is there twice");
            }
            assert_eq!(recorded, found, "{operations} {seed}: records and secrets");
            survivors += found.len();
            node.store.close().await;
        }
    }
    assert!(survivors > 100, "the test wrote too little to show anything: {survivors}");
}

/// A start after the power came back serves what was acknowledged, and goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_comes_back() {
    let disk = FaultDisk::new();
    let server = Arc::new(Server::over(embedded(&disk), disk.clone()).await);
    let acknowledged = write_until_the_cut(&server, &disk, 100).await;
    assert!(!acknowledged.is_empty());
    let after = disk.power_loss(7);
    let node = Node::open(embedded(&after), after.clone()).await;
    let owner = Owner {
        client_secret: SecretBytes::new(server.owner.client_secret.expose().to_vec()),
        ..copy(&server.owner)
    };
    let server = Server::again(node, owner).await;
    for name in &acknowledged {
        let found = server.get(&format!("/secrets/{name}")).await.expect(200);
        assert_eq!(found.json()["value"], "v");
    }
    server.set("after", "v").await;
    let records = server.stop().await;
    assert!(records.iter().any(|r| r.object_url().ends_with("/secrets/after")));
}

fn copy(owner: &Owner) -> Owner {
    Owner {
        tenant: owner.tenant,
        subscription: owner.subscription,
        client_id: owner.client_id,
        object_id: owner.object_id,
        client_secret: SecretBytes::new(Vec::new()),
    }
}
