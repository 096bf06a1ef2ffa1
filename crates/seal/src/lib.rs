//! The key hierarchy, its protectors, and the sealing of records.
//!
//! ```text
//! protector (key file, passphrase, systemd credential)
//!   └─ root key
//!        ├─ system key      directory rows, token-signing keys, the CA's key
//!        ├─ audit key       the audit chain
//!        ├─ list-token key  skip tokens
//!        ├─ backup keys     one per subscription
//!        └─ vault keys      one per vault
//!             └─ records    each under a key of its own, derived by HKDF from a random salt
//! ```

mod error;
mod key_ring;
mod keys;
mod place;
pub mod plaintext;
pub mod protector;
mod record;

pub use error::SealError;
pub use key_ring::{KeyRing, Purpose};
pub use keys::{DataKeys, RecordKey};
pub use place::{Part, Place};
pub use protector::Protector;
