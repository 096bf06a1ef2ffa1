//! Why the ACME server refuses: RFC 8555, section 6.7.

use minicbor::{Decode, Encode};

use super::Identifier;
use crate::OpError;

macro_rules! error_kinds {
    ($($(#[$doc:meta])* $n:literal $kind:ident $name:literal $status:literal)*) => {
        /// The type of an error, and the status it is answered with.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
        #[cbor(index_only)]
        pub enum AcmeErrorKind {
            $($(#[$doc])* #[n($n)] $kind,)*
        }

        impl AcmeErrorKind {
            /// The name after `urn:ietf:params:acme:error:`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// The HTTP status.
            pub fn status(self) -> u16 {
                match self { $(Self::$kind => $status,)* }
            }
        }
    };
}

error_kinds! {
    /// The account that a request names is not there.
    0 AccountDoesNotExist "accountDoesNotExist" 400
    /// The certificate is revoked already.
    1 AlreadyRevoked "alreadyRevoked" 400
    /// The certificate signing request is not acceptable.
    2 BadCsr "badCSR" 400
    /// The nonce is unknown, too old, or was used.
    3 BadNonce "badNonce" 400
    /// The key of the request is not acceptable.
    4 BadPublicKey "badPublicKey" 400
    /// The reason of a revocation is not one that is taken.
    5 BadRevocationReason "badRevocationReason" 400
    /// The algorithm of the request's signature is not one that is taken.
    6 BadSignatureAlgorithm "badSignatureAlgorithm" 400
    /// The validation server could not be connected to.
    7 Connection "connection" 400
    /// A name could not be resolved, or its records are not as they must be.
    8 Dns "dns" 400
    /// An account needs a binding.
    9 ExternalAccountRequired "externalAccountRequired" 403
    /// The answer to a challenge was not the right one.
    10 IncorrectResponse "incorrectResponse" 403
    /// A contact of an account is not acceptable.
    11 InvalidContact "invalidContact" 400
    /// The request is malformed.
    12 Malformed "malformed" 400
    /// Nothing is there; its type on the wire is `malformed`.
    13 NotFound "malformed" 404
    /// Another method is for this; its type on the wire is `malformed`.
    14 MethodNotAllowed "malformed" 405
    /// The order is not ready to be finalized.
    15 OrderNotReady "orderNotReady" 403
    /// Too much was asked for.
    16 RateLimited "rateLimited" 429
    /// No certificate is issued for an identifier.
    17 RejectedIdentifier "rejectedIdentifier" 400
    /// The server failed.
    18 ServerInternal "serverInternal" 500
    /// The TLS of the validation server is not as it must be.
    19 Tls "tls" 400
    /// The account, its principal or its key may not do this.
    20 Unauthorized "unauthorized" 403
    /// A contact is of a kind that is not taken.
    21 UnsupportedContact "unsupportedContact" 400
    /// An identifier is of a kind that is not taken.
    22 UnsupportedIdentifier "unsupportedIdentifier" 400
    /// A key is the key of another account; its type on the wire is `malformed`.
    23 KeyInUse "malformed" 409
    /// The certificate has been replaced by another order (RFC 9773).
    24 AlreadyReplaced "alreadyReplaced" 409
    /// The body is too long; its type on the wire is `malformed`.
    25 TooLarge "malformed" 413
    /// The body is of another media type; its type on the wire is `malformed`.
    26 MediaType "malformed" 415
    /// The server cannot now; its type on the wire is `serverInternal`.
    27 Unavailable "serverInternal" 503
}

/// A refusal, in words for the client.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, thiserror::Error)]
#[error("{}: {detail}", kind.name())]
pub struct AcmeRefusal {
    /// Its type.
    #[n(0)]
    pub kind: AcmeErrorKind,
    /// What happened.
    #[n(1)]
    pub detail: String,
    /// The identifier that it is about, where there is one.
    #[n(2)]
    pub identifier: Option<Identifier>,
}

impl AcmeRefusal {
    /// A refusal that is about no one identifier.
    pub fn new(kind: AcmeErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), identifier: None }
    }

    /// The same, about an identifier.
    #[must_use]
    pub fn about(self, identifier: &Identifier) -> Self {
        Self { identifier: Some(identifier.clone()), ..self }
    }
}

/// Why a request of the ACME server did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    /// It was refused.
    #[error(transparent)]
    Refused(#[from] AcmeRefusal),
    /// Several identifiers were refused, each for itself.
    #[error("{} identifiers were refused", .0.len())]
    Identifiers(Vec<AcmeRefusal>),
    /// The service could not.
    #[error(transparent)]
    Op(#[from] OpError),
}

impl AcmeError {
    /// A refusal that is about no one identifier.
    pub fn refused(kind: AcmeErrorKind, detail: impl Into<String>) -> Self {
        Self::Refused(AcmeRefusal::new(kind, detail))
    }
}

/// What the parts beneath answer with stands for the service's failure.
macro_rules! from_below {
    ($($error:ty)*) => {$(
        impl From<$error> for AcmeError {
            fn from(error: $error) -> Self {
                Self::Op(error.into())
            }
        }
    )*};
}

from_below! {
    strongroom_crypto::CryptoError
    strongroom_seal::SealError
    strongroom_store::StoreError
}
