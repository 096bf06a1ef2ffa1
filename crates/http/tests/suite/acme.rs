//! The ACME server from the side of who would misuse it.

use base64::Engine as _;
use http::Method;
use serde_json::{Value, json};
use strongroom_crypto::MacKey;

use crate::support::acme::{AcmeClient, Key, Web, authority, b64, bind, binding, profile};
use crate::support::{DAY, Features, Server};

/// A name that leads to loopback (RFC 6761, section 6.3).
pub(crate) const NAME: &str = "localhost";

pub(crate) async fn server(web: &Web) -> Server {
    let server = Server::with(Features { acme: Some(web.port), ..Features::default() }).await;
    authority(&server, "web").await;
    server
}

/// The type of a problem document.
#[track_caller]
pub(crate) fn refused(answer: &crate::support::Answer, status: u16, kind: &str) {
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    assert_eq!(answer.status, status, "{body}");
    assert_eq!(answer.header("content-type"), "application/problem+json", "{body}");
    assert_eq!(answer.json()["type"], format!("urn:ietf:params:acme:error:{kind}"), "{body}");
    assert_eq!(answer.json()["status"], status);
}

#[tokio::test]
async fn the_way_from_a_binding_to_a_certificate_and_its_revocation() {
    let web = Web::start().await;
    let server = server(&web).await;
    let client = AcmeClient::registered(&server, "web", &server.token).await;
    let key = Key::generate();
    let chain = client.obtain(&web, &[NAME], &key).await;
    assert_eq!(chain.len(), 2);
    let facts = strongroom_pki::facts(&chain[0]).unwrap();
    assert_eq!(facts.x509.sans.dns_names, [NAME]);
    assert_eq!(&facts.public, key.0.public());
    assert!(!facts.is_ca);
    assert_eq!(facts.x509.ekus, ["1.3.6.1.5.5.7.3.1"]);
    let revoke = client.url("revoke-cert");
    let payload = json!({ "certificate": b64(&chain[0]), "reason": 1 });
    client.post(&revoke, &payload).await.expect(200);
    refused(&client.post(&revoke, &payload).await, 400, "alreadyRevoked");
    let records = server.stop().await;
    let operations: Vec<&str> = records.iter().map(|record| record.operation.as_ref()).collect();
    for name in [
        "CertificateAcmeBindingCreate",
        "CertificateAcmeAccountCreate",
        "CertificateAcmeOrderCreate",
        "CertificateAcmeChallengeAnswer",
        "CertificateAcmeValidation",
        "CertificateAcmeOrderFinalize",
        "CertificateAcmeRevoke",
    ] {
        assert!(operations.contains(&name), "{name}: {operations:?}");
    }
    let of_accounts = records.iter().filter(|r| r.operation.starts_with("CertificateAcmeOrder"));
    for record in of_accounts {
        assert!(record.identity.object_id.is_some(), "{record:?}");
        assert!(record.rbac_authorized.is_some());
    }
}

#[tokio::test]
async fn a_nonce_is_good_for_one_request_and_for_one_process() {
    let web = Web::start().await;
    let server = server(&web).await;
    let client = AcmeClient::registered(&server, "web", &server.token).await;
    let url = client.url("new-order");
    let payload = json!({ "identifiers": [{ "type": "dns", "value": NAME }] }).to_string();
    let protected =
        |nonce: &str| json!({ "alg": "ES256", "nonce": nonce, "url": url, "kid": client.account });
    let jws = client.key.sign(&protected(&client.nonce().await), &payload);
    client.post_jws(&url, &jws).await.expect(201);
    let again = client.post_jws(&url, &jws).await;
    refused(&again, 400, "badNonce");
    assert!(!again.header("replay-nonce").is_empty(), "a new one comes with the refusal");
    for nonce in ["", "AAAA", &b64([0; 40])] {
        let jws = client.key.sign(&protected(nonce), &payload);
        refused(&client.post_jws(&url, &jws).await, 400, "badNonce");
    }
    let mut without = protected("");
    without.as_object_mut().unwrap().remove("nonce");
    refused(&client.post_jws(&url, &client.key.sign(&without, &payload)).await, 400, "badNonce");
}

#[tokio::test]
async fn a_signature_is_good_for_its_url_alone() {
    let web = Web::start().await;
    let server = server(&web).await;
    profile(&server, "other", &json!({ "acme": true })).await;
    let client = AcmeClient::registered(&server, "web", &server.token).await;
    let payload = json!({ "identifiers": [{ "type": "dns", "value": NAME }] }).to_string();
    let url = client.url("new-order");
    for signed_for in [
        client.url("new-account"),
        url.replace("/acme/web/", "/acme/other/"),
        url.replace("https:", "http:"),
        url.replace("dev.vault", "dav.vault"),
        format!("{url}/"),
        format!("{url}?a=b"),
        String::new(),
    ] {
        let nonce = client.nonce().await;
        let header =
            json!({ "alg": "ES256", "nonce": nonce, "url": signed_for, "kid": client.account });
        let answer = client.post_jws(&url, &client.key.sign(&header, &payload)).await;
        refused(&answer, 403, "unauthorized");
    }
}

#[tokio::test]
async fn nobody_signs_for_another_account() {
    let web = Web::start().await;
    let server = server(&web).await;
    let alice = AcmeClient::registered(&server, "web", &server.token).await;
    let mut mallory = AcmeClient::registered(&server, "web", &server.token).await;
    let (order, body) = alice.order(&[NAME]).await;
    let authorization = body["authorizations"][0].as_str().unwrap();
    let (challenge, _) = alice.challenge(authorization, "http-01").await;
    let finalize = body["finalize"].as_str().unwrap();
    // With an account of her own.
    refused(&mallory.read(&order).await, 404, "malformed");
    refused(&mallory.read(authorization).await, 404, "malformed");
    refused(&mallory.post(&challenge, &json!({})).await, 404, "malformed");
    let csr = json!({ "csr": Key::generate().csr(&[NAME]) });
    refused(&mallory.post(finalize, &csr).await, 404, "malformed");
    refused(&mallory.read(&alice.account).await, 403, "unauthorized");
    refused(&mallory.read(&format!("{}/orders", alice.account)).await, 403, "unauthorized");
    let deactivate = json!({ "status": "deactivated" });
    refused(&mallory.post(&alice.account, &deactivate).await, 403, "unauthorized");
    // With her key and Alice's account.
    alice.account.clone_into(&mut mallory.account);
    refused(&mallory.read(&order).await, 400, "malformed");
    refused(&mallory.post(&alice.account, &deactivate).await, 400, "malformed");
    // With accounts that are none.
    for kid in ["", "x", &alice.url("account/"), &alice.url(&format!("account/{}", "0".repeat(32)))]
    {
        kid.clone_into(&mut mallory.account);
        refused(&mallory.read(&order).await, 400, "accountDoesNotExist");
    }
    assert_eq!(alice.read(&order).await.expect(200).json()["status"], "pending");
}

#[tokio::test]
async fn neither_none_nor_a_shared_key_signs_a_request() {
    let web = Web::start().await;
    let server = server(&web).await;
    let client = AcmeClient::registered(&server, "web", &server.token).await;
    let url = client.url("new-order");
    let payload = json!({ "identifiers": [{ "type": "dns", "value": NAME }] }).to_string();
    for algorithm in ["none", "HS256", "ES512"] {
        let nonce = client.nonce().await;
        let header = json!({ "alg": algorithm, "nonce": nonce, "url": url, "kid": client.account });
        let mut jws = client.key.sign(&header, &payload);
        match algorithm {
            "none" => jws["signature"] = "".into(),
            "HS256" => {
                let signed = format!(
                    "{}.{}",
                    jws["protected"].as_str().unwrap(),
                    jws["payload"].as_str().unwrap()
                );
                let public = MacKey::new(client.key.jwk().to_string().as_bytes());
                jws["signature"] = b64(public.tag(&[signed.as_bytes()])).into();
            }
            _ => {}
        }
        let answer = client.post_jws(&url, &jws).await;
        refused(&answer, 400, "badSignatureAlgorithm");
        assert_eq!(answer.json()["algorithms"], json!(["ES256", "ES384", "RS256", "PS256"]));
    }
    // Changed after it was signed.
    let nonce = client.nonce().await;
    let header = json!({ "alg": "ES256", "nonce": nonce, "url": url, "kid": client.account });
    let mut jws = client.key.sign(&header, &payload);
    jws["payload"] = b64(payload.replace(NAME, "example.com")).into();
    refused(&client.post_jws(&url, &jws).await, 400, "malformed");
}

#[tokio::test]
async fn a_binding_makes_one_account_for_one_key() {
    let web = Web::start().await;
    let server = server(&web).await;
    profile(&server, "other", &json!({ "acme": true })).await;
    let (id, key) = binding(&server, "web", &server.token).await;
    let url = AcmeClient::new(&server, "web").url("new-account");
    let with = async |binding: &Value| {
        let client = AcmeClient::new(&server, "web");
        client.post_with_key(&url, &json!({ "externalAccountBinding": binding })).await
    };
    let stranger = Key::generate();
    refused(&with(&Value::Null).await, 403, "externalAccountRequired");
    // For another's key; it is looked at before the signature, and neither uses the binding up.
    refused(&with(&bind(&id, &key, &url, &stranger.jwk())).await, 400, "malformed");
    let forged = |id: &str, key: &str, url: &str| {
        let client = AcmeClient::new(&server, "web");
        let binding = bind(id, key, url, &client.key.jwk());
        async move {
            let payload = json!({ "externalAccountBinding": binding });
            client.post_with_key(&client.url("new-account"), &payload).await
        }
    };
    refused(&forged(&id, &b64([7; 32]), &url).await, 403, "unauthorized");
    refused(&forged(&"0".repeat(32), &key, &url).await, 403, "unauthorized");
    refused(&forged("x", &key, &url).await, 403, "unauthorized");
    refused(&forged(&id, &key, "https://elsewhere/").await, 400, "malformed");
    // For another issuer's server.
    let mut elsewhere = AcmeClient::new(&server, "other");
    refused(&elsewhere.register(&id, &key).await, 403, "unauthorized");
    // Its own, and then nobody's.
    let mut first = AcmeClient::new(&server, "web");
    first.register(&id, &key).await.expect(201);
    let mut second = AcmeClient::new(&server, "web");
    refused(&second.register(&id, &key).await, 403, "unauthorized");
    // The same key again gives the same account, binding or not.
    let found = first.post_with_key(&url, &json!({ "onlyReturnExisting": true })).await;
    assert_eq!(found.expect(200).header("location"), first.account);
    let none = second.post_with_key(&url, &json!({ "onlyReturnExisting": true })).await;
    refused(&none, 400, "accountDoesNotExist");
}

#[tokio::test]
async fn a_binding_waits_seven_days() {
    let web = Web::start().await;
    let mut server = server(&web).await;
    let (id, key) = binding(&server, "web", &server.token).await;
    server.travel(7 * DAY).await;
    server.token = server.sign_in_owner().await;
    let mut client = AcmeClient::new(&server, "web");
    refused(&client.register(&id, &key).await, 403, "unauthorized");
    let (id, key) = binding(&server, "web", &server.token).await;
    client.register(&id, &key).await.expect(201);
}

#[tokio::test]
async fn a_certificate_names_what_was_validated_and_nothing_else() {
    let web = Web::start().await;
    let server = server(&web).await;
    let client = AcmeClient::registered(&server, "web", &server.token).await;
    let (url, order) = client.order(&[NAME]).await;
    let finalize = order["finalize"].as_str().unwrap();
    let key = Key::generate();
    let early = client.post(finalize, &json!({ "csr": key.csr(&[NAME]) })).await;
    refused(&early, 403, "orderNotReady");
    let ready = client.validate(&web, &url, &order).await;
    assert_eq!(ready["status"], "ready");
    for csr in [
        key.csr(&["example.com"]),
        key.csr(&[NAME, "example.com"]),
        key.csr(&["*.localhost"]),
        client.key.csr(&[NAME]),
        b64("no request"),
        "=".into(),
        String::new(),
    ] {
        refused(&client.post(finalize, &json!({ "csr": csr })).await, 400, "badCSR");
    }
    // A bit of the signature is another.
    let mut der = base64_decode(&key.csr(&[NAME]));
    *der.last_mut().unwrap() ^= 1;
    refused(&client.post(finalize, &json!({ "csr": b64(der) })).await, 400, "badCSR");
    assert_eq!(client.read(&url).await.json()["status"], "ready", "none of that ends the order");
    client.post(finalize, &json!({ "csr": key.csr(&[NAME]) })).await.expect(200);
    let again = client.post(finalize, &json!({ "csr": key.csr(&[NAME]) })).await;
    refused(&again, 403, "orderNotReady");
}

fn base64_decode(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()
}

#[tokio::test]
async fn a_wrong_answer_ends_the_order() {
    let web = Web::start().await;
    let server = server(&web).await;
    let client = AcmeClient::registered(&server, "web", &server.token).await;
    let other = Key::generate();
    let long = "x".repeat(10_000);
    let redirect = "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/latest\r\n\
                    Content-Length: 0\r\n\r\n";
    for (wrong, kind) in [
        (format!("{{token}}.{}", other.thumbprint()), "incorrectResponse"),
        ("{token}".into(), "incorrectResponse"),
        (String::new(), "incorrectResponse"),
        (redirect.into(), "incorrectResponse"),
        ("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n".into(), "incorrectResponse"),
        (long, "connection"),
    ] {
        let (url, order) = client.order(&[NAME]).await;
        let authorization = order["authorizations"][0].as_str().unwrap();
        let (challenge, token) = client.challenge(authorization, "http-01").await;
        web.place(&token, &wrong.replace("{token}", &token));
        let begun = client.post(&challenge, &json!({})).await.expect(200);
        assert_eq!(begun.json()["status"], "processing");
        let links: Vec<&str> =
            begun.headers.get_all("link").iter().map(|link| link.to_str().unwrap()).collect();
        let index = format!("<{}>;rel=\"index\"", client.url("directory"));
        assert_eq!(links, [format!("<{authorization}>;rel=\"up\""), index]);
        let order = client.settled(&url).await;
        assert_eq!(order["status"], "invalid");
        assert_eq!(order["error"]["type"], format!("urn:ietf:params:acme:error:{kind}"), "{wrong}");
        let late = json!({ "csr": Key::generate().csr(&[NAME]) });
        let finalize = order["finalize"].as_str().unwrap();
        refused(&client.post(finalize, &late).await, 403, "orderNotReady");
        // It is not looked at again.
        web.place(&token, &format!("{token}.{}", client.key.thumbprint()));
        let after = client.post(&challenge, &json!({})).await.expect(200);
        assert_eq!(after.json()["status"], "invalid");
    }
}

#[tokio::test]
async fn an_account_acts_as_its_principal_while_that_may_create_certificates() {
    let web = Web::start().await;
    let server = server(&web).await;
    let scope = server.node.directory.current().vault("dev").unwrap().scope.clone();
    let role = "Key Vault Certificates Officer";
    let officer = server.identity(Some((role, scope.clone()))).await;
    let reader = server.identity(Some(("Key Vault Reader", scope))).await;
    let ask = server.ask(Method::POST, "/certificates/issuers/web/eab").body("{}");
    let bearer = format!("Bearer {}", reader.token);
    server.send(&ask.header("authorization", &bearer)).await.expect(403);
    let client = AcmeClient::registered(&server, "web", &officer.token).await;
    let (url, order) = client.order(&[NAME]).await;
    let ready = client.validate(&web, &url, &order).await;
    assert_eq!(ready["status"], "ready");
    let (id, key) = binding(&server, "web", &officer.token).await;
    server.remove_roles(officer.object_id).await;
    let finalize = ready["finalize"].as_str().unwrap();
    let csr = json!({ "csr": Key::generate().csr(&[NAME]) });
    refused(&client.post(finalize, &csr).await, 403, "unauthorized");
    refused(&client.read(&url).await, 403, "unauthorized");
    let payload = json!({ "identifiers": [{ "type": "dns", "value": NAME }] });
    refused(&client.post(&client.url("new-order"), &payload).await, 403, "unauthorized");
    let mut late = AcmeClient::new(&server, "web");
    refused(&late.register(&id, &key).await, 403, "unauthorized");
    let records = server.stop().await;
    let denied = records.iter().filter(|record| record.rbac_authorized == Some(false));
    let denied: Vec<&str> = denied.map(|record| record.operation.as_ref()).collect();
    assert!(denied.contains(&"CertificateAcmeOrderFinalize"), "{denied:?}");
    assert!(denied.contains(&"CertificateAcmeAccountCreate"), "{denied:?}");
}

#[tokio::test]
async fn a_key_changes_only_with_the_consent_of_both() {
    let web = Web::start().await;
    let server = server(&web).await;
    let mut client = AcmeClient::registered(&server, "web", &server.token).await;
    let other = AcmeClient::registered(&server, "web", &server.token).await;
    let url = client.url("key-change");
    let (old, new) = (client.key.clone(), Key::generate());
    let inner = |signer: &Key, jwk: &Value, url: &str, account: &str, old: &Key| {
        let header = json!({ "alg": "ES256", "jwk": jwk, "url": url });
        let payload = json!({ "account": account, "oldKey": old.jwk() }).to_string();
        signer.sign(&header, &payload)
    };
    let account = client.account.clone();
    for (jws, status) in [
        // Signed by the old key in the new one's name.
        (inner(&old, &new.jwk(), &url, &account, &old), 400),
        (inner(&new, &new.jwk(), &client.url("new-order"), &account, &old), 400),
        (inner(&new, &new.jwk(), &url, &other.account, &old), 400),
        (inner(&new, &new.jwk(), &url, &account, &other.key), 400),
        (inner(&other.key, &other.key.jwk(), &url, &account, &old), 409),
    ] {
        refused(&client.post(&url, &jws).await, status, "malformed");
    }
    let jws = inner(&new, &new.jwk(), &url, &account, &old);
    client.post(&url, &jws).await.expect(200);
    refused(&client.read(&account).await, 400, "malformed");
    client.key = new;
    client.read(&account).await.expect(200);
    let deactivated = client.post(&account, &json!({ "status": "deactivated" })).await.expect(200);
    assert_eq!(deactivated.json()["status"], "deactivated");
    refused(&client.read(&account).await, 403, "unauthorized");
    let found = client.post_with_key(&client.url("new-account"), &json!({})).await;
    refused(&found, 403, "unauthorized");
}

#[tokio::test]
async fn who_has_neither_the_account_nor_the_key_revokes_nothing() {
    let web = Web::start().await;
    let server = server(&web).await;
    let client = AcmeClient::registered(&server, "web", &server.token).await;
    let other = AcmeClient::registered(&server, "web", &server.token).await;
    let mut holder = AcmeClient::new(&server, "web");
    let chain = client.obtain(&web, &[NAME], &holder.key).await;
    let revoke = client.url("revoke-cert");
    let payload = json!({ "certificate": b64(&chain[0]) });
    refused(&other.post(&revoke, &payload).await, 403, "unauthorized");
    let key = std::mem::replace(&mut holder.key, Key::generate());
    refused(&holder.post_with_key(&revoke, &payload).await, 403, "unauthorized");
    for bad in [
        json!({ "certificate": b64(&chain[0]), "reason": 2 }),
        json!({ "certificate": b64(&chain[0]), "reason": 6 }),
        json!({ "certificate": b64(&chain[0]), "reason": 99 }),
    ] {
        refused(&client.post(&revoke, &bad).await, 400, "badRevocationReason");
    }
    // The authority's own certificate was not issued here, whoever asks.
    let root = json!({ "certificate": b64(&chain[1]) });
    refused(&client.post(&revoke, &root).await, 404, "malformed");
    refused(&client.post(&revoke, &json!({ "certificate": "AAAA" })).await, 400, "malformed");
    // Who has the key may.
    holder.key = key;
    holder.post_with_key(&revoke, &payload).await.expect(200);
    refused(&client.post(&revoke, &payload).await, 400, "alreadyRevoked");
    // And who shows to control the name may, though it was issued to another.
    let chain = client.obtain(&web, &[NAME], &Key::generate()).await;
    let payload = json!({ "certificate": b64(&chain[0]) });
    refused(&other.post(&revoke, &payload).await, 403, "unauthorized");
    let (url, order) = other.order(&[NAME]).await;
    assert_eq!(other.validate(&web, &url, &order).await["status"], "ready");
    other.post(&revoke, &payload).await.expect(200);
}

/// A certificate of the vault that names more than hosts: control of the host alone is not enough.
#[tokio::test]
async fn control_of_a_host_revokes_no_mailbox() {
    let web = Web::start().await;
    let server = server(&web).await;
    let client = AcmeClient::registered(&server, "web", &server.token).await;
    let (url, order) = client.order(&[NAME]).await;
    assert_eq!(client.validate(&web, &url, &order).await["status"], "ready");
    let revoke = client.url("revoke-cert");
    for (name, emails, status) in [("both", &["a@example.com"][..], 403), ("host", &[], 200)] {
        let policy = json!({
            "key_props": { "kty": "EC", "crv": "P-256" },
            "x509_props": {
                "subject": "CN=localhost",
                "sans": { "dns_names": [NAME], "emails": emails },
                "validity_months": 1,
            },
            "issuer": { "name": "web" },
        });
        let path = format!("/certificates/{name}/create");
        assert_eq!(server.post(&path, &json!({ "policy": policy })).await.status, 202);
        let made = server.get(&format!("/certificates/{name}")).await.json();
        let der = base64::engine::general_purpose::STANDARD.decode(made["cer"].as_str().unwrap());
        let payload = json!({ "certificate": b64(der.unwrap()) });
        let answer = client.post(&revoke, &payload).await;
        assert_eq!(answer.status, status, "{name}: {}", String::from_utf8_lossy(&answer.body));
    }
}

#[tokio::test]
async fn a_short_life_is_counted_in_days() {
    let web = Web::start().await;
    let server = server(&web).await;
    profile(&server, "week", &json!({ "acme": true, "max_days": 7 })).await;
    for (issuer, days) in [("week", 7), ("web", 90)] {
        let client = AcmeClient::registered(&server, issuer, &server.token).await;
        let chain = client.obtain(&web, &[NAME], &Key::generate()).await;
        let facts = strongroom_pki::facts(&chain[0]).unwrap();
        let left = facts.not_after.0 - server.now();
        assert!((left - days * 86_400).abs() <= 60, "{issuer}: {left} s");
    }
}

#[tokio::test]
async fn it_is_said_when_to_renew() {
    let web = Web::start().await;
    let server = server(&web).await;
    let client = AcmeClient::registered(&server, "web", &server.token).await;
    let chain = client.obtain(&web, &[NAME], &Key::generate()).await;
    let facts = strongroom_pki::facts(&chain[0]).unwrap();
    let id = strongroom_pki::acme::renewal_identifier(&chain[0]).unwrap();
    let ask = async |id: &str| {
        client.ask(Method::GET, &client.url(&format!("renewal-info/{id}")), Vec::new()).await
    };
    let answer = ask(&id).await.expect(200);
    assert_eq!(answer.header("retry-after"), "21600");
    let time = |name: &str| answer.json()["suggestedWindow"][name].as_str().unwrap().to_owned();
    let (start, end) = (time("start"), time("end"));
    assert!(start < end, "{start} {end}: RFC 3339 in UTC sorts as the times do");
    assert!(facts.not_before.rfc3339() < start && end < facts.not_after.rfc3339());
    let payload = json!({ "certificate": b64(&chain[0]) });
    client.post(&client.url("revoke-cert"), &payload).await.expect(200);
    let after = ask(&id).await.expect(200).json();
    let end = after["suggestedWindow"]["end"].as_str().unwrap();
    let now = strongroom_model::Timestamp(server.now()).rfc3339();
    assert!(end <= now.as_str(), "a revoked certificate is renewed at once");
    refused(&ask(&format!("{}.{}", b64([1; 20]), b64([2; 16]))).await, 404, "malformed");
    refused(&ask("AAAA").await, 400, "malformed");
    refused(&ask("AAAA.+").await, 400, "malformed");
}

#[tokio::test]
async fn what_is_asked_for_has_bounds() {
    let web = Web::start().await;
    let server = server(&web).await;
    profile(&server, "web", &json!({ "acme": true, "allowed_dns": [NAME] })).await;
    let client = AcmeClient::registered(&server, "web", &server.token).await;
    let url = client.url("new-order");
    let order = |names: &[String]| {
        let identifiers: Vec<Value> =
            names.iter().map(|name| json!({ "type": "dns", "value": name })).collect();
        json!({ "identifiers": identifiers })
    };
    let below: Vec<String> = (0..101).map(|n| format!("a{n}.{NAME}")).collect();
    refused(&client.post(&url, &order(&below)).await, 400, "malformed");
    refused(&client.post(&url, &order(&[])).await, 400, "malformed");
    let outside = client.post(&url, &order(&["a.example".into(), NAME.into()])).await;
    refused(&outside, 400, "rejectedIdentifier");
    assert_eq!(outside.json()["subproblems"][0]["identifier"]["value"], "a.example");
    refused(&client.post(&url, &order(&["a_b".into()])).await, 400, "rejectedIdentifier");
    let email = json!({ "identifiers": [{ "type": "email", "value": "a@b" }] });
    refused(&client.post(&url, &email).await, 400, "unsupportedIdentifier");
    // Ten orders of a hundred names each wait; then no more may.
    for _ in 0..10 {
        client.post(&url, &order(&below[..100])).await.expect(201);
    }
    refused(&client.post(&url, &order(&below[..1])).await, 429, "rateLimited");
    let listed = client.read(&format!("{}/orders", client.account)).await.expect(200).json();
    assert_eq!(listed["orders"].as_array().unwrap().len(), 10);
    // A day later they have come to nothing.
    server.travel(DAY).await;
    client.post(&url, &order(&below[..1])).await.expect(201);
    let body = vec![b'x'; 65 * 1024];
    refused(&client.ask(Method::POST, &url, body).await, 413, "malformed");
    refused(&client.ask(Method::POST, &url, b"{}".to_vec()).await, 400, "malformed");
    refused(&client.ask(Method::GET, &url, Vec::new()).await, 405, "malformed");
    refused(&client.ask(Method::GET, &client.url("nothing"), Vec::new()).await, 404, "malformed");
}

#[tokio::test]
async fn nobody_learns_which_vaults_and_issuers_there_are() {
    let web = Web::start().await;
    let server = server(&web).await;
    profile(&server, "silent", &json!({})).await;
    let client = AcmeClient::new(&server, "web");
    let get = async |url: &str| client.ask(Method::GET, url, Vec::new()).await;
    let directory = client.url("directory");
    let found = get(&directory).await.expect(200).json();
    assert_eq!(found["meta"]["externalAccountRequired"], true);
    assert_eq!(found["newNonce"], client.url("new-nonce"));
    let hidden = [
        directory.replace("/web/", "/silent/"),
        directory.replace("/web/", "/nothing/"),
        directory.replace("dev.vault", "nosuch.vault"),
    ];
    let mut bodies = Vec::new();
    for url in &hidden {
        let answer = get(url).await;
        refused(&answer, 404, "malformed");
        bodies.push(answer.body);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
    let body = json!({ "provider": "Strongroom", "org_details": { "id": "root" },
                       "strongroom": { "acme": true }, "attributes": { "enabled": false } });
    server.put("/certificates/issuers/web", &body).await.expect(200);
    assert_eq!(get(&directory).await.body, bodies[0], "a disabled issuer serves nothing");
}
