//! The server: how it is set up, how its parts are opened, and how it stops.

mod acme;
mod attestation;
pub(crate) mod dev;
mod health;
mod holder;
pub(crate) mod init;
mod issuers;
mod keys;
mod listen;
mod mail;
mod network;
mod node;
mod notices;
mod owners;
mod publication;
mod ready;
pub(crate) mod root_key;
mod running;
pub(crate) mod serve;
mod tasks;
mod token_audit;
mod trust;

pub(crate) use node::Node;
pub(crate) use tasks::{carry_out, sweep_all};
pub(crate) use trust::SYSTEM_ROOTS;
