//! Chains: a certificate, the one whose key signed it, and so on.

use strongroom_model::{PublicKey, Timestamp};
use x509_cert::ext::pkix::BasicConstraints;

use crate::certificate::Certificate;
use crate::validity::rfc3339;
use crate::{PkiError, Validity};

/// The most certificates of a chain.
pub const MAX_CHAIN: usize = 10;

/// Certificates (DER) in any order, put in order: the one of `public` first, each signed by the
/// next, which is verified. A chain may end below its root; a certificate that is there twice
/// counts once.
///
/// # Errors
/// [`PkiError::NoCertificateOfKey`] when none has that key, [`PkiError::Stray`] when one belongs
/// nowhere, [`PkiError::LongChain`] beyond [`MAX_CHAIN`], [`PkiError::Signature`] for a signature
/// that does not fit, [`PkiError::NotAuthority`] for one by a certificate that may not certify,
/// [`PkiError::SignatureAlgorithm`] or [`PkiError::WeakKey`] for one that can not
/// be relied on, [`PkiError::Certificate`] for a malformed certificate.
pub fn order_chain(
    certificates: Vec<Vec<u8>>,
    public: &PublicKey,
) -> Result<Vec<Vec<u8>>, PkiError> {
    if certificates.len() > MAX_CHAIN {
        return Err(PkiError::LongChain { max: MAX_CHAIN });
    }
    let order = order(&certificates, public)?;
    let mut certificates = certificates;
    let taken = order.into_iter().filter_map(|i| certificates.get_mut(i).map(std::mem::take));
    Ok(taken.collect())
}

/// Where the certificates of a chain are, in order.
fn order(certificates: &[Vec<u8>], public: &PublicKey) -> Result<Vec<usize>, PkiError> {
    let mut others = Vec::with_capacity(certificates.len());
    for (i, der) in certificates.iter().enumerate() {
        if !certificates.iter().take(i).any(|earlier| earlier == der) {
            others.push((i, Certificate::parse(der)?));
        }
    }
    let of_key = |(_, certificate): &(usize, Certificate<'_>)| {
        certificate.public().is_ok_and(|key| key == *public)
    };
    let leaf = others.iter().position(of_key).ok_or(PkiError::NoCertificateOfKey)?;
    let (at, mut last) = others.swap_remove(leaf);
    let mut order = vec![at];
    while let Some(next) = issuer_among(&others, &last)? {
        let (at, issuer) = others.swap_remove(next);
        order.push(at);
        last = issuer;
    }
    check_own_signature(&last)?;
    match others.first() {
        Some((_, stray)) => Err(PkiError::Stray(stray.subject())),
        None => Ok(order),
    }
}

/// Refuses a chain of which a certificate is not valid at `now`.
///
/// # Errors
/// [`PkiError::Expired`], [`PkiError::NotYetValid`], [`PkiError::Certificate`].
pub fn check_validity(chain: &[Vec<u8>], now: Timestamp) -> Result<(), PkiError> {
    for der in chain {
        let certificate = Certificate::parse(der)?;
        let validity = Validity::of(&certificate.content.validity);
        if validity.not_after < now {
            let (subject, end) = (certificate.subject(), rfc3339(validity.not_after));
            return Err(PkiError::Expired { subject, end });
        }
        if validity.not_before > now {
            let (subject, begin) = (certificate.subject(), rfc3339(validity.not_before));
            return Err(PkiError::NotYetValid { subject, begin });
        }
    }
    Ok(())
}

/// Where the issuer of `certificate` is, if it is there.
fn issuer_among(
    others: &[(usize, Certificate<'_>)],
    certificate: &Certificate<'_>,
) -> Result<Option<usize>, PkiError> {
    let mut named = false;
    for (i, (_, other)) in others.iter().enumerate() {
        if !certificate.names_issuer(other)? {
            continue;
        }
        let basic = other.extension::<BasicConstraints>()?;
        // The oldest roots have no extensions.
        if basic.is_some_and(|basic| !basic.ca) {
            return Err(PkiError::NotAuthority(other.subject()));
        }
        named = true;
        if certificate.is_signed_by(&other.public()?)? {
            return Ok(Some(i));
        }
    }
    if named { Err(PkiError::Signature(certificate.subject())) } else { Ok(None) }
}

/// A certificate at the end that names itself as its issuer is signed by itself. A root whose own
/// signature is of a kind that is not verified here is trusted for other reasons, if at all.
fn check_own_signature(certificate: &Certificate<'_>) -> Result<(), PkiError> {
    if certificate.names_issuer(certificate)?
        && certificate.public().is_ok_and(|key| matches!(certificate.is_signed_by(&key), Ok(false)))
    {
        return Err(PkiError::Signature(certificate.subject()));
    }
    Ok(())
}
