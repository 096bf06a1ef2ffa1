//! Which host a request is for: by its own authority, held against the connection's.

use http::Method;

use crate::support::Server;

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
