//! Long-running operations: where a client asks for their outcome.
//!
//! Nothing is remembered of one. Its URL says what is being done, and the directory says whether
//! it is done: so the answer is the same on every node and after a restart.
//!
//! The real service answers 202 with `Location` here: to the deletion of a resource group, and to
//! the purge of a vault (in [`crate::vaults`]). It sends `Azure-AsyncOperation` for none of what
//! there is: changes of a vault are done when they are answered.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use strongroom_directory::Directory;
use strongroom_model::{ResourceGroupName, SubscriptionId};
use strongroom_store::Store;

use crate::{ArmRequest, Problem, Reply};

/// A long-running operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A resource group is being deleted, with what it contains.
    DeleteGroup(SubscriptionId, ResourceGroupName),
}

impl Operation {
    /// The last segment of its URL.
    fn token(&self) -> String {
        match self {
            Self::DeleteGroup(_, name) => {
                URL_SAFE_NO_PAD.encode(format!("group:{}", name.as_str()))
            }
        }
    }

    /// The path that tells its outcome.
    pub fn path(&self) -> String {
        match self {
            Self::DeleteGroup(subscription, _) => {
                format!("/subscriptions/{subscription}/operationresults/{}", self.token())
            }
        }
    }

    fn parse(subscription: SubscriptionId, token: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let (kind, name) = text.split_once(':')?;
        match kind {
            "group" => ResourceGroupName::parse(name)
                .ok()
                .map(|name| Self::DeleteGroup(subscription, name)),
            _ => None,
        }
    }

    fn is_done(&self, directory: &Directory) -> bool {
        match self {
            // One that stands is a later group of the name.
            Self::DeleteGroup(subscription, name) => {
                directory.resource_group(*subscription, name).is_none_or(|group| !group.deleting)
            }
        }
    }
}

/// `GET /subscriptions/{id}/operationresults/{token}`: 202 while it goes on, then 200.
pub(crate) async fn answer<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let subscription = request.subscription()?;
    let operation = Operation::parse(subscription.id, request.target.segment(1))
        .ok_or_else(|| Problem::no_path(&request.target.path()))?;
    if operation.is_done(&request.directory) {
        return Ok(Reply::empty(StatusCode::OK));
    }
    Ok(Reply::accepted(&request.url(&operation.path())))
}
