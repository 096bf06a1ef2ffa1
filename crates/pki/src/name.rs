//! Distinguished names and their text, as Key Vault writes it: `CN=example.com, O="Contoso, Inc."`.
//!
//! The text runs opposite to the order in DER (RFC 4514, 2.1). Values are quoted as X.500 names on
//! Windows are; escapes of RFC 4514 are understood as well.

use std::fmt::Write as _;

use const_oid::db::rfc3280::EMAIL_ADDRESS;
use const_oid::db::rfc4519::{
    COMMON_NAME, COUNTRY_NAME, DESCRIPTION, DN_QUALIFIER, DOMAIN_COMPONENT, GIVEN_NAME, INITIALS,
    LOCALITY_NAME, ORGANIZATION_NAME, ORGANIZATIONAL_UNIT_NAME, POSTAL_CODE, SERIAL_NUMBER, SN, ST,
    STREET, TITLE, UID,
};
use der::asn1::{Ia5StringRef, ObjectIdentifier, PrintableStringRef};
use der::{Any, Decode as _, Encode as _, Tag, Tagged as _};
use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};

use crate::PkiError;

/// The longest subject, in bytes.
const MAX_SUBJECT_BYTES: usize = 2048;

/// The longest value of an attribute without a bound of its own, in characters.
const MAX_VALUE_CHARS: usize = 255;

/// An attribute type with its names: the first is written, all are read, in any case.
struct Attribute {
    oid: ObjectIdentifier,
    names: &'static [&'static str],
    /// The most characters (RFC 5280, appendix A.1).
    max_chars: usize,
    tag: Tag,
}

const fn attribute(
    oid: ObjectIdentifier,
    names: &'static [&'static str],
    max_chars: usize,
    tag: Tag,
) -> Attribute {
    Attribute { oid, names, max_chars, tag }
}

const ATTRIBUTES: [Attribute; 17] = [
    attribute(COMMON_NAME, &["CN", "commonName"], 64, Tag::Utf8String),
    attribute(ORGANIZATION_NAME, &["O", "organizationName"], 64, Tag::Utf8String),
    attribute(ORGANIZATIONAL_UNIT_NAME, &["OU", "organizationalUnitName"], 64, Tag::Utf8String),
    attribute(LOCALITY_NAME, &["L", "localityName"], 128, Tag::Utf8String),
    attribute(ST, &["S", "ST", "stateOrProvinceName"], 128, Tag::Utf8String),
    attribute(COUNTRY_NAME, &["C", "countryName"], 2, Tag::PrintableString),
    attribute(EMAIL_ADDRESS, &["E", "emailAddress", "Email"], 255, Tag::Ia5String),
    attribute(DOMAIN_COMPONENT, &["DC", "domainComponent"], MAX_VALUE_CHARS, Tag::Ia5String),
    attribute(STREET, &["STREET", "streetAddress"], 128, Tag::Utf8String),
    attribute(POSTAL_CODE, &["PostalCode"], 40, Tag::Utf8String),
    attribute(SERIAL_NUMBER, &["SERIALNUMBER"], 64, Tag::PrintableString),
    attribute(TITLE, &["T", "title"], 64, Tag::Utf8String),
    attribute(GIVEN_NAME, &["G", "GN", "givenName"], MAX_VALUE_CHARS, Tag::Utf8String),
    attribute(SN, &["SN", "surname"], MAX_VALUE_CHARS, Tag::Utf8String),
    attribute(INITIALS, &["I", "initials"], MAX_VALUE_CHARS, Tag::Utf8String),
    attribute(DESCRIPTION, &["Description"], MAX_VALUE_CHARS, Tag::Utf8String),
    attribute(DN_QUALIFIER, &["dnQualifier"], MAX_VALUE_CHARS, Tag::PrintableString),
];

/// Refuses a text that is no subject of a certificate.
///
/// # Errors
/// [`PkiError::Subject`].
pub fn check_subject(text: &str) -> Result<(), PkiError> {
    parse(text).map(|_| ())
}

/// What software may take from a subject for the name of a host or for a mailbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubjectNames {
    /// Its common names.
    pub common: Vec<String>,
    /// Its e-mail addresses (PKCS#9), and those among its user ids.
    pub emails: Vec<String>,
}

/// The names in a subject, by whatever name or number its attributes go and however they are
/// escaped: as the certificate says them.
///
/// # Errors
/// [`PkiError::Subject`].
pub fn subject_names(text: &str) -> Result<SubjectNames, PkiError> {
    let mut names = SubjectNames::default();
    for attribute in parse(text)?.iter() {
        let Some(value) = string(&attribute.value) else { continue };
        match attribute.oid {
            COMMON_NAME => names.common.push(value),
            EMAIL_ADDRESS => names.emails.push(value),
            UID if value.contains('@') => names.emails.push(value),
            _ => {}
        }
    }
    Ok(names)
}

/// The name that a text means; an empty text is the empty name.
///
/// # Errors
/// [`PkiError::Subject`] for every other text, for several attributes joined by `+`, and for a
/// value longer than its type allows.
pub(crate) fn parse(text: &str) -> Result<Name, PkiError> {
    let refused = || PkiError::Subject(text.chars().take(MAX_VALUE_CHARS).collect());
    if text.len() > MAX_SUBJECT_BYTES {
        return Err(refused());
    }
    let mut parts = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or_else(refused)?;
        let (value, after) = take_value(after).ok_or_else(refused)?;
        let attribute = attribute_of(key.trim(), value).ok_or_else(refused)?;
        parts.push(RelativeDistinguishedName::try_from(vec![attribute])?);
        rest = match after {
            Some(after) if after.trim().is_empty() => return Err(refused()),
            Some(after) => after,
            None => "",
        };
    }
    parts.reverse();
    Ok(Name::from_der(&RdnSequence::from(parts).to_der()?)?)
}

/// The text of a name.
pub(crate) fn text(name: &Name) -> String {
    let parts: Vec<&RelativeDistinguishedName> = name.iter_rdn().collect();
    let mut text = String::new();
    for part in parts.into_iter().rev() {
        let separator = if text.is_empty() { "" } else { ", " };
        text.push_str(separator);
        for (i, attribute) in part.iter().enumerate() {
            text.push_str(if i == 0 { "" } else { " + " });
            write_attribute(&mut text, attribute);
        }
    }
    text
}

/// The first common name, for checks against constraints.
pub(crate) fn common_name(name: &Name) -> Option<String> {
    let attribute = name.iter().find(|attribute| attribute.oid == COMMON_NAME)?;
    string(&attribute.value)
}

/// The value in front, and what follows its separator, if one does.
fn take_value(text: &str) -> Option<(String, Option<&str>)> {
    let text = text.trim_start();
    if let Some(quoted) = text.strip_prefix('"') {
        let (value, after) = take_quoted(quoted)?;
        return match after.trim_start().split_at_checked(1) {
            None => Some((value, None)),
            Some(("," | ";", after)) => Some((value, Some(after))),
            Some(_) => None,
        };
    }
    take_plain(text)
}

/// The rest of a quoted value: two quotes mean one, and a backslash escapes what follows it.
fn take_quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => match chars.as_str().strip_prefix('"') {
                Some(after) => {
                    value.push('"');
                    chars = after.chars();
                }
                None => return Some((value, chars.as_str())),
            },
            '\\' => value.push(chars.next().filter(|c| matches!(c, '"' | '\\'))?),
            _ => value.push(c),
        }
    }
    None
}

/// A value without quotes (RFC 4514, 3), and what follows its separator.
fn take_plain(text: &str) -> Option<(String, Option<&str>)> {
    let mut value: Vec<u8> = Vec::new();
    // Spaces at the end do not count, unless escaped.
    let mut significant = 0;
    let mut rest = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ',' | ';' => {
                rest = Some(chars.as_str());
                break;
            }
            '\\' => {
                value.extend(take_escape(&mut chars)?);
                significant = value.len();
            }
            '+' | '"' | '<' | '>' | '=' => return None,
            _ => {
                value.extend(c.encode_utf8(&mut [0; 4]).bytes());
                if c != ' ' {
                    significant = value.len();
                }
            }
        }
    }
    value.truncate(significant);
    Some((String::from_utf8(value).ok()?, rest))
}

/// What follows a backslash: a special character, or two hexadecimal digits.
fn take_escape(chars: &mut std::str::Chars<'_>) -> Option<Vec<u8>> {
    let first = chars.next()?;
    if matches!(first, ' ' | '"' | '#' | '+' | ',' | ';' | '<' | '=' | '>' | '\\') {
        return Some(vec![u8::try_from(first).ok()?]);
    }
    let byte = first.to_digit(16)? * 16 + chars.next()?.to_digit(16)?;
    Some(vec![u8::try_from(byte).ok()?])
}

fn attribute_of(key: &str, value: String) -> Option<AttributeTypeAndValue> {
    let known = known_by_name(key);
    let oid = match known {
        Some(attribute) => attribute.oid,
        None if key.eq_ignore_ascii_case("UID") => UID,
        None => ObjectIdentifier::new(strip_oid(key)).ok()?,
    };
    let (max_chars, tag) = known
        .or_else(|| ATTRIBUTES.iter().find(|attribute| attribute.oid == oid))
        .map_or((MAX_VALUE_CHARS, Tag::Utf8String), |known| (known.max_chars, known.tag));
    let chars = value.chars().count();
    let fits = match tag {
        Tag::PrintableString => PrintableStringRef::new(&value).is_ok(),
        Tag::Ia5String => Ia5StringRef::new(&value).is_ok(),
        _ => true,
    };
    let is_country =
        oid != COUNTRY_NAME || chars == 2 && value.chars().all(|c| c.is_ascii_alphabetic());
    if !fits || !is_country || !(1..=max_chars).contains(&chars) {
        return None;
    }
    if value.chars().any(char::is_control) {
        return None;
    }
    Some(AttributeTypeAndValue { oid, value: Any::new(tag, value.into_bytes()).ok()? })
}

fn known_by_name(key: &str) -> Option<&'static Attribute> {
    ATTRIBUTES.iter().find(|a| a.names.iter().any(|name| name.eq_ignore_ascii_case(key)))
}

fn strip_oid(key: &str) -> &str {
    match key.split_at_checked(4) {
        Some((prefix, oid)) if prefix.eq_ignore_ascii_case("OID.") => oid,
        _ => key,
    }
}

fn write_attribute(text: &mut String, attribute: &AttributeTypeAndValue) {
    match ATTRIBUTES.iter().find(|known| known.oid == attribute.oid) {
        Some(known) => text.extend(known.names.first().copied()),
        None => {
            let _ = write!(text, "OID.{}", attribute.oid);
        }
    }
    text.push('=');
    match string(&attribute.value) {
        Some(value) if is_plain(&value) => text.push_str(&value),
        Some(value) => {
            let _ = write!(text, "\"{}\"", value.replace('"', "\"\""));
        }
        None => {
            text.push('#');
            for byte in attribute.value.to_der().unwrap_or_default() {
                let _ = write!(text, "{byte:02X}");
            }
        }
    }
}

/// Whether a value is written without quotes.
fn is_plain(value: &str) -> bool {
    let special = |c: char| matches!(c, ',' | '+' | '=' | '"' | '\n' | '<' | '>' | '#' | ';');
    !value.is_empty() && value.trim() == value && !value.chars().any(special)
}

/// The text of a string of any of the types in RFC 5280, 4.1.2.4.
fn string(value: &Any) -> Option<String> {
    let bytes = value.value();
    match value.tag() {
        // Others write more into a PrintableString than it may hold: asterisks, for one.
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String => {
            String::from_utf8(bytes.to_vec()).ok()
        }
        // Latin-1, in practice.
        Tag::TeletexString => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
        Tag::BmpString => {
            let units = bytes
                .chunks_exact(2)
                .map(|pair| pair.iter().fold(0_u16, |unit, byte| unit << 8 | u16::from(*byte)));
            char::decode_utf16(units).collect::<Result<_, _>>().ok()
        }
        _ => None,
    }
}
