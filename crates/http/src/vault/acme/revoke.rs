//! Revocation: signed by an account, or by the certificate's own key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use strongroom_model::certificates::RevocationReason;
use strongroom_ops::{
    AcmeError, AcmeErrorKind as Kind, Call, RevokeAcmeCertificate, RevokeByCertificateKey,
};
use strongroom_store::Store;
use strongroom_wire::acme as wire;

use super::Visit;
use super::jws::{Jws, Signer};
use super::reply::Reply;
use super::signed::{self, payload};

/// `POST revoke-cert`
pub(super) async fn revoke<S: Store>(
    visit: &Visit<'_, S>,
    jws: Jws,
    call: &mut Call,
) -> Result<Reply, AcmeError> {
    let (ops, issuer) = (&visit.service.ops, visit.issuer.clone());
    match &jws.signer {
        Signer::Key(_) => {
            let key = signed::with_key(&jws)?.public().clone();
            let (certificate, reason) = asked(&jws.payload)?;
            let request = RevokeByCertificateKey { issuer, key, certificate, reason };
            ops.revoke_by_certificate_key(visit.vault, &request, call).await?;
        }
        Signer::Id(_) => {
            let signed = signed::with_account(visit, jws, call).await?;
            let (certificate, reason) = asked(&signed.payload)?;
            let account = signed.account.id;
            let request = RevokeAcmeCertificate { issuer, account, certificate, reason };
            ops.revoke_acme_certificate(signed.admit(request)?, call).await?;
        }
    }
    Ok(Reply::empty(StatusCode::OK))
}

fn asked(bytes: &[u8]) -> Result<(Vec<u8>, RevocationReason), AcmeError> {
    let sent: wire::RevokeCert = payload(bytes)?;
    let certificate = URL_SAFE_NO_PAD.decode(&sent.certificate);
    let certificate = certificate
        .map_err(|_| AcmeError::refused(Kind::Malformed, "The certificate is no base64url."))?;
    let reason = match sent.reason.unwrap_or(0) {
        0 => RevocationReason::Unspecified,
        1 => RevocationReason::KeyCompromise,
        3 => RevocationReason::AffiliationChanged,
        4 => RevocationReason::Superseded,
        5 => RevocationReason::CessationOfOperation,
        9 => RevocationReason::PrivilegeWithdrawn,
        _ => {
            let text = "The reason is one of 0, 1, 3, 4, 5 and 9.";
            return Err(AcmeError::refused(Kind::BadRevocationReason, text));
        }
    };
    Ok((certificate, reason))
}
