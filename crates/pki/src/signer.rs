//! Our P-256 key as the certificate builder's signer.

use const_oid::db::rfc5912::{ECDSA_WITH_SHA_256, ID_EC_PUBLIC_KEY, SECP_256_R_1};
use der::asn1::BitString;
use der::{Document, Encode as _};
use signature::{Keypair, Signer};
use spki::{
    AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, EncodePublicKey,
    SignatureBitStringEncoding, SubjectPublicKeyInfoOwned,
};
use strongroom_crypto::sign::EcSigningKey;

pub(crate) struct CertificateSigner<'a>(pub(crate) &'a EcSigningKey);

/// An uncompressed point of P-256.
#[derive(Clone)]
pub(crate) struct PublicPoint(pub(crate) Vec<u8>);

/// An ECDSA signature in its ASN.1 form.
pub(crate) struct DerSignature(Vec<u8>);

impl PublicPoint {
    /// As certificates hold it.
    pub(crate) fn to_spki(&self) -> der::Result<SubjectPublicKeyInfoOwned> {
        Ok(SubjectPublicKeyInfoOwned {
            algorithm: AlgorithmIdentifierOwned {
                oid: ID_EC_PUBLIC_KEY,
                parameters: Some((&SECP_256_R_1).into()),
            },
            subject_public_key: BitString::from_bytes(&self.0)?,
        })
    }
}

impl EncodePublicKey for PublicPoint {
    fn to_public_key_der(&self) -> spki::Result<Document> {
        Ok(Document::try_from(self.to_spki()?.to_der()?)?)
    }
}

impl Keypair for CertificateSigner<'_> {
    type VerifyingKey = PublicPoint;

    fn verifying_key(&self) -> PublicPoint {
        PublicPoint(self.0.public_point().to_vec())
    }
}

impl DynSignatureAlgorithmIdentifier for CertificateSigner<'_> {
    fn signature_algorithm_identifier(&self) -> spki::Result<AlgorithmIdentifierOwned> {
        Ok(AlgorithmIdentifierOwned { oid: ECDSA_WITH_SHA_256, parameters: None })
    }
}

impl Signer<DerSignature> for CertificateSigner<'_> {
    fn try_sign(&self, message: &[u8]) -> Result<DerSignature, signature::Error> {
        self.0.sign_der(message).map(DerSignature).map_err(|_| signature::Error::new())
    }
}

impl SignatureBitStringEncoding for DerSignature {
    fn to_bitstring(&self) -> der::Result<BitString> {
        BitString::from_bytes(&self.0)
    }
}
