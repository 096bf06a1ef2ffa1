//! The `api-version`: asked of every request, and checked for the type of the resource.

use strongroom_directory::Directory;

use crate::problem::shown;
use crate::providers::{self, CORE, ResourceType};
use crate::{Problem, Target, locations};

/// Where a request goes, for the words of a refusal.
pub(crate) struct Place<'a> {
    pub(crate) location: &'a str,
    pub(crate) directory: &'a Directory,
}

/// The version of a request, which its resource's type answers to.
///
/// # Errors
/// `MissingApiVersionParameter`, `InvalidApiVersionParameter`, `NoRegisteredProviderFound`,
/// `InvalidResourceType` or `InvalidResourceNamespace`, in the words of the real service.
pub(crate) fn check(
    target: &Target,
    sent: Option<&str>,
    place: &Place<'_>,
) -> Result<String, Problem> {
    let Some(version) = sent.filter(|version| !version.is_empty()) else {
        return Err(Problem::bad(
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        ));
    };
    let Some(namespace) = target.spelt_namespace() else { return core(version) };
    let first = target.segment(0).to_ascii_lowercase();
    if providers::is_own_route(&first) {
        return core(version);
    }
    let provider =
        providers::by_namespace(namespace).ok_or_else(|| Problem::no_namespace(namespace))?;
    let name = type_name(target);
    let known = longest(&name, |name| provider.resource_type(name)).ok_or_else(|| {
        Problem::not_found(
            "InvalidResourceType",
            format!(
                "The resource type could not be found in the namespace '{}' for api version '{}'.",
                provider.namespace,
                shown(version)
            ),
        )
    })?;
    find(known.versions, version).ok_or_else(|| unknown(known, provider.namespace, version, place))
}

fn core(version: &str) -> Result<String, Problem> {
    find(CORE, version).ok_or_else(|| {
        Problem::bad(
            "InvalidApiVersionParameter",
            format!(
                "The api-version '{}' is invalid. The supported versions are '{}'.",
                shown(version),
                CORE.join(",")
            ),
        )
    })
}

fn find(versions: &[&str], version: &str) -> Option<String> {
    versions.iter().find(|known| known.eq_ignore_ascii_case(version)).map(|v| (*v).to_owned())
}

/// The types of a path: `vaults/keys` of `vaults/v/keys/k`.
fn type_name(target: &Target) -> String {
    (0..target.len()).step_by(2).map(|at| target.segment(at)).collect::<Vec<_>>().join("/")
}

/// The type itself, or the nearest above it that is known: what hangs on a type without being one
/// (an action, say) has its versions.
fn longest<'a>(
    name: &str,
    known: impl Fn(&str) -> Option<&'a ResourceType>,
) -> Option<&'a ResourceType> {
    let mut name = name;
    loop {
        if let Some(found) = known(name) {
            return Some(found);
        }
        name = name.rsplit_once('/')?.0;
    }
}

/// Types with a location say where they are; the others only in which versions.
fn unknown(known: &ResourceType, namespace: &str, version: &str, place: &Place<'_>) -> Problem {
    let (name, version) = (known.name, shown(version));
    if known.located {
        let versions = known.versions.join(", ");
        let (location, locations) = (place.location, locations::names(place.directory).join(", "));
        return Problem::bad(
            "NoRegisteredProviderFound",
            format!(
                "No registered resource provider found for location '{location}' and API version \
                 '{version}' for type '{name}'. The supported api-versions are '{versions}'. The \
                 supported locations are '{locations}'."
            ),
        );
    }
    Problem::not_found(
        "InvalidResourceType",
        format!(
            "The resource type '{name}' could not be found in the namespace '{namespace}' for api \
             version '{version}'. The supported api-versions are '{}'.",
            known.versions.join(",")
        ),
    )
}
