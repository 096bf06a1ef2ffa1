//! What is said to whoever waits for a certificate.

use strongroom_acme::{AcmeDirectories, AcmeDirectory, AcmeError};
use strongroom_model::VaultName;
use strongroom_model::certificates::{IssuerProvider, OperationError};

/// DigiCert's directory; the EAB keys come from CertCentral's page "ACME credentials".
const DIGICERT: &str = "https://one.digicert.com/mpki/api/v1/acme/v2/directory";

/// GlobalSign's directory; the EAB keys come from Atlas.
const GLOBALSIGN: &str = "https://emea.acme.atlas.globalsign.com/directory";

/// What is said to whoever wants a certificate from a provider that is kept but not asked.
pub(crate) fn not_integrated(provider: IssuerProvider) -> OperationError {
    let name = provider.name();
    let through_acme = |url: &str| {
        format!(
            "The provider {name} is kept with the issuer, but not asked: this service orders \
             certificates through ACME (RFC 8555), and {name} offers that too. The operator names \
             {name}'s directory in the configuration: [[acme_directory]] with a name, a challenge \
             and url = \"{url}\". Then set this issuer again with provider \"ACME\", \
             org_details.id the name of that section, credentials.account_id the key id and \
             credentials.pwd the HMAC key of {name}'s external account binding (EAB)."
        )
    };
    let message = match provider {
        IssuerProvider::DigiCert => through_acme(DIGICERT),
        IssuerProvider::GlobalSign => through_acme(GLOBALSIGN),
        _ => format!(
            "The provider {name} issues nothing. Use \"Self\", \"Unknown\" and a merge, or an \
             issuer whose provider is \"Strongroom\" (an authority of this vault) or \"ACME\"."
        ),
    };
    OperationError { code: "IssuerNotIntegrated".into(), message }
}

/// An issuer that names no directory of the configuration.
pub(super) fn no_directory(
    named: &str,
    directories: Option<&AcmeDirectories>,
    vault: &VaultName,
) -> OperationError {
    let known: Vec<&str> = directories.iter().flat_map(|all| all.names_for(vault)).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    OperationError {
        code: "AcmeDirectoryNotFound".into(),
        message: format!(
            "The issuer's org_details.id names the ACME directory {named:?}, and the configuration \
             of this service has none of that name. This vault may use: {known}."
        ),
    }
}

/// An issuer of a vault that is being deleted.
pub(super) fn no_vault() -> OperationError {
    let message = "The vault is not there any more.".to_owned();
    OperationError { code: "AcmeDirectoryNotAllowed".into(), message }
}

/// An issuer that names a directory that is not for its vault.
pub(super) fn not_open(directory: &AcmeDirectory, vault: &VaultName) -> OperationError {
    OperationError {
        code: "AcmeDirectoryNotAllowed".into(),
        message: format!(
            "The ACME directory {} is not open to the vault {vault}: the operator names the vaults \
             that may use it in the configuration (acme_directory.vaults).",
            directory.name()
        ),
    }
}

/// An order that has failed.
pub(super) fn failed(directory: &AcmeDirectory, error: &AcmeError) -> OperationError {
    said("AcmeOrderFailed", directory, error)
}

/// An order that does not move at the moment.
pub(super) fn hindered(directory: &AcmeDirectory, error: &AcmeError) -> OperationError {
    said("AcmeOrderDelayed", directory, error)
}

fn said(code: &str, directory: &AcmeDirectory, error: &AcmeError) -> OperationError {
    let message = format!("ACME directory {}: {error}", directory.name());
    OperationError { code: code.into(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_a_digicert_issuer_learns_what_to_do() {
        let said = not_integrated(IssuerProvider::DigiCert).message;
        for part in ["DigiCert", DIGICERT, "acme_directory", "account_id", "pwd", "\"ACME\""] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(not_integrated(IssuerProvider::GlobalSign).message.contains(GLOBALSIGN));
        assert!(not_integrated(IssuerProvider::Test).message.contains("Unknown"));
    }
}
