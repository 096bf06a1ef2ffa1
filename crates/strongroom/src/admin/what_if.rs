//! The route of the administration socket that says what a change would have refused.

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use strongroom_audit::Spot;
use strongroom_directory::Directory;
use strongroom_model::{
    DenyAssignmentId, PrincipalId, RoleAssignmentId, RoleDefinitionId, Scope, VaultName,
};
use strongroom_ops::identities::find_principal;
use strongroom_ops::what_if::{Proposal, ProposedAssignment, Stretch, VaultProposal};

use super::denials::Sent as NewDenyAssignment;
use super::routes::{Admin, Answer, Refused, bad, failed, no_role, refused};
use super::vaults::Sent as Settings;

const DAY_MS: i64 = 86_400_000;

/// The route, to be merged with the others.
pub(super) fn router() -> Router<Admin> {
    Router::new().route("/access/what-if", post(what_if))
}

/// A change, and the part of the journal that is to be looked at.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Sent {
    /// How far back.
    days: u32,
    /// The latest time, in Unix milliseconds [default: now].
    to_ms: Option<i64>,
    /// Where the answer before this one ended.
    before: Option<String>,
    #[serde(default)]
    remove_assignments: Vec<String>,
    #[serde(default)]
    assign: Vec<SentAssignment>,
    #[serde(default)]
    remove_deny_assignments: Vec<String>,
    deny: Option<NewDenyAssignment>,
    vault: Option<SentVault>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SentAssignment {
    role: String,
    to: String,
    at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SentVault {
    name: String,
    #[serde(default)]
    settings: Settings,
    #[serde(default)]
    remove_policies: Vec<String>,
}

impl Sent {
    fn proposal(self, directory: &Directory) -> Result<Proposal, Refused> {
        let removed = self.remove_assignments.iter().map(|id| guid::<RoleAssignmentId>(id));
        let made = self.assign.iter().map(|assignment| assignment.read(directory));
        let denials = self.remove_deny_assignments.iter().map(|id| guid::<DenyAssignmentId>(id));
        let denied = self.deny.into_iter().map(|denial| denial.read(directory));
        let vaults = self.vault.iter().map(|vault| vault.read(directory));
        Ok(Proposal {
            removed_assignments: removed.collect::<Result<_, _>>()?,
            made_assignments: made.collect::<Result<_, _>>()?,
            removed_denials: denials.collect::<Result<_, _>>()?,
            made_denials: denied.collect::<Result<_, _>>()?,
            vaults: vaults.collect::<Result<_, _>>()?,
        })
    }
}

impl SentAssignment {
    fn read(&self, directory: &Directory) -> Result<ProposedAssignment, Refused> {
        Ok(ProposedAssignment {
            role: role(directory, &self.role)?,
            principal: principal(directory, &self.to)?,
            scope: Scope::parse(&self.at).map_err(bad)?,
        })
    }
}

impl SentVault {
    fn read(&self, directory: &Directory) -> Result<VaultProposal, Refused> {
        let name = VaultName::parse(&self.name).map_err(bad)?;
        let vault = directory.vault(&name.folded());
        let kept = vault.and_then(|vault| vault.resource.properties.network.as_ref());
        let removed = self.remove_policies.iter().map(|id| principal(directory, id));
        Ok(VaultProposal {
            settings: self.settings.settings(kept)?,
            removed_policies: removed.collect::<Result<_, _>>()?,
            name,
        })
    }
}

/// A part of the journal; the answer says where to go on.
async fn what_if(State(admin): State<Admin>, Json(sent): Json<Sent>) -> Answer {
    let directory = admin.node.directory.current();
    let before = sent.before.as_deref().map(str::parse::<Spot>).transpose().map_err(bad)?;
    let to_ms = sent.to_ms.unwrap_or_else(|| admin.node.clock.now_ms());
    let from_ms = to_ms.saturating_sub(i64::from(sent.days).saturating_mul(DAY_MS));
    let proposal = sent.proposal(&directory)?;
    let call = admin.call("AccessWhatIf")?;
    let outcome = admin.node.ops.what_if(&proposal, Stretch { from_ms, to_ms, before }).await;
    let reading = admin.finish(call, outcome).await?;
    Ok(Json(json!({
        "fromMs": from_ms,
        "toMs": to_ms,
        "reachedMs": reading.reached_ms,
        "next": reading.next.map(|spot| spot.to_string()),
        "report": serde_json::to_value(&reading.report).map_err(failed)?,
    })))
}

/// A principal by any of its names; any object id will do, for trusted issuers have principals
/// that the directory does not know.
fn principal(directory: &Directory, named: &str) -> Result<PrincipalId, Refused> {
    find_principal(directory, named).or_else(|error| named.parse().map_err(|_| refused(&error)))
}

/// A role of the directory by its name or its id.
fn role(directory: &Directory, named: &str) -> Result<RoleDefinitionId, Refused> {
    let id = named.rsplit('/').next().unwrap_or_default().parse().ok();
    let mut roles = directory.access().roles();
    let found = roles.find(|role| Some(role.id) == id || role.name.eq_ignore_ascii_case(named));
    found.map(|role| role.id).ok_or_else(|| no_role(named))
}

/// An id, alone or at the end of a resource's id.
fn guid<T: std::str::FromStr>(id: &str) -> Result<T, Refused> {
    let last = id.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    last.parse().map_err(|_| bad(format!("'{id}' does not end with a GUID")))
}
