//! Roles and assignments as they are kept: rows of older releases, and what is made anew.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use minicbor::{Decode, Encode};
use strongroom_model::condition::Expression;
use strongroom_model::{
    Condition, DataAction, DenyAssignment, DenyAssignmentId, PrincipalId, RoleAssignment,
    RoleAssignmentId, RoleDefinition, RoleDefinitionId, RolePermissions, Scope, Stamps, TenantId,
    Timestamp,
};
use uuid::Uuid;

/// A role assignment as part 1 of this service wrote it.
#[derive(Encode, Decode)]
struct OldAssignment {
    #[n(0)]
    id: RoleAssignmentId,
    #[n(1)]
    principal: PrincipalId,
    #[n(2)]
    role: RoleDefinitionId,
    #[n(3)]
    scope: Scope,
}

fn assignment() -> RoleAssignment {
    RoleAssignment::new(
        RoleAssignmentId(Uuid::from_u128(1)),
        PrincipalId(Uuid::from_u128(2)),
        RoleDefinitionId(Uuid::from_u128(3)),
        Scope::root(),
    )
}

#[test]
fn an_older_row_is_read_as_what_it_said() {
    let RoleAssignment { id, principal, role, scope, .. } = assignment();
    let row = minicbor::to_vec(OldAssignment { id, principal, role, scope }).unwrap();
    assert_eq!(minicbor::decode::<RoleAssignment>(&row).unwrap(), assignment());
}

#[test]
fn what_is_written_is_read_back() {
    let mut full = assignment();
    full.description = Some("why".into());
    full.condition = Some(Condition::parse("ActionMatches{'*/read'}").unwrap());
    full.stamps = Stamps::made(Timestamp(5), Some(PrincipalId(Uuid::from_u128(6))));
    let read: RoleAssignment = minicbor::decode(&minicbor::to_vec(&full).unwrap()).unwrap();
    assert_eq!(read, full);
    assert_eq!(
        read.condition.unwrap().expression(),
        &Expression::ActionMatches(vec!["*/read".into()])
    );
}

/// A condition of a newer release holds for nobody; the directory goes on.
#[test]
fn an_unreadable_condition_never_holds() {
    let row = minicbor::to_vec("@Resource[Something/new:name] StringEquals 'x'").unwrap();
    let condition: Condition = minicbor::decode(&row).unwrap();
    assert_eq!(condition.expression(), &Expression::Never);
    assert_eq!(condition.as_str(), "@Resource[Something/new:name] StringEquals 'x'");
}

#[test]
fn a_row_of_a_role_allows_nothing_until_it_is_made_anew() {
    let permissions = RolePermissions {
        data_actions: vec!["Microsoft.KeyVault/vaults/secrets/*".into()],
        not_data_actions: vec!["*/purge/action".into()],
        ..RolePermissions::default()
    };
    let id = RoleDefinitionId(Uuid::from_u128(3));
    let role = RoleDefinition::custom(id, TenantId(Uuid::from_u128(4)), "mine");
    let role = role.with(permissions.clone());
    let row: RoleDefinition = minicbor::decode(&minicbor::to_vec(&role).unwrap()).unwrap();
    assert!(!row.allows(DataAction::SecretsGet));
    let row = row.read_back();
    assert_eq!(row, role);
    assert!(row.allows(DataAction::SecretsGet) && !row.allows(DataAction::SecretsPurge));

    let denial = DenyAssignment::new(DenyAssignmentId(Uuid::from_u128(5)), "no", Scope::root());
    let denial = denial.with(permissions);
    let row: DenyAssignment = minicbor::decode(&minicbor::to_vec(&denial).unwrap()).unwrap();
    assert!(row.read_back().refuses(DataAction::SecretsGet));
}
