//! What authorities of a vault have beyond the real service: revocation, and the binding of ACME
//! accounts to principals.

use strongroom_authz::{Authorized, admit};
use strongroom_model::certificates::RevocationReason;
use strongroom_model::{ObjectName, Version};
use strongroom_ops::{
    Call, CreateAcmeBinding, RevokeCertificate, RevokeIssuedCertificate, Revoked,
};
use strongroom_store::Store;
use strongroom_wire::SecretValue;
use strongroom_wire::certificate_issuers as wire;
use strongroom_wire::certificates::CertificateRevokeParameters;

use super::members;
use crate::body::Body;
use crate::vault::Exchange;
use crate::vault::answer::Answer;
use crate::vault::objects::parse;
use crate::vault::problem::Problem;

/// The longest serial number (RFC 5280, 4.1.2.2), in bytes.
const MAX_SERIAL_BYTES: usize = 20;

pub(super) async fn revoke<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    name: ObjectName,
    version: Option<Version>,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let sent: CertificateRevokeParameters = parse(body)?;
    let reason = reason(sent.reason.as_deref())?;
    let request = admit(authorized, RevokeCertificate { name, version, reason })?;
    revoked(&exchange.ops().revoke_certificate(request, call).await?)
}

pub(super) async fn revoke_issued<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    issuer: ObjectName,
    body: Body,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let sent: wire::IssuedRevokeParameters = parse(body)?;
    let serial = serial(&members::required("serial", sent.serial)?)?;
    let reason = reason(sent.reason.as_deref())?;
    let request = admit(authorized, RevokeIssuedCertificate { issuer, serial, reason })?;
    revoked(&exchange.ops().revoke_issued_certificate(request, call).await?)
}

/// A binding sends no body that is looked at. Its key is answered here, and never again.
pub(super) async fn bind_account<S: Store>(
    exchange: &Exchange<'_, S>,
    authorized: Authorized,
    issuer: ObjectName,
    call: &mut Call,
) -> Result<Answer, Problem> {
    let directory = format!("{}/acme/{issuer}/directory", exchange.base);
    let request = admit(authorized, CreateAcmeBinding { issuer })?;
    let binding = exchange.ops().create_acme_binding(request, call).await?;
    Answer::secret_json(&wire::AcmeBindingResult {
        key_id: binding.key_id.into(),
        hmac_key: &SecretValue::from_bytes(binding.hmac_key.expose()),
        directory: directory.into(),
        expires: binding.expires.0,
    })
}

fn revoked(revoked: &Revoked) -> Result<Answer, Problem> {
    Answer::json(&wire::RevokedCertificate {
        serial: hex::encode(&revoked.serial).into(),
        revoked: revoked.at.0,
        reason: revoked.reason.name(),
    })
}

fn reason(name: Option<&str>) -> Result<RevocationReason, Problem> {
    let unspecified = RevocationReason::Unspecified;
    Ok(name.map(RevocationReason::parse).transpose()?.unwrap_or(unspecified))
}

/// A serial number as openssl and browsers show it: hexadecimal, with colons or without.
fn serial(text: &str) -> Result<Vec<u8>, Problem> {
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    let even = if digits.len() % 2 == 1 { format!("0{digits}") } else { digits };
    let read = hex::decode(even).ok().filter(|b| (1..=MAX_SERIAL_BYTES).contains(&b.len()));
    read.ok_or_else(|| {
        Problem::bad(format!(
            "The serial must be hexadecimal, of at most {MAX_SERIAL_BYTES} bytes."
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_are_read_as_they_are_shown() {
        for text in ["0A:BC", "0abc", "ABC", "abc"] {
            assert_eq!(serial(text).ok(), Some(vec![0x0A, 0xBC]), "{text}");
        }
        let long = "00".repeat(21);
        for bad in ["", ":", "xyz", "0x12", long.as_str()] {
            assert!(serial(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn reasons_are_those_of_the_rfc() {
        assert_eq!(reason(None).ok(), Some(RevocationReason::Unspecified));
        assert_eq!(reason(Some("superseded")).ok(), Some(RevocationReason::Superseded));
        assert!(reason(Some("bored")).is_err());
    }
}
