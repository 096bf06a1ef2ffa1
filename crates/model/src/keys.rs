//! The rules of keys: types, sizes, curves, permitted operations, and what is known of a version.

use minicbor::{Decode, Encode};

use crate::algorithm::named;
use crate::{EncryptionAlgorithm, ModelError, SignatureAlgorithm};

/// The longest tag name or value of a key, in characters.
pub const MAX_TAG_CHARS: usize = 256;

named! {
    /// The type of a key (`kty`).
    #[derive(Encode, Decode)]
    #[cbor(index_only)]
    KeyType:
    /// An elliptic curve key, in software.
    #[n(0)]
    Ec "EC"
    /// An elliptic curve key, in the vault's device.
    #[n(1)]
    EcHsm "EC-HSM"
    /// An RSA key, in software.
    #[n(2)]
    Rsa "RSA"
    /// An RSA key, in the vault's device.
    #[n(3)]
    RsaHsm "RSA-HSM"
    /// A symmetric key, in software.
    #[n(4)]
    Oct "oct"
    /// A symmetric key, in the device.
    #[n(5)]
    OctHsm "oct-HSM"
    /// A key pair of an algorithm of its own (ML-DSA), in software.
    #[n(6)]
    Akp "AKP"
    /// A key pair of an algorithm of its own (ML-DSA), in the vault's device.
    #[n(7)]
    AkpHsm "AKP-HSM"
}

named! {
    /// An elliptic curve (`crv`).
    #[derive(Encode, Decode)]
    #[cbor(index_only)]
    Curve:
    /// NIST P-256 (secp256r1).
    #[n(0)]
    P256 "P-256"
    /// NIST P-384 (secp384r1).
    #[n(1)]
    P384 "P-384"
    /// NIST P-521 (secp521r1).
    #[n(2)]
    P521 "P-521"
    /// secp256k1, as Key Vault calls it.
    #[n(3)]
    P256K "P-256K"
}

named! {
    /// What a key may be used for (`key_ops`).
    #[derive(Encode, Decode)]
    #[cbor(index_only)]
    KeyOperation:
    /// Encrypt data.
    #[n(0)]
    Encrypt "encrypt"
    /// Decrypt data.
    #[n(1)]
    Decrypt "decrypt"
    /// Sign a digest.
    #[n(2)]
    Sign "sign"
    /// Verify a signature.
    #[n(3)]
    Verify "verify"
    /// Wrap another key.
    #[n(4)]
    WrapKey "wrapKey"
    /// Unwrap another key.
    #[n(5)]
    UnwrapKey "unwrapKey"
    /// Unwrap a key that is being imported (a BYOK key exchange key); excludes every other one.
    #[n(6)]
    Import "import"
    /// Leave by release under a policy.
    #[n(7)]
    Export "export"
    /// Wrap a key that never leaves in the clear.
    #[n(8)]
    SecureWrapKey "secureWrapKey"
    /// Unwrap a key for an attested environment.
    #[n(9)]
    SecureUnwrapKey "secureUnwrapKey"
}

named! {
    /// The algorithm of an `AKP` key.
    #[derive(Encode, Decode)]
    #[cbor(index_only)]
    AkpAlgorithm:
    /// ML-DSA-44 (FIPS 204).
    #[n(0)]
    MlDsa44 "ML-DSA-44"
    /// ML-DSA-65 (FIPS 204).
    #[n(1)]
    MlDsa65 "ML-DSA-65"
    /// ML-DSA-87 (FIPS 204).
    #[n(2)]
    MlDsa87 "ML-DSA-87"
}

impl KeyType {
    /// Whether the private half lies in a device.
    pub fn is_hsm(self) -> bool {
        matches!(self, Self::EcHsm | Self::RsaHsm | Self::OctHsm | Self::AkpHsm)
    }

    /// The type in the vault's device.
    #[must_use]
    pub fn in_device(self) -> Self {
        match self {
            Self::Ec | Self::EcHsm => Self::EcHsm,
            Self::Rsa | Self::RsaHsm => Self::RsaHsm,
            Self::Oct | Self::OctHsm => Self::OctHsm,
            Self::Akp | Self::AkpHsm => Self::AkpHsm,
        }
    }

    /// The type without the device.
    #[must_use]
    pub fn software(self) -> Self {
        match self {
            Self::Ec | Self::EcHsm => Self::Ec,
            Self::Rsa | Self::RsaHsm => Self::Rsa,
            Self::Oct | Self::OctHsm => Self::Oct,
            Self::Akp | Self::AkpHsm => Self::Akp,
        }
    }

    /// Checks the operations that a creator names.
    ///
    /// # Errors
    /// [`ModelError::Key`] for an operation that keys of this type cannot do, and for `import`
    /// together with others.
    pub fn check_operations(self, operations: &[KeyOperation]) -> Result<(), ModelError> {
        use KeyOperation as Op;
        let alone = operations.len() == 1 && self.software() == Self::Rsa;
        if operations.contains(&Op::Import) && !alone {
            return Err(ModelError::Key(
                "The key operation import is for RSA keys alone, and excludes every other.".into(),
            ));
        }
        let signs_only = matches!(self.software(), Self::Ec | Self::Akp);
        let fits = |op: &&Op| match op {
            Op::Sign | Op::Verify | Op::Export => true,
            _ => !signs_only,
        };
        match operations.iter().find(|op| !fits(op)) {
            Some(op) => Err(ModelError::Key(format!(
                "The key operation {op} is not for keys of type {self}."
            ))),
            None => Ok(()),
        }
    }

    /// The operations of a key of this type whose creator named none.
    pub fn default_operations(self) -> &'static [KeyOperation] {
        use KeyOperation::{Decrypt, Encrypt, Sign, UnwrapKey, Verify, WrapKey};
        match self.software() {
            Self::Rsa => &[Encrypt, Decrypt, Sign, Verify, WrapKey, UnwrapKey],
            Self::Oct => &[Encrypt, Decrypt, WrapKey, UnwrapKey],
            _ => &[Sign, Verify],
        }
    }
}

impl Curve {
    /// The size of the field, in bits.
    pub fn bits(self) -> u32 {
        match self {
            Self::P256 | Self::P256K => 256,
            Self::P384 => 384,
            Self::P521 => 521,
        }
    }

    /// The length of a coordinate and of the private scalar, in bytes.
    pub fn field_bytes(self) -> usize {
        match self {
            Self::P256 | Self::P256K => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// The public exponent of RSA keys, unless another was asked for: 65537.
pub const DEFAULT_EXPONENT: u32 = 65_537;

/// A key to be generated: its type without the device, and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub enum KeySpec {
    /// An RSA key.
    #[n(0)]
    Rsa {
        /// The modulus, in bits: 2048, 3072 or 4096.
        #[n(0)]
        bits: u16,
        /// The public exponent: an odd prime.
        #[n(1)]
        exponent: u32,
    },
    /// An elliptic curve key.
    #[n(1)]
    Ec(#[n(0)] Curve),
    /// A symmetric key.
    #[n(2)]
    Oct {
        /// Its length, in bits: 128, 192 or 256.
        #[n(0)]
        bits: u16,
    },
    /// An ML-DSA key pair.
    #[n(3)]
    Akp(#[n(0)] AkpAlgorithm),
}

impl KeySpec {
    /// An RSA key of a size, with the usual exponent or another.
    ///
    /// # Errors
    /// [`ModelError::Key`] for a size other than 2048, 3072 and 4096, and for an exponent that is
    /// no odd prime: one of many factors makes a key many times dearer to find.
    pub fn rsa(bits: u32, exponent: Option<u32>) -> Result<Self, ModelError> {
        let sized = [2048_u16, 3072, 4096].into_iter().find(|known| u32::from(*known) == bits);
        let bits = sized.ok_or_else(|| {
            ModelError::Key(format!("The key size {bits} is not supported: 2048, 3072 or 4096."))
        })?;
        let exponent = exponent.unwrap_or(DEFAULT_EXPONENT);
        if !is_odd_prime(exponent) {
            return Err(ModelError::Key(format!(
                "The public exponent {exponent} is not supported: an odd prime, such as 65537 or 3."
            )));
        }
        Ok(Self::Rsa { bits, exponent })
    }

    /// The key that a client describes by type, size, curve, exponent and algorithm: RSA of 2048
    /// bits, P-256 and 256 bits unless it says otherwise.
    ///
    /// # Errors
    /// [`ModelError::Key`] for a size the type does not have, and for ML-DSA without a name.
    pub fn of(
        key_type: KeyType,
        size: Option<u32>,
        curve: Option<Curve>,
        exponent: Option<u32>,
        algorithm: Option<AkpAlgorithm>,
    ) -> Result<Self, ModelError> {
        match key_type.software() {
            KeyType::Rsa => Self::rsa(size.unwrap_or(2048), exponent),
            KeyType::Oct => Self::oct(size.unwrap_or(256)),
            KeyType::Akp => algorithm.map(Self::Akp).ok_or_else(|| {
                ModelError::Key("A key of type AKP needs its algorithm: alg.".to_owned())
            }),
            _ => {
                let curve = curve.unwrap_or(Curve::P256);
                let bits = curve.bits();
                match size {
                    Some(size) if size != bits => Err(ModelError::Key(format!(
                        "The key size {size} is not that of the curve {curve}: {bits}."
                    ))),
                    _ => Ok(Self::Ec(curve)),
                }
            }
        }
    }

    /// A symmetric key of a size.
    ///
    /// # Errors
    /// [`ModelError::Key`] for a size other than 128, 192 and 256.
    pub fn oct(bits: u32) -> Result<Self, ModelError> {
        let sized = [128_u16, 192, 256].into_iter().find(|known| u32::from(*known) == bits);
        let bits = sized.ok_or_else(|| {
            ModelError::Key(format!("The key size {bits} is not supported: 128, 192 or 256."))
        })?;
        Ok(Self::Oct { bits })
    }
}

/// Whether an RSA key is generated with this exponent.
fn is_odd_prime(exponent: u32) -> bool {
    let divides = |divisor| exponent.is_multiple_of(divisor);
    let last = exponent.isqrt();
    exponent > 2 && !divides(2) && !(3..=last).step_by(2).any(divides)
}

/// The public half of a key: big-endian integers without leading zeros, coordinates at full
/// length.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum PublicKey {
    /// An RSA key.
    #[n(0)]
    Rsa {
        /// The modulus.
        #[cbor(n(0), with = "minicbor::bytes")]
        n: Vec<u8>,
        /// The exponent.
        #[cbor(n(1), with = "minicbor::bytes")]
        e: Vec<u8>,
    },
    /// A point on a curve.
    #[n(1)]
    Ec {
        /// The curve.
        #[n(0)]
        curve: Curve,
        /// The point's x, [`Curve::field_bytes`] long.
        #[cbor(n(1), with = "minicbor::bytes")]
        x: Vec<u8>,
        /// The point's y, [`Curve::field_bytes`] long.
        #[cbor(n(2), with = "minicbor::bytes")]
        y: Vec<u8>,
    },
    /// A symmetric key has no public half.
    #[n(2)]
    Oct {
        /// Its length, in bits.
        #[n(0)]
        bits: u16,
    },
    /// An ML-DSA key.
    #[n(3)]
    Akp {
        /// The algorithm.
        #[n(0)]
        algorithm: AkpAlgorithm,
        /// The public key as FIPS 204 encodes it.
        #[cbor(n(1), with = "minicbor::bytes")]
        public: Vec<u8>,
    },
}

impl PublicKey {
    /// The size of the key, in bits: of the modulus, the curve's field, the symmetric key; `None`
    /// for ML-DSA.
    pub fn bits(&self) -> Option<u32> {
        match self {
            Self::Rsa { n, .. } => u32::try_from(n.len() * 8).ok(),
            Self::Ec { curve, .. } => Some(curve.bits()),
            Self::Oct { bits } => Some(u32::from(*bits)),
            Self::Akp { .. } => None,
        }
    }

    /// The type, without a device.
    pub fn key_type(&self) -> KeyType {
        match self {
            Self::Rsa { .. } => KeyType::Rsa,
            Self::Ec { .. } => KeyType::Ec,
            Self::Oct { .. } => KeyType::Oct,
            Self::Akp { .. } => KeyType::Akp,
        }
    }

    /// A key to be generated that is like this one; an exponent that none is generated with
    /// becomes the usual one.
    pub fn spec(&self) -> KeySpec {
        match self {
            Self::Rsa { n, e } => {
                let exponent = e.iter().try_fold(0_u32, |exponent, byte| {
                    Some(exponent.checked_mul(256)? + u32::from(*byte))
                });
                let bits = u16::try_from(n.len() * 8).unwrap_or(u16::MAX);
                let exponent = exponent.filter(|exponent| is_odd_prime(*exponent));
                KeySpec::Rsa { bits, exponent: exponent.unwrap_or(DEFAULT_EXPONENT) }
            }
            Self::Ec { curve, .. } => KeySpec::Ec(*curve),
            Self::Oct { bits } => KeySpec::Oct { bits: *bits },
            Self::Akp { algorithm, .. } => KeySpec::Akp(*algorithm),
        }
    }

    /// Whether keys of this type and size sign with `algorithm`.
    pub fn signs_with(&self, algorithm: SignatureAlgorithm) -> bool {
        use SignatureAlgorithm as Alg;
        match self {
            Self::Rsa { .. } => matches!(
                algorithm,
                Alg::Rs256
                    | Alg::Rs384
                    | Alg::Rs512
                    | Alg::Ps256
                    | Alg::Ps384
                    | Alg::Ps512
                    | Alg::Rsnull
            ),
            Self::Ec { curve, .. } => matches!(
                (curve, algorithm),
                (Curve::P256, Alg::Es256)
                    | (Curve::P384, Alg::Es384)
                    | (Curve::P521, Alg::Es512)
                    | (Curve::P256K, Alg::Es256k)
            ),
            Self::Oct { .. } => matches!(algorithm, Alg::Hs256 | Alg::Hs384 | Alg::Hs512),
            Self::Akp { algorithm: of, .. } => matches!(
                (of, algorithm),
                (AkpAlgorithm::MlDsa44, Alg::MlDsa44)
                    | (AkpAlgorithm::MlDsa65, Alg::MlDsa65)
                    | (AkpAlgorithm::MlDsa87, Alg::MlDsa87)
            ),
        }
    }

    /// Whether keys of this type and size encrypt or wrap with `algorithm`.
    pub fn encrypts_with(&self, algorithm: EncryptionAlgorithm) -> bool {
        match self {
            Self::Rsa { .. } => algorithm.is_rsa(),
            Self::Oct { bits } => {
                !algorithm.is_rsa() && algorithm.aes_bits().is_none_or(|needed| needed == *bits)
            }
            Self::Ec { .. } | Self::Akp { .. } => false,
        }
    }
}

/// A release policy as its client sent it: the grammar is in [`crate::release`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ReleasePolicy {
    /// `application/json; charset=utf-8` or with `version=1.0`.
    #[n(0)]
    pub content_type: Option<String>,
    /// Whether it can never be changed again.
    #[n(1)]
    pub immutable: bool,
    /// The policy: JSON.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub document: Vec<u8>,
}

/// What is known of a version of a key beside attributes and tags. All of it is public.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct KeyListing {
    /// The type.
    #[n(0)]
    pub key_type: KeyType,
    /// The public half.
    #[n(1)]
    pub public: PublicKey,
    /// What it may be used for, in the client's order.
    #[n(2)]
    pub key_ops: Vec<KeyOperation>,
    /// Whether it may be released under its policy.
    #[n(3)]
    pub exportable: bool,
    /// When it may be released.
    #[n(4)]
    pub release_policy: Option<ReleasePolicy>,
    /// Whether the key lives and dies with a certificate.
    #[n(5)]
    pub managed: Option<bool>,
    /// What protects it: `hsmPlatform` on the wire. 0 is software.
    #[n(6)]
    pub hsm_platform: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_generated_with_prime_exponents() {
        for exponent in [3, 5, 17, 257, 65_537, 4_294_967_291] {
            assert!(KeySpec::rsa(2048, Some(exponent)).is_ok(), "{exponent}");
        }
        for exponent in [0, 1, 2, 4, 9, 65_535, 65_536, 3_234_846_615, u32::MAX] {
            assert!(KeySpec::rsa(2048, Some(exponent)).is_err(), "{exponent}");
        }
    }

    #[test]
    fn a_key_that_follows_an_imported_one_has_an_exponent_that_is_quickly_found() {
        let spec = |e: &[u8]| PublicKey::Rsa { n: vec![0x80; 256], e: e.to_vec() }.spec();
        let rsa = |exponent| KeySpec::Rsa { bits: 2048, exponent };
        assert_eq!(spec(&[3]), rsa(3));
        assert_eq!(spec(&3_234_846_615_u32.to_be_bytes()), rsa(DEFAULT_EXPONENT));
        assert_eq!(spec(&[1, 0, 0, 0, 15]), rsa(DEFAULT_EXPONENT));
    }
}
