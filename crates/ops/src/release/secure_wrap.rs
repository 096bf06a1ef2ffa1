//! Secure wrapping: operations of a Managed HSM that a vault refuses.
//!
//! What is public of them (api-version 2026-04-01): secure wrap makes an AES-256 key inside the
//! service and answers it wrapped; secure unwrap takes the wrapped key and an attestation token and
//! answers `{kid, alg, value}`. In what form `value` goes to the attested environment is not
//! published: it must not be the key in the clear, and a form of our own would be one that no
//! client opens. Until it is known, both are refused.

use strongroom_authz::Admitted;
use strongroom_model::{ObjectName, Version};
use strongroom_store::Store;

use crate::request::about_object;
use crate::{OpError, Ops};

/// Makes an AES key and wraps it.
pub struct SecureWrapKey {
    /// The wrapping key's name.
    pub name: ObjectName,
    /// Its version; `None` is the current one.
    pub version: Option<Version>,
}

/// Unwraps such a key for an attested environment.
pub struct SecureUnwrapKey {
    /// The wrapping key's name.
    pub name: ObjectName,
    /// Its version; `None` is the current one.
    pub version: Option<Version>,
}

about_object! { SecureWrapKey SecureUnwrapKey }

impl<S: Store> Ops<S> {
    /// `POST /keys/{name}/{version}/securewrapkey`
    ///
    /// # Errors
    /// [`OpError::Invalid`], always.
    pub fn secure_wrap_key(&self, admitted: Admitted<SecureWrapKey>) -> OpError {
        let _ = admitted.into_parts();
        refused("securewrapkey")
    }

    /// `POST /keys/{name}/{version}/secureunwrapkey`
    ///
    /// # Errors
    /// [`OpError::Invalid`], always.
    pub fn secure_unwrap_key(&self, admitted: Admitted<SecureUnwrapKey>) -> OpError {
        let _ = admitted.into_parts();
        refused("secureunwrapkey")
    }
}

fn refused(operation: &str) -> OpError {
    OpError::Invalid(format!(
        "The operation {operation} is one of a Managed HSM; vaults do not support it."
    ))
}
