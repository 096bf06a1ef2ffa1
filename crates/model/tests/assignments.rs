//! Assignments, as they are looked up, against a look at every one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use strongroom_model::{
    Assignments, PrincipalId, RoleAssignment, RoleAssignmentId, RoleDefinitionId, Scope,
    ScopeAssignments,
};
use uuid::Uuid;

fn principal(byte: u8) -> PrincipalId {
    PrincipalId::from_bytes([byte; 16])
}

fn held(id: u128, to: u8, scope: &str) -> Arc<RoleAssignment> {
    Arc::new(RoleAssignment::new(
        RoleAssignmentId(Uuid::from_u128(id)),
        principal(to),
        RoleDefinitionId::from_bytes([7; 16]),
        Scope::parse(scope).unwrap(),
    ))
}

/// What is found by scope and by principal is what a look at every assignment finds.
#[test]
fn assignments_are_found_within_a_scope_and_of_a_principal() {
    let one = "/subscriptions/7e3b9b4a-0c7e-4f0e-9f2b-2b1f3d1b8c11";
    let two = "/subscriptions/7e3b9b4a-0c7e-4f0e-9f2b-2b1f3d1b8c12";
    let management = "/providers/Microsoft.Management/managementGroups/g";
    let group = format!("{one}/resourceGroups/Rg");
    let vault = format!("{group}/providers/Microsoft.KeyVault/vaults/v");
    let scopes = [
        "/".to_owned(),
        management.to_owned(),
        one.to_owned(),
        two.to_owned(),
        group.clone(),
        format!("{group}-2"),
        format!("{group}2"),
        vault.clone(),
        format!("{vault}-2"),
        format!("{vault}/secrets/s"),
    ];
    let mut all = Vec::new();
    let mut table = Assignments::default();
    for (at, scope) in scopes.iter().cycle().take(40).enumerate() {
        let given = held(u128::try_from(at).unwrap(), u8::try_from(at % 7).unwrap(), scope);
        table.put_assignment(Arc::clone(&given));
        all.push(given);
    }
    // Every third is taken away, and two are moved elsewhere.
    for gone in (0..40).step_by(3) {
        table.remove_assignment(all[gone].id);
    }
    for moved in [1, 4] {
        all[moved] = held(u128::try_from(moved).unwrap(), 5, &vault);
        table.put_assignment(Arc::clone(&all[moved]));
    }
    let left: Vec<_> = all.iter().enumerate().filter(|(at, _)| at % 3 != 0).collect();
    let ids = |found: Vec<&Arc<RoleAssignment>>| {
        let mut ids: Vec<_> = found.iter().map(|held| held.id).collect();
        ids.sort_unstable();
        ids
    };
    for scope in &scopes {
        let scope = Scope::parse(scope).unwrap();
        let expected = left.iter().map(|(_, held)| *held).filter(|h| scope.contains(&h.scope));
        let found = table.within(&scope).flat_map(ScopeAssignments::assignments);
        assert_eq!(ids(found.collect()), ids(expected.collect()), "{scope}");
    }
    for holder in (0..8).map(principal) {
        let expected = left.iter().map(|(_, held)| *held).filter(|h| h.principal == holder);
        assert_eq!(ids(table.of(holder).collect()), ids(expected.collect()));
    }
    for given in &all {
        table.remove_assignment(given.id);
    }
    assert_eq!(table.within(&Scope::root()).count(), 0, "nothing is left behind");
}
