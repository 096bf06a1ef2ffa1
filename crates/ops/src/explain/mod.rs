//! Why a request is or would be allowed or refused, who may do something, and what the smallest
//! sufficient role is.
//!
//! ```text
//! Question ─► steps in the service's order ─► Explanation: verdict, what decided, near misses
//! ```
//! Every decision told of here is taken by the evaluators of `authz` that requests meet. A near
//! miss is one, too: the evaluators are asked about a world in which one thing is otherwise.

mod control;
mod data;
mod journal;
mod near;
mod question;
mod rights;
mod roles;
mod subject;
mod who_can;

use std::sync::Arc;

use strongroom_directory::Directory;
use strongroom_model::{DenyAssignment, PrincipalId, Scope};

use crate::OpError;

pub(crate) use journal::object_of;
pub use journal::{Used, find_request, question_of, used, wanted};
pub use near::{NearMiss, Why};
pub use question::{Question, Wanted};
pub use rights::{Placed, Privilege, least_privilege};
pub use roles::{Need, smallest_roles};
pub use subject::{Ground, HeldPolicy, HeldRole, Named, Subject};
pub use who_can::{Able, who_can};

/// What a request would come to, and why.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Who asks for what.
    pub question: Question,
    /// The resource that it is asked for.
    pub resource: Scope,
    /// What it comes to.
    pub verdict: Verdict,
    /// The checks, in the order in which the service makes them; those after a refusal, too.
    pub steps: Vec<Step>,
    /// What nearly allows it.
    pub near_misses: Vec<NearMiss>,
    /// What to do about a refusal.
    pub advice: Vec<String>,
    /// What the explanation cannot know.
    pub notes: Vec<String>,
}

/// What a request comes to.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It is allowed, by this.
    Allowed(Ground),
    /// It is refused.
    Refused(Refusal),
}

/// A refusal, as the service answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The check that refuses.
    pub check: Check,
    /// The status.
    pub status: u16,
    /// `error.code`.
    pub code: &'static str,
    /// `error.innererror.code`, on the data plane.
    pub inner_code: Option<&'static str>,
    /// The deny assignment that refuses.
    pub denied_by: Option<Arc<DenyAssignment>>,
}

/// One of the checks that the service makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Is the token of the vault's tenant?
    Token,
    /// Is the vault, or whatever is asked for, there?
    Resource,
    /// Does the firewall let the address in?
    Firewall,
    /// Does a deny assignment refuse it?
    DenyAssignments,
    /// Does a role assignment allow it?
    RoleAssignments,
    /// Does an access policy allow it?
    AccessPolicies,
    /// Does the condition of an assignment hold?
    Conditions,
    /// Does a lock forbid it?
    Locks,
}

impl Check {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Resource => "resource",
            Self::Firewall => "firewall",
            Self::DenyAssignments => "denyAssignments",
            Self::RoleAssignments => "roleAssignments",
            Self::AccessPolicies => "accessPolicies",
            Self::Conditions => "conditions",
            Self::Locks => "locks",
        }
    }
}

/// How a check comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It lets the request through.
    Passed,
    /// It refuses.
    Refused,
    /// It does not come to it, or what it depends on was not said.
    NotDecided,
}

impl Outcome {
    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Refused => "refused",
            Self::NotDecided => "notDecided",
        }
    }
}

/// A check, and how it comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The check.
    pub check: Check,
    /// How it comes out.
    pub outcome: Outcome,
    /// Why, for people.
    pub text: String,
}

impl Step {
    fn new(check: Check, outcome: Outcome, text: impl Into<String>) -> Self {
        Self { check, outcome, text: text.into() }
    }

    fn passed(check: Check, text: impl Into<String>) -> Self {
        Self::new(check, Outcome::Passed, text)
    }

    fn refused(check: Check, text: impl Into<String>) -> Self {
        Self::new(check, Outcome::Refused, text)
    }

    fn undecided(check: Check, text: impl Into<String>) -> Self {
        Self::new(check, Outcome::NotDecided, text)
    }
}

/// Explains an access by the directory as it is. `trusted` are the principals of trusted services.
///
/// # Errors
/// [`OpError::NoSuch`] when the vault is not there and never was, so that it has no place;
/// otherwise that is what is explained.
pub fn explain(
    directory: &Directory,
    trusted: &[PrincipalId],
    question: Question,
) -> Result<Explanation, OpError> {
    let mut explanation = match question.wanted.clone() {
        Wanted::Operation { operation, vault, object } => {
            data::explain(directory, trusted, question, operation, &vault, object.as_ref())?
        }
        Wanted::Action { action, scope } => control::explain(directory, question, &action, &scope),
    };
    if explanation.question.subject.named.kind.is_none() {
        explanation.notes.push(
            "The directory does not know this principal: it can only be one of a trusted issuer. \
             Groups that its tokens name are not counted here."
                .into(),
        );
    }
    Ok(explanation)
}

/// What is to be done, in a sentence and a command.
fn assign(directory: &Directory, subject: &Subject, wanted: &Wanted, at: &Scope) -> Vec<String> {
    let needs = [Need::of(wanted)];
    let roles = smallest_roles(directory, subject.caller.tenant, &needs, at);
    let Some(role) = roles.as_ref().and_then(|roles| roles.first()) else {
        return vec![format!("No role allows {}: make one.", wanted.action())];
    };
    vec![format!(
        "Give it the smallest role that is enough, '{0}': strongroom role assignment create \
         --assignee-object-id {1} --role '{0}' --scope {at}",
        role.name, subject.named.id
    )]
}
