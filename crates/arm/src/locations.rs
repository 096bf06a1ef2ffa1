//! Regions. An installation has none of its own: a region is a word that groups and vaults carry,
//! and that callers of theirs may rely on, so any region's name is taken.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use strongroom_directory::Directory;
use strongroom_model::Scope;
use strongroom_store::Store;

use crate::problem::shown;
use crate::{ArmRequest, Problem, Reply, subscriptions};

/// A region's name as it is compared and answered: `West Europe` is `westeurope`.
///
/// # Errors
/// `LocationNotAvailableForResourceGroup` for what is no region's name.
pub(crate) fn parse(text: &str) -> Result<String, Problem> {
    let name: String = text.chars().filter(|c| *c != ' ').collect::<String>().to_ascii_lowercase();
    let sound = (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric());
    if sound { Ok(name) } else { Err(refused(text)) }
}

fn refused(text: &str) -> Problem {
    Problem::bad(
        "LocationNotAvailableForResourceGroup",
        format!(
            "The provided location '{}' is not available for resource group. A location has \
             letters and digits only, such as 'westeurope'.",
            shown(text)
        ),
    )
}

/// The regions in use here, in order.
pub(crate) fn names(directory: &Directory) -> Vec<String> {
    let groups = directory.resource_groups().map(|group| group.location.clone());
    let found: BTreeSet<String> = groups.collect();
    found.into_iter().collect()
}

/// `GET /subscriptions/{id}/locations`
pub(crate) fn list<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    if request.method != http::Method::GET {
        return Err(Problem::method(&request.method));
    }
    let scope = Scope::subscription(request.subscription()?.id);
    if !subscriptions::is_visible(request, &scope) {
        request.permit("Microsoft.Resources/subscriptions/locations/read", &scope)?;
    }
    Reply::list(names(&request.directory).iter().map(|name| show(&scope, name)).collect())
}

fn show(scope: &Scope, name: &str) -> Value {
    json!({
        "id": format!("{scope}/locations/{name}"),
        "name": name,
        "type": "Region",
        "displayName": name,
        "regionalDisplayName": name,
        "metadata": { "regionType": "Physical", "regionCategory": "Other" },
    })
}
