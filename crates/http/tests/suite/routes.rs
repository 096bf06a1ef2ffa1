//! The golden list of routes: each answers 401 without a token and 403 without a right, and tells
//! whoever has no right nothing of what is there.

use std::fmt::Write;

use http::Method;
use serde_json::json;
use strongroom_model::{Operation, Scope};
use strongroom_store::memory::MemoryStore;

use crate::support::golden::compare;
use crate::support::tokens::b64;
use crate::support::{API, Answer, Ask, Server};

const VERSION: &str = "4387e9f3d6e14c459867679a90fd0f79";

/// The route of an operation.
fn route(operation: Operation) -> (Method, &'static str) {
    match operation {
        Operation::SetSecret => (Method::PUT, "/secrets/{name}"),
        Operation::GetSecret => (Method::GET, "/secrets/{name}/{version}"),
        Operation::UpdateSecret => (Method::PATCH, "/secrets/{name}/{version}"),
        Operation::RollbackSecret => (Method::POST, "/secrets/{name}/{version}/rollback"),
        Operation::DeleteSecret => (Method::DELETE, "/secrets/{name}"),
        Operation::GetSecrets => (Method::GET, "/secrets"),
        Operation::GetSecretVersions => (Method::GET, "/secrets/{name}/versions"),
        Operation::BackupSecret => (Method::POST, "/secrets/{name}/backup"),
        Operation::RestoreSecret => (Method::POST, "/secrets/restore"),
        Operation::GetDeletedSecrets => (Method::GET, "/deletedsecrets"),
        Operation::GetDeletedSecret => (Method::GET, "/deletedsecrets/{name}"),
        Operation::RecoverDeletedSecret => (Method::POST, "/deletedsecrets/{name}/recover"),
        Operation::PurgeDeletedSecret => (Method::DELETE, "/deletedsecrets/{name}"),
        Operation::CreateKey => (Method::POST, "/keys/{name}/create"),
        Operation::ImportKey => (Method::PUT, "/keys/{name}"),
        Operation::GetKey => (Method::GET, "/keys/{name}/{version}"),
        Operation::GetKeys => (Method::GET, "/keys"),
        Operation::GetKeyVersions => (Method::GET, "/keys/{name}/versions"),
        Operation::UpdateKey => (Method::PATCH, "/keys/{name}/{version}"),
        Operation::DeleteKey => (Method::DELETE, "/keys/{name}"),
        Operation::GetDeletedKeys => (Method::GET, "/deletedkeys"),
        Operation::GetDeletedKey => (Method::GET, "/deletedkeys/{name}"),
        Operation::RecoverDeletedKey => (Method::POST, "/deletedkeys/{name}/recover"),
        Operation::PurgeDeletedKey => (Method::DELETE, "/deletedkeys/{name}"),
        Operation::BackupKey => (Method::POST, "/keys/{name}/backup"),
        Operation::RestoreKey => (Method::POST, "/keys/restore"),
        Operation::Encrypt => (Method::POST, "/keys/{name}/{version}/encrypt"),
        Operation::Decrypt => (Method::POST, "/keys/{name}/{version}/decrypt"),
        Operation::WrapKey => (Method::POST, "/keys/{name}/{version}/wrapkey"),
        Operation::UnwrapKey => (Method::POST, "/keys/{name}/{version}/unwrapkey"),
        Operation::Sign => (Method::POST, "/keys/{name}/{version}/sign"),
        Operation::Verify => (Method::POST, "/keys/{name}/{version}/verify"),
        Operation::RotateKey => (Method::POST, "/keys/{name}/rotate"),
        Operation::GetKeyRotationPolicy => (Method::GET, "/keys/{name}/rotationpolicy"),
        Operation::UpdateKeyRotationPolicy => (Method::PUT, "/keys/{name}/rotationpolicy"),
        Operation::ReleaseKey => (Method::POST, "/keys/{name}/{version}/release"),
        Operation::GetKeyAttestation => (Method::GET, "/keys/{name}/{version}/attestation"),
        Operation::SecureWrapKey => (Method::POST, "/keys/{name}/{version}/securewrapkey"),
        Operation::SecureUnwrapKey => (Method::POST, "/keys/{name}/{version}/secureunwrapkey"),
        _ => certificate_route(operation),
    }
}

fn certificate_route(operation: Operation) -> (Method, &'static str) {
    use Operation as Op;
    match operation {
        Op::CreateCertificate => (Method::POST, "/certificates/{name}/create"),
        Op::ImportCertificate => (Method::POST, "/certificates/{name}/import"),
        Op::GetCertificate => (Method::GET, "/certificates/{name}/{version}"),
        Op::GetCertificates => (Method::GET, "/certificates"),
        Op::GetCertificateVersions => (Method::GET, "/certificates/{name}/versions"),
        Op::UpdateCertificate => (Method::PATCH, "/certificates/{name}/{version}"),
        Op::GetCertificatePolicy => (Method::GET, "/certificates/{name}/policy"),
        Op::UpdateCertificatePolicy => (Method::PATCH, "/certificates/{name}/policy"),
        Op::GetCertificateOperation => (Method::GET, "/certificates/{name}/pending"),
        Op::UpdateCertificateOperation => (Method::PATCH, "/certificates/{name}/pending"),
        Op::DeleteCertificateOperation => (Method::DELETE, "/certificates/{name}/pending"),
        Op::MergeCertificate => (Method::POST, "/certificates/{name}/pending/merge"),
        Op::DeleteCertificate => (Method::DELETE, "/certificates/{name}"),
        Op::GetDeletedCertificates => (Method::GET, "/deletedcertificates"),
        Op::GetDeletedCertificate => (Method::GET, "/deletedcertificates/{name}"),
        Op::RecoverDeletedCertificate => (Method::POST, "/deletedcertificates/{name}/recover"),
        Op::PurgeDeletedCertificate => (Method::DELETE, "/deletedcertificates/{name}"),
        Op::BackupCertificate => (Method::POST, "/certificates/{name}/backup"),
        Op::RestoreCertificate => (Method::POST, "/certificates/restore"),
        Op::GetCertificateIssuers => (Method::GET, "/certificates/issuers"),
        Op::GetCertificateIssuer => (Method::GET, "/certificates/issuers/{name}"),
        Op::SetCertificateIssuer => (Method::PUT, "/certificates/issuers/{name}"),
        Op::UpdateCertificateIssuer => (Method::PATCH, "/certificates/issuers/{name}"),
        Op::DeleteCertificateIssuer => (Method::DELETE, "/certificates/issuers/{name}"),
        Op::GetCertificateContacts => (Method::GET, "/certificates/contacts"),
        Op::SetCertificateContacts => (Method::PUT, "/certificates/contacts"),
        Op::DeleteCertificateContacts => (Method::DELETE, "/certificates/contacts"),
        Op::RevokeCertificate => (Method::POST, "/certificates/{name}/{version}/revoke"),
        Op::RevokeIssuedCertificate => (Method::POST, "/certificates/issuers/{name}/revoke"),
        Op::CreateAcmeBinding => (Method::POST, "/certificates/issuers/{name}/eab"),
        other => panic!("{other:?} has no route"),
    }
}

/// The newest version, which has every operation.
const NEWEST: &str = "2026-07-01-preview";

/// A request to the route of an operation, about `name`.
fn ask(server: &Server, operation: Operation, name: &str) -> Ask {
    let (method, path) = route(operation);
    let path = path.replace("{name}", name).replace("{version}", VERSION);
    server.ask(method, &format!("{path}?api-version={NEWEST}"))
}

fn bearing(ask: Ask, token: &str) -> Ask {
    ask.header("authorization", &format!("Bearer {token}"))
}

/// What a client sees but for what differs from request to request.
fn seen(answer: &Answer) -> (u16, Vec<u8>, Vec<String>) {
    let headers = answer.headers.iter().filter(|(name, _)| *name != "x-ms-request-id");
    let headers = headers.filter(|(name, _)| *name != "date");
    let headers = headers.map(|(name, value)| format!("{name}: {value:?}")).collect();
    (answer.status, answer.body.clone(), headers)
}

#[test]
fn the_list_is_complete() {
    let mut list = String::new();
    for operation in Operation::ALL {
        let (method, path) = route(*operation);
        let (collection, permission) = operation.permission();
        writeln!(
            list,
            "{} {method} {path} {} {collection}/{permission}",
            operation.audit_name(),
            operation.action()
        )
        .unwrap();
    }
    compare("routes.txt", &list);
}

/// An operation that nothing runs would answer as a path of no operation.
#[tokio::test]
async fn every_route_leads_somewhere() {
    let server = Server::start().await;
    for operation in Operation::ALL {
        let answer = server.send(&ask(&server, *operation, "a").body("{}")).await;
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(!said.contains(r#""code":"NotFound""#), "{operation:?}: {said}");
        assert!(answer.status < 500 || *operation == Operation::GetKeyAttestation, "{said}");
    }
}

#[tokio::test]
async fn every_route_asks_who_is_calling() {
    let server = Server::start().await;
    let challenge = format!(
        "Bearer authorization=\"{}/{}\", resource=\"{}\"",
        server.endpoints.authority(),
        server.owner.tenant,
        server.endpoints.vault_resource()
    );
    for operation in Operation::ALL {
        let ask = ask(&server, *operation, "a").without("authorization");
        let answer = server.send(&ask).await.expect(401);
        assert_eq!(answer.header("www-authenticate"), challenge, "{operation:?}");
        assert_eq!(answer.code(), "Unauthorized");
    }
    let records = server.stop().await;
    let asked = records.iter().filter(|record| record.http_status == 401);
    let counted: u32 = asked.map(|record| record.count).sum();
    assert_eq!(counted as usize, Operation::ALL.len(), "each is in the audit, or in a sum");
}

#[tokio::test]
async fn every_route_refuses_whoever_has_no_right() {
    let server = Server::start().await;
    let stranger = server.identity(None).await;
    for operation in Operation::ALL {
        let ask = bearing(ask(&server, *operation, "a"), &stranger.token);
        let answer = server.send(&ask).await.expect(403);
        assert_eq!(answer.inner(), "ForbiddenByRbac", "{operation:?}");
        let action = format!("Action: '{}'", operation.action());
        assert!(answer.message().contains(&action), "{}", answer.message());
    }
    let object_id = stranger.object_id.to_string();
    let records = server.stop().await;
    for operation in Operation::ALL {
        let refused: Vec<_> =
            records.iter().filter(|r| r.operation == operation.audit_name()).collect();
        assert_eq!(refused.len(), 1, "{operation:?}");
        assert_eq!(refused[0].rbac_authorized, Some(false));
        assert_eq!(refused[0].description, "ForbiddenByRbac");
        assert_eq!(refused[0].identity.object_id.as_deref(), Some(object_id.as_str()));
    }
}

/// One role that allows everything but the operation's action; then the same bytes, whether the
/// secret is there, is deleted, or never was.
#[tokio::test]
async fn a_refusal_tells_nothing_of_what_is_there() {
    let server = Server::start().await;
    let stranger = server.identity(None).await;
    for operation in Operation::ALL {
        let ask = bearing(ask(&server, *operation, "a-name"), &stranger.token);
        let absent = seen(&server.send(&ask).await);
        server.set("a-name", "v").await;
        let active = seen(&server.send(&ask).await);
        server.deleted("a-name").await;
        let deleted = seen(&server.send(&ask).await);
        server.delete("/deletedsecrets/a-name").await.expect(204);
        let purged = seen(&server.send(&ask).await);
        assert_eq!(absent.0, 403, "{operation:?}");
        assert!(absent == active && active == deleted && deleted == purged, "{operation:?}");
    }
}

/// A body of a refused request is not read: a huge one is announced and never sent.
#[tokio::test]
async fn a_refused_body_is_not_read() {
    let server = Server::start().await;
    let stranger = server.identity(None).await;
    let refused = |token: Option<&str>, method: &str, path: &str| {
        let bearer = token.map(|token| format!("authorization: Bearer {token}\r\n"));
        format!(
            "{method} {path}?api-version={API} HTTP/1.1\r\nhost: {}\r\n{}\
             content-length: 20000000000\r\n\r\n",
            server.authority("dev.vault"),
            bearer.unwrap_or_default()
        )
    };
    for (status, request) in [
        (401, refused(None, "PUT", "/secrets/a")),
        (401, refused(None, "POST", "/secrets/restore")),
        (403, refused(Some(&stranger.token), "PUT", "/secrets/a")),
        (403, refused(Some(&stranger.token), "POST", "/secrets/restore")),
        (413, refused(Some(&server.token), "PUT", "/secrets/a")),
        (413, refused(Some(&server.token), "POST", "/secrets/restore")),
    ] {
        let answer = server.client.send_raw("dev.vault.localhost", request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}{answer}");
    }
}

/// What a role at one secret's scope allows, and what it does not.
#[tokio::test]
async fn scopes_reach_no_further() {
    let server: Server<MemoryStore> = Server::start().await;
    server.set("mine", "v").await;
    server.set("mine-too", "v").await;
    let vault = server.node.directory.current().vault("dev").unwrap().scope.clone();
    let scope = Scope::parse(&format!("{vault}/secrets/MINE")).unwrap();
    let user = server.identity(Some(("Key Vault Secrets Officer", scope))).await;
    for (method, target, status) in [
        (Method::GET, "/secrets/mine", 200),
        (Method::GET, "/secrets/Mine/versions", 200),
        (Method::POST, "/secrets/mine/backup", 200),
        (Method::GET, "/secrets/mine-too", 403),
        (Method::GET, "/secrets/min", 403),
        (Method::GET, "/secrets", 403),
        (Method::GET, "/deletedsecrets", 403),
    ] {
        let ask = bearing(server.ask(method, target), &user.token);
        assert_eq!(server.send(&ask).await.status, status, "{target}");
    }
    // A backup restores into the whole vault, so a right to one secret is not enough.
    let restore = server.ask(Method::POST, "/secrets/restore");
    let restore = bearing(restore, &user.token).body(json!({ "value": b64("x") }).to_string());
    server.send(&restore).await.expect(403);
    let reader = server.identity(Some(("Key Vault Reader", vault))).await;
    for (method, target, status) in [
        (Method::GET, "/secrets", 200),
        (Method::GET, "/secrets/mine/versions", 200),
        (Method::GET, "/secrets/mine", 403),
        (Method::DELETE, "/secrets/mine", 403),
    ] {
        let ask = bearing(server.ask(method, target), &reader.token);
        assert_eq!(server.send(&ask).await.status, status, "{target}");
    }
}
