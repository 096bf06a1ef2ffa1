//! Algorithms by JOSE name, random numbers, and memory that forgets.
//!
//! The only crate (with `pki` for X.509) that names a cryptography library. Everything here is a
//! thin, typed door to aws-lc-rs: no primitive is written by hand.

pub mod aead;
pub mod digest;
mod error;
mod ffi;
pub mod jws;
pub mod kdf;
pub mod mac;
pub mod pbe;
pub mod process;
pub mod provider;
pub mod public;
pub mod random;
pub mod rsa_aes_key_wrap;
mod secret;
pub mod sign;
pub mod software;

pub use error::CryptoError;
pub use mac::MacKey;
pub use secret::{SecretBytes, SymmetricKey};
