//! Access policies added, replaced and removed.

use std::sync::Arc;

use strongroom_model::{
    AccessPolicy, PolicyPermissions, VaultProperties, VaultResource, access_policy,
};
use strongroom_store::Store;

use super::editor::ACCESS_POLICIES_WRITE;
use super::{VaultAddress, VaultEditor, VaultRefusal};
use crate::{Call, OpError, Ops};

/// What becomes of the access policies that a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyChange {
    /// Their permissions are added to those there are.
    Add,
    /// They stand in the place of all there are.
    Replace,
    /// Their permissions are taken away; a policy left without any goes.
    Remove,
}

impl PolicyChange {
    /// A change by its `operationKind`, in any ASCII case.
    pub fn parse(name: &str) -> Option<Self> {
        [("add", Self::Add), ("replace", Self::Replace), ("remove", Self::Remove)]
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, change)| change)
    }
}

impl<S: Store> Ops<S> {
    /// Changes a vault's access policies.
    ///
    /// # Errors
    /// [`OpError::Vault`] when the vault is not there or the rules forbid it, or that the service
    /// cannot.
    pub async fn set_access_policies(
        &self,
        address: &VaultAddress,
        change: PolicyChange,
        policies: &[AccessPolicy],
        by: &VaultEditor,
        call: &mut Call,
    ) -> Result<Arc<VaultResource>, OpError> {
        call.set_property("operationKind", format!("{change:?}").to_ascii_lowercase());
        self.decide_vault(address, by, call, |vault| {
            let kept = &vault.resource;
            by.demand(ACCESS_POLICIES_WRITE, &vault.scope)?;
            let access_policies = changed(&kept.properties.access_policies, change, policies)?;
            let properties = VaultProperties { access_policies, ..kept.properties.clone() };
            Ok(VaultResource { properties, ..VaultResource::clone(kept) })
        })
        .await
    }
}

/// The policies after a change.
fn changed(
    kept: &[AccessPolicy],
    change: PolicyChange,
    sent: &[AccessPolicy],
) -> Result<Vec<AccessPolicy>, VaultRefusal> {
    access_policy::check(sent)?;
    let policies = match change {
        PolicyChange::Replace => sent.to_vec(),
        PolicyChange::Add => added(kept, sent),
        PolicyChange::Remove => removed(kept, sent)?,
    };
    access_policy::check(&policies)?;
    Ok(policies)
}

fn added(kept: &[AccessPolicy], sent: &[AccessPolicy]) -> Vec<AccessPolicy> {
    let mut policies = kept.to_vec();
    for new in sent {
        match policies.iter_mut().find(|policy| policy.key() == new.key()) {
            Some(policy) => policy.permissions.add(&new.permissions),
            None => policies.push(new.clone()),
        }
    }
    policies
}

fn removed(
    kept: &[AccessPolicy],
    sent: &[AccessPolicy],
) -> Result<Vec<AccessPolicy>, VaultRefusal> {
    let mut policies = kept.to_vec();
    for gone in sent {
        let at = policies
            .iter()
            .position(|policy| policy.key() == gone.key())
            .ok_or(VaultRefusal::NoMatchingPolicy)?;
        let left = policies.get_mut(at).map(|policy| {
            policy.permissions.remove(&gone.permissions);
            policy.permissions == PolicyPermissions::default()
        });
        if left == Some(true) {
            policies.remove(at);
        }
    }
    Ok(policies)
}
