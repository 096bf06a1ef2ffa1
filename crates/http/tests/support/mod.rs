//! A whole server in this process on port 0, and a client that trusts only its CA.
//!
//! Time is the installation's manual clock: it stands still until a test moves it.

pub(crate) mod acme;
mod answer;
mod client;
pub(crate) mod golden;
pub(crate) mod jwk;
mod meddled;
mod node;
mod release;
mod server;
pub(crate) mod tokens;

pub(crate) use answer::Answer;
pub(crate) use client::{Ask, Client};
pub(crate) use meddled::{MeddledStore, Mood};
pub(crate) use node::{Node, audited, embedded};
pub(crate) use server::{Features, Identity, Server};

/// The version that a request names unless the test says otherwise.
pub(crate) const API: &str = "2025-07-01";

/// Seconds in a day.
pub(crate) const DAY: u32 = 86_400;
