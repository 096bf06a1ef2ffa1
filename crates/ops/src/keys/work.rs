//! What keys do: encrypt, decrypt, wrap, unwrap, sign, verify.

use std::sync::Arc;

use strongroom_authz::{Admitted, Authorized};
use strongroom_crypto::provider::{self, Placement, PrivateKey};
use strongroom_crypto::{CryptoError, SecretBytes, public};
use strongroom_model::{
    EncryptionAlgorithm, Head, KeyListing, KeyOperation, Kind, ObjectName, PublicKey,
    SignatureAlgorithm, Timestamp, Version, VersionRecord,
};
use strongroom_store::Store;

use super::opened::Access;
use crate::error::Unusable;
use crate::objects::{Keys, Objects};
use crate::request::about_object;
use crate::{Call, OpError, Ops};

/// Something to be encrypted or wrapped.
pub struct Plaintext {
    /// How.
    pub algorithm: EncryptionAlgorithm,
    /// The data, or the key to be wrapped.
    pub value: SecretBytes,
    /// The initialization vector, for AES-CBC alone; drawn here if absent.
    pub iv: Option<Vec<u8>>,
    /// What AES-GCM authenticates beside.
    pub aad: Option<Vec<u8>>,
}

/// Something to be decrypted or unwrapped.
pub struct Ciphertext {
    /// How.
    pub algorithm: EncryptionAlgorithm,
    /// The ciphertext, or the wrapped key.
    pub value: Vec<u8>,
    /// The initialization vector of AES-GCM and AES-CBC.
    pub iv: Option<Vec<u8>>,
    /// What AES-GCM authenticates beside.
    pub aad: Option<Vec<u8>>,
    /// The authentication tag of AES-GCM.
    pub tag: Option<Vec<u8>>,
}

macro_rules! with_key {
    ($($(#[$doc:meta])* $request:ident $sent:ident: $type:ty)*) => {$(
        $(#[$doc])*
        pub struct $request {
            /// The key's name.
            pub name: ObjectName,
            /// The version; `None` is the current one.
            pub version: Option<Version>,
            /// What is sent.
            pub $sent: $type,
        }

        about_object! { $request }
    )*};
}

with_key! {
    /// Encrypts data.
    Encrypt plaintext: Plaintext
    /// Decrypts data.
    Decrypt ciphertext: Ciphertext
    /// Wraps a key.
    WrapKey plaintext: Plaintext
    /// Unwraps a key.
    UnwrapKey ciphertext: Ciphertext
}

/// Signs a digest.
pub struct Sign {
    /// The key's name.
    pub name: ObjectName,
    /// The version; `None` is the current one.
    pub version: Option<Version>,
    /// How.
    pub algorithm: SignatureAlgorithm,
    /// The digest; for RSNULL and ML-DSA what is to be signed itself.
    pub digest: Vec<u8>,
}

/// Verifies a signature.
pub struct Verify {
    /// The key's name.
    pub name: ObjectName,
    /// The version; `None` is the current one.
    pub version: Option<Version>,
    /// How it was signed.
    pub algorithm: SignatureAlgorithm,
    /// The digest that was signed; for RSNULL and ML-DSA what was signed itself.
    pub digest: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
}

about_object! { Sign Verify }

/// What was encrypted or wrapped.
pub struct EncryptedView {
    /// The key's name, as it was first spelt.
    pub name: ObjectName,
    /// The version that did it.
    pub version: Version,
    /// The ciphertext or the wrapped key.
    pub value: Vec<u8>,
    /// The initialization vector of AES-GCM and AES-CBC.
    pub iv: Option<Vec<u8>>,
    /// The authentication tag of AES-GCM.
    pub tag: Option<Vec<u8>>,
    /// What AES-GCM authenticated beside.
    pub aad: Option<Vec<u8>>,
}

/// What was decrypted or unwrapped.
pub struct DecryptedView {
    /// The key's name, as it was first spelt.
    pub name: ObjectName,
    /// The version that did it.
    pub version: Version,
    /// The plaintext.
    pub value: SecretBytes,
}

/// A signature.
pub struct SignatureView {
    /// The key's name, as it was first spelt.
    pub name: ObjectName,
    /// The version that signed.
    pub version: Version,
    /// The signature, in its JWS form.
    pub value: Vec<u8>,
}

/// A version of a key that may do what is asked.
struct Ready<Snapshot> {
    objects: Objects<Keys>,
    snapshot: Snapshot,
    head: Arc<crate::heads::OpenedHead<KeyListing>>,
    record: VersionRecord<KeyListing>,
}

impl<Snapshot> Ready<Snapshot> {
    fn public(&self) -> &PublicKey {
        &self.record.listing.public
    }

    fn head(&self) -> &Head<KeyListing> {
        &self.head.head
    }

    fn name(&self) -> ObjectName {
        self.head.head.name.clone()
    }
}

impl<S: Store> Ops<S> {
    /// `POST /keys/{name}/{version}/encrypt`
    ///
    /// # Errors
    /// [`OpError::NotFound`], [`OpError::NotUsable`], [`OpError::OperationNotPermitted`],
    /// [`OpError::IncompatibleAlgorithm`], [`OpError::Invalid`], [`OpError::WornOut`], or that
    /// the service cannot.
    pub async fn encrypt(
        &self,
        admitted: Admitted<Encrypt>,
        call: &mut Call,
    ) -> Result<EncryptedView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let Encrypt { name, version, plaintext } = request;
        if plaintext.algorithm.only_wraps() {
            return Err(only_wraps(plaintext.algorithm));
        }
        let wanted = (&name, version, KeyOperation::Encrypt);
        self.encrypt_with(&authorized, wanted, plaintext, call).await
    }

    /// `POST /keys/{name}/{version}/wrapkey`
    ///
    /// # Errors
    /// As [`Ops::encrypt`].
    pub async fn wrap_key(
        &self,
        admitted: Admitted<WrapKey>,
        call: &mut Call,
    ) -> Result<EncryptedView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let WrapKey { name, version, plaintext } = request;
        let wanted = (&name, version, KeyOperation::WrapKey);
        self.encrypt_with(&authorized, wanted, plaintext, call).await
    }

    /// `POST /keys/{name}/{version}/decrypt`
    ///
    /// # Errors
    /// [`OpError::Undecryptable`], whatever was wrong with the ciphertext, and as
    /// [`Ops::encrypt`].
    pub async fn decrypt(&self, admitted: Admitted<Decrypt>) -> Result<DecryptedView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let Decrypt { name, version, ciphertext } = request;
        if ciphertext.algorithm.only_wraps() {
            return Err(only_wraps(ciphertext.algorithm));
        }
        let now = self.clock.now();
        let wanted = (&name, version, KeyOperation::Decrypt);
        self.decrypt_with(&authorized, wanted, ciphertext, now).await
    }

    /// `POST /keys/{name}/{version}/unwrapkey`
    ///
    /// # Errors
    /// As [`Ops::decrypt`].
    pub async fn unwrap_key(
        &self,
        admitted: Admitted<UnwrapKey>,
    ) -> Result<DecryptedView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let UnwrapKey { name, version, ciphertext } = request;
        let now = self.clock.now();
        let wanted = (&name, version, KeyOperation::UnwrapKey);
        self.decrypt_with(&authorized, wanted, ciphertext, now).await
    }

    /// `POST /keys/{name}/{version}/sign`
    ///
    /// # Errors
    /// As [`Ops::encrypt`].
    pub async fn sign(&self, admitted: Admitted<Sign>) -> Result<SignatureView, OpError> {
        let (authorized, request) = admitted.into_parts();
        let Sign { name, version, algorithm, digest } = request;
        let wanted = (&name, version, KeyOperation::Sign);
        let ready = self.ready(&authorized, wanted, self.clock.now()).await?;
        self.check_signs(&ready, algorithm, ("value", &digest))?;
        let placement = placed(self.work.provider.signs(algorithm), digest.len());
        let value = self
            .with_private(&authorized, &ready, placement, move |key| key.sign(algorithm, &digest))
            .await?
            .map_err(refused_input)?;
        Ok(SignatureView { name: ready.name(), version: ready.record.version, value })
    }

    /// `POST /keys/{name}/{version}/verify`: whether the signature fits.
    ///
    /// # Errors
    /// As [`Ops::encrypt`].
    pub async fn verify(&self, admitted: Admitted<Verify>) -> Result<bool, OpError> {
        let (authorized, request) = admitted.into_parts();
        let Verify { name, version, algorithm, digest, signature } = request;
        let wanted = (&name, version, KeyOperation::Verify);
        let ready = self.ready(&authorized, wanted, self.clock.now()).await?;
        self.check_signs(&ready, algorithm, ("digest", &digest))?;
        if !matches!(ready.public(), PublicKey::Oct { .. }) {
            let (key, bytes) = (ready.public().clone(), digest.len());
            let job = move || public::verify(&key, algorithm, &digest, &signature);
            let fits = match public::placement(algorithm) {
                Placement::Inline if bytes <= INLINE_BYTES => job(),
                _ => self.on_pool(&authorized, job).await?,
            };
            return fits.map_err(refused_input);
        }
        let placement = self.work.provider.signs(algorithm);
        self.with_private(&authorized, &ready, placement, move |key| {
            key.verify(algorithm, &digest, &signature)
        })
        .await?
        .map_err(refused_input)
    }

    async fn encrypt_with(
        &self,
        authorized: &Authorized,
        wanted: (&ObjectName, Option<Version>, KeyOperation),
        plaintext: Plaintext,
        call: &mut Call,
    ) -> Result<EncryptedView, OpError> {
        let ready = self.ready(authorized, wanted, call.now()).await?;
        let Plaintext { algorithm, value, iv, aad } = plaintext;
        check_encrypts(&ready.record, algorithm)?;
        let (name, version) = (ready.name(), ready.record.version);
        if !matches!(ready.public(), PublicKey::Oct { .. }) {
            if iv.is_some() || aad.is_some() {
                return Err(no_parameters(algorithm));
            }
            let value = public::encrypt(ready.public(), algorithm, value.expose());
            let value = value.map_err(refused_input)?;
            return Ok(EncryptedView { name, version, value, iv: None, tag: None, aad: None });
        }
        if !algorithm.only_wraps() {
            let uses = self.count_use(&ready.objects, ready.head(), version).await?;
            if uses.is_warning() {
                call.set_property("usesOfVersion", uses.count().to_string());
            }
        }
        let bytes = value.len() + aad.as_ref().map_or(0, Vec::len);
        let placement = placed(self.work.provider.encrypts(algorithm), bytes);
        let (encrypted, aad) = self
            .with_private(authorized, &ready, placement, move |key| {
                let done = key.encrypt(algorithm, value.expose(), iv.as_deref(), aad.as_deref());
                done.map(|encrypted| (encrypted, aad))
            })
            .await?
            .map_err(refused_input)?;
        let provider::Encrypted { value, iv, tag } = encrypted;
        Ok(EncryptedView { name, version, value, iv, tag, aad })
    }

    async fn decrypt_with(
        &self,
        authorized: &Authorized,
        wanted: (&ObjectName, Option<Version>, KeyOperation),
        ciphertext: Ciphertext,
        now: Timestamp,
    ) -> Result<DecryptedView, OpError> {
        let ready = self.ready(authorized, wanted, now).await?;
        let Ciphertext { algorithm, value, iv, aad, tag } = ciphertext;
        check_encrypts(&ready.record, algorithm)?;
        let bytes = value.len() + aad.as_ref().map_or(0, Vec::len);
        let placement = placed(self.work.provider.encrypts(algorithm), bytes);
        let value = self
            .with_private(authorized, &ready, placement, move |key| {
                let (iv, aad, tag) = (iv.as_deref(), aad.as_deref(), tag.as_deref());
                key.decrypt(algorithm, provider::Ciphertext { value: &value, iv, aad, tag })
            })
            .await?
            .map_err(|_| OpError::Undecryptable)?;
        Ok(DecryptedView { name: ready.name(), version: ready.record.version, value })
    }

    /// The version of a key that is to do something, if it may. It is charged as a use of the
    /// key; a refusal, as any other operation.
    async fn ready(
        &self,
        authorized: &Authorized,
        wanted: (&ObjectName, Option<Version>, KeyOperation),
        now: Timestamp,
    ) -> Result<Ready<S::Snapshot>, OpError> {
        let found = self.usable(authorized, wanted, now).await;
        match &found {
            Ok(ready) => {
                let listing = &ready.record.listing;
                self.charge_use(authorized, listing.key_type, &listing.public)?;
            }
            Err(_) => self.charge_refusal(authorized)?,
        }
        found
    }

    async fn usable(
        &self,
        authorized: &Authorized,
        (name, version, operation): (&ObjectName, Option<Version>, KeyOperation),
        now: Timestamp,
    ) -> Result<Ready<S::Snapshot>, OpError> {
        let objects = self.objects::<Keys>(authorized).await?;
        let snapshot = self.snapshot().await?;
        let not_found = || OpError::no_version(Kind::Key, name, version);
        let head = self.key_heads.active(&objects, &snapshot, &name.folded()).await?;
        let head = head.ok_or_else(not_found)?;
        let wanted = version.unwrap_or(head.head.current.version);
        let record = objects.version(&snapshot, &head.head, wanted).await?;
        let record = record.ok_or_else(not_found)?;
        let listing = &record.listing;
        if authorized.is_public_only() && matches!(listing.public, PublicKey::Oct { .. }) {
            return Err(OpError::Denied(Box::new(authorized.refuse())));
        }
        check_usable(&record, operation, now)?;
        if !listing.key_ops.contains(&operation) {
            return Err(OpError::OperationNotPermitted(operation));
        }
        Ok(Ready { objects, snapshot, head, record })
    }

    fn check_signs<Snapshot>(
        &self,
        ready: &Ready<Snapshot>,
        algorithm: SignatureAlgorithm,
        (member, digest): (&str, &[u8]),
    ) -> Result<(), OpError> {
        let listing = &ready.record.listing;
        if !listing.public.signs_with(algorithm) {
            let (algorithm, key_type) = (algorithm.name(), listing.key_type);
            return Err(OpError::IncompatibleAlgorithm { algorithm, key_type });
        }
        match algorithm.digest_bytes() {
            Some(bytes) if bytes != digest.len() => Err(OpError::Invalid(format!(
                "Invalid length of '{}': {} bytes. {algorithm} requires {bytes} bytes, encoded \
                 with base64url.",
                member,
                digest.len()
            ))),
            _ => Ok(()),
        }
    }

    /// Runs the work of a private key where it belongs.
    async fn with_private<T: Send + 'static>(
        &self,
        authorized: &Authorized,
        ready: &Ready<S::Snapshot>,
        placement: Option<Placement>,
        work: impl FnOnce(&dyn PrivateKey) -> Result<T, CryptoError> + Send + 'static,
    ) -> Result<Result<T, CryptoError>, OpError> {
        let Ready { objects, snapshot, record, .. } = ready;
        let access = self.access(objects, snapshot, ready.head(), record).await?;
        let known = matches!(access, Access::Opened(_));
        let job = move || {
            let key = access.open()?;
            let done = work(&*key);
            Ok((key, done))
        };
        let done: Result<_, CryptoError> = match placement {
            Some(Placement::Inline) => job(),
            _ => self.on_pool(authorized, job).await?,
        };
        let (key, done) = done?;
        if !known {
            self.keep_opened(ready.head(), record, &key);
        }
        Ok(done)
    }

    /// Runs a computation on the pool, in the turn of the request's vault.
    pub(crate) async fn on_pool<T: Send + 'static>(
        &self,
        authorized: &Authorized,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, OpError> {
        Ok(self.work.pool.run(authorized.vault().id, job).await?)
    }
}

/// The most that is worked on inline, in bytes: some 20 µs of hashing or encrypting.
const INLINE_BYTES: usize = 16 * 1024;

/// Where an operation on so many bytes runs.
fn placed(placement: Option<Placement>, bytes: usize) -> Option<Placement> {
    placement.map(|at| match at {
        Placement::Inline if bytes > INLINE_BYTES => Placement::CpuPool,
        at => at,
    })
}

/// What the attributes of a version allow: a disabled one nothing, one outside its time what
/// undoes earlier work (Key Vault, "About keys": decrypt, release, unwrap, verify).
pub(crate) fn check_usable(
    record: &VersionRecord<KeyListing>,
    operation: KeyOperation,
    now: Timestamp,
) -> Result<(), OpError> {
    let attributes = &record.attributes;
    let refused = |why| Err(OpError::NotUsable { kind: Kind::Key, verb: operation.name(), why });
    if !attributes.enabled {
        return refused(Unusable::Disabled);
    }
    if !matches!(operation, KeyOperation::Encrypt | KeyOperation::Sign | KeyOperation::WrapKey) {
        return Ok(());
    }
    if attributes.not_before.is_some_and(|from| now < from) {
        return refused(Unusable::NotYetValid);
    }
    if attributes.expires.is_some_and(|until| now >= until) {
        return refused(Unusable::Expired);
    }
    Ok(())
}

fn check_encrypts(
    record: &VersionRecord<KeyListing>,
    algorithm: EncryptionAlgorithm,
) -> Result<(), OpError> {
    if record.listing.public.encrypts_with(algorithm) {
        return Ok(());
    }
    let (algorithm, key_type) = (algorithm.name(), record.listing.key_type);
    Err(OpError::IncompatibleAlgorithm { algorithm, key_type })
}

fn only_wraps(algorithm: EncryptionAlgorithm) -> OpError {
    OpError::Invalid(format!("{algorithm} wraps and unwraps keys; it encrypts no data."))
}

fn no_parameters(algorithm: EncryptionAlgorithm) -> OpError {
    OpError::Invalid(format!("{algorithm} takes no iv and no aad."))
}

/// What a provider refuses before it works: the text says which input it was, not what it held.
fn refused_input(error: CryptoError) -> OpError {
    match error {
        CryptoError::Length => OpError::Invalid(
            "The length of the value, the iv or the aad is not one that the algorithm takes."
                .into(),
        ),
        CryptoError::Algorithm => {
            OpError::Invalid("The algorithm does not take one of iv, aad and tag.".into())
        }
        error => error.into(),
    }
}
