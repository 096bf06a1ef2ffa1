//! What clients should not send. Each gets a clear 4xx in Azure's shape, leaves one audit record
//! and no trace of a secret.

use http::Method;
use serde_json::{Value, json};

use crate::support::tokens::b64;
use crate::support::{API, Server};

const GET: Method = Method::GET;
const PUT: Method = Method::PUT;

/// A text that must turn up in no error and in no audit record.
const MARK: &str = "S3CR3T-MARK";

#[tokio::test]
async fn malformed_bodies() {
    let server = Server::start().await;
    let (open, close) = ("[".repeat(500), "]".repeat(500));
    let deep = format!(r#"{{"value":"{MARK}","tags":{open}1{close}}}"#);
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"{".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"7".to_vec(),
        format!(r#""{MARK}""#).into(),
        format!(r#"{{"value":"{MARK}""#).into(),
        format!(r#"{{"value":"{MARK}"}} x"#).into(),
        format!(r#"{{"value":"{MARK}"}}{{"value":"b"}}"#).into(),
        format!(r#"{{"value":"{MARK}","value":"b"}}"#).into(),
        format!("{{'value':'{MARK}'}}").into(),
        format!("\u{feff}{{\"value\":\"{MARK}\"}}").into(),
        [format!(r#"{{"value":"{MARK}"#).as_bytes(), b"\xff\xfe\"}"].concat(),
        format!(r#"{{"value":"{MARK}\ud800"}}"#).into(),
        format!(r#"{{"value":["{MARK}"]}}"#).into(),
        format!(r#"{{"value":{{"a":"{MARK}"}}}}"#).into(),
        br#"{"value":null}"#.to_vec(),
        br#"{"value":true}"#.to_vec(),
        br#"{"Value":"v"}"#.to_vec(),
        format!(r#"{{"value":"v","tags":"{MARK}"}}"#).into(),
        format!(r#"{{"value":"v","tags":["{MARK}"]}}"#).into(),
        br#"{"value":"v","tags":{"a":1}}"#.to_vec(),
        br#"{"value":"v","tags":{"a":null}}"#.to_vec(),
        br#"{"value":"v","contentType":7}"#.to_vec(),
        br#"{"value":"v","attributes":[]}"#.to_vec(),
        br#"{"value":"v","attributes":{"enabled":"true"}}"#.to_vec(),
        br#"{"value":"v","attributes":{"enabled":1}}"#.to_vec(),
        br#"{"value":"v","attributes":{"exp":"tomorrow"}}"#.to_vec(),
        br#"{"value":"v","attributes":{"exp":1.5}}"#.to_vec(),
        br#"{"value":"v","attributes":{"exp":1e40}}"#.to_vec(),
        br#"{"value":"v","attributes":{"nbf":99999999999999999999}}"#.to_vec(),
        deep.into_bytes(),
    ];
    let count = bodies.len();
    for body in bodies {
        let shown = String::from_utf8_lossy(&body).into_owned();
        let answer = server.send(&server.ask(PUT, "/secrets/a").body(body)).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "BadParameter"), "{shown}");
        assert!(!String::from_utf8_lossy(&answer.body).contains(MARK), "{shown}");
    }
    server.get("/secrets/a").await.expect(404);
    let records = server.stop().await;
    let refused: Vec<_> = records.iter().filter(|r| r.operation == "SecretSet").collect();
    assert_eq!(refused.len(), count);
    assert!(refused.iter().all(|r| r.http_status == 400 && !r.success));
    assert!(!format!("{records:?}").contains(MARK));
}

#[tokio::test]
async fn what_is_unknown_is_ignored() {
    let server = Server::start().await;
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let body = json!({
        "value": "v", "id": "x", "kid": 7, "deep": deep, "managed": true, "recoveryId": {},
        "x": [1, [2]],
        "attributes": { "enabled": null, "created": "x", "recoverableDays": -1, "y": {} },
        "tags": null, "contentType": null,
    });
    let answer = server.put("/secrets/a", &body).await.expect(200).json();
    assert_eq!(answer["managed"], Value::Null);
    assert_eq!(answer["attributes"]["enabled"], true);
    assert_eq!(answer["attributes"]["created"], server.now());
    let ask = server.ask(PUT, "/secrets/a").header("content-type", "text/plain");
    server.send(&ask.body(r#" { "value" : "v" } "#)).await.expect(200);
}

/// 25 KB is 25,600 bytes of UTF-8, however many characters they are.
#[tokio::test]
async fn the_length_of_a_value() {
    let server = Server::start().await;
    for (value, status) in [
        (String::new(), 200),
        ("x".repeat(25_600), 200),
        ("x".repeat(25_601), 400),
        ("\u{20ac}".repeat(8_533) + "x", 200),
        ("\u{20ac}".repeat(8_533) + "xx", 400),
        ("\u{1f511}".repeat(6_400), 200),
        ("\u{1f511}".repeat(6_401), 400),
        ("\0\u{1}\u{7f}\"\\/\u{2028}".into(), 200),
    ] {
        let answer = server.put("/secrets/a", &json!({ "value": value })).await;
        assert_eq!(answer.status, status, "{} bytes", value.len());
        if status == 200 {
            assert_eq!(server.get("/secrets/a").await.json()["value"], value);
        }
    }
    let escaped = format!(r#"{{"value":"{}"}}"#, r"\u0041".repeat(25_600));
    server.send(&server.ask(PUT, "/secrets/a").body(escaped)).await.expect(200);
    assert_eq!(server.get("/secrets/a").await.json()["value"], "A".repeat(25_600));
}

#[tokio::test]
async fn the_length_of_tags_and_content_type() {
    let server = Server::start().await;
    let tags = |count: usize| -> Value {
        let pairs = (0..count).map(|n| (format!("t{n}"), json!("v")));
        Value::Object(pairs.collect())
    };
    let euros = |count: usize| "\u{20ac}".repeat(count);
    for (body, status) in [
        (json!({ "tags": tags(15) }), 200),
        (json!({ "tags": tags(16) }), 400),
        (json!({ "tags": { euros(512): euros(512) } }), 200),
        (json!({ "tags": { euros(513): "v" } }), 400),
        (json!({ "tags": { "t": euros(513) } }), 400),
        (json!({ "contentType": euros(255) }), 200),
        (json!({ "contentType": euros(256) }), 400),
        (json!({ "contentType": "" }), 200),
    ] {
        let mut set = body.clone();
        set["value"] = json!("v");
        assert_eq!(server.put("/secrets/a", &set).await.status, status, "{body}");
        server.set("b", "v").await;
        assert_eq!(server.patch("/secrets/b", &body).await.status, status, "{body}");
    }
}

#[tokio::test]
async fn the_size_of_a_body() {
    let server = Server::start().await;
    let padded = |length: usize| {
        let mut body = br#"{"value":"v"}"#.to_vec();
        body.resize(length, b' ');
        body
    };
    let put = server.ask(PUT, "/secrets/a");
    server.send(&put.clone().body(padded(1024 * 1024))).await.expect(200);
    let answer = server.send(&put.clone().body(padded(1024 * 1024 + 1))).await.expect(413);
    assert_eq!(answer.code(), "RequestEntityTooLarge");
    let restore = server.ask(Method::POST, "/secrets/restore");
    let blob = |length: usize| json!({ "value": "A".repeat(length) }).to_string();
    let fits = server.send(&restore.clone().body(blob(24 * 1024 * 1024 - 100))).await;
    assert_eq!((fits.status, fits.code().as_str()), (400, "Malformed backup blob"));
    server.send(&restore.body(blob(24 * 1024 * 1024))).await.expect(413);
    // Without an announced length the limit holds, too.
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000)).repeat(17);
    let raw = format!(
        "PUT /secrets/a?api-version={API} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
         transfer-encoding: chunked\r\n\r\n{chunk}",
        server.authority("dev.vault"),
        server.token
    );
    let answer = server.client.send_raw("dev.vault.localhost", raw.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn names_and_versions() {
    let server = Server::start().await;
    let name = "N".repeat(127);
    let version = server.set(&name, "v").await;
    server.get(&format!("/secrets/{name}")).await.expect(200);
    server.get(&format!("/secrets/{name}/{}", version.to_uppercase())).await.expect(200);
    server.get(&format!("/secrets/{name}//")).await.expect(200);
    server.get(&format!("/secrets/{name}/{version}/")).await.expect(200);
    server.get(&format!("/Secrets/{name}/VERSIONS")).await.expect(200);
    // A name may be percent-encoded; a slash in it is no separator.
    server.get(&format!("/%73ecrets/%4E{}", "N".repeat(126))).await.expect(200);
    for target in [
        format!("/secrets/{name}N"),
        "/secrets/a_b".into(),
        "/secrets/a.b".into(),
        "/secrets/a%20b".into(),
        "/secrets/a%2Fb".into(),
        "/secrets/..%2Fb".into(),
        "/secrets/%C3%A9".into(),
        "/secrets/%FF%FE".into(),
        "/secrets/%00".into(),
        "/secrets/a%".into(),
        "/secrets/a;b".into(),
        "/secrets//".into(),
        "/secrets//versions".into(),
        format!("/secrets/{name}/1"),
        format!("/secrets/{name}/{version}0"),
        format!("/secrets/{name}/{}", version.replace(|c: char| c.is_ascii_hexdigit(), "g")),
        format!("/secrets/{name}/%00"),
        "/deletedsecrets/a_b".into(),
        format!("/secrets/{}", "a".repeat(2_040)),
    ] {
        for method in [Method::GET, Method::DELETE] {
            let answer = server.send(&server.ask(method.clone(), &target)).await;
            let right = matches!(
                (answer.status, answer.code().as_str()),
                (400, "BadParameter") | (405, "MethodNotAllowed")
            );
            assert!(right, "{method} {target}: {answer:?}");
        }
    }
    let absent = format!("/secrets/{name}/{}", "0".repeat(32));
    server.get(&absent).await.expect(404);
}

#[tokio::test]
async fn every_known_api_version_is_taken() {
    let server = Server::start().await;
    server.set("a", "v").await;
    // OPERATIONS, section 1.
    for version in [
        "2015-06-01",
        "2016-10-01",
        "7.0",
        "7.1",
        "7.2",
        "7.3",
        "7.4",
        "7.5",
        "7.6-preview.1",
        "7.6-preview.2",
        "7.6",
        "2025-06-01-preview",
        "2025-07-01",
        "2026-01-01-preview",
        "2026-03-01-preview",
        "2026-04-01",
        "2026-05-01-preview",
        "2026-07-01-preview",
    ] {
        let answer = server.get(&format!("/secrets/a?api-version={version}")).await.expect(200);
        let attributes = &answer.json()["attributes"];
        let has = |name: &str| attributes.get(name).is_some();
        assert_eq!(has("recoveryLevel"), version != "2015-06-01", "{version}");
        let old = ["2015-06-01", "2016-10-01", "7.0"].contains(&version);
        assert_eq!(has("recoverableDays"), !old, "{version}");
        // The previous version of a certificate's secret; a plain one has none.
        assert!(answer.json().get("previousVersion").is_none());
    }
    for target in [
        "/secrets/a?x",
        "/secrets/a?api-version",
        "/secrets/a?api-version=7.4x",
        "/secrets/a?api-version=9999-01-01",
        "/secrets/a?api-version=7.4%00",
        "/secrets/a?apiversion=7.4",
    ] {
        let answer = server.get(target).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "BadParameter"), "{target}");
    }
}

#[tokio::test]
async fn query_strings() {
    let server = Server::start().await;
    server.set("a", "v").await;
    for target in [
        "/secrets/a?api%2Dversion=2025-07-01",
        "/secrets/a?API-VERSION=7.4",
        "/secrets/a?%61pi-version=7%2E4",
        "/secrets/a?&&api-version=7.4&&",
        "/secrets/a?x=y&api-version=7.4&x=z",
        // Of two, the first one counts.
        "/secrets/a?api-version=7.4&api-version=0",
        "/secrets?api-version=7.4&maxresults=1&maxresults=0",
        "/secrets?api-version=7.4&maxresults=25",
        "/secrets/?api-version=7.4&MaxResults=1",
    ] {
        assert_eq!(server.get(target).await.status, 200, "{target}");
    }
    for maxresults in ["0", "26", "x", "-1", "", "1.5", "99999999999999999999", "%31%00"] {
        for list in ["/secrets", "/deletedsecrets", "/secrets/a/versions"] {
            let target = format!("{list}?api-version=7.4&maxresults={maxresults}");
            let answer = server.get(&target).await;
            assert_eq!((answer.status, answer.code().as_str()), (400, "BadParameter"), "{target}");
        }
    }
    let answer = server.get("/secrets/a?api-version=0&api-version=7.4").await.expect(400);
    assert!(answer.message().contains("(0)"));
}

#[tokio::test]
async fn methods() {
    let server = Server::start().await;
    server.set("a", "v").await;
    for (method, target) in [
        (PUT, "/secrets/"),
        (PUT, "/secrets"),
        (Method::POST, "/secrets/a"),
        (Method::DELETE, "/secrets"),
        (Method::HEAD, "/secrets/a"),
        (Method::OPTIONS, "/secrets/a"),
        (Method::TRACE, "/secrets/a"),
        (Method::from_bytes(b"PURGE").unwrap(), "/deletedsecrets/a"),
        (PUT, "/deletedsecrets/a"),
        (GET, "/deletedsecrets/a/recover"),
        (GET, "/secrets/a/4387e9f3d6e14c459867679a90fd0f79/rollback"),
    ] {
        let answer = server.send(&server.ask(method.clone(), target)).await;
        assert_eq!(answer.status, 405, "{method} {target}");
        assert_eq!(answer.body.is_empty(), method == Method::HEAD);
        if method != Method::HEAD {
            assert_eq!(answer.code(), "MethodNotAllowed", "{method} {target}");
        }
    }
    server.get("/secrets/a/b/c/d").await.expect(404);
}

/// A POST may say which method it stands for; the right that counts is that method's.
#[tokio::test]
async fn a_post_that_stands_for_another_method() {
    let server = Server::start().await;
    server.set("a", "v").await;
    let stands_for =
        |method: &str| server.ask(Method::POST, "/secrets/a").header("x-http-method", method);
    let read = server.send(&stands_for("GET")).await.expect(200);
    assert_eq!(read.json()["value"], "v");
    let reader = server.node.directory.current().vault("dev").unwrap().scope.clone();
    let reader = server.identity(Some(("Key Vault Reader", reader))).await;
    let bearer = format!("Bearer {}", reader.token);
    let refused = stands_for("DELETE").header("authorization", &bearer);
    let refused = server.send(&refused).await.expect(403);
    assert!(refused.message().contains("vaults/secrets/delete'"), "{}", refused.message());
    server.send(&stands_for("PATCH").body(r#"{"tags":{"a":"b"}}"#)).await.expect(200);
    server.send(&stands_for("NONSENSE")).await.expect(405);
    server.send(&stands_for("\u{7f}GET").without("x-http-method")).await.expect(405);
    // Only a POST may.
    let get = server.ask(GET, "/secrets/a").header("x-http-method", "DELETE");
    server.send(&get).await.expect(200);
    server.send(&stands_for("DELETE")).await.expect(200);
}

#[tokio::test]
async fn what_is_no_http_gets_no_answer_of_ours_and_harms_nothing() {
    let server = Server::start().await;
    for raw in [
        b"GET /secrets/\xff\xfe?api-version=7.4 HTTP/1.1\r\nhost: x\r\n\r\n".as_slice(),
        b"GET /secrets HTTP/9.9\r\nhost: x\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x00\x01\x02\x03\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /secrets HTTP/1.1\r\nhost: x\r\ncontent-length: a\r\n\r\n",
        b"PUT /secrets HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
    ] {
        let answer = server.client.send_raw_and_end("dev.vault.localhost", raw).await;
        let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        assert!(refused, "{}: {answer}", String::from_utf8_lossy(raw));
    }
    let huge = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(70_000));
    let answer = server.client.send_raw_and_end("dev.vault.localhost", huge.as_bytes()).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    server.get("/secrets").await.expect(200);
}

#[tokio::test]
async fn skip_tokens_are_good_for_their_own_list_alone() {
    let server = Server::start().await;
    server.vault("other", 90, false).await;
    for name in ["a", "b", "c"] {
        server.set(name, "v").await;
        server.set(name, "v").await;
    }
    for name in ["x", "y"] {
        server.set(name, "v").await;
        server.deleted(name).await;
    }
    let token = async |list: &str| {
        let page = server.get(&format!("{list}?api-version=7.4&maxresults=1")).await.expect(200);
        let next = page.json()["nextLink"].as_str().unwrap().to_owned();
        let token = next.split_once("$skiptoken=").unwrap().1;
        token.split_once('&').unwrap().0.to_owned()
    };
    let lists = ["/secrets", "/deletedsecrets", "/secrets/a/versions", "/secrets/b/versions"];
    for from in lists {
        let token = token(from).await;
        for to in lists {
            let target = format!("{to}?api-version=7.4&$skiptoken={token}");
            let status = if from == to { 200 } else { 400 };
            assert_eq!(server.get(&target).await.status, status, "{from} to {to}");
        }
        // Names fold, so another spelling is the same list.
        let same = from.to_uppercase().replace("/SECRETS", "/secrets");
        let same = same.replace("/DELETEDSECRETS", "/deletedsecrets");
        let target = format!("{same}?api-version=7.4&$skiptoken={token}");
        assert_eq!(server.get(&target).await.status, 200, "{same}");
        let other = server.ask(GET, &format!("{from}?api-version=7.4&$skiptoken={token}"));
        let other = other.host(&server.authority("other.vault"));
        server.send(&other).await.expect(400);
        let mut bytes = token.clone().into_bytes();
        for at in 0..bytes.len() {
            let was = bytes[at];
            bytes[at] = if was == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(bytes.clone()).unwrap();
            let answer = server.get(&format!("{from}?api-version=7.4&$skiptoken={forged}")).await;
            // The spare bits of the last character are refused by the decoder.
            assert_eq!((answer.status, answer.code().as_str()), (400, "BadParameter"), "{at}");
            bytes[at] = was;
        }
    }
    for forged in ["", "x", "%00", &b64("a"), &b64([0; 60]), &"A".repeat(1_500)] {
        let target = format!("/secrets?api-version=7.4&$skiptoken={forged}");
        assert_eq!(server.get(&target).await.status, 400, "{forged}");
    }
}
