//! Where the vaults' authorities publish, from the configuration.

use strongroom_ops::Publication;

use crate::config::CertificatesSection;
use crate::error::CliError;

/// The longest base of URLs: they are written into every certificate.
const MAX_URL: usize = 200;

/// Where authorities publish.
///
/// # Errors
/// [`CliError::Failed`] for a base that clients could not read from.
pub(crate) fn of(section: &CertificatesSection) -> Result<Publication, CliError> {
    let Some(url) = &section.http_url else { return Ok(Publication::default()) };
    let base = url.trim_end_matches('/');
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/:[]%".contains(&b);
    let host = base.strip_prefix("http://").filter(|host| !host.is_empty());
    if host.is_none_or(|host| host.starts_with('/') || !host.bytes().all(plain))
        || base.len() > MAX_URL
    {
        return Err(CliError::Failed(format!(
            "certificates.http_url must be an URL such as http://pki.example.com, not '{url}'. \
             Revocation lists are signed, and are read without TLS"
        )));
    }
    Ok(Publication { http_url: Some(base.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base_of(url: &str) -> Option<String> {
        let http_url = Some(url.to_owned());
        of(&CertificatesSection { http_url, ..CertificatesSection::default() }).ok()?.http_url
    }

    #[test]
    fn urls_in_certificates_are_plain_http() {
        assert_eq!(base_of("http://pki.example/").unwrap(), "http://pki.example");
        assert_eq!(base_of("http://pki.example:8080/pki").unwrap(), "http://pki.example:8080/pki");
        for url in [
            "https://pki.example",
            "http://",
            "http:///x",
            "pki.example",
            "http://a b",
            "http://a?b",
        ] {
            assert_eq!(base_of(url), None, "{url}");
        }
        assert!(of(&CertificatesSection::default()).unwrap().http_url.is_none());
    }
}
