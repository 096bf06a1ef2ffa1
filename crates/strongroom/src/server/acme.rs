//! The ACME authorities of the configuration, as `acme` wants them.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_acme::validate::{ValidationSettings, Validator};
use strongroom_acme::{
    AcmeDirectories, ChallengeKind, Challenges, DirectorySettings, DnsSettings, OpenTo, TsigKey,
};
use strongroom_authn::OutgoingRules;
use strongroom_crypto::SecretBytes;
use strongroom_model::VaultName;

use crate::config::{AcmeDirectorySection, CertificatesSection, Config, Rfc2136Section};
use crate::error::CliError;

/// The longest that a TXT record may take to reach all servers of its zone, in seconds.
const LONGEST_DNS_WAIT: u64 = 30;

/// What stands for all vaults in a section's `vaults`.
pub(crate) const EVERY_VAULT: &str = "*";

/// What looks at the answers of the ACME server's clients. `listeners` are this server's own
/// addresses, where it never looks.
pub(crate) fn validator(section: &CertificatesSection, listeners: Vec<SocketAddr>) -> Validator {
    let usual = ValidationSettings::default();
    let settings = ValidationSettings {
        http_port: section.validation_http_port.unwrap_or(usual.http_port),
        tls_port: section.validation_tls_port.unwrap_or(usual.tls_port),
        dns: section.validation_dns,
    };
    Validator::new(settings, OutgoingRules::new(listeners))
}

/// The authorities that issuers may name. `listeners` are this server's own addresses, which it
/// never asks.
///
/// # Errors
/// [`CliError::Failed`], naming the section that breaks a rule.
pub(crate) fn directories(
    config: &Config,
    listeners: Vec<SocketAddr>,
    challenges: &Arc<Challenges>,
) -> Result<AcmeDirectories, CliError> {
    let has_plain = !config.certificates.http_listen.is_empty();
    let settings = config.acme_directories.iter().map(|section| {
        let settings = settings(section)?;
        if settings.challenge == ChallengeKind::Http01 && !has_plain {
            return Err(refused(
                section,
                "http-01 needs certificates.http_listen: an address that port 80 of the \
                 certified names leads to",
            ));
        }
        Ok(settings)
    });
    let settings = settings.collect::<Result<_, CliError>>()?;
    let outgoing = OutgoingRules::new(listeners);
    AcmeDirectories::new(settings, &outgoing, challenges).map_err(CliError::failed)
}

fn refused(section: &AcmeDirectorySection, why: impl std::fmt::Display) -> CliError {
    CliError::Failed(format!("ACME directory {}: {why}", section.name))
}

fn settings(section: &AcmeDirectorySection) -> Result<DirectorySettings, CliError> {
    let challenge = ChallengeKind::parse(&section.challenge)
        .ok_or_else(|| refused(section, "challenge must be http-01, dns-01 or tls-alpn-01"))?;
    let dns = match (&section.hook, &section.rfc2136) {
        (Some(_), Some(_)) => return Err(refused(section, "either hook or rfc2136, not both")),
        (Some(hook), None) => Some(DnsSettings::Hook(hook.clone())),
        (None, Some(update)) => {
            Some(dns_update(update).map_err(|why| refused(section, format!("rfc2136: {why}")))?)
        }
        (None, None) => None,
    };
    if section.dns_wait_seconds > LONGEST_DNS_WAIT {
        let why = format!("dns_wait_seconds is at most {LONGEST_DNS_WAIT}");
        return Err(refused(section, why));
    }
    let ca_pem = section.ca_file.as_ref().map(std::fs::read_to_string).transpose();
    Ok(DirectorySettings {
        name: section.name.clone(),
        url: section.url.clone(),
        ca_pem: ca_pem.map_err(|error| refused(section, format!("ca_file: {error}")))?,
        challenge,
        dns,
        dns_wait: Duration::from_secs(section.dns_wait_seconds),
        contact: section.contact.clone(),
        open_to: open_to(section)?,
        allowed_dns: section.allowed_dns.clone(),
    })
}

/// Whose issuers may name a directory: with its account, and by this server's challenges.
fn open_to(section: &AcmeDirectorySection) -> Result<OpenTo, CliError> {
    let vaults = section.vaults.as_ref().ok_or_else(|| {
        refused(
            section,
            "vaults is missing: the names of the vaults whose issuers may use it, or [\"*\"] for \
             every vault",
        )
    })?;
    if matches!(vaults.as_slice(), [only] if only == EVERY_VAULT) {
        return Ok(OpenTo::Everybody);
    }
    let named = |name: &String| {
        let why =
            || format!("vaults holds {name:?}, which is no vault's name; [\"*\"] is all of them");
        VaultName::parse(name).map_err(|_| refused(section, why()))
    };
    Ok(OpenTo::Vaults(vaults.iter().map(named).collect::<Result<_, _>>()?))
}

fn dns_update(section: &Rfc2136Section) -> Result<DnsSettings, String> {
    let server = &section.server;
    let mut addresses = server.to_socket_addrs().map_err(|error| format!("{server}: {error}"))?;
    let server = addresses.next().ok_or_else(|| format!("{server} has no address"))?;
    let key = tsig_key(&section.key_file)?;
    Ok(DnsSettings::Update { server, zone: section.zone.clone(), key })
}

fn tsig_key(path: &Path) -> Result<TsigKey, String> {
    let text = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let text = SecretBytes::new(text);
    let text = std::str::from_utf8(text.expose()).ok();
    text.and_then(parse_tsig_key).ok_or_else(|| {
        let path = path.display();
        format!("{path} holds no key as tsig-keygen writes it, or as algorithm:name:base64")
    })
}

/// A key as BIND's `tsig-keygen` writes it (`key "name" { algorithm …; secret "…"; };`), or as the
/// option `-y` of `dig` and `nsupdate` takes it.
fn parse_tsig_key(text: &str) -> Option<TsigKey> {
    let key = |name: &str, algorithm: &str, secret: &str| {
        let secret = STANDARD.decode(secret).ok().filter(|secret| secret.len() >= 16)?;
        let (name, algorithm) = (name.to_owned(), algorithm.to_owned());
        Some(TsigKey { name, algorithm, secret: SecretBytes::new(secret) })
    };
    let text = text.trim();
    if let [algorithm, name, secret] = text.split(':').collect::<Vec<_>>().as_slice() {
        return key(name, algorithm, secret);
    }
    let words = text.split(|c: char| c.is_whitespace() || "{};\"".contains(c));
    match words.filter(|word| !word.is_empty()).collect::<Vec<_>>().as_slice() {
        ["key", name, "algorithm", algorithm, "secret", secret] => key(name, algorithm, secret),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // What `tsig-keygen -a hmac-sha256 acme` of BIND 9.18 writes.
    const BIND: &str = "key \"acme\" {\n\talgorithm hmac-sha256;\n\tsecret \
                        \"k9uBmGOVhMPoNY3CXGCmZhSbH6ULIyTMVVHLNzVpQGY=\";\n};\n";

    #[test]
    fn keys_are_read_in_both_forms() {
        let dig = "hmac-sha256:acme:k9uBmGOVhMPoNY3CXGCmZhSbH6ULIyTMVVHLNzVpQGY=\n";
        for text in [BIND, dig] {
            let key = parse_tsig_key(text).unwrap();
            assert_eq!((key.name.as_str(), key.algorithm.as_str()), ("acme", "hmac-sha256"));
            assert_eq!(key.secret.len(), 32);
        }
        for text in ["", "key", "a:b:c", "a:b:", "key a { algorithm b; secret \"AAAA\"; };"] {
            assert!(parse_tsig_key(text).is_none(), "{text}");
        }
    }
}
