//! What `fuzz/` calls: filters, and bodies of vaults, without a request around them.

use std::collections::BTreeMap;

use strongroom_model::{NetworkAcls, SubscriptionId};
use strongroom_ops::vaults::VaultSettings;

use crate::filter::{Facts, Filter};
use crate::{Problem, activity_log, authorization, vaults};

/// A resource that filters are held against.
#[derive(Clone, Copy, Debug)]
pub struct Listed<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type.
    pub resource_type: &'a str,
    /// Its group.
    pub group: &'a str,
    /// Its tags.
    pub tags: &'a BTreeMap<String, String>,
}

/// What a filter of resources says of one.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Whether it is listed.
    pub admits: bool,
    /// The only name, type and group that are looked up.
    pub only: [Option<String>; 3],
}

/// `$filter` of resources, or of groups, which take tags only.
///
/// # Errors
/// A [`Problem`] for what is no filter.
pub fn resources(text: &str, tags_only: bool, found: Listed<'_>) -> Result<Verdict, Problem> {
    let filter = Filter::parse(Some(text), tags_only)?;
    let Listed { name, resource_type, group, tags } = found;
    let facts = Facts { name, resource_type, location: "local", group, tags };
    let only = [filter.only_name(), filter.only_type(), filter.only_group()];
    Ok(Verdict { admits: filter.admits(&facts), only: only.map(|only| only.map(str::to_owned)) })
}

/// `$filter` of role assignments, role definitions and deny assignments: how many clauses it has.
///
/// # Errors
/// A [`Problem`] for what is no filter.
pub fn clauses(text: &str) -> Result<usize, Problem> {
    authorization::clauses(text)
}

/// `$filter` of the activity log: whether the scope that it asks about is in the subscription.
///
/// # Errors
/// A [`Problem`] for what is no filter.
pub fn activity(text: &str, subscription: SubscriptionId) -> Result<bool, Problem> {
    activity_log::is_within(text, subscription)
}

/// What the body of a `PUT`, or else of a `PATCH`, asks of a vault whose firewall has these rules.
///
/// # Errors
/// A [`Problem`] for what no vault may be asked.
pub fn vault(
    body: &[u8],
    is_put: bool,
    kept: Option<&NetworkAcls>,
) -> Result<VaultSettings, Problem> {
    vaults::fuzzing::settings(body, is_put, kept)
}
