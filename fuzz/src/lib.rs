//! What the targets share: fixed keys, and what must hold of every key and every refusal.

pub mod container;
pub mod der;
pub mod jwk;
pub mod keys;
pub mod requests;
pub mod work;

use strongroom_http::fuzzing::Refusal;

/// The api-version that knows every member, type and algorithm.
pub const NEWEST: &str = "2026-07-01-preview";

/// The longest text of a refusal, in characters.
const MAX_MESSAGE: usize = 1_000;

/// A refusal blames the client, in a short clean text.
pub fn assert_refusal(refusal: &Refusal) {
    assert_clean(refusal.status, &refusal.message);
}

/// A refusal's status and text are such.
pub fn assert_clean(status: u16, message: &str) {
    assert!((400..500).contains(&status), "{status} {message}");
    assert!(!message.is_empty() && message.len() <= MAX_MESSAGE, "{message}");
    let is_dirty = |c: char| c.is_control() && !matches!(c, '\r' | '\n');
    assert!(!message.contains(is_dirty), "{message:?}");
}
