//! Access policies and the firewall, from the side of who should not get through.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::net::IpAddr;
use std::sync::Arc;

use strongroom_authz::access_policy::{Decision, evaluate};
use strongroom_authz::network::{self, NetworkRefusal};
use strongroom_authz::{Access, Reason, authorise, roles};
use strongroom_model::{
    AccessPolicies, AccessPolicy, Assignments, Caller, ClientId, Firewall, IdentityType,
    NetworkAcls, Operation, PolicyPermissions, PrincipalId, ResourceGroupName, RoleAssignment,
    RoleAssignmentId, SoftDelete, SubscriptionId, TenantId, Timestamp, VaultId, VaultName,
    VaultProperties, VaultResource,
};
use uuid::Uuid;

const TENANT: TenantId = TenantId(Uuid::from_u128(1));
const ALICE: PrincipalId = PrincipalId(Uuid::from_u128(2));
const TEAM: PrincipalId = PrincipalId(Uuid::from_u128(3));
const PORTAL: ClientId = ClientId(Uuid::from_u128(4));

fn alice(through: ClientId) -> Caller {
    Caller {
        tenant: TENANT,
        object_id: ALICE,
        app_id: Some(through.to_string()),
        upn: Some("alice@example.org".to_owned()),
        groups: vec![TEAM],
        identity_type: IdentityType::User,
        issuer: "https://login.localhost/t/v2.0".to_owned(),
    }
}

fn policy(object_id: PrincipalId, secrets: &[&str]) -> AccessPolicy {
    let secrets = secrets.iter().map(|name| (*name).to_owned()).collect();
    let permissions = PolicyPermissions { secrets, ..PolicyPermissions::default() };
    AccessPolicy { tenant: TENANT, object_id, application_id: None, permissions }
}

fn decided(caller: &Caller, operation: Operation, policies: &[AccessPolicy]) -> Decision {
    evaluate(caller, operation, &AccessPolicies::new(policies))
}

#[test]
fn nobody_is_anybody_without_a_policy() {
    let caller = alice(PORTAL);
    for operation in Operation::ALL {
        assert_eq!(decided(&caller, *operation, &[]), Decision::NoPolicy, "{operation:?}");
        let stranger = policy(PrincipalId(Uuid::from_u128(99)), &["all"]);
        assert_eq!(decided(&caller, *operation, &[stranger]), Decision::NoPolicy);
    }
}

#[test]
fn a_permission_gives_its_operations_and_no_other() {
    let caller = alice(PORTAL);
    for operation in Operation::ALL {
        let expected = match operation.permission() {
            ("secrets", "get") => Decision::Allowed,
            _ => Decision::NoPermission,
        };
        assert_eq!(decided(&caller, *operation, &[policy(ALICE, &["Get"])]), expected);
        let expected = match operation.permission().0 {
            "secrets" => Decision::Allowed,
            _ => Decision::NoPermission,
        };
        assert_eq!(decided(&caller, *operation, &[policy(ALICE, &["all"])]), expected);
    }
    let storage = AccessPolicy {
        permissions: PolicyPermissions {
            storage: vec!["all".to_owned()],
            ..PolicyPermissions::default()
        },
        ..policy(ALICE, &[])
    };
    for operation in Operation::ALL {
        let decision = decided(&caller, *operation, std::slice::from_ref(&storage));
        assert_eq!(decision, Decision::NoPermission);
    }
}

#[test]
fn the_policies_of_a_caller_and_of_groups_count_together() {
    let policies = [policy(TEAM, &["list"]), policy(ALICE, &["get"])];
    let caller = alice(PORTAL);
    assert_eq!(decided(&caller, Operation::GetSecret, &policies), Decision::Allowed);
    assert_eq!(decided(&caller, Operation::GetSecrets, &policies), Decision::Allowed);
    assert_eq!(decided(&caller, Operation::SetSecret, &policies), Decision::NoPermission);
    let alone = Caller { groups: Vec::new(), ..caller };
    assert_eq!(decided(&alone, Operation::GetSecrets, &policies), Decision::NoPermission);
}

/// The compound identity: the person through that application, and nobody otherwise.
#[test]
fn an_application_s_policy_is_for_a_person_who_calls_through_it() {
    let through = |id| AccessPolicy { application_id: Some(id), ..policy(ALICE, &["get"]) };
    let get = |caller: &Caller, policies: &[AccessPolicy]| {
        decided(caller, Operation::GetSecret, policies)
    };
    let policies = [through(PORTAL)];
    assert_eq!(get(&alice(PORTAL), &policies), Decision::Allowed);
    let other = ClientId(Uuid::from_u128(5));
    assert_eq!(get(&alice(other), &policies), Decision::NotOnBehalf);
    for app_id in [None, Some(String::new()), Some("x".to_owned())] {
        let caller = Caller { app_id, ..alice(PORTAL) };
        assert_eq!(get(&caller, &policies), Decision::NotOnBehalf);
    }
    // The application itself, even with the person's object id, is not the person.
    let application = Caller { identity_type: IdentityType::App, ..alice(PORTAL) };
    assert_eq!(get(&application, &policies), Decision::NotOnBehalf);
    let besides = [through(PORTAL), policy(ALICE, &["list"])];
    assert_eq!(get(&alice(other), &besides), Decision::NoPermission);
    assert_eq!(get(&alice(PORTAL), &besides), Decision::Allowed);
}

#[test]
fn an_object_id_of_another_tenant_is_somebody_else() {
    let foreign = AccessPolicy { tenant: TenantId(Uuid::from_u128(9)), ..policy(ALICE, &["all"]) };
    let decision = decided(&alice(PORTAL), Operation::GetSecret, &[foreign]);
    assert_eq!(decision, Decision::NoPolicy);
}

/// 1,024 policies in no order: each is found, and no other.
#[test]
fn every_policy_of_many_is_found() {
    let id = |n: u128| PrincipalId(Uuid::from_u128(n * 7_919 % 1_024 + 100));
    let policies: Vec<AccessPolicy> = (0..1_024).map(|n| policy(id(n), &["get"])).collect();
    let policies = AccessPolicies::new(&policies);
    for n in 0..1_124 {
        let object_id = PrincipalId(Uuid::from_u128(n));
        let caller = Caller { object_id, groups: Vec::new(), ..alice(PORTAL) };
        let expected = if n < 100 { Decision::NoPolicy } else { Decision::Allowed };
        assert_eq!(evaluate(&caller, Operation::GetSecret, &policies), expected, "{n}");
    }
}

fn vault(rbac: bool, policies: Vec<AccessPolicy>) -> Arc<VaultResource> {
    Arc::new(VaultResource {
        id: VaultId(Uuid::from_u128(6)),
        name: VaultName::parse("dev").unwrap(),
        tenant: TENANT,
        subscription: SubscriptionId(Uuid::from_u128(7)),
        resource_group: ResourceGroupName::parse("rg").unwrap(),
        location: "local".to_owned(),
        soft_delete: SoftDelete::new(90, false).unwrap(),
        created: Timestamp(0),
        properties: VaultProperties {
            rbac,
            access_policies: policies,
            ..VaultProperties::default()
        },
    })
}

/// What decides is the vault's permission model, and the other one counts for nothing.
#[test]
fn roles_and_policies_never_mix() {
    let vault_of = |rbac| vault(rbac, vec![policy(ALICE, &["get"])]);
    let ask = |vault: Arc<VaultResource>, operation, keep: bool, assignments: &Assignments| {
        let (scope, in_force) = (vault.scope(), vault.policies_in_force());
        let access = Access {
            caller: Arc::new(alice(PORTAL)),
            operation,
            vault,
            vault_scope: &scope,
            policies: in_force.as_ref().filter(|_| keep),
            object: None,
        };
        authorise(access, assignments).map_err(|denied| denied.reason)
    };
    let nobody = Assignments::default();
    let mut owner = Assignments::default();
    let role = roles::by_name("Key Vault Administrator").unwrap();
    owner.put_role(Arc::new(role.clone()));
    let id = RoleAssignmentId(Uuid::from_u128(8));
    owner.put_assignment(Arc::new(RoleAssignment::new(id, ALICE, role.id, vault_of(true).scope())));

    let allowed = ask(vault_of(false), Operation::GetSecret, true, &nobody).unwrap();
    assert_eq!((allowed.assignment(), allowed.is_public_only()), (None, false));
    let denied =
        |vault, operation, keep, assignments| ask(vault, operation, keep, assignments).unwrap_err();
    assert_eq!(
        denied(vault_of(false), Operation::SetSecret, true, &owner),
        Reason::NoPermission,
        "a role gives nothing where policies decide"
    );
    assert_eq!(
        denied(vault(false, Vec::new()), Operation::SetSecret, true, &owner),
        Reason::NoPolicy
    );
    assert_eq!(
        denied(vault_of(false), Operation::GetSecret, false, &owner),
        Reason::NoPolicy,
        "who forgets the policies lets nobody in"
    );
    assert_eq!(
        denied(vault_of(true), Operation::GetSecret, true, &nobody),
        Reason::NoAssignment,
        "a policy gives nothing where roles decide"
    );
    ask(vault_of(true), Operation::SetSecret, true, &owner).unwrap();
    // Under policies, reading a key is not using it: not even its public half.
    let mut keys = policy(ALICE, &[]);
    keys.permissions.keys = vec!["get".to_owned()];
    assert_eq!(
        denied(vault(false, vec![keys]), Operation::Verify, true, &nobody),
        Reason::NoPermission
    );
}

#[test]
fn only_trusted_services_get_past_a_firewall_and_only_where_they_may() {
    let address: IpAddr = "203.0.113.9".parse().unwrap();
    let caller = alice(PORTAL);
    let acls = |bypass| NetworkAcls {
        bypass_azure_services: bypass,
        default_deny: true,
        ..NetworkAcls::default()
    };
    let shut = |bypass| Firewall::new(true, Some(&acls(bypass)));
    let refused = Err(NetworkRefusal::Firewall(address));
    assert_eq!(network::admit(&shut(true), address, Some(&caller), &[]), refused);
    assert_eq!(network::admit(&shut(true), address, Some(&caller), &[TEAM]), refused, "no group");
    assert_eq!(network::admit(&shut(true), address, Some(&caller), &[ALICE]), Ok(()));
    assert_eq!(network::admit(&shut(false), address, Some(&caller), &[ALICE]), refused);
    assert_eq!(network::admit(&shut(true), address, None, &[ALICE]), refused);
    // OPERATIONS 0.13: the bypass holds for a vault without public network access too.
    let disabled = Firewall::new(false, Some(&acls(true)));
    assert_eq!(network::admit(&disabled, address, Some(&caller), &[ALICE]), Ok(()));
    let refused = Err(NetworkRefusal::Disabled);
    assert_eq!(network::admit(&disabled, address, Some(&caller), &[]), refused);
    let disabled = Firewall::new(false, Some(&acls(false)));
    assert_eq!(network::admit(&disabled, address, Some(&caller), &[ALICE]), refused);
}
