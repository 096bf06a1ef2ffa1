//! Who is calling, as a verified token says.

use crate::{PrincipalId, TenantId};

/// What kind of principal a token speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityType {
    /// An application.
    App,
    /// A person.
    User,
}

/// A principal whose token was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The token's tenant.
    pub tenant: TenantId,
    /// The principal's object id (`oid`).
    pub object_id: PrincipalId,
    /// The application's client id (`appid` or `azp`), as the token spells it.
    pub app_id: Option<String>,
    /// The user principal name, for people.
    pub upn: Option<String>,
    /// The groups the principal belongs to.
    pub groups: Vec<PrincipalId>,
    /// Application or person.
    pub identity_type: IdentityType,
    /// The token's issuer, as refusals show it.
    pub issuer: String,
}

impl Caller {
    /// The caller and the caller's groups: whoever of them holds a role, the caller holds it.
    pub fn principals(&self) -> impl Iterator<Item = PrincipalId> {
        std::iter::once(self.object_id).chain(self.groups.iter().copied())
    }
}
