//! Every certificate operation's answers, byte for byte but for the certificates. Reviewed against
//! the specification's section 3.3, its corrections, the examples of version 7.6-preview.1, and
//! recorded answers of the real service.

use http::Method;
use serde_json::{Value, json};
use strongroom_store::Store;

use crate::support::golden::Golden;
use crate::support::{Ask, Server};

const GET: Method = Method::GET;
const PUT: Method = Method::PUT;
const POST: Method = Method::POST;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

fn send<S: Store>(server: &Server<S>, method: Method, target: &str, body: &Value) -> Ask {
    server.ask(method, target).body(body.to_string())
}

fn policy(issuer: &str) -> Value {
    json!({
        "key_props": { "kty": "EC" },
        "x509_props": { "subject": "CN=example.com" },
        "issuer": { "name": issuer },
    })
}

async fn create<S: Store>(server: &Server<S>, name: &str, issuer: &str) {
    let target = format!("/certificates/{name}/create");
    server.post(&target, &json!({ "policy": policy(issuer) })).await.expect(202);
}

#[tokio::test]
async fn create_certificate() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "create_certificate").with_certificates();
    let create = |target: &str, body: Value| send(&server, POST, target, &body);
    let example = json!({
        "policy": {
            "key_props": {
                "exportable": true, "kty": "RSA", "key_size": 2048, "reuse_key": false
            },
            "secret_props": { "contentType": "application/x-pkcs12" },
            "x509_props": {
                "subject": "CN=*.microsoft.com",
                "sans": { "dns_names": ["onedrive.microsoft.com", "xbox.microsoft.com"] }
            },
            "issuer": { "name": "Self" }
        }
    });
    let target = "/certificates/selfSignedCert01/create?api-version=7.6-preview.1";
    golden.case("example", create(target, example)).await.expect(202);
    golden.case("pending", server.ask(GET, "/certificates/selfSignedCert01/pending")).await;
    golden.case("bundle", server.ask(GET, "/certificates/selfSignedCert01/")).await.expect(200);
    let unknown = json!({ "policy": policy("Unknown"), "tags": { "a": "b" } });
    golden.case("unknown", create("/certificates/csr/create", unknown)).await.expect(202);
    golden.case("unknown_pending", server.ask(GET, "/certificates/csr/pending")).await.expect(200);
    golden.case("unknown_bundle", server.ask(GET, "/certificates/csr")).await.expect(200);
    let again = json!({ "policy": policy("Unknown") });
    golden.case("pending_already", create("/certificates/csr/create", again)).await.expect(409);
    server.delete("/certificates/selfSignedCert01").await.expect(200);
    let target = "/certificates/selfSignedCert01/create";
    let body = json!({ "policy": policy("Self") });
    golden.case("deleted_name", create(target, body.clone())).await.expect(409);
    server.set("taken", "v").await;
    golden.case("name_of_a_secret", create("/certificates/taken/create", body)).await.expect(409);
    golden.finish();
}

#[tokio::test]
async fn pending_operation() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "pending_operation").with_certificates();
    create(&server, "a", "Unknown").await;
    let ask = |method, body: Value| send(&server, method, "/certificates/a/pending", &body);
    golden.case("cancel_missing", ask(PATCH, json!({}))).await.expect(400);
    let cancel = json!({ "cancellation_requested": true });
    golden.case("cancel", ask(PATCH, cancel)).await.expect(200);
    golden.case("cancelled", server.ask(GET, "/certificates/a/pending")).await.expect(200);
    golden.case("delete", server.ask(DELETE, "/certificates/a/pending")).await.expect(200);
    golden.case("deleted", server.ask(GET, "/certificates/a/pending")).await.expect(404);
    golden.case("bundle_after", server.ask(GET, "/certificates/a")).await.expect(200);
    let merge = json!({ "x5c": ["MAA="] });
    let merge = send(&server, POST, "/certificates/a/pending/merge", &merge);
    golden.case("merge_without_operation", merge).await.expect(404);
    golden.finish();
}

#[tokio::test]
async fn policies() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "certificate_policy").with_certificates();
    let full = json!({
        "key_props": {
            "kty": "EC", "crv": "P-384", "exportable": false, "reuse_key": true
        },
        "secret_props": { "contentType": "application/x-pem-file" },
        "x509_props": {
            "subject": "CN=example.com, O=Example",
            "ekus": ["1.3.6.1.5.5.7.3.1"],
            "sans": {
                "dns_names": ["example.com"], "emails": ["a@example.com"],
                "upns": ["u@example.com"], "uris": ["urn:example"],
                "ipAddresses": ["2001:DB8::1"]
            },
            "key_usage": ["keyAgreement", "digitalSignature"],
            "validity_months": 24
        },
        "lifetime_actions": [{
            "trigger": { "days_before_expiry": 30 }, "action": { "action_type": "EmailContacts" }
        }],
        "issuer": { "name": "Self" },
        "attributes": { "enabled": true }
    });
    let target = "/certificates/a/create?api-version=2025-07-01";
    server.post(target, &json!({ "policy": full })).await.expect(202);
    let at = |version: &str| format!("/certificates/a/policy?api-version={version}");
    for (case, version) in [("get_2025_07_01", "2025-07-01"), ("get_7_4", "7.4")] {
        golden.case(case, server.ask(GET, &at(version))).await.expect(200);
    }
    let change = |body: Value| send(&server, PATCH, "/certificates/a/policy", &body);
    let months = json!({ "x509_props": { "validity_months": 6 } });
    golden.case("update", change(months)).await.expect(200);
    for (case, body) in [
        ("kty_symmetric", json!({ "key_props": { "kty": "oct" } })),
        ("kty_unknown", json!({ "key_props": { "kty": "OKP" } })),
        ("size_weak", json!({ "key_props": { "kty": "RSA", "key_size": 1024 } })),
        ("hsm_exportable", json!({ "key_props": { "kty": "RSA-HSM", "exportable": true } })),
        ("content_type", json!({ "secret_props": { "contentType": "text/plain" } })),
        ("subject_no_name", json!({ "x509_props": { "subject": "example.com" } })),
        ("eku", json!({ "x509_props": { "ekus": ["serverAuth"] } })),
        ("key_usage", json!({ "x509_props": { "key_usage": ["everything"] } })),
        ("dns_name", json!({ "x509_props": { "sans": { "dns_names": ["a b"] } } })),
        ("validity_zero", json!({ "x509_props": { "validity_months": 0 } })),
        (
            "percentage",
            json!({ "lifetime_actions": [{
            "trigger": { "lifetime_percentage": 100 }, "action": { "action_type": "AutoRenew" }
        }] }),
        ),
        (
            "days",
            json!({ "lifetime_actions": [{
            "trigger": { "days_before_expiry": 163 }, "action": { "action_type": "AutoRenew" }
        }] }),
        ),
        ("issuer_name", json!({ "issuer": { "name": "a b" } })),
        ("path_len_of_a_leaf", json!({ "x509_props": { "basic_constraints": { "path_len": 1 } } })),
    ] {
        golden.case(case, change(body)).await.expect(400);
    }
    golden.case("absent", server.ask(GET, "/certificates/b/policy")).await.expect(404);
    golden.finish();
}

#[tokio::test]
async fn versions_and_lists() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "certificate_lists").with_certificates();
    create(&server, "a", "Self").await;
    create(&server, "a", "Self").await;
    create(&server, "b", "Unknown").await;
    golden.case("list", server.ask(GET, "/certificates")).await.expect(200);
    let pending = "/certificates?api-version=7.4&includePending=true";
    golden.case("list_with_pending", server.ask(GET, pending)).await.expect(200);
    let strange = server.ask(GET, "/certificates?api-version=7.4&includePending=perhaps");
    golden.case("include_pending_strange", strange).await.expect(400);
    let first = server
        .get("/certificates?api-version=7.4&maxresults=1&includePending=true")
        .await
        .expect(200);
    let link = first.json()["nextLink"].as_str().unwrap().to_owned();
    assert!(link.contains("/certificates?api-version="), "{link}");
    assert!(link.ends_with("&maxresults=1&includePending=true"), "{link}");
    let versions = server.get("/certificates/a/versions").await.expect(200).json();
    assert_eq!(versions["value"].as_array().unwrap().len(), 2);
    server.delete("/certificates/a").await.expect(200);
    let deleted = server.ask(GET, "/deletedcertificates");
    golden.case("list_deleted", deleted).await.expect(200);
    golden.finish();
}

#[tokio::test]
async fn lifecycle() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "certificate_lifecycle").with_certificates();
    create(&server, "a", "Self").await;
    let update = json!({ "attributes": { "enabled": false }, "tags": { "a": "b" } });
    let update = send(&server, PATCH, "/certificates/a/?api-version=7.4", &update);
    golden.case("update", update).await.expect(200);
    let backup = server.ask(POST, "/certificates/a/backup");
    golden.case("backup", backup).await.expect(200);
    let blob = server.post("/certificates/a/backup", &json!({})).await.json();
    golden.case("delete", server.ask(DELETE, "/certificates/a")).await.expect(200);
    golden.case("get_deleted", server.ask(GET, "/deletedcertificates/a")).await.expect(200);
    golden.case("get_absent", server.ask(GET, "/certificates/a")).await.expect(404);
    let recover = server.ask(POST, "/deletedcertificates/a/recover");
    golden.case("recover", recover).await.expect(200);
    golden.case("deleted_absent", server.ask(GET, "/deletedcertificates/a")).await.expect(404);
    let restore = |body: &Value| send(&server, POST, "/certificates/restore", body);
    golden.case("restore_over", restore(&blob)).await.expect(409);
    server.delete("/certificates/a").await.expect(200);
    golden.case("purge", server.ask(DELETE, "/deletedcertificates/a")).await.expect(204);
    golden.case("restore", restore(&blob)).await.expect(200);
    golden.finish();
}

#[tokio::test]
async fn issuers() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "certificate_issuers").with_certificates();
    let set = |name: &str, body: Value| {
        send(&server, PUT, &format!("/certificates/issuers/{name}"), &body)
    };
    let example = json!({
        "provider": "Test",
        "credentials": { "account_id": "keyvaultuser", "pwd": "password" },
        "org_details": { "admin_details": [{
            "first_name": "John", "last_name": "Doe", "email": "admin@microsoft.com",
            "phone": "4255555555"
        }] }
    });
    golden.case("set", set("issuer01", example)).await.expect(200);
    golden.case("get", server.ask(GET, "/certificates/issuers/issuer01")).await.expect(200);
    let change =
        json!({ "credentials": { "account_id": "new" }, "attributes": { "enabled": false } });
    let change = send(&server, PATCH, "/certificates/issuers/issuer01", &change);
    golden.case("update", change).await.expect(200);
    let ours = json!({
        "provider": "Strongroom", "org_details": { "id": "root" },
        "strongroom": { "max_days": 90, "allowed_dns": ["corp.example"], "acme": true }
    });
    golden.case("set_strongroom", set("ours", ours)).await.expect(200);
    golden.case("list", server.ask(GET, "/certificates/issuers")).await.expect(200);
    golden.case("delete", server.ask(DELETE, "/certificates/issuers/issuer01")).await.expect(200);
    golden.case("absent", server.ask(GET, "/certificates/issuers/issuer01")).await.expect(404);
    for (case, name, body) in [
        ("provider_missing", "a", json!({})),
        ("provider_unknown", "a", json!({ "provider": "Verisign" })),
        ("name_reserved", "Self", json!({ "provider": "Test" })),
        ("authority_missing", "a", json!({ "provider": "Strongroom" })),
        ("directory_missing", "a", json!({ "provider": "ACME" })),
    ] {
        golden.case(case, set(name, body)).await.expect(400);
    }
    golden.finish();
}

#[tokio::test]
async fn contacts() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "certificate_contacts").with_certificates();
    let contacts = |method| server.ask(method, "/certificates/contacts");
    golden.case("absent", contacts(GET)).await.expect(404);
    let example = json!({ "contacts": [
        { "email": "admin@contoso.com", "name": "John Doe", "phone": "1111111111" },
        { "email": "admin@contoso2.com" }
    ] });
    golden.case("set", contacts(PUT).body(example.to_string())).await.expect(200);
    golden.case("get", contacts(GET)).await.expect(200);
    for (case, body) in [
        ("missing", json!({})),
        ("nobody", json!({ "contacts": [] })),
        ("no_address", json!({ "contacts": [{ "name": "John Doe" }] })),
        ("bad_address", json!({ "contacts": [{ "email": "admin" }] })),
    ] {
        golden.case(case, contacts(PUT).body(body.to_string())).await.expect(400);
    }
    golden.case("delete", contacts(DELETE)).await.expect(200);
    golden.case("delete_again", contacts(DELETE)).await.expect(404);
    golden.finish();
}

#[tokio::test]
async fn companions() {
    let server = Server::start().await;
    let golden = Golden::new(&server, "certificate_companions").with_certificates();
    create(&server, "a", "Self").await;
    golden.case("secret", server.ask(GET, "/secrets/a?api-version=2025-07-01")).await.expect(200);
    golden.case("key", server.ask(GET, "/keys/a")).await.expect(200);
    let pem = "/secrets/a?api-version=2025-07-01&outContentType=application/x-pem-file";
    golden.case("secret_as_pem", server.ask(GET, pem)).await.expect(200);
    let older = "/secrets/a?api-version=7.4&outContentType=application/x-pem-file";
    golden.case("secret_before_conversion", server.ask(GET, older)).await.expect(200);
    create(&server, "a", "Self").await;
    golden.case("previous", server.ask(GET, "/secrets/a?api-version=2025-07-01")).await.expect(200);
    golden.case("secret_list", server.ask(GET, "/secrets")).await.expect(200);
    for (case, target) in [("secret_delete", "/secrets/a"), ("key_delete", "/keys/a")] {
        golden.case(case, server.ask(DELETE, target)).await.expect(403);
    }
    let change = |target: &str, body: Value| send(&server, PATCH, target, &body);
    let ops = json!({ "key_ops": ["sign"] });
    golden.case("key_update", change("/keys/a", ops)).await.expect(403);
    let typed = json!({ "contentType": "text/plain" });
    golden.case("secret_update", change("/secrets/a/", typed)).await.expect(403);
    let tags = json!({ "tags": { "a": "b" } });
    golden.case("key_tags", change("/keys/a", tags)).await.expect(200);
    let x509 = json!({ "subject": "CN=root", "basic_constraints": { "ca": true } });
    let key = json!({ "kty": "EC", "crv": "P-256" });
    let root = json!({ "issuer": { "name": "Self" }, "key_props": key, "x509_props": x509 });
    let root = json!({ "policy": root });
    server.post("/certificates/root/create", &root).await.expect(202);
    golden.case("authority_key", server.ask(GET, "/keys/root")).await.expect(200);
    golden.finish();
}
