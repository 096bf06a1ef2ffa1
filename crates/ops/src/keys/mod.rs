//! Keys: made, taken in, read and updated. What they do is in [`work`], when they change by
//! themselves in [`rotation`].

pub(crate) mod opened;
pub(crate) mod rotation;
pub(crate) mod uses;
mod work;

use std::sync::Arc;

use strongroom_authz::{Admitted, Authorized, RequestFacts};
use strongroom_crypto::provider::{CryptoProvider, ImportedKey, KeyMaterial};
use strongroom_model::release::policy_of_new_version;
use strongroom_model::{
    Attributes, AttributesChange, Curve, Head, KeyListing, KeyOperation, KeySpec, KeyType, Kind,
    ObjectName, Operation, PublicKey, ReleasePolicy, RotationPolicy, RotationRules, SoftDelete,
    Tags, Version, VersionRecord,
};
use strongroom_store::Store;
use strongroom_work::{
    Charge, CpuPool, CpuPoolConfig, Generators, GeneratorsConfig, Limits, LimitsConfig, WorkError,
};

use crate::objects::{Draft, Found, Keys, Objects};
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

impl KeyView {
    /// The current version.
    fn of(head: &Head<KeyListing>, soft_delete: SoftDelete) -> Self {
        Self { name: head.name.clone(), record: head.current.clone(), soft_delete }
    }
}

/// What the maker of a version says of it, whether it is generated or imported.
#[derive(Default)]
pub struct NewKey {
    /// What it may be used for; the type's own operations unless said otherwise.
    pub key_ops: Option<Vec<KeyOperation>>,
    /// Attributes of the new version.
    pub attributes: AttributesChange,
    /// Whether it may be released; as the version before, unless said otherwise.
    pub exportable: Option<bool>,
    /// When it may be released; as the version before, unless said otherwise.
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

/// Generates a key, unless there is one of its name.
pub struct CreateFirstKey {
    /// The key.
    pub key: CreateKey,
    /// When it is rotated.
    pub rotation: Option<RotationRules>,
}

impl RequestFacts for CreateFirstKey {
    const OPERATION: Operation = Operation::CreateKey;

    fn object(&self) -> Option<&ObjectName> {
        Some(&self.key.name)
    }
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
    TransferBlob {
        /// The blob as it was sent.
        blob: Vec<u8>,
        /// The curve that the key in it must be on, if the client says.
        curve: Option<Curve>,
    },
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
        let (authorized, key) = admitted.into_parts();
        let objects = self.objects::<Keys>(&authorized).await?;
        self.create((&authorized, &objects), key, Follows::TheCurrent, call).await
    }

    /// The same, with a rotation policy, only if there is no key of the name yet: one that is there
    /// stays as it is, and is answered with the policy that it has.
    ///
    /// # Errors
    /// As [`Ops::create_key`].
    pub async fn create_first_key(
        &self,
        admitted: Admitted<CreateFirstKey>,
        call: &mut Call,
    ) -> Result<(KeyView, Option<RotationPolicy>), OpError> {
        let (authorized, request) = admitted.into_parts();
        let CreateFirstKey { key, rotation } = request;
        let folded = key.name.folded();
        let objects = self.objects::<Keys>(&authorized).await?;
        let first = Follows::Nothing { rotation };
        let view = self.create((&authorized, &objects), key, first, call).await?;
        let snapshot = self.snapshot().await?;
        let policy = match objects.active(&snapshot, &folded).await? {
            Some(found) => rotation::policy_of(&objects, &snapshot, &found.head).await?,
            None => None,
        };
        Ok((view, policy))
    }

    async fn create(
        &self,
        (authorized, objects): (&Authorized, &Objects<Keys>),
        key: CreateKey,
        follows: Follows,
        call: &mut Call,
    ) -> Result<KeyView, OpError> {
        let CreateKey { name, key_type, spec, new } = key;
        self.check_new(key_type, &new)?;
        let wanted = Wanted { key_type, new, follows };
        // A refusal must not cost a generated key.
        let found = objects.settable(&self.snapshot().await?, &name).await?;
        if let Some(found) = found.as_ref().filter(|_| wanted.is_first()) {
            return Ok(KeyView::of(&found.head, authorized.vault().soft_delete));
        }
        wanted.release(found.as_ref())?;
        self.charge_creation(authorized, key_type)?;
        let material = self.generate(authorized, spec).await?;
        self.add_version((authorized, objects), &name, wanted, material, call).await
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
        let ImportKey { name, key_type, key, new } = request;
        self.check_new(key_type, &new)?;
        let objects = self.objects::<Keys>(&authorized).await?;
        let wanted = Wanted { key_type, new, follows: Follows::TheCurrent };
        wanted.release(objects.settable(&self.snapshot().await?, &name).await?.as_ref())?;
        let (imported, curve) = match key {
            Imported::Plain(key) => (key, None),
            Imported::TransferBlob { blob, curve } => {
                (self.unwrap_transfer_blob(&authorized, &objects, key_type, &blob).await?, curve)
            }
        };
        let keys = Arc::clone(&self.work.provider.keys);
        let material = self
            .on_pool(&authorized, move || keys.import(&imported))
            .await?
            .map_err(|_| not_acceptable(key_type))?;
        if material.public.key_type() != key_type.software() || !is_on(&material.public, curve) {
            return Err(not_acceptable(key_type));
        }
        self.add_version((&authorized, &objects), &name, wanted, material, call).await
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
    /// [`OpError::Invalid`], [`OpError::NotFound`], [`OpError::Managed`] for whatever but tags
    /// would change of a certificate's key, or that the service cannot.
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
            let (found, before) = objects.find(&moment.snapshot, name, request.version).await?;
            let record = changed(&before, &request, call)?;
            objects.check_change(&before, &record)?;
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
    pub(crate) fn check_new(&self, key_type: KeyType, new: &NewKey) -> Result<(), OpError> {
        let rules = self.work.rules;
        if key_type.is_hsm() && self.work.provider.hsm_platform == 0 && !rules.software_hsm {
            return Err(OpError::Invalid(format!(
                "Keys of type {key_type} need a device (HSM), and this vault is bound to none. Use \
                 {}, or let the operator set keys.allow_software_hsm.",
                key_type.software()
            )));
        }
        if key_type.software() == KeyType::Oct && !rules.symmetric {
            return Err(OpError::KeyTypeNotSupported(key_type));
        }
        if let Some(operations) = &new.key_ops {
            key_type.check_operations(operations)?;
        }
        Ok(())
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

    /// Makes a key the current version, if its name may still have one.
    async fn add_version(
        &self,
        (authorized, objects): (&Authorized, &Objects<Keys>),
        name: &ObjectName,
        wanted: Wanted,
        material: KeyMaterial,
        call: &mut Call,
    ) -> Result<KeyView, OpError> {
        let KeyMaterial { public, private } = material;
        let platform = self.work.provider.hsm_platform;
        let mut deciding = self.deciding(authorized, name).await;
        loop {
            let moment = deciding.moment().await?;
            let found = objects.settable(&moment.snapshot, name).await?;
            if let Some(found) = found.as_ref().filter(|_| wanted.is_first()) {
                return Ok(KeyView::of(&found.head, moment.soft_delete()));
            }
            let (found, body, txn) = (found.as_ref(), private.expose(), moment.txn());
            let draft = Draft {
                attributes: Attributes::new(&wanted.new.attributes, call.now()),
                tags: wanted.new.tags.clone(),
                listing: wanted.listing(found, public.clone(), platform)?,
            };
            let (txn, head) = objects.put_new_version(txn, found, name, &draft, body, call.id())?;
            let txn = match &wanted.follows {
                Follows::Nothing { rotation: Some(rules) } => {
                    rotation::put_first_policy(objects, txn, &head, rules, call.now())?
                }
                _ => rotation::set_timer(objects, &moment.snapshot, txn, &head).await?,
            };
            let soft_delete = moment.soft_delete();
            if deciding.commit(call, txn).await? {
                return Ok(KeyView { name: head.name, record: head.current, soft_delete });
            }
        }
    }
}

/// What a new version may follow.
enum Follows {
    /// The current version, if there is one.
    TheCurrent,
    /// No version: a key that is there stays as it is.
    Nothing { rotation: Option<RotationRules> },
}

/// A new version before its key is there.
struct Wanted {
    key_type: KeyType,
    new: NewKey,
    follows: Follows,
}

impl Wanted {
    fn is_first(&self) -> bool {
        matches!(self.follows, Follows::Nothing { .. })
    }

    fn key_ops(&self) -> &[KeyOperation] {
        self.new.key_ops.as_deref().unwrap_or_else(|| self.key_type.default_operations())
    }

    /// Whether it may be released, and when: what the version before says, unless it is said.
    fn release(
        &self,
        found: Option<&Found<KeyListing>>,
    ) -> Result<(bool, Option<ReleasePolicy>), OpError> {
        let before = found.map(|found| &found.head.current.listing);
        let exportable = self.new.exportable.or(before.map(|listing| listing.exportable));
        let exportable = exportable.unwrap_or(false);
        let policy = self.new.release_policy.clone();
        let policy = policy_of_new_version(before, exportable, self.key_ops(), policy)?;
        Ok((exportable, policy))
    }

    fn listing(
        &self,
        found: Option<&Found<KeyListing>>,
        public: PublicKey,
        hsm_platform: u8,
    ) -> Result<KeyListing, OpError> {
        let (exportable, release_policy) = self.release(found)?;
        Ok(KeyListing {
            key_type: self.key_type,
            public,
            key_ops: self.key_ops().to_vec(),
            exportable,
            release_policy,
            managed: None,
            hsm_platform,
        })
    }
}

/// Whether a key is on the curve that was asked for, if one was; other keys are on none.
fn is_on(public: &PublicKey, asked: Option<Curve>) -> bool {
    match (public, asked) {
        (PublicKey::Ec { curve, .. }, Some(asked)) => *curve == asked,
        _ => true,
    }
}

fn not_acceptable(key_type: KeyType) -> OpError {
    OpError::Invalid(match key_type.software() {
        KeyType::Rsa => "RSA key is not valid - cannot instantiate crypto service".to_owned(),
        _ => format!(
            "The {key_type} key is not valid: its members are malformed, or do not belong together."
        ),
    })
}

fn changed(
    record: &VersionRecord<KeyListing>,
    request: &UpdateKey,
    call: &Call,
) -> Result<VersionRecord<KeyListing>, OpError> {
    let mut listing = record.listing.clone();
    if let Some(operations) = &request.key_ops {
        listing.key_type.check_operations(operations)?;
        let imports = |operations: &[KeyOperation]| operations.contains(&KeyOperation::Import);
        // What was wrapped for a key exchange key, nobody else may ever unwrap with it.
        if imports(operations) != imports(&listing.key_ops) {
            return Err(OpError::Invalid(
                "The key operation import cannot be given to a key, or taken from it, later."
                    .into(),
            ));
        }
        listing.key_ops.clone_from(operations);
    }
    if request.exportable.is_some_and(|exportable| exportable != listing.exportable) {
        return Err(OpError::Invalid(
            "AKV.SKR.1014: Cannot modify the exportable state of a key.".into(),
        ));
    }
    if request.release_policy.is_some() && request.version.is_some() {
        return Err(OpError::Invalid(
            "AKV.SKR.1016: Key Release Policy can only be set on versionless key.".into(),
        ));
    }
    let (policy, exportable) = (request.release_policy.clone(), listing.exportable);
    listing.release_policy =
        policy_of_new_version(Some(&record.listing), exportable, &listing.key_ops, policy)?;
    Ok(VersionRecord {
        attributes: record.attributes.changed(&request.attributes, call.now()),
        tags: request.tags.clone().or_else(|| record.tags.clone()),
        listing,
        ..record.clone()
    })
}
