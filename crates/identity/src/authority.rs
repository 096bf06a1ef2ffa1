//! The first segment of every path: for whom the token service speaks.

use http::Uri;
use strongroom_directory::Directory;
use strongroom_model::TenantId;

use crate::refusal::Refusal;

/// An authority: a tenant, or a name that stands for the installation's default tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    /// The segment as our documents write it.
    pub(crate) segment: String,
    pub(crate) tenant: TenantId,
}

impl Authority {
    /// `adfs` is the AD FS shape: MSAL then asks no instance discovery. Exactly in lower case, as
    /// MSAL itself compares it.
    pub(crate) const ADFS: &'static str = "adfs";

    /// The segment of a request's path.
    pub(crate) fn segment(uri: &Uri) -> &str {
        uri.path().split('/').nth(1).unwrap_or_default()
    }

    pub(crate) fn parse(segment: &str, directory: &Directory) -> Result<Self, Refusal> {
        let is_alias = segment == Self::ADFS
            || ["common", "organizations", "consumers"]
                .iter()
                .any(|alias| alias.eq_ignore_ascii_case(segment));
        let named = segment.parse().ok().filter(|tenant| directory.tenant(*tenant).is_some());
        match (is_alias, named) {
            (true, _) => {
                let installation = directory.installation().ok_or(Refusal::NotReady)?;
                let segment = segment.to_ascii_lowercase();
                Ok(Self { segment, tenant: installation.default_tenant })
            }
            (false, Some(tenant)) => Ok(Self { segment: tenant.to_string(), tenant }),
            (false, None) => Err(Refusal::tenant(segment)),
        }
    }

    pub(crate) fn is_adfs(&self) -> bool {
        self.segment == Self::ADFS
    }
}
