//! The accept loops, and the orderly stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use strongroom_store::Store;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::{serve, serve_plain};
use crate::slots::Slots;
use crate::{HttpError, Limits, Service, Tls};

const BACKLOG: i32 = 4_096;

/// After a failed accept (out of descriptors, say), how long to wait.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Listening sockets, not yet served.
pub struct Server {
    listeners: Vec<TcpListener>,
    limits: Limits,
}

/// The running server; stops it.
pub struct Shutdown {
    accepting: CancellationToken,
    serving: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    /// Binds every address; a port of 0 takes any free one, the same for all.
    ///
    /// # Errors
    /// [`HttpError::Listen`], naming the address that could not be had.
    pub fn bind(addresses: &[SocketAddr], limits: Limits) -> Result<Self, HttpError> {
        let mut listeners: Vec<TcpListener> = Vec::new();
        let mut port = None;
        for address in addresses {
            let mut address = *address;
            if let (0, Some(port)) = (address.port(), port) {
                address.set_port(port);
            }
            let listener =
                listen(address).map_err(|source| HttpError::Listen { address, source })?;
            port = listener.local_addr().ok().map(|bound| bound.port());
            listeners.push(listener);
        }
        Ok(Self { listeners, limits })
    }

    /// The port of the first listener.
    pub fn port(&self) -> Option<u16> {
        self.listeners.first().and_then(|l| l.local_addr().ok()).map(|a| a.port())
    }

    /// Serves until [`Shutdown::stop`].
    pub fn serve<S: Store>(self, tls: &Tls, service: &Arc<Service<S>>) -> Shutdown {
        self.accept(Some(&TlsAcceptor::from(tls.config())), service)
    }

    /// Serves what is public, and without TLS, until [`Shutdown::stop`]: what the vaults'
    /// authorities publish.
    pub fn serve_public<S: Store>(self, service: &Arc<Service<S>>) -> Shutdown {
        self.accept(None, service)
    }

    fn accept<S: Store>(
        self,
        acceptor: Option<&TlsAcceptor>,
        service: &Arc<Service<S>>,
    ) -> Shutdown {
        let shutdown = Shutdown {
            accepting: CancellationToken::new(),
            serving: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let slots = Slots::new(self.limits.connections);
        for listener in self.listeners {
            let accept = Accept {
                acceptor: acceptor.cloned(),
                limits: self.limits,
                service: Arc::clone(service),
                slots: Arc::clone(&slots),
                stop: shutdown.serving.clone(),
                tasks: shutdown.tasks.clone(),
            };
            let until = shutdown.accepting.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = until.cancelled() => {}
                    () = accept.run(listener) => {}
                }
            });
        }
        shutdown
    }
}

impl Shutdown {
    /// Stops accepting, lets requests in flight finish, and cuts what takes longer than `grace`.
    pub async fn stop(self, grace: Duration) {
        self.accepting.cancel();
        self.serving.cancel();
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_err() {
            tracing::warn!("some connections did not finish in time");
        }
    }
}

/// One listener's loop.
struct Accept<S: Store> {
    /// `None` where there is no TLS, and so nothing but what is public.
    acceptor: Option<TlsAcceptor>,
    limits: Limits,
    service: Arc<Service<S>>,
    slots: Arc<Slots>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl<S: Store> Accept<S> {
    async fn run(&self, listener: TcpListener) {
        loop {
            let Ok(room) = self.slots.room().await else { return };
            let (stream, peer): (TcpStream, SocketAddr) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Some(slot) = self.slots.take(room, peer.ip()) else {
                tracing::debug!(%peer, "a peer with its share of connections wants one more");
                continue;
            };
            let (limits, service, stop) =
                (self.limits, Arc::clone(&self.service), self.stop.clone());
            let acceptor = self.acceptor.clone();
            self.tasks.spawn(async move {
                match acceptor {
                    Some(tls) => serve(stream, peer, tls, limits, service, stop).await,
                    None => serve_plain(stream, peer, limits, service, stop).await,
                }
                drop(slot);
            });
        }
    }
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}
