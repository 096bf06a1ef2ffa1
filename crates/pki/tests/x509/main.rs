//! Certificates, requests, lists and responses, judged by OpenSSL.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failure here is a failed test")]

mod chains;
mod constraints;
mod damage;
mod issuing;
mod names;
mod requests;
mod revocation;
mod support;
