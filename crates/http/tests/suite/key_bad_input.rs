//! Keys, digests and ciphertexts that clients should not send. Each gets a clear 4xx in Azure's
//! shape and leaves no trace of a private key; no operation says which of its steps failed.

use http::Method;
use serde_json::{Value, json};
use strongroom_store::Store;

use crate::support::tokens::b64;
use crate::support::{Answer, DAY, Features, Server, jwk};

/// `n` of P-256 (SEC 2), big-endian.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

fn is_bad(answer: &Answer, shown: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (400, "BadParameter"), "{shown}");
}

/// What a client sees of a refusal.
fn seen(answer: &Answer) -> (u16, String) {
    (answer.status, String::from_utf8(answer.body.clone()).unwrap())
}

async fn import<S: Store>(server: &Server<S>, key: &Value) -> Answer {
    server.put("/keys/a", &json!({ "key": key })).await
}

#[tokio::test]
async fn imported_rsa_keys() {
    let server = Server::start().await;
    let swapped = |a: &str, b: &str| {
        let mut key = jwk::rsa();
        (key[a], key[b]) = (key[b].clone(), key[a].clone());
        key
    };
    let with = |member: &str, value: Value| {
        let mut key = jwk::rsa();
        key[member] = value;
        key
    };
    let flip = |member: &str| jwk::changed(jwk::rsa(), member, |bytes| bytes[7] ^= 0x10);
    for (what, key) in [
        ("an even modulus", jwk::changed(jwk::rsa(), "n", |n| *n.last_mut().unwrap() &= 0xfe)),
        ("a short modulus", jwk::changed(jwk::rsa(), "n", |n| n.truncate(128))),
        ("no modulus", with("n", json!(""))),
        ("a long modulus", jwk::changed(jwk::rsa(), "n", |n| n.resize(2_048, 0xff))),
        ("e = 1", with("e", json!("AQ"))),
        ("e = 0", with("e", json!("AA"))),
        ("an even e", with("e", json!("AQAA"))),
        ("a negative-looking d", with("d", json!(b64([0xff; 256])))),
        ("another d", flip("d")),
        ("another p", flip("p")),
        ("another q", flip("q")),
        ("another dp", flip("dp")),
        ("another dq", flip("dq")),
        ("another qi", flip("qi")),
        ("dp and dq changed over", swapped("dp", "dq")),
        ("p = 1", with("p", json!("AQ"))),
        ("no d", with("d", Value::Null)),
        ("no qi", with("qi", Value::Null)),
        ("plain base64", with("d", json!("+/8="))),
        ("a padding in the middle", with("d", json!("AQ==AQ"))),
        ("a space", with("d", json!("A Q"))),
        ("one letter too many", with("d", json!("AQABA"))),
        ("a number for a member", with("d", json!(7))),
        ("an EC key by name", with("kty", json!("EC"))),
        ("no type", with("kty", Value::Null)),
        ("an unknown type", with("kty", json!("OKP"))),
        ("operations of nothing", with("key_ops", json!(["sign", "fly"]))),
        ("import with others", with("key_ops", json!(["import", "sign"]))),
        ("a transfer blob that is none", with("key_hsm", json!(b64("{}")))),
        ("an empty transfer blob", with("key_hsm", json!(""))),
    ] {
        is_bad(&import(&server, &key).await, what);
    }
    server.get("/keys/a").await.expect(404);
    import(&server, &jwk::rsa()).await.expect(200);
    let key = jwk::rsa();
    let records = format!("{:?}", server.stop().await);
    for member in ["d", "p", "q", "dp", "dq", "qi"] {
        assert!(!records.contains(key[member].as_str().unwrap()), "{member}");
    }
}

#[tokio::test]
async fn imported_ec_keys() {
    let server = Server::start().await;
    let with = |member: &str, value: Value| {
        let mut key = jwk::p256();
        key[member] = value;
        key
    };
    let d = |bytes: &[u8]| with("d", json!(b64(bytes)));
    for (what, key) in [
        ("a point off the curve", jwk::changed(jwk::p256(), "y", |y| y[31] ^= 1)),
        ("another point", with("x", jwk::p256()["y"].clone())),
        ("the point at infinity", {
            let mut key = with("x", json!(b64([0; 32])));
            key["y"] = key["x"].clone();
            key
        }),
        ("a coordinate beyond the field", with("x", json!(b64([0xff; 32])))),
        ("a short coordinate", jwk::changed(jwk::p256(), "x", |x| x.truncate(31))),
        ("a long coordinate", jwk::changed(jwk::p256(), "x", |x| x.insert(0, 0))),
        ("d = 0", d(&[0; 32])),
        ("d = n", d(&P256_ORDER)),
        ("d beyond n", d(&[0xff; 32])),
        ("a short d", d(&[1; 31])),
        ("a long d", d(&[1; 33])),
        ("the d of another point", jwk::changed(jwk::p256(), "d", |d| d[31] ^= 1)),
        ("another curve", with("crv", json!("P-256K"))),
        ("a larger curve", with("crv", json!("P-384"))),
        ("an unknown curve", with("crv", json!("P-192"))),
        ("no curve", with("crv", Value::Null)),
        ("no d", with("d", Value::Null)),
        ("no y", with("y", Value::Null)),
    ] {
        is_bad(&import(&server, &key).await, what);
    }
    server.get("/keys/a").await.expect(404);
    import(&server, &jwk::p256()).await.expect(200);
}

/// Keys that are nearly sound: each is refused or taken, and never the service's own fault.
#[tokio::test]
async fn mutated_keys() {
    let server = Server::start().await;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % below
    };
    let rsa = ["n", "e", "d", "p", "q", "dp", "dq", "qi"].map(|member| (jwk::rsa(), member));
    let ec = ["x", "y", "d"].map(|member| (jwk::p256(), member));
    let targets = [&rsa[..], &ec[..]].concat();
    for _ in 0..300 {
        let (key, member) = targets[random(targets.len())].clone();
        let (how, at, bit) = (random(4), random(256), random(8));
        let changed = jwk::changed(key, member, |bytes| {
            let at = at % bytes.len();
            match how {
                0 | 1 => bytes[at] ^= 1 << bit,
                2 => bytes.truncate(at),
                _ => bytes.insert(at, 0),
            }
        });
        let answer = import(&server, &changed).await;
        let flipped = how < 2;
        let right = answer.status == 400 || (answer.status == 200 && !flipped);
        assert!(right, "{member} {how} {at} {bit}: {answer:?}");
    }
}

#[tokio::test]
async fn imported_symmetric_keys() {
    let server = Server::with(Features { symmetric: true, ..Features::default() }).await;
    let oct = |bytes: usize| json!({ "kty": "oct", "k": b64(vec![7; bytes]) });
    for bytes in [0, 1, 5, 8, 15, 17, 23, 25, 31, 33, 64] {
        is_bad(&import(&server, &oct(bytes)).await, &format!("{bytes} bytes"));
    }
    for bits in [0, 56, 64, 127, 160, 512] {
        let body = json!({ "kty": "oct", "key_size": bits });
        is_bad(&server.post("/keys/a/create", &body).await, &format!("{bits} bits"));
    }
    for bytes in [16, 24, 32] {
        let answer = import(&server, &oct(bytes)).await.expect(200);
        assert!(answer.json()["key"].get("k").is_none(), "a symmetric key has no public half");
    }
}

#[tokio::test]
async fn digests() {
    let server = Server::start().await;
    import(&server, &jwk::rsa()).await.expect(200);
    server.put("/keys/ec", &json!({ "key": jwk::p256() })).await.expect(200);
    let algorithms =
        [("RS", 256, 32), ("RS", 384, 48), ("RS", 512, 64), ("PS", 256, 32), ("PS", 512, 64)];
    for (family, bits, length) in algorithms {
        let alg = format!("{family}{bits}");
        for wrong in [0, 1, 20, length - 1, length + 1, 2 * length] {
            let digest = b64(vec![1; wrong]);
            let sign = json!({ "alg": alg, "value": digest });
            let answer = server.post("/keys/a//sign", &sign).await;
            is_bad(&answer, &format!("{alg} of {wrong} bytes"));
            let verify = json!({ "alg": alg, "digest": digest, "value": b64([0; 256]) });
            is_bad(&server.post("/keys/a//verify", &verify).await, &alg);
        }
    }
    // What is left of a modulus of 256 bytes beside the padding.
    for (bytes, status) in [(245, 200), (246, 400), (256, 400), (10_000, 400)] {
        let sign = json!({ "alg": "RSNULL", "value": b64(vec![1; bytes]) });
        assert_eq!(server.post("/keys/a//sign", &sign).await.status, status, "{bytes}");
    }
    for (alg, bytes) in [("ES256", 31), ("ES256", 33), ("ES384", 48), ("ES256K", 32), ("HS256", 32)]
    {
        let sign = json!({ "alg": alg, "value": b64(vec![1; bytes]) });
        is_bad(&server.post("/keys/ec//sign", &sign).await, alg);
    }
}

/// A signature is good or not; what is wrong with it is nobody's business.
#[tokio::test]
async fn signatures() {
    let server = Server::start().await;
    import(&server, &jwk::rsa()).await.expect(200);
    server.put("/keys/ec", &json!({ "key": jwk::p256() })).await.expect(200);
    let digest = b64([1; 32]);
    for (key, alg, lengths) in
        [("a", "PS256", [0, 1, 255, 257, 4_096]), ("ec", "ES256", [0, 1, 63, 65, 72])]
    {
        let target = format!("/keys/{key}//verify");
        let verify = |value: String| json!({ "alg": alg, "digest": digest, "value": value });
        for length in lengths {
            for byte in [0, 1, 0xff] {
                let body = verify(b64(vec![byte; length]));
                let answer = server.post(&target, &body).await.expect(200);
                assert_eq!(answer.json(), json!({ "value": false }), "{alg} {length}");
            }
        }
        is_bad(&server.post(&target, &verify("A*".into())).await, alg);
        let sign = json!({ "alg": alg, "value": digest });
        let signed = server.post(&format!("/keys/{key}//sign"), &sign).await.expect(200).json();
        let good = server.post(&target, &verify(signed["value"].as_str().unwrap().into())).await;
        assert_eq!(good.json(), json!({ "value": true }));
    }
}

/// Whatever is wrong with a ciphertext, the answer is one and the same.
#[tokio::test]
async fn ciphertexts_of_rsa() {
    let server = Server::start().await;
    import(&server, &jwk::rsa()).await.expect(200);
    for alg in ["RSA1_5", "RSA-OAEP", "RSA-OAEP-256"] {
        let plain = json!({ "alg": alg, "value": b64("attack at dawn") });
        let sent = server.post("/keys/a//encrypt", &plain).await.expect(200).json();
        let sent = json!({ "v": sent["value"] });
        let mut refusals = std::collections::BTreeSet::new();
        let mut refuse = async |what: &str, value: String| {
            for operation in ["decrypt", "unwrapkey"] {
                let body = json!({ "alg": alg, "value": value });
                let answer = server.post(&format!("/keys/a//{operation}"), &body).await;
                assert_eq!(answer.status, 400, "{alg} {what} {operation}");
                refusals.insert(seen(&answer));
            }
        };
        let changed = |change: &dyn Fn(&mut Vec<u8>)| {
            let changed = jwk::changed(sent.clone(), "v", change);
            changed["v"].as_str().unwrap().to_owned()
        };
        for at in [0, 1, 2, 100, 254, 255] {
            refuse("a flipped bit", changed(&|bytes| bytes[at] ^= 1)).await;
        }
        refuse("short", changed(&|bytes| bytes.truncate(255))).await;
        refuse("empty", String::new()).await;
        refuse("a leading zero too many", changed(&|bytes| bytes.insert(0, 0))).await;
        refuse("twice as long", changed(&|bytes| bytes.resize(512, 7))).await;
        refuse("beyond the modulus", b64([0xff; 256])).await;
        refuse("zero", b64([0; 256])).await;
        refuse("one", b64([&[0; 255][..], &[1]].concat())).await;
        refuse("long", b64(vec![1; 100_000])).await;
        assert_eq!(refusals.len(), 1, "{refusals:?}");
        let other = ["RSA-OAEP", "RSA-OAEP-256"].into_iter().find(|other| *other != alg).unwrap();
        let body = json!({ "alg": other, "value": sent["v"] });
        refusals.insert(seen(&server.post("/keys/a//decrypt", &body).await));
        assert_eq!(refusals.len(), 1, "{refusals:?}");
    }
    // The longest plaintext, and one byte more.
    for (alg, longest) in [("RSA1_5", 245), ("RSA-OAEP", 214), ("RSA-OAEP-256", 190)] {
        for (length, status) in [(longest, 200), (longest + 1, 400), (100_000, 400)] {
            let body = json!({ "alg": alg, "value": b64(vec![1; length]) });
            assert_eq!(server.post("/keys/a//encrypt", &body).await.status, status, "{alg}");
        }
    }
    for parameter in ["iv", "aad"] {
        let mut body = json!({ "alg": "RSA-OAEP", "value": "AQ" });
        body[parameter] = json!(b64([1; 12]));
        is_bad(&server.post("/keys/a//encrypt", &body).await, parameter);
    }
}

#[tokio::test]
async fn ciphertexts_of_symmetric_keys() {
    let server = Server::with(Features { symmetric: true, ..Features::default() }).await;
    let key = json!({ "kty": "oct", "k": b64([7; 32]) });
    import(&server, &key).await.expect(200);
    let plain = json!({ "alg": "A256GCM", "value": b64([1; 100]), "aad": b64("aad") });
    let first = server.post("/keys/a//encrypt", &plain).await.expect(200).json();
    let second = server.post("/keys/a//encrypt", &plain).await.expect(200).json();
    assert_ne!(first["iv"], second["iv"], "the service draws the IV");
    let mut chosen = plain.clone();
    chosen["iv"] = first["iv"].clone();
    is_bad(&server.post("/keys/a//encrypt", &chosen).await, "an IV used again");
    chosen["iv"] = json!(b64([1; 4]));
    is_bad(&server.post("/keys/a//encrypt", &chosen).await, "a short IV");

    let mut whole = first.clone();
    whole["alg"] = json!("A256GCM");
    let decrypted = server.post("/keys/a//decrypt", &whole).await.expect(200).json();
    assert_eq!(decrypted["value"], plain["value"]);
    let mut refusals = std::collections::BTreeSet::new();
    for member in ["value", "iv", "tag", "aad"] {
        let flipped = jwk::changed(whole.clone(), member, |bytes| bytes[0] ^= 1);
        let short = jwk::changed(whole.clone(), member, |bytes| bytes.truncate(2));
        let mut absent = whole.clone();
        absent[member] = Value::Null;
        for body in [flipped, short, absent] {
            let answer = server.post("/keys/a//decrypt", &body).await;
            assert_eq!(answer.status, 400, "{member}");
            if !body[member].is_null() {
                refusals.insert(seen(&answer));
            }
        }
    }
    assert_eq!(refusals.len(), 1, "{refusals:?}");

    // No padding oracle: a wrong padding and a wrong length are one refusal.
    let plain = json!({ "alg": "A256CBCPAD", "value": b64([1; 20]) });
    let sent = server.post("/keys/a//encrypt", &plain).await.expect(200).json();
    let mut refusals = std::collections::BTreeSet::new();
    for byte in 0..=255_u8 {
        let mut body = jwk::changed(sent.clone(), "value", |bytes| bytes[15] = byte);
        body["alg"] = json!("A256CBCPAD");
        let answer = server.post("/keys/a//decrypt", &body).await;
        if answer.status != 200 {
            refusals.insert(seen(&answer));
        }
    }
    let mut body = jwk::changed(sent, "value", |bytes| bytes.truncate(17));
    body["alg"] = json!("A256CBCPAD");
    refusals.insert(seen(&server.post("/keys/a//decrypt", &body).await));
    assert_eq!(refusals.len(), 1, "{refusals:?}");

    for (operation, alg, bytes) in [
        ("encrypt", "A256CBC", 15),
        ("encrypt", "A128GCM", 16),
        ("encrypt", "A256KW", 32),
        ("encrypt", "RSA-OAEP", 16),
        ("wrapkey", "A256KW", 12),
        ("wrapkey", "A256KW", 8),
        ("unwrapkey", "A256KW", 40),
        ("unwrapkey", "A256KW", 13),
        ("decrypt", "A256KW", 40),
    ] {
        let body = json!({ "alg": alg, "value": b64(vec![1; bytes]) });
        let answer = server.post(&format!("/keys/a//{operation}"), &body).await;
        assert_eq!(answer.status, 400, "{operation} {alg}");
    }
}

#[tokio::test]
async fn malformed_bodies() {
    let server = Server::start().await;
    import(&server, &jwk::p256()).await.expect(200);
    for (method, target) in [
        (Method::POST, "/keys/b/create"),
        (Method::PUT, "/keys/b"),
        (Method::PATCH, "/keys/a"),
        (Method::POST, "/keys/restore"),
        (Method::PUT, "/keys/a/rotationpolicy"),
        (Method::POST, "/keys/a//sign"),
        (Method::POST, "/keys/a//verify"),
        (Method::POST, "/keys/a//encrypt"),
        (Method::POST, "/keys/a//decrypt"),
        (Method::POST, "/keys/a//wrapkey"),
        (Method::POST, "/keys/a//unwrapkey"),
    ] {
        for body in ["", "{", "null", "[]", "7", "\"x\"", "{\"value\":7,\"key\":7,\"tags\":7}"] {
            let answer = server.send(&server.ask(method.clone(), target).body(body)).await;
            // A PATCH and a policy may say nothing, but not with a body that is no object.
            let sent_nothing = body.contains("tags") && target.ends_with("rotationpolicy");
            if !sent_nothing {
                is_bad(&answer, &format!("{method} {target} {body}"));
            }
        }
    }
}

/// What makes a token a token is tested in `authn`; here, what the policy and the request make of
/// its claims.
#[tokio::test]
async fn release_tokens() {
    let server = Server::with(Features { release: true, ..Features::default() }).await;
    let policy = json!({ "version": "1.0.0", "anyOf": [{
        "authority": "https://attest.example",
        "allOf": [{ "claim": "sdk-test", "equals": true }],
    }] });
    let key = json!({
        "kty": "EC-HSM", "attributes": { "exportable": true },
        "release_policy": { "data": b64(policy.to_string()) },
    });
    server.create_key("a", &key).await;
    server.create_key("kept", &json!({ "kty": "EC-HSM" })).await;
    let rsa = jwk::rsa();
    let claims = json!({
        "iss": "https://attest.example", "sdk-test": true, "nonce": "n-1",
        "exp": server.now() + 600,
        "x-ms-runtime": { "keys": [
            { "kty": "RSA", "kid": "tee", "use": "enc", "n": rsa["n"], "e": rsa["e"] },
        ] },
    });
    let with = |member: &str, value: Value| {
        let mut claims = claims.clone();
        claims[member] = value;
        json!({ "target": b64(claims.to_string()), "nonce": "n-1" })
    };
    let good = with("sdk-test", json!(true));
    let mut wrong_nonce = good.clone();
    wrong_nonce["nonce"] = json!("n-2");
    for (what, body) in [
        ("another issuer", with("iss", json!("https://evil.example"))),
        ("no issuer", with("iss", Value::Null)),
        ("an expired token", with("exp", json!(server.now()))),
        ("another claim", with("sdk-test", json!(false))),
        ("no claim", with("sdk-test", Value::Null)),
        ("no token at all", json!({ "target": "a.b.c" })),
        ("another nonce", wrong_nonce),
    ] {
        let answer = server.post("/keys/a//release", &body).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "Forbidden"), "{what}");
        assert_eq!(answer.inner(), "AccessDenied", "{what}");
    }
    let mut unknown = good.clone();
    unknown["enc"] = json!("RSA1_5");
    for (what, target, body) in [
        ("no target", "/keys/a//release", json!({})),
        ("an unknown enc", "/keys/a//release", unknown),
        ("no recipient", "/keys/a//release", with("x-ms-runtime", Value::Null)),
        ("a key that stays", "/keys/kept//release", good.clone()),
    ] {
        is_bad(&server.post(target, &body).await, what);
    }
    server.post("/keys/nobody//release", &good).await.expect(404);
    let released = server.post("/keys/a//release", &good).await.expect(200).json();
    assert_eq!(released["value"].as_str().unwrap().split('.').count(), 3, "a JWS");
    server.travel(DAY).await;
}

#[tokio::test]
async fn release_policies() {
    let server = Server::start().await;
    let (version, authority) = (r#""version":"1.0.0""#, r#""authority":"https://a.example""#);
    let claims = r#""allOf":[{"claim":"a","equals":1}]"#;
    for policy in [
        String::new(),
        "{}".into(),
        "[]".into(),
        "null".into(),
        r#"{"anyOf":[]}"#.into(),
        format!(r#"{{"version":"2.0.0","anyOf":[{{{authority},{claims}}}]}}"#),
        format!(r#"{{{version},"anyOf":[{{{claims}}}]}}"#),
        format!(r#"{{{version},"anyOf":[{{"authority":"http://a.example",{claims}}}]}}"#),
        format!(r#"{{{version},"anyOf":[{{{authority},"allOf":[{{"claim":"a"}}]}}]}}"#),
        format!(r#"{{{version},"anyOf":[{{{authority}}}]}}"#),
    ] {
        let body = json!({
            "kty": "EC-HSM", "attributes": { "exportable": true },
            "release_policy": { "data": b64(&policy) },
        });
        is_bad(&server.post("/keys/a/create", &body).await, &policy);
    }
    let sound = format!(r#"{{{version},"anyOf":[{{{authority},{claims}}}]}}"#);
    let body = json!({
        "kty": "EC-HSM", "attributes": { "exportable": true },
        "release_policy": { "data": b64(sound) },
    });
    server.create_key("sound", &body).await;
    let deep = (0..10_000).fold(String::new(), |inner, _| format!("[{inner}]"));
    let body = json!({
        "kty": "EC-HSM", "attributes": { "exportable": true },
        "release_policy": { "data": b64(deep) },
    });
    is_bad(&server.post("/keys/a/create", &body).await, "deep");
}
