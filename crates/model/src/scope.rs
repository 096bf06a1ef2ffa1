//! Scopes: where a role assignment holds. Resource ids that compare by whole segments, without
//! regard to ASCII case.

use std::fmt;

use minicbor::{Decode, Decoder, Encode, Encoder};

use crate::{Kind, ModelError, ResourceGroupName, SubscriptionId, VaultName};

const VAULTS: &str = "/providers/Microsoft.KeyVault/vaults";

/// An ARM resource id, or `/` for everything.
#[derive(Clone, Debug)]
pub struct Scope {
    spelt: String,
    folded: String,
}

impl Scope {
    /// Checks a resource id: `/`, a management group's, or `/subscriptions/<guid>` and what lies
    /// below it.
    ///
    /// # Errors
    /// [`ModelError::Scope`] for anything else.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        let refused = || ModelError::Scope(text.chars().take(200).collect());
        let spelt = if text == "/" { text } else { text.trim_end_matches('/') };
        let mut segments = spelt.split('/');
        if segments.next() != Some("") {
            return Err(refused());
        }
        let segments: Vec<&str> = segments.collect();
        let plain = |s: &&str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_graphic());
        let root = segments == [""];
        let group = segments.len() == 4
            && segments.iter().all(plain)
            && segments.first().is_some_and(|s| s.eq_ignore_ascii_case("providers"))
            && segments.get(1).is_some_and(|s| s.eq_ignore_ascii_case("Microsoft.Management"))
            && segments.get(2).is_some_and(|s| s.eq_ignore_ascii_case("managementGroups"));
        let below = segments.len().is_multiple_of(2)
            && segments.iter().all(plain)
            && segments.first().is_some_and(|s| s.eq_ignore_ascii_case("subscriptions"))
            && segments.get(1).is_some_and(|s| s.parse::<SubscriptionId>().is_ok());
        if root || group || below { Ok(Self::spelt(spelt.to_owned())) } else { Err(refused()) }
    }

    /// Everything of a tenant.
    pub fn root() -> Self {
        Self::spelt("/".to_owned())
    }

    /// A management group. A tenant's root management group has the tenant's id for its name and
    /// holds all of the tenant's subscriptions.
    pub fn management_group(name: &str) -> Self {
        Self::spelt(format!("/providers/Microsoft.Management/managementGroups/{name}"))
    }

    fn spelt(spelt: String) -> Self {
        let folded = spelt.to_ascii_lowercase();
        Self { spelt, folded }
    }

    /// A subscription.
    pub fn subscription(subscription: SubscriptionId) -> Self {
        Self::spelt(format!("/subscriptions/{subscription}"))
    }

    /// A resource group.
    pub fn group(subscription: SubscriptionId, name: &ResourceGroupName) -> Self {
        Self::spelt(format!("/subscriptions/{subscription}/resourceGroups/{}", name.as_str()))
    }

    /// A vault.
    pub fn vault(
        subscription: SubscriptionId,
        resource_group: &ResourceGroupName,
        name: &VaultName,
    ) -> Self {
        Self::spelt(format!(
            "/subscriptions/{subscription}/resourceGroups/{}{VAULTS}/{}",
            resource_group.as_str(),
            name
        ))
    }

    /// An object of this vault. A version is no part of a scope.
    #[must_use]
    pub fn object(&self, kind: Kind, name: &str) -> Self {
        Self::spelt(format!("{}/{}/{name}", self.spelt, kind.collection()))
    }

    /// As it was spelt.
    pub fn as_str(&self) -> &str {
        &self.spelt
    }

    /// In ASCII lower case, as it compares.
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// The subscription that it is, or that it lies in.
    pub fn subscription_id(&self) -> Option<SubscriptionId> {
        let rest = self.folded.strip_prefix("/subscriptions/")?;
        rest.split('/').next()?.parse().ok()
    }

    /// Whether what is granted here holds for `inner` too.
    pub fn contains(&self, inner: &Self) -> bool {
        if self.folded == "/" {
            return true;
        }
        inner
            .folded
            .strip_prefix(&self.folded)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// A scope in ASCII lower case and every resource, group and subscription that it lies in, from
/// the inside out. The tenant is not among them.
pub fn ancestors(folded: &str) -> impl Iterator<Item = &str> {
    let first = (folded != "/").then_some(folded);
    std::iter::successors(first, |scope| parent(scope))
}

/// What a resource lies in: two segments less, and no provider's namespace alone.
fn parent(scope: &str) -> Option<&str> {
    let cut = |scope: &'_ str| -> Option<usize> { scope.rfind('/').filter(|at| *at > 0) };
    let up = scope.get(..cut(scope)?)?;
    let up = up.get(..up.rfind('/')?)?;
    let above = up.get(..up.rfind('/')?)?;
    let namespace_alone = above.rsplit('/').next() == Some("providers");
    let up = if namespace_alone { above.get(..above.rfind('/')?)? } else { up };
    (!up.is_empty()).then_some(up)
}

impl PartialEq for Scope {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for Scope {}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.spelt)
    }
}

impl<C> Encode<C> for Scope {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(&self.spelt)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Scope {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Ok(Self::spelt(d.str()?.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUB: &str = "/subscriptions/7e3b9b4a-0c7e-4f0e-9f2b-2b1f3d1b8c11";

    #[test]
    fn containment_is_by_whole_segments_in_any_case() {
        let scope = |text: &str| Scope::parse(text).unwrap();
        let vault = format!("{SUB}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/dev");
        let secret = scope(&vault).object(Kind::Secret, "One");
        assert!(scope("/").contains(&secret));
        assert!(scope(SUB).contains(&secret));
        assert!(
            scope(&vault.to_uppercase().replace("SUBSCRIPTIONS", "subscriptions"))
                .contains(&secret)
        );
        assert!(secret.contains(&scope(&format!("{vault}/secrets/one"))));
        assert!(!scope(&format!("{vault}/secrets/on")).contains(&secret));
        assert!(!secret.contains(&scope(&vault)));
        let sibling = scope(&format!("{SUB}/resourceGroups/rg2"));
        assert!(!scope(&format!("{SUB}/resourceGroups/rg")).contains(&sibling));
    }

    #[test]
    fn only_resource_ids_are_scopes() {
        for bad in ["", "x", "//", "/subscriptions", "/subscriptions/no", "subscriptions/x", "/a/b"]
        {
            assert!(Scope::parse(bad).is_err(), "{bad}");
        }
        assert!(Scope::parse(&format!("{SUB}/")).is_ok());
        assert!(Scope::parse(&format!("{SUB}//x")).is_err());
        assert!(Scope::parse(&format!("{SUB}/resourceGroups")).is_err());
        assert!(Scope::parse("/providers/Microsoft.Management/managementGroups/g").is_ok());
        assert!(Scope::parse("/providers/Microsoft.KeyVault/vaults/g").is_err());
    }

    #[test]
    fn ancestors_are_resources_from_the_inside_out() {
        let up = |scope: &'static str| ancestors(scope).collect::<Vec<_>>();
        assert!(up("/").is_empty());
        assert_eq!(up("/subscriptions/s"), ["/subscriptions/s"]);
        let group = "/providers/microsoft.management/managementgroups/g";
        assert_eq!(up(group), [group]);
        assert_eq!(
            up("/subscriptions/s/resourcegroups/g/providers/microsoft.keyvault/vaults/v/keys/k"),
            [
                "/subscriptions/s/resourcegroups/g/providers/microsoft.keyvault/vaults/v/keys/k",
                "/subscriptions/s/resourcegroups/g/providers/microsoft.keyvault/vaults/v",
                "/subscriptions/s/resourcegroups/g",
                "/subscriptions/s",
            ]
        );
        // A group may be named like a keyword.
        assert_eq!(
            up("/subscriptions/s/resourcegroups/providers"),
            ["/subscriptions/s/resourcegroups/providers", "/subscriptions/s"]
        );
        let nested = "/subscriptions/s/providers/a/b/c/providers/d/e/f";
        assert_eq!(up(nested), [nested, "/subscriptions/s/providers/a/b/c", "/subscriptions/s"]);
    }
}
