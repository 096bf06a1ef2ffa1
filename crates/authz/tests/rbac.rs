//! The evaluator against a plain reference that shares no code with it.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use strongroom_authz::{Decision, evaluate};
use strongroom_model::{
    Assignments, Caller, DataAction, IdentityType, PrincipalId, RoleAssignment, RoleAssignmentId,
    RoleDefinition, RoleDefinitionId, Scope, TenantId,
};
use uuid::Uuid;

const SUBSCRIPTIONS: [&str; 2] =
    ["7e3b9b4a-0c7e-4f0e-9f2b-2b1f3d1b8c11", "7e3b9b4a-0c7e-4f0e-9f2b-2b1f3d1b8c12"];
const PATTERNS: [&str; 12] = [
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

#[derive(Default)]
struct Table {
    by_principal: HashMap<PrincipalId, Vec<Arc<RoleAssignment>>>,
    roles: HashMap<RoleDefinitionId, RoleDefinition>,
}

impl Assignments for Table {
    fn of(&self, principal: PrincipalId) -> &[Arc<RoleAssignment>] {
        self.by_principal.get(&principal).map_or(&[], Vec::as_slice)
    }

    fn role(&self, id: RoleDefinitionId) -> Option<&RoleDefinition> {
        self.roles.get(&id)
    }
}

/// The reference works on strings and segments: no masks, no prefixes, no iterators in common.
mod reference {
    pub(crate) fn matches(pattern: &str, name: &str) -> bool {
        fn go(p: &[char], n: &[char]) -> bool {
            match (p.first(), n.first()) {
                (None, None) => true,
                (Some('*'), _) => go(&p[1..], n) || (!n.is_empty() && go(p, &n[1..])),
                (Some(a), Some(b)) => a == b && go(&p[1..], &n[1..]),
                _ => false,
            }
        }
        let chars = |s: &str| s.to_lowercase().chars().collect::<Vec<_>>();
        go(&chars(pattern), &chars(name))
    }

    pub(crate) fn within(outer: &str, inner: &str) -> bool {
        let segments = |s: &str| {
            let lower = s.to_lowercase();
            lower.split('/').filter(|s| !s.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        let (outer, inner) = (segments(outer), segments(inner));
        outer.len() <= inner.len() && outer.iter().zip(&inner).all(|(a, b)| a == b)
    }
}

#[derive(Clone, Debug)]
struct Role {
    data: Vec<&'static str>,
    not_data: Vec<&'static str>,
}

#[derive(Clone, Debug)]
struct Given {
    principal: u8,
    role: u8,
    scope: String,
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
    prop_oneof![
        1 => Just("/".to_owned()),
        9 => (0..2_usize, below)
            .prop_map(|(s, below)| format!("/subscriptions/{}{below}", SUBSCRIPTIONS[s])),
    ]
}

fn vault_below(resource_group: &str, vault: &str) -> String {
    format!("/resourceGroups/{resource_group}/providers/Microsoft.KeyVault/vaults/{vault}")
}

fn patterns(most: usize) -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(&PATTERNS[..]), 0..=most)
}

fn role() -> impl Strategy<Value = Role> {
    (patterns(4), patterns(1)).prop_map(|(data, not_data)| Role { data, not_data })
}

fn given() -> impl Strategy<Value = Given> {
    (0..6_u8, 0..5_u8, scope()).prop_map(|(principal, role, scope)| Given {
        principal,
        role,
        scope,
    })
}

fn id(n: usize) -> Uuid {
    Uuid::from_u128(n as u128 + 1)
}

fn principal(n: u8) -> PrincipalId {
    PrincipalId(id(n.into()))
}

fn caller(object_id: u8, groups: &[u8]) -> Caller {
    Caller {
        tenant: TenantId(id(0)),
        object_id: principal(object_id),
        app_id: None,
        upn: None,
        groups: groups.iter().map(|g| principal(*g)).collect(),
        identity_type: IdentityType::App,
        issuer: String::new(),
    }
}

fn table(roles: &[Role], given: &[Given]) -> Table {
    let owned = |s: &[&str]| s.iter().map(|s| (*s).to_owned()).collect();
    let mut table = Table::default();
    for (n, role) in roles.iter().enumerate() {
        let id = RoleDefinitionId(id(n));
        let data = [owned(&role.data), owned(&role.not_data)];
        let control = [vec!["*".to_owned()], Vec::new()];
        table.roles.insert(id, RoleDefinition::new(id, "role", control, data));
    }
    for (n, given) in given.iter().enumerate() {
        let assignment = RoleAssignment {
            id: RoleAssignmentId(id(n)),
            principal: principal(given.principal),
            role: RoleDefinitionId(id(given.role.into())),
            scope: Scope::parse(&given.scope).unwrap(),
        };
        table.by_principal.entry(assignment.principal).or_default().push(Arc::new(assignment));
    }
    table
}

/// The numbers of all assignments that allow it.
fn allowing(roles: &[Role], all: &[Given], who: &[u8], action: &str, at: &str) -> BTreeSet<usize> {
    let any = |patterns: &[&str]| patterns.iter().any(|p| reference::matches(p, action));
    let mut found = BTreeSet::new();
    for (n, given) in all.iter().enumerate() {
        let Some(role) = roles.get(usize::from(given.role)) else { continue };
        if who.contains(&given.principal)
            && reference::within(&given.scope, at)
            && any(&role.data)
            && !any(&role.not_data)
        {
            found.insert(n);
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn decides_as_the_reference_does(
        roles in prop::collection::vec(role(), 1..6),
        given in prop::collection::vec(given(), 0..24),
        object_id in 0..6_u8,
        groups in prop::collection::vec(0..6_u8, 0..3),
        action in prop::sample::select(DataAction::ALL),
        at in scope(),
    ) {
        let who: Vec<u8> = std::iter::once(object_id).chain(groups.iter().copied()).collect();
        let expected = allowing(&roles, &given, &who, action.name(), &at);
        let decision = evaluate(
            &caller(object_id, &groups),
            action,
            &Scope::parse(&at).unwrap(),
            &table(&roles, &given),
        );
        match decision {
            Decision::Denied => prop_assert!(expected.is_empty(), "allowed by {:?}", expected),
            Decision::Allowed(by) => {
                prop_assert!(expected.iter().any(|n| RoleAssignmentId(id(*n)) == by));
            }
        }
    }
}

#[test]
fn the_generated_cases_hold_enough_of_both_outcomes() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let cases = (
        prop::collection::vec(role(), 1..6),
        prop::collection::vec(given(), 0..24),
        prop::sample::select(DataAction::ALL),
        scope(),
    );
    let mut allowed = 0;
    for _ in 0..1000 {
        let (roles, given, action, at) = cases.new_tree(&mut runner).unwrap().current();
        allowed += u32::from(!allowing(&roles, &given, &[0, 1], action.name(), &at).is_empty());
    }
    assert!((50..=950).contains(&allowed), "{allowed} of 1000 are allowed");
}

#[test]
fn nobody_is_allowed_anything_without_an_assignment() {
    for action in DataAction::ALL {
        let at = Scope::parse("/").unwrap();
        assert_eq!(
            evaluate(&caller(0, &[1, 2]), *action, &at, &Table::default()),
            Decision::Denied
        );
    }
}
