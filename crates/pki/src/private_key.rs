//! Private keys from files, in the one form that we keep.

use der::asn1::AnyRef;
use der::{Decode as _, Tag, Tagged as _};
use strongroom_crypto::SecretBytes;
use strongroom_crypto::software::private_key_file::{Encoding, to_pkcs8};

use crate::PkiError;

/// From one of the encodings of files.
pub(crate) fn from(encoding: Encoding, der: &SecretBytes) -> Result<SecretBytes, PkiError> {
    to_pkcs8(encoding, der).map_err(|_| PkiError::PrivateKey)
}

/// From PKCS#8 that was decrypted: `wrong` when it is not even a sequence. The padding of one
/// ciphertext in 256 is right by chance under a wrong password.
pub(crate) fn from_decrypted(der: &SecretBytes, wrong: PkiError) -> Result<SecretBytes, PkiError> {
    match AnyRef::from_der(der.expose()) {
        Ok(value) if value.tag() == Tag::Sequence => from(Encoding::Pkcs8, der),
        _ => Err(wrong),
    }
}
