//! The tags of a subscription, and the names agreed on for tags in it.

use std::collections::{BTreeMap, BTreeSet};

use strongroom_authz::GrantedAction;
use strongroom_directory::Subscription;
use strongroom_model::{Scope, SubscriptionId};
use strongroom_store::Store;

use super::{Decided, ResourceRefusal, demand};
use crate::{Call, Ops};

/// The action that writes tags.
pub const TAGS_WRITE: &str = "Microsoft.Resources/tags/write";

/// The action that takes all tags away.
pub const TAGS_DELETE: &str = "Microsoft.Resources/tags/delete";

/// The action that agrees on names for tags.
pub const TAG_NAMES_WRITE: &str = "Microsoft.Resources/subscriptions/tagNames/write";

/// The action that takes such a name away.
pub const TAG_NAMES_DELETE: &str = "Microsoft.Resources/subscriptions/tagNames/delete";

/// The names agreed on for tags, in lower case, and their agreed values.
pub type TagNames = BTreeMap<String, BTreeSet<String>>;

impl<S: Store> Ops<S> {
    /// Changes the tags of a subscription; answers what they are then.
    ///
    /// # Errors
    /// What `change` refuses, or that the service cannot.
    pub async fn change_subscription_tags(
        &self,
        granted: &GrantedAction,
        id: SubscriptionId,
        change: impl Fn(&mut BTreeMap<String, String>) -> Result<(), ResourceRefusal>,
        call: &mut Call,
    ) -> Result<BTreeMap<String, String>, ResourceRefusal> {
        demand(granted, &[TAGS_WRITE, TAGS_DELETE], &Scope::subscription(id))?;
        self.decide_row(id.as_bytes(), call, |found: Option<Subscription>| {
            let mut row = found.ok_or(ResourceRefusal::SubscriptionNotFound)?;
            change(&mut row.tags)?;
            let tags = row.tags.clone();
            Ok(Decided::Put(Box::new(row), 200, tags))
        })
        .await
    }

    /// Changes the names agreed on for tags; `change` answers the status of the request, or `None`
    /// when nothing is to do.
    ///
    /// # Errors
    /// What `change` refuses, or that the service cannot.
    pub async fn change_tag_names(
        &self,
        granted: &GrantedAction,
        id: SubscriptionId,
        change: impl Fn(&mut TagNames) -> Result<Option<u16>, ResourceRefusal>,
        call: &mut Call,
    ) -> Result<Option<u16>, ResourceRefusal> {
        demand(granted, &[TAG_NAMES_WRITE, TAG_NAMES_DELETE], &Scope::subscription(id))?;
        self.decide_row(id.as_bytes(), call, |found: Option<Subscription>| {
            let mut row = found.ok_or(ResourceRefusal::SubscriptionNotFound)?;
            Ok(match change(&mut row.tag_names)? {
                Some(status) => Decided::Put(Box::new(row), status, Some(status)),
                None => Decided::Keep(None),
            })
        })
        .await
    }
}
