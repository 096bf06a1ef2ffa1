//! One connection: handshake, then HTTP/2 or HTTP/1.1 as ALPN agreed, within limits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ProtocolVersion;
use strongroom_model::ConnectionInfo;
use strongroom_store::Store;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::activity::Activity;
use crate::headers::Connection;
use crate::proxy_protocol;
use crate::public;
use crate::service::Service;
use crate::tls::ACME_TLS;

/// What one client may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; more wait in the listen queue. One peer gets a quarter of them, and
    /// this machine a half.
    pub connections: usize,
    /// How long a TLS handshake may take.
    pub handshake: Duration,
    /// How long the headers of a connection's first request may take.
    pub first: Duration,
    /// How long the headers of a later request may take, and how long a connection may idle.
    pub headers: Duration,
    /// How long a connection that has idled or aged enough may go on with what is in flight, such
    /// as an answer that the client is slow to read.
    pub finish: Duration,
    /// How long a connection may take requests.
    pub age: Duration,
    /// The most bytes of a request's headers. A bearer token is one to three thousand.
    pub header_bytes: usize,
    /// HTTP/2 streams at once on a connection.
    pub streams: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            handshake: Duration::from_secs(10),
            first: Duration::from_secs(15),
            headers: Duration::from_secs(120),
            finish: Duration::from_secs(120),
            age: Duration::from_secs(3_600),
            header_bytes: 64 * 1024,
            streams: 128,
        }
    }
}

/// Descriptors that are kept for files, listeners, and connections to elsewhere.
const OWN_DESCRIPTORS: u64 = 256;

impl Limits {
    /// The default, with no more connections than a limit on open descriptors has room for.
    pub fn for_descriptors(limit: u64) -> Self {
        let standard = Self::default();
        let room = usize::try_from(limit.saturating_sub(OWN_DESCRIPTORS)).unwrap_or(usize::MAX);
        Self { connections: room.clamp(16, standard.connections), ..standard }
    }

    /// Those of a listener for what is public, beside one with [`Limits::for_descriptors`] of the
    /// same limit: it takes from what that leaves, and lets those who ask for nothing go sooner.
    pub fn public(limit: u64) -> Self {
        let beside = Self::for_descriptors(limit);
        let room = usize::try_from(limit.saturating_sub(OWN_DESCRIPTORS)).unwrap_or(usize::MAX);
        Self {
            connections: room.saturating_sub(beside.connections).clamp(64, 2_000),
            first: Duration::from_secs(10),
            headers: Duration::from_secs(30),
            finish: Duration::from_secs(30),
            header_bytes: 16 * 1024,
            ..beside
        }
    }
}

/// Serves a connection until it ends, or until `stop` and its requests in flight are answered.
pub(crate) async fn serve<S: Store>(
    mut stream: TcpStream,
    peer: SocketAddr,
    acceptor: TlsAcceptor,
    limits: Limits,
    service: Arc<Service<S>>,
    stop: CancellationToken,
) {
    let Ok(local) = stream.local_addr() else { return };
    let _ = stream.set_nodelay(true);
    let shake = async {
        let client = client(&mut stream, peer, &service).await?;
        Ok::<_, std::io::Error>((client, acceptor.accept(stream).await?))
    };
    let (peer, tls) = match tokio::time::timeout(limits.handshake, shake).await {
        Ok(Ok(shaken)) => shaken,
        Ok(Err(error)) => {
            service.metrics().handshake_failed();
            tracing::debug!(%peer, %error, "the TLS handshake failed");
            return;
        }
        Err(_) => return service.metrics().handshake_failed(),
    };
    let session = tls.get_ref().1;
    if session.alpn_protocol() == Some(ACME_TLS) {
        // The handshake was the answer; nothing is said on such a connection (RFC 8737, 3).
        return;
    }
    let info = ConnectionInfo {
        local,
        peer,
        sni: session.server_name().map(str::to_ascii_lowercase),
        tls_version: match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => "TLS1_2",
            _ => "TLS1_3",
        },
    };
    let http2 = session.alpn_protocol() == Some(b"h2");
    let connection = Arc::new(Connection::new(info));
    let activity = Activity::new();
    let seen = Arc::clone(&activity);
    let answer = service_fn(move |request| {
        let (service, connection) = (Arc::clone(&service), Arc::clone(&connection));
        let in_flight = seen.request();
        async move {
            let answer = service.respond(connection, request).await;
            drop(in_flight);
            answer
        }
    });
    let io = TokioIo::new(tls);
    let ended = if http2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(20)
            .keep_alive_interval(limits.headers)
            .keep_alive_timeout(limits.handshake);
        drive(builder.serve_connection(io, answer), &activity, &limits, &stop).await
    } else {
        let connection = http1_builder(&limits).serve_connection(io, answer);
        drive(connection, &activity, &limits, &stop).await
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "the connection ended early");
    }
}

/// Who is at the other end: behind a proxy that says so, its client.
async fn client<S: Store>(
    stream: &mut TcpStream,
    peer: SocketAddr,
    service: &Service<S>,
) -> std::io::Result<SocketAddr> {
    if !service.network().is_proxy(peer.ip()) {
        return Ok(peer);
    }
    Ok(proxy_protocol::client(stream).await?.unwrap_or(peer))
}

/// Serves a connection without TLS, which gets nothing but what is public.
pub(crate) async fn serve_plain<S: Store>(
    mut stream: TcpStream,
    peer: SocketAddr,
    limits: Limits,
    service: Arc<Service<S>>,
    stop: CancellationToken,
) {
    let Ok(local) = stream.local_addr() else { return };
    let _ = stream.set_nodelay(true);
    let client = tokio::time::timeout(limits.handshake, client(&mut stream, peer, &service));
    let Ok(Ok(peer)) = client.await else { return };
    let info = ConnectionInfo { local, peer, sni: None, tls_version: "" };
    let connection = Arc::new(Connection::new(info));
    let activity = Activity::new();
    let seen = Arc::clone(&activity);
    let answer = service_fn(move |request| {
        let (service, connection) = (Arc::clone(&service), Arc::clone(&connection));
        let in_flight = seen.request();
        async move {
            let answer = public::respond_plain(service, connection, request).await;
            drop(in_flight);
            answer
        }
    });
    let connection = http1_builder(&limits).serve_connection(TokioIo::new(stream), answer);
    if let Err(error) = drive(connection, &activity, &limits, &stop).await {
        tracing::debug!(%peer, %error, "the connection ended early");
    }
}

fn http1_builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers)
        // Head and body in one buffer: one TLS record, one write.
        .writev(false)
        .max_buf_size(limits.header_bytes.max(8192))
        .max_headers(100);
    builder
}

/// Runs a connection. At `stop`, or when its time is over, it is told to finish what is in flight
/// and take no more; one that has not asked for anything is cut.
async fn drive<C>(
    connection: C,
    activity: &Activity,
    limits: &Limits,
    stop: &CancellationToken,
) -> Result<(), hyper::Error>
where
    C: hyper_util::server::graceful::GracefulConnection<Error = hyper::Error>,
{
    let mut connection = std::pin::pin!(connection);
    loop {
        let due = activity.due(limits);
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = stop.cancelled() => break,
            () = tokio::time::sleep_until(due) => {}
        }
        if activity.due(limits) > Instant::now() {
            continue;
        }
        if activity.is_mute() {
            return Ok(());
        }
        break;
    }
    connection.as_mut().graceful_shutdown();
    tokio::time::timeout(limits.finish, connection).await.unwrap_or(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_public_takes_no_connection_from_vaults() {
        for (limit, public) in [(1_024, 64), (10_256, 64), (11_256, 1_000), (1 << 20, 2_000)] {
            assert_eq!(Limits::public(limit).connections, public, "{limit}");
            let both = Limits::for_descriptors(limit).connections + public;
            assert!(both as u64 <= limit, "{limit}");
        }
    }
}
