//! Principals: applications (service principals), people and groups.

use minicbor::{Decode, Encode};
use strongroom_model::{ClientId, CredentialId, PrincipalId, TenantId, Timestamp};

/// One client secret. Only a keyed digest of it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Credential {
    /// Its id.
    #[n(0)]
    pub id: CredentialId,
    /// HMAC-SHA-256 of the secret under the system key.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub digest: [u8; 32],
    /// When it was made.
    #[n(2)]
    pub created: Timestamp,
    /// From when on it is refused.
    #[n(3)]
    pub expires: Option<Timestamp>,
}

/// An application and its service principal.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Application {
    /// The client id (`appid`).
    #[n(0)]
    pub client_id: ClientId,
    /// The service principal's object id (`oid`).
    #[n(1)]
    pub object_id: PrincipalId,
    /// The tenant.
    #[n(2)]
    pub tenant: TenantId,
    /// Its name, for people.
    #[n(3)]
    pub display_name: String,
    /// Its client secrets.
    #[n(4)]
    pub credentials: Vec<Credential>,
    /// When it was made.
    #[n(5)]
    pub created: Timestamp,
}

/// A group of principals.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Group {
    /// Its object id.
    #[n(0)]
    pub object_id: PrincipalId,
    /// The tenant.
    #[n(1)]
    pub tenant: TenantId,
    /// Its name, for people.
    #[n(2)]
    pub display_name: String,
    /// Its members: applications, users or groups.
    #[n(3)]
    pub members: Vec<PrincipalId>,
}

/// A person. People sign in at an external issuer; here they have a name, groups and roles.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct User {
    /// The object id (`oid`), as the issuer's tokens give it.
    #[n(0)]
    pub object_id: PrincipalId,
    /// The tenant.
    #[n(1)]
    pub tenant: TenantId,
    /// The name, for people.
    #[n(2)]
    pub display_name: String,
    /// The user principal name, such as `ada@example.com`.
    #[n(3)]
    pub user_principal_name: String,
    /// The mail address, if it is known.
    #[n(4)]
    pub mail: Option<String>,
    /// When the row was made.
    #[n(5)]
    pub created: Timestamp,
}
