//! Whether the caller may do what the URL asks for, and whether it is there.

use serde_json::Value;
use strongroom_authz::roles;
use strongroom_model::{DataAction, RoleDefinition};

use super::report::Finding;
use super::target::Target;
use super::token::Token;
use super::vault::line;
use super::wire::{Answer, Wire};
use crate::error::CliError;

/// What a vault holds.
const COLLECTIONS: [&str; 3] = ["secrets", "keys", "certificates"];

/// What was found of the caller's right, and of what it is a right to.
pub(super) struct Judgement {
    pub(super) role: Finding,
    pub(super) object: Option<Finding>,
    /// Set where the right is missing.
    pub(super) refused: Option<Refused>,
}

/// A refusal for want of a right, in words that others can explain it by.
pub(super) struct Refused {
    finding: Finding,
    pub(super) request_id: Option<String>,
    pub(super) object_id: Option<String>,
    pub(super) action: Option<String>,
    pub(super) scope: Option<String>,
}

impl Judgement {
    fn of(role: Finding, object: Option<Finding>) -> Self {
        Self { role, object, refused: None }
    }

    fn refused(refused: Refused) -> Self {
        Self { role: refused.finding.clone(), object: None, refused: Some(refused) }
    }
}

/// What an answer says of the caller's right to what was asked for, and of what was asked for.
pub(super) fn judged(target: &Target, answer: &Answer, token: &Token) -> Judgement {
    if let Some(refused) = refused(target, answer, token) {
        return Judgement::refused(refused);
    }
    let may = Finding::ok(format!("the caller may read {}", target.url.path()));
    let said = format!("({}) {}", answer.code(), answer.message());
    match answer.status {
        200..=299 => Judgement::of(may, Some(Finding::ok("it is there"))),
        404 => {
            let next = "check its name and version; a deleted one can be recovered: `strongroom \
                        secret list-deleted` (key, certificate)";
            let absent = Finding::wrong(CliError::NotFound, "objectNotFound", said, next);
            Judgement::of(may, Some(absent))
        }
        403 => {
            let next = "its attributes keep it from being read: `strongroom secret set-attributes` \
                        (key, certificate) changes `--enabled`, `--expires` and `--not-before`";
            let unusable = Finding::wrong(CliError::Denied, "objectNotUsable", said, next);
            Judgement::of(may, Some(unusable))
        }
        status => Judgement::of(unexpected(status, &said), None),
    }
}

fn unexpected(status: u16, said: &str) -> Finding {
    let found = format!("the host answers {status} {said}");
    Finding::wrong(CliError::Failed, "unexpected", found, "check the URL, or try again later")
}

/// What the caller may list in a vault; the first refusal if that is nothing.
pub(super) async fn of_lists(
    wire: &Wire,
    target: &Target,
    token: &Token,
) -> Result<Judgement, reqwest::Error> {
    let (mut may, mut may_not, mut refusal) = (Vec::new(), Vec::new(), None);
    for collection in COLLECTIONS {
        let mut url = target.of_vault(collection);
        url.query_pairs_mut().append_pair("maxresults", "1");
        let answer = wire.get(url, Some(&token.header)).await?;
        match refused(target, &answer, token) {
            Some(refused) => {
                may_not.push(collection);
                refusal.get_or_insert(refused);
            }
            None if answer.status == 200 => may.push(collection),
            None => {
                let said = format!("({}) {}", answer.code(), answer.message());
                return Ok(Judgement::of(unexpected(answer.status, &said), None));
            }
        }
    }
    Ok(match refusal {
        Some(mut refused) if may.is_empty() => {
            let more = "it may list nothing here; the URL of a single object tells whether it may \
                        use that";
            refused.finding = refused.finding.adding(Some(more.into()));
            Judgement::refused(refused)
        }
        _ => {
            let more = (!may_not.is_empty()).then(|| {
                format!("not {}: to see why, give the URL of one of them", may_not.join(" and "))
            });
            let may = Finding::ok(format!("the caller may list {}", may.join(" and ")));
            Judgement::of(may.adding(more), None)
        }
    })
}

/// What the caller sees of the control plane.
pub(super) fn of_subscriptions(answer: &Answer, token: &Token) -> Finding {
    let body = answer.json();
    let seen = body.get("value").and_then(Value::as_array).map(Vec::len);
    match seen {
        Some(0) => {
            let object = token.object_id().unwrap_or_else(|| "<object id>".into());
            let found = format!("object id {object} has no role anywhere: it sees no subscription");
            let next = format!(
                "ask an owner of the subscription for a role: `az role assignment create \
                 --assignee-object-id {object} --role Reader --scope /subscriptions/ID`"
            );
            Finding::wrong(CliError::Denied, "noRole", found, next)
        }
        Some(1) => Finding::ok("the caller sees a subscription"),
        Some(count) => Finding::ok(format!("the caller sees {count} subscriptions")),
        None => unexpected(answer.status, &answer.code()),
    }
}

/// A refusal for want of a right; `None` for any other answer.
fn refused(target: &Target, answer: &Answer, token: &Token) -> Option<Refused> {
    let (code, message) = (answer.code(), answer.message());
    let object = token.object_id().unwrap_or_else(|| "<object id>".into());
    let finding = match (answer.status, code.as_str()) {
        (403, "ForbiddenByRbac") => no_role(&message, &object),
        (403, "AccessDenied" | "ForbiddenByPolicy") => {
            no_permission(target.vault().unwrap_or_default(), &message, &object)
        }
        (403, "AuthorizationFailed" | "DenyAssignmentAuthorizationFailed") => {
            let next = format!(
                "whoever may write role assignments gives a role: `az role assignment create \
                 --assignee-object-id {object} --role Reader --scope SCOPE`"
            );
            Finding::wrong(CliError::Denied, "noRole", message.as_str(), next)
        }
        _ => return None,
    };
    Some(Refused {
        finding,
        request_id: answer.header("x-ms-request-id").map(str::to_owned),
        object_id: token.object_id(),
        action: quoted(&message, "Action: ").map(str::to_owned),
        scope: quoted(&message, "Resource: ").map(str::to_owned),
    })
}

fn quoted<'a>(message: &'a str, word: &str) -> Option<&'a str> {
    line(message, word).map(|text| text.trim_matches('\''))
}

fn no_permission(vault: &str, message: &str, object: &str) -> Finding {
    let found = format!("no access policy of '{vault}' permits it: {message}");
    let next = format!(
        "whoever may write the vault's access policies gives the permission: `az keyvault \
         set-policy --name {vault} --object-id {object} --secret-permissions get list`, or \
         --key-permissions, --certificate-permissions"
    );
    Finding::wrong(CliError::Denied, "noPermission", found, next)
}

/// The refusal names the action and the scope.
fn no_role(message: &str, object: &str) -> Finding {
    let action = quoted(message, "Action: ").unwrap_or("an action");
    let scope = quoted(message, "Resource: ").unwrap_or("SCOPE");
    let denial = quoted(message, "DenyAssignmentId: ").filter(|id| *id != "null");
    if let Some(denial) = denial {
        let found = format!("the deny assignment {denial} forbids {action} at {scope}");
        let next = "no role helps against it: who manages deny assignments may take it away";
        return Finding::wrong(CliError::Denied, "denyAssignment", found, next);
    }
    let found = format!("no role of object id {object} allows {action} at {scope}");
    let role = least(action).unwrap_or("a role that allows it");
    let next = format!(
        "ask whoever may write role assignments there (Owner, User Access Administrator) for the \
         role '{role}': `az role assignment create --assignee-object-id {object} --role \"{role}\" \
         --scope {scope}`, or on the server's machine `strongroom role assignment create` with the \
         same words"
    );
    Finding::wrong(CliError::Denied, "noRole", found, next)
}

/// The built-in role that allows an action and the fewest others.
fn least(action: &str) -> Option<&'static str> {
    let action = DataAction::ALL.iter().find(|one| one.name().eq_ignore_ascii_case(action))?;
    let width = |role: &&RoleDefinition| {
        DataAction::ALL.iter().filter(|action| role.allows(**action)).count()
    };
    let enough = roles::builtin().iter().filter(|role| role.allows(*action));
    enough.min_by_key(width).map(|role| role.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Microsoft's table of built-in roles (azure-docs, built-in-roles/security.md).
    #[test]
    fn the_smallest_role_is_recommended() {
        for (action, role) in [
            ("Microsoft.KeyVault/vaults/secrets/getSecret/action", "Key Vault Secrets User"),
            ("Microsoft.KeyVault/vaults/secrets/setSecret/action", "Key Vault Secrets Officer"),
            ("Microsoft.KeyVault/vaults/secrets/readMetadata/action", "Key Vault Secrets User"),
        ] {
            assert_eq!(least(action), Some(role), "{action}");
        }
        assert_eq!(least("Microsoft.Storage/nothing"), None);
    }
}
