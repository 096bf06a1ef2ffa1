//! A world as the evaluator takes it; and, for the tests of the tests, not quite.

use std::sync::Arc;

use strongroom_model::{
    Assignments, Caller, Condition, DenyAssignment, DenyAssignmentId, DenyPrincipal, IdentityType,
    PrincipalId, RoleAssignment, RoleAssignmentId, RoleDefinition, RoleDefinitionId,
    RolePermissions, Scope, TenantId,
};
use uuid::Uuid;

use crate::clause::Clause;
use crate::roles::{Barred, EVERYONE, Given, Patterns, Rights, SUBSCRIPTIONS, TENANTS, World};
use crate::run::{Dice, without_one};
use crate::world::PRINCIPALS;

/// What an evaluator could get wrong. The evaluator is made to, by what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    ForgetsNotActions,
    ForgetsGroups,
    ForgetsConditions,
    ForgetsConditionsOfRoles,
    TakesWhatCannotBeToldForTrue,
    ForgetsDenials,
    LetsPassWhatCannotBeTold,
    ForgetsExclusions,
    RefusesBelowToo,
    ForgetsEveryone,
    TakesAPrefixForTheScope,
    ForgetsTenants,
    LeavesATrace,
    WantsSomethingBetweenSlashes,
    ForgetsWhatRolesAreFor,
    BindsThoseAbove,
}

pub(crate) const FLAWS: [Flaw; 16] = [
    Flaw::ForgetsNotActions,
    Flaw::ForgetsGroups,
    Flaw::ForgetsConditions,
    Flaw::ForgetsConditionsOfRoles,
    Flaw::TakesWhatCannotBeToldForTrue,
    Flaw::ForgetsDenials,
    Flaw::LetsPassWhatCannotBeTold,
    Flaw::ForgetsExclusions,
    Flaw::RefusesBelowToo,
    Flaw::ForgetsEveryone,
    Flaw::TakesAPrefixForTheScope,
    Flaw::ForgetsTenants,
    Flaw::LeavesATrace,
    Flaw::WantsSomethingBetweenSlashes,
    Flaw::ForgetsWhatRolesAreFor,
    Flaw::BindsThoseAbove,
];

/// What was put and taken away again has numbers from here on.
const TAKEN_AWAY: usize = 1_000;

pub(crate) fn id(number: usize) -> Uuid {
    Uuid::from_u128(number as u128 + 1)
}

pub(crate) fn number(id: Uuid) -> usize {
    usize::try_from(id.as_u128() - 1).unwrap()
}

pub(crate) fn principal(number: u8) -> PrincipalId {
    if number == EVERYONE { DenyPrincipal::EVERYONE } else { PrincipalId(id(number.into())) }
}

pub(crate) fn tenant(number: usize) -> TenantId {
    TENANTS[number].parse().unwrap()
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    object_id: u8,
    groups: Vec<u8>,
    pub(crate) tenant: usize,
}

impl Who {
    pub(crate) fn new(dice: &mut Dice) -> Self {
        Self {
            object_id: dice.small(PRINCIPALS),
            groups: dice.list(0..=3, |dice| dice.small(PRINCIPALS)),
            tenant: usize::from(dice.once_in(24)),
        }
    }

    pub(crate) fn principals(&self) -> Vec<u8> {
        [&[self.object_id], self.groups.as_slice()].concat()
    }

    pub(crate) fn caller(&self, flaw: Option<Flaw>) -> Caller {
        let forgets = flaw == Some(Flaw::ForgetsGroups);
        Caller {
            tenant: tenant(self.tenant),
            object_id: principal(self.object_id),
            app_id: None,
            upn: None,
            groups: self.groups.iter().filter(|_| !forgets).map(|g| principal(*g)).collect(),
            identity_type: IdentityType::App,
            issuer: String::new(),
        }
    }
}

fn permissions(rights: &Rights, flaw: Option<Flaw>) -> RolePermissions {
    let owned = |s: &[&str]| -> Vec<String> { s.iter().map(|s| (*s).to_owned()).collect() };
    let without = |patterns: &Patterns| match flaw {
        Some(Flaw::ForgetsNotActions) => Vec::new(),
        Some(Flaw::WantsSomethingBetweenSlashes) => {
            let parents = patterns.named.iter().filter(|p| p.contains("/*/"));
            parents.map(|p| p.replace("/*/", "/")).chain(owned(&patterns.without)).collect()
        }
        _ => owned(&patterns.without),
    };
    RolePermissions {
        actions: owned(&rights.control.named),
        not_actions: without(&rights.control),
        data_actions: owned(&rights.data.named),
        not_data_actions: without(&rights.data),
    }
}

fn read(clause: Option<&Clause>) -> Option<Condition> {
    clause.map(|clause| Condition::parse(&clause.text()).unwrap())
}

/// The condition of a role or a role assignment.
fn allowing(clause: Option<&Clause>, flaw: Option<Flaw>) -> Option<Condition> {
    match (clause, flaw) {
        (_, Some(Flaw::ForgetsConditions)) => None,
        (Some(clause), Some(Flaw::TakesWhatCannotBeToldForTrue)) => {
            let or_lacks = |clause, attribute| {
                Clause::Or(true, Box::new(clause), Box::new(Clause::NotExists(attribute)))
            };
            read(Some(&clause.compared().into_iter().fold(clause.clone(), or_lacks)))
        }
        (clause, _) => read(clause),
    }
}

/// The condition of a deny assignment.
fn refusing(clause: Option<&Clause>, flaw: Option<Flaw>) -> Option<Condition> {
    match (clause, flaw) {
        (_, Some(Flaw::ForgetsConditions)) => None,
        (Some(clause), Some(Flaw::LetsPassWhatCannotBeTold)) => {
            let and_has = |clause, attribute| {
                Clause::And(true, Box::new(clause), Box::new(Clause::Exists(attribute)))
            };
            read(Some(&clause.compared().into_iter().fold(clause.clone(), and_has)))
        }
        (clause, _) => read(clause),
    }
}

/// A world's roles and assignments. Whatever is in it was put in twice, and as much was put in
/// beside it and taken away again.
pub(crate) fn table(world: &World, flaw: Option<Flaw>) -> Assignments {
    let mut table = Assignments::default();
    for (subscription, of) in SUBSCRIPTIONS {
        let known = (flaw != Some(Flaw::ForgetsTenants)).then(|| tenant(of));
        table.set_tenant(subscription.parse().unwrap(), known);
    }
    for (n, rights) in world.roles.iter().enumerate() {
        let role = RoleDefinition::custom(RoleDefinitionId(id(n)), tenant(0), "role");
        let mut role = role.with(permissions(rights, flaw));
        role.assignable_scopes = match flaw {
            Some(Flaw::ForgetsWhatRolesAreFor) => vec![Scope::root()],
            _ => rights.places.iter().map(|p| Scope::parse(&p.text).unwrap()).collect(),
        };
        if flaw != Some(Flaw::ForgetsConditionsOfRoles) {
            role.condition = allowing(rights.condition.as_ref(), flaw);
        }
        table.put_role(Arc::new(role));
    }
    for (n, given) in world.given.iter().enumerate() {
        put_assignment(&mut table, n, given, flaw);
    }
    if flaw != Some(Flaw::ForgetsDenials) {
        for (n, barred) in world.barred.iter().enumerate() {
            put_denial(&mut table, n, barred, flaw);
        }
    }
    table
}

fn put_assignment(table: &mut Assignments, n: usize, given: &Given, flaw: Option<Flaw>) {
    let scope = Scope::parse(&given.scope.text).unwrap();
    let role = RoleDefinitionId(id(given.role.into()));
    let held_by = |n, holder, scope| {
        RoleAssignment::new(RoleAssignmentId(id(n)), principal(holder), role, scope)
    };
    // Somebody else's, until now.
    table.put_assignment(Arc::new(held_by(n, (given.principal + 1) % PRINCIPALS, Scope::root())));
    let mut assignment = held_by(n, given.principal, scope.clone());
    assignment.condition = allowing(given.condition.as_ref(), flaw);
    table.put_assignment(Arc::new(assignment));
    let gone = held_by(n + TAKEN_AWAY, given.principal, scope);
    table.put_assignment(Arc::new(gone));
    if flaw != Some(Flaw::LeavesATrace) {
        table.remove_assignment(RoleAssignmentId(id(n + TAKEN_AWAY)));
    }
    if flaw == Some(Flaw::TakesAPrefixForTheScope)
        && let Ok(beside) = Scope::parse(&format!("{}2", given.scope.text))
    {
        table.put_assignment(Arc::new(held_by(n + 2 * TAKEN_AWAY, given.principal, beside)));
    }
}

fn put_denial(table: &mut Assignments, n: usize, barred: &Barred, flaw: Option<Flaw>) {
    let named = |list: &[u8]| -> Vec<DenyPrincipal> {
        let known = list.iter().filter(|p| flaw != Some(Flaw::ForgetsEveryone) || **p != EVERYONE);
        known.map(|n| DenyPrincipal { id: principal(*n), kind: None }).collect()
    };
    let scope = Scope::parse(&barred.scope.text).unwrap();
    let denial = |n, scope| {
        let mut denial = DenyAssignment::new(DenyAssignmentId(id(n)), "barred", scope)
            .with(permissions(&barred.rights, flaw));
        denial.only_here = barred.only_here && flaw != Some(Flaw::RefusesBelowToo);
        denial.principals = named(&barred.principals);
        if flaw != Some(Flaw::ForgetsExclusions) {
            denial.excluded = named(&barred.excluded);
        }
        denial.condition = refusing(barred.rights.condition.as_ref(), flaw);
        denial
    };
    table.put_denial(Arc::new(denial(n, Scope::root())));
    table.put_denial(Arc::new(denial(n, scope.clone())));
    table.put_denial(Arc::new(denial(n + TAKEN_AWAY, scope)));
    table.remove_denial(DenyAssignmentId(id(n + TAKEN_AWAY)));
}

/// The world with an assignment, a condition or a pattern less.
pub(crate) fn smaller(world: &World) -> Vec<World> {
    let mut all = Vec::new();
    all.extend(without_one(&world.given).map(|given| World { given, ..world.clone() }));
    all.extend(without_one(&world.barred).map(|barred| World { barred, ..world.clone() }));
    for n in 0..world.given.len() {
        let mut less = world.clone();
        if less.given[n].condition.take().is_some() {
            all.push(less);
        }
    }
    for n in 0..world.roles.len() {
        let mut less = world.clone();
        if less.roles[n].condition.take().is_some() {
            all.push(less);
        }
        for patterns in [control, data] {
            let role = &world.roles[n];
            for list in [named, without] {
                let of = |role: &mut Rights, kept| *list(patterns(role)) = kept;
                let kept = list(patterns(&mut role.clone())).clone();
                all.extend(without_one(&kept).map(|kept| {
                    let mut less = world.clone();
                    of(&mut less.roles[n], kept);
                    less
                }));
            }
        }
    }
    all
}

fn control(rights: &mut Rights) -> &mut Patterns {
    &mut rights.control
}

fn data(rights: &mut Rights) -> &mut Patterns {
    &mut rights.data
}

fn named(patterns: &mut Patterns) -> &mut Vec<&'static str> {
    &mut patterns.named
}

fn without(patterns: &mut Patterns) -> &mut Vec<&'static str> {
    &mut patterns.without
}
