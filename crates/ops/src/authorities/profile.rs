//! What an issuer's profile lets its authority certify.
//!
//! The authority's own certificate binds it too: that is checked where certificates are made.

use std::net::IpAddr;

use strongroom_model::Timestamp;
use strongroom_model::certificates::{IssuanceProfile, KeyUsage, NameConstraints, X509Properties};

use super::Authority;
use crate::OpError;

const SECONDS_PER_DAY: i64 = 86_400;

/// RFC 5280, 4.2.1.12: any purpose.
const ANY_USAGE: &str = "2.5.29.37.0";

/// RFC 6960, 4.2.2.2: answers OCSP for the authority that certified it.
const OCSP_SIGNING: &str = "1.3.6.1.5.5.7.3.9";

/// Holds what a certificate is to say against a profile.
///
/// # Errors
/// [`OpError::Invalid`], naming what lies outside.
pub(super) fn check(
    profile: &IssuanceProfile,
    authority: &Authority,
    x509: &X509Properties,
) -> Result<(), OpError> {
    let own = authority.facts.x509.name_constraints.as_ref();
    check_usages(profile, x509)?;
    if x509.basic_constraints.ca {
        return check_authority(profile, own, x509);
    }
    if x509.key_usage.iter().any(|usage| matches!(usage, KeyUsage::KeyCertSign | KeyUsage::CrlSign))
    {
        return refuse(
            "A certificate that is no authority cannot have the key usages keyCertSign \
                       and cRLSign.",
        );
    }
    if profile.allowed_dns.is_empty() { Ok(()) } else { check_names(profile, own, x509) }
}

/// Holds a certificate's life against a profile.
///
/// # Errors
/// [`OpError::Invalid`] for one that is too long.
pub(super) fn check_life(
    profile: &IssuanceProfile,
    now: Timestamp,
    not_after: Timestamp,
) -> Result<(), OpError> {
    if not_after.seconds_since(now) > i64::from(profile.max_days) * SECONDS_PER_DAY {
        return refuse(&format!(
            "The issuer certifies for {} days at most: shorten x509_props.validity_months, or \
             raise the issuer's strongroom.max_days.",
            profile.max_days
        ));
    }
    Ok(())
}

/// A certificate without extended key usages is good for any, so it is refused where some are not.
/// Who signs OCSP answers speaks for the authority, and could say of what it revoked that it is
/// good: that must be allowed by name.
fn check_usages(profile: &IssuanceProfile, x509: &X509Properties) -> Result<(), OpError> {
    let allowed = &profile.allowed_ekus;
    let speaks = x509.ekus.iter().any(|usage| usage == OCSP_SIGNING);
    if speaks && !x509.basic_constraints.ca && !allowed.iter().any(|usage| usage == OCSP_SIGNING) {
        return refuse(
            "The issuer does not certify the usage OCSP signing (1.3.6.1.5.5.7.3.9), unless its \
             strongroom.allowed_ekus names it.",
        );
    }
    if allowed.is_empty() {
        return Ok(());
    }
    if x509.ekus.is_empty() {
        return refuse(
            "The issuer certifies some extended key usages only, and none was asked for.",
        );
    }
    match x509.ekus.iter().find(|usage| !allowed.contains(usage)) {
        Some(usage) if usage == ANY_USAGE => refuse("The issuer does not certify any usage."),
        Some(usage) => refuse(&format!("The issuer does not certify the usage {usage}.")),
        None => Ok(()),
    }
}

/// An authority below: its own name constraints must keep it where the profile allows.
fn check_authority(
    profile: &IssuanceProfile,
    own: Option<&NameConstraints>,
    x509: &X509Properties,
) -> Result<(), OpError> {
    if !profile.allow_ca {
        return refuse("The issuer certifies no authorities: its strongroom.allow_ca is false.");
    }
    if profile.allowed_dns.is_empty() {
        return Ok(());
    }
    let none = NameConstraints::default();
    let asked = x509.name_constraints.as_ref().unwrap_or(&none);
    let within = |name: &String| below_any(name, &profile.allowed_dns);
    if asked.permitted_dns.is_empty() || !asked.permitted_dns.iter().all(within) {
        return refuse(
            "The issuer certifies some DNS names only: an authority below it needs \
             x509_props.name_constraints.permitted_dns within these.",
        );
    }
    let permitted = own.map(|own| own.permitted_ip.as_slice()).unwrap_or_default();
    let inherits = !permitted.is_empty();
    let narrowed = !asked.permitted_ip.is_empty()
        && asked.permitted_ip.iter().all(|range| permitted.iter().any(|of| covers(of, range)));
    let closed = ["0.0.0.0/0", "::/0"].iter().all(|all| asked.excluded_ip.iter().any(|r| r == all));
    // A constraint on DNS names leaves addresses free.
    if closed || (inherits && narrowed) {
        return Ok(());
    }
    refuse(
        "The issuer certifies some DNS names only: an authority below it needs \
         x509_props.name_constraints.excluded_ip [\"0.0.0.0/0\", \"::/0\"], or a permitted_ip \
         within that of the authority above.",
    )
}

/// Every name that software matches a host, a mailbox or a user against lies below an allowed one.
fn check_names(
    profile: &IssuanceProfile,
    own: Option<&NameConstraints>,
    x509: &X509Properties,
) -> Result<(), OpError> {
    let allowed = &profile.allowed_dns;
    let outside = |name: &str| {
        refuse(&format!("The issuer does not certify '{name}': it lies outside allowed_dns."))
    };
    let host = |name: &str| below_any(name, allowed);
    let domain = |name: &str| name.rsplit_once('@').is_some_and(|(_, domain)| host(domain));
    let sans = &x509.sans;
    if let Some(name) = sans.dns_names.iter().find(|name| !host(name)) {
        return outside(name);
    }
    if let Some(name) = sans.emails.iter().chain(&sans.upns).find(|name| !domain(name)) {
        return outside(name);
    }
    if let Some(uri) = sans.uris.iter().find(|uri| !uri_host(uri).is_some_and(host)) {
        return outside(uri);
    }
    let ranges = own.map(|own| own.permitted_ip.as_slice()).unwrap_or_default();
    let permitted = |address: &String| ranges.iter().any(|range| covers(range, address));
    if let Some(address) = sans.ip_addresses.iter().find(|address| !permitted(address)) {
        return outside(address);
    }
    let subject = strongroom_pki::subject_names(&x509.subject)?;
    if let Some(name) = subject.common.iter().find(|name| is_host(name) && !host(name)) {
        return outside(name);
    }
    match subject.emails.iter().chain(&subject.common).find(|n| n.contains('@') && !domain(n)) {
        Some(name) => outside(name),
        None => Ok(()),
    }
}

/// Whether a name (a wildcard, perhaps) is one of the subtrees' tops or lies below one.
fn below_any(name: &str, subtrees: &[String]) -> bool {
    let name = fold(name.strip_prefix("*.").unwrap_or(name));
    subtrees.iter().any(|top| {
        let top = fold(top);
        !top.is_empty()
            && (name == top || name.strip_suffix(&top).is_some_and(|rest| rest.ends_with('.')))
    })
}

fn fold(name: &str) -> String {
    name.trim_matches('.').to_ascii_lowercase()
}

/// The host of a URI: what stands between `//` (and a user) and the port or path. A backslash,
/// which no URI has (RFC 3986), ends the host for some and not for others.
fn uri_host(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://").filter(|_| !uri.contains('\\'))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    (!host.is_empty()).then_some(host)
}

/// Whether software that still reads common names could take one for a host.
fn is_host(name: &str) -> bool {
    name.contains(['.', ':'])
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.*_:".contains(&b))
}

/// Whether a range of addresses (CIDR) holds all of another, or one address.
fn covers(range: &str, within: &str) -> bool {
    let (Some((range, bits)), Some((within, inner))) = (parse(range), parse(within)) else {
        return false;
    };
    let shift = |a: IpAddr| match a {
        IpAddr::V4(a) => u128::from(a.to_bits()).checked_shr(32_u32.saturating_sub(bits)),
        IpAddr::V6(a) => a.to_bits().checked_shr(128_u32.saturating_sub(bits)),
    };
    range.is_ipv4() == within.is_ipv4()
        && bits <= inner
        && shift(range).unwrap_or(0) == shift(within).unwrap_or(0)
}

fn parse(text: &str) -> Option<(IpAddr, u32)> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address.parse().ok()?, Some(bits.parse().ok()?)),
        None => (text.parse().ok()?, None),
    };
    let most = match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    };
    let bits = bits.unwrap_or(most);
    (bits <= most).then_some((address, bits))
}

fn refuse(why: &str) -> Result<(), OpError> {
    Err(OpError::Invalid(why.to_owned()))
}
