//! The operations without HTTP: set-up, vaults, identities, and what the service does by itself.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod importing;
mod openssl;
mod releasing;
mod rotating;
mod setting_up;
mod support;
mod sweeping;
