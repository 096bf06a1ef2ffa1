//! The head of a request: `METHOD path?query`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_fuzz::assert_refusal;
use strongroom_http::fuzzing;
use strongroom_model::Operation;

/// The parameters that the service knows.
const PARAMETERS: [&str; 3] = ["api-version", "maxresults", "$skiptoken"];

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (method, target) = text.split_once(' ').unwrap_or((text, ""));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let known = PARAMETERS.map(|name| Some((name, fuzzing::parameter(query, name)?)));
    let query = known.iter().flatten().map(|(name, value)| format!("{name}={}", encoded(value)));
    let query = query.collect::<Vec<_>>().join("&");
    let again = PARAMETERS.map(|name| Some((name, fuzzing::parameter(&query, name)?)));
    assert_eq!(again, known);
    match fuzzing::route(method.as_bytes(), path, &query) {
        Err(refusal) => assert_refusal(&refusal),
        Ok((operation, name, version)) => {
            let name_text = name.as_ref().map(ToString::to_string);
            let version_text = version.map(|version| version.to_string());
            let path = canonical(operation, name_text.as_deref(), version_text.as_deref());
            let again = fuzzing::route(method.as_bytes(), &path, &query);
            assert_eq!(again, Ok((operation, name, version)), "{method} {path}");
        }
    }
});

fn encoded(value: &str) -> String {
    value.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// The path of an operation as the specification writes it.
fn canonical(operation: Operation, name: Option<&str>, version: Option<&str>) -> String {
    use Operation as Op;
    let name = name.unwrap_or_default();
    let version = version.unwrap_or_default();
    match operation {
        Op::GetSecrets => "/secrets".into(),
        Op::SetSecret | Op::DeleteSecret => format!("/secrets/{name}"),
        Op::GetSecret | Op::UpdateSecret => format!("/secrets/{name}/{version}"),
        Op::RollbackSecret => format!("/secrets/{name}/{version}/rollback"),
        Op::GetSecretVersions => format!("/secrets/{name}/versions"),
        Op::BackupSecret => format!("/secrets/{name}/backup"),
        Op::RestoreSecret => "/secrets/restore".into(),
        Op::GetDeletedSecrets => "/deletedsecrets".into(),
        Op::GetDeletedSecret | Op::PurgeDeletedSecret => format!("/deletedsecrets/{name}"),
        Op::RecoverDeletedSecret => format!("/deletedsecrets/{name}/recover"),
        Op::GetKeys => "/keys".into(),
        Op::ImportKey | Op::DeleteKey => format!("/keys/{name}"),
        Op::GetKey | Op::UpdateKey => format!("/keys/{name}/{version}"),
        Op::CreateKey => format!("/keys/{name}/create"),
        Op::GetKeyVersions => format!("/keys/{name}/versions"),
        Op::BackupKey => format!("/keys/{name}/backup"),
        Op::RestoreKey => "/keys/restore".into(),
        Op::RotateKey => format!("/keys/{name}/rotate"),
        Op::GetKeyRotationPolicy | Op::UpdateKeyRotationPolicy => {
            format!("/keys/{name}/rotationpolicy")
        }
        Op::Encrypt => format!("/keys/{name}/{version}/encrypt"),
        Op::Decrypt => format!("/keys/{name}/{version}/decrypt"),
        Op::WrapKey => format!("/keys/{name}/{version}/wrapkey"),
        Op::UnwrapKey => format!("/keys/{name}/{version}/unwrapkey"),
        Op::Sign => format!("/keys/{name}/{version}/sign"),
        Op::Verify => format!("/keys/{name}/{version}/verify"),
        Op::ReleaseKey => format!("/keys/{name}/{version}/release"),
        Op::GetKeyAttestation => format!("/keys/{name}/{version}/attestation"),
        Op::SecureWrapKey => format!("/keys/{name}/{version}/securewrapkey"),
        Op::SecureUnwrapKey => format!("/keys/{name}/{version}/secureunwrapkey"),
        Op::GetDeletedKeys => "/deletedkeys".into(),
        Op::GetDeletedKey | Op::PurgeDeletedKey => format!("/deletedkeys/{name}"),
        Op::RecoverDeletedKey => format!("/deletedkeys/{name}/recover"),
        certificates => canonical_of_certificates(certificates, name, version),
    }
}

fn canonical_of_certificates(operation: Operation, name: &str, version: &str) -> String {
    use Operation as Op;
    match operation {
        Op::GetCertificates => "/certificates".into(),
        Op::CreateCertificate => format!("/certificates/{name}/create"),
        Op::ImportCertificate => format!("/certificates/{name}/import"),
        Op::GetCertificate | Op::UpdateCertificate => format!("/certificates/{name}/{version}"),
        Op::DeleteCertificate => format!("/certificates/{name}"),
        Op::GetCertificateVersions => format!("/certificates/{name}/versions"),
        Op::GetCertificatePolicy | Op::UpdateCertificatePolicy => {
            format!("/certificates/{name}/policy")
        }
        Op::GetCertificateOperation
        | Op::UpdateCertificateOperation
        | Op::DeleteCertificateOperation => format!("/certificates/{name}/pending"),
        Op::MergeCertificate => format!("/certificates/{name}/pending/merge"),
        Op::BackupCertificate => format!("/certificates/{name}/backup"),
        Op::RestoreCertificate => "/certificates/restore".into(),
        Op::RevokeCertificate => format!("/certificates/{name}/{version}/revoke"),
        Op::GetDeletedCertificates => "/deletedcertificates".into(),
        Op::GetDeletedCertificate | Op::PurgeDeletedCertificate => {
            format!("/deletedcertificates/{name}")
        }
        Op::RecoverDeletedCertificate => format!("/deletedcertificates/{name}/recover"),
        Op::GetCertificateIssuers => "/certificates/issuers".into(),
        Op::GetCertificateIssuer
        | Op::SetCertificateIssuer
        | Op::UpdateCertificateIssuer
        | Op::DeleteCertificateIssuer => format!("/certificates/issuers/{name}"),
        Op::RevokeIssuedCertificate => format!("/certificates/issuers/{name}/revoke"),
        Op::CreateAcmeBinding => format!("/certificates/issuers/{name}/eab"),
        Op::GetCertificateContacts | Op::SetCertificateContacts | Op::DeleteCertificateContacts => {
            "/certificates/contacts".into()
        }
        other => unreachable!("{other:?} is no operation of certificates"),
    }
}
