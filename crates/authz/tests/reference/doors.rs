//! The three doors that roles open: the data plane, the control plane, and the giving and taking
//! of roles.

use std::sync::Arc;

use strongroom_authz::{
    Access, AssignmentFacts, Authorized, DeniedAction, GrantedAction, Reason, authorise, permitted,
    permitted_to_assign, permitted_to_unassign,
};
use strongroom_model::{
    AccessPolicies, AccessPolicy, Assignments, Caller, Kind, ObjectName, Operation,
    PolicyPermissions, PrincipalType, ResourceGroupName, RoleAssignmentId, RoleDefinitionId, Scope,
    SoftDelete, Timestamp, VaultId, VaultName, VaultProperties, VaultResource,
};

use crate::clause::Facts;
use crate::roles::{Asked, Fit, Place, SUBSCRIPTIONS, Verdict, World, decide};
use crate::run::{Dice, Door, Tally};
use crate::table::{Flaw, Who, id, number, principal, smaller, table, tenant};
use crate::world::{
    ACTIONS, ATTRIBUTES, GROUPS, NUMBERS, OBJECTS, PRINCIPALS, VAULTS, asked_place, world,
};

/// What was answered. The number is the assignment's that decided.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Allowed { by: usize, public_only: bool },
    Refused { by: usize },
    Denied,
    OtherTenant,
}

/// Holds an answer against what the assignments say, and counts the case.
fn judge(
    (world, asked): (&World, &Asked),
    verdict: &Verdict,
    answer: Answer,
    tally: &mut Tally,
) -> Result<(), String> {
    let (is_refused, allowing) = (verdict.is_refused(), verdict.allowing().collect::<Vec<_>>());
    let agrees = match answer {
        Answer::Allowed { by, .. } => !is_refused && allowing.contains(&by),
        Answer::Refused { by } => verdict.refuses(by),
        Answer::Denied => !is_refused && allowing.is_empty(),
        Answer::OtherTenant => false,
    };
    if !agrees {
        let refusing: Vec<usize> =
            (0..verdict.barred.len()).filter(|n| verdict.refuses(*n)).collect();
        return Err(format!("it is refused by {refusing:?} and allowed by {allowing:?}"));
    }
    let any_given = |fit| verdict.given.contains(&fit);
    let any_barred = |fit| verdict.barred.contains(&fit);
    let all = |is: &dyn Fn(usize) -> bool| allowing.iter().all(|n| is(*n));
    if is_refused {
        tally.count("refused by a deny assignment");
        tally.count_if(!any_barred(Fit::Applies), "refused, for its condition cannot be told");
        tally.count_if(!allowing.is_empty(), "refused, and otherwise allowed");
        return Ok(());
    }
    tally.count_if(any_barred(Fit::Excluded), "not refused, for the caller is excluded");
    tally.count_if(any_barred(Fit::NotBelow), "not refused, for it lies below");
    tally.count_if(any_barred(Fit::Outranked), "not refused, for the caller is from above");
    if allowing.is_empty() {
        tally.count("denied");
        tally.count_if(any_given(Fit::Unknown), "denied, for a condition cannot be told");
        tally.count_if(any_given(Fit::Unmet), "denied, for a condition does not hold");
        tally.count_if(any_given(Fit::TakenOut), "denied, for NotActions take it out");
        tally.count_if(any_given(Fit::NotForThere), "denied, for the role is not for there");
        return Ok(());
    }
    tally.count("allowed");
    let is_conditional = |n: usize| world.given[n].condition.is_some();
    tally.count_if(all(&is_conditional), "allowed under a condition");
    let is_a_groups = |n: usize| world.given[n].principal != asked.who[0];
    tally.count_if(all(&is_a_groups), "allowed through a group");
    let is_above = |n: usize| !world.given[n].scope.is(&asked.scope);
    tally.count_if(all(&is_above), "allowed from above");
    Ok(())
}

/// `authorise`, where roles decide.
pub(crate) struct Data(pub(crate) Option<Flaw>);

#[derive(Debug)]
pub(crate) struct DataQuestion {
    who: Who,
    operation: Operation,
    subscription: usize,
    group: &'static str,
    vault: &'static str,
    object: Option<&'static str>,
}

impl DataQuestion {
    /// What the operation's own data action would be asked as, or another.
    fn asked(&self, action: &'static str) -> Asked {
        let Self { who, operation, subscription, group, vault, object } = self;
        let mut place = format!(
            "/subscriptions/{}/resourceGroups/{group}/providers/Microsoft.KeyVault/vaults/{vault}",
            SUBSCRIPTIONS[*subscription].0
        );
        let mut values = vec![
            ("Request[Microsoft.KeyVault/vaults:name]", (*vault).to_owned()),
            ("Resource[Microsoft.KeyVault/vaults:name]", (*vault).to_owned()),
        ];
        if let Some(name) = object {
            let collection = match operation.kind() {
                Kind::Secret => "secrets",
                Kind::Key => "keys",
                Kind::Certificate => "certificates",
            };
            place = format!("{place}/{collection}/{name}");
            // What is set is not there yet.
            let source = match action.ends_with("/setSecret/action") {
                true => "Request[Microsoft.KeyVault/vaults/secrets:name]",
                false => "Resource[Microsoft.KeyVault/vaults/secrets:name]",
            };
            if collection == "secrets" {
                values.push((source, (*name).to_owned()));
            }
        }
        let facts = Facts { action, values };
        Asked { who: who.principals(), is_data: true, scope: Place::new(place), facts }
    }

    fn vault(&self) -> Arc<VaultResource> {
        let (subscription, of) = SUBSCRIPTIONS[self.subscription];
        Arc::new(VaultResource {
            id: VaultId(id(1)),
            name: VaultName::parse(self.vault).unwrap(),
            tenant: tenant(of),
            subscription: subscription.parse().unwrap(),
            resource_group: ResourceGroupName::parse(self.group).unwrap(),
            location: "local".to_owned(),
            soft_delete: SoftDelete::new(90, false).unwrap(),
            created: Timestamp(0),
            properties: VaultProperties::default(),
        })
    }
}

/// Policies that allow everybody everything: where roles decide, they say nothing.
fn everything() -> AccessPolicies {
    let all = || vec!["all".to_owned()];
    let permissions =
        PolicyPermissions { keys: all(), secrets: all(), certificates: all(), storage: all() };
    let of = |n| AccessPolicy {
        tenant: tenant(0),
        object_id: principal(n),
        application_id: None,
        permissions: permissions.clone(),
    };
    AccessPolicies::new(&(0..PRINCIPALS).map(of).collect::<Vec<_>>())
}

impl Door for Data {
    type World = World;
    type Question = DataQuestion;
    type Ready = (Assignments, AccessPolicies);
    type Answer = Answer;

    fn world(&self, dice: &mut Dice) -> World {
        world(dice, &[&ATTRIBUTES[..4], &ATTRIBUTES[..4], &ATTRIBUTES[10..]].concat())
    }

    fn question(&self, dice: &mut Dice) -> DataQuestion {
        DataQuestion {
            who: Who::new(dice),
            operation: match dice.below(10) {
                0 => dice.one(&[Operation::Encrypt, Operation::WrapKey, Operation::Verify]),
                _ => dice.one(Operation::ALL),
            },
            subscription: dice.one(&NUMBERS),
            group: dice.one(&GROUPS),
            vault: dice.one(&VAULTS),
            object: (!dice.once_in(5)).then(|| dice.one(&OBJECTS)),
        }
    }

    fn ready(&self, world: &World) -> Self::Ready {
        (table(world, self.0), everything())
    }

    fn ask(&self, (table, policies): &Self::Ready, question: &DataQuestion) -> Answer {
        let vault = question.vault();
        let vault_scope = vault.scope();
        let access = Access {
            caller: Arc::new(question.who.caller(self.0)),
            operation: question.operation,
            vault,
            vault_scope: &vault_scope,
            policies: Some(policies),
            object: question.object.map(|name| ObjectName::parse(name).unwrap()),
        };
        let allowed = |proof: Authorized| Answer::Allowed {
            by: number(proof.assignment().unwrap().0),
            public_only: proof.is_public_only(),
        };
        authorise(access, table).map_or_else(
            |denied| match denied.reason {
                Reason::DenyAssignment(by) => Answer::Refused { by: number(by.0) },
                Reason::NoAssignment => Answer::Denied,
                Reason::OtherTenant => Answer::OtherTenant,
                reason => panic!("roles decide: {reason}"),
            },
            allowed,
        )
    }

    fn judge(
        &self,
        world: &World,
        question: &DataQuestion,
        answer: &Answer,
        tally: &mut Tally,
    ) -> Result<(), String> {
        if question.who.tenant != SUBSCRIPTIONS[question.subscription].1 {
            tally.count("of another tenant");
            let agrees = matches!(answer, Answer::OtherTenant);
            return if agrees { Ok(()) } else { Err("it is another tenant's".to_owned()) };
        }
        let mut asked = question.asked(question.operation.action().name());
        let mut verdict = decide(world, &asked);
        // Whoever may read a key could do at home what needs its public half alone.
        let is_public = matches!(
            question.operation,
            Operation::Encrypt | Operation::WrapKey | Operation::Verify
        );
        let public_only = is_public && !verdict.is_refused() && verdict.allowing().next().is_none();
        if public_only {
            asked = question.asked("Microsoft.KeyVault/vaults/keys/read");
            verdict = decide(world, &asked);
        }
        if let Answer::Allowed { public_only: said, .. } = answer {
            tally.count_if(*said, "allowed with the public half of a key");
            if *said != public_only {
                return Err(format!("with the public half alone: {public_only}"));
            }
        }
        judge((world, &asked), &verdict, *answer, tally)
    }

    fn smaller(&self, world: &World) -> Vec<World> {
        smaller(world)
    }
}

/// What the control plane is asked.
#[derive(Clone, Debug)]
pub(crate) struct ControlQuestion {
    who: Who,
    action: &'static str,
    scope: Place,
    /// What role is given or taken, to whom, of which kind.
    assignment: Option<(u8, u8, Option<PrincipalType>)>,
}

impl ControlQuestion {
    fn asked(&self) -> Asked {
        let mut values = Vec::new();
        if let Some((role, holder, kind)) = self.assignment {
            let is_written = self.action.ends_with("write");
            let (sources, source) = (&ATTRIBUTES[4..10], if is_written { 0 } else { 1 });
            let guid = |n: u8| format!("00000000-0000-0000-0000-{:012x}", n + 1);
            values.push((sources[source], guid(role)));
            values.push((sources[source + 2], guid(holder)));
            if let Some(kind) = kind {
                values.push((sources[source + 4], format!("{kind:?}")));
            }
        }
        let facts = Facts { action: self.action, values };
        Asked { who: self.who.principals(), is_data: false, scope: self.scope.clone(), facts }
    }

    /// `None`: it may be done in no tenant but another.
    fn verdict(&self, world: &World, asked: &Asked) -> Option<Verdict> {
        let is_own = self.scope.tenant().is_none_or(|tenant| tenant == self.who.tenant);
        is_own.then(|| decide(world, asked))
    }

    fn answer(&self, decided: Result<GrantedAction, DeniedAction>, scope: &Scope) -> Answer {
        match decided {
            Ok(granted) => {
                assert!(granted.covers(self.action, scope) && granted.by().is_some());
                let RoleAssignmentId(by) = granted.assignment().unwrap();
                Answer::Allowed { by: number(by), public_only: false }
            }
            Err(DeniedAction { denied_by: Some(by), .. }) => {
                Answer::Refused { by: number(by.id.0) }
            }
            Err(_) => Answer::Denied,
        }
    }

    fn judge(&self, world: &World, answer: Answer, tally: &mut Tally) -> Result<(), String> {
        let asked = self.asked();
        match self.verdict(world, &asked) {
            Some(verdict) => judge((world, &asked), &verdict, answer, tally),
            None => {
                tally.count("of another tenant");
                let agrees = matches!(answer, Answer::Denied);
                if agrees { Ok(()) } else { Err("it is another tenant's".to_owned()) }
            }
        }
    }
}

/// `permitted`.
pub(crate) struct Control(pub(crate) Option<Flaw>);

impl Door for Control {
    type World = World;
    type Question = ControlQuestion;
    type Ready = Assignments;
    type Answer = Answer;

    fn world(&self, dice: &mut Dice) -> World {
        world(dice, &ATTRIBUTES)
    }

    fn question(&self, dice: &mut Dice) -> ControlQuestion {
        let (who, action, scope) = (Who::new(dice), dice.one(&ACTIONS), asked_place(dice));
        ControlQuestion { who, action, scope, assignment: None }
    }

    fn ready(&self, world: &World) -> Assignments {
        table(world, self.0)
    }

    fn ask(&self, table: &Assignments, question: &ControlQuestion) -> Answer {
        let scope = Scope::parse(&question.scope.text).unwrap();
        let caller = question.who.caller(self.0);
        let mut question = question.clone();
        if self.0 == Some(Flaw::BindsThoseAbove) && question.action.contains("enyAssignments/") {
            question.action = "Microsoft.Authorization/denials/delete";
        }
        question.answer(permitted(&caller, question.action, &scope, table), &scope)
    }

    fn judge(
        &self,
        world: &World,
        question: &ControlQuestion,
        answer: &Answer,
        tally: &mut Tally,
    ) -> Result<(), String> {
        question.judge(world, *answer, tally)
    }

    fn smaller(&self, world: &World) -> Vec<World> {
        smaller(world)
    }
}

/// `permitted_to_assign` and `permitted_to_unassign`.
pub(crate) struct Assign(pub(crate) Option<Flaw>);

impl Door for Assign {
    type World = World;
    type Question = ControlQuestion;
    type Ready = Assignments;
    type Answer = Answer;

    fn world(&self, dice: &mut Dice) -> World {
        world(dice, &ATTRIBUTES[4..])
    }

    fn question(&self, dice: &mut Dice) -> ControlQuestion {
        let kinds = [
            None,
            Some(PrincipalType::User),
            Some(PrincipalType::Group),
            Some(PrincipalType::ServicePrincipal),
        ];
        let action = dice.one(&[
            "Microsoft.Authorization/roleAssignments/write",
            "Microsoft.Authorization/roleAssignments/delete",
        ]);
        let assignment = Some((dice.small(5), dice.small(PRINCIPALS), dice.one(&kinds)));
        ControlQuestion { who: Who::new(dice), action, scope: asked_place(dice), assignment }
    }

    fn ready(&self, world: &World) -> Assignments {
        table(world, self.0)
    }

    fn ask(&self, table: &Assignments, question: &ControlQuestion) -> Answer {
        let scope = Scope::parse(&question.scope.text).unwrap();
        let caller: Caller = question.who.caller(self.0);
        let (role, holder, principal_type) = question.assignment.unwrap();
        let facts = AssignmentFacts {
            role: RoleDefinitionId(id(role.into())),
            principal: principal(holder),
            principal_type,
        };
        let decided = match question.action.ends_with("write") {
            true => permitted_to_assign(&caller, facts, &scope, table),
            false => permitted_to_unassign(&caller, facts, &scope, table),
        };
        question.answer(decided, &scope)
    }

    fn judge(
        &self,
        world: &World,
        question: &ControlQuestion,
        answer: &Answer,
        tally: &mut Tally,
    ) -> Result<(), String> {
        question.judge(world, *answer, tally)
    }

    fn smaller(&self, world: &World) -> Vec<World> {
        smaller(world)
    }
}
