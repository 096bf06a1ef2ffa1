//! PEM (RFC 7468): a private key and certificates as text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_crypto::SecretBytes;
use strongroom_crypto::software::private_key_file::Encoding;
use zeroize::Zeroizing;

use crate::encrypted::{self, Allowance, Password};
use crate::pfx::EncryptedKey;
use crate::{Container, PkiError, private_key};

/// The longest text that is read, in bytes.
const MAX_BYTES: usize = 256 * 1024;

/// The length of a line of base64 (RFC 7468, section 2).
const LINE: usize = 64;

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// Reads text: PEM with lines of any length and any ends, or that in base64. The key may stand
/// anywhere, as PKCS#8, PKCS#1 or SEC 1; only an encrypted PKCS#8 takes notice of the password.
/// What stands between the sections, and sections of other kinds, are left aside.
///
/// Slow when the derivation of an encrypted key iterates often, to the seconds: not for a thread
/// that serves others.
///
/// # Errors
/// [`PkiError::Pem`] for what is no such text, [`PkiError::PemPassword`] for another password,
/// [`PkiError::Scheme`] for an encryption that is not read, [`PkiError::TooCostly`],
/// [`PkiError::SeveralKeys`], and [`PkiError::PrivateKey`] for a key that is malformed or of
/// another type.
pub fn read(text: &[u8], password: &SecretBytes) -> Result<Container, PkiError> {
    if text.len() > MAX_BYTES {
        return Err(PkiError::TooCostly);
    }
    let text = std::str::from_utf8(text).map_err(|_| PkiError::Pem)?;
    if text.contains(BEGIN) {
        return read_sections(text, password);
    }
    let inner = from_base64(text).ok_or(PkiError::Pem)?;
    let inner = std::str::from_utf8(inner.expose()).map_err(|_| PkiError::Pem)?;
    read_sections(inner, password)
}

fn read_sections(text: &str, password: &SecretBytes) -> Result<Container, PkiError> {
    let mut found = Container { key: None, certificates: Vec::new() };
    for section in sections(text) {
        let section = section.ok_or(PkiError::Pem)?;
        match section.label {
            "CERTIFICATE" | "X509 CERTIFICATE" => {
                found.certificates.push(section.der()?.expose().to_vec());
            }
            "PRIVATE KEY" | "ENCRYPTED PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => {
                if found.key.is_some() {
                    return Err(PkiError::SeveralKeys);
                }
                found.key = Some(section.key(password)?);
            }
            _ => {}
        }
    }
    if found.key.is_none() && found.certificates.is_empty() {
        return Err(PkiError::Pem);
    }
    Ok(found)
}

/// Writes the key, if there is one, in PKCS#8, and then the chain: in Azure Key Vault's order, and
/// with its line ends, which are `\n`.
///
/// # Errors
/// None that are known.
pub fn write(key: Option<&SecretBytes>, chain: &[Vec<u8>]) -> Result<SecretBytes, PkiError> {
    let key = key.map(|key| ("PRIVATE KEY", key.expose()));
    let chain = chain.iter().map(|certificate| ("CERTIFICATE", certificate.as_slice()));
    let sections: Vec<_> = key.into_iter().chain(chain).collect();
    let bytes = sections.iter().map(|(label, der)| der.len() * 3 / 2 + 2 * label.len() + 64).sum();
    let mut text = String::with_capacity(bytes);
    for (label, der) in sections {
        push_section(&mut text, label, der);
    }
    Ok(text.into())
}

/// Appends without growing the text beyond its capacity, which would leave a copy behind.
fn push_section(text: &mut String, label: &str, der: &[u8]) {
    let base64 = Zeroizing::new(STANDARD.encode(der));
    text.extend([BEGIN, label, DASHES, "\n"]);
    let mut rest = base64.as_str();
    while let Some((line, more)) = rest.split_at_checked(LINE) {
        text.extend([line, "\n"]);
        rest = more;
    }
    if !rest.is_empty() {
        text.extend([rest, "\n"]);
    }
    text.extend(["-----END ", label, DASHES, "\n"]);
}

/// What stands between a line that begins and one that ends.
pub(crate) struct Section<'a> {
    label: &'a str,
    body: &'a str,
}

impl Section<'_> {
    pub(crate) fn der(&self) -> Result<SecretBytes, PkiError> {
        from_base64(self.body).ok_or(PkiError::Pem)
    }

    fn key(&self, password: &SecretBytes) -> Result<SecretBytes, PkiError> {
        // The encryption of RFC 1421, whose only derivation is one round of MD5.
        if self.body.contains("ENCRYPTED") {
            return Err(PkiError::Scheme);
        }
        let der = self.der()?;
        match self.label {
            "RSA PRIVATE KEY" => private_key::from(Encoding::Pkcs1, &der),
            "EC PRIVATE KEY" => private_key::from(Encoding::Sec1, &der),
            "ENCRYPTED PRIVATE KEY" => decrypted(&der, password),
            _ => private_key::from(Encoding::Pkcs8, &der),
        }
    }
}

fn decrypted(der: &SecretBytes, password: &SecretBytes) -> Result<SecretBytes, PkiError> {
    let key = EncryptedKey::read(der.expose()).ok_or(PkiError::PrivateKey)?;
    let password = Password::new(password).ok_or(PkiError::PemPassword)?;
    let (scheme, ciphertext) = ((&key.scheme).into(), key.ciphertext.as_bytes());
    let key = encrypted::decrypt(scheme, ciphertext, &password, &mut Allowance::new())
        .map_err(|locked| locked.or_wrong(PkiError::PemPassword))?;
    private_key::from_decrypted(&key, PkiError::PemPassword)
}

/// The sections of a text; `None` for one that does not end as it began, and nothing after it.
pub(crate) fn sections(text: &str) -> impl Iterator<Item = Option<Section<'_>>> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let (_, begun) = rest?.split_once(BEGIN)?;
        let section = section(begun);
        rest = section.as_ref().map(|(_, after)| *after);
        Some(section.map(|(section, _)| section))
    })
}

/// The section that has begun, and the text after it.
fn section(begun: &str) -> Option<(Section<'_>, &str)> {
    let (label, begun) = begun.split_once(DASHES)?;
    let (body, end) = begun.split_once(DASHES)?;
    let after = end.strip_prefix("END ")?.strip_prefix(label)?.strip_prefix(DASHES)?;
    Some((Section { label, body }, after))
}

/// Base64 with white space anywhere.
pub(crate) fn from_base64(text: &str) -> Option<SecretBytes> {
    let mut digits = Vec::with_capacity(text.len());
    digits.extend(text.bytes().filter(|byte| !byte.is_ascii_whitespace()));
    let digits = SecretBytes::new(digits);
    STANDARD.decode(digits.expose()).ok().map(SecretBytes::new)
}
