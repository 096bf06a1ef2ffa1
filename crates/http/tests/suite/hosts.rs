//! Which host a request is for: by its own authority, held against the connection's.

use http::Method;
use strongroom_model::{ResourceGroupName, SoftDelete, VaultName};
use strongroom_ops::vaults::CreateVault;

use crate::support::{Ask, Server};

#[tokio::test]
async fn one_connection_for_several_vaults() {
    let server = Server::start().await;
    server.vault("other", 90, false).await;
    server.set("a", "dev's").await;
    // `send` shares one HTTP/2 connection, whose handshake named dev.vault.localhost.
    let ask = |label: &str| server.ask(Method::GET, "/secrets/a").host(&server.authority(label));
    assert_eq!(server.send(&ask("dev.vault")).await.expect(200).json()["value"], "dev's");
    server.send(&ask("other.vault")).await.expect(404);
    assert_eq!(server.send(&ask("nowhere.vault")).await.expect(404).code(), "VaultNotFound");
    for label in ["login", "management", "x.managedhsm", "graph", "portal"] {
        let answer = server.send(&ask(label)).await.expect(421);
        assert_eq!(answer.code(), "MisdirectedRequest", "{label}");
    }
    for label in ["vault", "a.b.vault", "else"] {
        assert_eq!(server.send(&ask(label)).await.expect(404).code(), "ResourceNotFound");
    }
}

#[tokio::test]
async fn a_handshake_for_another_kind_of_host() {
    let server = Server::start().await;
    for sni in
        ["login.localhost", "management.localhost", "x.managedhsm.localhost", "vault.localhost"]
    {
        let answer = server.client.send_http1_as(sni, &server.ask(Method::GET, "/secrets")).await;
        answer.check(None);
        assert_eq!(answer.expect(421).code(), "MisdirectedRequest", "{sni}");
    }
    let records = server.stop().await;
    let misdirected = records.iter().filter(|record| record.http_status == 421);
    assert_eq!(misdirected.count(), 4, "each is in the audit");
}

#[tokio::test]
async fn spellings_of_a_host() {
    let server = Server::start().await;
    let port = server.endpoints.port();
    for (host, status) in [
        (format!("dev.vault.localhost:{port}"), 200),
        ("dev.vault.localhost".to_owned(), 200),
        (format!("DEV.Vault.LocalHost:{port}"), 200),
        (format!("dev.vault.localhost.:{port}"), 200),
        ("dev.vault.localhost:1".to_owned(), 200),
        (format!("user:hunter2@dev.vault.localhost:{port}"), 200),
        ("dev.vault.localhost:x".to_owned(), 404),
        ("127.0.0.1".to_owned(), 404),
        ("dev.vault.localhost.evil.example".to_owned(), 404),
        (String::new(), 404),
    ] {
        let ask = server.ask(Method::GET, "/secrets").host(&host);
        let answer = server.client.send_http1_as("dev.vault.localhost", &ask).await;
        answer.check(None);
        assert_eq!(answer.status, status, "{host}");
    }
    let absolute = format!(
        "GET https://user:hunter2@dev.vault.localhost:{port}/secrets?api-version=7.4 HTTP/1.1\r\n\
         host: login.localhost\r\nconnection: close\r\nauthorization: Bearer {}\r\n\r\n",
        server.token
    );
    let answer = server.client.send_raw("dev.vault.localhost", absolute.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let old = b"GET /secrets?api-version=7.4 HTTP/1.0\r\n\r\n";
    let answer = server.client.send_raw("dev.vault.localhost", old).await;
    assert!(answer.starts_with("HTTP/1.0 404 ") || answer.starts_with("HTTP/1.1 404 "), "{answer}");
    let records = server.stop().await;
    assert!(!format!("{records:?}").contains("hunter2"), "no password reaches the audit");
}

/// RFC 9112, section 3.2: more than one Host is answered with 400, even if they agree.
#[tokio::test]
async fn what_a_request_may_say_only_once() {
    let server = Server::start().await;
    let (ours, login) = (server.authority("dev.vault"), server.authority("login"));
    let bearer = format!("authorization: Bearer {}\r\n", server.token);
    for (sni, headers) in [
        ("dev.vault.localhost", format!("host: {ours}\r\nhost: example.org\r\n{bearer}")),
        ("dev.vault.localhost", format!("host: {ours}\r\nhost: {ours}\r\n{bearer}")),
        ("login.localhost", format!("host: {login}\r\nhost: {login}\r\n{bearer}")),
        ("dev.vault.localhost", format!("host: {ours}\r\n{bearer}{bearer}")),
        ("dev.vault.localhost", format!("host: {ours}\r\n{bearer}authorization: Basic x\r\n")),
    ] {
        let raw =
            format!("GET /secrets?api-version=7.4 HTTP/1.1\r\n{headers}connection: close\r\n\r\n");
        let answer = server.client.send_raw(sni, raw.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{headers}{answer}");
        assert!(answer.contains(r#"{"error":{"code":"BadParameter","message":""#), "{answer}");
    }
    let records = server.stop().await;
    let refused: u32 = records.iter().filter(|r| r.http_status == 400).map(|r| r.count).sum();
    assert_eq!(refused, 5, "each is in the audit");
}

/// Who has not signed in is not told where a vault is, nor that there is one.
#[tokio::test]
async fn the_region_is_for_those_who_have_signed_in() {
    let server = Server::start().await;
    let request = CreateVault {
        name: VaultName::parse("north").unwrap(),
        subscription: server.owner.subscription,
        resource_group: ResourceGroupName::parse("dev").unwrap(),
        location: Some("norwayeast".into()),
        soft_delete: SoftDelete::new(90, false).unwrap(),
    };
    server.node.ops.create_vault(request, &mut server.node.call()).await.unwrap();
    let north = server.authority("north.vault");
    let region = async |ask: Ask, status: u16| {
        let answer = server.send(&ask.host(&north)).await.expect(status);
        answer.header("x-ms-keyvault-region").to_owned()
    };
    let get = server.ask(Method::GET, "/secrets");
    assert_eq!(region(get.clone().without("authorization"), 401).await, "local");
    assert_eq!(region(get.clone().header("authorization", "Bearer x.y.z"), 401).await, "local");
    assert_eq!(region(get, 200).await, "norwayeast");
    let put = server.ask(Method::PUT, "/secrets/a").body(r#"{"value":"v"}"#);
    assert_eq!(region(put, 200).await, "norwayeast");
    let bad = server.ask(Method::GET, "/secrets?api-version=0");
    assert_eq!(region(bad, 400).await, "norwayeast");
}
