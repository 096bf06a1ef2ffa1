//! Lists: of objects, of an object's versions, of deleted objects. A page is one snapshot.

use strongroom_authz::{Admitted, Authorized};
use strongroom_model::{
    CertificateListing, Head, KeyListing, ObjectName, SecretListing, SoftDelete, Version,
    VersionRecord,
};
use strongroom_seal::Part;
use strongroom_store::layout::{self, Table};
use strongroom_store::{Snapshot, Store};

use crate::lifecycle::DeletedView;
use crate::objects::{Certificates, Keys, ObjectKind, Objects, Secrets};
use crate::request::{about_object, about_vault};
use crate::skip_token::List;
use crate::{DeletedKeyView, DeletedSecretView, OpError, Ops};

/// The most objects on a page, and how many there are if the client does not say.
pub const MAX_PAGE: usize = 25;

/// Which page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// How many objects at most: 1 to 25.
    pub max_results: usize,
    /// The token of the page before, as the client sent it back.
    pub skip_token: Option<String>,
}

/// A page and the token of the next.
pub struct Page<T> {
    /// What is on it.
    pub values: Vec<T>,
    /// The next page's token, if there is one.
    pub skip_token: Option<String>,
}

/// An object's version as a list shows it.
pub struct Listed<L> {
    /// The name, as it was first spelt.
    pub name: ObjectName,
    /// The version and what is known of it.
    pub record: VersionRecord<L>,
    /// The vault's rules for deleted objects.
    pub soft_delete: SoftDelete,
}

/// A secret's version as a list shows it.
pub type ListedSecret = Listed<SecretListing>;

/// A key's version as a list shows it.
pub type ListedKey = Listed<KeyListing>;

/// A certificate's version as a list shows it.
pub type ListedCertificate = Listed<CertificateListing>;

macro_rules! pages {
    ($($(#[$doc:meta])* $request:ident)*) => {$(
        $(#[$doc])*
        pub struct $request {
            /// Which page.
            pub page: PageRequest,
        }
    )*};
}

pages! {
    /// Lists the secrets of a vault.
    GetSecrets
    /// Lists the deleted secrets of a vault.
    GetDeletedSecrets
    /// Lists the keys of a vault.
    GetKeys
    /// Lists the deleted keys of a vault.
    GetDeletedKeys
}

/// Lists the versions of a secret.
pub struct GetSecretVersions {
    /// The name.
    pub name: ObjectName,
    /// Which page.
    pub page: PageRequest,
}

/// Lists the versions of a key.
pub struct GetKeyVersions {
    /// The name.
    pub name: ObjectName,
    /// Which page.
    pub page: PageRequest,
}

/// Lists the certificates of a vault.
pub struct GetCertificates {
    /// Which page.
    pub page: PageRequest,
    /// Whether those are shown whose first version is still being made.
    pub include_pending: bool,
}

/// Lists the deleted certificates of a vault.
pub struct GetDeletedCertificates {
    /// Which page.
    pub page: PageRequest,
    /// Whether those are shown whose first version never was made.
    pub include_pending: bool,
}

/// Lists the versions of a certificate.
pub struct GetCertificateVersions {
    /// The name.
    pub name: ObjectName,
    /// Which page.
    pub page: PageRequest,
}

about_vault! { GetSecrets GetDeletedSecrets GetKeys GetDeletedKeys }
about_vault! { GetCertificates GetDeletedCertificates }
about_object! { GetSecretVersions GetKeyVersions GetCertificateVersions }

impl<S: Store> Ops<S> {
    /// `GET /secrets`
    ///
    /// # Errors
    /// [`OpError::SkipToken`], or that the service cannot.
    pub async fn get_secrets(
        &self,
        admitted: Admitted<GetSecrets>,
    ) -> Result<Page<ListedSecret>, OpError> {
        let (authorized, request) = admitted.into_parts();
        self.active_page::<Secrets>(&authorized, &request.page).await
    }

    /// `GET /keys`
    ///
    /// # Errors
    /// [`OpError::SkipToken`], or that the service cannot.
    pub async fn get_keys(&self, admitted: Admitted<GetKeys>) -> Result<Page<ListedKey>, OpError> {
        let (authorized, request) = admitted.into_parts();
        self.active_page::<Keys>(&authorized, &request.page).await
    }

    /// `GET /deletedsecrets`
    ///
    /// # Errors
    /// [`OpError::SkipToken`], or that the service cannot.
    pub async fn get_deleted_secrets(
        &self,
        admitted: Admitted<GetDeletedSecrets>,
    ) -> Result<Page<DeletedSecretView>, OpError> {
        let (authorized, request) = admitted.into_parts();
        self.deleted_page::<Secrets>(&authorized, &request.page).await
    }

    /// `GET /deletedkeys`
    ///
    /// # Errors
    /// [`OpError::SkipToken`], or that the service cannot.
    pub async fn get_deleted_keys(
        &self,
        admitted: Admitted<GetDeletedKeys>,
    ) -> Result<Page<DeletedKeyView>, OpError> {
        let (authorized, request) = admitted.into_parts();
        self.deleted_page::<Keys>(&authorized, &request.page).await
    }

    /// `GET /secrets/{name}/versions`. A name without a secret has no versions: an empty page.
    ///
    /// # Errors
    /// [`OpError::SkipToken`], or that the service cannot.
    pub async fn get_secret_versions(
        &self,
        admitted: Admitted<GetSecretVersions>,
    ) -> Result<Page<ListedSecret>, OpError> {
        let (authorized, request) = admitted.into_parts();
        self.versions_page::<Secrets>(&authorized, &request.name, &request.page).await
    }

    /// `GET /keys/{name}/versions`. A name without a key has no versions: an empty page.
    ///
    /// # Errors
    /// [`OpError::SkipToken`], or that the service cannot.
    pub async fn get_key_versions(
        &self,
        admitted: Admitted<GetKeyVersions>,
    ) -> Result<Page<ListedKey>, OpError> {
        let (authorized, request) = admitted.into_parts();
        self.versions_page::<Keys>(&authorized, &request.name, &request.page).await
    }

    /// `GET /certificates`
    ///
    /// # Errors
    /// [`OpError::SkipToken`], or that the service cannot.
    pub async fn get_certificates(
        &self,
        admitted: Admitted<GetCertificates>,
    ) -> Result<Page<ListedCertificate>, OpError> {
        let (authorized, request) = admitted.into_parts();
        let page = self.active_page::<Certificates>(&authorized, &request.page).await?;
        let include_pending = request.include_pending;
        Ok(page.map(|listed| shown(include_pending, &listed.record).then_some(listed)))
    }

    /// `GET /deletedcertificates`
    ///
    /// # Errors
    /// [`OpError::SkipToken`], or that the service cannot.
    pub async fn get_deleted_certificates(
        &self,
        admitted: Admitted<GetDeletedCertificates>,
    ) -> Result<Page<DeletedView<CertificateListing>>, OpError> {
        let (authorized, request) = admitted.into_parts();
        let page = self.deleted_page::<Certificates>(&authorized, &request.page).await?;
        let include_pending = request.include_pending;
        Ok(page.map(|deleted| shown(include_pending, &deleted.record).then_some(deleted)))
    }

    /// `GET /certificates/{name}/versions`. A name without a certificate has no versions: an empty
    /// page.
    ///
    /// # Errors
    /// [`OpError::SkipToken`], or that the service cannot.
    pub async fn get_certificate_versions(
        &self,
        admitted: Admitted<GetCertificateVersions>,
    ) -> Result<Page<ListedCertificate>, OpError> {
        let (authorized, request) = admitted.into_parts();
        let (name, page) = (&request.name, &request.page);
        let page = self.versions_page::<Certificates>(&authorized, name, page).await?;
        Ok(page.map(|listed| shown(false, &listed.record).then_some(listed)))
    }

    async fn active_page<K: ObjectKind>(
        &self,
        authorized: &Authorized,
        request: &PageRequest,
    ) -> Result<Page<Listed<K::Listing>>, OpError> {
        let objects = self.objects::<K>(authorized).await?;
        let soft_delete = authorized.vault().soft_delete;
        let page = self.page(authorized, &objects, Table::Heads, request).await?;
        Ok(page.map(|head| Some(Listed { name: head.name, record: head.current, soft_delete })))
    }

    async fn deleted_page<K: ObjectKind>(
        &self,
        authorized: &Authorized,
        request: &PageRequest,
    ) -> Result<Page<DeletedView<K::Listing>>, OpError> {
        let objects = self.objects::<K>(authorized).await?;
        let soft_delete = authorized.vault().soft_delete;
        let page = self.page(authorized, &objects, Table::Deleted, request).await?;
        Ok(page.map(|head| DeletedView::of(head, soft_delete)))
    }

    async fn versions_page<K: ObjectKind>(
        &self,
        authorized: &Authorized,
        name: &ObjectName,
        request: &PageRequest,
    ) -> Result<Page<Listed<K::Listing>>, OpError> {
        let objects = self.objects::<K>(authorized).await?;
        let soft_delete = authorized.vault().soft_delete;
        let folded = name.folded();
        let list = List::Versions(authorized.vault().id, K::KIND, &folded);
        let after = self.read_skip_token(&list, request.skip_token.as_deref())?;
        let snapshot = self.snapshot().await?;
        let Some(found) = objects.active(&snapshot, &folded).await? else {
            return Ok(Page { values: Vec::new(), skip_token: None });
        };
        let wanted = request.max_results;
        let mut records =
            self.superseded(&objects, &snapshot, &found.head, after.as_deref(), wanted).await?;
        let current = found.head.current.clone();
        if after.as_deref().is_none_or(|after| current.version.as_bytes().as_slice() > after) {
            records.push(current);
        }
        records.sort_by_key(|record| record.version);
        let more = records.len() > wanted;
        records.truncate(wanted);
        let skip_token = match records.last() {
            Some(last) if more => Some(self.skip_token(&list, last.version.as_bytes())?),
            _ => None,
        };
        let name = found.head.name;
        let values = records
            .into_iter()
            .map(|record| Listed { name: name.clone(), record, soft_delete })
            .collect();
        Ok(Page { values, skip_token })
    }

    /// At most `wanted` and one more superseded versions after a version, by version.
    async fn superseded<K: ObjectKind>(
        &self,
        objects: &Objects<K>,
        snapshot: &S::Snapshot,
        head: &Head<K::Listing>,
        after: Option<&[u8]>,
        wanted: usize,
    ) -> Result<Vec<VersionRecord<K::Listing>>, OpError> {
        let prefix = layout::incarnation(objects.vault, K::KIND, Table::Versions, head.incarnation);
        let after = after.map(|version| [prefix.as_slice(), version].concat());
        let rows = snapshot.scan(&prefix, after.as_deref(), wanted + 1).await?;
        let folded = head.name.folded();
        rows.iter()
            .map(|(key, row)| {
                let version = key.get(prefix.len()..).and_then(|v| v.try_into().ok());
                let version = version.map(Version::from_bytes).ok_or_else(|| {
                    OpError::Internal("a version's key has another length".into())
                })?;
                objects.open(&folded, Part::Version(head.incarnation, version), &row.value)
            })
            .collect()
    }

    /// A page of heads.
    async fn page<K: ObjectKind>(
        &self,
        authorized: &Authorized,
        objects: &Objects<K>,
        table: Table,
        request: &PageRequest,
    ) -> Result<Page<Head<K::Listing>>, OpError> {
        let list = List::Heads(authorized.vault().id, K::KIND, table);
        let after = self.read_skip_token(&list, request.skip_token.as_deref())?;
        let prefix = layout::table(objects.vault, K::KIND, table);
        let after = after.map(|name| [prefix.as_slice(), &name].concat());
        let snapshot = self.snapshot().await?;
        let mut rows = snapshot.scan(&prefix, after.as_deref(), request.max_results + 1).await?;
        let more = rows.len() > request.max_results;
        rows.truncate(request.max_results);
        let part = if table == Table::Deleted { Part::DeletedHead } else { Part::Head };
        let mut values = Vec::with_capacity(rows.len());
        let mut last = Vec::new();
        for (key, row) in &rows {
            last = key.get(prefix.len()..).unwrap_or_default().to_vec();
            let folded = String::from_utf8_lossy(&last);
            values.push(objects.open_head(&folded, part, &row.value)?);
        }
        let skip_token = if more { Some(self.skip_token(&list, &last)?) } else { None };
        Ok(Page { values, skip_token })
    }
}

/// Whether a list shows a certificate.
fn shown(include_pending: bool, record: &VersionRecord<CertificateListing>) -> bool {
    include_pending || !record.listing.is_pending()
}

impl<T> Page<T> {
    fn map<U>(self, f: impl FnMut(T) -> Option<U>) -> Page<U> {
        let values = self.values.into_iter().filter_map(f).collect();
        Page { values, skip_token: self.skip_token }
    }
}
