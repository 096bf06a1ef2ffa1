//! Access policies on the data plane: who may do what, and the words of each refusal.

use http::Method;
use serde_json::json;
use strongroom_model::{AccessPolicy, ClientId, PolicyPermissions, PrincipalId, Scope};
use strongroom_ops::vaults::VaultSettings;
use uuid::Uuid;

use crate::support::{Identity, Server};

fn policy(server: &Server, object_id: PrincipalId, secrets: &[&str]) -> AccessPolicy {
    let secrets = secrets.iter().map(|name| (*name).to_owned()).collect();
    let permissions = PolicyPermissions { secrets, ..PolicyPermissions::default() };
    AccessPolicy { tenant: server.owner.tenant, object_id, application_id: None, permissions }
}

/// Has access policies decide, these.
async fn decide(server: &Server, policies: Vec<AccessPolicy>) {
    let access_policies = Some(policies);
    let settings = VaultSettings { rbac: Some(false), access_policies, ..VaultSettings::default() };
    server.change(settings).await;
}

fn shown(server: &Server, identity: &Identity) -> String {
    format!(
        "appid={};oid={};numgroups=0;iss=https://login.localhost:{}/{}/v2.0",
        identity.client_id,
        identity.object_id,
        server.endpoints.port(),
        server.owner.tenant,
    )
}

async fn get(server: &Server, identity: &Identity, target: &str) -> (u16, String, String) {
    let bearer = format!("Bearer {}", identity.token);
    let ask = server.ask(Method::GET, target).header("authorization", &bearer);
    let answer = server.send(&ask).await;
    match answer.status {
        200 => (200, String::new(), String::new()),
        status => (status, answer.inner(), answer.message()),
    }
}

#[tokio::test]
async fn each_refusal_has_the_real_service_s_words() {
    let server = Server::start().await;
    server.set("a", "value").await;
    let app = server.identity(Some(("Key Vault Administrator", Scope::root()))).await;
    assert_eq!(get(&server, &app, "/secrets/a").await.0, 200, "by a role");

    decide(&server, Vec::new()).await;
    let caller = shown(&server, &app);
    let expected =
        format!("Access denied. Caller was not found on any access policy.\r\nCaller: {caller}");
    assert_eq!(get(&server, &app, "/secrets/a").await, (403, "AccessDenied".into(), expected));

    decide(&server, vec![policy(&server, app.object_id, &["List"])]).await;
    let expected = format!(
        "The user, group or application '{caller}' does not have secrets get permission on key \
         vault 'dev;location=local'. For help resolving this issue, please see \
         https://go.microsoft.com/fwlink/?linkid=2125287"
    );
    let refused = get(&server, &app, "/secrets/a").await;
    assert_eq!(refused, (403, "ForbiddenByPolicy".into(), expected));
    assert_eq!(get(&server, &app, "/secrets").await.0, 200);
    let missing = get(&server, &app, "/secrets/missing").await;
    assert_eq!(missing, refused, "whether a secret is there is not told");

    let through = AccessPolicy {
        application_id: Some(ClientId(Uuid::from_u128(1))),
        ..policy(&server, app.object_id, &["get"])
    };
    decide(&server, vec![through]).await;
    let expected = format!(
        "The policy requires the caller '{caller}' to use on-behalf-of (OBO) flow. For more \
         information on OBO, please see https://go.microsoft.com/fwlink/?linkid=2152310"
    );
    let refused = get(&server, &app, "/secrets/a").await;
    assert_eq!(refused, (403, "ForbiddenByPolicy".into(), expected));

    decide(&server, vec![policy(&server, app.object_id, &["Get"])]).await;
    assert_eq!(get(&server, &app, "/secrets/a").await.0, 200);
    let roles = VaultSettings { rbac: Some(true), ..VaultSettings::default() };
    server.change(roles).await;
    server.remove_roles(app.object_id).await;
    let refused = get(&server, &app, "/secrets/a").await;
    assert_eq!(refused.1, "ForbiddenByRbac", "the policy is kept, and gives nothing");
}

/// The owner of everything has no more in such a vault than its policies say.
#[tokio::test]
async fn no_role_reaches_into_a_vault_of_access_policies() {
    let server = Server::start().await;
    server.set("a", "value").await;
    let key = json!({"kty": "EC", "crv": "P-256"});
    server.create_key("k", &key).await;
    decide(&server, Vec::new()).await;
    for target in ["/secrets", "/secrets/a", "/keys/k", "/certificates", "/deletedkeys"] {
        let refused = server.get(target).await.expect(403);
        assert_eq!(refused.inner(), "AccessDenied", "{target}");
    }
    let keys = PolicyPermissions { keys: vec!["get".into()], ..PolicyPermissions::default() };
    let reader = AccessPolicy { permissions: keys, ..policy(&server, server.owner.object_id, &[]) };
    decide(&server, vec![reader]).await;
    server.get("/keys/k").await.expect(200);
    let verify = json!({"alg": "ES256", "digest": "A".repeat(43), "value": "A".repeat(86)});
    let refused = server.post("/keys/k//verify", &verify).await;
    assert_eq!((refused.status, refused.inner().as_str()), (403, "ForbiddenByPolicy"));
}

#[tokio::test]
async fn an_allowed_request_is_audited_without_an_assignment() {
    let server = Server::start().await;
    server.set("a", "value").await;
    decide(&server, vec![policy(&server, server.owner.object_id, &["all"])]).await;
    server.get("/secrets/a").await.expect(200);
    let records = server.stop().await;
    let read = records.iter().rfind(|record| record.operation == "SecretGet").unwrap();
    assert_eq!((read.http_status, read.applied_assignment_id.as_deref()), (200, None));
    let set = records.iter().find(|record| record.operation == "SecretSet").unwrap();
    assert!(set.applied_assignment_id.is_some(), "by a role before");
}
