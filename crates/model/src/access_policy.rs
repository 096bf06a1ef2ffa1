//! Access policies: what a vault itself says about who may do what, where roles do not decide.
//!
//! `all` is every permission of its collection, purge among them.

use std::collections::HashSet;

use minicbor::{Decode, Encode};

use crate::{Caller, ClientId, IdentityType, ModelError, Operation, PrincipalId, TenantId};

/// The most access policies a vault may have.
pub const MAX_ACCESS_POLICIES: usize = 1_024;

/// What one principal may do in a vault. At most one of a vault's policies has the same tenant,
/// object and application.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AccessPolicy {
    /// The tenant of the principal.
    #[n(0)]
    pub tenant: TenantId,
    /// The principal: a person, a service principal or a group.
    #[n(1)]
    pub object_id: PrincipalId,
    /// The application through which a person must call (a compound identity).
    #[n(2)]
    pub application_id: Option<ClientId>,
    /// What is allowed.
    #[n(3)]
    pub permissions: PolicyPermissions,
}

/// PolicyPermissions by collection, as they were sent: in any case, with `all` as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct PolicyPermissions {
    /// On keys.
    #[n(0)]
    pub keys: Vec<String>,
    /// On secrets.
    #[n(1)]
    pub secrets: Vec<String>,
    /// On certificates.
    #[n(2)]
    pub certificates: Vec<String>,
    /// On managed storage accounts. Kept and answered; there is nothing that they allow.
    #[n(3)]
    pub storage: Vec<String>,
}

/// Every permission on keys. `crates/model/tests` holds the four against the specification.
pub const KEY_PERMISSIONS: &[&str] = &[
    "all",
    "encrypt",
    "decrypt",
    "wrapKey",
    "unwrapKey",
    "sign",
    "verify",
    "get",
    "list",
    "create",
    "update",
    "import",
    "delete",
    "backup",
    "restore",
    "recover",
    "purge",
    "release",
    "rotate",
    "getrotationpolicy",
    "setrotationpolicy",
];

/// Every permission on secrets.
pub const SECRET_PERMISSIONS: &[&str] =
    &["all", "get", "list", "set", "delete", "backup", "restore", "recover", "purge"];

/// Every permission on certificates.
pub const CERTIFICATE_PERMISSIONS: &[&str] = &[
    "all",
    "get",
    "list",
    "delete",
    "create",
    "import",
    "update",
    "managecontacts",
    "getissuers",
    "listissuers",
    "setissuers",
    "deleteissuers",
    "manageissuers",
    "recover",
    "purge",
    "backup",
    "restore",
];

/// Every permission on managed storage accounts.
pub const STORAGE_PERMISSIONS: &[&str] = &[
    "all",
    "get",
    "list",
    "delete",
    "set",
    "update",
    "regeneratekey",
    "recover",
    "purge",
    "backup",
    "restore",
    "setsas",
    "listsas",
    "getsas",
    "deletesas",
];

impl AccessPolicy {
    /// What no two policies of a vault share.
    pub fn key(&self) -> (TenantId, PrincipalId, Option<ClientId>) {
        (self.tenant, self.object_id, self.application_id)
    }
}

impl PolicyPermissions {
    /// Adds the permissions that are not there yet.
    pub fn add(&mut self, more: &Self) {
        self.each(more, |kept, more| {
            for permission in more {
                if !kept.iter().any(|kept| kept.eq_ignore_ascii_case(permission)) {
                    kept.push(permission.clone());
                }
            }
        });
    }

    /// Takes permissions away. `all` covers every one of its collection.
    pub fn remove(&mut self, gone: &Self) {
        self.each(gone, |kept, gone| {
            let goes = |kept: &String| {
                let named = |gone: &String| {
                    gone.eq_ignore_ascii_case("all") || gone.eq_ignore_ascii_case(kept)
                };
                gone.iter().any(named)
            };
            kept.retain(|kept| !goes(kept));
        });
    }

    fn each(&mut self, other: &Self, change: impl Fn(&mut Vec<String>, &[String])) {
        change(&mut self.keys, &other.keys);
        change(&mut self.secrets, &other.secrets);
        change(&mut self.certificates, &other.certificates);
        change(&mut self.storage, &other.storage);
    }

    /// Whether every permission is one of its collection.
    fn is_sound(&self) -> bool {
        let known = |sent: &[String], known: &[&str]| {
            sent.iter().all(|sent| known.iter().any(|known| known.eq_ignore_ascii_case(sent)))
        };
        known(&self.keys, KEY_PERMISSIONS)
            && known(&self.secrets, SECRET_PERMISSIONS)
            && known(&self.certificates, CERTIFICATE_PERMISSIONS)
            && known(&self.storage, STORAGE_PERMISSIONS)
    }
}

/// Checks the policies of a vault.
///
/// # Errors
/// [`ModelError::Vault`] for more than [`MAX_ACCESS_POLICIES`], a permission that is none, or two
/// policies for one tenant, object and application.
pub fn check(policies: &[AccessPolicy]) -> Result<(), ModelError> {
    if policies.len() > MAX_ACCESS_POLICIES {
        return Err(ModelError::too_many("accessPolicies", policies.len(), MAX_ACCESS_POLICIES));
    }
    let mut seen = HashSet::new();
    let sound =
        policies.iter().all(|policy| policy.permissions.is_sound() && seen.insert(policy.key()));
    if sound { Ok(()) } else { Err(ModelError::access_policies()) }
}

/// Permissions of the data plane as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct PermissionSet(u64);

impl PermissionSet {
    /// The set of one permission, or of every one of a collection for `all`; nothing for a name
    /// that is none.
    fn of(collection: &str, permission: &str) -> Self {
        let (first, known) = match collection {
            "keys" => (0, KEY_PERMISSIONS),
            "secrets" => (KEY_PERMISSIONS.len(), SECRET_PERMISSIONS),
            "certificates" => {
                (KEY_PERMISSIONS.len() + SECRET_PERMISSIONS.len(), CERTIFICATE_PERMISSIONS)
            }
            _ => return Self(0),
        };
        let Some(at) = known.iter().position(|known| known.eq_ignore_ascii_case(permission)) else {
            return Self(0);
        };
        match at {
            0 => Self(((1 << known.len()) - 2) << first),
            _ => Self(1 << (first + at)),
        }
    }

    fn of_policy(permissions: &PolicyPermissions) -> Self {
        let PolicyPermissions { keys, secrets, certificates, storage: _ } = permissions;
        let mut set = 0;
        for (collection, sent) in
            [("keys", keys), ("secrets", secrets), ("certificates", certificates)]
        {
            set = sent.iter().fold(set, |set, sent| set | Self::of(collection, sent).0);
        }
        Self(set)
    }
}

/// A vault's access policies as requests meet them: in the order of their principals, with their
/// permissions as sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessPolicies(Box<[PolicyInForce]>);

/// An access policy as requests meet it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyInForce {
    object_id: PrincipalId,
    tenant: TenantId,
    application_id: Option<ClientId>,
    permissions: PermissionSet,
}

impl AccessPolicies {
    /// The policies of a vault.
    pub fn new(policies: &[AccessPolicy]) -> Self {
        let mut in_force: Vec<PolicyInForce> = policies
            .iter()
            .map(|policy| PolicyInForce {
                object_id: policy.object_id,
                tenant: policy.tenant,
                application_id: policy.application_id,
                permissions: PermissionSet::of_policy(&policy.permissions),
            })
            .collect();
        in_force.sort_unstable_by_key(|policy| policy.object_id);
        Self(in_force.into())
    }

    /// The policies whose principal this is.
    pub fn of(&self, principal: PrincipalId) -> impl Iterator<Item = &PolicyInForce> {
        let first = self.0.partition_point(|policy| policy.object_id < principal);
        let rest = self.0.get(first..).unwrap_or_default();
        rest.iter().take_while(move |policy| policy.object_id == principal)
    }
}

impl PolicyInForce {
    /// Whether the caller's tenant is the policy's: a principal's id alone says nothing.
    pub fn is_of_tenant(&self, caller: &Caller) -> bool {
        self.tenant == caller.tenant
    }

    /// Whether the caller comes the way the policy wants: if it names an application, a person who
    /// calls through that one.
    pub fn is_called_through(&self, caller: &Caller) -> bool {
        self.application_id.is_none_or(|application| {
            caller.identity_type == IdentityType::User
                && caller.app_id.as_deref().and_then(|id| id.parse().ok()) == Some(application)
        })
    }

    /// Whether it gives the permission that an operation needs.
    pub fn allows(&self, operation: Operation) -> bool {
        let (collection, permission) = operation.permission();
        let needed = PermissionSet::of(collection, permission).0;
        needed != 0 && self.permissions.0 & needed == needed
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn secrets(names: &[&str]) -> PolicyPermissions {
        PolicyPermissions { secrets: list(names), ..PolicyPermissions::default() }
    }

    fn policy(object: u128, permissions: PolicyPermissions) -> AccessPolicy {
        AccessPolicy {
            tenant: TenantId(Uuid::from_u128(1)),
            object_id: PrincipalId(Uuid::from_u128(object)),
            application_id: None,
            permissions,
        }
    }

    /// Every operation has a permission that a policy can give: none is out of reach.
    #[test]
    fn every_operation_is_somebody_s() {
        for operation in Operation::ALL {
            let (collection, permission) = operation.permission();
            assert_ne!(PermissionSet::of(collection, permission).0, 0, "{operation:?}");
            assert_ne!(permission, "all");
        }
    }

    #[test]
    fn a_permission_is_of_its_collection_alone() {
        let all: u64 = ["keys", "secrets", "certificates"]
            .iter()
            .map(|collection| {
                let set = PermissionSet::of(collection, "ALL").0;
                assert_ne!(set & PermissionSet::of(collection, "Purge").0, 0, "{collection}");
                set
            })
            .fold(0, |sum, set| {
                assert_eq!(sum & set, 0, "the collections share nothing");
                sum | set
            });
        assert_eq!(all.count_ones(), 20 + 8 + 16, "OPERATIONS 3 and access-policy-to-data-actions");
        for nothing in [("storage", "all"), ("secrets", "sign"), ("keys", ""), ("secret", "get")] {
            assert_eq!(PermissionSet::of(nothing.0, nothing.1).0, 0, "{nothing:?}");
        }
    }

    // azure-libraries-for-net#361: a space is enough to make a permission none.
    #[test]
    fn what_is_no_permission_is_refused_as_azure_does() {
        let text = "An invalid value was provided for 'accessPolicies'.";
        for bad in [&[" list"][..], &["get", "sign"], &[""], &["readMetadata"]] {
            let error = check(&[policy(2, secrets(bad))]).unwrap_err().to_string();
            assert_eq!(error, text, "{bad:?}");
        }
        check(&[policy(2, secrets(&["Get", "LIST", "all"]))]).unwrap();
        let twice = [policy(2, secrets(&["get"])), policy(2, secrets(&["list"]))];
        assert_eq!(check(&twice).unwrap_err().to_string(), text);
        let through =
            AccessPolicy { application_id: Some(ClientId(Uuid::nil())), ..twice[1].clone() };
        check(&[twice[0].clone(), through]).unwrap();
    }

    #[test]
    fn there_is_a_most_of_policies() {
        let many = |count: u128| -> Vec<AccessPolicy> {
            (0..count).map(|n| policy(n, secrets(&["get"]))).collect()
        };
        check(&many(1_024)).unwrap();
        assert!(check(&many(1_025)).is_err());
    }

    #[test]
    fn permissions_are_added_and_taken_away_in_any_case() {
        let mut kept = secrets(&["Get", "list"]);
        kept.add(&secrets(&["get", "set"]));
        assert_eq!(kept, secrets(&["Get", "list", "set"]));
        kept.remove(&secrets(&["GET", "delete"]));
        assert_eq!(kept, secrets(&["list", "set"]));
        kept.remove(&secrets(&["all"]));
        assert_eq!(kept, PolicyPermissions::default());
    }
}
