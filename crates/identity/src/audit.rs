//! What the audit learns of a request for a token.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use strongroom_model::{ConnectionInfo, PrincipalId, RequestId, TenantId, Timestamp};

/// One request for a token and its outcome. Never a secret, never a token.
#[derive(Clone, Debug)]
pub struct TokenOutcome {
    /// The request's id, also the answer's `x-ms-request-id`.
    pub id: RequestId,
    /// The client's id for the request, or else one drawn here.
    pub correlation_id: String,
    /// When it came, by the installation's clock.
    pub time: Timestamp,
    /// How long deciding took.
    pub duration: Duration,
    /// The path, without its query.
    pub path: String,
    /// The client id, as the client spelt it; cut at 64 characters.
    pub client_id: Option<String>,
    /// The service principal, when the client is known.
    pub object_id: Option<PrincipalId>,
    /// The tenant, when the path names one that exists.
    pub tenant: Option<TenantId>,
    /// The `aud` of the token that was issued.
    pub audience: Option<String>,
    /// The HTTP status.
    pub status: u16,
    /// The AADSTS number of a refusal; none when a token was issued.
    pub aadsts: Option<u32>,
    /// The client's connection, when the listener said.
    pub connection: Option<Arc<ConnectionInfo>>,
    /// The client's `User-Agent`; cut at 256 characters.
    pub user_agent: Option<String>,
}

/// The outcome could not be recorded: the answer is 503 instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request could not be recorded in the audit; see the server's log")]
pub struct Unaudited;

/// Records outcomes. The answer waits for it, so that nothing is answered unaudited.
pub trait TokenAudit: Send + Sync {
    /// Hands an outcome over for good.
    ///
    /// # Errors
    /// [`Unaudited`] when it could not be.
    fn record(
        &self,
        outcome: TokenOutcome,
    ) -> Pin<Box<dyn Future<Output = Result<(), Unaudited>> + Send + '_>>;
}
