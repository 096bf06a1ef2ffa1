//! The data plane as a client sees it: a server in this process, asked over verified TLS.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod access_policies;
mod acme;
mod acme_rows;
mod auditing;
mod backups;
mod bad_input;
mod certificate_bad_input;
mod certificate_goldens;
mod concurrency;
mod crash;
mod firewall;
mod goldens;
mod hosts;
mod key_bad_input;
mod key_goldens;
mod keys;
mod lifecycle;
mod paging;
mod refusals;
mod routes;
mod sign_in;
mod slow_clients;
