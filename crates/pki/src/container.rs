//! What a file holds that brings a certificate with its key.

use strongroom_crypto::SecretBytes;

/// A private key and certificates, as a file has them. Whether they belong together, and whether
/// the certificates are any, is for others to check.
pub struct Container {
    /// The private key in PKCS#8, version 1, DER, if there is one: an RSA or EC key, whose parts
    /// are not checked.
    pub key: Option<SecretBytes>,
    /// The certificates in DER, in the file's order.
    pub certificates: Vec<Vec<u8>>,
}
