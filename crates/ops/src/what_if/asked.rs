//! What a record of the journal says was asked for, by whom and from where.

use std::collections::HashMap;
use std::net::IpAddr;

use strongroom_audit::Record;
use strongroom_authz::actions::{DELETE_ASSIGNMENT, WRITE_ASSIGNMENT};
use strongroom_model::{Operation, PrincipalId, RoleAssignmentId, RoleDefinitionId, Scope};

use super::report::{NotJudged, Seen};
use crate::explain::object_of;

/// A request, as far as decisions are about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Asked {
    pub(super) who: Who,
    pub(super) what: What,
}

/// Who asked, as the token said.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Who {
    pub(super) object_id: PrincipalId,
    pub(super) app_id: Option<String>,
    pub(super) upn: Option<String>,
    /// The issuer of the token, if it is not this installation.
    pub(super) issuer: Option<String>,
    /// The role assignment that allowed it then, if a foreign token may have named the group that
    /// it is about.
    pub(super) assignment: Option<RoleAssignmentId>,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum What {
    /// An operation in a vault.
    Data {
        operation: Operation,
        /// The vault's id in lower case.
        vault: String,
        object: Option<String>,
        address: IpAddr,
        /// What an ACME account asked for, in its principal's name: the firewall then knows nobody.
        by_account: Option<String>,
    },
    /// An action of the control plane.
    Control {
        action: String,
        /// The id of what it is about, in lower case.
        scope: String,
        /// The role and the principal of the role assignment that was written or deleted.
        assignment: Option<(RoleDefinitionId, PrincipalId)>,
    },
}

/// How often the same was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) seen: Seen,
    /// Whether it has ever done what it asked for.
    pub(super) succeeded: bool,
    /// Whether it was ever found to be allowed.
    pub(super) was_allowed: bool,
}

impl Tally {
    pub(super) fn note(&mut self, record: &Record) {
        self.seen.add(Seen { count: u64::from(record.count), last_ms: record.time_ms });
        self.succeeded |= record.success;
        self.was_allowed |= record.rbac_authorized == Some(true);
    }
}

/// Reads records.
pub(super) struct Reader {
    operations: HashMap<&'static str, Operation>,
}

impl Reader {
    pub(super) fn new() -> Self {
        let all = Operation::ALL.iter();
        Self { operations: all.map(|operation| (operation.audit_name(), *operation)).collect() }
    }

    /// What a record says was asked for; or why that cannot be judged.
    pub(super) fn read(&self, record: &Record) -> Result<Asked, NotJudged> {
        let who = who(record).ok_or(NotJudged::Nobody)?;
        let name: &str = &record.operation;
        let account = property(record, "acmeAccount").filter(|_| record.rbac_authorized.is_some());
        let what = match (self.operations.get(name), account) {
            (Some(operation), _) => data(record, *operation)?,
            // What an account may do is what making its binding takes.
            (None, Some(_)) => through_account(record)?,
            (None, None) => control(record)?,
        };
        Ok(Asked { who, what })
    }
}

fn who(record: &Record) -> Option<Who> {
    let identity = &record.identity;
    let issuer = property(record, "issuer").map(str::to_owned);
    let assignment = record.applied_assignment_id.as_ref().filter(|_| issuer.is_some());
    Some(Who {
        object_id: identity.object_id.as_ref()?.parse().ok()?,
        app_id: identity.app_id.clone(),
        upn: identity.upn.clone(),
        assignment: assignment.and_then(|id| id.parse().ok()),
        issuer,
    })
}

fn data(record: &Record, operation: Operation) -> Result<What, NotJudged> {
    if record.resource_id.is_empty() {
        return Err(NotJudged::VaultGone);
    }
    let object = match operation.names_object() {
        true => Some(object_of(record.object_url()).ok_or(NotJudged::AsksNothing)?.folded()),
        false => None,
    };
    Ok(What::Data {
        operation,
        vault: record.resource_id.to_ascii_lowercase(),
        object,
        address: record.caller_ip.ok_or(NotJudged::NotKept)?,
        by_account: None,
    })
}

fn through_account(record: &Record) -> Result<What, NotJudged> {
    match data(record, Operation::CreateAcmeBinding)? {
        What::Data { operation, vault, object, address, .. } => {
            let by_account = Some(record.operation.to_string());
            Ok(What::Data { operation, vault, object, address, by_account })
        }
        other => Ok(other),
    }
}

fn control(record: &Record) -> Result<What, NotJudged> {
    let action: &str = &record.operation;
    if !action.starts_with("Microsoft.") || record.rbac_authorized.is_none() {
        return Err(NotJudged::AsksNothing);
    }
    let is = |known: &str| action.eq_ignore_ascii_case(known);
    // The configuration names the owners who may.
    if is("Microsoft.Authorization/elevateAccess/action") {
        return Err(NotJudged::NotKept);
    }
    let about_assignment = is(WRITE_ASSIGNMENT) || is(DELETE_ASSIGNMENT);
    let assignment = about_assignment
        .then(|| written_assignment(record).ok_or(NotJudged::NotKept))
        .transpose()?;
    let scope = Scope::parse(&record.resource_id).map_err(|_| NotJudged::AsksNothing)?;
    let (action, scope) = (action.to_owned(), scope.folded().to_owned());
    Ok(What::Control { action, scope, assignment })
}

/// What conditions may ask about; only an assignment that was written or deleted says it.
fn written_assignment(record: &Record) -> Option<(RoleDefinitionId, PrincipalId)> {
    let role = property(record, "roleDefinitionId")?.parse().ok()?;
    Some((role, property(record, "principalId")?.parse().ok()?))
}

fn property<'a>(record: &'a Record, name: &str) -> Option<&'a str> {
    let found = record.properties.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}
