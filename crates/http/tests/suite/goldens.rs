//! Every operation's answers, byte for byte. Reviewed against the specification's section 2, its
//! corrections, and the examples of version 7.6-preview.1.

use http::Method;
use serde_json::json;

use crate::support::golden::Golden;
use crate::support::{DAY, Server};

const GET: Method = Method::GET;
const PUT: Method = Method::PUT;
const POST: Method = Method::POST;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

#[tokio::test]
async fn set_secret() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "set_secret");
    let put =
        |target: &str, body: serde_json::Value| server.ask(PUT, target).body(body.to_string());
    let value = json!({ "value": "mysecretvalue" });
    let example = put("/secrets/crpsecret?api-version=7.6-preview.1", value.clone());
    golden.case("first", example).await.expect(200);
    let full = json!({
        "value": "two", "contentType": "text/plain",
        "attributes": { "enabled": true, "nbf": 1_262_332_800, "exp": 1_893_484_800 },
        "tags": { "owner": "ada", "cost": "7" },
    });
    golden.case("full", put("/secrets/crpsecret", full)).await.expect(200);
    let disabled = json!({ "value": "off", "attributes": { "enabled": false } });
    golden.case("disabled", put("/secrets/off", disabled)).await.expect(200);
    let unknown = json!({ "value": "v", "answer": 42, "attributes": { "recoveryLevel": "x" } });
    golden.case("unknown_members", put("/secrets/unknown", unknown)).await.expect(200);
    for (case, version) in [("v2015_06_01", "2015-06-01"), ("v7_0", "7.0"), ("v7_1", "7.1")] {
        let target = format!("/secrets/versions?api-version={version}");
        golden.case(case, put(&target, value.clone())).await.expect(200);
    }
    golden.case("spelling", put("/secrets/CRPSecret", value.clone())).await.expect(200);
    let id = put("/secrets/echo", value.clone()).header("x-ms-client-request-id", "my-own-id");
    golden.case("client_request_id", id).await.expect(200);
    server.set("gone", "x").await;
    server.deleted("gone").await;
    golden.case("deleted_name", put("/secrets/gone", value.clone())).await.expect(409);
    golden.case("name_invalid", put("/secrets/a_b", value.clone())).await.expect(400);
    golden.case("value_missing", put("/secrets/x", json!({}))).await.expect(400);
    golden.case("value_wrong_type", put("/secrets/x", json!({ "value": 7 }))).await.expect(400);
    let malformed = server.ask(PUT, "/secrets/x").body("{\"value\":\"top-secret\"");
    golden.case("malformed", malformed).await.expect(400);
    let long = json!({ "value": "x".repeat(25_601) });
    golden.case("value_too_long", put("/secrets/x", long)).await.expect(400);
    let tags: serde_json::Map<_, _> = (0..16).map(|n| (n.to_string(), json!("v"))).collect();
    let tags = json!({ "value": "v", "tags": tags });
    golden.case("tags_too_many", put("/secrets/x", tags)).await.expect(400);
    let tag = json!({ "value": "v", "tags": { "a": "x".repeat(513) } });
    golden.case("tag_too_long", put("/secrets/x", tag)).await.expect(400);
    let content = json!({ "value": "v", "contentType": "x".repeat(256) });
    golden.case("content_type_too_long", put("/secrets/x", content)).await.expect(400);
    golden.finish();
}

#[tokio::test]
async fn get_secret() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "get_secret");
    let get = |target: &str| server.ask(GET, target);
    let first = server.set("mysecretname", "mysecretvalue").await;
    let full = json!({
        "value": "ümlaut \u{1f511} \"\\", "contentType": "text/plain", "tags": { "a": "1" },
        "attributes": { "nbf": 1_262_332_800, "exp": 1_300_000_000 },
    });
    server.put("/secrets/mysecretname", &full).await.expect(200);
    let example = format!("/secrets/mysecretname/{first}?api-version=7.6-preview.1");
    golden.case("version", get(&example)).await.expect(200);
    golden.case("latest", get("/secrets/mysecretname")).await.expect(200);
    golden.case("latest_slash", get("/secrets/mysecretname/")).await.expect(200);
    golden.case("v2015_06_01", get("/secrets/mysecretname?api-version=2015-06-01")).await;
    golden.case("name_folded", get("/secrets/MYSECRETNAME")).await.expect(200);
    golden.case("not_found", get("/secrets/Nobody")).await.expect(404);
    let absent = format!("/secrets/mysecretname/{}", "0".repeat(31) + "1");
    golden.case("version_not_found", get(&absent)).await.expect(404);
    golden.case("version_invalid", get("/secrets/mysecretname/1")).await.expect(400);
    let disabled = json!({ "value": "v", "attributes": { "enabled": false } });
    server.put("/secrets/off", &disabled).await.expect(200);
    golden.case("disabled", get("/secrets/off")).await.expect(403);
    let pfx = "/secrets/mysecretname?api-version=2025-07-01&outContentType=application/x-pkcs12";
    golden.case("out_content_type", get(pfx)).await.expect(200);
    let other = "/secrets/mysecretname?api-version=2025-07-01&outContentType=text/plain";
    golden.case("out_content_type_invalid", get(other)).await.expect(400);
    let before = "/secrets/mysecretname?api-version=7.6&outContentType=text/plain";
    golden.case("out_content_type_before_its_version", get(before)).await.expect(200);
    server.deleted("mysecretname").await;
    golden.case("deleted", get("/secrets/mysecretname")).await.expect(404);
    golden.finish();
}

#[tokio::test]
async fn update_secret() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "update_secret");
    let patch =
        |target: &str, body: serde_json::Value| server.ask(PATCH, target).body(body.to_string());
    let first = server.set("crpsecret", "one").await;
    server.travel(60).await;
    let example = json!({
        "tags": { "mytag": "myvalue" }, "contentType": "myContentType",
        "attributes": { "enabled": true },
    });
    let target = format!("/secrets/crpsecret/{first}?api-version=7.6-preview.1");
    golden.case("example", patch(&target, example)).await.expect(200);
    let times = json!({ "attributes": { "nbf": 1_262_332_800, "exp": 1_893_484_800 } });
    golden.case("latest_slash", patch("/secrets/crpsecret/", times)).await.expect(200);
    golden.case("nothing", patch("/secrets/crpsecret", json!({}))).await.expect(200);
    let nulls = json!({ "tags": null, "contentType": null, "attributes": null });
    golden.case("nulls", patch("/secrets/crpsecret", nulls)).await.expect(200);
    let value = json!({ "value": "never", "tags": {} });
    golden.case("value_is_ignored", patch("/secrets/crpsecret", value)).await.expect(200);
    server.set("crpsecret", "two").await;
    let off = json!({ "attributes": { "enabled": false } });
    let target = format!("/secrets/crpsecret/{first}");
    golden.case("older_version", patch(&target, off)).await.expect(200);
    golden.case("not_found", patch("/secrets/nobody", json!({}))).await.expect(404);
    let target = format!("/secrets/crpsecret/{}", "0".repeat(31) + "1");
    golden.case("version_not_found", patch(&target, json!({}))).await.expect(404);
    let wrong = json!({ "attributes": { "enabled": "yes" } });
    golden.case("wrong_type", patch("/secrets/crpsecret", wrong)).await.expect(400);
    golden.finish();
}

#[tokio::test]
async fn rollback_secret() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "rollback_secret");
    let body = json!({ "value": "one", "contentType": "text/plain", "tags": { "n": "1" } });
    let first = server.put("/secrets/a", &body).await.expect(200).version();
    let second = server.set("a", "two").await;
    server.travel(60).await;
    let post = |target: String| server.ask(POST, &target);
    golden.case("done", post(format!("/secrets/a/{first}/rollback"))).await.expect(200);
    golden.case("value", server.ask(GET, "/secrets/a")).await.expect(200);
    golden.case("not_found", post(format!("/secrets/nobody/{first}/rollback"))).await.expect(404);
    let absent = "0".repeat(31) + "1";
    golden.case("version_not_found", post(format!("/secrets/a/{absent}/rollback"))).await;
    golden.case("without_version", post("/secrets/a//rollback".into())).await.expect(400);
    let off = json!({ "attributes": { "enabled": false } });
    server.patch(&format!("/secrets/a/{second}"), &off).await.expect(200);
    golden.case("disabled", post(format!("/secrets/a/{second}/rollback"))).await.expect(403);
    golden.finish();
}

#[tokio::test]
async fn delete_secret() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "delete_secret");
    server.set("GetDeletedSecretTest", "x").await;
    let target = "/secrets/GetDeletedSecretTest?api-version=7.6-preview.1";
    golden.case("example", server.ask(DELETE, target)).await.expect(200);
    golden.case("twice", server.ask(DELETE, target)).await.expect(404);
    golden.case("not_found", server.ask(DELETE, "/secrets/nobody")).await.expect(404);
    server.vault("week", 7, false).await;
    let host = server.authority("week.vault");
    let put = server.ask(PUT, "/secrets/a").host(&host).body(r#"{"value":"v","tags":{"a":"b"}}"#);
    server.send(&put).await.expect(200);
    let delete = server.ask(DELETE, "/secrets/a").host(&host);
    golden.case("seven_days", delete).await.expect(200);
    golden.finish();
}

#[tokio::test]
async fn get_secrets() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "get_secrets");
    golden.case("empty", server.ask(GET, "/secrets")).await.expect(200);
    let plain = json!({ "value": "v", "contentType": "plainText", "tags": { "k": "v" } });
    server.put("/secrets/listsecrettest0", &plain).await.expect(200);
    server.set("listsecrettest1", "v").await;
    let target = "/secrets?api-version=7.6-preview.1&maxresults=1";
    let page = golden.case("example", server.ask(GET, target)).await.expect(200);
    let next = page.json()["nextLink"].as_str().unwrap().to_owned();
    let next = next.split_once(&server.authority("dev.vault")).unwrap().1.to_owned();
    golden.case("next", server.ask(GET, &next)).await.expect(200);
    golden.case("all_slash", server.ask(GET, "/secrets/")).await.expect(200);
    let zero = "/secrets?api-version=7.4&maxresults=0";
    golden.case("maxresults_invalid", server.ask(GET, zero)).await.expect(400);
    let forged = "/secrets?api-version=7.4&$skiptoken=Zm9yZ2Vk";
    golden.case("skiptoken_invalid", server.ask(GET, forged)).await.expect(400);
    golden.finish();
}

#[tokio::test]
async fn get_secret_versions() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "get_secret_versions").without_numbers();
    server.set("listsecretversionstest", "one").await;
    let one = "/secrets/listsecretversionstest/versions?api-version=7.6-preview.1&maxresults=1";
    golden.case("single", server.ask(GET, one)).await.expect(200);
    server.set("listsecretversionstest", "two").await;
    let page = golden.case("example", server.ask(GET, one)).await.expect(200);
    let next = page.json()["nextLink"].as_str().unwrap().to_owned();
    let next = next.split_once(&server.authority("dev.vault")).unwrap().1.to_owned();
    golden.case("next", server.ask(GET, &next)).await.expect(200);
    golden.case("not_found", server.ask(GET, "/secrets/nobody/versions")).await.expect(200);
    golden.finish();
}

#[tokio::test]
async fn backup_and_restore() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "backup_secret");
    let full = json!({
        "value": "v", "contentType": "text",
        "attributes": { "nbf": 1_262_332_800, "exp": 1_893_484_800 },
    });
    server.put("/secrets/SecretBackupRestoreTest", &full).await.expect(200);
    let target = "/secrets/SecretBackupRestoreTest/backup?api-version=7.6-preview.1";
    let backup = golden.case("example", server.ask(POST, target)).await.expect(200);
    golden.case("not_found", server.ask(POST, "/secrets/nobody/backup")).await.expect(404);
    golden.finish();

    let golden = Golden::new(&server, "restore_secret");
    let target = "/secrets/restore?api-version=7.6-preview.1";
    let restore = server.ask(POST, target).body(backup.body.clone());
    golden.case("name_in_use", restore.clone()).await.expect(409);
    server.deleted("SecretBackupRestoreTest").await;
    golden.case("name_deleted", restore.clone()).await.expect(409);
    server.delete("/deletedsecrets/SecretBackupRestoreTest").await.expect(204);
    golden.case("example", restore.clone()).await.expect(200);
    let malformed = json!({ "value": "U1JCMQ" }).to_string();
    golden.case("malformed", restore.clone().body(malformed)).await.expect(400);
    golden.case("value_missing", restore.body("{}")).await.expect(400);
    golden.finish();
}

#[tokio::test]
async fn deleted_secrets() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "get_deleted_secrets");
    golden.case("empty", server.ask(GET, "/deletedsecrets")).await.expect(200);
    let plain = json!({ "value": "v", "contentType": "plainText" });
    server.put("/secrets/listdeletedsecrettest0", &plain).await.expect(200);
    server.set("listdeletedsecrettest1", "v").await;
    server.deleted("listdeletedsecrettest0").await;
    server.travel(60).await;
    server.deleted("listdeletedsecrettest1").await;
    let target = "/deletedsecrets?api-version=7.6-preview.1&maxresults=1";
    let page = golden.case("example", server.ask(GET, target)).await.expect(200);
    let next = page.json()["nextLink"].as_str().unwrap().to_owned();
    let next = next.split_once(&server.authority("dev.vault")).unwrap().1.to_owned();
    golden.case("next", server.ask(GET, &next)).await.expect(200);
    golden.finish();

    let golden = Golden::new(&server, "get_deleted_secret");
    let target = "/deletedsecrets/listdeletedsecrettest0?api-version=7.6-preview.1";
    golden.case("example", server.ask(GET, target)).await.expect(200);
    golden.case("not_found", server.ask(GET, "/deletedsecrets/nobody")).await.expect(404);
    golden.finish();

    let golden = Golden::new(&server, "recover_deleted_secret");
    let target = "/deletedsecrets/listdeletedsecrettest0/recover?api-version=7.6-preview.1";
    golden.case("example", server.ask(POST, target)).await.expect(200);
    golden.case("not_found", server.ask(POST, target)).await.expect(404);
    golden.finish();
}

#[tokio::test]
async fn purge_deleted_secret() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "purge_deleted_secret");
    server.set("testsecret", "v").await;
    server.deleted("testsecret").await;
    let target = "/deletedsecrets/testsecret?api-version=7.6-preview.1";
    golden.case("example", server.ask(DELETE, target)).await.expect(204);
    golden.case("not_found", server.ask(DELETE, target)).await.expect(404);
    server.vault("guarded", 90, true).await;
    let host = server.authority("guarded.vault");
    let put = server.ask(PUT, "/secrets/a").host(&host).body(r#"{"value":"v"}"#);
    server.send(&put).await.expect(200);
    let delete = server.ask(DELETE, "/secrets/a").host(&host);
    golden.case("delete_under_protection", delete).await.expect(200);
    let purge = server.ask(DELETE, "/deletedsecrets/a").host(&host);
    golden.case("protected", purge.clone()).await.expect(403);
    server.travel(90 * DAY).await;
    let token = server.sign_in_owner().await;
    let purge = purge.header("authorization", &format!("Bearer {token}"));
    golden.case("after_its_retention", purge).await.expect(404);
    golden.finish();
}
