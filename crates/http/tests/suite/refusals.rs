//! The answers of every refusal and failure that is not an operation's own.

use http::Method;
use serde_json::{Value, json};
use strongroom_crypto::sign::RsaSigningKey;
use strongroom_directory::Tenant;
use strongroom_model::{Kind, ObjectName, SecretListing, TenantId};
use strongroom_seal::{Part, Place};
use strongroom_store::disk::FaultDisk;
use strongroom_store::layout::{self, Table};
use strongroom_store::{Freshness, Snapshot, Store, Txn};

use crate::support::golden::Golden;
use crate::support::tokens::{b64, claims, header, sign, sign_with, with};
use crate::support::{MeddledStore, Mood, Server};

const GET: Method = Method::GET;

#[tokio::test]
async fn authentication() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "authentication");
    let ask = server.ask(GET, "/secrets/a");
    let bearing = |token: &str| ask.clone().header("authorization", &format!("Bearer {token}"));
    golden.case("missing", ask.clone().without("authorization")).await.expect(401);
    let put = server.ask(Method::PUT, "/secrets/a").without("authorization");
    golden.case("missing_put", put).await.expect(401);
    let basic = ask.clone().header("authorization", "Basic b3duZXI6c2VjcmV0");
    golden.case("basic", basic).await.expect(401);
    golden.case("malformed", bearing("not-a-token")).await.expect(401);

    let (head, claims) = (header(&server), claims(&server));
    bearing_is_good(&server, &sign(&server, &head, &claims)).await;
    let changed = |name: &str, value: Value| {
        bearing(&sign(&server, &head, &with(claims.clone(), name, value)))
    };
    golden.case("audience", changed("aud", json!("https://graph.example"))).await.expect(401);
    golden.case("issuer", changed("iss", json!("https://sts.example/x/"))).await.expect(401);
    golden.case("expired", changed("exp", json!(server.now()))).await.expect(401);
    golden.case("not_yet_valid", changed("nbf", json!(server.now() + 1))).await.expect(401);
    let nobody = json!("00000000-0000-4000-8000-000000000001");
    golden.case("unknown_principal", changed("appid", nobody)).await.expect(401);
    golden.case("claim_missing", changed("tid", Value::Null)).await.expect(401);
    let kid = with(head.clone(), "kid", json!("another"));
    golden.case("unknown_key", bearing(&sign(&server, &kid, &claims))).await.expect(401);
    let stranger = RsaSigningKey::generate().unwrap();
    let forged = sign_with(&stranger, &head, &claims);
    golden.case("signature", bearing(&forged)).await.expect(401);
    let none = with(with(head.clone(), "alg", json!("none")), "kid", Value::Null);
    let none = format!("{}.{}.", b64(none.to_string()), b64(claims.to_string()));
    golden.case("alg_none", bearing(&none)).await.expect(401);
    golden.finish();
}

async fn bearing_is_good<S: Store>(server: &Server<S>, token: &str) {
    let ask = server.ask(GET, "/secrets").header("authorization", &format!("Bearer {token}"));
    server.send(&ask).await.expect(200);
}

#[tokio::test]
async fn another_tenants_token() {
    let server = Server::start().await;
    let id: TenantId = "11111111-2222-4333-8444-555555555555".parse().unwrap();
    let tenant = Tenant { id, display_name: "another".into() };
    let (key, row) = server.node.directory.row(&tenant).unwrap();
    server.node.directory.commit(Txn::new().put(key, row)).await.unwrap();
    let new = server.node.ops.create_application("app", id, None, &mut server.node.call()).await;
    let application = new.unwrap().application;
    let object = json!(application.object_id.to_string());
    let mut claims = claims(&server);
    for (name, value) in [
        ("tid", json!(id.to_string())),
        ("iss", json!(server.endpoints.issuer(id))),
        ("appid", json!(application.client_id.to_string())),
        ("oid", object.clone()),
        ("sub", object),
    ] {
        claims = with(claims, name, value);
    }
    let token = sign(&server, &header(&server), &claims);
    let golden = Golden::new(&server, "another_tenant");
    let ask = server.ask(GET, "/secrets/a").header("authorization", &format!("Bearer {token}"));
    golden.case("token", ask.clone()).await.expect(401);
    golden.case("token_again", ask).await.expect(401);
    golden.finish();
}

#[tokio::test]
async fn hosts_and_routes() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "routing");
    let ask = |label: &str| server.ask(GET, "/secrets").host(&server.authority(label));
    golden.case("unknown_vault", ask("nowhere.vault")).await.expect(404);
    let tokenless = ask("nowhere.vault").without("authorization");
    golden.case("unknown_vault_without_token", tokenless).await.expect(401);
    golden.case("managed_hsm", ask("my.managedhsm")).await.expect(404);
    golden.case("management", ask("management")).await.expect(404);
    let misdirected = server.client.send_http1_as("login.localhost", &ask("dev.vault")).await;
    golden.compare("misdirected", &ask("dev.vault"), &misdirected.clone().expect(421));
    misdirected.check(None);
    let stray = server.ask(GET, "/secrets").host("else.where.example");
    let unknown = server.client.send_http1_as("dev.vault.localhost", &stray).await;
    golden.compare("unknown_host", &stray, &unknown.clone().expect(404));
    unknown.check(None);
    let other = |method: Method, target: &str| server.ask(method, target);
    golden.case("no_route", other(GET, "/keyz")).await.expect(404);
    golden.case("rng", other(Method::POST, "/rng")).await.expect(404);
    golden.case("root", other(GET, "/")).await.expect(404);
    golden.case("put_without_name", other(Method::PUT, "/secrets/")).await.expect(405);
    golden.case("head", other(Method::HEAD, "/secrets")).await.expect(405);
    golden.case("api_version_missing", other(GET, "/secrets?x=1")).await.expect(400);
    golden.case("api_version_empty", other(GET, "/secrets?api-version=")).await.expect(400);
    let unknown = other(GET, "/secrets?api-version=7.9");
    golden.case("api_version_unknown", unknown).await.expect(400);
    let long = format!("/secrets/{}?api-version=7.4", "x".repeat(2_100));
    golden.case("path_too_long", other(GET, &long)).await.expect(400);
    golden.finish();
}

#[tokio::test]
async fn forbidden_by_rbac() {
    let server = Server::start().await;
    let stranger = server.identity(None).await;
    let golden = Golden::new(&server, "forbidden");
    let bearer = format!("Bearer {}", stranger.token);
    let get = server.ask(GET, "/secrets/Some-Name").header("authorization", &bearer);
    golden.case("object", get).await.expect(403);
    let list = server.ask(GET, "/secrets").header("authorization", &bearer);
    golden.case("vault", list).await.expect(403);
    golden.finish();
}

#[tokio::test]
async fn bodies() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "bodies");
    let put = server.ask(Method::PUT, "/secrets/a");
    let large = put.clone().body(vec![b'x'; 1024 * 1024 + 1]);
    let answer = server.send(&large).await.expect(413);
    golden.compare("too_large", &large.body("(1 MiB and 1 byte)"), &answer);
    let raw = format!(
        "PUT {} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-length: 100\r\n\r\n{{",
        put.target, put.authority, server.token
    );
    let cut = server.client.send_raw_and_end("dev.vault.localhost", raw.as_bytes()).await;
    assert!(cut.starts_with("HTTP/1.1 400"), "{cut}");
    golden.finish();
    let records = server.stop().await;
    let cut = records.iter().filter(|r| r.operation == "SecretSet" && r.http_status == 400);
    assert_eq!(cut.count(), 1, "a body that was cut short is audited too");
}

#[tokio::test]
async fn the_service_cannot() {
    let store = MeddledStore::default();
    let server = Server::over(store.clone(), FaultDisk::new()).await;
    server.set("a", "v").await;
    let golden = Golden::new(&server, "service");
    let put = server.ask(Method::PUT, "/secrets/a").body(r#"{"value":"v"}"#);
    for (case, mood, status) in [
        ("contended", Mood::Conflict, 409),
        ("unavailable", Mood::Unavailable, 503),
        ("outcome_unknown", Mood::Indeterminate, 503),
    ] {
        store.set(mood);
        golden.case(case, put.clone()).await.expect(status);
    }
    store.set(Mood::Fair);
    server.set("damaged", "v").await;
    damage_bodies(&server).await;
    let damaged = golden.case("damaged", server.ask(GET, "/secrets/damaged")).await.expect(500);
    assert!(!damaged.message().contains("damaged"), "internals stay inside");
    let vault = server.vault("keyless", 90, false).await;
    let prefix = layout::data_keys(b'v', vault.id.as_bytes());
    delete_rows(&server, &prefix).await;
    let ask = server.ask(GET, "/secrets").host(&server.authority("keyless.vault"));
    golden.case("vault_gone", ask).await.expect(404);
    golden.finish();
}

/// Flips a bit in every body.
async fn damage_bodies<S: Store>(server: &Server<S>) {
    let vault = server.node.directory.current().vault("dev").unwrap().resource.id;
    let prefix = layout::table(vault, Kind::Secret, Table::Bodies);
    let snapshot = server.node.store.snapshot(Freshness::Linearizable).await.unwrap();
    for (key, row) in snapshot.scan(&prefix, None, 100).await.unwrap() {
        let mut value = row.value.to_vec();
        value[40] ^= 1;
        server.node.store.commit(Txn::new().put(key, value)).await.unwrap();
    }
}

async fn delete_rows<S: Store>(server: &Server<S>, prefix: &[u8]) {
    let snapshot = server.node.store.snapshot(Freshness::Linearizable).await.unwrap();
    for (key, _) in snapshot.scan(prefix, None, 100).await.unwrap() {
        server.node.store.commit(Txn::new().delete(key)).await.unwrap();
    }
}

#[tokio::test]
async fn the_journal_is_full() {
    let disk = FaultDisk::new();
    let server = Server::over(strongroom_store::memory::MemoryStore::new(), disk.clone()).await;
    server.set("a", "v").await;
    let golden = Golden::new(&server, "journal_full");
    disk.set_capacity(0);
    // Reads fill what the journal has in reserve, then nothing is answered; the smaller a record,
    // the longer it finds room.
    let get = server.ask(GET, "/secrets/a");
    let tokenless = get.clone().without("authorization");
    for filling in [get.clone().header("user-agent", &"x".repeat(1024)), get.clone(), tokenless] {
        let mut status = 0;
        for _ in 0..5_000 {
            status = server.send(&filling).await.status;
            if status == 503 {
                break;
            }
        }
        assert_eq!(status, 503);
    }
    golden.case("read", get.clone()).await.expect(503);
    golden.case("write", server.ask(Method::PUT, "/secrets/a").body(r#"{"value":"v"}"#)).await;
    golden.case("without_token", get.clone().without("authorization")).await.expect(503);
    golden.finish();
    assert_eq!(server.get("/secrets/a").await.status, 503);
}

#[tokio::test]
async fn a_certificates_secret() {
    let server = Server::start().await;
    server.set("managed", "v").await;
    manage(&server, "managed").await;
    let golden = Golden::new(&server, "managed");
    golden.case("get", server.ask(GET, "/secrets/managed")).await.expect(200);
    let put = server.ask(Method::PUT, "/secrets/managed").body(r#"{"value":"v"}"#);
    golden.case("set", put).await.expect(403);
    golden.case("delete", server.ask(Method::DELETE, "/secrets/managed")).await.expect(403);
    golden.case("backup", server.ask(Method::POST, "/secrets/managed/backup")).await.expect(403);
    golden.finish();
}

/// Marks a secret as a certificate's, as the store would hold it.
async fn manage<S: Store>(server: &Server<S>, name: &str) {
    use strongroom_model::Head;
    let vault = server.node.directory.current().vault("dev").unwrap().resource.id;
    let keys = server.node.ring.vault(vault).await.unwrap();
    let folded = ObjectName::parse(name).unwrap().folded();
    let place = Place::Object { vault, kind: Kind::Secret, name: &folded, part: Part::Head };
    let key = layout::head(vault, Kind::Secret, &folded);
    let snapshot = server.node.store.snapshot(Freshness::Linearizable).await.unwrap();
    let row = snapshot.get(&key).await.unwrap().unwrap();
    let plain = keys.open(&place, &row.value).unwrap();
    let mut head: Head<SecretListing> = minicbor::decode(plain.expose()).unwrap();
    head.current.listing.managed = Some(true);
    let sealed = keys.seal(&place, &minicbor::to_vec(&head).unwrap()).unwrap();
    server.node.store.commit(Txn::new().put(key, sealed)).await.unwrap();
}
