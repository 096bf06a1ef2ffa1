//! The data plane as a client sees it: a server in this process, asked over verified TLS.

#[path = "../support/mod.rs"]
mod support;

mod bad_input;
mod goldens;
mod refusals;
mod routes;
