//! The algorithms of keys, by their names in JOSE (RFC 7518, RFC 8812) and in Key Vault.

macro_rules! named {
    ($(#[$doc:meta])* $name:ident: $($(#[$variant_doc:meta])* $variant:ident $text:literal)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant),* }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The one of a name, without regard to ASCII case.
            ///
            /// # Errors
            /// [`crate::ModelError::Algorithm`] for every other name.
            pub fn parse(name: &str) -> Result<Self, $crate::ModelError> {
                Self::ALL
                    .iter()
                    .copied()
                    .find(|known| known.name().eq_ignore_ascii_case(name))
                    .ok_or_else(|| $crate::ModelError::algorithm(name))
            }

            /// The name on the wire.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}
pub(crate) use named;

named! {
    /// How a digest (or, for `RSNULL` and ML-DSA, a message) is signed.
    SignatureAlgorithm:
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256 "RS256"
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384 "RS384"
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512 "RS512"
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256, a salt of 32 bytes.
    Ps256 "PS256"
    /// RSASSA-PSS with SHA-384, MGF1 with SHA-384, a salt of 48 bytes.
    Ps384 "PS384"
    /// RSASSA-PSS with SHA-512, MGF1 with SHA-512, a salt of 64 bytes.
    Ps512 "PS512"
    /// PKCS#1 v1.5 padding of what the client sent, without a DigestInfo.
    Rsnull "RSNULL"
    /// ECDSA on P-256 with SHA-256; `r || s`.
    Es256 "ES256"
    /// ECDSA on P-384 with SHA-384; `r || s`.
    Es384 "ES384"
    /// ECDSA on P-521 with SHA-512; `r || s`.
    Es512 "ES512"
    /// ECDSA on secp256k1 with SHA-256; `r || s`.
    Es256k "ES256K"
    /// HMAC with SHA-256.
    Hs256 "HS256"
    /// HMAC with SHA-384.
    Hs384 "HS384"
    /// HMAC with SHA-512.
    Hs512 "HS512"
    /// ML-DSA-44 (FIPS 204).
    MlDsa44 "ML-DSA-44"
    /// ML-DSA-65 (FIPS 204).
    MlDsa65 "ML-DSA-65"
    /// ML-DSA-87 (FIPS 204).
    MlDsa87 "ML-DSA-87"
}

named! {
    /// How data is encrypted, or a key is wrapped.
    EncryptionAlgorithm:
    /// RSAES-PKCS1-v1_5.
    Rsa15 "RSA1_5"
    /// RSAES-OAEP with SHA-1 and MGF1 with SHA-1.
    RsaOaep "RSA-OAEP"
    /// RSAES-OAEP with SHA-256 and MGF1 with SHA-256.
    RsaOaep256 "RSA-OAEP-256"
    /// AES-128-GCM.
    A128Gcm "A128GCM"
    /// AES-192-GCM.
    A192Gcm "A192GCM"
    /// AES-256-GCM.
    A256Gcm "A256GCM"
    /// AES-128 key wrap (RFC 3394).
    A128Kw "A128KW"
    /// AES-192 key wrap (RFC 3394).
    A192Kw "A192KW"
    /// AES-256 key wrap (RFC 3394).
    A256Kw "A256KW"
    /// AES-128-CBC without padding.
    A128Cbc "A128CBC"
    /// AES-192-CBC without padding.
    A192Cbc "A192CBC"
    /// AES-256-CBC without padding.
    A256Cbc "A256CBC"
    /// AES-128-CBC with PKCS#7 padding.
    A128CbcPad "A128CBCPAD"
    /// AES-192-CBC with PKCS#7 padding.
    A192CbcPad "A192CBCPAD"
    /// AES-256-CBC with PKCS#7 padding.
    A256CbcPad "A256CBCPAD"
    /// AES key wrap (RFC 3394) under a key of any AES size; PKCS#11's name.
    CkmAesKeyWrap "CKM_AES_KEY_WRAP"
    /// AES key wrap with padding (RFC 5649) under a key of any AES size; PKCS#11's name.
    CkmAesKeyWrapPad "CKM_AES_KEY_WRAP_PAD"
}

impl SignatureAlgorithm {
    /// The length of the digest it takes, in bytes; `None` if it takes a message of any length.
    pub fn digest_bytes(self) -> Option<usize> {
        match self {
            Self::Rs256 | Self::Ps256 | Self::Es256 | Self::Es256k | Self::Hs256 => Some(32),
            Self::Rs384 | Self::Ps384 | Self::Es384 | Self::Hs384 => Some(48),
            Self::Rs512 | Self::Ps512 | Self::Es512 | Self::Hs512 => Some(64),
            Self::Rsnull | Self::MlDsa44 | Self::MlDsa65 | Self::MlDsa87 => None,
        }
    }
}

impl EncryptionAlgorithm {
    /// The size of the AES key it needs, in bits; `None` if it takes any AES key, or is for RSA.
    pub fn aes_bits(self) -> Option<u16> {
        match self {
            Self::A128Gcm | Self::A128Kw | Self::A128Cbc | Self::A128CbcPad => Some(128),
            Self::A192Gcm | Self::A192Kw | Self::A192Cbc | Self::A192CbcPad => Some(192),
            Self::A256Gcm | Self::A256Kw | Self::A256Cbc | Self::A256CbcPad => Some(256),
            Self::Rsa15
            | Self::RsaOaep
            | Self::RsaOaep256
            | Self::CkmAesKeyWrap
            | Self::CkmAesKeyWrapPad => None,
        }
    }

    /// Whether it is an RSA encryption scheme.
    pub fn is_rsa(self) -> bool {
        matches!(self, Self::Rsa15 | Self::RsaOaep | Self::RsaOaep256)
    }

    /// Whether it wraps keys only (AES key wrap), and encrypts no data.
    pub fn only_wraps(self) -> bool {
        matches!(
            self,
            Self::A128Kw
                | Self::A192Kw
                | Self::A256Kw
                | Self::CkmAesKeyWrap
                | Self::CkmAesKeyWrapPad
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for alg in SignatureAlgorithm::ALL {
            assert_eq!(SignatureAlgorithm::parse(alg.name()).unwrap(), *alg);
        }
        for alg in EncryptionAlgorithm::ALL {
            assert_eq!(EncryptionAlgorithm::parse(alg.name()).unwrap(), *alg);
        }
        assert!(SignatureAlgorithm::parse("none").is_err());
        assert!(EncryptionAlgorithm::parse("RSA-OAEP-384").is_err());
    }
}
