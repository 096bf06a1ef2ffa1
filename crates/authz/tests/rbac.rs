//! The evaluator against a plain reference that shares no code with it.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod reference;

use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use strongroom_authz::{Decision, evaluate, permitted};
use strongroom_model::{
    Assignments, Caller, Condition, DataAction, DenyAssignment, DenyAssignmentId, DenyPrincipal,
    IdentityType, Kind, PrincipalId, RoleAssignment, RoleAssignmentId, RoleDefinition,
    RoleDefinitionId, RolePermissions, Scope, SubscriptionId, TenantId,
};
use uuid::Uuid;

use reference::{Asked, Barred, Clause, EVERYONE, Given, Patterns, Rights, TENANT};

/// How many cases of each property; more with `STRONGROOM_AUTHZ_CASES`.
fn cases() -> u32 {
    std::env::var("STRONGROOM_AUTHZ_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(4096)
}

const SUBSCRIPTIONS: [&str; 2] =
    ["7e3b9b4a-0c7e-4f0e-9f2b-2b1f3d1b8c11", "7e3b9b4a-0c7e-4f0e-9f2b-2b1f3d1b8c12"];
const DATA: [&str; 12] = [
    "*",
    "Microsoft.KeyVault/vaults/*",
    "microsoft.keyvault/vaults/secrets/*",
    "Microsoft.KeyVault/vaults/*/read",
    "Microsoft.KeyVault/vaults/*/action",
    "Microsoft.KeyVault/vaults/secrets/getSecret/action",
    "Microsoft.KeyVault/vaults/SECRETS/readMetadata/action",
    "Microsoft.KeyVault/vaults/secrets",
    "Microsoft.KeyVault/*/delete",
    "Microsoft.Storage/*",
    "*/purge/action",
    "",
];
const CONTROL: [&str; 9] = [
    "*",
    "*/read",
    "Microsoft.KeyVault/*",
    "Microsoft.Authorization/*/Write",
    "Microsoft.Authorization/roleAssignments/write",
    "microsoft.keyvault/VAULTS/write",
    "Microsoft.KeyVault/vaults/*/read",
    "Microsoft.KeyVault/locations/deletedVaults/purge/action",
    "Microsoft.Key",
];
const ACTIONS: [&str; 6] = [
    "Microsoft.KeyVault/vaults/read",
    "Microsoft.KeyVault/vaults/write",
    "Microsoft.KeyVault/vaults/secrets/read",
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.Authorization/roleDefinitions/Write",
    "Microsoft.KeyVault/locations/deletedVaults/purge/action",
];
const ATTRIBUTES: [&str; 4] = [
    "Resource[Microsoft.KeyVault/vaults:name]",
    "Request[Microsoft.KeyVault/vaults:name]",
    "Resource[Microsoft.KeyVault/vaults/secrets:name]",
    "Request[Microsoft.KeyVault/vaults/secrets:name]",
];

fn vault_below(resource_group: &str, vault: &str) -> String {
    format!("/resourceGroups/{resource_group}/providers/Microsoft.KeyVault/vaults/{vault}")
}

fn scope() -> impl Strategy<Value = String> {
    let below = prop_oneof![
        Just(String::new()),
        "(rg|rg2|RG)".prop_map(|rg| format!("/resourceGroups/{rg}")),
        ("(rg|rg2)", "(dev|dev2|DEV)").prop_map(|(rg, vault)| vault_below(&rg, &vault)),
        ("(rg|rg2)", "(dev|dev2)", "(secrets|keys|Secrets)", "(a|ab|A)").prop_map(
            |(rg, vault, kind, name)| format!("{}/{kind}/{name}", vault_below(&rg, &vault))
        ),
    ];
    let groups = prop::sample::select(&[TENANT, "00000000-0000-0000-0000-000000000002"][..]);
    prop_oneof![
        1 => Just("/".to_owned()),
        1 => groups.prop_map(|g| format!("/providers/Microsoft.Management/managementGroups/{g}")),
        10 => (0..2_usize, below)
            .prop_map(|(s, below)| format!("/subscriptions/{}{below}", SUBSCRIPTIONS[s])),
    ]
}

fn patterns(all: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(all), 0..=most)
}

fn rights() -> impl Strategy<Value = Rights> {
    (patterns(&DATA, 4), patterns(&DATA, 1), patterns(&CONTROL, 4), patterns(&CONTROL, 1)).prop_map(
        |(data, not_data, control, not_control)| Rights {
            control: Patterns { named: control, without: not_control },
            data: Patterns { named: data, without: not_data },
        },
    )
}

fn clause() -> impl Strategy<Value = Clause> {
    let attribute = || prop::sample::select(&ATTRIBUTES[..]);
    let value = prop::sample::select(&["a", "A", "dev", "d", "a*", "*", "b", "dev2"][..]);
    let test = prop::sample::select(&["Equals", "StartsWith", "Like"][..]);
    let leaf = prop_oneof![
        prop::sample::select(&DATA[..11]).prop_map(Clause::Action),
        attribute().prop_map(Clause::Exists),
        (attribute(), any::<bool>(), test, value).prop_map(|(attribute, negated, test, value)| {
            Clause::Compare { attribute, negated, test, value }
        }),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        let two = || (inner.clone().prop_map(Box::new), inner.clone().prop_map(Box::new));
        prop_oneof![
            inner.clone().prop_map(|inner| Clause::Not(Box::new(inner))),
            two().prop_map(|(a, b)| Clause::And(a, b)),
            two().prop_map(|(a, b)| Clause::Or(a, b)),
        ]
    })
}

fn condition() -> impl Strategy<Value = Option<Clause>> {
    prop_oneof![3 => Just(None), 1 => clause().prop_map(Some)]
}

fn given() -> impl Strategy<Value = Given> {
    (0..6_u8, 0..5_u8, scope(), condition()).prop_map(|(principal, role, scope, condition)| Given {
        principal,
        role,
        scope,
        condition,
    })
}

fn barred() -> impl Strategy<Value = Barred> {
    let one = prop_oneof![4 => 0..6_u8, 1 => Just(EVERYONE)];
    (
        prop::collection::vec(one, 0..3),
        prop::collection::vec(0..6_u8, 0..2),
        rights(),
        scope(),
        any::<bool>(),
        condition(),
    )
        .prop_map(|(principals, excluded, rights, scope, only_here, condition)| Barred {
            principals,
            excluded,
            rights,
            scope,
            only_here,
            condition,
        })
}

/// Roles, who holds them, and what is refused.
#[derive(Clone, Debug)]
struct World {
    roles: Vec<Rights>,
    given: Vec<Given>,
    barred: Vec<Barred>,
}

fn world() -> impl Strategy<Value = World> {
    (
        prop::collection::vec(rights(), 1..6),
        prop::collection::vec(given(), 0..24),
        prop_oneof![Just(Vec::new()), prop::collection::vec(barred(), 4..12)],
    )
        .prop_map(|(roles, given, barred)| World { roles, given, barred })
}

fn id(n: usize) -> Uuid {
    Uuid::from_u128(n as u128 + 1)
}

fn principal(n: u8) -> PrincipalId {
    if n == EVERYONE { DenyPrincipal::EVERYONE } else { PrincipalId(id(n.into())) }
}

fn caller(object_id: u8, groups: &[u8]) -> Caller {
    Caller {
        tenant: TENANT.parse().unwrap(),
        object_id: principal(object_id),
        app_id: None,
        upn: None,
        groups: groups.iter().map(|g| principal(*g)).collect(),
        identity_type: IdentityType::App,
        issuer: String::new(),
    }
}

fn permissions(rights: &Rights) -> RolePermissions {
    let owned = |s: &[&str]| s.iter().map(|s| (*s).to_owned()).collect();
    RolePermissions {
        actions: owned(&rights.control.named),
        not_actions: owned(&rights.control.without),
        data_actions: owned(&rights.data.named),
        not_data_actions: owned(&rights.data.without),
    }
}

fn read(clause: &Option<Clause>) -> Option<Condition> {
    clause.as_ref().map(|clause| Condition::parse(&clause.text()).unwrap())
}

fn table(world: &World) -> Assignments {
    let mut table = Assignments::default();
    for subscription in SUBSCRIPTIONS {
        table.set_tenant(subscription.parse().unwrap(), Some(TENANT.parse().unwrap()));
    }
    for (n, rights) in world.roles.iter().enumerate() {
        let role = RoleDefinition::custom(RoleDefinitionId(id(n)), TenantId(id(0)), "role");
        table.put_role(Arc::new(role.with(permissions(rights))));
    }
    for (n, given) in world.given.iter().enumerate() {
        let mut assignment = RoleAssignment::new(
            RoleAssignmentId(id(n)),
            principal(given.principal),
            RoleDefinitionId(id(given.role.into())),
            Scope::parse(&given.scope).unwrap(),
        );
        assignment.condition = read(&given.condition);
        table.put_assignment(Arc::new(assignment));
    }
    for (n, bar) in world.barred.iter().enumerate() {
        let scope = Scope::parse(&bar.scope).unwrap();
        let mut denial = DenyAssignment::new(DenyAssignmentId(id(n)), "bar", scope)
            .with(permissions(&bar.rights));
        let named = |list: &[u8]| -> Vec<DenyPrincipal> {
            list.iter().map(|n| DenyPrincipal { id: principal(*n), kind: None }).collect()
        };
        denial.only_here = bar.only_here;
        denial.principals = named(&bar.principals);
        denial.excluded = named(&bar.excluded);
        denial.condition = read(&bar.condition);
        table.put_denial(Arc::new(denial));
    }
    table
}

fn agree(world: &World, asked: &Asked<'_>, decision: Decision) -> Result<(), TestCaseError> {
    let (refusing, allowing) = reference::decide(asked, &world.roles, &world.given, &world.barred);
    match decision {
        Decision::Refused(by) => {
            prop_assert!(refusing.iter().any(|n| DenyAssignmentId(id(*n)) == by));
        }
        Decision::Allowed(by) => {
            prop_assert!(refusing.is_empty(), "refused by {:?}", refusing);
            prop_assert!(allowing.iter().any(|n| RoleAssignmentId(id(*n)) == by));
        }
        Decision::Denied => {
            prop_assert!(refusing.is_empty(), "refused by {:?}", refusing);
            prop_assert!(allowing.is_empty(), "allowed by {:?}", allowing);
        }
    }
    Ok(())
}

/// A vault, and perhaps an object of it.
fn place() -> impl Strategy<Value = (String, Option<(Kind, String)>)> {
    let object = prop_oneof![
        1 => Just(None),
        4 => (prop::sample::select(&[Kind::Secret, Kind::Key][..]), "(a|ab|A|b)").prop_map(Some),
    ];
    (0..2_usize, "(rg|rg2|RG)", "(dev|dev2|DEV)", object).prop_map(|(s, rg, vault, object)| {
        (format!("/subscriptions/{}{}", SUBSCRIPTIONS[s], vault_below(&rg, &vault)), object)
    })
}

fn object_scope(vault: &str, object: &Option<(Kind, String)>) -> String {
    match object {
        None => vault.to_owned(),
        Some((kind, name)) => format!("{vault}/{}/{name}", kind.collection()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn the_data_plane_decides_as_the_reference_does(
        world in world(),
        object_id in 0..6_u8,
        groups in prop::collection::vec(0..6_u8, 0..3),
        action in prop::sample::select(DataAction::ALL),
        (vault, object) in place(),
    ) {
        let who: Vec<u8> = std::iter::once(object_id).chain(groups.iter().copied()).collect();
        let scope = object_scope(&vault, &object);
        let asked = Asked { who: &who, action: action.name(), is_data: true, scope: &scope };
        let decision = evaluate(
            &caller(object_id, &groups),
            action,
            &Scope::parse(&vault).unwrap(),
            object.as_ref().map(|(kind, name)| (*kind, name.as_str())),
            &table(&world),
        );
        agree(&world, &asked, decision)?;
    }

    #[test]
    fn the_control_plane_decides_as_the_reference_does(
        world in world(),
        object_id in 0..6_u8,
        groups in prop::collection::vec(0..6_u8, 0..3),
        action in prop::sample::select(&ACTIONS[..]),
        at in scope(),
    ) {
        let who: Vec<u8> = std::iter::once(object_id).chain(groups.iter().copied()).collect();
        let asked = Asked { who: &who, action, is_data: false, scope: &at };
        let scope = Scope::parse(&at).unwrap();
        let caller = caller(object_id, &groups);
        let decision = match permitted(&caller, action, &scope, &table(&world)) {
            Ok(granted) => {
                prop_assert!(granted.covers(action, &scope));
                Decision::Allowed(granted.assignment().unwrap())
            }
            Err(denied) => denied
                .denied_by
                .map_or(Decision::Denied, |denial| Decision::Refused(denial.id)),
        };
        agree(&world, &asked, decision)?;
    }

    /// What was put and taken away again leaves no trace in the indexes.
    #[test]
    fn what_is_taken_away_decides_nothing(
        world in world(),
        action in prop::sample::select(DataAction::ALL),
        (vault, _) in place(),
    ) {
        let mut table = table(&world);
        for n in 0..world.given.len() {
            table.remove_assignment(RoleAssignmentId(id(n)));
        }
        for n in 0..world.barred.len() {
            table.remove_denial(DenyAssignmentId(id(n)));
        }
        let vault = Scope::parse(&vault).unwrap();
        let decision = evaluate(&caller(0, &[1, 2, 3, 4, 5]), action, &vault, None, &table);
        prop_assert_eq!(decision, Decision::Denied);
        let is_gone = |given: &Given| {
            table.at(&given.scope.to_lowercase()).is_none()
                && table.of(principal(given.principal)).is_empty()
        };
        prop_assert!(world.given.iter().all(is_gone));
    }
}

#[test]
fn the_generated_cases_hold_enough_of_every_outcome() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let cases = (world(), prop::sample::select(DataAction::ALL), place());
    let (mut allowed, mut refused, mut conditional) = (0, 0, 0);
    for _ in 0..2000 {
        let (world, action, (vault, object)) = cases.new_tree(&mut runner).unwrap().current();
        let scope = object_scope(&vault, &object);
        let asked = Asked { who: &[0, 1], action: action.name(), is_data: true, scope: &scope };
        let (bars, allows) = reference::decide(&asked, &world.roles, &world.given, &world.barred);
        allowed += u32::from(bars.is_empty() && !allows.is_empty());
        refused += u32::from(!bars.is_empty());
        conditional += u32::from(allows.iter().any(|n| world.given[*n].condition.is_some()));
    }
    assert!((100..=1900).contains(&allowed), "{allowed} of 2000 are allowed");
    assert!(refused > 50, "{refused} of 2000 are refused by a deny assignment");
    assert!(conditional > 50, "{conditional} of 2000 are allowed under a condition");
}

#[test]
fn nobody_is_allowed_anything_without_an_assignment() {
    let vault =
        Scope::parse(&format!("/subscriptions/{}{}", SUBSCRIPTIONS[0], vault_below("rg", "dev")));
    let (vault, table) = (vault.unwrap(), Assignments::default());
    for action in DataAction::ALL {
        let object = Some((Kind::Secret, "a"));
        assert_eq!(
            evaluate(&caller(0, &[1, 2]), *action, &vault, object, &table),
            Decision::Denied
        );
    }
}

/// An owner of `/` in one tenant has nothing in another.
#[test]
fn what_is_held_at_the_root_ends_with_the_tenant() {
    let everything = Patterns { named: vec!["*"], without: Vec::new() };
    let given = Given { principal: 0, role: 0, scope: "/".to_owned(), condition: None };
    let world = World {
        roles: vec![Rights { control: everything.clone(), data: everything }],
        given: vec![given],
        barred: Vec::new(),
    };
    let mut table = table(&world);
    let subscription: SubscriptionId = SUBSCRIPTIONS[0].parse().unwrap();
    let scope = Scope::subscription(subscription);
    assert!(permitted(&caller(0, &[]), ACTIONS[0], &scope, &table).is_ok());
    table.set_tenant(subscription, Some(TenantId(Uuid::from_u128(9))));
    let denied = permitted(&caller(0, &[]), ACTIONS[0], &scope, &table).unwrap_err();
    assert_eq!(denied.code(), "AuthorizationFailed");
}
