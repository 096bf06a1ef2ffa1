//! Release: whoever shows claims is believed, but for what the claims themselves say.
//!
//! What a real attestation token must be is tested in `authn` and `ops`.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use strongroom_model::Timestamp;
use strongroom_model::release::Authority as AttestationAuthority;
use strongroom_ops::release::{
    Attestation, AttestationVerifier, Release, ReleaseSigner, Unbelieved, Verifying,
};
use strongroom_pki::Authority;

struct Gullible;

impl AttestationVerifier for Gullible {
    fn verify<'a>(
        &'a self,
        token: &'a str,
        accepted: &'a [AttestationAuthority],
        now: Timestamp,
    ) -> Verifying<'a> {
        Box::pin(async move {
            let refused = || Unbelieved::Refused("not believed".to_owned());
            let json = URL_SAFE_NO_PAD.decode(token).map_err(|_| refused())?;
            let claims: Value = serde_json::from_slice(&json).map_err(|_| refused())?;
            let issuer = claims["iss"].as_str().ok_or_else(refused)?;
            let authority = AttestationAuthority::parse(issuer).map_err(|_| refused())?;
            let expired = claims["exp"].as_i64().is_none_or(|exp| exp <= now.0);
            if expired || !accepted.contains(&authority) {
                return Err(refused());
            }
            Ok(Attestation { authority, claims: claims.as_object().unwrap().clone() })
        })
    }
}

pub(super) fn release(authority: &Authority, now: Timestamp) -> Release {
    let names = vec!["*.vault.localhost".to_owned()];
    let signer = ReleaseSigner::new(authority, names, now).unwrap();
    Release { verifier: Arc::new(Gullible), signer: Arc::new(signer) }
}
