//! Why a certificate was revoked.

use minicbor::{Decode, Encode};

use crate::algorithm::named;

named! {
    /// Why a certificate was revoked (RFC 5280, 5.3.1), as that document spells it.
    #[derive(Encode, Decode)]
    #[cbor(index_only)]
    RevocationReason:
    /// No reason was given.
    #[n(0)]
    Unspecified "unspecified"
    /// Somebody else has the key, or may have.
    #[n(1)]
    KeyCompromise "keyCompromise"
    /// Somebody else has the authority's key, or may have.
    #[n(2)]
    CaCompromise "cACompromise"
    /// The subject's name changed.
    #[n(3)]
    AffiliationChanged "affiliationChanged"
    /// Another certificate replaced it.
    #[n(4)]
    Superseded "superseded"
    /// It is no longer needed.
    #[n(5)]
    CessationOfOperation "cessationOfOperation"
    /// A right it gave was withdrawn.
    #[n(9)]
    PrivilegeWithdrawn "privilegeWithdrawn"
}
