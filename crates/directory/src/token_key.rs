//! The keys that sign tokens.

use std::sync::Arc;

use strongroom_crypto::sign::RsaSigningKey;
use strongroom_model::Timestamp;

/// A key that signs, will sign or has signed tokens.
#[derive(Clone)]
pub struct TokenKey {
    /// Its id in JWKS and token headers.
    pub kid: String,
    /// The key pair.
    pub key: Arc<RsaSigningKey>,
    /// When it was made; from then on JWKS shows it.
    pub created: Timestamp,
    /// From when on it signs; later than `created`, so that verifiers have seen it.
    pub signs_from: Timestamp,
    /// From when on it is neither shown nor accepted.
    pub expires: Timestamp,
}
