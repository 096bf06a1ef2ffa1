//! Where a request goes: a path taken apart into a scope and what is asked for there.

use percent_encoding::percent_decode_str;
use strongroom_model::{ResourceGroupName, Scope, SubscriptionId};

use crate::Problem;

/// A path of Azure Resource Manager: a scope, and what is asked for there.
///
/// ```text
/// /subscriptions/S/resourceGroups/G/providers/Microsoft.KeyVault/vaults/V
/// └──────────────scope────────────┘           └───namespace────┘ └─rest─┘
/// ```
/// The last `providers` divides, so that for a role assignment on a vault the vault is the scope.
/// Empty segments are passed over: some clients double a slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    scope: Vec<String>,
    namespace: Option<String>,
    rest: Vec<String>,
    folded: Vec<String>,
}

impl Target {
    /// Takes a path apart.
    pub fn parse(path: &str) -> Self {
        let mut segments: Vec<String> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let is = |index: usize, key: &str| {
            segments.get(index).is_some_and(|segment| segment.eq_ignore_ascii_case(key))
        };
        let divider = (0..segments.len()).step_by(2).rev().find(|i| is(*i, "providers"));
        let (scope, namespace, rest) = match divider {
            Some(at) if segments.len() > at + 1 => {
                let mut tail = segments.split_off(at).into_iter().skip(1);
                (segments, tail.next(), tail.collect())
            }
            _ => {
                let depth = match (is(0, "subscriptions"), is(2, "resourceGroups")) {
                    (true, true) if segments.len() >= 4 => 4,
                    (true, _) if segments.len() >= 2 => 2,
                    _ => 0,
                };
                let rest = segments.split_off(depth);
                (segments, None, rest)
            }
        };
        let folded = rest.iter().map(|segment: &String| segment.to_ascii_lowercase()).collect();
        Self { scope, namespace, rest, folded }
    }

    /// The scope's path: empty for the tenant.
    pub fn scope_path(&self) -> String {
        self.scope.iter().flat_map(|segment| ["/", segment]).collect()
    }

    /// The scope; `/` for the tenant.
    ///
    /// # Errors
    /// A [`Problem`] when it is no scope.
    pub fn scope(&self) -> Result<Scope, Problem> {
        let path = self.scope_path();
        Scope::parse(if path.is_empty() { "/" } else { &path })
            .map_err(|_| Problem::bad("InvalidScope", format!("The scope '{path}' is not valid.")))
    }

    /// The whole path as a resource's id.
    ///
    /// # Errors
    /// A [`Problem`] when it is no resource's id.
    pub fn id(&self) -> Result<Scope, Problem> {
        let path = self.path();
        Scope::parse(&path).map_err(|_| {
            Problem::bad("InvalidResourceId", format!("The resource id '{path}' is not valid."))
        })
    }

    /// The whole path, as it was spelt but for doubled slashes.
    pub fn path(&self) -> String {
        let scope = self.scope.iter().map(String::as_str);
        let namespace = self.namespace.iter().flat_map(|namespace| ["providers", namespace]);
        let rest = self.rest.iter().map(String::as_str);
        scope.chain(namespace).chain(rest).flat_map(|segment| ["/", segment]).collect()
    }

    /// The provider's namespace in lower case, such as `microsoft.keyvault`.
    pub fn namespace(&self) -> Option<String> {
        self.namespace.as_deref().map(str::to_ascii_lowercase)
    }

    /// The provider's namespace as it was spelt.
    pub fn spelt_namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// What is asked for, in lower case, for routing: types and names in turn.
    pub fn route(&self) -> Vec<&str> {
        self.folded.iter().map(String::as_str).collect()
    }

    /// A segment of what is asked for, as it was spelt; empty if there is none.
    pub fn segment(&self, index: usize) -> &str {
        self.rest.get(index).map_or("", String::as_str)
    }

    /// How many segments what is asked for has.
    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether the path is the scope alone.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The type of the resource that the scope is: its namespace and types, such as
    /// `Microsoft.KeyVault/vaults`; `None` for a tenant, subscription or resource group.
    pub fn scope_type(&self) -> Option<String> {
        let at = (0..self.scope.len())
            .step_by(2)
            .rev()
            .find(|i| self.scope.get(*i).is_some_and(|s| s.eq_ignore_ascii_case("providers")))?;
        let namespace = self.scope.get(at + 1)?;
        let types = self.scope.get(at + 2..)?.iter().step_by(2);
        Some(types.fold(namespace.clone(), |found, next| [&found, "/", next.as_str()].concat()))
    }

    /// The subscription's segment, if there is one.
    pub fn subscription_text(&self) -> Option<&str> {
        self.named(0, "subscriptions")
    }

    /// The subscription.
    ///
    /// # Errors
    /// `InvalidSubscriptionId` when the path names none or it is no GUID.
    pub fn subscription(&self) -> Result<SubscriptionId, Problem> {
        let text = self.subscription_text().unwrap_or_default();
        text.parse().map_err(|_| Problem::invalid_subscription(text))
    }

    /// The resource group's segment, if there is one.
    pub fn group_text(&self) -> Option<&str> {
        self.subscription_text().and_then(|_| self.named(2, "resourceGroups"))
    }

    /// The resource group's name.
    ///
    /// # Errors
    /// `ResourceGroupNotFound` when the path names none, or no name that a group can have.
    pub fn group(&self) -> Result<ResourceGroupName, Problem> {
        let text = self.group_text().unwrap_or_default();
        ResourceGroupName::parse(text).map_err(|_| Problem::no_group(text))
    }

    fn named(&self, at: usize, key: &str) -> Option<&str> {
        let is = self.scope.get(at).is_some_and(|segment| segment.eq_ignore_ascii_case(key));
        self.scope.get(at + 1).filter(|_| is).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUB: &str = "/subscriptions/7e3b9b4a-0c7e-4f0e-9f2b-2b1f3d1b8c11";

    fn route(path: &str) -> (String, Option<String>, String) {
        let target = Target::parse(path);
        (target.scope_path(), target.namespace(), target.route().join("/"))
    }

    #[test]
    fn the_last_provider_divides() {
        let group = format!("{SUB}/resourceGroups/G");
        let vault = format!("{group}/providers/Microsoft.KeyVault/vaults/V");
        let found = |scope: &str, namespace: Option<&str>, rest: &str| {
            (scope.to_owned(), namespace.map(str::to_owned), rest.to_owned())
        };
        for (path, expected) in [
            (vault.clone(), found(&group, Some("microsoft.keyvault"), "vaults/v")),
            (
                format!("{vault}/secrets/s/providers/Microsoft.Authorization/locks/L"),
                found(&format!("{vault}/secrets/s"), Some("microsoft.authorization"), "locks/l"),
            ),
            (format!("{group}/resources"), found(&group, None, "resources")),
            (format!("{SUB}/resourcegroups"), found(SUB, None, "resourcegroups")),
            (group.clone(), found(&group, None, "")),
            (format!("{SUB}/providers"), found(SUB, None, "providers")),
            (
                format!("{SUB}/Providers/Microsoft.KeyVault/register"),
                found(SUB, Some("microsoft.keyvault"), "register"),
            ),
            ("/subscriptions".to_owned(), found("", None, "subscriptions")),
            ("//metadata//endpoints/".to_owned(), found("", None, "metadata/endpoints")),
            (
                "/providers/Microsoft.Management/managementGroups/m/providers/X.Y/z".to_owned(),
                found("/providers/Microsoft.Management/managementGroups/m", Some("x.y"), "z"),
            ),
        ] {
            assert_eq!(route(&path), expected, "{path}");
        }
    }

    /// A group may be named like a keyword; its name is then no divider.
    #[test]
    fn names_are_no_keywords() {
        let group = format!("{SUB}/resourceGroups/providers");
        assert_eq!(route(&group), (group.clone(), None, String::new()));
        let vault = format!("{group}/providers/Microsoft.KeyVault/vaults/providers");
        assert_eq!(route(&vault).2, "vaults/providers");
    }

    /// What hides a slash or a dot in an escape names no other resource than it says.
    #[test]
    fn escapes_do_not_climb() {
        let path = format!("{SUB}/resourceGroups/a%2F..%2Fb");
        let target = Target::parse(&path);
        assert_eq!(target.group_text(), Some("a/../b"));
        assert_eq!(target.group().unwrap_err().code, "ResourceGroupNotFound");
        let nested = Target::parse(&format!("{SUB}/resourceGroups/a%2Fproviders%2Fx/resources"));
        assert_eq!(nested.group_text(), Some("a/providers/x"));
        assert_eq!(nested.route(), ["resources"]);
    }

    #[test]
    fn ids_compare_in_any_case() {
        let one = Target::parse(&format!("{SUB}/RESOURCEGROUPS/Rg"));
        let other = Target::parse(&format!("{}/resourceGroups/rG", SUB.to_uppercase()));
        assert_eq!(one.scope().unwrap(), other.scope().unwrap());
        assert_eq!(one.subscription().unwrap(), other.subscription().unwrap());
        let bad = Target::parse("/subscriptions/x/resourceGroups/g");
        assert_eq!(bad.subscription().unwrap_err().code, "InvalidSubscriptionId");
    }
}
