//! Keys: made, taken in, read and updated. What they do is in [`work`], when they change by
//! themselves in [`rotation`].

pub(crate) mod opened;
pub(crate) mod rotation;
pub(crate) mod uses;
mod work;

use strongroom_authz::{Admitted, Authorized};
use strongroom_crypto::provider::{CryptoProvider, ImportedKey, KeyMaterial};
use strongroom_model::{
    Attributes, AttributesChange, KeyListing, KeyOperation, KeySpec, KeyType, Kind, ObjectName,
    ReleasePolicy, SoftDelete, Tags, Version, VersionRecord,
};
use strongroom_store::Store;
use strongroom_work::{
    Charge, CpuPool, CpuPoolConfig, Generators, GeneratorsConfig, Limits, LimitsConfig, WorkError,
};

use crate::objects::{Draft, Keys, Objects};
use crate::request::about_object;
use crate::{Call, OpError, Ops};

pub use rotation::{GetKeyRotationPolicy, RotateKey, RotationPolicyView, UpdateKeyRotationPolicy};
pub use work::{
    Ciphertext, Decrypt, DecryptedView, Encrypt, EncryptedView, Plaintext, Sign, SignatureView,
    UnwrapKey, Verify, WrapKey,
};

/// What the keys of a node are made and used with.
pub struct KeyWork {
    /// What does the work of private keys.
    pub provider: CryptoProvider,
    /// Where long private-key work runs.
    pub pool: CpuPool,
    /// Where keys are generated.
    pub generators: Generators,
    /// How many transactions a vault may make.
    pub limits: Limits,
    /// Which keys may be made.
    pub rules: KeyRules,
}

impl KeyWork {
    /// Starts the threads.
    ///
    /// # Errors
    /// [`WorkError`] when the system gives no threads or no random numbers.
    pub fn new(
        provider: CryptoProvider,
        rules: KeyRules,
        generators: GeneratorsConfig,
        limits: LimitsConfig,
    ) -> Result<Self, WorkError> {
        Ok(Self {
            pool: CpuPool::new(CpuPoolConfig::default())?,
            generators: Generators::new(generators, &provider)?,
            limits: Limits::new(limits),
            provider,
            rules,
        })
    }
}

/// Which keys may be made on this node.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyRules {
    /// Whether `-HSM` types are made in software where there is no device; `hsmPlatform` is then
    /// 0: nothing pretends to be a device.
    pub software_hsm: bool,
    /// Whether vaults keep symmetric keys. The real service keeps them in a Managed HSM only.
    pub symmetric: bool,
}

/// A key as an answer shows it: never its private half.
pub struct KeyView {
    /// The name, as it was first spelt.
    pub name: ObjectName,
    /// The version and what is known of it.
    pub record: VersionRecord<KeyListing>,
    /// The vault's rules for deleted objects.
    pub soft_delete: SoftDelete,
}

/// What the maker of a version says of it, whether it is generated or imported.
#[derive(Default)]
pub struct NewKey {
    /// What it may be used for; the type's own operations unless said otherwise.
    pub key_ops: Option<Vec<KeyOperation>>,
    /// Attributes of the new version.
    pub attributes: AttributesChange,
    /// Whether it may be released.
    pub exportable: bool,
    /// When it may be released.
    pub release_policy: Option<ReleasePolicy>,
    /// Tags of the new version.
    pub tags: Option<Tags>,
}

/// Generates a new version of a key.
pub struct CreateKey {
    /// The name.
    pub name: ObjectName,
    /// The type, with the device or without.
    pub key_type: KeyType,
    /// Size, curve or algorithm.
    pub spec: KeySpec,
    /// What is said of it.
    pub new: NewKey,
}

/// Takes in a new version of a key from outside.
pub struct ImportKey {
    /// The name.
    pub name: ObjectName,
    /// The type, with the device or without.
    pub key_type: KeyType,
    /// The private key.
    pub key: Imported,
    /// What is said of it.
    pub new: NewKey,
}

/// A private key from outside.
pub enum Imported {
    /// In the clear.
    Plain(ImportedKey),
    /// A BYOK transfer blob, wrapped for a key exchange key of this vault.
    TransferBlob(Vec<u8>),
}

/// Reads a key's public half and attributes.
pub struct GetKey {
    /// The name.
    pub name: ObjectName,
    /// The version; `None` is the current one.
    pub version: Option<Version>,
}

/// Reads a key with the device's attestation of it.
pub struct GetKeyAttestation {
    /// The name.
    pub name: ObjectName,
    /// The version; `None` is the current one.
    pub version: Option<Version>,
}

/// Changes what is said of a version; never its key material.
pub struct UpdateKey {
    /// The name.
    pub name: ObjectName,
    /// The version; `None` is the current one.
    pub version: Option<Version>,
    /// New permitted operations.
    pub key_ops: Option<Vec<KeyOperation>>,
    /// New attributes.
    pub attributes: AttributesChange,
    /// Cannot change: a client may only repeat what it is.
    pub exportable: Option<bool>,
    /// A new release policy.
    pub release_policy: Option<ReleasePolicy>,
    /// New tags, in place of all the old ones.
    pub tags: Option<Tags>,
}

about_object! { CreateKey ImportKey GetKey GetKeyAttestation UpdateKey }

impl<S: Store> Ops<S> {
    /// `POST /keys/{name}/create`: a new version with a new key, which becomes the current one.
    ///
    /// # Errors
    /// [`OpError::Invalid`], [`OpError::DeletedButRecoverable`], [`OpError::Managed`],
    /// [`OpError::Busy`], or that the service cannot.
    pub async fn create_key(
        &self,
        admitted: Admitted<CreateKey>,
        call: &mut Call,
    ) -> Result<KeyView, OpError> {
        let (authorized, request) = admitted.into_parts();
        self.check_new(request.key_type, &request.new)?;
        let objects = self.objects::<Keys>(&authorized).await?;
        // A refusal must not cost a generated key.
        objects.settable(&self.snapshot().await?, &request.name).await?;
        self.charge_creation(&authorized, request.key_type)?;
        let material = self.generate(&authorized, request.spec).await?;
        let (name, key_type) = (&request.name, request.key_type);
        self.add_version(&authorized, &objects, name, key_type, request.new, material, call).await
    }

    /// `PUT /keys/{name}`: a new version with a key from outside, which becomes the current one.
    ///
    /// # Errors
    /// [`OpError::Invalid`], [`OpError::DeletedButRecoverable`], [`OpError::Managed`], or that
    /// the service cannot.
    pub async fn import_key(
        &self,
        admitted: Admitted<ImportKey>,
        call: &mut Call,
    ) -> Result<KeyView, OpError> {
        let (authorized, request) = admitted.into_parts();
        self.check_new(request.key_type, &request.new)?;
        let objects = self.objects::<Keys>(&authorized).await?;
        objects.settable(&self.snapshot().await?, &request.name).await?;
        let imported = match request.key {
            Imported::Plain(key) => key,
            Imported::TransferBlob(blob) => {
                self.unwrap_transfer_blob(&authorized, &objects, request.key_type, &blob).await?
            }
        };
        let provider = self.work.provider.clone();
        let material = self
            .on_pool(&authorized, move || provider.keys.import(&imported))
            .await?
            .map_err(|_| not_acceptable())?;
        if material.public.key_type() != request.key_type.software() {
            return Err(not_acceptable());
        }
        let (name, key_type) = (&request.name, request.key_type);
        self.add_version(&authorized, &objects, name, key_type, request.new, material, call).await
    }

    /// `GET /keys/{name}/{version}`: a key's public half and attributes.
    ///
    /// # Errors
    /// [`OpError::NotFound`], or that the service cannot.
    pub async fn get_key(&self, admitted: Admitted<GetKey>) -> Result<KeyView, OpError> {
        let (authorized, request) = admitted.into_parts();
        self.view_key(&authorized, &request.name, request.version).await
    }

    /// `GET /keys/{name}/{version}/attestation`: as `GET`, with the device's attestation. Keys in
    /// software have none: nobody could vouch for them.
    ///
    /// # Errors
    /// [`OpError::NotFound`], [`OpError::Invalid`] for a key in software.
    pub async fn get_key_attestation(
        &self,
        admitted: Admitted<GetKeyAttestation>,
    ) -> Result<KeyView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let view = self.view_key(&authorized, &request.name, request.version).await?;
        if view.record.listing.hsm_platform == 0 {
            return Err(OpError::Invalid(
                "The key lies in no device, so there is no attestation of it.".into(),
            ));
        }
        Ok(view)
    }

    /// `PATCH /keys/{name}/{version}`: what is said of a version.
    ///
    /// # Errors
    /// [`OpError::Invalid`], [`OpError::NotFound`], or that the service cannot.
    pub async fn update_key(
        &self,
        admitted: Admitted<UpdateKey>,
        call: &mut Call,
    ) -> Result<KeyView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let objects = self.objects::<Keys>(&authorized).await?;
        let name = &request.name;
        let mut deciding = self.deciding(&authorized, name).await;
        loop {
            let moment = deciding.moment().await?;
            let (found, record) = objects.find(&moment.snapshot, name, request.version).await?;
            let record = changed(&record, &request, call)?;
            let (txn, head) = objects.put_changed(moment.txn(), &found, &record, call.id())?;
            let txn = rotation::set_timer(&objects, &moment.snapshot, txn, &head).await?;
            if deciding.commit(call, txn).await? {
                return Ok(KeyView { name: head.name, record, soft_delete: moment.soft_delete() });
            }
        }
    }

    async fn view_key(
        &self,
        authorized: &Authorized,
        name: &ObjectName,
        version: Option<Version>,
    ) -> Result<KeyView, OpError> {
        let objects = self.objects::<Keys>(authorized).await?;
        let snapshot = self.snapshot().await?;
        let not_found = || OpError::no_version(Kind::Key, name, version);
        let opened = self.key_heads.active(&objects, &snapshot, &name.folded()).await?;
        let opened = opened.ok_or_else(not_found)?;
        let wanted = version.unwrap_or(opened.head.current.version);
        let record = objects.version(&snapshot, &opened.head, wanted).await?;
        let record = record.ok_or_else(not_found)?;
        self.charge_use(authorized, record.listing.key_type, &record.listing.public)?;
        let soft_delete = authorized.vault().soft_delete;
        Ok(KeyView { name: opened.head.name.clone(), record, soft_delete })
    }

    /// Whether this node makes keys of a type, and whether what is said of the new one fits.
    fn check_new(&self, key_type: KeyType, new: &NewKey) -> Result<(), OpError> {
        let rules = self.work.rules;
        if key_type.is_hsm() && self.work.provider.hsm_platform == 0 && !rules.software_hsm {
            return Err(OpError::Invalid(format!(
                "Keys of type {key_type} need a device (HSM), and this vault is bound to none. Use \
                 {}, or let the operator set keys.allow_software_hsm.",
                key_type.software()
            )));
        }
        if key_type.software() == KeyType::Oct && !rules.symmetric {
            return Err(OpError::Invalid(format!(
                "Keys of type {key_type} are kept in a Managed HSM, not in a vault."
            )));
        }
        if let Some(operations) = &new.key_ops {
            key_type.check_operations(operations)?;
        }
        check_release(new.exportable, new.release_policy.as_ref())
    }

    pub(crate) async fn generate(
        &self,
        authorized: &Authorized,
        spec: KeySpec,
    ) -> Result<KeyMaterial, OpError> {
        let principal = authorized.caller().object_id;
        let charge = Charge { vault: authorized.vault().id, principal };
        Ok(self.work.generators.generate(charge, &self.work.provider, spec).await?)
    }

    #[allow(clippy::too_many_arguments)] // Everything a new version is made of.
    async fn add_version(
        &self,
        authorized: &Authorized,
        objects: &Objects<Keys>,
        name: &ObjectName,
        key_type: KeyType,
        new: NewKey,
        material: KeyMaterial,
        call: &mut Call,
    ) -> Result<KeyView, OpError> {
        let KeyMaterial { public, private } = material;
        let draft = Draft {
            attributes: Attributes::new(&new.attributes, call.now()),
            tags: new.tags,
            listing: KeyListing {
                key_type,
                public,
                key_ops: new.key_ops.unwrap_or_else(|| key_type.default_operations().to_vec()),
                exportable: new.exportable,
                release_policy: new.release_policy,
                managed: None,
                hsm_platform: self.work.provider.hsm_platform,
            },
        };
        let mut deciding = self.deciding(authorized, name).await;
        loop {
            let moment = deciding.moment().await?;
            let found = objects.settable(&moment.snapshot, name).await?;
            let (found, body) = (found.as_ref(), private.expose());
            let txn = moment.txn();
            let (txn, head) = objects.put_new_version(txn, found, name, &draft, body, call.id())?;
            let txn = rotation::set_timer(objects, &moment.snapshot, txn, &head).await?;
            let soft_delete = moment.soft_delete();
            if deciding.commit(call, txn).await? {
                return Ok(KeyView { name: head.name, record: head.current, soft_delete });
            }
        }
    }
}

fn not_acceptable() -> OpError {
    OpError::Invalid(
        "The key is not acceptable: its members are malformed, too weak, or do not belong \
         together."
            .into(),
    )
}

fn check_release(exportable: bool, policy: Option<&ReleasePolicy>) -> Result<(), OpError> {
    match (exportable, policy) {
        (true, None) => Err(OpError::Invalid("Exportable keys must have release policy".into())),
        (false, Some(_)) => {
            Err(OpError::Invalid("Non-exportable keys must not have release policy".into()))
        }
        _ => Ok(()),
    }
}

fn changed(
    record: &VersionRecord<KeyListing>,
    request: &UpdateKey,
    call: &Call,
) -> Result<VersionRecord<KeyListing>, OpError> {
    let mut listing = record.listing.clone();
    if let Some(operations) = &request.key_ops {
        listing.key_type.check_operations(operations)?;
        listing.key_ops.clone_from(operations);
    }
    if request.exportable.is_some_and(|exportable| exportable != listing.exportable) {
        return Err(OpError::Invalid("The exportable attribute of a key cannot change.".into()));
    }
    if let Some(policy) = &request.release_policy {
        check_release(listing.exportable, Some(policy))?;
        let current = listing.release_policy.as_ref();
        if current.is_some_and(|current| current.immutable && current != policy) {
            return Err(OpError::Invalid(
                "AKV.SKR.1020: Immutable Key Release Policy cannot be modified.".into(),
            ));
        }
        listing.release_policy = Some(policy.clone());
    }
    Ok(VersionRecord {
        attributes: record.attributes.changed(&request.attributes, call.now()),
        tags: request.tags.clone().or_else(|| record.tags.clone()),
        listing,
        ..record.clone()
    })
}
