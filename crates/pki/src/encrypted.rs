//! What a file encrypts under its password: PBES2 (RFC 8018, appendix A.4) and the older schemes of
//! PKCS#12 (RFC 7292, appendix C), by the identifiers that the file names them with.

use std::num::NonZeroU32;

use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, OctetStringRef};
use der::{Decode as _, Encode as _, Sequence};
use spki::{AlgorithmIdentifierOwned, AlgorithmIdentifierRef};
use strongroom_crypto::pbe::{self, Cipher, Hash, Purpose};
use strongroom_crypto::{SecretBytes, random};

use crate::PkiError;

/// How many hashes the derivations of one file may compute, all together. NSS and GnuTLS iterate
/// 600,000 times for each of MAC, key and certificates; the latter's triple DES then takes 4.8
/// million hashes. This many take up to two seconds.
const MAX_HASHES: u64 = if cfg!(fuzzing) { 20_000 } else { 6_000_000 };

/// RFC 8018, appendix A.4.
const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");
/// RFC 8018, appendix A.2.
const PBKDF2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.12");

/// RFC 8018, appendix B.1.
const HMACS: [(ObjectIdentifier, Hash); 4] = [
    (ObjectIdentifier::new_unwrap("1.2.840.113549.2.7"), Hash::Sha1),
    (HMAC_SHA256, Hash::Sha256),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.2.10"), Hash::Sha384),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.2.11"), Hash::Sha512),
];
const HMAC_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.9");

/// The ciphers of PBES2 and the length of their keys in bytes (RFC 8018, appendix B.2).
const CIPHERS: [(ObjectIdentifier, Cipher, usize); 4] = [
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.2"), Cipher::Aes, 16),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.22"), Cipher::Aes, 24),
    (AES_256_CBC, Cipher::Aes, AES_256_BYTES),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.3.7"), Cipher::TripleDes, 24),
];
const AES_256_CBC: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.42");
const AES_256_BYTES: usize = 32;

/// The schemes of PKCS#12 and the length of their keys in bytes (RFC 7292, appendix C). The two
/// that use RC4 are not read.
const PKCS12_SCHEMES: [(ObjectIdentifier, Cipher, usize); 4] = [
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.3"), Cipher::TripleDes, 24),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.4"), Cipher::TripleDes, 16),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.5"), Cipher::Rc2, 16),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.1.6"), Cipher::Rc2, 5),
];
/// The block, and so the initialization vector, of their ciphers, in bytes.
const PKCS12_IV_BYTES: usize = 8;

/// Why something stays encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Locked {
    /// The password is wrong, or the ciphertext damaged.
    Password,
    /// The scheme is none that is read.
    Scheme,
    /// The derivation iterates too often.
    Cost,
}

impl Locked {
    /// For the caller, when a wrong password is `wrong`.
    pub(crate) fn or_wrong(self, wrong: PkiError) -> PkiError {
        match self {
            Self::Password => wrong,
            Self::Scheme => PkiError::Scheme,
            Self::Cost => PkiError::TooCostly,
        }
    }
}

/// A password in the two encodings that derivations take.
pub(crate) struct Password {
    utf8: SecretBytes,
    /// Big-endian, and ended by a zero character.
    utf16: SecretBytes,
}

impl Password {
    /// `None` unless the text is UTF-8.
    pub(crate) fn new(text: &SecretBytes) -> Option<Self> {
        let units = || std::str::from_utf8(text.expose()).ok().map(|text| text.encode_utf16());
        let mut utf16 = Vec::with_capacity(2 * units()?.count() + 2);
        utf16.extend(units()?.chain([0]).flat_map(u16::to_be_bytes));
        let utf8 = SecretBytes::new(text.expose().to_vec());
        Some(Self { utf8, utf16: SecretBytes::new(utf16) })
    }

    /// No password, which some writers of PKCS#12 tell from an empty one.
    pub(crate) fn absent() -> Self {
        Self { utf8: SecretBytes::default(), utf16: SecretBytes::default() }
    }
}

/// What is left of the hashes that one file may ask for.
pub(crate) struct Allowance(u64);

impl Allowance {
    pub(crate) fn new() -> Self {
        Self(MAX_HASHES)
    }

    /// Pays for a derivation of `length` bytes, in which an iteration computes `hashes` for each
    /// digest of output.
    fn pay(
        &mut self,
        iterations: u32,
        hashes: u64,
        hash: Hash,
        length: usize,
    ) -> Result<NonZeroU32, Locked> {
        let iterations = NonZeroU32::new(iterations).ok_or(Locked::Scheme)?;
        let digests = u64::try_from(length.div_ceil(hash.bytes())).map_err(|_| Locked::Cost)?;
        let price = u64::from(iterations.get()) * hashes * digests;
        self.0 = self.0.checked_sub(price).ok_or(Locked::Cost)?;
        Ok(iterations)
    }
}

/// PBES2-params.
#[derive(Sequence)]
struct Pbes2<'a> {
    derivation: AlgorithmIdentifierRef<'a>,
    cipher: AlgorithmIdentifierRef<'a>,
}

/// PBKDF2-params, with a salt in the file.
#[derive(Sequence)]
struct Pbkdf2<'a> {
    salt: &'a OctetStringRef,
    iterations: u32,
    #[asn1(optional = "true")]
    key_bytes: Option<u16>,
    /// HMAC-SHA-1 unless said otherwise.
    #[asn1(optional = "true")]
    function: Option<AlgorithmIdentifierRef<'a>>,
}

/// pkcs-12PbeParams.
#[derive(Sequence)]
struct Pkcs12Parameters<'a> {
    salt: &'a OctetStringRef,
    iterations: u32,
}

/// Decrypts what a file encrypted under its password.
pub(crate) fn decrypt(
    scheme: AlgorithmIdentifierRef<'_>,
    ciphertext: &[u8],
    password: &Password,
    allowance: &mut Allowance,
) -> Result<SecretBytes, Locked> {
    let parameters = scheme.parameters.ok_or(Locked::Scheme)?;
    if scheme.oid == PBES2 {
        return decrypt_pbes2(parameters, ciphertext, password, allowance);
    }
    let known = PKCS12_SCHEMES.iter().find(|(oid, ..)| *oid == scheme.oid);
    let (_, cipher, key_bytes) = *known.ok_or(Locked::Scheme)?;
    let parameters: Pkcs12Parameters<'_> = parameters.decode_as().map_err(|_| Locked::Scheme)?;
    let mut derive = |purpose, length| {
        let (salt, hash) = (parameters.salt.as_bytes(), Hash::Sha1);
        pkcs12(hash, purpose, password, salt, parameters.iterations, length, allowance)
    };
    let key = derive(Purpose::Key, key_bytes)?;
    let iv = derive(Purpose::Iv, PKCS12_IV_BYTES)?;
    pbe::decrypt(cipher, &key, iv.expose(), ciphertext).map_err(|_| Locked::Password)
}

/// The derivation of PKCS#12, paid for.
pub(crate) fn pkcs12(
    hash: Hash,
    purpose: Purpose,
    password: &Password,
    salt: &[u8],
    iterations: u32,
    length: usize,
    allowance: &mut Allowance,
) -> Result<SecretBytes, Locked> {
    let iterations = allowance.pay(iterations, 1, hash, length)?;
    Ok(pbe::pkcs12(hash, purpose, &password.utf16, salt, iterations, length))
}

fn decrypt_pbes2(
    parameters: AnyRef<'_>,
    ciphertext: &[u8],
    password: &Password,
    allowance: &mut Allowance,
) -> Result<SecretBytes, Locked> {
    let Pbes2 { derivation, cipher } = parameters.decode_as().map_err(|_| Locked::Scheme)?;
    let known = CIPHERS.iter().find(|(oid, ..)| *oid == cipher.oid);
    let (_, kind, key_bytes) = *known.ok_or(Locked::Scheme)?;
    let iv = cipher.parameters.and_then(|iv| iv.decode_as::<&OctetStringRef>().ok());
    let iv = iv.ok_or(Locked::Scheme)?.as_bytes();
    let parameters = derivation.parameters.filter(|_| derivation.oid == PBKDF2);
    let pbkdf2 = parameters.and_then(|parameters| parameters.decode_as::<Pbkdf2<'_>>().ok());
    let pbkdf2 = pbkdf2.ok_or(Locked::Scheme)?;
    if pbkdf2.key_bytes.is_some_and(|bytes| usize::from(bytes) != key_bytes) {
        return Err(Locked::Scheme);
    }
    let hash = hmac_hash(pbkdf2.function)?;
    let iterations = allowance.pay(pbkdf2.iterations, 2, hash, key_bytes)?;
    let salt = pbkdf2.salt.as_bytes();
    let key = pbe::pbkdf2(hash, &password.utf8, salt, iterations, key_bytes);
    pbe::decrypt(kind, &key, iv, ciphertext).map_err(|_| Locked::Password)
}

fn hmac_hash(function: Option<AlgorithmIdentifierRef<'_>>) -> Result<Hash, Locked> {
    let Some(function) = function else { return Ok(Hash::Sha1) };
    let known = HMACS.iter().find(|(oid, _)| *oid == function.oid);
    known.map(|(_, hash)| *hash).ok_or(Locked::Scheme)
}

/// A key under which several parts of one file are encrypted, each with an IV of its own.
pub(crate) struct FileKey {
    key: SecretBytes,
    salt: [u8; 16],
    iterations: u32,
}

impl FileKey {
    /// For a file whose password is empty: PBKDF2 with HMAC-SHA-256.
    pub(crate) fn without_password(iterations: NonZeroU32) -> Result<Self, PkiError> {
        let (salt, password) = (random::bytes()?, SecretBytes::default());
        let key = pbe::pbkdf2(Hash::Sha256, &password, &salt, iterations, AES_256_BYTES);
        Ok(Self { key, salt, iterations: iterations.get() })
    }

    /// Encrypts with AES-256-CBC, and says how, as a file does.
    pub(crate) fn encrypt(
        &self,
        plaintext: &[u8],
    ) -> Result<(AlgorithmIdentifierOwned, Vec<u8>), PkiError> {
        let iv = random::bytes()?;
        let function = AlgorithmIdentifierRef { oid: HMAC_SHA256, parameters: Some(AnyRef::NULL) };
        let pbkdf2 = Pbkdf2 {
            salt: OctetStringRef::new(&self.salt)?,
            iterations: self.iterations,
            key_bytes: None,
            function: Some(function),
        };
        let (pbkdf2, iv_octets) = (pbkdf2.to_der()?, OctetStringRef::new(&iv)?);
        let derivation =
            AlgorithmIdentifierRef { oid: PBKDF2, parameters: Some(AnyRef::from_der(&pbkdf2)?) };
        let cipher =
            AlgorithmIdentifierRef { oid: AES_256_CBC, parameters: Some(iv_octets.into()) };
        let parameters = der::Any::encode_from(&Pbes2 { derivation, cipher })?;
        let scheme = AlgorithmIdentifierOwned { oid: PBES2, parameters: Some(parameters) };
        Ok((scheme, pbe::encrypt_aes(&self.key, iv, plaintext)?))
    }
}
