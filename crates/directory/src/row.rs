//! The rows of the directory: tenants, subscriptions, resource groups, trusted issuers, and how
//! each noun is kept.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};
use strongroom_crypto::SecretBytes;
use strongroom_model::{
    DeletedVault, DenyAssignment, InstallationId, ResourceGroupName, RoleAssignment,
    RoleDefinition, Scope, SubscriptionId, TenantId, Timestamp, VaultResource,
};
use strongroom_seal::{DataKeys, Place, plaintext};
use strongroom_store::{Freshness, Snapshot, Store, layout};

use crate::{Application, DirectoryError, Group, Lock, User, lock_id};

/// A noun that the directory keeps: one row each, sealed under the system key.
pub trait DirectoryRow: Encode<()> + for<'b> Decode<'b, ()> {
    /// The row's type in the store's keys.
    const TYPE: &'static str;

    /// The row's id in the store's keys.
    fn id(&self) -> Vec<u8>;
}

/// The store key of a row.
pub fn row_key<R: DirectoryRow>(id: &[u8]) -> Vec<u8> {
    layout::directory_row(R::TYPE, id)
}

/// A row as the key and the sealed value that a transaction puts.
///
/// # Errors
/// [`DirectoryError::Seal`] when the system has no random numbers.
pub fn seal_row<R: DirectoryRow>(
    keys: &DataKeys,
    row: &R,
) -> Result<(Vec<u8>, Vec<u8>), DirectoryError> {
    let id = row.id();
    let malformed = |_| DirectoryError::Malformed(R::TYPE.into());
    let plaintext = plaintext::encode(row).map_err(malformed)?;
    Ok((row_key::<R>(&id), keys.seal(&Place::Row(R::TYPE, &id), &plaintext)?))
}

/// The row that lies sealed under an id.
///
/// # Errors
/// [`DirectoryError::Seal`] when it is damaged, [`DirectoryError::Malformed`] when it does not
/// decode.
pub fn open_row<R: DirectoryRow>(
    keys: &DataKeys,
    id: &[u8],
    sealed: &[u8],
) -> Result<R, DirectoryError> {
    let plaintext = keys.open(&Place::Row(R::TYPE, id), sealed)?;
    minicbor::decode(plaintext.expose()).map_err(|_| DirectoryError::Malformed(R::TYPE.into()))
}

/// The row of an id, straight from the store.
///
/// # Errors
/// [`DirectoryError::Store`] or [`DirectoryError::Seal`] when it cannot be read.
pub async fn read_row<R: DirectoryRow>(
    store: &impl Store,
    keys: &DataKeys,
    id: &[u8],
) -> Result<Option<R>, DirectoryError> {
    let snapshot = store.snapshot(Freshness::Linearizable).await?;
    match snapshot.get(&row_key::<R>(id)).await? {
        Some(row) => open_row(keys, id, &row.value).map(Some),
        None => Ok(None),
    }
}

macro_rules! rows {
    ($($row:ty, $type:literal, |$r:ident| $id:expr;)*) => {$(
        impl DirectoryRow for $row {
            const TYPE: &'static str = $type;

            fn id(&self) -> Vec<u8> {
                let $r = self;
                $id
            }
        }
    )*};
}

rows! {
    Installation, "installation", |_r| Vec::new();
    Tenant, "tenant", |r| r.id.as_bytes().to_vec();
    Subscription, "subscription", |r| r.id.as_bytes().to_vec();
    ResourceGroup, "group", |r| {
        [r.subscription.as_bytes(), r.name.as_str().to_ascii_lowercase().as_bytes()].concat()
    };
    Lock, "lock", |r| lock_id(&r.scope, &r.name);
    TrustedIssuer, "issuer", |r| r.issuer.as_bytes().to_vec();
    VaultResource, "vault", |r| r.name.folded().into_bytes();
    DeletedVault, "deletedvault", |r| r.resource.name.folded().into_bytes();
    Application, "application", |r| r.client_id.as_bytes().to_vec();
    Group, "principals", |r| r.object_id.as_bytes().to_vec();
    User, "user", |r| r.object_id.as_bytes().to_vec();
    RoleAssignment, "assignment", |r| r.id.as_bytes().to_vec();
    RoleDefinition, "role", |r| r.id.as_bytes().to_vec();
    DenyAssignment, "denyassignment", |r| r.id.as_bytes().to_vec();
    Claim, "claim", |r| r.on.to_vec();
    TokenKeyRow, "tokenkey", |r| r.kid.as_bytes().to_vec();
    AuthorityRow, "authority", |_r| Vec::new();
    OwnerRow, "owner", |_r| Vec::new();
}

/// A claim on what may be there once only, such as the name of a role: the store itself refuses a
/// second one. Snapshots do not carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Claim {
    /// A digest of what is claimed.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub on: [u8; 16],
    /// The id of what claims it.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub by: [u8; 16],
}

/// A token-signing key as it is kept.
#[derive(Encode, Decode)]
pub struct TokenKeyRow {
    /// Its id.
    #[n(0)]
    pub kid: String,
    /// The key in PKCS#8.
    #[cbor(n(1), with = "crate::secret")]
    pub pkcs8: SecretBytes,
    /// From when on JWKS shows it.
    #[n(2)]
    pub created: Timestamp,
    /// From when on it signs.
    #[n(3)]
    pub signs_from: Timestamp,
    /// From when on it is neither shown nor accepted.
    #[n(4)]
    pub expires: Timestamp,
}

/// The installation's certificate authority as it is kept.
#[derive(Encode, Decode)]
pub struct AuthorityRow {
    /// Its certificate, in DER.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub certificate: Vec<u8>,
    /// Its key, in PKCS#8.
    #[cbor(n(1), with = "crate::secret")]
    pub pkcs8: SecretBytes,
}

/// The owner that `dev` makes: kept so that the ready file can be written at each start.
#[derive(Encode, Decode)]
pub struct OwnerRow {
    /// The owner's application.
    #[n(0)]
    pub client_id: strongroom_model::ClientId,
    /// The client secret.
    #[cbor(n(1), with = "crate::secret")]
    pub client_secret: SecretBytes,
    /// The subscription it owns.
    #[n(2)]
    pub subscription: SubscriptionId,
}

/// This installation.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Installation {
    /// Its id, bound into every sealed record.
    #[n(0)]
    pub id: InstallationId,
    /// The tenant that `adfs`, `common` and `organizations` stand for.
    #[n(1)]
    pub default_tenant: TenantId,
    /// When it was made.
    #[n(2)]
    pub created: Timestamp,
    /// The base domain.
    #[n(3)]
    pub base: String,
    /// The port of the first start, used again by every later one.
    #[n(4)]
    pub port: u16,
    /// Whether its time moves only by command. Marked for ever.
    #[n(5)]
    pub manual_clock: bool,
}

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Tenant {
    /// Its id.
    #[n(0)]
    pub id: TenantId,
    /// Its name, for people.
    #[n(1)]
    pub display_name: String,
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Subscription {
    /// Its id.
    #[n(0)]
    pub id: SubscriptionId,
    /// The tenant it trusts.
    #[n(1)]
    pub tenant: TenantId,
    /// Its name, for people.
    #[n(2)]
    pub display_name: String,
    /// Its tags, by name.
    #[cbor(n(3), default)]
    pub tags: BTreeMap<String, String>,
    /// The names that were agreed on for tags, in lower case, and their agreed values.
    #[cbor(n(4), default)]
    pub tag_names: BTreeMap<String, BTreeSet<String>>,
}

impl Subscription {
    /// A subscription without tags.
    pub fn new(id: SubscriptionId, tenant: TenantId, display_name: String) -> Self {
        Self { id, tenant, display_name, tags: BTreeMap::new(), tag_names: BTreeMap::new() }
    }
}

/// A resource group.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ResourceGroup {
    /// The subscription it belongs to.
    #[n(0)]
    pub subscription: SubscriptionId,
    /// Its name, as it was spelt.
    #[n(1)]
    pub name: ResourceGroupName,
    /// Its region.
    #[n(2)]
    pub location: String,
    /// Its tags, by name.
    #[cbor(n(3), default)]
    pub tags: BTreeMap<String, String>,
    /// The id of the resource that manages it, if one does.
    #[cbor(n(4), default)]
    pub managed_by: Option<String>,
    /// Whether it is being deleted, with what it contains.
    #[cbor(n(5), default)]
    pub deleting: bool,
}

impl ResourceGroup {
    /// A group without tags.
    pub fn new(subscription: SubscriptionId, name: ResourceGroupName, location: String) -> Self {
        let (tags, managed_by, deleting) = (BTreeMap::new(), None, false);
        Self { subscription, name, location, tags, managed_by, deleting }
    }

    /// The group's ARM resource id.
    pub fn scope(&self) -> Scope {
        Scope::group(self.subscription, &self.name)
    }
}

/// An external issuer whose tokens are accepted.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TrustedIssuer {
    /// The `iss` of its tokens, to the letter.
    #[n(0)]
    pub issuer: String,
    /// The tenant its principals belong to here.
    #[n(1)]
    pub tenant: TenantId,
    /// The only `aud` that vaults accept: of the form `api://strongroom-…`.
    #[n(2)]
    pub audience: String,
    /// The JOSE names of the algorithms accepted.
    #[n(3)]
    pub algorithms: Vec<String>,
    /// Where its keys are, if not found through its discovery document.
    #[n(4)]
    pub jwks_uri: Option<String>,
    /// A PEM bundle that its server's certificate must chain to; the system's roots if absent.
    #[n(5)]
    pub ca_pem: Option<String>,
    /// Claims that a token must carry with exactly this text value.
    #[n(6)]
    pub required_claims: Vec<(String, String)>,
    /// The only `aud` that the control plane accepts; `None`: it accepts no token of this issuer.
    #[n(7)]
    pub management_audience: Option<String>,
    /// The only `aud` that Graph accepts; `None`: it accepts no token of this issuer.
    #[n(8)]
    pub graph_audience: Option<String>,
}
