//! Subject alternative names (RFC 5280, 4.2.1.6).

use std::net::IpAddr;

use der::Any;
use der::asn1::{Ia5String, ObjectIdentifier, OctetString, Utf8StringRef};
use strongroom_model::certificates::SubjectAlternativeNames;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::{GeneralName, OtherName};

use crate::PkiError;

/// The most names of each kind.
pub const MAX_NAMES: usize = 100;

/// The longest name, in bytes.
const MAX_NAME_BYTES: usize = 2048;

/// A user principal name, Microsoft's `szOID_NT_PRINCIPAL_NAME`.
pub(crate) const USER_PRINCIPAL_NAME: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.3");

/// The names of a policy as a certificate holds them; none if there are none.
///
/// # Errors
/// [`PkiError::AlternativeName`], [`PkiError::TooMany`].
pub(crate) fn encode(names: &SubjectAlternativeNames) -> Result<Vec<GeneralName>, PkiError> {
    let kinds: [(&'static str, &[String], Encoder); 5] = [
        ("DNS names", &names.dns_names, dns_name),
        ("e-mail addresses", &names.emails, email),
        ("user principal names", &names.upns, user_principal_name),
        ("URIs", &names.uris, uri),
        ("IP addresses", &names.ip_addresses, ip_address),
    ];
    let mut encoded = Vec::new();
    for (what, texts, encoder) in kinds {
        if texts.len() > MAX_NAMES {
            return Err(PkiError::TooMany { what, max: MAX_NAMES });
        }
        for text in texts {
            encoded.push(encoder(text)?);
        }
    }
    Ok(encoded)
}

/// The names of a certificate as a policy holds them. Kinds that a policy has no place for are left
/// out.
pub(crate) fn decode(names: &SubjectAltName) -> SubjectAlternativeNames {
    let mut decoded = SubjectAlternativeNames::default();
    for name in &names.0 {
        match name {
            GeneralName::DnsName(name) => decoded.dns_names.push(name.to_string()),
            GeneralName::Rfc822Name(name) => decoded.emails.push(name.to_string()),
            GeneralName::OtherName(name) => decoded.upns.extend(upn_of(name)),
            GeneralName::UniformResourceIdentifier(name) => decoded.uris.push(name.to_string()),
            GeneralName::IpAddress(bytes) => {
                decoded.ip_addresses.extend(address(bytes.as_bytes()).map(|a| a.to_string()));
            }
            _ => {}
        }
    }
    decoded
}

/// An address as certificates hold it.
pub(crate) fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(bytes).map(IpAddr::from).ok();
    let v6 = || <[u8; 16]>::try_from(bytes).map(IpAddr::from).ok();
    v4().or_else(v6)
}

/// Whether a name is a domain name: labels of letters, digits, hyphens and, in the wild, low lines.
pub(crate) fn is_domain(name: &str) -> bool {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

type Encoder = fn(&str) -> Result<GeneralName, PkiError>;

fn dns_name(text: &str) -> Result<GeneralName, PkiError> {
    const KIND: &str = "a domain name (international ones in their form with xn--)";
    let domain = text.strip_prefix("*.").unwrap_or(text);
    // A number at the end is what tells addresses from names.
    let is_address = text.parse::<IpAddr>().is_ok();
    let fits = is_domain(domain) && !is_address;
    ia5(KIND, text, fits).map(GeneralName::DnsName)
}

fn email(text: &str) -> Result<GeneralName, PkiError> {
    let fits = text.rsplit_once('@').is_some_and(|(local, domain)| {
        let local_fits = (1..=64).contains(&local.len())
            && local.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'@' | b'<' | b'>'));
        local_fits && is_domain(domain)
    });
    ia5("an e-mail address", text, fits).map(GeneralName::Rfc822Name)
}

fn uri(text: &str) -> Result<GeneralName, PkiError> {
    let fits = text.split_once(':').is_some_and(|(scheme, rest)| {
        let mut chars = scheme.bytes();
        chars.next().is_some_and(|b| b.is_ascii_alphabetic())
            && chars.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
            && !rest.is_empty()
            && rest.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'"'))
    });
    ia5("an absolute URI", text, fits).map(GeneralName::UniformResourceIdentifier)
}

fn user_principal_name(text: &str) -> Result<GeneralName, PkiError> {
    let fits = (1..=MAX_NAME_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
    if !fits {
        return Err(refused("a user principal name", text));
    }
    let value = Any::encode_from(&Utf8StringRef::new(text)?)?;
    Ok(GeneralName::OtherName(OtherName { type_id: USER_PRINCIPAL_NAME, value }))
}

fn ip_address(text: &str) -> Result<GeneralName, PkiError> {
    let bytes = match text.parse() {
        Ok(IpAddr::V4(address)) => OctetString::new(address.octets())?,
        Ok(IpAddr::V6(address)) => OctetString::new(address.octets())?,
        Err(_) => return Err(refused("an IP address", text)),
    };
    Ok(GeneralName::IpAddress(bytes))
}

fn ia5(kind: &'static str, text: &str, fits: bool) -> Result<Ia5String, PkiError> {
    if !fits || text.len() > MAX_NAME_BYTES {
        return Err(refused(kind, text));
    }
    Ia5String::new(text).map_err(|_| refused(kind, text))
}

fn refused(kind: &'static str, text: &str) -> PkiError {
    PkiError::AlternativeName { kind, value: text.chars().take(256).collect() }
}

fn upn_of(name: &OtherName) -> Option<String> {
    if name.type_id != USER_PRINCIPAL_NAME {
        return None;
    }
    name.value.decode_as::<String>().ok()
}
