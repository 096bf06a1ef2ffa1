//! When an authority wants a certificate to be renewed (RFC 9773).

use std::borrow::Cow;
use std::time::Duration;

use instant_acme::{CertificateIdentifier, Error};
use strongroom_model::Timestamp;

use crate::AcmeError;
use crate::directory::{AccountKey, AcmeDirectory, bounded};

/// The shortest and the longest time until an authority is asked again (RFC 9773, 4.3.2).
const AGAIN: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(24 * 3_600);

/// When an authority wants a certificate to be renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenewalWindow {
    /// From when on.
    pub start: Timestamp,
    /// Until when.
    pub end: Timestamp,
    /// When to ask again.
    pub again_in: Duration,
}

impl AcmeDirectory {
    /// When this authority wants a certificate of its own to be renewed; `None` if it has no
    /// opinion.
    ///
    /// # Errors
    /// [`AcmeError`]: that it cannot be reached, or does not know the certificate.
    pub async fn renewal_window(
        &self,
        account: &AccountKey,
        identifier: &str,
    ) -> Result<Option<RenewalWindow>, AcmeError> {
        bounded(async {
            let Some(identifier) = parse_identifier(identifier) else { return Ok(None) };
            let (account, transport) = self.account(account).await?;
            match account.renewal_info(&identifier).await {
                Ok((renewal, again_in)) => {
                    let window = renewal.suggested_window;
                    let start = Timestamp(window.start.unix_timestamp());
                    let end = Timestamp(window.end.unix_timestamp());
                    if end <= start {
                        return Err(AcmeError::Garbage("a window that ends as it begins".into()));
                    }
                    let again_in = again_in.clamp(*AGAIN.start(), *AGAIN.end());
                    Ok(Some(RenewalWindow { start, end, again_in }))
                }
                Err(Error::Unsupported(_)) => Ok(None),
                Err(error) => Err(transport.explain(error)),
            }
        })
        .await
    }
}

/// The identifier of a certificate, as [`strongroom_pki::acme::renewal_identifier`] makes it.
pub(crate) fn parse_identifier(text: &str) -> Option<CertificateIdentifier<'_>> {
    let (authority, serial) = text.split_once('.')?;
    Some(CertificateIdentifier {
        authority_key_identifier: Cow::Borrowed(authority),
        serial: Cow::Borrowed(serial),
    })
}
