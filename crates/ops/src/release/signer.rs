//! The signature under released keys.

use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use strongroom_crypto::sign::RsaSigningKey;
use strongroom_crypto::{CryptoError, digest};
use strongroom_model::Timestamp;
use strongroom_pki::{Authority, PkiError};

/// How long the signer's certificate lives, in days.
const DAYS: u32 = 90;

/// With less than this many days left it is renewed.
const RENEW_DAYS: i64 = 30;

/// Signs released keys with RS256, under a certificate of the installation's authority, so that
/// clients that trust its root can tell whose answer it is.
///
/// The key is drawn when the node starts and never stored: what it signed carries the certificate,
/// and nobody asks for the key again.
pub struct ReleaseSigner {
    dns_names: Vec<String>,
    current: RwLock<Arc<Certified>>,
}

struct Certified {
    key: RsaSigningKey,
    encoded_header: String,
    not_after: Timestamp,
}

impl ReleaseSigner {
    /// A signer for the vaults of `dns_names`, such as `*.vault.<base>`. Draws an RSA key, which
    /// takes some 70 ms of CPU: call it on a blocking thread.
    ///
    /// # Errors
    /// [`PkiError`] when the authority does not certify it.
    pub fn new(
        authority: &Authority,
        dns_names: Vec<String>,
        now: Timestamp,
    ) -> Result<Self, PkiError> {
        let certified = certify(authority, &dns_names, now)?;
        Ok(Self { dns_names, current: RwLock::new(Arc::new(certified)) })
    }

    /// Draws a new key and certificate when the end of the old one is near; says whether it did.
    ///
    /// # Errors
    /// [`PkiError`] when none could be made; the old one stays.
    pub fn renew_if_due(&self, authority: &Authority, now: Timestamp) -> Result<bool, PkiError> {
        if self.current().not_after.seconds_since(now) > RENEW_DAYS * 86_400 {
            return Ok(false);
        }
        let certified = certify(authority, &self.dns_names, now)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certified);
        Ok(true)
    }

    /// The compact JWS of a payload.
    ///
    /// # Errors
    /// [`CryptoError::Internal`] when the library refuses.
    pub fn sign(&self, payload: &[u8]) -> Result<String, CryptoError> {
        let certified = self.current();
        let payload = URL_SAFE_NO_PAD.encode(payload);
        let mut jws = format!("{}.{payload}", certified.encoded_header);
        let signature = certified.key.sign(jws.as_bytes())?;
        jws.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut jws);
        Ok(jws)
    }

    fn current(&self) -> Arc<Certified> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A key, its certificate, and the header that shows it, with the members of recorded answers.
fn certify(
    authority: &Authority,
    dns_names: &[String],
    now: Timestamp,
) -> Result<Certified, PkiError> {
    let key = RsaSigningKey::generate()?;
    let certificate = authority.issue_signer(dns_names, &key.public(), now, DAYS)?;
    let leaf = certificate.chain.first().map(AsRef::as_ref).unwrap_or_default();
    let thumbprint = digest::sha1(leaf);
    let kid: String = thumbprint.iter().map(|byte| format!("{byte:02X}")).collect();
    let chain: Vec<String> = certificate.chain.iter().map(|der| STANDARD.encode(der)).collect();
    let header = json!({
        "alg": "RS256",
        "kid": kid,
        "typ": "JWT",
        "x5c": chain,
        "x5t": URL_SAFE_NO_PAD.encode(thumbprint),
        "x5t#S256": URL_SAFE_NO_PAD.encode(digest::sha256(leaf)),
    });
    let encoded_header = URL_SAFE_NO_PAD.encode(header.to_string());
    Ok(Certified { key, encoded_header, not_after: certificate.not_after })
}
