//! The rules of certificates: what is known of a version, its policy, its issuers and contacts,
//! and the operation that makes the next version.

mod change;
mod contacts;
mod due;
mod issuer;
mod issuer_change;
mod operation;
mod policy;
mod revocation;
mod rules;

use minicbor::{Decode, Encode};

use crate::ObjectName;

pub use change::{
    IssuerParametersChange, KeyPropertiesChange, LifetimeActionSent, PolicyChange, X509Change,
};
pub use contacts::Contact;
pub use issuer::{Administrator, IssuanceProfile, Issuer, IssuerProvider, Organization};
pub use issuer_change::{IssuerChange, ProfileChange};
pub use operation::{CertificateOperation, OperationError, OperationStatus};
pub use policy::{
    BasicConstraints, CertificateAction, CertificatePolicy, CertificateTrigger, IssuerParameters,
    KeyProperties, KeyUsage, LifetimeAction, NameConstraints, SecretFormat,
    SubjectAlternativeNames, X509Properties,
};
pub use revocation::RevocationReason;

/// The longest tag name or value of a certificate, in characters.
pub const MAX_TAG_CHARS: usize = 256;

/// What a list of certificates shows beside attributes and tags. All of it is public.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CertificateListing {
    /// SHA-1 of the certificate's DER: `x5t` on the wire. `None` while the first version of a
    /// certificate is still being made: such a certificate has no key, no secret and no body.
    #[n(0)]
    pub thumbprint: Option<Thumbprint>,
    /// Whether the chain is answered in the order in which it was imported.
    #[n(1)]
    pub preserve_order: bool,
    /// The certificate of the authority of the vault that issued it; `None` for what signs itself
    /// or comes from outside.
    #[n(2)]
    pub authority: Option<ObjectName>,
}

/// SHA-1 of a certificate's DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Thumbprint(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 20]);

impl CertificateListing {
    /// Whether there is a certificate yet.
    pub fn is_pending(&self) -> bool {
        self.thumbprint.is_none()
    }
}
