//! Who answers challenges wrongly, and where the validator never goes.

use std::sync::Arc;

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::{A, TXT};
use hickory_proto::rr::{RData, Record, RecordType};
use rustls::ServerConfig;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use strongroom_pki::acme::challenge_certificate;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio_rustls::TlsAcceptor;

use super::*;

const AUTHORIZATION: &str = "token.thumbprint";

fn validator(settings: ValidationSettings, listeners: &[SocketAddr]) -> Validator {
    Validator::new(settings, OutgoingRules::new(listeners.to_vec()))
}

fn kind(found: Result<(), Failure>) -> FailureKind {
    found.unwrap_err().kind
}

/// A web server that gives this whole response to everybody.
async fn web(response: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(response.as_bytes()).await;
        }
    });
    port
}

async fn http(response: &str) -> Result<(), Failure> {
    let http_port = web(response.to_owned()).await;
    let settings = ValidationSettings { http_port, ..ValidationSettings::default() };
    validator(settings, &[]).http_01("127.0.0.1", "token", AUTHORIZATION).await
}

fn body(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len())
}

#[tokio::test]
async fn the_body_is_the_key_authorization_and_nothing_else() {
    assert_eq!(http(&body(AUTHORIZATION)).await, Ok(()));
    assert_eq!(http(&body("token.thumbprint\r\n")).await, Ok(()), "RFC 8555, 8.3: trailing space");
    for wrong in ["", "token", " token.thumbprint", "token.thumbprint.x", "x\ntoken.thumbprint"] {
        assert_eq!(kind(http(&body(wrong)).await), FailureKind::Incorrect, "{wrong}");
    }
    let redirect = |location: &str| {
        format!("HTTP/1.1 301 Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
    };
    for elsewhere in [
        "http://169.254.169.254/latest/meta-data",
        "http://localhost/x",
        "http://127.0.0.1:22/x",
        "http://a@127.0.0.1/x",
        "ftp://127.0.0.1/x",
        "gopher:x",
        "x",
        "",
    ] {
        let found = http(&redirect(elsewhere)).await;
        assert_eq!(kind(found), FailureKind::Incorrect, "{elsewhere}");
    }
    // In a circle.
    assert_eq!(kind(http(&redirect("/again")).await), FailureKind::Incorrect);
}

/// Else the account's holder could read what only this server reaches.
#[tokio::test]
async fn what_a_server_answers_instead_is_not_told() {
    let refused = http(&body("token hunter2")).await.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Incorrect);
    assert!(!refused.detail.contains("hunter2"), "{}", refused.detail);
}

#[tokio::test]
async fn link_local_addresses_and_our_own_listeners_are_never_called() {
    let http_port = web(body(AUTHORIZATION)).await;
    let settings = ValidationSettings { http_port, tls_port: http_port, dns: None };
    let own: SocketAddr = format!("127.0.0.1:{http_port}").parse().unwrap();
    let guarded = validator(settings.clone(), &[own]);
    for found in [
        guarded.http_01("127.0.0.1", "token", AUTHORIZATION).await,
        guarded.http_01("localhost", "token", AUTHORIZATION).await,
        guarded.tls_alpn_01("127.0.0.1", AUTHORIZATION).await,
    ] {
        assert_eq!(kind(found), FailureKind::Forbidden);
    }
    for name in [
        "169.254.169.254",
        "fe80::1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "0.0.0.0",
        "fd00:ec2::254",
        "168.63.129.16",
        "100.100.100.200",
    ] {
        let found = validator(settings.clone(), &[]).http_01(name, "token", AUTHORIZATION).await;
        assert_eq!(kind(found), FailureKind::Forbidden, "{name}");
    }
}

/// A name server that leads every name to an address, and has one text.
async fn names(address: [u8; 4], text: &'static [&'static str], truncate: bool) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let server = socket.local_addr().unwrap();
    let answer = move |bytes: &[u8]| {
        let asked = Message::from_vec(bytes).unwrap();
        let query = asked.queries.first().unwrap().clone();
        let mut answer = asked.into_response();
        let data = match query.query_type() {
            RecordType::A => Some(RData::A(A(address.into()))),
            RecordType::TXT => {
                Some(RData::TXT(TXT::new(text.iter().map(|t| (*t).to_owned()).collect())))
            }
            _ => None,
        };
        if let Some(data) = data {
            answer.add_answer(Record::from_rdata(query.name().clone(), 1, data));
        }
        answer
    };
    let tcp = TcpListener::bind(server).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            let mut length = [0; 2];
            stream.read_exact(&mut length).await.unwrap();
            let mut asked = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut asked).await.unwrap();
            let bytes = answer(&asked).to_vec().unwrap();
            let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
            stream.write_all(&[&length, bytes.as_slice()].concat()).await.unwrap();
        }
    });
    tokio::spawn(async move {
        let mut buffer = [0; 4_096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let mut right = answer(&buffer[..length]);
            // Who guesses is first, with another id; and then with another question.
            let mut guess = right.clone();
            guess.metadata.id = guess.metadata.id.wrapping_add(1);
            socket.send_to(&guess.to_vec().unwrap(), from).await.unwrap();
            guess.metadata.id = right.metadata.id;
            guess.queries.clear();
            socket.send_to(&guess.to_vec().unwrap(), from).await.unwrap();
            if truncate {
                right.answers.clear();
                right.metadata.truncation = true;
            }
            socket.send_to(&right.to_vec().unwrap(), from).await.unwrap();
        }
    });
    server
}

/// base64url(SHA-256("token.thumbprint")), as Python's hashlib and base64 have it, in two parts.
const DIGEST: &[&str] = &["61rBZ_4knHblO0MNoxFs", "XZ_eTFUHum0B6IVRbhvUn5I"];

#[tokio::test]
async fn a_text_is_the_digest_whole_over_udp_or_tcp() {
    for truncate in [false, true] {
        let dns = Some(names([127, 0, 0, 1], DIGEST, truncate).await);
        let found = validator(ValidationSettings { dns, ..ValidationSettings::default() }, &[]);
        assert_eq!(found.dns_01("a.example", AUTHORIZATION).await, Ok(()), "{truncate}");
        let other = found.dns_01("a.example", "token.another").await;
        assert_eq!(kind(other), FailureKind::Incorrect);
    }
    let dns = Some(names([127, 0, 0, 1], &DIGEST[..1], false).await);
    let half = validator(ValidationSettings { dns, ..ValidationSettings::default() }, &[]);
    assert_eq!(kind(half.dns_01("a.example", AUTHORIZATION).await), FailureKind::Incorrect);
}

#[tokio::test]
async fn the_configured_name_server_leads_nowhere_forbidden() {
    let dns = Some(names([169, 254, 169, 254], &[], false).await);
    let settings = ValidationSettings { dns, ..ValidationSettings::default() };
    let found = validator(settings, &[]).http_01("meta.example", "token", AUTHORIZATION).await;
    assert_eq!(kind(found), FailureKind::Forbidden);
}

/// A TLS server that has one certificate for everybody.
async fn tls_server(certificate: Vec<u8>, key: &[u8], protocol: &[u8]) -> u16 {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.to_vec()));
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
    // Not held against each other: rustls does not read certificates with that extension.
    let certified = CertifiedKey::new(vec![CertificateDer::from(certificate)], key);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![protocol.to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = acceptor.accept(stream).await;
        }
    });
    port
}

#[tokio::test]
async fn a_certificate_answers_one_challenge_of_one_name() {
    let digest = digest::sha256(AUTHORIZATION.as_bytes());
    let look = async |name: &str, digest: &[u8], protocol: &[u8]| {
        let (certificate, key) = challenge_certificate(name, digest).unwrap();
        let tls_port = tls_server(certificate, key.expose(), protocol).await;
        let settings = ValidationSettings { tls_port, ..ValidationSettings::default() };
        validator(settings, &[]).tls_alpn_01("localhost", AUTHORIZATION).await
    };
    assert_eq!(look("localhost", &digest, b"acme-tls/1").await, Ok(()));
    let another = look("other.example", &digest, b"acme-tls/1").await;
    assert_eq!(kind(another), FailureKind::Incorrect);
    let another = look("localhost", &[7; 32], b"acme-tls/1").await;
    assert_eq!(kind(another), FailureKind::Incorrect);
    assert_eq!(kind(look("localhost", &digest, b"http/1.1").await), FailureKind::Tls);
    // The right certificate, which anybody may have seen, without its key.
    let (certificate, _) = challenge_certificate("localhost", &digest).unwrap();
    let (_, key) = challenge_certificate("localhost", &digest).unwrap();
    let tls_port = tls_server(certificate, key.expose(), b"acme-tls/1").await;
    let settings = ValidationSettings { tls_port, ..ValidationSettings::default() };
    let stolen = validator(settings, &[]).tls_alpn_01("localhost", AUTHORIZATION).await;
    assert_eq!(kind(stolen), FailureKind::Tls);
}
