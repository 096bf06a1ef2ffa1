//! The principal that an account acts as, found again in the directory at every request.

use std::sync::Arc;

use minicbor::{Decode, Encode};
use strongroom_directory::Directory;
use strongroom_model::{Caller, IdentityType, PrincipalId, TenantId};

/// A principal, as the token said that the binding was asked with.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct BoundPrincipal {
    /// The object id.
    #[n(0)]
    pub object_id: PrincipalId,
    #[n(1)]
    tenant: TenantId,
    #[n(2)]
    app_id: Option<String>,
    #[n(3)]
    upn: Option<String>,
    #[n(4)]
    is_app: bool,
    #[n(5)]
    issuer: String,
}

impl BoundPrincipal {
    pub(crate) fn of(caller: &Caller) -> Self {
        Self {
            object_id: caller.object_id,
            tenant: caller.tenant,
            app_id: caller.app_id.clone(),
            upn: caller.upn.clone(),
            is_app: caller.identity_type == IdentityType::App,
            issuer: caller.issuer.clone(),
        }
    }

    /// The principal as the directory knows it now; `None` when it, its tenant or the issuer that
    /// vouched for it is gone. Groups that only a token named are not its own any more.
    pub fn caller(&self, directory: &Directory) -> Option<Arc<Caller>> {
        directory.tenant(self.tenant)?;
        match directory.application_by_object(self.object_id) {
            Some(application) if application.tenant == self.tenant => {}
            Some(_) => return None,
            None => {
                let mut trusted = directory.trusted_issuers().iter();
                trusted.find(|t| t.issuer == self.issuer && t.tenant == self.tenant)?;
            }
        }
        Some(Arc::new(Caller {
            tenant: self.tenant,
            object_id: self.object_id,
            app_id: self.app_id.clone(),
            upn: self.upn.clone(),
            groups: directory.groups_of(self.object_id),
            identity_type: if self.is_app { IdentityType::App } else { IdentityType::User },
            issuer: self.issuer.clone(),
        }))
    }
}
