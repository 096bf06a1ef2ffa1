//! Lists: of secrets, of a secret's versions, of deleted secrets. A page is one snapshot.

use strongroom_authz::{Admitted, Authorized, RequestFacts};
use strongroom_model::{
    Head, ObjectName, Operation, SecretListing, SoftDelete, Version, VersionRecord,
};
use strongroom_seal::Part;
use strongroom_store::layout::{self, Table};
use strongroom_store::{Snapshot, Store};

use crate::objects::{ObjectKind, Objects, Secrets};
use crate::skip_token::List;
use crate::{DeletedSecretView, OpError, Ops};

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

/// A secret's version as a list shows it.
pub struct ListedSecret {
    /// The name, as it was first spelt.
    pub name: ObjectName,
    /// The version and what is known of it.
    pub record: VersionRecord<SecretListing>,
    /// The vault's rules for deleted objects.
    pub soft_delete: SoftDelete,
}

/// Lists the secrets of a vault.
pub struct GetSecrets {
    /// Which page.
    pub page: PageRequest,
}

/// Lists the deleted secrets of a vault.
pub struct GetDeletedSecrets {
    /// Which page.
    pub page: PageRequest,
}

/// Lists the versions of a secret.
pub struct GetSecretVersions {
    /// The name.
    pub name: ObjectName,
    /// Which page.
    pub page: PageRequest,
}

impl RequestFacts for GetSecrets {
    const OPERATION: Operation = Operation::GetSecrets;

    fn object(&self) -> Option<&ObjectName> {
        None
    }
}

impl RequestFacts for GetDeletedSecrets {
    const OPERATION: Operation = Operation::GetDeletedSecrets;

    fn object(&self) -> Option<&ObjectName> {
        None
    }
}

impl RequestFacts for GetSecretVersions {
    const OPERATION: Operation = Operation::GetSecretVersions;

    fn object(&self) -> Option<&ObjectName> {
        Some(&self.name)
    }
}

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
        let objects = self.objects::<Secrets>(&authorized).await?;
        let soft_delete = authorized.vault().soft_delete;
        let page = self.page(&authorized, &objects, Table::Heads, &request.page).await?;
        Ok(page
            .map(|head| Some(ListedSecret { name: head.name, record: head.current, soft_delete })))
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
        let objects = self.objects::<Secrets>(&authorized).await?;
        let soft_delete = authorized.vault().soft_delete;
        let page = self.page(&authorized, &objects, Table::Deleted, &request.page).await?;
        Ok(page.map(|head| DeletedSecretView::of(head, soft_delete)))
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
        let objects = self.objects::<Secrets>(&authorized).await?;
        let soft_delete = authorized.vault().soft_delete;
        let folded = request.name.folded();
        let list = List::Versions(authorized.vault().id, Secrets::KIND, &folded);
        let after = self.read_skip_token(&list, request.page.skip_token.as_deref())?;
        let snapshot = self.snapshot().await?;
        let Some(found) = objects.active(&snapshot, &folded).await? else {
            return Ok(Page { values: Vec::new(), skip_token: None });
        };
        let wanted = request.page.max_results;
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
            .map(|record| ListedSecret { name: name.clone(), record, soft_delete })
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

impl<T> Page<T> {
    fn map<U>(self, f: impl FnMut(T) -> Option<U>) -> Page<U> {
        let values = self.values.into_iter().filter_map(f).collect();
        Page { values, skip_token: self.skip_token }
    }
}
