//! What the ACME server keeps between requests: its nonces, and the answers it is looking at.

use std::sync::Arc;

use strongroom_acme::validate::{Failure, FailureKind, Validator};
use strongroom_crypto::CryptoError;
use strongroom_model::VaultId;
use strongroom_ops::{
    AcmeChallenge, AcmeErrorKind as Kind, AcmeRefusal, Identifier, Ops, ValidationTask,
};
use strongroom_store::Store;

use super::nonce::Nonces;
use super::places::{Place, Places};

/// The ACME server of a node.
pub(crate) struct AcmeServer {
    pub(super) nonces: Nonces,
    validator: Arc<Validator>,
    places: Places,
}

impl AcmeServer {
    /// A server that looks at answers with `validator`.
    ///
    /// # Errors
    /// [`CryptoError::Random`] when the system has no random numbers.
    pub(crate) fn new(validator: Validator) -> Result<Self, CryptoError> {
        let (validator, places) = (Arc::new(validator), Places::new());
        Ok(Self { nonces: Nonces::new()?, validator, places })
    }

    /// A place for an answer of a vault; `None` when too many of its answers are looked at.
    pub(super) fn place(&self, vault: VaultId) -> Option<Place> {
        self.places.take(vault)
    }

    /// Looks at the answer to a challenge, in a task of its own. If the process ends before that
    /// has come to something, the account may say again that its answer is there.
    pub(super) fn look_at<S: Store>(
        &self,
        ops: Arc<Ops<S>>,
        task: ValidationTask,
        thumbprint: &str,
        place: Place,
    ) {
        let expected = format!("{}.{thumbprint}", task.token);
        let validator = Arc::clone(&self.validator);
        tokio::spawn(async move {
            let Ok(_turn) = place.turn().await else { return };
            let found = validate(&validator, &task, &expected).await.map_err(refusal);
            if let Err(error) = ops.settle_acme_challenge(&task, found).await {
                tracing::error!(%error, "the outcome of an ACME challenge could not be kept");
            }
        });
    }
}

async fn validate(
    validator: &Validator,
    task: &ValidationTask,
    expected: &str,
) -> Result<(), Failure> {
    let name = task.identifier.value();
    match (task.challenge, &task.identifier) {
        (AcmeChallenge::Http01, _) => validator.http_01(name, &task.token, expected).await,
        (AcmeChallenge::Dns01, Identifier::Dns(_)) => validator.dns_01(name, expected).await,
        (AcmeChallenge::Dns01, Identifier::Ip(_)) => {
            Err(Failure::new(FailureKind::Dns, "an address has no TXT record"))
        }
        (AcmeChallenge::TlsAlpn01, _) => validator.tls_alpn_01(name, expected).await,
    }
}

fn refusal(failure: Failure) -> AcmeRefusal {
    let kind = match failure.kind {
        FailureKind::Connection => Kind::Connection,
        FailureKind::Dns => Kind::Dns,
        FailureKind::Tls => Kind::Tls,
        FailureKind::Incorrect => Kind::IncorrectResponse,
        FailureKind::Forbidden => Kind::RejectedIdentifier,
    };
    AcmeRefusal::new(kind, failure.detail)
}
