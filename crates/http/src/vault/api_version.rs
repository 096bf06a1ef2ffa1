//! The versions of the data plane, and what each brought.

use strongroom_model::{Curve, EncryptionAlgorithm, KeyType, Operation, SignatureAlgorithm};

use super::problem::Problem;

/// A version of the data plane that clients may ask for, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ApiVersion(usize);

/// Every version, oldest first: OPERATIONS, section 1.
const KNOWN: &[&str] = &[
    "2015-06-01",
    "2016-10-01",
    "7.0-preview",
    "7.0",
    "7.1-preview",
    "7.1",
    "7.2-preview",
    "7.2",
    "7.3-preview",
    "7.3",
    "7.4-preview.1",
    "7.4",
    "7.5-preview.1",
    "7.5",
    "7.6-preview.1",
    "7.6-preview.2",
    "7.6",
    "2025-06-01-preview",
    "2025-07-01",
    "2026-01-01-preview",
    "2026-03-01-preview",
    "2026-04-01",
    "2026-05-01-preview",
    "2026-07-01-preview",
];

/// The newest stable version.
const LATEST_STABLE: &str = "2026-04-01";

impl ApiVersion {
    /// The version that the query names.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, Problem> {
        let text = text.filter(|text| !text.is_empty()).ok_or_else(|| {
            Problem::bad(
                "The api-version query parameter (?api-version=) is required for all requests.",
            )
        })?;
        KNOWN.iter().position(|known| known.eq_ignore_ascii_case(text)).map(Self).ok_or_else(|| {
            let shown: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
            Problem::bad(format!(
                "The specified version ({shown}) is not recognized. Consider using the latest \
                     supported version ({LATEST_STABLE})."
            ))
        })
    }

    /// As it is written.
    pub(crate) fn as_str(self) -> &'static str {
        KNOWN.get(self.0).copied().unwrap_or_default()
    }

    /// Whether it is `version` or newer.
    fn since(self, version: &str) -> bool {
        KNOWN.iter().position(|known| *known == version).is_some_and(|at| self.0 >= at)
    }

    /// Soft delete, and `recoveryLevel` in attributes.
    pub(crate) fn has_soft_delete(self) -> bool {
        self.since("2016-10-01")
    }

    /// `recoverableDays` in attributes.
    pub(crate) fn has_recoverable_days(self) -> bool {
        self.since("7.1-preview")
    }

    /// `outContentType` of a read.
    pub(crate) fn has_out_content_type(self) -> bool {
        self.since("2025-06-01-preview")
    }

    /// `preserveCertOrder` of a certificate.
    pub(crate) fn has_preserved_order(self) -> bool {
        self.since("7.6-preview.2")
    }

    /// `uris` and `ipAddresses` among a certificate's names.
    pub(crate) fn has_uri_names(self) -> bool {
        self.since("2025-06-01-preview")
    }

    /// `previousVersion` of a certificate's secret.
    pub(crate) fn has_previous_version(self) -> bool {
        self.since("2025-06-01-preview")
    }

    /// `cert_transparency` of a certificate's issuer.
    pub(crate) fn has_certificate_transparency(self) -> bool {
        self.since("7.0-preview")
    }

    /// Keys that may be released: `exportable`, and `release_policy`.
    pub(crate) fn has_key_release(self) -> bool {
        self.since("7.3-preview")
    }

    /// `hsmPlatform` in a key's attributes, and `exportable` even where it is false.
    pub(crate) fn has_hsm_platform(self) -> bool {
        self.since("7.5-preview.1")
    }

    /// Refuses an operation that came later.
    pub(crate) fn check(self, operation: Operation) -> Result<(), Problem> {
        let since = operation_since(operation);
        if self.since(since) {
            return Ok(());
        }
        Err(Problem::bad(format!(
            "The operation is not available in api-version {}. It came with {since}.",
            self.as_str()
        )))
    }

    /// Whether keys are of this type.
    pub(crate) fn has_key_type(self, key_type: KeyType) -> bool {
        self.since(match key_type.software() {
            KeyType::Rsa => "2015-06-01",
            KeyType::Oct => "7.2-preview",
            KeyType::Akp => "2026-05-01-preview",
            _ => "2016-10-01",
        })
    }

    /// Whether keys are on this curve.
    pub(crate) fn has_curve(self, curve: Curve) -> bool {
        self.since(match curve {
            Curve::P256K => "7.0",
            Curve::P256 | Curve::P384 | Curve::P521 => "2016-10-01",
        })
    }

    /// Whether keys sign in this way.
    pub(crate) fn has_signature(self, algorithm: SignatureAlgorithm) -> bool {
        use SignatureAlgorithm as Alg;
        self.since(match algorithm {
            Alg::Rs256
            | Alg::Rs384
            | Alg::Rs512
            | Alg::Ps256
            | Alg::Ps384
            | Alg::Ps512
            | Alg::Rsnull => "2015-06-01",
            Alg::Es256 | Alg::Es384 | Alg::Es512 => "2016-10-01",
            Alg::Es256k => "7.0",
            Alg::Hs256 | Alg::Hs384 | Alg::Hs512 => "7.6-preview.2",
            Alg::MlDsa44 | Alg::MlDsa65 | Alg::MlDsa87 => "2026-05-01-preview",
        })
    }

    /// Whether keys encrypt or wrap in this way.
    pub(crate) fn has_encryption(self, algorithm: EncryptionAlgorithm) -> bool {
        use EncryptionAlgorithm as Alg;
        self.since(match algorithm {
            Alg::CkmAesKeyWrap | Alg::CkmAesKeyWrapPad => "7.6-preview.2",
            rsa if rsa.is_rsa() => "2015-06-01",
            _ => "7.2-preview",
        })
    }
}

/// The version that brought an operation.
fn operation_since(operation: Operation) -> &'static str {
    use Operation as Op;
    match operation {
        Op::BackupSecret
        | Op::RestoreSecret
        | Op::GetDeletedSecrets
        | Op::GetDeletedSecret
        | Op::RecoverDeletedSecret
        | Op::PurgeDeletedSecret
        | Op::GetDeletedKeys
        | Op::GetDeletedKey
        | Op::RecoverDeletedKey
        | Op::PurgeDeletedKey
        | Op::GetDeletedCertificates
        | Op::GetDeletedCertificate
        | Op::RecoverDeletedCertificate
        | Op::PurgeDeletedCertificate => "2016-10-01",
        Op::BackupCertificate | Op::RestoreCertificate => "7.0-preview",
        Op::RotateKey | Op::GetKeyRotationPolicy | Op::UpdateKeyRotationPolicy | Op::ReleaseKey => {
            "7.3-preview"
        }
        Op::GetKeyAttestation => "7.6-preview.2",
        Op::SecureWrapKey | Op::SecureUnwrapKey => "2026-01-01-preview",
        _ => "2015-06-01",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_bring_their_members() {
        let version = |text| ApiVersion::parse(Some(text)).unwrap_or(ApiVersion(0));
        assert!(!version("2015-06-01").has_soft_delete());
        assert!(version("2016-10-01").has_soft_delete());
        assert!(!version("7.0").has_recoverable_days());
        assert!(version("7.1").has_recoverable_days());
        assert!(!version("7.6").has_out_content_type());
        assert!(version("2025-07-01").has_out_content_type());
        assert!(!version("7.5").has_preserved_order() && version("7.6").has_preserved_order());
        assert!(!version("7.6").has_uri_names() && version("2025-07-01").has_uri_names());
        assert!(!version("7.6").has_previous_version());
        assert!(version("2025-07-01").has_previous_version());
        assert!(!version("2016-10-01").has_certificate_transparency());
        assert!(version("7.0").has_certificate_transparency());
        assert!(!version("7.2").has_key_release() && version("7.3").has_key_release());
        assert!(!version("7.4").has_hsm_platform() && version("7.5").has_hsm_platform());
        assert!(ApiVersion::parse(None).is_err());
        assert!(ApiVersion::parse(Some("7.9")).is_err());
    }

    #[test]
    fn versions_bring_operations_types_and_algorithms() {
        let version = |text| ApiVersion::parse(Some(text)).unwrap_or(ApiVersion(0));
        for (operation, before, since) in [
            (Operation::GetDeletedKeys, "2015-06-01", "2016-10-01"),
            (Operation::GetDeletedCertificates, "2015-06-01", "2016-10-01"),
            (Operation::BackupCertificate, "2016-10-01", "7.0"),
            (Operation::RestoreCertificate, "2016-10-01", "7.0"),
            (Operation::RotateKey, "7.2", "7.3"),
            (Operation::ReleaseKey, "7.2", "7.3"),
            (Operation::GetKeyAttestation, "7.6-preview.1", "7.6"),
            (Operation::SecureWrapKey, "2025-07-01", "2026-04-01"),
        ] {
            assert!(version(before).check(operation).is_err(), "{operation:?}");
            assert!(version(since).check(operation).is_ok(), "{operation:?}");
        }
        assert!(Operation::ALL.iter().all(|op| version("2026-07-01-preview").check(*op).is_ok()));
        assert!(!version("2015-06-01").has_key_type(KeyType::EcHsm));
        assert!(version("2016-10-01").has_key_type(KeyType::EcHsm));
        assert!(!version("2016-10-01").has_curve(Curve::P256K));
        assert!(version("7.0").has_curve(Curve::P256K));
        assert!(!version("2026-04-01").has_key_type(KeyType::Akp));
        assert!(version("2026-05-01-preview").has_signature(SignatureAlgorithm::MlDsa44));
        assert!(!version("7.6-preview.1").has_signature(SignatureAlgorithm::Hs256));
        assert!(!version("7.1").has_encryption(EncryptionAlgorithm::A256Kw));
        assert!(version("2015-06-01").has_encryption(EncryptionAlgorithm::RsaOaep256));
    }
}
