//! The control plane: token, deny assignments and roles, then whether the resource is there, and
//! its locks.

use std::sync::Arc;

use strongroom_authz::condition::{Facts, holds};
use strongroom_authz::{DeniedAction, GrantedAction, permitted};
use strongroom_directory::Directory;
use strongroom_model::{Assignments, Caller, ResourceGroupName, Scope, TenantId};

use super::data::conditions;
use super::near::{self, NearMiss, Why, Worlds};
use super::{
    Check, Explanation, Ground, HeldRole, Outcome, Question, Refusal, Step, Verdict, assign,
};

pub(super) fn explain(
    directory: &Directory,
    question: Question,
    action: &str,
    scope: &Scope,
) -> Explanation {
    let caller = Arc::clone(&question.subject.caller);
    let asked = AskedOf { directory, caller: &caller, action, scope };
    let decision = asked.decide(directory.access());
    let ground = decision.as_ref().ok().and_then(|granted| asked.ground(granted));
    let near_misses = match &decision {
        Ok(_) => Vec::new(),
        Err(denied) => asked.near_roles(denied),
    };
    let mut steps = vec![asked.token()];
    steps.extend(asked.role_steps(decision.as_ref().err(), ground.as_ref(), &near_misses));
    let existence = asked.existence();
    steps.push(existence.0);
    steps.push(asked.locks());
    let refused =
        |check| steps.iter().any(|step| step.check == check && step.outcome == Outcome::Refused);
    let plain =
        |check, status, code| Refusal { check, status, code, inner_code: None, denied_by: None };
    let verdict = match (&decision, ground) {
        _ if refused(Check::Token) => {
            Verdict::Refused(plain(Check::Token, 401, "InvalidAuthenticationTokenTenant"))
        }
        (Ok(_), _) if refused(Check::Resource) => {
            Verdict::Refused(plain(Check::Resource, 404, existence.1))
        }
        (Ok(_), _) if refused(Check::Locks) => {
            Verdict::Refused(plain(Check::Locks, 409, "ScopeLocked"))
        }
        (Ok(_), Some(ground)) => Verdict::Allowed(ground),
        (Ok(_), None) => {
            Verdict::Refused(plain(Check::RoleAssignments, 403, "AuthorizationFailed"))
        }
        (Err(denied), _) => {
            let denied_by = denied.denied_by.as_deref().cloned().map(Arc::new);
            let check = match denied_by {
                Some(_) => Check::DenyAssignments,
                None => Check::RoleAssignments,
            };
            Verdict::Refused(Refusal { denied_by, ..plain(check, 403, denied.code()) })
        }
    };
    let advice = match &verdict {
        Verdict::Allowed(_) => Vec::new(),
        Verdict::Refused(refusal) => asked.advice(&question, refusal),
    };
    let (resource, notes) = (scope.clone(), Vec::new());
    Explanation { question, resource, verdict, steps, near_misses, advice, notes }
}

/// An action at a scope.
pub(super) struct AskedOf<'a> {
    pub(super) directory: &'a Directory,
    pub(super) caller: &'a Caller,
    pub(super) action: &'a str,
    pub(super) scope: &'a Scope,
}

impl AskedOf<'_> {
    /// The service's own decision, in a world of these assignments.
    pub(super) fn decide(&self, access: &Assignments) -> Result<GrantedAction, DeniedAction> {
        permitted(self.caller, self.action, self.scope, access)
    }

    /// What a right rests on.
    pub(super) fn ground(&self, granted: &GrantedAction) -> Option<Ground> {
        let found = self.directory.assignment(granted.assignment()?)?;
        Some(Ground::Role(HeldRole::of(self.directory, self.caller, found)))
    }

    fn token(&self) -> Step {
        let own = Step::passed(Check::Token, "The principal is of the subscription's tenant.");
        let Some(subscription) = self.scope.subscription_id() else { return own };
        match self.directory.access().tenant_of(subscription) {
            Some(tenant) if tenant == self.caller.tenant => own,
            Some(tenant) => Step::refused(Check::Token, other_tenant(self.caller.tenant, tenant)),
            None => own,
        }
    }

    fn role_steps(
        &self,
        denied: Option<&DeniedAction>,
        ground: Option<&Ground>,
        near_misses: &[NearMiss],
    ) -> Vec<Step> {
        let deny = match denied.and_then(|denied| denied.denied_by.as_ref()) {
            Some(denial) => Step::refused(
                Check::DenyAssignments,
                format!("The deny assignment '{}' at {} refuses it.", denial.name, denial.scope),
            ),
            None => Step::passed(Check::DenyAssignments, "No deny assignment refuses it."),
        };
        let blocked = near_misses.iter().find(|miss| miss.why == Why::Denied);
        let roles = match (ground, blocked) {
            (Some(ground), _) => {
                Step::passed(Check::RoleAssignments, format!("{ground} allows it."))
            }
            (None, Some(miss)) => {
                Step::passed(Check::RoleAssignments, format!("{} would allow it.", miss.ground))
            }
            (None, None) => Step::refused(
                Check::RoleAssignments,
                format!("No role assignment allows {} here.", self.action),
            ),
        };
        vec![deny, roles, conditions(ground, near_misses)]
    }

    fn near_roles(&self, denied: &DeniedAction) -> Vec<NearMiss> {
        if denied.denied_by.is_some() {
            let world = near::without_denials(self.directory.access());
            let ground = self.decide(&world).ok().and_then(|granted| self.ground(&granted));
            return ground.map(|ground| NearMiss::new(Why::Denied, ground)).into_iter().collect();
        }
        let facts = Facts::of_action(self.action);
        let worlds = Worlds {
            directory: self.directory,
            caller: self.caller,
            resource: self.scope,
            allows: &|world| self.decide(world).is_ok(),
            holds: &|condition| holds(condition, &facts),
        };
        worlds.near_misses()
    }

    /// Whether what is asked for is there, and the code when it is not. Making it is no reading.
    fn existence(&self) -> (Step, &'static str) {
        let there = || (Step::passed(Check::Resource, format!("{} is there.", self.scope)), "");
        let gone =
            |code| (Step::refused(Check::Resource, format!("{} is not there.", self.scope)), code);
        let Some(subscription) = self.scope.subscription_id() else { return there() };
        if self.directory.subscription(subscription).is_none() {
            return gone("SubscriptionNotFound");
        }
        let mut segments = self.scope.as_str().split('/').skip(4);
        let Some(group) = segments.next() else { return there() };
        let known = ResourceGroupName::parse(group)
            .is_ok_and(|name| self.directory.resource_group(subscription, &name).is_some());
        let vault = segments.nth(3);
        let is_made = self.verb() == "write";
        match vault {
            None if known || is_made => there(),
            _ if !known => gone("ResourceGroupNotFound"),
            None => there(),
            Some(name) => {
                let vault = self.directory.vault(&name.to_ascii_lowercase());
                let found = vault.is_some_and(|vault| vault.scope.contains(self.scope));
                if found || is_made { there() } else { gone("ResourceNotFound") }
            }
        }
    }

    fn locks(&self) -> Step {
        let deletes = match self.verb().as_str() {
            "delete" => true,
            "write" | "action" => false,
            _ => return Step::passed(Check::Locks, "Locks do not forbid reading."),
        };
        // Locks themselves, and who may do what, are never locked.
        if self.action.to_ascii_lowercase().starts_with("microsoft.authorization/locks/") {
            return Step::passed(Check::Locks, "Locks themselves are never locked.");
        }
        match self.directory.locks().against(self.scope, deletes).first() {
            None => Step::passed(Check::Locks, "No lock forbids it."),
            Some(lock) => Step::refused(
                Check::Locks,
                format!(
                    "The {} lock '{}' on {} forbids it.",
                    lock.level.as_str(),
                    lock.name,
                    lock.scope
                ),
            ),
        }
    }

    fn verb(&self) -> String {
        self.action.rsplit('/').next().unwrap_or_default().to_ascii_lowercase()
    }

    fn advice(&self, question: &Question, refusal: &Refusal) -> Vec<String> {
        match refusal.check {
            Check::DenyAssignments => match &refusal.denied_by {
                Some(denial) => vec![format!(
                    "No role helps: exclude the principal from the deny assignment '{}' ({}), or \
                     delete it.",
                    denial.name, denial.id
                )],
                None => Vec::new(),
            },
            Check::RoleAssignments => {
                assign(self.directory, &question.subject, &question.wanted, self.scope)
            }
            Check::Locks => vec!["Remove the lock, and try again.".into()],
            Check::Token => vec!["Sign in to the subscription's tenant.".into()],
            _ => vec!["Look at its name and its place.".into()],
        }
    }
}

fn other_tenant(own: TenantId, expected: TenantId) -> String {
    format!(
        "The principal is of the tenant {own}, and the subscription takes tokens of {expected}."
    )
}
