//! Locks made and taken away.

use strongroom_authz::GrantedAction;
use strongroom_directory::{Lock, lock_id};
use strongroom_model::Scope;
use strongroom_store::Store;

use super::{Decided, ResourceRefusal, demand};
use crate::{Call, Ops};

/// The action that makes and changes locks.
pub const LOCK_WRITE: &str = "Microsoft.Authorization/locks/write";

/// The action that takes locks away.
pub const LOCK_DELETE: &str = "Microsoft.Authorization/locks/delete";

impl<S: Store> Ops<S> {
    /// Makes a lock, or changes the one of its name; answers whether it is new.
    ///
    /// # Errors
    /// [`OpError::Vault`] when its scope is not there, or that the service cannot.
    pub async fn put_lock(
        &self,
        granted: &GrantedAction,
        lock: &Lock,
        call: &mut Call,
    ) -> Result<bool, ResourceRefusal> {
        demand(granted, &[LOCK_WRITE], &lock.scope)?;
        let id = lock_id(&lock.scope, &lock.name);
        self.decide_row_at(&lock.scope, &id, call, |found: Option<Lock>| {
            let (status, made) = if found.is_some() { (200, false) } else { (201, true) };
            Ok(Decided::Put(Box::new(lock.clone()), status, made))
        })
        .await
    }

    /// Takes a lock away; answers whether there was one.
    ///
    /// # Errors
    /// That the service cannot.
    pub async fn delete_lock(
        &self,
        granted: &GrantedAction,
        scope: &Scope,
        name: &str,
        call: &mut Call,
    ) -> Result<bool, ResourceRefusal> {
        demand(granted, &[LOCK_DELETE], scope)?;
        self.decide_row(&lock_id(scope, name), call, |found: Option<Lock>| {
            Ok(match found {
                Some(_) => Decided::Delete(200, true),
                None => Decided::Keep(false),
            })
        })
        .await
    }
}
