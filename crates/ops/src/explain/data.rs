//! The data plane: token, vault, firewall, then deny assignments and roles, or access policies.

use std::sync::Arc;

use strongroom_authz::condition::{Facts, holds};
use strongroom_authz::{Access, Authorized, Denied, Reason, access_policy, authorise, network};
use strongroom_directory::{Directory, Vault};
use strongroom_model::{
    AccessPolicies, AccessPolicy, Assignments, Caller, Kind, ObjectName, Operation, PrincipalId,
    PrincipalType, Scope, TenantId, VaultName, VaultResource,
};

use super::near::{self, NearMiss, Why, Worlds};
use super::{
    Check, Explanation, Ground, HeldPolicy, HeldRole, Named, Outcome, Question, Refusal, Step,
    Verdict, assign, question,
};
use crate::OpError;

pub(super) fn explain(
    directory: &Directory,
    trusted: &[PrincipalId],
    question: Question,
    operation: Operation,
    name: &VaultName,
    object: Option<&ObjectName>,
) -> Result<Explanation, OpError> {
    let vault = directory.vault(&name.folded());
    let caller = Arc::clone(&question.subject.caller);
    let mut steps = vec![token(directory, &caller, vault.map(|vault| vault.resource.tenant))];
    let Some(vault) = vault else {
        let scope = question::vault_scope(directory, name)
            .ok_or_else(|| OpError::NoSuch(format!("there is no vault '{name}'")))?;
        steps.push(gone(directory, name));
        return Ok(absent(question, scope, steps));
    };
    steps.push(Step::passed(Check::Resource, format!("The vault '{}' is there.", name)));
    let passage = match question.address {
        Some(address) => network::admit(&vault.firewall, address, Some(&caller), trusted),
        None => Ok(()),
    };
    steps.push(firewall(vault, &question, passage.is_ok()));
    let asked = AskedOf { directory, caller: &caller, operation, vault, object };
    let decision = asked.decide(directory.access());
    let mut explanation = asked.tell(question, steps, decision.as_ref());
    // What comes first in the service's order is what it answers.
    let first = match (explanation.steps.first().map(|step| step.outcome), passage) {
        (Some(Outcome::Refused), _) => unauthorized(),
        (_, Err(refusal)) => forbidden(Check::Firewall, refusal.code()),
        _ => return Ok(explanation),
    };
    if first.check == Check::Firewall {
        explanation.advice.insert(0, open_firewall(name, explanation.question.address));
    } else {
        explanation.advice.insert(0, "Sign in to the vault's tenant.".into());
    }
    explanation.verdict = Verdict::Refused(first);
    Ok(explanation)
}

/// An access to a vault that is there.
pub(super) struct AskedOf<'a> {
    pub(super) directory: &'a Directory,
    pub(super) caller: &'a Arc<Caller>,
    pub(super) operation: Operation,
    pub(super) vault: &'a Arc<Vault>,
    pub(super) object: Option<&'a ObjectName>,
}

impl AskedOf<'_> {
    /// The service's own decision, in a world of these assignments.
    pub(super) fn decide(&self, access: &Assignments) -> Result<Authorized, Denied> {
        self.decide_in(&self.vault.resource, self.vault.policies.as_ref(), access)
    }

    fn decide_in(
        &self,
        vault: &Arc<VaultResource>,
        policies: Option<&AccessPolicies>,
        access: &Assignments,
    ) -> Result<Authorized, Denied> {
        let asked = Access {
            caller: Arc::clone(self.caller),
            operation: self.operation,
            vault: Arc::clone(vault),
            vault_scope: &self.vault.scope,
            policies,
            object: self.object.cloned(),
        };
        authorise(asked, access)
    }

    /// What an authorisation rests on.
    pub(super) fn ground(&self, authorized: &Authorized) -> Option<Ground> {
        match authorized.assignment() {
            Some(id) => self
                .directory
                .assignment(id)
                .map(|found| Ground::Role(HeldRole::of(self.directory, self.caller, found))),
            None => self
                .policies()
                .find(|(_, said)| *said == access_policy::Decision::Allowed)
                .map(|(policy, _)| self.held_policy(policy)),
        }
    }

    fn resource(&self) -> Scope {
        match self.object {
            Some(name) => self.vault.scope.object(self.operation.kind(), name.as_str()),
            None => self.vault.scope.clone(),
        }
    }

    /// The policies about the caller, and what each says alone.
    fn policies(&self) -> impl Iterator<Item = (&AccessPolicy, access_policy::Decision)> {
        let all = self.vault.resource.properties.access_policies.iter();
        all.filter(|policy| self.caller.principals().any(|who| who == policy.object_id)).map(
            |policy| {
                let alone = AccessPolicies::new(std::slice::from_ref(policy));
                (policy, access_policy::evaluate(self.caller, self.operation, &alone))
            },
        )
    }

    fn held_policy(&self, policy: &AccessPolicy) -> Ground {
        let permissions = match self.operation.kind() {
            Kind::Secret => &policy.permissions.secrets,
            Kind::Key => &policy.permissions.keys,
            Kind::Certificate => &policy.permissions.certificates,
        };
        Ground::Policy(HeldPolicy {
            holder: Named::of(self.directory, policy.object_id),
            is_through_group: policy.object_id != self.caller.object_id,
            application: policy.application_id,
            permissions: permissions.clone(),
        })
    }

    fn tell(
        &self,
        question: Question,
        mut steps: Vec<Step>,
        decision: Result<&Authorized, &Denied>,
    ) -> Explanation {
        let resource = self.resource();
        let is_rbac = self.vault.resource.properties.rbac;
        let near_misses = match (decision, is_rbac) {
            (Ok(_), _) => Vec::new(),
            (Err(denied), true) => self.near_roles(&resource, denied.reason),
            (Err(_), false) => self.near_policies(),
        };
        let ground = decision.ok().and_then(|authorized| self.ground(authorized));
        let ways = if is_rbac {
            self.role_steps(decision.map_err(|denied| denied.reason), ground.as_ref(), &near_misses)
        } else {
            self.policy_steps(ground.as_ref())
        };
        steps.extend(ways);
        let mut notes = notes(question.subject.named.kind);
        let (verdict, advice) = match (decision, ground) {
            (Ok(authorized), Some(ground)) => {
                if authorized.is_public_only() {
                    notes.push(PUBLIC_ONLY.into());
                }
                (Verdict::Allowed(ground), Vec::new())
            }
            (Err(denied), _) => {
                let check = match (denied.reason, is_rbac) {
                    (Reason::DenyAssignment(_), _) => Check::DenyAssignments,
                    (_, true) => Check::RoleAssignments,
                    (_, false) => Check::AccessPolicies,
                };
                let denied_by = match denied.reason {
                    Reason::DenyAssignment(id) => self.directory.access().denial(id).cloned(),
                    _ => None,
                };
                let refusal = Refusal { denied_by, ..forbidden(check, denied.reason.code()) };
                let advice = self.advice(&question, &resource, &refusal);
                (Verdict::Refused(refusal), advice)
            }
            // The directory moved in between: it is one snapshot, so it cannot.
            (Ok(_), None) => (Verdict::Refused(unauthorized()), Vec::new()),
        };
        Explanation { question, resource, verdict, steps, near_misses, advice, notes }
    }

    fn role_steps(
        &self,
        decision: Result<&Authorized, Reason>,
        ground: Option<&Ground>,
        near_misses: &[NearMiss],
    ) -> Vec<Step> {
        let action = self.operation.action();
        let denial = match decision {
            Err(Reason::DenyAssignment(id)) => self.directory.access().denial(id),
            _ => None,
        };
        let deny = match denial {
            Some(denial) => Step::refused(
                Check::DenyAssignments,
                format!("The deny assignment '{}' at {} refuses it.", denial.name, denial.scope),
            ),
            None => Step::passed(Check::DenyAssignments, "No deny assignment refuses it."),
        };
        let blocked = near_misses.iter().find(|miss| miss.why == Why::Denied);
        let roles = match (ground, blocked) {
            (Some(ground), _) => {
                Step::passed(Check::RoleAssignments, format!("Roles decide: {ground} allows it."))
            }
            (None, Some(miss)) => Step::passed(
                Check::RoleAssignments,
                format!("Roles decide: {} would allow it.", miss.ground),
            ),
            (None, None) => Step::refused(
                Check::RoleAssignments,
                format!("Roles decide: no role assignment allows {action} here."),
            ),
        };
        vec![deny, roles, conditions(ground, near_misses)]
    }

    fn policy_steps(&self, ground: Option<&Ground>) -> Vec<Step> {
        let (collection, permission) = self.operation.permission();
        vec![match ground {
            Some(ground) => {
                Step::passed(Check::AccessPolicies, format!("Access policies decide: {ground}."))
            }
            None => Step::refused(
                Check::AccessPolicies,
                format!("Access policies decide: none gives it '{permission}' on {collection}."),
            ),
        }]
    }

    fn near_roles(&self, resource: &Scope, reason: Reason) -> Vec<NearMiss> {
        let access = self.directory.access();
        if let Reason::DenyAssignment(_) = reason {
            let allowed = self.decide(&near::without_denials(access)).ok();
            let ground = allowed.and_then(|authorized| self.ground(&authorized));
            return ground.map(|ground| NearMiss::new(Why::Denied, ground)).into_iter().collect();
        }
        let place = self.object.map(|name| (self.operation.kind(), name.as_str()));
        let facts = Facts::of_data(self.operation.action(), &self.vault.scope, place);
        let worlds = Worlds {
            directory: self.directory,
            caller: self.caller,
            resource,
            allows: &|world| self.decide(world).is_ok(),
            holds: &|condition| holds(condition, &facts),
        };
        let mut found = worlds.near_misses();
        let allowed = self.policies().find(|(_, said)| *said == access_policy::Decision::Allowed);
        found.extend(
            allowed.map(|(policy, _)| {
                NearMiss::new(Why::OtherPermissionModel, self.held_policy(policy))
            }),
        );
        found
    }

    fn near_policies(&self) -> Vec<NearMiss> {
        let mut found: Vec<NearMiss> = self
            .policies()
            .filter_map(|(policy, said)| {
                let why = match said {
                    access_policy::Decision::Allowed => return None,
                    access_policy::Decision::NoPermission => Why::PolicyLacksPermission,
                    access_policy::Decision::NotOnBehalf => Why::PolicyThroughApplication,
                    access_policy::Decision::NoPolicy => Why::PolicyOfOtherTenant,
                };
                Some(NearMiss::new(why, self.held_policy(policy)))
            })
            .collect();
        let mut by_roles = VaultResource::clone(&self.vault.resource);
        by_roles.properties.rbac = true;
        let allowed = self.decide_in(&Arc::new(by_roles), None, self.directory.access()).ok();
        let role = allowed.and_then(|authorized| self.ground(&authorized));
        found.extend(role.map(|role| NearMiss::new(Why::OtherPermissionModel, role)));
        found
    }

    fn advice(&self, question: &Question, resource: &Scope, refusal: &Refusal) -> Vec<String> {
        let who = &question.subject.named;
        if let Some(denial) = &refusal.denied_by {
            return vec![format!(
                "No role helps: exclude the principal from the deny assignment '{}' ({}), or \
                 delete it.",
                denial.name, denial.id
            )];
        }
        if self.vault.resource.properties.rbac {
            return assign(self.directory, &question.subject, &question.wanted, resource);
        }
        let (collection, permission) = self.operation.permission();
        let option = collection.trim_end_matches('s');
        vec![format!(
            "Set the permission: strongroom vault set-policy {} --object-id {} \
             --{option}-permissions {permission}",
            self.vault.resource.name, who.id
        )]
    }
}

const PUBLIC_ONLY: &str = "Allowed with the public half of a key alone, for whoever may read the \
     key could do it at home. On a symmetric key it is refused: ForbiddenByRbac.";

fn notes(kind: Option<PrincipalType>) -> Vec<String> {
    match kind {
        Some(PrincipalType::Group) => {
            vec!["A group cannot sign in: this is what its members may through it.".into()]
        }
        _ => Vec::new(),
    }
}

fn token(directory: &Directory, caller: &Caller, vault: Option<TenantId>) -> Step {
    let expected = vault.or_else(|| directory.installation().map(|found| found.default_tenant));
    if expected == Some(caller.tenant) {
        return Step::passed(Check::Token, "The principal is of the vault's tenant.");
    }
    let expected = expected.map_or_else(|| "of none".to_owned(), |tenant| tenant.to_string());
    Step::refused(
        Check::Token,
        format!(
            "The principal is of the tenant {}, and the vault takes tokens of {expected}.",
            caller.tenant
        ),
    )
}

fn gone(directory: &Directory, name: &VaultName) -> Step {
    let text = match directory.deleted_vault(&name.folded()) {
        Some(found) => format!(
            "The vault '{name}' was deleted on {}; until {} it can be recovered.",
            found.vault.deleted.rfc3339(),
            found.vault.scheduled_purge.rfc3339()
        ),
        None => format!("There is no vault '{name}'."),
    };
    Step::refused(Check::Resource, text)
}

fn absent(question: Question, resource: Scope, steps: Vec<Step>) -> Explanation {
    let is_foreign = steps.first().is_some_and(|step| step.outcome == Outcome::Refused);
    let verdict = Verdict::Refused(if is_foreign {
        unauthorized()
    } else {
        Refusal {
            check: Check::Resource,
            status: 404,
            code: "VaultNotFound",
            inner_code: None,
            denied_by: None,
        }
    });
    let advice = match &question.wanted {
        super::Wanted::Operation { vault, .. } => {
            vec![format!("Recover it: strongroom vault recover {vault}")]
        }
        super::Wanted::Action { .. } => Vec::new(),
    };
    let (near_misses, notes) = (Vec::new(), notes(question.subject.named.kind));
    Explanation { question, resource, verdict, steps, near_misses, advice, notes }
}

fn firewall(vault: &Vault, question: &Question, passes: bool) -> Step {
    let properties = &vault.resource.properties;
    let is_open = properties.public_network_access
        && properties.network.as_ref().is_none_or(|acls| !acls.default_deny);
    match question.address {
        Some(address) if passes => {
            Step::passed(Check::Firewall, format!("The firewall lets {address} in."))
        }
        Some(address) => {
            let why = if properties.public_network_access {
                "no rule of the firewall lets it in"
            } else {
                "public network access is disabled"
            };
            Step::refused(Check::Firewall, format!("{address} is kept out: {why}."))
        }
        None if is_open => Step::passed(Check::Firewall, "The firewall lets every address in."),
        None => Step::undecided(
            Check::Firewall,
            "The firewall does not let every address in: name the client's.",
        ),
    }
}

fn open_firewall(name: &VaultName, address: Option<std::net::IpAddr>) -> String {
    let address = address.map_or_else(String::new, |address| address.to_canonical().to_string());
    format!(
        "Let the address in: strongroom vault update {name} --network-acls-ips {address}, beside \
         the rules that are there; or open the firewall: strongroom vault unlock {name}"
    )
}

pub(super) fn conditions(ground: Option<&Ground>, near_misses: &[NearMiss]) -> Step {
    let has_condition = |ground: &Ground| match ground {
        Ground::Role(held) => held.assignment.condition.is_some(),
        Ground::Policy(_) => false,
    };
    let missed = near_misses
        .iter()
        .find(|miss| matches!(miss.why, Why::ConditionFalse | Why::ConditionUnknown));
    match (ground, missed) {
        (Some(ground), _) if has_condition(ground) => {
            Step::passed(Check::Conditions, "The condition of that assignment holds.")
        }
        (Some(_), _) => Step::passed(Check::Conditions, "That assignment has no condition."),
        (None, Some(miss)) => Step::refused(Check::Conditions, format!("{}.", miss.text())),
        (None, None) => Step::undecided(Check::Conditions, "No condition is in the way."),
    }
}

/// The answer to a token that is not good here.
fn unauthorized() -> Refusal {
    Refusal {
        check: Check::Token,
        status: 401,
        code: "Unauthorized",
        inner_code: None,
        denied_by: None,
    }
}

fn forbidden(check: Check, inner_code: &'static str) -> Refusal {
    Refusal { check, status: 403, code: "Forbidden", inner_code: Some(inner_code), denied_by: None }
}
