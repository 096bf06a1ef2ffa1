//! Turns a bearer token into a `Caller`; issues the challenge.
//!
//! [`Authenticator::authenticate`] is the one door. A token is either ours (signed by a key of
//! the directory, its principal looked up there) or a trusted external issuer's (its keys fetched
//! by this crate). Verified tokens are remembered under their SHA-256, never as text.

use std::sync::Arc;

pub mod attestation;
mod challenge;
mod claims;
mod external;
mod fault;
mod jws;
mod own;
mod resource;
mod verify;

pub use challenge::Challenge;
pub use fault::TokenFault;
pub use resource::Resource;
pub use verify::{Authenticator, bearer_token};

use strongroom_directory::Directory;
pub use strongroom_outgoing::OutgoingRules;

/// Gives the directory as it stands now; called for every request, so it must be cheap.
pub type CurrentDirectory = Arc<dyn Fn() -> Arc<Directory> + Send + Sync>;
