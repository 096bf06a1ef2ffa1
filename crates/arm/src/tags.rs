//! Tags: of a subscription, a group or a vault as one thing (`Microsoft.Resources/tags/default`),
//! and the names agreed on for tags in a subscription (`tagNames`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use strongroom_authz::GrantedAction;
use strongroom_model::{Scope, VaultName};
use strongroom_ops::OpError;
use strongroom_ops::resources::{
    ResourceRefusal, TAG_NAMES_DELETE, TAG_NAMES_WRITE, TAGS_DELETE, TAGS_WRITE, TagNames,
};
use strongroom_ops::vaults::VaultAddress;
use strongroom_store::Store;

use crate::locks::{self, Change};
use crate::problem::shown;
use crate::{ArmRequest, Problem, Reply};

/// Tags, by name.
pub type Tags = BTreeMap<String, String>;

/// The real service's limits: tags of a resource, characters of a name and of a value.
const MAX_TAGS: usize = 50;
const MAX_NAME: usize = 512;
const MAX_VALUE: usize = 256;

/// The most names agreed on in a subscription.
const MAX_TAG_NAMES: usize = 1_000;

/// Tags that obey the rules.
///
/// # Errors
/// `InvalidTagNameCharacters` and the like, 400.
pub fn checked(tags: Tags) -> Result<Tags, Problem> {
    if tags.len() > MAX_TAGS {
        let count = tags.len();
        return Err(Problem::bad(
            "TooManyTags",
            format!("The resource has '{count}' tags: the most there may be are {MAX_TAGS}."),
        ));
    }
    let mut seen = BTreeSet::new();
    for (name, value) in &tags {
        check_name(name)?;
        if value.chars().count() > MAX_VALUE {
            let name = shown(name);
            return Err(Problem::bad(
                "InvalidTagValue",
                format!("The value of the tag '{name}' is longer than {MAX_VALUE} characters."),
            ));
        }
        if !seen.insert(name.to_lowercase()) {
            let name = shown(name);
            return Err(Problem::bad(
                "DuplicateTagName",
                format!("The tag '{name}' is there twice: names compare without regard to case."),
            ));
        }
    }
    Ok(tags)
}

fn check_name(name: &str) -> Result<(), Problem> {
    let length = name.chars().count();
    if length == 0 || length > MAX_NAME {
        return Err(Problem::bad(
            "InvalidTagName",
            format!("A tag's name has 1 to {MAX_NAME} characters."),
        ));
    }
    if name.chars().any(|c| c.is_control() || "<>%&\\?/".contains(c)) {
        let name = shown(name);
        return Err(Problem::bad(
            "InvalidTagNameCharacters",
            format!(
                "The tag names '{name}' have reserved characters '<,>,%,&,\\,?,/' or control \
                 characters."
            ),
        ));
    }
    let folded = name.to_ascii_lowercase();
    if ["microsoft", "azure", "windows"].iter().any(|word| folded.starts_with(word)) {
        let name = shown(name);
        return Err(Problem::bad(
            "ReservedTagName",
            format!("The tag name '{name}' begins with a reserved word."),
        ));
    }
    Ok(())
}

#[derive(Default, Deserialize)]
struct Sent {
    operation: Option<String>,
    #[serde(default)]
    properties: SentProperties,
}

#[derive(Default, Deserialize)]
struct SentProperties {
    tags: Option<Tags>,
}

/// How tags change.
enum TagChange {
    Replace(Tags),
    Merge(Tags),
    Delete(Tags),
}

impl TagChange {
    fn of_patch(sent: Sent) -> Result<Self, Problem> {
        let tags = sent.properties.tags.unwrap_or_default();
        let operation = sent.operation.unwrap_or_default();
        match operation.to_ascii_lowercase().as_str() {
            "merge" => Ok(Self::Merge(tags)),
            "replace" => Ok(Self::Replace(tags)),
            "delete" => Ok(Self::Delete(tags)),
            _ => {
                let operation = shown(&operation);
                Err(Problem::bad(
                    "InvalidTagsPatchOperation",
                    format!("The operation '{operation}' is not Merge, Replace or Delete."),
                ))
            }
        }
    }

    /// The tags after the change; names compare without regard to case.
    fn applied(&self, before: &Tags) -> Result<Tags, Problem> {
        let has = |tags: &Tags, name: &str| {
            tags.keys().any(|known| known.to_lowercase() == name.to_lowercase())
        };
        checked(match self {
            Self::Replace(tags) => tags.clone(),
            Self::Merge(tags) => {
                let mut after = before.clone();
                after.retain(|name, _| !has(tags, name));
                after.extend(tags.clone());
                after
            }
            // A name is taken away with the value that is sent with it, or with any.
            Self::Delete(tags) => {
                let goes = |name: &str, value: &str| {
                    tags.iter().any(|(sent, old)| {
                        sent.to_lowercase() == name.to_lowercase()
                            && (old.is_empty() || old == value)
                    })
                };
                let mut after = before.clone();
                after.retain(|name, value| !goes(name, value));
                after
            }
        })
    }
}

/// `{scope}/providers/Microsoft.Resources/tags/default`
pub(crate) async fn answer<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    if request.target.route() != ["tags", "default"] {
        return Err(Problem::no_path(&request.target.path()));
    }
    let scope = request.target.scope()?;
    let (action, lock) = match request.method {
        Method::GET => ("Microsoft.Resources/tags/read", None),
        Method::PUT | Method::PATCH => (TAGS_WRITE, Some(Change::Write)),
        Method::DELETE => (TAGS_DELETE, Some(Change::Write)),
        _ => return Err(Problem::method(&request.method)),
    };
    request.subscription()?;
    let granted = request.permit(action, &scope)?;
    let before = read(request, &scope)?;
    if let Some(change) = lock {
        locks::check(&request.directory, &scope, change)?;
    }
    let change = match request.method {
        Method::GET => return Reply::ok(&show(&scope, &before)),
        Method::PUT => {
            let sent: Sent = request.body()?;
            TagChange::Replace(sent.properties.tags.unwrap_or_default())
        }
        Method::PATCH => TagChange::of_patch(request.body()?)?,
        _ => TagChange::Replace(Tags::new()),
    };
    let after = write(request, &granted, &scope, &before, &change).await?;
    if request.method == Method::DELETE {
        return Ok(Reply::empty(StatusCode::OK));
    }
    Reply::ok(&show(&scope, &after))
}

fn read<S: Store>(request: &ArmRequest<'_, S>, scope: &Scope) -> Result<Tags, Problem> {
    if request.target.scope_type().is_some() {
        let address = vault_address(request, scope)?;
        let vault = address.find(&request.directory).map_err(OpError::from)?;
        return Ok(vault.resource.properties.tags.clone());
    }
    if request.target.group_text().is_some() {
        return Ok(request.group()?.tags.clone());
    }
    Ok(request.subscription()?.tags.clone())
}

/// Writes the tags; `before` is what the caller was shown of them, the change is decided on what
/// is there when it is made.
async fn write<S: Store>(
    request: &mut ArmRequest<'_, S>,
    granted: &GrantedAction,
    scope: &Scope,
    before: &Tags,
    change: &TagChange,
) -> Result<Tags, Problem> {
    // What breaks the rules is refused in their words, before anything is decided.
    change.applied(before)?;
    let apply = |tags: &mut Tags| {
        let refused = |problem: Problem| ResourceRefusal::from(OpError::Invalid(problem.message));
        *tags = change.applied(tags).map_err(refused)?;
        Ok(())
    };
    let ops = Arc::clone(&request.service.ops);
    if request.target.scope_type().is_some() {
        let address = vault_address(request, scope)?;
        let author = request.author();
        let tagged = ops.change_vault_tags(granted, &address, apply, author, &mut request.call);
        return Ok(Box::pin(tagged).await?.properties.tags.clone());
    }
    if request.target.group_text().is_some() {
        let group = request.group()?;
        let tagged = ops.change_group_tags(granted, &group, apply, &mut request.call).await?;
        return Ok(tagged.tags);
    }
    let id = request.subscription()?.id;
    Ok(ops.change_subscription_tags(granted, id, apply, &mut request.call).await?)
}

/// The vault that a scope is; nothing else below a group has tags.
fn vault_address<S: Store>(
    request: &ArmRequest<'_, S>,
    scope: &Scope,
) -> Result<VaultAddress, Problem> {
    let kind = request.target.scope_type().unwrap_or_default();
    let name = scope.as_str().rsplit('/').next().unwrap_or_default();
    let group = request.group()?;
    let missing = || Problem::no_resource(&format!("{kind}/{name}"), group.name.as_str());
    if !kind.eq_ignore_ascii_case("Microsoft.KeyVault/vaults") {
        return Err(missing());
    }
    let name = VaultName::parse(name).map_err(|_| missing())?;
    // A path may name a vault within something else, where no right at the vault is asked for.
    if *scope != Scope::vault(group.subscription, &group.name, &name) {
        return Err(missing());
    }
    Ok(VaultAddress { subscription: group.subscription, resource_group: group.name.clone(), name })
}

fn show(scope: &Scope, tags: &Tags) -> Value {
    json!({
        "id": format!("{scope}/providers/Microsoft.Resources/tags/default"),
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": { "tags": tags },
    })
}

/// `/subscriptions/{id}/tagNames` and what is below it.
pub(crate) async fn names<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let scope = Scope::subscription(request.subscription()?.id);
    let route = request.target.route();
    let is_value = match route.as_slice() {
        ["tagnames"] if request.method == Method::GET => {
            request.permit("Microsoft.Resources/subscriptions/tagNames/read", &scope)?;
            return list_names(request);
        }
        ["tagnames", _] => false,
        ["tagnames", _, "tagvalues", _] => true,
        _ => return Err(Problem::no_path(&request.target.path())),
    };
    match request.method {
        Method::PUT => put_name(request, &scope, is_value).await,
        Method::DELETE => delete_name(request, &scope, is_value).await,
        _ => Err(Problem::method(&request.method)),
    }
}

async fn put_name<S: Store>(
    request: &mut ArmRequest<'_, S>,
    scope: &Scope,
    is_value: bool,
) -> Result<Reply, Problem> {
    let granted = request.permit(TAG_NAMES_WRITE, scope)?;
    locks::check(&request.directory, scope, Change::Write)?;
    let subscription = request.subscription()?;
    let name = request.target.segment(1).to_owned();
    let value = is_value.then(|| request.target.segment(3).to_owned());
    check_name(&name)?;
    if value.as_ref().is_some_and(|value| value.chars().count() > MAX_VALUE) {
        return Err(Problem::bad("InvalidTagValue", "The tag value is too long."));
    }
    let folded = name.to_lowercase();
    let known = &subscription.tag_names;
    if value.is_some() && !known.contains_key(&folded) {
        return Err(name_not_found(&name));
    }
    if known.len() >= MAX_TAG_NAMES && !known.contains_key(&folded) {
        return Err(Problem::bad(
            "TooManyTagNames",
            format!("A subscription agrees on at most {MAX_TAG_NAMES} tag names."),
        ));
    }
    let change = |names: &mut TagNames| {
        let is_new = !names.contains_key(&folded);
        let values = names.entry(folded.clone()).or_default();
        let is_new = value.as_ref().map_or(is_new, |value| values.insert(value.clone()));
        Ok(Some(if is_new { 201 } else { 200 }))
    };
    let ops = &request.service.ops;
    let done = ops.change_tag_names(&granted, subscription.id, change, &mut request.call).await?;
    let status = if done == Some(201) { StatusCode::CREATED } else { StatusCode::OK };
    let id = format!("{scope}/tagNames/{name}");
    match value {
        Some(value) => Reply::json(status, &show_value(&id, &value, 0)),
        None => Reply::json(status, &show_name(scope, &name, 0, &BTreeMap::new())),
    }
}

async fn delete_name<S: Store>(
    request: &mut ArmRequest<'_, S>,
    scope: &Scope,
    is_value: bool,
) -> Result<Reply, Problem> {
    let granted = request.permit(TAG_NAMES_DELETE, scope)?;
    locks::check(&request.directory, scope, Change::Write)?;
    let folded = request.target.segment(1).to_lowercase();
    let value = request.target.segment(3).to_owned();
    let change = |names: &mut TagNames| {
        let found = if is_value {
            names.get_mut(&folded).is_some_and(|values| values.remove(&value))
        } else {
            names.remove(&folded).is_some()
        };
        Ok(found.then_some(200))
    };
    let id = request.subscription()?.id;
    let ops = &request.service.ops;
    let done = ops.change_tag_names(&granted, id, change, &mut request.call).await?;
    Ok(Reply::empty(if done.is_some() { StatusCode::OK } else { StatusCode::NO_CONTENT }))
}

/// How often each value of a name is in use.
type Counts = BTreeMap<String, usize>;

/// The names agreed on, and those in use, with how often.
fn list_names<S: Store>(request: &ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let subscription = request.subscription()?;
    let scope = Scope::subscription(subscription.id);
    let directory = &request.directory;
    let mut found: BTreeMap<String, (String, Counts)> = BTreeMap::new();
    for (name, values) in &subscription.tag_names {
        let known = values.iter().map(|value| (value.clone(), 0)).collect();
        found.insert(name.clone(), (name.clone(), known));
    }
    let groups = directory.resource_groups().filter(|g| g.subscription == subscription.id);
    let vaults = directory.vaults_in(subscription.id, None, None);
    let in_use = std::iter::once(&subscription.tags)
        .chain(groups.map(|group| &group.tags))
        .chain(vaults.map(|vault| &vault.resource.properties.tags));
    for (name, value) in in_use.flatten() {
        let entry = found.entry(name.to_lowercase()).or_default();
        entry.0.clone_from(name);
        *entry.1.entry(value.clone()).or_default() += 1;
    }
    let shown = found.into_values().map(|(name, values)| {
        let total = values.values().sum();
        show_name(&scope, &name, total, &values)
    });
    Reply::list(shown.collect())
}

fn show_name(scope: &Scope, name: &str, total: usize, values: &Counts) -> Value {
    let id = format!("{scope}/tagNames/{name}");
    let values: Vec<Value> =
        values.iter().map(|(value, count)| show_value(&id, value, *count)).collect();
    let count = json!({ "type": "Total", "value": total });
    json!({ "id": id, "tagName": name, "count": count, "values": values })
}

fn show_value(name_id: &str, value: &str, count: usize) -> Value {
    json!({
        "id": format!("{name_id}/tagValues/{value}"),
        "tagValue": value,
        "count": { "type": "Total", "value": count },
    })
}

fn name_not_found(name: &str) -> Problem {
    let name = shown(name);
    Problem::not_found("TagNameNotFound", format!("The tag name '{name}' could not be found."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn changes_compare_names_without_regard_to_case() {
        let before = tags(&[("Env", "dev"), ("team", "a")]);
        let merged = TagChange::Merge(tags(&[("ENV", "prod")])).applied(&before).unwrap();
        assert_eq!(merged, tags(&[("ENV", "prod"), ("team", "a")]));
        let deleted = TagChange::Delete(tags(&[("env", "dev"), ("team", "b")]));
        assert_eq!(deleted.applied(&before).unwrap(), tags(&[("team", "a")]));
        let replaced = TagChange::Replace(Tags::new()).applied(&before).unwrap();
        assert!(replaced.is_empty());
    }

    // The limits of Azure's "Use tags to organize your resources" page.
    #[test]
    fn tags_that_break_the_rules_are_refused() {
        let many: Tags = (0..51).map(|n| (format!("t{n}"), String::new())).collect();
        let long = "v".repeat(257);
        for (bad, code) in [
            (many, "TooManyTags"),
            (tags(&[("a<b", "")]), "InvalidTagNameCharacters"),
            (tags(&[("", "")]), "InvalidTagName"),
            (tags(&[("a", long.as_str())]), "InvalidTagValue"),
            (tags(&[("a", "1"), ("A", "2")]), "DuplicateTagName"),
            (tags(&[("azureThing", "")]), "ReservedTagName"),
        ] {
            assert_eq!(checked(bad).unwrap_err().code, code);
        }
        let most: Tags = (0..50).map(|n| (format!("t{n}"), "v".repeat(256))).collect();
        assert!(checked(most).is_ok());
    }
}
