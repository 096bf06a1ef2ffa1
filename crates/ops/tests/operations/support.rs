//! The parts of a node over any store, and admitted requests of its owner.

use std::sync::Arc;
use std::time::Instant;

use strongroom_audit::{Audit, AuditKey, AuditKeys, Options, Record};
use strongroom_authz::{Access, Admitted, RequestFacts, admit, authorise, roles};
use strongroom_crypto::{SymmetricKey, software};
use strongroom_directory::{Clock, DirectoryService};
use strongroom_model::{
    Caller, IdentityType, InstallationId, ObjectName, RequestId, ResourceGroupName, SoftDelete,
    Timestamp, VaultName, VaultResource,
};
use strongroom_ops::setup::{Owner, Setup, initialise};
use strongroom_ops::vaults::CreateVault;
use strongroom_ops::{Call, KeyRules, KeyWork, OpError, Ops};
use strongroom_seal::{KeyRing, Protector};
use strongroom_store::Store;
use strongroom_store::disk::FaultDisk;
use strongroom_work::{GeneratorsConfig, LimitsConfig, StockSizes};
use uuid::Uuid;

/// The time at which every installation is made.
pub(crate) const NOW: Timestamp = Timestamp(1_767_225_700);

pub(crate) struct Node<S: Store> {
    pub(crate) store: S,
    pub(crate) ring: Arc<KeyRing<S>>,
    pub(crate) directory: Arc<DirectoryService<S>>,
    pub(crate) clock: Arc<Clock<S>>,
    pub(crate) ops: Ops<S>,
    pub(crate) owner: Arc<Owner>,
}

/// Keys in software, symmetric ones too, and no stock of them.
fn key_work() -> KeyWork {
    let rules = KeyRules { software_hsm: true, symmetric: true };
    let generators = GeneratorsConfig { stock: StockSizes::NONE, ..GeneratorsConfig::default() };
    KeyWork::new(software::provider(), rules, generators, LimitsConfig::Off).unwrap()
}

pub(crate) fn protector() -> Protector {
    Protector::Key(SymmetricKey::from_slice(&[7; 32]).unwrap())
}

pub(crate) fn setup(keep_owner_secret: bool) -> Setup {
    Setup {
        installation: InstallationId(Uuid::new_v4()),
        base: "localhost".into(),
        port: 8443,
        manual_clock: true,
        location: "local".into(),
        resource_group: ResourceGroupName::parse("rg").unwrap(),
        owner_name: "owner".into(),
        keep_owner_secret,
    }
}

impl<S: Store> Node<S> {
    /// A new installation, its clock the system's or one that moves by command.
    pub(crate) async fn new(store: S, manual: bool) -> Self {
        let setup = Setup { manual_clock: manual, ..setup(false) };
        let owner = initialise(&store, &protector(), setup, NOW, NOW).await.unwrap();
        Self::open(store, Arc::new(owner), manual).await
    }

    pub(crate) async fn open(store: S, owner: Arc<Owner>, manual: bool) -> Self {
        let ring = Arc::new(KeyRing::open(store.clone(), &protector()).await.unwrap());
        let roles = roles::builtin().into();
        let directory = DirectoryService::open(store.clone(), &ring, roles).await.unwrap();
        let directory = Arc::new(directory);
        let system = Arc::clone(ring.system());
        let clock = Arc::new(Clock::open(store.clone(), system, manual).await.unwrap());
        let keys = ring.audit().copies().unwrap().into_iter();
        let keys: Vec<_> = keys.map(|(generation, key)| AuditKey { generation, key }).collect();
        let options = Options { segment_bytes: 64 * 1024, spare_segments: 1, ..Options::default() };
        let keys = AuditKeys::new(&keys).unwrap();
        let disk = Arc::new(FaultDisk::new());
        let audit = Arc::new(Audit::open(store.clone(), disk, keys, options).await.unwrap());
        let ops = Ops::new(
            store.clone(),
            Arc::clone(&ring),
            Arc::clone(&directory),
            audit,
            Arc::clone(&clock),
            key_work(),
        );
        Self { store, ring, directory, clock, ops, owner }
    }

    pub(crate) fn call(&self) -> Call {
        let record = Record::new(RequestId(Uuid::new_v4()), self.clock.now_ms(), "Test");
        Call::new(record, self.clock.now(), Instant::now())
    }

    /// Makes a vault in a resource group.
    pub(crate) async fn vault(
        &self,
        name: &str,
        group: &str,
    ) -> Result<Arc<VaultResource>, OpError> {
        let request = CreateVault {
            name: VaultName::parse(name).unwrap(),
            subscription: self.owner.subscription,
            resource_group: ResourceGroupName::parse(group).unwrap(),
            location: None,
            soft_delete: SoftDelete::new(7, false).unwrap(),
        };
        self.ops.create_vault(request, &mut self.call()).await
    }

    /// The owner's request, authorised and admitted.
    pub(crate) fn admit<T: RequestFacts>(
        &self,
        vault: &Arc<VaultResource>,
        request: T,
    ) -> Admitted<T> {
        let caller = Caller {
            tenant: self.owner.tenant,
            object_id: self.owner.object_id,
            app_id: None,
            upn: None,
            groups: Vec::new(),
            identity_type: IdentityType::App,
            issuer: String::new(),
        };
        let policies = vault.policies_in_force();
        let access = Access {
            caller: Arc::new(caller),
            operation: T::OPERATION,
            vault: Arc::clone(vault),
            vault_scope: &vault.scope(),
            policies: policies.as_ref(),
            object: request.object().cloned(),
        };
        let authorized = authorise(access, &*self.directory.current()).unwrap();
        admit(authorized, request).unwrap()
    }
}

pub(crate) fn name(text: &str) -> ObjectName {
    ObjectName::parse(text).unwrap()
}
