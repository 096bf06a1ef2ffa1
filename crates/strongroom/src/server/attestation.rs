//! Attestation services: `authn`, as `ops` wants it.

use std::net::SocketAddr;
use std::sync::Arc;

use strongroom_authn::OutgoingRules;
use strongroom_authn::attestation::{AttestationAuthorities, AttestationFault, TrustedAuthority};
use strongroom_model::Timestamp;
use strongroom_model::release::Authority;
use strongroom_ops::release::{Attestation, AttestationVerifier, Release, Unbelieved, Verifying};

use super::trust::Trust;
use crate::config::Config;
use crate::error::CliError;

struct Verifier(AttestationAuthorities);

impl AttestationVerifier for Verifier {
    fn verify<'a>(
        &'a self,
        token: &'a str,
        accepted: &'a [Authority],
        now: Timestamp,
    ) -> Verifying<'a> {
        Box::pin(async move {
            match self.0.verify(token, accepted, now).await {
                Ok(attested) => {
                    let (authority, claims) = (attested.authority, attested.claims);
                    Ok(Attestation { authority, claims })
                }
                Err(AttestationFault::NotConfigured(authority)) => {
                    Err(Unbelieved::NotConfigured(authority))
                }
                Err(fault) => Err(Unbelieved::Refused(fault.to_string())),
            }
        })
    }
}

/// What keys are released with; `None` where no attestation service is configured, so that
/// nothing could ever be released.
///
/// # Errors
/// [`CliError::Failed`], naming the authority that breaks a rule.
pub(crate) async fn release(
    config: &Config,
    listeners: Vec<SocketAddr>,
    trust: &Arc<Trust>,
) -> Result<Option<Release>, CliError> {
    let sections = &config.attestation_authorities;
    if sections.is_empty() {
        return Ok(None);
    }
    let bare = |url: &str| url.trim_end_matches('/').to_ascii_lowercase();
    for issuer in &config.trusted_issuers {
        if sections.iter().any(|section| bare(&section.url) == bare(&issuer.issuer)) {
            return Err(CliError::Failed(format!(
                "attestation authority {}: it is a trusted issuer too, so tokens of its users \
                 could release keys",
                issuer.issuer
            )));
        }
    }
    let trusted = sections.iter().map(|section| {
        let url = section.url.clone();
        let read = |path| {
            std::fs::read_to_string(path)
                .map_err(|e| CliError::Failed(format!("attestation authority {url}: {e}")))
        };
        let ca_pem = section.ca_file.as_ref().map(read).transpose()?;
        Ok(TrustedAuthority { url: url.clone(), ca_pem })
    });
    let trusted = trusted.collect::<Result<_, CliError>>()?;
    // The same rules as for external issuers: never to our own listeners.
    let authorities = AttestationAuthorities::new(trusted, OutgoingRules::new(listeners));
    let verifier = Arc::new(Verifier(authorities.map_err(CliError::failed)?));
    let trust = Arc::clone(trust);
    let signer = tokio::task::spawn_blocking(move || trust.release_signer());
    Ok(Some(Release { verifier, signer: signer.await.map_err(CliError::failed)?? }))
}
