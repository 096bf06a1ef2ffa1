//! Reading the certificate with which a server answers a TLS-ALPN-01 challenge (RFC 8737).

use std::net::IpAddr;

use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, OctetString};
use der::{Decode as _, Encode as _};
use x509_cert::Certificate;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// `id-pe-acmeIdentifier` (RFC 8737, section 3).
const ACME_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.31");

/// What such a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChallengeAnswer {
    /// The names and addresses that it stands for.
    pub names: Vec<String>,
    /// The digest of the key authorization, from the extension that says so; critical, as it must
    /// be.
    pub digest: Vec<u8>,
}

/// Reads a certificate (DER) that answers a challenge. `None` for any other one: without the
/// extension, with it twice or not critical, or with names of other kinds.
pub fn challenge_answer(certificate: &[u8]) -> Option<ChallengeAnswer> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let tbs = certificate.tbs_certificate();
    let mut found = tbs.extensions()?.iter().filter(|e| e.extn_id == ACME_IDENTIFIER);
    let extension = found.next().filter(|extension| extension.critical)?;
    if found.next().is_some() {
        return None;
    }
    let digest = OctetString::from_der(extension.extn_value.as_bytes()).ok()?;
    let (_, SubjectAltName(sans)) = tbs.get_extension::<SubjectAltName>().ok()??;
    Some(ChallengeAnswer {
        names: sans.iter().map(name).collect::<Option<_>>()?,
        digest: digest.as_bytes().to_vec(),
    })
}

/// The key of a certificate (DER), whatever else the certificate says: the contents of its
/// AlgorithmIdentifier (DER), and the bits of its subjectPublicKey.
pub fn key_of(certificate: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let certificate = Certificate::from_der(certificate).ok()?;
    let spki = certificate.tbs_certificate().subject_public_key_info();
    let algorithm = spki.algorithm.to_der().ok()?;
    let algorithm = AnyRef::from_der(&algorithm).ok()?.value().to_vec();
    Some((algorithm, spki.subject_public_key.as_bytes()?.to_vec()))
}

fn name(san: &GeneralName) -> Option<String> {
    match san {
        GeneralName::DnsName(name) => Some(name.as_str().to_ascii_lowercase()),
        GeneralName::IpAddress(octets) => match *octets.as_bytes() {
            [a, b, c, d] => Some(IpAddr::from([a, b, c, d]).to_string()),
            ref octets => {
                let octets: [u8; 16] = octets.try_into().ok()?;
                Some(IpAddr::from(octets).to_string())
            }
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::acme::challenge_certificate;

    // The two sides were written apart from each other, from RFC 8737 and RFC 8738.
    #[test]
    fn an_answer_is_read_as_the_other_side_writes_it() {
        for name in ["www.example.com", "192.0.2.7", "2001:db8::7"] {
            let (certificate, _) = challenge_certificate(name, &[7; 32]).unwrap();
            let answer = challenge_answer(&certificate).unwrap();
            assert_eq!(answer.names, [name]);
            assert_eq!(answer.digest, [7; 32]);
            let (_, key) = key_of(&certificate).unwrap();
            assert_eq!((key.len(), key.first()), (65, Some(&4)), "an uncompressed point");
        }
        assert_eq!(challenge_answer(b""), None);
    }
}
