//! The operations without HTTP: set-up, vaults, identities, and what the service does by itself.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod authorities;
mod authority;
mod authority_backups;
mod authority_keys;
mod authority_ledgers;
mod certificate_lives;
mod certificates;
mod certifying;
mod explaining;
mod foreseeing;
mod grouping;
mod importing;
mod issuing;
mod openssl;
mod profiles;
mod releasing;
mod renewing;
mod rotating;
mod scale;
mod setting_up;
mod support;
mod sweeping;
mod unsure;
mod vaults;
