//! Keys as a client uses them: every algorithm there and back, versions, who may do what, and what
//! stays in the audit.

use http::Method;
use serde_json::{Value, json};
use strongroom_model::Scope;
use strongroom_store::Store;

use crate::support::tokens::b64;
use crate::support::{Answer, Features, Server, jwk};

/// Signs and verifies; then not with another digest, and not with another signature.
async fn signs<S: Store>(server: &Server<S>, key: &str, alg: &str, bytes: usize) {
    let target = |verb: &str| format!("/keys/{key}//{verb}?api-version=2026-05-01-preview");
    let digest = b64(vec![1; bytes]);
    let signed = server.post(&target("sign"), &json!({ "alg": alg, "value": digest })).await;
    let signed = signed.expect(200).json();
    assert!(signed["kid"].as_str().unwrap().contains(&format!("/keys/{key}/")), "{signed}");
    let verify =
        |digest: &str, value: &Value| json!({ "alg": alg, "digest": digest, "value": value });
    let other = b64(vec![2; bytes]);
    let changed = jwk::changed(signed.clone(), "value", |bytes| bytes[20] ^= 1);
    for (body, good) in [
        (verify(&digest, &signed["value"]), true),
        (verify(&other, &signed["value"]), false),
        (verify(&digest, &changed["value"]), false),
    ] {
        let answer = server.post(&target("verify"), &body).await.expect(200);
        assert_eq!(answer.json(), json!({ "value": good }), "{key} {alg}");
    }
}

/// Encrypts and decrypts, or wraps and unwraps.
async fn goes_and_returns<S: Store>(server: &Server<S>, verbs: [&str; 2], alg: &str, bytes: usize) {
    let plain = b64(vec![9; bytes]);
    let [there, back] = verbs.map(|verb| format!("/keys/a//{verb}?api-version=7.6"));
    let mut sent =
        server.post(&there, &json!({ "alg": alg, "value": plain })).await.expect(200).json();
    assert_ne!(sent["value"], plain);
    sent["alg"] = json!(alg);
    let returned = server.post(&back, &sent).await.expect(200).json();
    assert_eq!(returned["value"], plain, "{alg}");
    assert_eq!(returned["kid"], sent["kid"]);
}

#[tokio::test]
async fn every_algorithm_of_rsa() {
    let server = Server::start().await;
    server.put("/keys/a", &json!({ "key": jwk::rsa() })).await.expect(200);
    for (alg, bytes) in [
        ("RS256", 32),
        ("RS384", 48),
        ("RS512", 64),
        ("PS256", 32),
        ("PS384", 48),
        ("PS512", 64),
        ("RSNULL", 35),
    ] {
        signs(&server, "a", alg, bytes).await;
    }
    for alg in ["RSA1_5", "RSA-OAEP", "RSA-OAEP-256"] {
        goes_and_returns(&server, ["encrypt", "decrypt"], alg, 100).await;
        goes_and_returns(&server, ["wrapkey", "unwrapkey"], alg, 32).await;
    }
}

#[tokio::test]
async fn every_curve_and_ml_dsa() {
    let server = Server::start().await;
    for (curve, alg, bytes) in [
        ("P-256", "ES256", 32),
        ("P-384", "ES384", 48),
        ("P-521", "ES512", 64),
        ("P-256K", "ES256K", 32),
    ] {
        server.create_key("ec", &json!({ "kty": "EC", "crv": curve })).await;
        signs(&server, "ec", alg, bytes).await;
    }
    for alg in ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"] {
        let target = "/keys/akp/create?api-version=2026-05-01-preview";
        server.post(target, &json!({ "kty": "AKP", "alg": alg })).await.expect(200);
        signs(&server, "akp", alg, 1_000).await;
        let context = json!({ "alg": alg, "value": "AA", "context": "AA" });
        let target = "/keys/akp//sign?api-version=2026-05-01-preview";
        server.post(target, &context).await.expect(400);
    }
}

#[tokio::test]
async fn every_algorithm_of_symmetric_keys() {
    let server = Server::with(Features { symmetric: true, ..Features::default() }).await;
    for bits in [128, 192, 256] {
        let ops = ["encrypt", "decrypt", "wrapKey", "unwrapKey", "sign", "verify"];
        server.create_key("a", &json!({ "kty": "oct", "key_size": bits, "key_ops": ops })).await;
        for alg in ["GCM", "CBC", "CBCPAD"] {
            let bytes = if alg == "CBC" { 48 } else { 50 };
            goes_and_returns(&server, ["encrypt", "decrypt"], &format!("A{bits}{alg}"), bytes)
                .await;
        }
        goes_and_returns(&server, ["wrapkey", "unwrapkey"], &format!("A{bits}KW"), 24).await;
        goes_and_returns(&server, ["wrapkey", "unwrapkey"], "CKM_AES_KEY_WRAP", 24).await;
        goes_and_returns(&server, ["wrapkey", "unwrapkey"], "CKM_AES_KEY_WRAP_PAD", 25).await;
        for (alg, bytes) in [("HS256", 32), ("HS384", 48), ("HS512", 64)] {
            signs(&server, "a", alg, bytes).await;
        }
    }
}

/// RFC 3394, section 4.6, through the whole server: a key wrapped elsewhere.
#[tokio::test]
async fn a_key_wrapped_elsewhere() {
    let server = Server::with(Features { symmetric: true, ..Features::default() }).await;
    let kek: Vec<u8> = (0..32).collect();
    let key = json!({ "kty": "oct", "k": b64(kek), "key_ops": ["unwrapKey", "wrapKey"] });
    server.put("/keys/kek", &json!({ "key": key })).await.expect(200);
    let wrapped = [
        0x28, 0xC9, 0xF4, 0x04, 0xC4, 0xB8, 0x10, 0xF4, 0xCB, 0xCC, 0xB3, 0x5C, 0xFB, 0x87, 0xF8,
        0x26, 0x3F, 0x57, 0x86, 0xE2, 0xD8, 0x0E, 0xD3, 0x26, 0xCB, 0xC7, 0xF0, 0xE7, 0x1A, 0x99,
        0xF4, 0x3B, 0xFB, 0x98, 0x8B, 0x9B, 0x7A, 0x02, 0xDD, 0x21,
    ];
    let mut plain: Vec<u8> = (0..16).map(|n| n * 0x11).collect();
    plain.extend(0..16);
    let body = json!({ "alg": "A256KW", "value": b64(wrapped) });
    let answer = server.post("/keys/kek//unwrapkey", &body).await.expect(200);
    assert_eq!(answer.json()["value"], b64(&plain));
    let body = json!({ "alg": "A256KW", "value": b64(&plain) });
    let answer = server.post("/keys/kek//wrapkey", &body).await.expect(200);
    assert_eq!(answer.json()["value"], b64(wrapped));
}

/// An empty version is the current one; an older one still verifies what it signed.
#[tokio::test]
async fn versions() {
    let server = Server::start().await;
    let first = server.create_key("Key", &json!({ "kty": "EC" })).await;
    let digest = b64([1; 32]);
    let sign = json!({ "alg": "ES256", "value": digest });
    let signed = server.post("/keys/key//sign", &sign).await.expect(200).json();
    let kid = |version: &str| format!("{}/keys/Key/{version}", server.endpoints.vault("dev"));
    assert_eq!(signed["kid"], kid(&first), "the name as it was first spelt");
    let second = server.post("/keys/key/rotate", &Value::Null).await.expect(200).version();
    let signed_now = server.post("/keys/key/sign", &sign).await.expect(200).json();
    assert_eq!(signed_now["kid"], kid(&second));
    let verify = json!({ "alg": "ES256", "digest": digest, "value": signed["value"] });
    let with = |version: &str| format!("/keys/key/{version}/verify");
    assert_eq!(server.post(&with(&first), &verify).await.json()["value"], true);
    assert_eq!(server.post(&with(&second), &verify).await.json()["value"], false);
    assert_eq!(server.post(&with(""), &verify).await.json()["value"], false);
    server.post(&with(&"0".repeat(32)), &verify).await.expect(404);
}

/// Outside its time, a key undoes what it did before, and does nothing new.
#[tokio::test]
async fn outside_its_time() {
    let server = Server::start().await;
    server.put("/keys/a", &json!({ "key": jwk::rsa() })).await.expect(200);
    let (plain, digest) = (b64([1; 16]), b64([1; 32]));
    let oaep = |value: &str| json!({ "alg": "RSA-OAEP", "value": value });
    let sign = json!({ "alg": "PS256", "value": digest });
    let text = |answer: Answer| answer.expect(200).json()["value"].as_str().unwrap().to_owned();
    let encrypted = text(server.post("/keys/a//encrypt", &oaep(&plain)).await);
    let signed = text(server.post("/keys/a//sign", &sign).await);
    let verify = json!({ "alg": "PS256", "digest": digest, "value": signed });
    for (attributes, new, old) in [
        (json!({ "exp": server.now() }), 403, 200),
        (json!({ "exp": server.now() + 60, "nbf": server.now() + 30 }), 403, 200),
        (json!({ "enabled": false }), 403, 403),
    ] {
        server.patch("/keys/a", &json!({ "attributes": attributes })).await.expect(200);
        for (verb, body, status) in [
            ("encrypt", oaep(&plain), new),
            ("wrapkey", oaep(&plain), new),
            ("sign", sign.clone(), new),
            ("decrypt", oaep(&encrypted), old),
            ("unwrapkey", oaep(&encrypted), old),
            ("verify", verify.clone(), old),
        ] {
            let answer = server.post(&format!("/keys/a//{verb}"), &body).await;
            assert_eq!(answer.status, status, "{verb} {attributes}");
        }
        server.get("/keys/a").await.expect(200);
    }
}

/// What the built-in roles allow of keys; whoever may read a public key may use it, for it could be
/// used at home.
#[tokio::test]
async fn roles() {
    let server = Server::with(Features { symmetric: true, ..Features::default() }).await;
    server.put("/keys/a", &json!({ "key": jwk::rsa() })).await.expect(200);
    server.create_key("oct", &json!({ "kty": "oct", "key_ops": ["encrypt", "wrapKey"] })).await;
    let vault = server.node.directory.current().vault("dev").unwrap().scope.clone();
    let key = Scope::parse(&format!("{vault}/keys/a")).unwrap();
    let (plain, digest) = (b64([1; 16]), b64([1; 32]));
    let oaep = json!({ "alg": "RSA-OAEP", "value": plain });
    let gcm = json!({ "alg": "A256GCM", "value": plain });
    let sign = json!({ "alg": "PS256", "value": digest });
    let verify = json!({ "alg": "PS256", "digest": digest, "value": b64([1; 256]) });
    let wrapped = server.post("/keys/a//wrapkey", &oaep).await.expect(200).json();
    let unwrap = json!({ "alg": "RSA-OAEP", "value": wrapped["value"] });
    let nothing = json!({});
    let requests = [
        (Method::GET, "/keys/a", &Value::Null),
        (Method::GET, "/keys", &Value::Null),
        (Method::POST, "/keys/a//encrypt", &oaep),
        (Method::POST, "/keys/a//wrapkey", &oaep),
        (Method::POST, "/keys/a//verify", &verify),
        (Method::POST, "/keys/oct//encrypt", &gcm),
        (Method::POST, "/keys/a//sign", &sign),
        (Method::POST, "/keys/a//decrypt", &unwrap),
        (Method::POST, "/keys/a//unwrapkey", &unwrap),
        (Method::PATCH, "/keys/a", &nothing),
        (Method::GET, "/keys/a/rotationpolicy", &Value::Null),
        (Method::POST, "/keys/b/create", &json!({ "kty": "EC" })),
    ];
    // In the order of the requests: y for what is allowed.
    for (role, scope, allowed) in [
        ("Key Vault Administrator", &vault, "yyyyyyyyyyyy"),
        ("Key Vault Crypto Officer", &vault, "yyyyyyyyyyyy"),
        ("Key Vault Crypto User", &vault, "yyyyyyyyyy--"),
        ("Key Vault Crypto User", &key, "y-yyy-yyyy--"),
        ("Key Vault Crypto Service Encryption User", &vault, "yyyyy---y---"),
        ("Key Vault Reader", &vault, "yyyyy-----y-"),
        ("Key Vault Secrets Officer", &vault, "------------"),
    ] {
        let user = server.identity(Some((role, scope.clone()))).await;
        let mut seen = String::new();
        for (method, target, body) in &requests {
            let ask = server.ask(method.clone(), target).body(match body {
                Value::Null => String::new(),
                body => body.to_string(),
            });
            let ask = ask.header("authorization", &format!("Bearer {}", user.token));
            let answer = server.send(&ask).await;
            assert!([200, 403].contains(&answer.status), "{role} {target}: {answer:?}");
            if answer.status == 403 {
                assert_eq!(answer.inner(), "ForbiddenByRbac", "{role} {target}");
            }
            seen.push(if answer.status == 200 { 'y' } else { '-' });
        }
        assert_eq!(seen, allowed, "{role} at {scope}");
    }
}

/// The audit says what was done with a key, and holds nothing of what it was done to.
#[tokio::test]
async fn what_the_audit_holds() {
    let server = Server::start().await;
    let version = server.create_key("a", &json!({ "kty": "EC" })).await;
    server.put("/keys/rsa", &json!({ "key": jwk::rsa() })).await.expect(200);
    let mark = b64("S3CR3T-MARK-S3CR3T-MARK");
    let oaep = json!({ "alg": "RSA-OAEP", "value": mark });
    let sent = server.post("/keys/rsa//encrypt", &oaep).await.expect(200).json();
    let unwrap = json!({ "alg": "RSA-OAEP", "value": sent["value"] });
    let back = server.post("/keys/rsa//decrypt", &unwrap).await.expect(200).json();
    assert_eq!(back["value"], mark);
    let digest = b64([0x77; 32]);
    let sign = json!({ "alg": "ES256", "value": digest });
    server.post(&format!("/keys/a/{version}/sign"), &sign).await.expect(200);
    server.post("/keys/a//sign", &json!({ "alg": "ES256", "value": "AA" })).await.expect(400);
    let records = server.stop().await;
    let count = |operation: &str, status: u16| {
        let of = |r: &&strongroom_audit::Record| {
            r.operation == operation && r.http_status == status && r.success == (status == 200)
        };
        records.iter().filter(of).count()
    };
    for (operation, status) in [
        ("KeyCreate", 200),
        ("KeyImport", 200),
        ("KeyEncrypt", 200),
        ("KeyDecrypt", 200),
        ("KeySign", 200),
        ("KeySign", 400),
    ] {
        assert_eq!(count(operation, status), 1, "{operation} {status}");
    }
    let all = format!("{records:?}");
    assert!(!all.contains(&mark) && !all.contains(&digest) && !all.contains("S3CR3T"));
}

/// Pages of keys and of their versions add up.
#[tokio::test]
async fn pages() {
    let server = Server::start().await;
    for n in 0..7 {
        server.create_key(&format!("k{n}"), &json!({ "kty": "EC" })).await;
    }
    for _ in 0..3 {
        server.create_key("k0", &json!({ "kty": "EC" })).await;
    }
    for (list, expected) in [("/keys", 7), ("/keys/k0/versions", 4)] {
        let mut target = format!("{list}?api-version=7.6&maxresults=3");
        let mut kids = Vec::new();
        loop {
            let page = server.get(&target).await.expect(200).json();
            let found = page["value"].as_array().unwrap().iter();
            kids.extend(found.map(|key| key["kid"].as_str().unwrap().to_owned()));
            let Some(next) = page["nextLink"].as_str() else { break };
            target = next.split_once(&server.authority("dev.vault")).unwrap().1.to_owned();
        }
        let count = kids.len();
        kids.sort_unstable();
        kids.dedup();
        assert_eq!((count, kids.len()), (expected, expected), "{list}");
    }
}
