//! Every key operation's answers, byte for byte. Reviewed against the specification's section 2,
//! its corrections, the examples of version 7.6-preview.1, and recorded answers of the real
//! service.

use http::Method;
use serde_json::{Value, json};
use strongroom_store::Store;

use crate::support::golden::Golden;
use crate::support::tokens::b64;
use crate::support::{Ask, DAY, Server, jwk};

const GET: Method = Method::GET;
const PUT: Method = Method::PUT;
const POST: Method = Method::POST;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// A policy that any token of the authority satisfies that claims so.
const POLICY: &str = r#"{"version":"1.0.0","anyOf":[
    {"authority":"https://attest.example","allOf":[{"claim":"sdk-test","equals":true}]}]}"#;

fn send<S: Store>(server: &Server<S>, method: Method, target: &str, body: &Value) -> Ask {
    server.ask(method, target).body(body.to_string())
}

#[tokio::test]
async fn create_key() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "create_key");
    let create = |target: &str, body: Value| send(&server, POST, target, &body);
    let example = json!({
        "kty": "RSA", "key_size": 2048,
        "key_ops": ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"],
        "attributes": {},
        "tags": { "purpose": "unit test", "test name ": "CreateGetDeleteKeyTest" },
    });
    let target = "/keys/CreateSoftKeyTest/create?api-version=7.6-preview.1";
    golden.case("example", create(target, example)).await.expect(200);
    let ec = json!({ "kty": "EC" });
    golden.case("ec", create("/keys/ec/create", ec.clone())).await.expect(200);
    for (case, curve) in [("p_256k", "P-256K"), ("p_384", "P-384"), ("p_521", "P-521")] {
        let body = json!({ "kty": "EC", "crv": curve, "key_ops": ["sign"] });
        golden.case(case, create("/keys/curves/create", body)).await.expect(200);
    }
    let full = json!({
        "kty": "ec-hsm", "crv": "p-256", "key_size": 256,
        "attributes": {
            "enabled": false, "nbf": 1_262_332_800, "exp": 1_893_484_800, "exportable": true,
            "hsmPlatform": "2", "recoveryLevel": "x",
        },
        "release_policy": { "data": b64(POLICY) }, "novel": [1],
    });
    golden.case("hsm_exportable", create("/keys/full/create", full)).await.expect(200);
    let akp = json!({ "kty": "AKP", "alg": "ML-DSA-44" });
    let target = "/keys/akp/create?api-version=2026-05-01-preview";
    golden.case("ml_dsa", create(target, akp.clone())).await.expect(200);
    for (case, version) in [("v2016_10_01", "2016-10-01"), ("v7_3", "7.3"), ("v7_5", "7.5")] {
        let target = format!("/keys/versions/create?api-version={version}");
        golden.case(case, create(&target, ec.clone())).await.expect(200);
    }
    server.delete("/keys/ec").await.expect(200);
    golden.case("deleted_name", create("/keys/ec/create", ec)).await.expect(409);
    for (case, body) in [
        ("kty_missing", json!({})),
        ("kty_unknown", json!({ "kty": "OKP" })),
        ("kty_symmetric", json!({ "kty": "oct-HSM" })),
        ("kty_before_its_version", akp),
        ("size_weak", json!({ "kty": "RSA", "key_size": 1024 })),
        ("size_of_another_curve", json!({ "kty": "EC", "crv": "P-384", "key_size": 256 })),
        ("exponent_one", json!({ "kty": "RSA", "public_exponent": 1 })),
        ("curve_unknown", json!({ "kty": "EC", "crv": "secp256k1" })),
        ("key_ops_unknown", json!({ "kty": "EC", "key_ops": ["derive"] })),
        ("key_ops_of_another_type", json!({ "kty": "EC", "key_ops": ["encrypt"] })),
        ("exportable_without_policy", json!({ "kty": "EC", "attributes": { "exportable": true } })),
        (
            "policy_without_exportable",
            json!({ "kty": "EC", "release_policy": { "data": b64(POLICY) } }),
        ),
        ("policy_malformed", json!({ "kty": "EC", "release_policy": { "data": "e30=x" } })),
        ("tag_too_long", json!({ "kty": "EC", "tags": { "a": "x".repeat(257) } })),
    ] {
        golden.case(case, create("/keys/x/create", body)).await.expect(400);
    }
    let target = "/keys/x/create?api-version=7.2";
    let body = json!({ "kty": "EC", "attributes": { "exportable": true } });
    golden.case("exportable_before_its_version", create(target, body)).await.expect(400);
    golden.finish();
}

#[tokio::test]
async fn import_key() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "import_key");
    let put = |target: &str, body: Value| send(&server, PUT, target, &body);
    let example = json!({ "key": jwk::rsa(), "tags": { "purpose": "unit test" } });
    let target = "/keys/ImportSoftKeyTest?api-version=7.6-preview.1";
    golden.case("example", put(target, example)).await.expect(200);
    let mut key = jwk::p256();
    key["key_ops"] = json!(["sign"]);
    golden.case("ec", put("/keys/ec", json!({ "key": key }))).await.expect(200);
    let hsm = json!({ "Hsm": true, "key": jwk::p256() });
    golden.case("hsm", put("/keys/ec", hsm)).await.expect(200);
    golden.case("key_missing", put("/keys/x", json!({}))).await.expect(400);
    let oct = json!({ "key": { "kty": "oct", "k": b64([1; 32]) } });
    golden.case("symmetric", put("/keys/x", oct)).await.expect(400);
    let mut key = jwk::p256();
    key["d"] = json!("jpsQnnGQmL+YBIffH1136cspYG6/0iY7X1fCE9+E9LI=");
    golden.case("malformed_base64url", put("/keys/x", json!({ "key": key }))).await.expect(400);
    let mut key = jwk::p256();
    key["x"] = key["y"].clone();
    golden.case("not_on_the_curve", put("/keys/x", json!({ "key": key }))).await.expect(400);
    golden.finish();
}

#[tokio::test]
async fn get_and_list_keys() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "get_keys");
    let get = |target: &str| server.ask(GET, target);
    let first = server.create_key("One", &json!({ "kty": "EC", "tags": { "n": "1" } })).await;
    server.travel(60).await;
    server.create_key("one", &json!({ "kty": "EC" })).await;
    server.create_key("two", &json!({ "kty": "EC-HSM" })).await;
    golden.case("current", get("/keys/one")).await.expect(200);
    golden.case("current_slash", get("/keys/one/")).await.expect(200);
    golden.case("version", get(&format!("/keys/one/{first}"))).await.expect(200);
    golden.case("not_found", get("/keys/Nobody")).await.expect(404);
    let absent = format!("/keys/one/{}1", "0".repeat(31));
    golden.case("version_not_found", get(&absent)).await.expect(404);
    let target = format!("/keys/one/{first}/attestation");
    golden.case("attestation_in_software", get(&target)).await.expect(400);
    golden.case("list", get("/keys")).await.expect(200);
    golden.case("page", get("/keys?api-version=7.4&maxresults=1")).await.expect(200);
    golden.case("versions_of_nobody", get("/keys/nobody/versions")).await.expect(200);
    let too_early = format!("/keys/one/{first}/attestation?api-version=7.5");
    golden.case("attestation_before_its_version", get(&too_early)).await.expect(400);
    golden.finish();
}

/// Versions are listed in the order of their random names.
#[tokio::test]
async fn get_key_versions() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "get_key_versions").without_numbers();
    for _ in 0..2 {
        server.create_key("a", &json!({ "kty": "EC", "tags": { "n": "1" } })).await;
    }
    golden.case("all", server.ask(GET, "/keys/a/versions")).await.expect(200);
    let page = "/keys/a/versions?api-version=7.6&maxresults=1";
    golden.case("page", server.ask(GET, page)).await.expect(200);
    golden.finish();
}

#[tokio::test]
async fn update_key() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "update_key");
    let patch = |target: &str, body: Value| send(&server, PATCH, target, &body);
    let version = server.create_key("a", &json!({ "kty": "EC", "tags": { "n": "1" } })).await;
    server.travel(60).await;
    let body = json!({
        "key_ops": ["verify"],
        "attributes": { "enabled": false, "nbf": 631_180_800, "exp": 662_716_800 },
    });
    let target = format!("/keys/a/{version}?api-version=7.6-preview.1");
    golden.case("example", patch(&target, body)).await.expect(200);
    golden.case("nothing", patch("/keys/a/", json!({}))).await.expect(200);
    golden.case("tags", patch("/keys/a", json!({ "tags": { "b": "2" } }))).await.expect(200);
    let wrong = json!({ "key_ops": ["wrapKey"] });
    golden.case("key_ops_of_another_type", patch("/keys/a", wrong)).await.expect(400);
    let exportable = json!({ "attributes": { "exportable": true } });
    golden.case("exportable", patch("/keys/a", exportable)).await.expect(400);
    golden.case("not_found", patch("/keys/nobody", json!({}))).await.expect(404);
    let immutable = json!({
        "kty": "EC-HSM", "attributes": { "exportable": true },
        "release_policy": { "data": b64(POLICY), "immutable": true },
    });
    server.create_key("immutable", &immutable).await;
    let policy = POLICY.replace("true", "false");
    let changed = json!({ "release_policy": { "data": b64(policy), "immutable": true } });
    golden.case("policy_immutable", patch("/keys/immutable", changed)).await.expect(400);
    golden.finish();
}

#[tokio::test]
async fn delete_recover_and_purge_keys() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "deleted_keys");
    server.create_key("a", &json!({ "kty": "EC", "tags": { "n": "1" } })).await;
    golden.case("delete", server.ask(DELETE, "/keys/a")).await.expect(200);
    golden.case("delete_again", server.ask(DELETE, "/keys/a")).await.expect(404);
    golden.case("list", server.ask(GET, "/deletedkeys")).await.expect(200);
    golden.case("get", server.ask(GET, "/deletedkeys/a")).await.expect(200);
    golden.case("get_not_found", server.ask(GET, "/deletedkeys/b")).await.expect(404);
    let sign =
        send(&server, POST, "/keys/a//sign", &json!({ "alg": "ES256", "value": b64([1; 32]) }));
    golden.case("sign_with_deleted", sign).await.expect(404);
    golden.case("recover", server.ask(POST, "/deletedkeys/a/recover")).await.expect(200);
    golden.case("recover_again", server.ask(POST, "/deletedkeys/a/recover")).await.expect(404);
    server.delete("/keys/a").await.expect(200);
    golden.case("purge", server.ask(DELETE, "/deletedkeys/a")).await.expect(204);
    golden.case("purge_again", server.ask(DELETE, "/deletedkeys/a")).await.expect(404);
    let v2015 = "/deletedkeys?api-version=2015-06-01";
    golden.case("before_its_version", server.ask(GET, v2015)).await.expect(400);
    golden.finish();
}

#[tokio::test]
async fn backup_and_restore_keys() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "key_backup");
    let version = server.create_key("a", &json!({ "kty": "EC" })).await;
    let backup = golden.case("backup", server.ask(POST, "/keys/a/backup")).await.expect(200);
    let restore = send(&server, POST, "/keys/restore", &backup.json());
    golden.case("restore_over_itself", restore.clone()).await.expect(409);
    server.delete("/keys/a").await.expect(200);
    golden.case("restore_over_deleted", restore.clone()).await.expect(409);
    server.delete("/deletedkeys/a").await.expect(204);
    let restored = golden.case("restore", restore).await.expect(200);
    assert_eq!(restored.version(), version);
    server.set("s", "v").await;
    let other = server.post("/secrets/s/backup", &Value::Null).await.expect(200).json();
    let other = send(&server, POST, "/keys/restore", &other);
    golden.case("restore_of_a_secret", other).await.expect(400);
    golden.case("not_found", server.ask(POST, "/keys/nobody/backup")).await.expect(404);
    golden.finish();
}

#[tokio::test]
async fn work() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "key_work");
    let post = |target: &str, body: Value| send(&server, POST, target, &body);
    server.put("/keys/rsa", &json!({ "key": jwk::rsa() })).await.expect(200);
    server.put("/keys/ec", &json!({ "key": jwk::p256() })).await.expect(200);
    let plain = json!({ "alg": "RSA-OAEP", "value": "5ka5IVsnGrzufA" });
    let sent = golden.case("encrypt", post("/keys/rsa//encrypt", plain)).await.expect(200);
    let value = &sent.json()["value"];
    let decrypt = json!({ "alg": "rsa-oaep", "value": value });
    golden.case("decrypt", post("/keys/rsa//decrypt", decrypt)).await.expect(200);
    let key = json!({ "alg": "RSA-OAEP-256", "value": b64([7; 16]) });
    let sent = golden.case("wrap", post("/keys/rsa//wrapKey", key)).await.expect(200);
    let wrapped = json!({ "alg": "RSA-OAEP-256", "value": sent.json()["value"] });
    golden.case("unwrap", post("/keys/rsa//unwrapkey", wrapped)).await.expect(200);
    let digest = b64([1; 32]);
    let sign = json!({ "alg": "ES256", "value": digest });
    let signed = golden.case("sign", post("/keys/ec//sign", sign)).await.expect(200).json();
    let verify = json!({ "alg": "ES256", "digest": digest, "value": signed["value"] });
    golden.case("verify", post("/keys/ec//verify", verify)).await.expect(200);
    let wrong = json!({ "alg": "ES256", "digest": digest, "value": b64([9; 64]) });
    golden.case("verify_wrong", post("/keys/ec//verify", wrong)).await.expect(200);
    golden.finish();
}

#[tokio::test]
async fn refused_work() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "key_work_refused");
    let post = |target: &str, body: Value| send(&server, POST, target, &body);
    server.put("/keys/rsa", &json!({ "key": jwk::rsa() })).await.expect(200);
    server.put("/keys/ec", &json!({ "key": jwk::p256() })).await.expect(200);
    let sign = |alg: &str, bytes: usize| json!({ "alg": alg, "value": b64(vec![1; bytes]) });
    for (case, target, body) in [
        ("digest_length", "/keys/ec//sign", sign("ES256", 31)),
        ("algorithm_of_another_type", "/keys/ec//sign", sign("RS256", 32)),
        ("algorithm_of_another_curve", "/keys/ec//sign", sign("ES384", 48)),
        ("algorithm_unknown", "/keys/ec//sign", sign("none", 32)),
        ("algorithm_missing", "/keys/ec//sign", json!({ "value": "AA" })),
        ("value_missing", "/keys/ec//sign", json!({ "alg": "ES256" })),
        ("value_no_base64url", "/keys/ec//sign", json!({ "alg": "ES256", "value": "a+b/" })),
        (
            "undecryptable",
            "/keys/rsa//decrypt",
            json!({ "alg": "RSA-OAEP", "value": b64([1; 256]) }),
        ),
        ("too_long", "/keys/rsa//encrypt", json!({ "alg": "RSA-OAEP", "value": b64([1; 215]) })),
        ("body_malformed", "/keys/rsa//encrypt", json!([])),
    ] {
        golden.case(case, post(target, body)).await.expect(400);
    }
    let sign = json!({ "alg": "ES256", "value": b64([1; 32]) });
    let attributes = |attributes: Value| json!({ "attributes": attributes });
    server.patch("/keys/ec", &attributes(json!({ "enabled": false }))).await.expect(200);
    golden.case("disabled", post("/keys/ec//sign", sign.clone())).await.expect(403);
    let now = server.now();
    let early = json!({ "enabled": true, "nbf": now + 86_400 });
    server.patch("/keys/ec", &attributes(early)).await.expect(200);
    golden.case("not_yet_valid", post("/keys/ec//sign", sign.clone())).await.expect(403);
    let late = json!({ "nbf": now - 86_400, "exp": now });
    server.patch("/keys/ec", &attributes(late)).await.expect(200);
    golden.case("expired", post("/keys/ec//sign", sign.clone())).await.expect(403);
    let again = json!({ "key_ops": ["verify"], "attributes": { "exp": now + 86_400 } });
    server.patch("/keys/ec", &again).await.expect(200);
    golden.case("not_in_key_ops", post("/keys/ec//sign", sign.clone())).await.expect(403);
    golden.case("not_found", post("/keys/nobody//sign", sign)).await.expect(404);
    let target = "/keys/rsa//securewrapkey?api-version=2026-04-01";
    golden.case("secure_wrap", post(target, json!({ "alg": "A256KW" }))).await.expect(400);
    golden.finish();
}

#[tokio::test]
async fn rotation() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "rotation");
    let put = |target: &str, body: Value| send(&server, PUT, target, &body);
    server.create_key("a", &json!({ "kty": "EC-HSM", "tags": { "n": "1" } })).await;
    let policy = "/keys/a/rotationpolicy";
    golden.case("none", server.ask(GET, policy)).await.expect(200);
    golden.case("rotate_without_policy", server.ask(POST, "/keys/a/rotate")).await.expect(200);
    // azure-sdk-for-go, TestRotateKey.
    let body = json!({
        "attributes": { "expiryTime": "P90D" },
        "lifetimeActions":
            [{ "action": { "type": "rotate" }, "trigger": { "timeAfterCreate": "P30D" } }],
    });
    golden.case("set", put(policy, body)).await.expect(200);
    server.travel(60).await;
    golden.case("rotate", server.ask(POST, "/keys/a/rotate")).await.expect(200);
    golden.case("empty", put(policy, json!({ "lifetimeActions": [], "attributes": {} }))).await;
    golden.case("get", server.ask(GET, policy)).await.expect(200);
    for (case, body) in [
        ("expiry_short", json!({ "attributes": { "expiryTime": "P27D" } })),
        ("duration_malformed", json!({ "attributes": { "expiryTime": "90 days" } })),
        ("trigger_missing", json!({ "lifetimeActions": [{ "action": { "type": "Rotate" } }] })),
        ("action_missing", json!({ "lifetimeActions": [{ "trigger": {} }] })),
        (
            "rotate_too_early",
            json!({ "lifetimeActions":
                [{ "action": { "type": "Rotate" }, "trigger": { "timeAfterCreate": "P6D" } }] }),
        ),
    ] {
        golden.case(case, put(policy, body)).await.expect(400);
    }
    golden.case("not_found", server.ask(GET, "/keys/b/rotationpolicy")).await.expect(404);
    golden.case("rotate_not_found", server.ask(POST, "/keys/b/rotate")).await.expect(404);
    let before = "/keys/a/rotate?api-version=7.2";
    golden.case("before_its_version", server.ask(POST, before)).await.expect(400);
    golden.finish();
}

/// A rotation by policy is due a month after the version was made, and not a second before.
#[tokio::test]
async fn the_sweeper_rotates() {
    let server = Server::start().await;
    let first = server.create_key("a", &json!({ "kty": "EC" })).await;
    let policy = json!({
        "attributes": { "expiryTime": "P90D" },
        "lifetimeActions":
            [{ "action": { "type": "Rotate" }, "trigger": { "timeAfterCreate": "P30D" } }],
    });
    server.put("/keys/a/rotationpolicy", &policy).await.expect(200);
    server.travel(30 * DAY - 1).await;
    let owner = server.sign_in_owner().await;
    let get = server.ask(GET, "/keys/a").header("authorization", &format!("Bearer {owner}"));
    assert_eq!(server.send(&get).await.expect(200).version(), first);
    server.travel(1).await;
    let rotated = server.send(&get).await.expect(200);
    assert_ne!(rotated.version(), first);
    assert_eq!(rotated.json()["attributes"]["exp"], server.now() + 90 * 86_400);
}
