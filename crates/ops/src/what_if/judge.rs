//! Decides a request in two directories, by what decides it when it comes.

use std::sync::Arc;

use strongroom_authz::actions::WRITE_ASSIGNMENT;
use strongroom_authz::{
    Access, AssignmentFacts, authorise, network, permitted, permitted_to_assign,
    permitted_to_unassign,
};
use strongroom_directory::Vault;
use strongroom_model::{Caller, IdentityType, ObjectName, Operation, PrincipalId, Scope};

use super::asked::{Asked, Tally, What, Who};
use super::proposal::World;
use super::report::{Difference, NotJudged, Report};
use crate::explain::Named;
use crate::roles::principal_type;

/// What a directory makes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Allowed,
    /// Allowed as far as the public half of the key is enough.
    WithPublicHalf,
    /// Refused with this code.
    Refused(&'static str),
}

/// Today, and what would be.
pub(super) struct Judge {
    today: World,
    changed: World,
    trusted: Vec<PrincipalId>,
}

impl Judge {
    /// `trusted` are the principals of trusted services.
    pub(super) fn new(today: World, changed: World, trusted: Vec<PrincipalId>) -> Self {
        Self { today, changed, trusted }
    }

    /// Judges a request, and adds what differs to a report.
    pub(super) fn judge(&self, asked: &Asked, tally: Tally, report: &mut Report) {
        match self.verdicts(asked, tally) {
            Err(why) => report.leave(why, tally.seen.count),
            Ok((today, changed)) => {
                report.judged = report.judged.saturating_add(tally.seen.count);
                match (today, changed) {
                    (Verdict::Refused(_), Verdict::Refused(_)) => {}
                    (_, Verdict::Refused(code)) => {
                        report.refuse(self.difference(asked, code), tally.seen);
                    }
                    (Verdict::Refused(code), _) => {
                        report.allow(self.difference(asked, code), tally.seen);
                    }
                    _ => {}
                }
            }
        }
    }

    fn verdicts(&self, asked: &Asked, tally: Tally) -> Result<(Verdict, Verdict), NotJudged> {
        let caller = caller(&asked.who, &self.today).ok_or(NotJudged::PrincipalGone)?;
        let caller = Arc::new(caller);
        let today = self.decide(&self.today, &caller, &asked.what)?;
        let changed = self.decide(&self.changed, &caller, &asked.what)?;
        let is_refused = matches!(today, Verdict::Refused(_));
        if asked.who.issuer.is_some() && tally.was_allowed && is_refused {
            return Err(NotJudged::TokenGroups);
        }
        match (today, changed) {
            (Verdict::Allowed, Verdict::WithPublicHalf)
            | (Verdict::WithPublicHalf, Verdict::Allowed) => Err(NotJudged::KeyType),
            // It may have been refused for its key, as it would be.
            (Verdict::WithPublicHalf, Verdict::Refused(_)) if !tally.succeeded => {
                Err(NotJudged::KeyType)
            }
            both => Ok(both),
        }
    }

    fn decide(
        &self,
        world: &World,
        caller: &Arc<Caller>,
        what: &What,
    ) -> Result<Verdict, NotJudged> {
        match what {
            What::Data { operation, vault, object, address, by_account } => {
                let vault = scope(vault).and_then(|scope| world.vault(&scope).cloned());
                let vault = vault.ok_or(NotJudged::VaultGone)?;
                let object = object.as_deref().and_then(|name| ObjectName::parse(name).ok());
                let passed = match by_account {
                    Some(_) => network::admit(&vault.firewall, *address, None, &[]),
                    None => network::admit(&vault.firewall, *address, Some(caller), &self.trusted),
                };
                Ok(match passed {
                    Err(refusal) => Verdict::Refused(refusal.code()),
                    Ok(()) => in_vault(world, caller, *operation, &vault, object),
                })
            }
            What::Control { action, scope: id, assignment } => {
                let scope = scope(id).ok_or(NotJudged::NotKept)?;
                let facts = assignment.map(|(role, principal)| AssignmentFacts {
                    role,
                    principal,
                    principal_type: principal_type(world.directory(), caller.tenant, principal),
                });
                let decision = match facts {
                    None => permitted(caller, action, &scope, world),
                    Some(facts) if action.eq_ignore_ascii_case(WRITE_ASSIGNMENT) => {
                        permitted_to_assign(caller, facts, &scope, world)
                    }
                    Some(facts) => permitted_to_unassign(caller, facts, &scope, world),
                };
                Ok(match decision {
                    Ok(_) => Verdict::Allowed,
                    Err(denied) => Verdict::Refused(denied.code()),
                })
            }
        }
    }

    fn difference(&self, asked: &Asked, code: &str) -> Difference {
        let Who { object_id, app_id, upn, .. } = &asked.who;
        let mut difference = Difference {
            principal_id: object_id.to_string(),
            principal: Named::of(self.today.directory(), *object_id).name.or_else(|| upn.clone()),
            app_id: app_id.clone(),
            code: code.to_owned(),
            ..Difference::default()
        };
        match &asked.what {
            What::Control { action, scope, .. } => {
                difference.operation.clone_from(action);
                difference.scope.clone_from(scope);
            }
            What::Data { operation, vault, object, address, by_account } => {
                let name = by_account.as_deref().unwrap_or(operation.audit_name());
                name.clone_into(&mut difference.operation);
                if let Some(vault) = scope(vault).and_then(|scope| self.today.vault(&scope)) {
                    let id = match object {
                        Some(name) => vault.scope.object(operation.kind(), name),
                        None => vault.scope.clone(),
                    };
                    id.as_str().clone_into(&mut difference.scope);
                    difference.vault = Some(vault.resource.name.to_string());
                }
                difference.object.clone_from(object);
                difference.address = Some(*address);
            }
        }
        difference
    }
}

/// As the router decides it: see `crates/http/src/vault`.
fn in_vault(
    world: &World,
    caller: &Arc<Caller>,
    operation: Operation,
    vault: &Vault,
    object: Option<ObjectName>,
) -> Verdict {
    let access = Access {
        caller: Arc::clone(caller),
        operation,
        vault: Arc::clone(&vault.resource),
        vault_scope: &vault.scope,
        policies: vault.policies.as_ref(),
        object,
    };
    match authorise(access, world) {
        Ok(authorized) if authorized.is_public_only() => Verdict::WithPublicHalf,
        Ok(_) => Verdict::Allowed,
        Err(denied) => Verdict::Refused(denied.reason.code()),
    }
}

/// The caller as the directory knows it today; `None` when it, or the issuer that vouched for it,
/// is gone. Of the groups that a token named, the journal tells of one at most: the one whose role
/// allowed the request.
fn caller(who: &Who, world: &World) -> Option<Caller> {
    let directory = world.directory();
    let application = directory.application_by_object(who.object_id);
    let mut groups = directory.groups_of(who.object_id);
    let (tenant, is_person) = match (&who.issuer, application) {
        (None, Some(application)) => (application.tenant, false),
        (Some(issuer), None) => {
            let mut trusted = directory.trusted_issuers().iter();
            let tenant = trusted.find(|trusted| trusted.issuer == *issuer)?.tenant;
            groups.extend(token_group(who, world));
            (tenant, who.upn.is_some() || directory.user(who.object_id).is_some())
        }
        _ => return None,
    };
    Some(Caller {
        tenant,
        object_id: who.object_id,
        app_id: who.app_id.clone(),
        upn: who.upn.clone(),
        groups,
        identity_type: if is_person { IdentityType::User } else { IdentityType::App },
        issuer: who.issuer.clone().unwrap_or_default(),
    })
}

/// A group of the issuer's own: who belongs to one of ours, the directory says.
fn token_group(who: &Who, world: &World) -> Option<PrincipalId> {
    let assignments: &strongroom_model::Assignments = world.as_ref();
    let holder = assignments.assignment(who.assignment?)?.principal;
    let directory = world.directory();
    let is_ours = directory.group(holder).is_some()
        || directory.application_by_object(holder).is_some()
        || holder == who.object_id;
    (!is_ours).then_some(holder)
}

fn scope(id: &str) -> Option<Scope> {
    Scope::parse(id).ok()
}
