//! The server that `cargo run` started, and the `openssl` command that its answers are checked by.
#![allow(dead_code)] // Each test program uses a part of it.

pub mod openssl;

use std::env;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use azure_core::credentials::{Secret, TokenCredential};
use azure_core::error::ErrorResponse;
use azure_identity::ClientSecretCredential;
use serde_json::Value;

pub fn ready() -> Value {
    let path = env::var("STRONGROOM_READY").expect("run through `cargo run`, which sets it");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

pub fn text(value: &Value) -> &str {
    value.as_str().expect("a text in the ready file")
}

pub fn vault_url(name: &str) -> String {
    let ready = ready();
    format!("https://{name}.vault.{}:{}", text(&ready["base"]), ready["port"])
}

pub fn signed_in(id: &str, secret: &str) -> Arc<dyn TokenCredential> {
    let secret = Secret::new(secret.to_owned());
    let tenant = ready()["tenantId"].clone();
    ClientSecretCredential::new(text(&tenant), id.to_owned(), secret, None).unwrap()
}

pub fn owner() -> Arc<dyn TokenCredential> {
    let owner = &ready()["owner"];
    signed_in(text(&owner["clientId"]), text(&owner["clientSecret"]))
}

pub fn cli(words: &[&str]) -> String {
    let mut command = Command::new(env::var("STRONGROOM_BIN").unwrap());
    command.args(words).arg("--data").arg(env::var("STRONGROOM_DATA").unwrap());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub fn fresh(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Status, code and inner code of a refusal.
pub fn refusal(error: azure_core::Error) -> (u16, String, Option<String>) {
    let status = u16::from(error.http_status().expect("an answer of the server"));
    let detail = ErrorResponse::try_from(error).unwrap().error.unwrap();
    (status, detail.code.unwrap(), detail.inner_error.and_then(|inner| inner.code))
}

pub fn plain(status: u16, code: &str) -> (u16, String, Option<String>) {
    (status, code.into(), None)
}

pub fn inner(status: u16, code: &str, inner: &str) -> (u16, String, Option<String>) {
    (status, code.into(), Some(inner.into()))
}
