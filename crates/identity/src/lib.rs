//! The token service: OpenID discovery, JWKS and the OAuth 2.0 token endpoints.
//!
//! [`router`] serves `login.<base>` in the shapes of Entra ID and of AD FS, as far as a service
//! principal with a client secret needs them. It reads the directory, never the store; rotating
//! the signing keys is planned in [`rotation`] and carried out by its caller.

use std::sync::Arc;

mod audit;
mod authority;
mod client;
mod discovery;
mod exchange;
mod form;
mod issue;
mod refusal;
mod resource;
pub mod rotation;
mod router;
mod token;

pub use audit::{TokenAudit, TokenOutcome, Unaudited};
pub use router::router;

use strongroom_directory::Directory;
use strongroom_model::{Endpoints, Timestamp};

/// The keyed digest of a client secret.
pub type SecretDigest = Arc<dyn Fn(&[u8]) -> [u8; 32] + Send + Sync>;

/// The token service and what it stands on; each part is the caller's.
#[derive(Clone)]
pub struct TokenService {
    /// The URLs that tokens, challenges and documents name.
    pub endpoints: Endpoints,
    /// Gives the directory as it stands now.
    pub directory: Arc<dyn Fn() -> Arc<Directory> + Send + Sync>,
    /// The keyed digest under which the directory keeps a client secret.
    pub secret_digest: SecretDigest,
    /// Where every request for a token is recorded, before it is answered.
    pub audit: Arc<dyn TokenAudit>,
    /// The installation's clock.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}
