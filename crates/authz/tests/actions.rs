//! The control plane: what built-in roles may do, what refusals say, and that no right of the
//! control plane leads to data but by a role assignment.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::sync::Arc;

use strongroom_authz::{
    AssignmentFacts, Decision, GrantedAction, evaluate, permitted, permitted_to_assign,
    permitted_to_elevate, roles,
};
use strongroom_model::{
    Assignments, Caller, DataAction, DenyAssignment, DenyAssignmentId, DenyPrincipal, IdentityType,
    Kind, PrincipalId, RoleAssignment, RoleAssignmentId, RolePermissions, Scope, TenantId,
};
use uuid::Uuid;

const TENANT: TenantId = TenantId(Uuid::from_u128(1));
const CALLER: PrincipalId = PrincipalId(Uuid::from_u128(2));
const SUBSCRIPTION: &str = "/subscriptions/7e3b9b4a-0c7e-4f0e-9f2b-2b1f3d1b8c11";

fn caller() -> Caller {
    Caller {
        tenant: TENANT,
        object_id: CALLER,
        app_id: Some("3f1b1e0a-app".to_owned()),
        upn: None,
        groups: Vec::new(),
        identity_type: IdentityType::App,
        issuer: String::new(),
    }
}

fn scope(below: &str) -> Scope {
    Scope::parse(&format!("{SUBSCRIPTION}{below}")).unwrap()
}

fn vault() -> Scope {
    scope("/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/dev")
}

fn holding(role: &str, at: Scope) -> Assignments {
    let mut table = Assignments::default();
    for role in roles::builtin() {
        table.put_role(Arc::new(role.clone()));
    }
    table.set_tenant(at.subscription_id().unwrap(), Some(TENANT));
    let (role, id) = (roles::by_name(role).unwrap().id, RoleAssignmentId(Uuid::from_u128(3)));
    table.put_assignment(Arc::new(RoleAssignment::new(id, CALLER, role, at)));
    table
}

const ASSIGN: &str = "Microsoft.Authorization/roleAssignments/write";

fn may(table: &Assignments, action: &str, at: &Scope) -> bool {
    permitted(&caller(), action, at, table).is_ok()
}

#[test]
fn built_in_roles_do_on_the_control_plane_what_they_say() {
    for (role, allowed, refused) in [
        ("Owner", &["Microsoft.KeyVault/vaults/write", ASSIGN][..], &[][..]),
        (
            "Contributor",
            &["Microsoft.KeyVault/vaults/delete", "Microsoft.Authorization/roleAssignments/read"],
            &[
                ASSIGN,
                "microsoft.authorization/roleassignments/WRITE",
                "Microsoft.Authorization/roleDefinitions/write",
                "Microsoft.Authorization/roleAssignments/delete",
                "Microsoft.Authorization/denyAssignments/delete",
                "Microsoft.Authorization/locks/delete",
                "Microsoft.Authorization/elevateAccess/action",
            ],
        ),
        ("Reader", &["Microsoft.KeyVault/vaults/read"], &["Microsoft.KeyVault/vaults/write"]),
        (
            "Key Vault Contributor",
            &[
                "Microsoft.KeyVault/vaults/accessPolicies/write",
                "Microsoft.KeyVault/vaults/secrets/read",
            ],
            &[
                "Microsoft.KeyVault/locations/deletedVaults/purge/action",
                ASSIGN,
                "Microsoft.Resources/subscriptions/resourceGroups/write",
            ],
        ),
        (
            "User Access Administrator",
            &[ASSIGN, "Microsoft.KeyVault/vaults/read"],
            &["Microsoft.KeyVault/vaults/write", "Microsoft.KeyVault/vaults/accessPolicies/write"],
        ),
        ("Key Vault Secrets User", &[], &["Microsoft.KeyVault/vaults/read"]),
        // `vaults/*/read` is their only action on vaults: `strongroom_model::action::matches` names
        // the sources that say it reads the vault itself, as `az keyvault show` does.
        (
            "Key Vault Administrator",
            &["Microsoft.KeyVault/vaults/secrets/read", "Microsoft.KeyVault/vaults/read"],
            &["Microsoft.KeyVault/vaults/write"],
        ),
        (
            "Key Vault Reader",
            &["Microsoft.KeyVault/vaults/read"],
            &["Microsoft.KeyVault/vaults/write", "Microsoft.KeyVault/vaults/delete"],
        ),
    ] {
        let table = holding(role, scope("/resourceGroups/rg"));
        assert!(allowed.iter().all(|action| may(&table, action, &vault())), "{role}");
        assert!(refused.iter().all(|action| !may(&table, action, &vault())), "{role}");
        let beside = scope("/resourceGroups/rg2");
        assert!(allowed.iter().all(|action| !may(&table, action, &beside)), "{role}");
    }
}

#[test]
fn nobody_is_allowed_anything_without_an_assignment() {
    let table = Assignments::default();
    for action in DataAction::ALL {
        let object = Some((Kind::Secret, "one"));
        assert_eq!(evaluate(&caller(), *action, &vault(), object, &table), Decision::Denied);
        assert!(!may(&table, action.name(), &vault()), "{action}");
    }
}

/// An owner of everything in one tenant has nothing in another.
#[test]
fn what_is_held_at_the_root_ends_with_the_tenant() {
    let mut table = holding("Owner", scope(""));
    let owner = roles::by_name("Owner").unwrap().id;
    for (n, at) in [Scope::root(), Scope::management_group(&TENANT.to_string())].iter().enumerate()
    {
        let id = RoleAssignmentId(Uuid::from_u128(10 + n as u128));
        table.put_assignment(Arc::new(RoleAssignment::new(id, CALLER, owner, at.clone())));
    }
    let read = "Microsoft.KeyVault/vaults/read";
    assert!(may(&table, read, &vault()));
    let other = TenantId(Uuid::from_u128(9));
    table.set_tenant(vault().subscription_id().unwrap(), Some(other));
    let denied = permitted(&caller(), read, &vault(), &table).unwrap_err();
    assert_eq!(denied.code(), "AuthorizationFailed");
}

/// Whoever governs vaults reads no data, and cannot give it to anybody, without
/// `roleAssignments/write` at the vault's scope or above.
#[test]
fn no_right_of_the_control_plane_leads_to_data() {
    for role in [
        "Owner",
        "Contributor",
        "Reader",
        "User Access Administrator",
        "Key Vault Contributor",
        "Key Vault Data Access Administrator",
    ] {
        let table = holding(role, scope(""));
        for action in DataAction::ALL {
            let object = Some((Kind::Secret, "one"));
            let decision = evaluate(&caller(), *action, &vault(), object, &table);
            assert_eq!(decision, Decision::Denied, "{role} {action}");
        }
    }
    let secrets_user = AssignmentFacts {
        role: roles::by_name("Key Vault Secrets User").unwrap().id,
        principal: CALLER,
        principal_type: None,
    };
    for (role, at, expected) in [
        ("Owner", scope(""), true),
        ("User Access Administrator", scope("/resourceGroups/rg"), true),
        ("Key Vault Data Access Administrator", vault(), true),
        ("Owner", scope("/resourceGroups/rg2"), false),
        ("Owner", vault().object(Kind::Secret, "one"), false),
        ("Contributor", scope(""), false),
        ("Key Vault Contributor", scope(""), false),
        ("Key Vault Administrator", scope(""), false),
        ("Key Vault Secrets Officer", scope(""), false),
        ("Reader", scope(""), false),
    ] {
        let table = holding(role, at);
        let assigns = permitted_to_assign(&caller(), secrets_user, &vault(), &table).is_ok();
        assert_eq!(assigns, expected, "{role}");
    }
    // Changing what a role means is as good as assigning it.
    for role in ["Contributor", "Key Vault Contributor", "Key Vault Data Access Administrator"] {
        let table = holding(role, scope(""));
        assert!(
            !may(&table, "Microsoft.Authorization/roleDefinitions/write", &scope("")),
            "{role}"
        );
        assert!(
            !may(&table, "Microsoft.Authorization/denyAssignments/delete", &scope("")),
            "{role}"
        );
    }
}

/// Whoever holds data actions alone governs nothing.
#[test]
fn data_actions_grant_no_control_action() {
    let table = holding("Key Vault Administrator", scope(""));
    for action in DataAction::ALL.iter().filter(|action| !action.name().ends_with("/read")) {
        assert!(!may(&table, action.name(), &vault()), "{action}");
    }
}

#[test]
fn a_refusal_says_what_the_real_service_says() {
    let table = holding("Reader", vault());
    let at = scope("/resourceGroups/rg");
    let denied = permitted(&caller(), "Microsoft.KeyVault/vaults/write", &at, &table).unwrap_err();
    assert_eq!(denied.code(), "AuthorizationFailed");
    assert_eq!(
        denied.to_string(),
        "The client '3f1b1e0a-app' with object id '00000000-0000-0000-0000-000000000002' does not \
         have authorization to perform action 'Microsoft.KeyVault/vaults/write' over scope \
         '/subscriptions/7e3b9b4a-0c7e-4f0e-9f2b-2b1f3d1b8c11/resourceGroups/rg' or the scope is \
         invalid. If access was recently granted, please refresh your credentials."
    );
}

fn everyone_but(excluded: Option<PrincipalId>) -> DenyAssignment {
    let id = DenyAssignmentId(Uuid::from_u128(4));
    let actions = vec!["Microsoft.KeyVault/vaults/delete".to_owned()];
    let data_actions = vec!["Microsoft.KeyVault/vaults/secrets/purge/action".to_owned()];
    let permissions = RolePermissions { actions, data_actions, ..RolePermissions::default() };
    let mut denial = DenyAssignment::new(id, "Keep", scope("")).with(permissions);
    denial.principals = vec![DenyPrincipal { id: DenyPrincipal::EVERYONE, kind: None }];
    denial.excluded = excluded.map(|id| DenyPrincipal { id, kind: None }).into_iter().collect();
    denial
}

#[test]
fn a_deny_assignment_goes_before_every_role() {
    let delete = "Microsoft.KeyVault/vaults/delete";
    let mut table = holding("Owner", scope(""));
    assert!(may(&table, delete, &vault()));
    table.put_denial(Arc::new(everyone_but(None)));
    let denied = permitted(&caller(), delete, &vault(), &table).unwrap_err();
    assert_eq!(denied.code(), "DenyAssignmentAuthorizationFailed");
    assert!(denied.to_string().contains("deny assignment with name 'Keep'"));
    assert!(may(&table, "Microsoft.KeyVault/vaults/write", &vault()));
    table.put_denial(Arc::new(everyone_but(Some(CALLER))));
    assert!(may(&table, delete, &vault()));
    let mut here_only = everyone_but(None);
    here_only.only_here = true;
    table.put_denial(Arc::new(here_only));
    assert!(may(&table, delete, &vault()));
    assert!(!may(&table, delete, &scope("")));

    let mut table = holding("Key Vault Administrator", scope(""));
    table.put_denial(Arc::new(everyone_but(None)));
    let asks = |action| evaluate(&caller(), action, &vault(), Some((Kind::Secret, "one")), &table);
    assert!(matches!(asks(DataAction::SecretsPurge), Decision::Refused(_)));
    assert!(matches!(asks(DataAction::SecretsGet), Decision::Allowed(_)));
}

#[test]
fn only_the_owners_that_were_named_take_everything() {
    let granted = permitted_to_elevate(&caller(), &[CALLER]).unwrap();
    assert!(granted.covers(ASSIGN, &Scope::root()));
    let denied = permitted_to_elevate(&caller(), &[PrincipalId(Uuid::from_u128(9))]).unwrap_err();
    assert_eq!(denied.code(), "AuthorizationFailed");
    assert!(permitted_to_elevate(&caller(), &[]).is_err());
}

#[test]
fn a_proof_covers_its_action_at_its_scope_and_below() {
    let proof = GrantedAction::on_this_host("Microsoft.KeyVault/vaults/write", vault());
    assert!(proof.covers("microsoft.keyvault/VAULTS/write", &vault()));
    assert!(!proof.covers("Microsoft.KeyVault/vaults/delete", &vault()));
    assert!(!proof.covers("Microsoft.KeyVault/vaults/write", &scope("/resourceGroups/rg")));
}
