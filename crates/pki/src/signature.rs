//! Signatures in X.509: how they are named, made and verified.

use const_oid::db::rfc5912::{
    ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ECDSA_WITH_SHA_512, ID_MGF_1, ID_RSASSA_PSS,
    ID_SHA_256, ID_SHA_384, ID_SHA_512, SHA_256_WITH_RSA_ENCRYPTION, SHA_384_WITH_RSA_ENCRYPTION,
    SHA_512_WITH_RSA_ENCRYPTION,
};
use der::asn1::{AnyRef, BitStringRef, Uint};
use der::{Decode as _, Encode, Sequence};
use spki::AlgorithmIdentifierOwned;
use strongroom_crypto::provider::PrivateKey;
use strongroom_crypto::{digest, public};
use strongroom_model::{Curve, PublicKey, SignatureAlgorithm};

use crate::PkiError;
use crate::public_key::check_key;

/// What is signed, how, and the signature: the outer form of certificates, requests and lists.
#[derive(Clone, Copy, Sequence)]
pub(crate) struct Signed<'a> {
    content: AnyRef<'a>,
    algorithm: AnyRef<'a>,
    signature: BitStringRef<'a>,
}

/// RFC 3279, 2.2.3.
#[derive(Sequence)]
struct EcdsaSignature {
    r: Uint,
    s: Uint,
}

/// RFC 4055, 3.1. The members that are absent are SHA-1's.
#[derive(Sequence)]
struct PssParameters {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    hash: Option<AlgorithmIdentifierOwned>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    mask: Option<AlgorithmIdentifierOwned>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", optional = "true")]
    salt_bytes: Option<u32>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    trailer: Option<u8>,
}

/// How a signature is verified: a scheme of the key, and what hashes the content.
#[derive(Clone, Copy)]
struct Scheme {
    algorithm: SignatureAlgorithm,
    hash: Hash,
}

#[derive(Clone, Copy, PartialEq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// How a key signs certificates, and how that is named in them.
pub(crate) fn algorithm_of(
    public: &PublicKey,
) -> Result<(SignatureAlgorithm, AlgorithmIdentifierOwned), PkiError> {
    let (algorithm, oid) = match public {
        PublicKey::Rsa { .. } => (SignatureAlgorithm::Rs256, SHA_256_WITH_RSA_ENCRYPTION),
        PublicKey::Ec { curve: Curve::P256, .. } => (SignatureAlgorithm::Es256, ECDSA_WITH_SHA_256),
        PublicKey::Ec { curve: Curve::P384, .. } => (SignatureAlgorithm::Es384, ECDSA_WITH_SHA_384),
        PublicKey::Ec { curve: Curve::P521, .. } => (SignatureAlgorithm::Es512, ECDSA_WITH_SHA_512),
        PublicKey::Ec { curve: Curve::P256K, .. } => {
            (SignatureAlgorithm::Es256k, ECDSA_WITH_SHA_256)
        }
        PublicKey::Oct { .. } | PublicKey::Akp { .. } => return Err(PkiError::KeyType),
    };
    // RFC 4055, 5, wants NULL; RFC 5758, 3.2, nothing.
    let parameters = matches!(public, PublicKey::Rsa { .. }).then(der::Any::null);
    Ok((algorithm, AlgorithmIdentifierOwned { oid, parameters }))
}

/// Signs `content`, whose algorithm must be the key's [`algorithm_of`], and puts it together.
pub(crate) fn sign(content: &impl Encode, key: &dyn PrivateKey) -> Result<Vec<u8>, PkiError> {
    let (algorithm, identifier) = algorithm_of(key.public())?;
    let content = content.to_der()?;
    let signature = sign_message(algorithm, &content, key)?;
    let identifier = identifier.to_der()?;
    let signed = Signed {
        content: AnyRef::from_der(&content)?,
        algorithm: AnyRef::from_der(&identifier)?,
        signature: BitStringRef::from_bytes(&signature)?,
    };
    Ok(signed.to_der()?)
}

/// The signature of a message as X.509 writes it: ECDSA's is a sequence.
pub(crate) fn sign_message(
    algorithm: SignatureAlgorithm,
    message: &[u8],
    key: &dyn PrivateKey,
) -> Result<Vec<u8>, PkiError> {
    let hash = match algorithm.digest_bytes() {
        Some(64) => Hash::Sha512,
        Some(48) => Hash::Sha384,
        _ => Hash::Sha256,
    };
    let signature = key.sign(algorithm, &hash.digest(message))?;
    if !matches!(key.public(), PublicKey::Ec { .. }) {
        return Ok(signature);
    }
    let (r, s) = signature.split_at_checked(signature.len() / 2).ok_or(PkiError::Encoding)?;
    Ok(EcdsaSignature { r: Uint::new(r)?, s: Uint::new(s)? }.to_der()?)
}

impl<'a> Signed<'a> {
    /// What is signed.
    pub(crate) fn content<T>(&self) -> der::Result<T>
    where
        T: der::DecodeValue<'a, Error = der::Error> + der::FixedTag + 'a,
    {
        self.content.decode_as()
    }

    /// How it is signed (AlgorithmIdentifier, DER).
    pub(crate) fn algorithm_der(&self) -> der::Result<Vec<u8>> {
        self.algorithm.to_der()
    }

    /// Whether the holder of a key made the signature.
    ///
    /// # Errors
    /// [`PkiError::SignatureAlgorithm`] for one that is not verified here, or is of another type
    /// of key; [`PkiError::WeakKey`].
    pub(crate) fn verify(&self, signer: &PublicKey) -> Result<bool, PkiError> {
        check_key(signer)?;
        let identifier = AlgorithmIdentifierOwned::from_der(&self.algorithm.to_der()?)
            .map_err(|_| PkiError::Certificate)?;
        let unknown = || PkiError::SignatureAlgorithm(identifier.oid.to_string());
        let scheme = Scheme::of(&identifier, signer).ok_or_else(unknown)?;
        let Some(bytes) = self.signature.as_bytes() else {
            return Ok(false);
        };
        let digest = scheme.hash.digest(&self.content.to_der()?);
        let PublicKey::Ec { curve, .. } = signer else {
            return Ok(public::verify(signer, scheme.algorithm, &digest, bytes)?);
        };
        let Some(signature) = fixed_length(bytes, curve.field_bytes()) else {
            return Ok(false);
        };
        let digest = fit(&digest, scheme.algorithm.digest_bytes().unwrap_or_default());
        Ok(public::verify(signer, scheme.algorithm, &digest, &signature)?)
    }
}

impl Scheme {
    fn of(identifier: &AlgorithmIdentifierOwned, signer: &PublicKey) -> Option<Self> {
        let hash = match identifier.oid {
            ID_RSASSA_PSS => {
                let parameters = identifier.parameters.as_ref()?.decode_as().ok()?;
                pss_hash(&parameters)?
            }
            SHA_256_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_256 => Hash::Sha256,
            SHA_384_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_384 => Hash::Sha384,
            SHA_512_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_512 => Hash::Sha512,
            _ => return None,
        };
        let is_ecdsa =
            [ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ECDSA_WITH_SHA_512].contains(&identifier.oid);
        let algorithm = match signer {
            PublicKey::Ec { .. } if is_ecdsa => algorithm_of(signer).ok()?.0,
            PublicKey::Rsa { .. } if !is_ecdsa => hash.rsa(identifier.oid == ID_RSASSA_PSS),
            _ => return None,
        };
        Some(Self { algorithm, hash })
    }
}

impl Hash {
    fn of(identifier: &AlgorithmIdentifierOwned) -> Option<Self> {
        [(ID_SHA_256, Self::Sha256), (ID_SHA_384, Self::Sha384), (ID_SHA_512, Self::Sha512)]
            .into_iter()
            .find_map(|(oid, hash)| (oid == identifier.oid).then_some(hash))
    }

    fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => digest::sha256(bytes).to_vec(),
            Self::Sha384 => digest::sha384(bytes).to_vec(),
            Self::Sha512 => digest::sha512(bytes).to_vec(),
        }
    }

    fn bytes(self) -> u32 {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn rsa(self, pss: bool) -> SignatureAlgorithm {
        match (self, pss) {
            (Self::Sha256, false) => SignatureAlgorithm::Rs256,
            (Self::Sha384, false) => SignatureAlgorithm::Rs384,
            (Self::Sha512, false) => SignatureAlgorithm::Rs512,
            (Self::Sha256, true) => SignatureAlgorithm::Ps256,
            (Self::Sha384, true) => SignatureAlgorithm::Ps384,
            (Self::Sha512, true) => SignatureAlgorithm::Ps512,
        }
    }
}

/// The hash of PSS parameters that use one hash for everything, and a salt as long as it.
fn pss_hash(parameters: &PssParameters) -> Option<Hash> {
    let hash = Hash::of(parameters.hash.as_ref()?)?;
    let mask = parameters.mask.as_ref().filter(|mask| mask.oid == ID_MGF_1)?;
    let mask_hash = mask.parameters.as_ref()?.decode_as().ok()?;
    let fits = Hash::of(&mask_hash) == Some(hash)
        && parameters.salt_bytes == Some(hash.bytes())
        && parameters.trailer.is_none_or(|trailer| trailer == 1);
    fits.then_some(hash)
}

/// `r || s`, each of a length, of an ECDSA signature in its ASN.1 form.
fn fixed_length(signature: &[u8], bytes: usize) -> Option<Vec<u8>> {
    let EcdsaSignature { r, s } = EcdsaSignature::from_der(signature).ok()?;
    let mut fixed = Vec::with_capacity(2 * bytes);
    for number in [r.as_bytes(), s.as_bytes()] {
        fixed.extend(std::iter::repeat_n(0, bytes.checked_sub(number.len())?));
        fixed.extend_from_slice(number);
    }
    Some(fixed)
}

/// A digest of another length than the curve's own scheme has, made so long: ECDSA takes the
/// leftmost bits of a longer one, and a shorter one as the number it is (FIPS 186-5, 6.4.1).
fn fit(digest: &[u8], bytes: usize) -> Vec<u8> {
    let taken = digest.get(..bytes).unwrap_or(digest);
    let zeros = bytes.saturating_sub(taken.len());
    std::iter::repeat_n(0, zeros).chain(taken.iter().copied()).collect()
}
