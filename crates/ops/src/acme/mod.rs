//! The ACME server (RFC 8555): accounts that act as principals, their orders, and what comes of
//! them. Only what was signed by an account's key comes here; `http` has verified that.

mod account;
mod binding;
mod error;
mod finalize;
mod garbage;
mod identifier;
mod order;
mod principal;
mod renewal;
mod revoke;
mod rows;
mod validation;

use std::sync::Arc;

use strongroom_model::certificates::IssuerProvider;
use strongroom_model::{ObjectName, VaultId};
use strongroom_store::{Snapshot, Store};

pub use account::{
    AcmeAccount, AcmeAccountStatus, ChangeAcmeKey, NewAcmeAccount, UpdateAcmeAccount,
};
pub use binding::{AcmeBinding, CreateAcmeBinding, OfferedBinding};
pub use error::{AcmeError, AcmeErrorKind, AcmeRefusal};
pub use finalize::FinalizeAcmeOrder;
pub use identifier::Identifier;
pub use order::{
    AcmeAuthorization, AcmeAuthorizationStatus, AcmeOrder, AcmeOrderStatus, GetAcmeCertificate,
    GetAcmeOrder, GetAcmeOrders, MAX_IDENTIFIERS, NewAcmeOrder,
};
pub use principal::BoundPrincipal;
pub use revoke::{RevokeAcmeCertificate, RevokeByCertificateKey};
pub use rows::{AcmeId, NotAnAcmeId};
pub use validation::{
    AcmeChallenge, AnswerAcmeChallenge, DeactivateAcmeAuthorization, ValidationTask,
};

use crate::issuers::{self, FoundIssuer};
use crate::objects::{Certificates, Objects};
use crate::{OpError, Ops};
pub(crate) use garbage::OfIssuer;
pub(crate) use rows::{AcmeRow, Rows};

/// Requests that an account signed. Whoever may make a binding may do all of them: the account
/// acts as the principal that its binding was made for.
macro_rules! about_acme {
    ($($request:ident)*) => {$(
        impl strongroom_authz::RequestFacts for $request {
            const OPERATION: strongroom_model::Operation =
                strongroom_model::Operation::CreateAcmeBinding;

            fn object(&self) -> Option<&strongroom_model::ObjectName> {
                None
            }
        }
    )*};
}

pub(crate) use about_acme;

impl<S: Store> Ops<S> {
    /// The issuer, if it serves ACME.
    ///
    /// # Errors
    /// That the service cannot.
    pub async fn serves_acme(&self, vault: VaultId, issuer: &ObjectName) -> Result<bool, OpError> {
        Ok(self.acme_issuer(vault, &self.snapshot().await?, issuer).await?.is_some())
    }

    async fn acme_issuer(
        &self,
        vault: VaultId,
        snapshot: &impl Snapshot,
        issuer: &ObjectName,
    ) -> Result<Option<FoundIssuer>, OpError> {
        let objects = Objects::<Certificates>::new(vault, self.ring.vault(vault).await?);
        let found = issuers::find(&objects, snapshot, issuer).await?;
        Ok(found.filter(|found| {
            let issuer = &found.row.issuer;
            issuer.provider == IssuerProvider::Strongroom && issuer.enabled && issuer.profile.acme
        }))
    }

    async fn acme_rows(&self, vault: VaultId) -> Result<Rows, OpError> {
        Ok(Rows::new(vault, Arc::clone(&self.ring.vault(vault).await?)))
    }
}

/// Changes of one row wait for each other: a name that only its turn is taken under.
fn turn(id: AcmeId) -> Result<ObjectName, OpError> {
    Ok(ObjectName::parse(&format!("acme-{id}"))?)
}

/// What is answered when the issuer that served ACME no longer does.
fn gone() -> AcmeError {
    AcmeError::refused(AcmeErrorKind::NotFound, "No ACME directory is served here.")
}
