//! Certificate signing requests of a fixed key.

use std::sync::LazyLock;

use strongroom_crypto::SecretBytes;
use strongroom_crypto::sign::EcSigningKey;
use strongroom_model::certificates::X509Properties;
use strongroom_pki::{certificate_request, parse_request};

use crate::der::tlv;
use crate::keys::OPENED;

/// The P-256 key: the third of [`OPENED`].
const P256: &[u8] = include_bytes!("../../crates/crypto/tests/software/keys/p256.der");
const P256_PLACE: usize = 2;

static KEY: LazyLock<EcSigningKey> =
    LazyLock::new(|| EcSigningKey::from_pkcs8(&SecretBytes::new(P256.to_vec())).unwrap());

/// ecdsa-with-SHA256 (RFC 5758, 3.2).
const ECDSA_SHA256: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";

/// A request that says `content` (CertificationRequestInfo, DER), with the signature of the key.
pub fn signed(content: &[u8]) -> Vec<u8> {
    let signature = KEY.sign_der(content).unwrap();
    tlv(0x30, &[content, ECDSA_SHA256, &tlv(0x03, &[&[0], &signature])])
}

/// What was read of a certificate or of a request can be asked for, if at all, and is then read as
/// the same, but for the usages that are for other types of keys.
pub fn assert_asked_again(x509: &X509Properties) {
    // What is no text is shown in hexadecimal, and would be asked for as the text that is shown.
    if x509.subject.contains("=#") {
        return;
    }
    let Ok(request) = certificate_request(x509, &*OPENED[P256_PLACE].private) else { return };
    let parsed = parse_request(&request).unwrap();
    let key_usage = parsed.x509.key_usage.clone();
    let expected = X509Properties { validity_months: 0, key_usage, ..x509.clone() };
    assert_eq!(parsed.x509, expected);
    assert_eq!(parsed.public, OPENED[P256_PLACE].public);
}
