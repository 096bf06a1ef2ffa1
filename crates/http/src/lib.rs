//! Speaks the Key Vault REST protocol: TLS, host routing, api-version, JSON, status codes, paging.
//!
//! The way of a request, top to bottom, is [`service`]: connection, host, and then for a vault
//! [`vault`]: authenticate, route, authorise, parse, admit, operate, encode, audit.

mod activity;
mod body;
pub mod connection;
mod error;
mod headers;
mod network;
mod proxy_protocol;
mod public;
mod query;
pub mod server;
pub mod service;
mod slots;
pub mod tls;
mod vault;

pub use connection::Limits;
pub use error::HttpError;
pub use network::NetworkTrust;
pub use server::{Server, Shutdown};
pub use service::Service;
pub use tls::Tls;

#[cfg(any(fuzzing, test))]
pub use vault::{fuzzing, jws};
