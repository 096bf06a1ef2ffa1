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
    /// Checks a resource id: `/`, or `/subscriptions/<guid>` and what lies below it.
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
        let below = segments.len().is_multiple_of(2)
            && segments.iter().all(plain)
            && segments.first().is_some_and(|s| s.eq_ignore_ascii_case("subscriptions"))
            && segments.get(1).is_some_and(|s| s.parse::<SubscriptionId>().is_ok());
        if root || below { Ok(Self::spelt(spelt.to_owned())) } else { Err(refused()) }
    }

    fn spelt(spelt: String) -> Self {
        let folded = spelt.to_ascii_lowercase();
        Self { spelt, folded }
    }

    /// A subscription.
    pub fn subscription(subscription: SubscriptionId) -> Self {
        Self::spelt(format!("/subscriptions/{subscription}"))
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
    }
}
