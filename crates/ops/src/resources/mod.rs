//! What the control plane keeps beside vaults: resource groups, locks, tags of subscriptions.
//!
//! Every change takes the proof that its caller may make it, decides on the row as the store has
//! it, and is one transaction with its audit record inside.

mod groups;
mod locks;
mod standing;
mod subscriptions;

use strongroom_authz::GrantedAction;
use strongroom_directory::row::{DirectoryRow, open_row, row_key};
use strongroom_model::Scope;
use strongroom_store::{Condition, Outcome, Snapshot, Store, Txn};

use crate::audited::NO_VAULT;
use crate::{Call, OpError, Ops};

pub(crate) use groups::keys_within;
pub use groups::{Asked, GROUP_DELETE, GROUP_WRITE};
pub use locks::{LOCK_DELETE, LOCK_WRITE};
pub use subscriptions::{TAG_NAMES_DELETE, TAG_NAMES_WRITE, TAGS_DELETE, TAGS_WRITE, TagNames};

/// How often a change is decided again when another one came between.
pub(crate) const MAX_DECISIONS: usize = 5;

/// Why a group, a lock or tags are not changed.
#[derive(Debug, thiserror::Error)]
pub enum ResourceRefusal {
    /// No resource group of the name.
    #[error("Resource group '{0}' could not be found.")]
    GroupNotFound(String),
    /// The group is being deleted.
    #[error(
        "The resource group '{0}' is in deprovisioning state and cannot perform this operation."
    )]
    GroupDeleting(String),
    /// The group is elsewhere.
    #[error(
        "Invalid resource group location '{asked}'. The Resource group already exists in location \
         '{location}'."
    )]
    OtherLocation {
        /// Where the client says it is.
        asked: String,
        /// Where it is.
        location: String,
    },
    /// The subscription is gone.
    #[error("The subscription could not be found.")]
    SubscriptionNotFound,
    /// The proof is for something else: a mistake of the server.
    #[error("the proof is for {0}")]
    NotGranted(String),
    /// That the service cannot.
    #[error(transparent)]
    Op(#[from] OpError),
}

/// What becomes of a row, the status of the answer, and what the caller learns.
pub(crate) enum Decided<R, T> {
    Put(Box<R>, u16, T),
    Delete(u16, T),
    /// Nothing is to do.
    Keep(T),
}

/// Demands that a proof is for one of these actions.
pub(crate) fn demand(
    granted: &GrantedAction,
    actions: &[&str],
    scope: &Scope,
) -> Result<(), ResourceRefusal> {
    if actions.iter().any(|action| granted.covers(action, scope)) {
        return Ok(());
    }
    Err(ResourceRefusal::NotGranted(granted.action().to_owned()))
}

impl<S: Store> Ops<S> {
    /// Decides on a row as the store has it, until the decision holds.
    async fn decide_row<R: DirectoryRow, T>(
        &self,
        id: &[u8],
        call: &mut Call,
        decide: impl FnMut(Option<R>) -> Result<Decided<R, T>, ResourceRefusal>,
    ) -> Result<T, ResourceRefusal> {
        self.decide_row_at(&Scope::root(), id, call, decide).await
    }

    /// The same for a row that says something at a scope, which must be there.
    pub(crate) async fn decide_row_at<R: DirectoryRow, T, E: From<OpError>>(
        &self,
        scope: &Scope,
        id: &[u8],
        call: &mut Call,
        mut decide: impl FnMut(Option<R>) -> Result<Decided<R, T>, E>,
    ) -> Result<T, E> {
        let key = row_key::<R>(id);
        for _ in 0..MAX_DECISIONS {
            let stored = self.snapshot().await?.get(&key).await.map_err(OpError::from)?;
            let condition = stored
                .as_ref()
                .map_or(Condition::Absent, |row| Condition::AtRevision(row.revision));
            let row = stored.map(|row| open_row(self.ring.system(), id, &row.value)).transpose();
            let txn = Txn::new().require(key.clone(), condition);
            let (txn, status, outcome) = match decide(row.map_err(OpError::from)?)? {
                Decided::Keep(outcome) => return Ok(outcome),
                Decided::Delete(status, outcome) => (txn.delete(key.clone()), status, outcome),
                Decided::Put(row, status, outcome) => {
                    let (_, value) = self.directory.row(row.as_ref()).map_err(OpError::from)?;
                    (self.at_scope(txn, scope).await?.put(key.clone(), value), status, outcome)
                }
            };
            let done = self.commit_directory(call, NO_VAULT, status, txn).await?;
            if matches!(done, Outcome::Committed(_)) {
                return Ok(outcome);
            }
            tokio::task::yield_now().await;
        }
        Err(OpError::Contended.into())
    }
}
