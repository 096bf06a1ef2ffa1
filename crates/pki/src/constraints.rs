//! Name constraints (RFC 5280, 4.2.1.10): which names an authority may certify.

use std::mem::discriminant;
use std::net::IpAddr;

use const_oid::db::rfc3280::EMAIL_ADDRESS;
use der::asn1::{Ia5String, Ia5StringRef, OctetString};
use ipnet::IpNet;
use strongroom_model::certificates::NameConstraints;
use x509_cert::ext::pkix::constraints::name::GeneralSubtree;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{self};
use x509_cert::name::Name;

use crate::alternative_names::{self, is_domain};
use crate::{PkiError, name};

/// The most subtrees of each kind.
const MAX_SUBTREES: usize = 100;

/// A policy's constraints as a certificate holds them; `None` if they constrain nothing.
///
/// # Errors
/// [`PkiError::NameConstraint`] for a malformed one, or any on a certificate that is no authority.
pub(crate) fn encode(
    constraints: &NameConstraints,
    ca: bool,
) -> Result<Option<pkix::NameConstraints>, PkiError> {
    let permitted = subtrees(&constraints.permitted_dns, &constraints.permitted_ip)?;
    let excluded = subtrees(&constraints.excluded_dns, &constraints.excluded_ip)?;
    if let (false, Some(first)) = (ca, permitted.iter().chain(&excluded).next()) {
        return Err(PkiError::NameConstraint(describe(&first.base)));
    }
    Ok(assemble(permitted, excluded))
}

/// A certificate's constraints as a policy holds them. Kinds that a policy has no place for are
/// left out.
pub(crate) fn decode(constraints: &pkix::NameConstraints) -> NameConstraints {
    let dns = |trees: &Option<Vec<GeneralSubtree>>| bases(trees, dns_text);
    let ip = |trees: &Option<Vec<GeneralSubtree>>| bases(trees, ip_text);
    NameConstraints {
        permitted_dns: dns(&constraints.permitted_subtrees),
        excluded_dns: dns(&constraints.excluded_subtrees),
        permitted_ip: ip(&constraints.permitted_subtrees),
        excluded_ip: ip(&constraints.excluded_subtrees),
    }
}

/// Refuses a certificate with a name that an authority may not certify. As clients do, it looks at
/// the subject's addresses and, without DNS names, at its common name.
///
/// # Errors
/// [`PkiError::OutsideConstraint`].
pub(crate) fn check(
    authority: &pkix::NameConstraints,
    subject: &Name,
    names: &[GeneralName],
) -> Result<(), PkiError> {
    let mut all = names.to_vec();
    if !subject.is_empty() {
        all.push(GeneralName::DirectoryName(subject.clone()));
    }
    for attribute in subject.iter().filter(|attribute| attribute.oid == EMAIL_ADDRESS) {
        let address = Ia5StringRef::new(attribute.value.value())?;
        all.push(GeneralName::Rfc822Name(Ia5String::new(address.as_str())?));
    }
    let has_dns = names.iter().any(|name| matches!(name, GeneralName::DnsName(_)));
    let common = name::common_name(subject).filter(|n| !has_dns && n.contains('.'));
    if let Some(common) = common.filter(|n| is_domain(n.strip_prefix("*.").unwrap_or(n))) {
        all.push(GeneralName::DnsName(Ia5String::new(&common)?));
    }
    match all.iter().find(|name| !allows(authority, name)) {
        Some(name) => Err(PkiError::OutsideConstraint(describe(name))),
        None => Ok(()),
    }
}

/// The constraints of an authority below another: what it asks for lies within the upper one's, and
/// it inherits what it does not narrow. So each authority's own certificate says all.
///
/// # Errors
/// [`PkiError::OutsideConstraint`].
pub(crate) fn narrow(
    upper: &pkix::NameConstraints,
    asked: Option<pkix::NameConstraints>,
) -> Result<Option<pkix::NameConstraints>, PkiError> {
    let (mut permitted, mut excluded) = match asked {
        Some(asked) => (
            asked.permitted_subtrees.unwrap_or_default(),
            asked.excluded_subtrees.unwrap_or_default(),
        ),
        None => (Vec::new(), Vec::new()),
    };
    let upper_permitted = upper.permitted_subtrees.as_deref().unwrap_or_default();
    for tree in &permitted {
        let mut bounds = upper_permitted.iter().filter(|u| same_kind(&u.base, &tree.base));
        let first = bounds.next();
        let inside = first.is_none_or(|first| {
            std::iter::once(first).chain(bounds).any(|u| contains(&u.base, &tree.base))
        });
        if !inside {
            return Err(PkiError::OutsideConstraint(describe(&tree.base)));
        }
    }
    let inherited: Vec<_> = upper_permitted
        .iter()
        .filter(|u| !permitted.iter().any(|tree| same_kind(&u.base, &tree.base)))
        .cloned()
        .collect();
    permitted.extend(inherited);
    for tree in upper.excluded_subtrees.iter().flatten() {
        if !excluded.contains(tree) {
            excluded.push(tree.clone());
        }
    }
    Ok(assemble(permitted, excluded))
}

fn allows(constraints: &pkix::NameConstraints, name: &GeneralName) -> bool {
    let of_kind = |trees: &Option<Vec<GeneralSubtree>>| -> Vec<GeneralName> {
        let bases = trees.iter().flatten().map(|tree| tree.base.clone());
        bases.filter(|base| same_kind(base, name)).collect()
    };
    let permitted = of_kind(&constraints.permitted_subtrees);
    let excluded = of_kind(&constraints.excluded_subtrees);
    let inside = permitted.is_empty() || permitted.iter().any(|base| contains(base, name));
    inside && !excluded.iter().any(|base| overlaps(base, name))
}

fn same_kind(a: &GeneralName, b: &GeneralName) -> bool {
    discriminant(a) == discriminant(b)
}

/// Whether a name, or all of a subtree, lies in the subtree of `base`. Kinds that are not
/// understood lie in none.
fn contains(base: &GeneralName, name: &GeneralName) -> bool {
    match (base, name) {
        (GeneralName::DnsName(base), GeneralName::DnsName(name)) => {
            is_below(name.as_str(), base.as_str())
        }
        (GeneralName::Rfc822Name(base), GeneralName::Rfc822Name(name)) => {
            email_is_below(name.as_str(), base.as_str())
        }
        (
            GeneralName::UniformResourceIdentifier(base),
            GeneralName::UniformResourceIdentifier(name),
        ) => host(name.as_str()).is_some_and(|host| host_is_below(host, base.as_str())),
        (GeneralName::IpAddress(base), GeneralName::IpAddress(name)) => {
            let network = |bytes| network(bytes).or_else(|| address_network(bytes));
            match (network(base.as_bytes()), network(name.as_bytes())) {
                (Some(base), Some(name)) => base.contains(&name),
                _ => false,
            }
        }
        (GeneralName::DirectoryName(base), GeneralName::DirectoryName(name)) => {
            base.len() <= name.len() && base.iter_rdn().zip(name.iter_rdn()).all(|(a, b)| a == b)
        }
        _ => false,
    }
}

/// Whether a name may stand for one in the subtree of `base`: what an exclusion forbids. Kinds that
/// are not understood may.
fn overlaps(base: &GeneralName, name: &GeneralName) -> bool {
    match (base, name) {
        (GeneralName::DnsName(base), GeneralName::DnsName(wildcard)) => {
            let covered = wildcard.as_str().strip_prefix("*.").is_some_and(|parent| {
                base.as_str()
                    .split_once('.')
                    .is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent))
            });
            covered || is_below(wildcard.as_str(), base.as_str())
        }
        (
            GeneralName::UniformResourceIdentifier(base),
            GeneralName::UniformResourceIdentifier(n),
        ) => host(n.as_str()).is_none_or(|host| host_is_below(host, base.as_str())),
        (GeneralName::OtherName(_), _)
        | (GeneralName::EdiPartyName(_), _)
        | (GeneralName::RegisteredId(_), _) => true,
        _ => contains(base, name),
    }
}

/// Whether a domain is `base` or below it; a base that begins with a full stop (not of RFC 5280,
/// but in the wild) means only those below.
fn is_below(name: &str, base: &str) -> bool {
    let (name, base) = (name.to_ascii_lowercase(), base.to_ascii_lowercase());
    let parent = base.strip_prefix('.').unwrap_or(&base);
    base.is_empty()
        || name == base
        || name.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.'))
}

/// A host is exactly `base`, or below a base that begins with a full stop.
fn host_is_below(host: &str, base: &str) -> bool {
    if base.starts_with('.') { is_below(host, base) } else { host.eq_ignore_ascii_case(base) }
}

fn email_is_below(address: &str, base: &str) -> bool {
    let Some((local, host)) = address.rsplit_once('@') else {
        return false;
    };
    match base.rsplit_once('@') {
        Some((base_local, base_host)) => {
            local == base_local && host.eq_ignore_ascii_case(base_host)
        }
        None => host_is_below(host, base),
    }
}

/// The host in a URI's authority.
fn host(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    Some(host).filter(|host| is_domain(host) && host.parse::<IpAddr>().is_err())
}

/// An address with its mask, as constraints hold it.
fn network(bytes: &[u8]) -> Option<IpNet> {
    if !matches!(bytes.len(), 8 | 32) {
        return None;
    }
    let (address, mask) = bytes.split_at(bytes.len() / 2);
    let (address, mask) = (alternative_names::address(address)?, alternative_names::address(mask)?);
    IpNet::with_netmask(address, mask).ok().map(|network| network.trunc())
}

fn address_network(bytes: &[u8]) -> Option<IpNet> {
    alternative_names::address(bytes).map(IpNet::from)
}

fn subtrees(dns: &[String], ip: &[String]) -> Result<Vec<GeneralSubtree>, PkiError> {
    for (what, texts) in [("DNS name constraints", dns), ("IP address constraints", ip)] {
        if texts.len() > MAX_SUBTREES {
            return Err(PkiError::TooMany { what, max: MAX_SUBTREES });
        }
    }
    let dns = dns.iter().map(|text| dns_base(text));
    dns.chain(ip.iter().map(|text| ip_base(text)))
        .map(|base| Ok(GeneralSubtree { base: base?, minimum: 0, maximum: None }))
        .collect()
}

fn dns_base(text: &str) -> Result<GeneralName, PkiError> {
    if !is_domain(text) {
        return Err(refused(text));
    }
    Ok(GeneralName::DnsName(Ia5String::new(text)?))
}

fn ip_base(text: &str) -> Result<GeneralName, PkiError> {
    let network: IpNet = text.parse().map_err(|_| refused(text))?;
    let octets = |address: IpAddr| match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let bytes = [octets(network.network()), octets(network.netmask())].concat();
    Ok(GeneralName::IpAddress(OctetString::new(bytes)?))
}

fn refused(text: &str) -> PkiError {
    PkiError::NameConstraint(text.chars().take(256).collect())
}

fn assemble(
    permitted: Vec<GeneralSubtree>,
    excluded: Vec<GeneralSubtree>,
) -> Option<pkix::NameConstraints> {
    let some = |trees: Vec<GeneralSubtree>| Some(trees).filter(|trees| !trees.is_empty());
    let constraints = pkix::NameConstraints {
        permitted_subtrees: some(permitted),
        excluded_subtrees: some(excluded),
    };
    let constrains =
        constraints.permitted_subtrees.is_some() || constraints.excluded_subtrees.is_some();
    constrains.then_some(constraints)
}

fn bases(
    trees: &Option<Vec<GeneralSubtree>>,
    text: impl Fn(&GeneralName) -> Option<String>,
) -> Vec<String> {
    trees.iter().flatten().filter_map(|tree| text(&tree.base)).collect()
}

fn dns_text(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        _ => None,
    }
}

fn ip_text(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::IpAddress(bytes) => network(bytes.as_bytes()).map(|n| n.to_string()),
        _ => None,
    }
}

fn describe(name: &GeneralName) -> String {
    match name {
        GeneralName::DnsName(text)
        | GeneralName::Rfc822Name(text)
        | GeneralName::UniformResourceIdentifier(text) => text.to_string(),
        GeneralName::IpAddress(bytes) => {
            let address = alternative_names::address(bytes.as_bytes()).map(|a| a.to_string());
            address.or_else(|| ip_text(name)).unwrap_or_default()
        }
        GeneralName::DirectoryName(name) => name::text(name),
        GeneralName::OtherName(_) => "a user principal name".to_owned(),
        GeneralName::EdiPartyName(_) | GeneralName::RegisteredId(_) => String::new(),
    }
}
