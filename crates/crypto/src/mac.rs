//! HMAC-SHA-256 (RFC 2104).

use aws_lc_rs::hmac;

use crate::CryptoError;

/// A key for HMAC-SHA-256, its inner and outer states computed once.
pub struct MacKey(hmac::Key);

impl MacKey {
    /// A key from secret bytes.
    pub fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The tag of the parts, one after the other. Callers separate the parts themselves.
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.sign().as_ref());
        out
    }

    /// Checks a tag in constant time.
    ///
    /// # Errors
    /// [`CryptoError::Unauthentic`] when it does not fit.
    pub fn verify(&self, parts: &[&[u8]], tag: &[u8]) -> Result<(), CryptoError> {
        use subtle::ConstantTimeEq;
        if bool::from(self.tag(parts).as_slice().ct_eq(tag)) {
            Ok(())
        } else {
            Err(CryptoError::Unauthentic)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 4231, test case 2.
    #[test]
    fn rfc_4231_case_2() {
        let key = MacKey::new(b"Jefe");
        let tag = key.tag(&[b"what do ya want ", b"for nothing?"]);
        assert_eq!(
            hex::encode(tag),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert!(key.verify(&[b"what do ya want for nothing?"], &tag).is_ok());
        assert!(key.verify(&[b"what do ya want for nothing?"], &tag[..31]).is_err());
        assert!(key.verify(&[b"other"], &tag).is_err());
    }
}
