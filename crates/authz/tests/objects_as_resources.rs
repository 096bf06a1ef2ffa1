//! What a right of the control plane lets somebody do to the objects of a vault, and that it never
//! lets them read a secret, use a key, or touch another vault.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::sync::Arc;

use strongroom_authz::{Authorized, GrantedAction, permitted, roles};
use strongroom_model::{
    Assignments, Caller, IdentityType, ObjectName, Operation, PrincipalId, ResourceGroupName,
    RoleAssignment, RoleAssignmentId, Scope, SoftDelete, SubscriptionId, TenantId, Timestamp,
    VaultId, VaultName, VaultProperties, VaultResource,
};
use uuid::Uuid;

const TENANT: TenantId = TenantId(Uuid::from_u128(1));
const CALLER: PrincipalId = PrincipalId(Uuid::from_u128(2));
const SUBSCRIPTION: SubscriptionId = SubscriptionId(Uuid::from_u128(3));

/// Each action of the control plane on a vault's objects, and all that it is good for.
const RIGHTS: &[(&str, &[Operation])] = &[
    (
        "Microsoft.KeyVault/vaults/secrets/write",
        &[Operation::SetSecret, Operation::UpdateSecret, Operation::GetSecretVersions],
    ),
    (
        "Microsoft.KeyVault/vaults/secrets/read",
        &[Operation::GetSecrets, Operation::GetSecretVersions],
    ),
    ("Microsoft.KeyVault/vaults/keys/write", &[Operation::CreateKey]),
    (
        "Microsoft.KeyVault/vaults/keys/read",
        // A key as a resource shows its `rotationPolicy`.
        &[Operation::GetKey, Operation::GetKeys, Operation::GetKeyRotationPolicy],
    ),
    (
        "Microsoft.KeyVault/vaults/keys/versions/read",
        &[Operation::GetKey, Operation::GetKeyVersions],
    ),
    ("Microsoft.KeyVault/vaults/write", &[]),
    ("Microsoft.KeyVault/vaults/delete", &[]),
    ("Microsoft.KeyVault/vaults/deploy/action", &[]),
    ("Microsoft.KeyVault/vaults/accessPolicies/write", &[]),
    ("Microsoft.KeyVault/vaults/secrets/getSecret/action", &[]),
];

fn caller(object_id: PrincipalId, tenant: TenantId) -> Arc<Caller> {
    Arc::new(Caller {
        tenant,
        object_id,
        app_id: None,
        upn: None,
        groups: Vec::new(),
        identity_type: IdentityType::App,
        issuer: String::new(),
    })
}

fn vault(name: &str) -> Arc<VaultResource> {
    Arc::new(VaultResource {
        id: VaultId(Uuid::from_u128(4)),
        name: VaultName::parse(name).unwrap(),
        tenant: TENANT,
        subscription: SUBSCRIPTION,
        resource_group: ResourceGroupName::parse("rg").unwrap(),
        location: "local".to_owned(),
        soft_delete: SoftDelete::new(90, false).unwrap(),
        created: Timestamp(0),
        properties: VaultProperties::default(),
    })
}

/// What the owner of the subscription is granted at a scope.
fn granted(action: &str, at: &Scope) -> GrantedAction {
    let mut table = Assignments::default();
    for role in roles::builtin() {
        table.put_role(Arc::new(role.clone()));
    }
    table.set_tenant(SUBSCRIPTION, Some(TENANT));
    let owner = roles::by_name("Owner").unwrap().id;
    let id = RoleAssignmentId(Uuid::from_u128(5));
    let everywhere = Scope::subscription(SUBSCRIPTION);
    table.put_assignment(Arc::new(RoleAssignment::new(id, CALLER, owner, everywhere)));
    permitted(&caller(CALLER, TENANT), action, at, &table).unwrap()
}

fn proof(granted: &GrantedAction, operation: Operation, vault: &str, name: &str) -> bool {
    let object = Some(ObjectName::parse(name).unwrap());
    let caller = caller(CALLER, TENANT);
    Authorized::by_action(granted, caller, operation, self::vault(vault), object).is_some()
}

#[test]
fn each_right_is_good_for_what_it_says_and_nothing_else() {
    for (action, good_for) in RIGHTS {
        let granted = granted(action, &vault("dev").scope());
        for operation in Operation::ALL {
            let expected = good_for.contains(operation);
            assert_eq!(proof(&granted, *operation, "dev", "s"), expected, "{action} {operation:?}");
        }
    }
}

#[test]
fn no_right_reads_a_value_or_uses_a_key() {
    let never = [
        Operation::GetSecret,
        Operation::BackupSecret,
        Operation::BackupKey,
        Operation::Decrypt,
        Operation::UnwrapKey,
        Operation::Sign,
        Operation::ReleaseKey,
        Operation::GetCertificate,
    ];
    for (_, good_for) in RIGHTS {
        assert!(never.iter().all(|operation| !good_for.contains(operation)));
    }
}

#[test]
fn a_right_on_one_object_is_none_on_another() {
    let scope = vault("dev").scope().object(Operation::SetSecret.kind(), "one");
    let granted = granted("Microsoft.KeyVault/vaults/secrets/write", &scope);
    assert!(proof(&granted, Operation::SetSecret, "dev", "ONE"));
    assert!(!proof(&granted, Operation::SetSecret, "dev", "two"));
    assert!(!proof(&granted, Operation::SetSecret, "other", "one"));
}

#[test]
fn a_right_is_its_holders_own() {
    let action = "Microsoft.KeyVault/vaults/secrets/write";
    let scope = vault("dev").scope();
    let granted = granted(action, &scope);
    let name = || Some(ObjectName::parse("s").unwrap());
    let by = |granted: &GrantedAction, caller: Arc<Caller>| {
        Authorized::by_action(granted, caller, Operation::SetSecret, vault("dev"), name()).is_some()
    };
    assert!(by(&granted, caller(CALLER, TENANT)));
    assert!(!by(&granted, caller(PrincipalId(Uuid::from_u128(9)), TENANT)));
    assert!(!by(&granted, caller(CALLER, TenantId(Uuid::from_u128(9)))));
    let of_host = GrantedAction::on_this_host(action, scope);
    assert!(!by(&of_host, caller(CALLER, TENANT)));
}
