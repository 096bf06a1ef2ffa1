//! The key ring: every data key of the installation, unwrapped when it is first needed.

use std::sync::Arc;

use quick_cache::sync::Cache;
use strongroom_crypto::SymmetricKey;
use strongroom_model::{InstallationId, SubscriptionId, VaultId};
use strongroom_store::{Condition, Freshness, Outcome, Snapshot, Store, Txn, layout};

use crate::protector::Header;
use crate::record::{self, FORMAT};
use crate::{DataKeys, Place, Protector, SealError};

/// Keys of vaults and backups that stay unwrapped in memory, once used: of as many vaults as a node
/// is made for, some 200 bytes each.
const CACHED_KEYS: usize = 131_072;

const NO_OWNER: [u8; 16] = [0; 16];

/// What a data key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Directory rows, token-signing keys, the CA's key.
    System,
    /// The audit chain.
    Audit,
    /// Skip tokens.
    ListToken,
    /// The backups of one subscription.
    Backup(SubscriptionId),
    /// The records of one vault.
    Vault(VaultId),
}

impl Purpose {
    fn letter(self) -> u8 {
        match self {
            Self::System => b's',
            Self::Audit => b'a',
            Self::ListToken => b'l',
            Self::Backup(_) => b'b',
            Self::Vault(_) => b'v',
        }
    }

    fn owner(&self) -> &[u8; 16] {
        match self {
            Self::System | Self::Audit | Self::ListToken => &NO_OWNER,
            Self::Backup(subscription) => subscription.as_bytes(),
            Self::Vault(vault) => vault.as_bytes(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Audit => "audit",
            Self::ListToken => "list-token",
            Self::Backup(_) => "backup",
            Self::Vault(_) => "vault",
        }
    }
}

/// All keys of an installation.
pub struct KeyRing<S> {
    store: S,
    installation: InstallationId,
    root_generation: u32,
    root: SymmetricKey,
    system: Arc<DataKeys>,
    audit: Arc<DataKeys>,
    list_token: Arc<DataKeys>,
    cache: Cache<Purpose, Arc<DataKeys>>,
}

impl<S: Store> KeyRing<S> {
    /// Makes the key hierarchy of a new installation, in one transaction.
    ///
    /// # Errors
    /// [`SealError::AlreadyInitialised`] if the store has one.
    pub async fn initialise(
        store: &S,
        installation: InstallationId,
        protector: &Protector,
    ) -> Result<(), SealError> {
        let root = SymmetricKey::generate()?;
        let header = Header::wrap(installation, 1, &root, protector)?;
        let mut txn = Txn::new()
            .require(layout::PROTECTOR, Condition::Absent)
            .put(layout::PROTECTOR, header.encode());
        for purpose in [Purpose::System, Purpose::Audit, Purpose::ListToken] {
            let (key, value) = wrap_new(&root, 1, installation, purpose)?;
            txn = txn.put(key, value);
        }
        match store.commit(txn).await? {
            Outcome::Committed(_) => Ok(()),
            Outcome::Conflict => Err(SealError::AlreadyInitialised),
        }
    }

    /// The installation that the store belongs to; `None` if it has no key hierarchy yet.
    ///
    /// # Errors
    /// [`SealError::Store`] when the store does not answer.
    pub async fn installation_of(store: &S) -> Result<Option<InstallationId>, SealError> {
        let snapshot = store.snapshot(Freshness::Linearizable).await?;
        let Some(header) = snapshot.get(layout::PROTECTOR).await? else { return Ok(None) };
        Ok(Some(Header::decode(&header.value)?.installation))
    }

    /// Opens the hierarchy with its protector.
    ///
    /// # Errors
    /// [`SealError::NotInitialised`], or [`SealError::WrongProtector`].
    pub async fn open(store: S, protector: &Protector) -> Result<Self, SealError> {
        let snapshot = store.snapshot(Freshness::Linearizable).await?;
        let header = snapshot.get(layout::PROTECTOR).await?.ok_or(SealError::NotInitialised)?;
        let header = Header::decode(&header.value)?;
        let root = header.unwrap_root(protector)?;
        let installation = header.installation;
        let wrapping = (header.root_generation, &root);
        let load = async |purpose| {
            load_keys(&snapshot, wrapping, installation, purpose).await.map(Arc::new)
        };
        let system = load(Purpose::System).await?;
        let audit = load(Purpose::Audit).await?;
        let list_token = load(Purpose::ListToken).await?;
        Ok(Self {
            store,
            installation,
            root_generation: header.root_generation,
            root,
            system,
            audit,
            list_token,
            cache: Cache::new(CACHED_KEYS),
        })
    }

    /// The installation's id.
    pub fn installation(&self) -> InstallationId {
        self.installation
    }

    /// The system key.
    pub fn system(&self) -> &Arc<DataKeys> {
        &self.system
    }

    /// The audit key.
    pub fn audit(&self) -> &Arc<DataKeys> {
        &self.audit
    }

    /// The list-token key.
    pub fn list_token(&self) -> &Arc<DataKeys> {
        &self.list_token
    }

    /// A vault's key.
    ///
    /// # Errors
    /// [`SealError::NoSuchKey`] if the vault was shredded.
    pub async fn vault(&self, vault: VaultId) -> Result<Arc<DataKeys>, SealError> {
        self.cached(Purpose::Vault(vault)).await
    }

    /// A subscription's backup key.
    ///
    /// # Errors
    /// [`SealError::NoSuchKey`] if the subscription has none.
    pub async fn backup(&self, subscription: SubscriptionId) -> Result<Arc<DataKeys>, SealError> {
        self.cached(Purpose::Backup(subscription)).await
    }

    /// A new key, wrapped, as the row to be put in the transaction that makes its owner.
    ///
    /// # Errors
    /// [`SealError::Crypto`] when the system has no random numbers.
    pub fn new_key(&self, purpose: Purpose) -> Result<(Vec<u8>, Vec<u8>), SealError> {
        wrap_new(&self.root, self.root_generation, self.installation, purpose)
    }

    /// The prefix of a key's rows in the store: without them, what it sealed opens no more.
    pub fn rows_of(&self, purpose: Purpose) -> Vec<u8> {
        layout::data_keys(purpose.letter(), purpose.owner())
    }

    /// Forgets a key that was unwrapped before.
    pub fn forget(&self, purpose: Purpose) {
        self.cache.remove(&purpose);
    }

    async fn cached(&self, purpose: Purpose) -> Result<Arc<DataKeys>, SealError> {
        if let Some(keys) = self.cache.get(&purpose) {
            return Ok(keys);
        }
        let snapshot = self.store.snapshot(Freshness::Linearizable).await?;
        let wrapping = (self.root_generation, &self.root);
        let keys = load_keys(&snapshot, wrapping, self.installation, purpose).await?;
        let keys = Arc::new(keys);
        self.cache.insert(purpose, Arc::clone(&keys));
        Ok(keys)
    }
}

fn wrap_new(
    root: &SymmetricKey,
    root_generation: u32,
    installation: InstallationId,
    purpose: Purpose,
) -> Result<(Vec<u8>, Vec<u8>), SealError> {
    let generation = 1;
    let place = Place::DataKey(purpose.letter(), purpose.owner(), generation);
    let key = SymmetricKey::generate()?;
    let aad = place.aad(FORMAT, installation);
    let value = record::seal(root, root_generation, &aad, key.expose())?;
    Ok((layout::data_key(purpose.letter(), purpose.owner(), generation), value))
}

async fn load_keys(
    snapshot: &impl Snapshot,
    (root_generation, root): (u32, &SymmetricKey),
    installation: InstallationId,
    purpose: Purpose,
) -> Result<DataKeys, SealError> {
    let prefix = layout::data_keys(purpose.letter(), purpose.owner());
    let rows = snapshot.scan(&prefix, None, 1024).await?;
    let mut generations = Vec::with_capacity(rows.len());
    for (key, row) in rows {
        let damaged = || SealError::Record(format!("the {} key", purpose.name()));
        let generation = key.get(prefix.len()..).and_then(|g| g.try_into().ok());
        let generation = u32::from_be_bytes(generation.ok_or_else(damaged)?);
        let place = Place::DataKey(purpose.letter(), purpose.owner(), generation);
        let header = record::parse(&row.value).ok_or_else(damaged)?;
        if header.format > FORMAT {
            return Err(SealError::NewerFormat(format!("the {} key", purpose.name())));
        }
        if header.generation != root_generation {
            return Err(damaged());
        }
        let aad = place.aad(header.format, installation);
        let opened = record::open(root, &header, &aad).map_err(|_| damaged())?;
        generations.push((generation, SymmetricKey::from_slice(opened.expose())?));
    }
    DataKeys::new(installation, generations).ok_or(SealError::NoSuchKey(purpose.name()))
}
