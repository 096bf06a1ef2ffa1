//! A vault's firewall, from the side of who should not come in.

use http::Method;
use serde_json::json;
use strongroom_model::{NetworkAcls, Scope};
use strongroom_ops::vaults::VaultSettings;

use crate::support::acme::authority;
use crate::support::{Features, Server};

const GET: Method = Method::GET;

/// A firewall that lets in only these.
fn only(rules: &[&str]) -> VaultSettings {
    let network = NetworkAcls {
        default_deny: true,
        ip_rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
        ..NetworkAcls::default()
    };
    VaultSettings { network: Some(network), ..VaultSettings::default() }
}

fn shut() -> VaultSettings {
    VaultSettings { public_network_access: Some(false), ..VaultSettings::default() }
}

/// The caller as refusals show it.
fn owner(server: &Server) -> String {
    format!(
        "appid={};oid={};numgroups=0;iss=https://login.localhost:{}/{}/v2.0",
        server.owner.client_id,
        server.owner.object_id,
        server.endpoints.port(),
        server.owner.tenant,
    )
}

#[tokio::test]
async fn a_rule_holds_on_the_very_next_request_of_a_connection() {
    let server = Server::start().await;
    server.set("a", "value").await;
    server.get("/secrets/a").await.expect(200);
    server.change(only(&["192.0.2.0/24"])).await;
    let refused = server.get("/secrets/a").await.expect(403);
    assert_eq!(
        (refused.code().as_str(), refused.inner().as_str()),
        ("Forbidden", "ForbiddenByFirewall")
    );
    assert_eq!(
        refused.message(),
        format!(
            "Client address is not authorized and caller is not a trusted service.\r\n\
             Client address: 127.0.0.1\r\nCaller: {}\r\nVault: dev;location=local",
            owner(&server)
        )
    );
    server.change(only(&["127.0.0.1"])).await;
    server.get("/secrets/a").await.expect(200);
    server.change(shut()).await;
    let refused = server.get("/secrets/a").await.expect(403);
    assert_eq!(refused.inner(), "ForbiddenByConnection");
    let begin = "Public network access is disabled and request is not from a trusted service nor \
                 via an approved private link.";
    assert!(refused.message().starts_with(begin), "{}", refused.message());
    let open = VaultSettings { public_network_access: Some(true), ..only(&["127.0.0.0/8"]) };
    server.change(open).await;
    server.get("/secrets/a").await.expect(200);
    let records = server.stop().await;
    let refused: Vec<_> = records.iter().filter(|r| r.http_status == 403).collect();
    assert_eq!(refused.len(), 2, "refusals are in the audit");
    assert!(refused.iter().all(|record| record.operation == "SecretGet"));
    assert!(refused.iter().all(|record| record.identity.object_id.is_some()));
}

/// The firewall is before everything that a caller may do, and tells nothing of what is inside.
#[tokio::test]
async fn nothing_is_told_to_whom_the_firewall_keeps_out() {
    let server = Server::start().await;
    server.set("there", "value").await;
    server.change(only(&["192.0.2.0/24"])).await;
    let nobody = server.identity(None).await;
    let mut answers = Vec::new();
    for target in ["/secrets/there", "/secrets/missing", "/nothing", "/secrets/a?api-version=0"] {
        let answer = server.get(target).await.expect(403);
        answers.push((answer.inner(), answer.message()));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    let ask = server.ask(GET, "/secrets/there");
    let bearer = format!("Bearer {}", nobody.token);
    let refused = server.send(&ask.clone().header("authorization", &bearer)).await.expect(403);
    assert_eq!(refused.inner(), "ForbiddenByFirewall", "not by a role");
    server.send(&ask.without("authorization")).await.expect(401);
    let restore = server.post("/secrets/restore", &json!({"value": "AAAA"})).await.expect(403);
    assert_eq!(restore.inner(), "ForbiddenByFirewall");
    let put = server.put("/secrets/new", &json!({"value": "v"})).await.expect(403);
    assert_eq!(put.inner(), "ForbiddenByFirewall");
    server.change(only(&["127.0.0.1"])).await;
    server.get("/secrets/new").await.expect(404);
}

/// Whom nobody trusts says in vain that they are forwarded for somebody.
#[tokio::test]
async fn a_header_opens_nothing() {
    let server = Server::start().await;
    server.change(only(&["192.0.2.7"])).await;
    for header in ["x-forwarded-for", "x-real-ip", "forwarded", "x-client-ip", "true-client-ip"] {
        let value = if header == "forwarded" { "for=192.0.2.7" } else { "192.0.2.7" };
        let ask = server.ask(GET, "/secrets").header(header, value);
        let refused = server.send(&ask).await.expect(403);
        assert!(refused.message().contains("Client address: 127.0.0.1"), "{header}");
    }
}

#[tokio::test]
async fn a_trusted_proxy_names_its_client() {
    let server = Server::with(Features { behind_proxy: true, ..Features::default() }).await;
    server.change(only(&["192.0.2.7", "2001:db8::/32"])).await;
    let through = async |forwarded: &str| {
        let ask = server.ask(GET, "/secrets").header("x-forwarded-for", forwarded);
        server.client.send_http1(&ask).await
    };
    let answer = through("192.0.2.7").await.expect(200);
    let seen = answer.header("x-ms-keyvault-network-info");
    assert_eq!(seen, "conn_type=Ipv4;addr=192.0.2.7;act_addr_fam=InterNetwork;");
    through("2001:db8::9").await.expect(200);
    // The client has written the first; the proxy the second.
    let refused = through("192.0.2.7, 198.51.100.1").await.expect(403);
    assert!(refused.message().contains("Client address: 198.51.100.1\r\n"), "{refused:?}");
    through("192.0.2.7, nonsense").await.expect(403);
    // On one connection, each request is its own client's.
    through("198.51.100.1").await.expect(403);
    through("192.0.2.7").await.expect(200);
    let records = server.stop().await;
    assert!(
        records.iter().any(|r| {
            r.http_status == 403 && r.caller_ip == Some("198.51.100.1".parse().unwrap())
        }),
        "the audit shows the client"
    );
}

/// The PROXY protocol's header, version 2: from 192.0.2.7, or from 198.51.100.1.
fn proxied(last: [u8; 4]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    header.extend_from_slice(&last);
    header.extend_from_slice(&[127, 0, 0, 1, 0xc0, 0, 1, 0xbb]);
    header
}

#[tokio::test]
async fn the_proxy_protocol_is_believed_of_a_trusted_proxy() {
    let server = Server::with(Features { behind_proxy: true, ..Features::default() }).await;
    server.change(only(&["192.0.2.7"])).await;
    let ask = server.ask(GET, "/secrets");
    let inside = server.client.after(&proxied([192, 0, 2, 7]));
    inside.send_http1(&ask).await.expect(200);
    let outside = server.client.after(&proxied([198, 51, 100, 1]));
    let refused = outside.send_http1(&ask).await.expect(403);
    assert!(refused.message().contains("Client address: 198.51.100.1\r\n"), "{refused:?}");
    // A client that came that way is no proxy: its header counts for nothing.
    let lying = ask.clone().header("x-forwarded-for", "192.0.2.7");
    outside.send_http1(&lying).await.expect(403);
    // A proxy may speak for itself (a health check): it is what the firewall sees then.
    let local = server.client.after(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0");
    local.send_http1(&ask).await.expect(403);
}

#[tokio::test]
async fn the_proxy_protocol_of_anybody_else_ends_the_connection() {
    let server = Server::start().await;
    let client = server.client.after(&proxied([192, 0, 2, 7]));
    let ask = server.ask(GET, "/secrets");
    let sent = tokio::spawn(async move { client.send_http1(&ask).await.status });
    assert!(sent.await.is_err(), "no handshake");
    server.get("/secrets").await.expect(200);
}

#[tokio::test]
async fn trusted_services_get_past_where_the_vault_says_so() {
    let server = Server::with(Features { trusts_owner: true, ..Features::default() }).await;
    let other = server.identity(Some(("Key Vault Administrator", Scope::root()))).await;
    let ask = server.ask(GET, "/secrets");
    let bearer = format!("Bearer {}", other.token);
    let as_other = ask.clone().header("authorization", &bearer);
    server.change(only(&["192.0.2.0/24"])).await;
    server.send(&ask).await.expect(200);
    server.send(&as_other).await.expect(403);
    server.change(shut()).await;
    server.send(&ask).await.expect(200);
    server.send(&as_other).await.expect(403);
    let mut none = only(&["192.0.2.0/24"]);
    if let Some(network) = &mut none.network {
        network.bypass_azure_services = false;
    }
    server.change(none).await;
    assert_eq!(server.send(&ask).await.expect(403).inner(), "ForbiddenByConnection");
}

/// What is public has no caller; the address alone decides.
#[tokio::test]
async fn what_authorities_publish_is_behind_the_firewall_too() {
    let server = Server::with(Features { acme: Some(80), ..Features::default() }).await;
    authority(&server, "web").await;
    let leaf = json!({
        "policy": {
            "issuer": {"name": "web"},
            "x509_props": {
                "subject": "CN=localhost",
                "sans": {"dns_names": ["localhost"]},
                "validity_months": 1,
            },
            "key_props": {"kty": "EC", "crv": "P-256"},
        },
    });
    // An authority that has issued nothing publishes nothing.
    server.post("/certificates/leaf/create", &leaf).await.expect(202);
    let statuses = async || {
        let mut statuses = Vec::new();
        for path in ["/pki/root/crl", "/pki/root/ca", "/acme/web/directory"] {
            let ask = server.ask(GET, path).without("authorization");
            statuses.push(server.client.send_http1(&ask).await.status);
        }
        statuses
    };
    assert_eq!(statuses().await, [200, 200, 200]);
    server.change(only(&["192.0.2.0/24"])).await;
    assert_eq!(statuses().await, [404, 404, 404], "no vault is there for them");
    server.change(only(&["127.0.0.1"])).await;
    assert_eq!(statuses().await, [200, 200, 200]);
}
