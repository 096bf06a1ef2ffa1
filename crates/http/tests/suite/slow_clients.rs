//! Clients that take their time, or more than their share.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use strongroom_http::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::support::{API, Server};

const SNI: &str = "dev.vault.localhost";

/// So short that a test can wait for them.
fn impatient() -> Limits {
    Limits {
        first: Duration::from_millis(600),
        headers: Duration::from_millis(300),
        finish: Duration::from_millis(300),
        ..Limits::default()
    }
}

/// Long enough for a busy machine; the default limits are far longer.
const SOON: Duration = Duration::from_secs(8);

/// An HTTP/2 connection that asks every 50 ms whether the server is there, and the task that ends
/// when the server ends it.
async fn pinging(server: &Server) -> (http2::SendRequest<Full<Bytes>>, JoinHandle<()>) {
    let io = TokioIo::new(server.client.tls(SNI, "h2").await);
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_millis(50))
        .keep_alive_while_idle(true)
        .initial_stream_window_size(16)
        .handshake(io)
        .await
        .unwrap();
    (sender, tokio::spawn(async move { drop(connection.await) }))
}

fn get(server: &Server, path: &str) -> Request<Full<Bytes>> {
    Request::get(format!("https://{}{path}?api-version={API}", server.authority("dev.vault")))
        .header("authorization", format!("Bearer {}", server.token))
        .body(Full::default())
        .unwrap()
}

#[tokio::test]
async fn who_asks_for_nothing_is_cut() {
    let server = Server::limited(impatient()).await;
    let (_sender, ended) = pinging(&server).await;
    for half in [b"".as_slice(), b"GET /secrets HTTP/1.1\r\nhost: "] {
        let mut tls = server.client.tls(SNI, "http/1.1").await;
        tls.write_all(half).await.unwrap();
        let began = Instant::now();
        let mut byte = [0];
        let read = tokio::time::timeout(SOON, tls.read(&mut byte)).await.expect("is cut");
        assert!(!matches!(read, Ok(1..)), "nothing is said");
        assert!(began.elapsed() > Duration::from_millis(200));
    }
    tokio::time::timeout(SOON, ended).await.expect("PINGs are no requests").unwrap();
}

#[tokio::test]
async fn who_has_asked_enough_is_sent_away() {
    let patient = Limits { finish: Limits::default().finish, ..impatient() };
    let server = Server::limited(patient).await;
    let (mut sender, ended) = pinging(&server).await;
    let answer = sender.send_request(get(&server, "/nothing")).await.unwrap();
    assert_eq!(answer.status(), 404);
    answer.into_body().collect().await.unwrap();
    tokio::time::timeout(SOON, ended).await.expect("PINGs keep nothing alive").unwrap();
    // However busy it is, no connection takes requests for ever.
    let aged = Limits { age: Duration::from_secs(1), ..Limits::default() };
    let server = Server::limited(aged).await;
    let (mut sender, ended) = pinging(&server).await;
    let busy = async {
        while let Ok(answer) = sender.send_request(get(&server, "/nothing")).await {
            assert_eq!(answer.status(), 404);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, busy).await.expect("it ages");
    tokio::time::timeout(SOON, ended).await.expect("it ends").unwrap();
}

#[tokio::test]
async fn who_never_reads_the_answer_is_cut() {
    let server = Server::limited(impatient()).await;
    // An answer longer than the 16 bytes that this client takes before it reads.
    let (mut sender, ended) = pinging(&server).await;
    let answer = sender.send_request(get(&server, "/nothing")).await.unwrap();
    assert_eq!(answer.status(), 404);
    let began = Instant::now();
    tokio::time::timeout(SOON, ended).await.expect("is cut").unwrap();
    assert!(began.elapsed() > Duration::from_millis(500), "it had the time to finish, too");
    drop(answer);
}

/// On loopback one peer may have half of the connections; the rest is for others.
#[tokio::test]
async fn no_peer_takes_every_connection() {
    let server = Server::limited(Limits { connections: 12, ..Limits::default() }).await;
    let address = (Ipv4Addr::LOCALHOST, server.endpoints.port());
    let mut held = Vec::new();
    let mut refused = 0;
    for _ in 0..8 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut byte = [0];
        match tokio::time::timeout(Duration::from_millis(300), stream.read(&mut byte)).await {
            Ok(_) => refused += 1,
            Err(_) => held.push(stream),
        }
    }
    // The server's own HTTP/2 connection is the sixth.
    assert_eq!((held.len(), refused), (5, 3));
    drop(held);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let ask = server.ask(Method::GET, "/secrets");
    server.client.send_http1(&ask).await.expect(200);
}

#[test]
fn descriptors_bound_connections() {
    for (descriptors, connections) in
        [(1_024, 768), (10_256, 10_000), (524_288, 10_000), (u64::MAX, 10_000), (0, 16)]
    {
        assert_eq!(Limits::for_descriptors(descriptors).connections, connections);
    }
}

/// Many clients read no answer before all is sent: a refused body is taken in, within bounds.
#[tokio::test]
async fn a_refused_body_is_heard_out() {
    let server = Server::start().await;
    let send = async |headers: &str, body: &[u8]| {
        let head = format!(
            "PUT /secrets/a?api-version={API} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\
             authorization: Bearer {}\r\n{headers}\r\n\r\n",
            server.authority("dev.vault"),
            server.token
        );
        let began = Instant::now();
        let answer = server.client.send_raw(SNI, &[head.as_bytes(), body].concat()).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{headers}: {answer}");
        assert!(answer.contains(r#"{"error":{"code":"RequestEntityTooLarge""#), "{answer}");
        began.elapsed()
    };
    let body = vec![b'x'; 8 << 20];
    send("content-length: 8388608", &body).await;
    let chunk = [b"800000\r\n".as_slice(), &body, b"\r\n0\r\n\r\n"].concat();
    send("transfer-encoding: chunked", &chunk).await;
    // Whoever sends nothing, or stops, need not wait for the deadline of a body.
    assert!(send("content-length: 8388608", b"").await < SOON);
    assert!(send("content-length: 8388608", b"{").await < SOON);
    assert!(send("content-length: 9000000000", b"").await < Duration::from_secs(1));
    server.get("/secrets/a").await.expect(404);
}
