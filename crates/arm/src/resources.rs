//! Resources of any type, in a subscription or a group; `az` finds a vault's group this way.

use http::Method;
use jiff::Timestamp as Time;
use serde::Deserialize;
use serde_json::{Value, json};
use strongroom_directory::Vault;
use strongroom_model::{ResourceGroupName, SubscriptionId, Timestamp};
use strongroom_store::Store;

use crate::filter::{Facts, Filter};
use crate::problem::shown;
use crate::{ArmRequest, Problem, Reply, Window, subscriptions};

/// The type of a vault.
const VAULTS: &str = "Microsoft.KeyVault/vaults";

/// The action that lets a caller see a vault.
const READ_VAULT: &str = "Microsoft.KeyVault/vaults/read";

/// `GET …/resources`, of a subscription or a group: what the caller may read of it.
pub(crate) fn list<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    if request.method != Method::GET {
        return Err(Problem::method(&request.method));
    }
    request.name("Microsoft.Resources/subscriptions/resources/read");
    let subscription = request.subscription()?.id;
    let scope = request.target.scope()?;
    // Who has no part in a group is told so, whether or not it is there.
    if request.target.group_text().is_some() && !subscriptions::is_visible(request, &scope) {
        request
            .permit("Microsoft.Resources/subscriptions/resourceGroups/resources/read", &scope)?;
    }
    let filter = Filter::parse(request.query.get("$filter"), false)?;
    let window = Window::of(request)?;
    let group = match request.target.group_text() {
        Some(_) => Some(request.group()?.name.clone()),
        // A filter for a group that cannot be finds nothing, as in Azure.
        None => filter.only_group().and_then(|text| ResourceGroupName::parse(text).ok()),
    };
    let expand = request.query.get("$expand").unwrap_or_default().to_ascii_lowercase();
    let after = window.after.as_deref();
    let found = candidates(request, subscription, group.as_ref(), &filter, after).map(|vault| {
        let is_asked = filter.admits(&facts(vault)) && request.may(READ_VAULT, &vault.scope);
        (vault, is_asked.then(|| show(vault, &expand)))
    });
    window.choose(request, found, key)
}

/// The vaults that can be on the page, in the order of [`key`]. One that is named is looked up,
/// and of another type there are none, so that finding either costs nothing however many there are.
fn candidates<'a, S: Store>(
    request: &'a ArmRequest<'_, S>,
    subscription: SubscriptionId,
    group: Option<&'a ResourceGroupName>,
    filter: &Filter,
    after: Option<&'a str>,
) -> Box<dyn Iterator<Item = &'a Vault> + 'a> {
    let directory = &request.directory;
    if filter.only_type().is_some_and(|only| !only.eq_ignore_ascii_case(VAULTS)) {
        return Box::new(std::iter::empty());
    }
    if let Some(name) = filter.only_name() {
        let named = directory.vault(&name.to_ascii_lowercase()).map(AsRef::as_ref);
        let is_there = move |vault: &&Vault| {
            vault.resource.subscription == subscription
                && after.is_none_or(|after| key(vault).as_str() > after)
                && group.is_none_or(|group| {
                    vault.resource.resource_group.as_str().eq_ignore_ascii_case(group.as_str())
                })
        };
        return Box::new(named.into_iter().filter(is_there));
    }
    let after = after.and_then(|key| key.split_once('/'));
    Box::new(directory.vaults_in(subscription, group, after).map(AsRef::as_ref))
}

/// What vaults are listed by: group, then name.
fn key(vault: &Vault) -> String {
    let group = vault.resource.resource_group.as_str().to_ascii_lowercase();
    format!("{group}/{}", vault.resource.name.folded())
}

fn facts(vault: &Vault) -> Facts<'_> {
    Facts {
        name: vault.resource.name.as_str(),
        resource_type: VAULTS,
        location: &vault.resource.location,
        group: vault.resource.resource_group.as_str(),
        tags: &vault.resource.properties.tags,
    }
}

fn show(vault: &Vault, expand: &str) -> Value {
    let resource = &vault.resource;
    let mut shown = json!({
        "id": vault.scope.as_str(),
        "name": resource.name.as_str(),
        "type": VAULTS,
        "location": resource.location,
        "tags": resource.properties.tags,
    });
    let changed = resource.properties.modified.unwrap_or(resource.created);
    for (name, value) in [
        ("createdTime", time(resource.created)),
        ("changedTime", time(changed)),
        ("provisioningState", "Succeeded".to_owned()),
    ] {
        if expand.contains(&name.to_ascii_lowercase()) {
            shown[name] = value.into();
        }
    }
    shown
}

fn time(at: Timestamp) -> String {
    Time::from_second(at.0).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[derive(Deserialize)]
struct NamedResource {
    name: String,
    #[serde(rename = "type")]
    resource_type: String,
}

/// `POST /providers/Microsoft.Resources/checkResourceName`
pub(crate) fn check_resource_name<S: Store>(
    request: &mut ArmRequest<'_, S>,
) -> Result<Reply, Problem> {
    if request.method != Method::POST {
        return Err(Problem::method(&request.method));
    }
    request.name("Microsoft.Resources/checkResourceName/action");
    let sent: NamedResource = request.body()?;
    let name = sent.name.to_ascii_lowercase();
    let reserved = ["microsoft", "windows"].iter().any(|word| name.contains(word));
    Reply::ok(&json!({
        "name": shown(&sent.name),
        "type": shown(&sent.resource_type),
        "status": if reserved { "Reserved" } else { "Allowed" },
    }))
}
