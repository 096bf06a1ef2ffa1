//! Secure key release: a private key leaves, wrapped for an environment that an attestation
//! service vouches for, under the policy of the key.
//!
//! ```text
//! target (a token) ─► verify ─► policy ─► nonce ─► the environment's RSA key ─► wrap ─► sign
//!                      403       403      403           400
//! ```
//! A refused client learns that the token was not believed, or that it does not satisfy the
//! policy; why exactly is in the audit record alone.

mod approval;
mod recipient;
mod secure_wrap;
mod signer;

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use strongroom_authz::Admitted;
use strongroom_crypto::CryptoError;
use strongroom_crypto::rsa_aes_key_wrap::OaepHash;
use strongroom_model::{
    KeyListing, Kind, ModelError, ObjectName, SoftDelete, VaultId, Version, VersionRecord,
};
use strongroom_store::Store;

use crate::error::Unusable;
use crate::objects::Keys;
use crate::request::about_object;
use crate::{Call, OpError, Ops};

pub use approval::{Approval, Attestation, AttestationVerifier, Unbelieved, Verifying, approve};
pub use recipient::Recipient;
pub use secure_wrap::{SecureUnwrapKey, SecureWrapKey};
pub use signer::ReleaseSigner;

/// The longest nonce, in bytes: it comes back signed.
pub const MAX_NONCE_BYTES: usize = 1024;

/// How a released key is wrapped (`enc`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyEncryption {
    /// RSA-OAEP with SHA-1, and AES key wrap with padding. What the client gets that says nothing.
    #[default]
    CkmRsaAesKeyWrap,
    /// The same with SHA-256.
    RsaAesKeyWrap256,
    /// The same with SHA-384.
    RsaAesKeyWrap384,
}

/// Releases a key.
pub struct ReleaseKey {
    /// The name.
    pub name: ObjectName,
    /// The version; `None` is the current one.
    pub version: Option<Version>,
    /// The attestation token of the environment that is to have the key.
    pub target: String,
    /// A value of the client's that comes back in the signed answer. A token that names a nonce
    /// must name this one.
    pub nonce: Option<String>,
    /// How the key is to be wrapped.
    pub enc: KeyEncryption,
}

about_object! { ReleaseKey }

/// What a node releases keys with.
pub struct Release {
    /// Who believes attestation tokens.
    pub verifier: Arc<dyn AttestationVerifier>,
    /// Who signs the answers.
    pub signer: Arc<ReleaseSigner>,
}

/// Why a key is not released. `Display` is for the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseRefusal {
    /// The key is not exportable. 400 `BadParameter`.
    #[error("The key is not exportable.")]
    NotExportable,
    /// The token is not believed. 403 `Forbidden`, inner code `AccessDenied`.
    #[error("Target environment attestation statement cannot be verified.")]
    Unverified,
    /// The token is of an authority that the policy names and the operator did not configure.
    /// 403 `Forbidden`, inner code `AccessDenied`.
    #[error(
        "Target environment attestation statement cannot be verified: the attestation authority \
         {0} is not among those that this service's operator has configured."
    )]
    UnknownAuthority(String),
    /// The operator configured no authority at all. 403 `Forbidden`, inner code `AccessDenied`.
    #[error(
        "Target environment attestation statement cannot be verified: this service's operator has \
         configured no attestation authority."
    )]
    NoAuthority,
    /// The token does not satisfy the policy. 403 `Forbidden`, inner code `AccessDenied`.
    #[error("Target environment attestation does not meet key release policy requirements.")]
    PolicyNotMet,
    /// The token satisfies the policy but names no key that could receive the released one. 400
    /// `BadParameter`.
    #[error(
        "The attestation token has no RSA key of 2048 to 8192 bits for encryption among the keys \
         of its x-ms-runtime claim."
    )]
    NoRecipient,
}

/// A released key: everything of the signed answer but what the wire says of the key.
pub struct ReleasedView {
    /// The key's name, as it was first spelt.
    pub name: ObjectName,
    /// The version and what is known of it.
    pub record: VersionRecord<KeyListing>,
    /// The vault's rules for deleted objects.
    pub soft_delete: SoftDelete,
    vault: VaultId,
    key_hsm: String,
    enc: KeyEncryption,
    nonce: Option<String>,
    signer: Arc<ReleaseSigner>,
}

impl KeyEncryption {
    /// The one of a name.
    ///
    /// # Errors
    /// [`ModelError::Algorithm`] for every other name.
    pub fn parse(name: &str) -> Result<Self, ModelError> {
        [Self::CkmRsaAesKeyWrap, Self::RsaAesKeyWrap256, Self::RsaAesKeyWrap384]
            .into_iter()
            .find(|enc| enc.name() == name)
            .ok_or_else(|| {
                let shown = name.chars().filter(|c| !c.is_control()).take(40).collect();
                ModelError::Algorithm(shown)
            })
    }

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::CkmRsaAesKeyWrap => "CKM_RSA_AES_KEY_WRAP",
            Self::RsaAesKeyWrap256 => "RSA_AES_KEY_WRAP_256",
            Self::RsaAesKeyWrap384 => "RSA_AES_KEY_WRAP_384",
        }
    }

    fn hash(self) -> OaepHash {
        match self {
            Self::CkmRsaAesKeyWrap => OaepHash::Sha1,
            Self::RsaAesKeyWrap256 => OaepHash::Sha256,
            Self::RsaAesKeyWrap384 => OaepHash::Sha384,
        }
    }
}

impl ReleasedView {
    /// What is signed: the request, and the key as `GET` answers it with its `key_hsm` beside.
    fn payload(
        &self,
        api_version: &str,
        kid: &str,
        bundle: &impl Serialize,
    ) -> Result<Vec<u8>, CryptoError> {
        let mut bundle = serde_json::to_value(bundle).map_err(|_| CryptoError::Internal)?;
        let key = bundle.get_mut("key").and_then(Value::as_object_mut);
        let key = key.ok_or(CryptoError::Internal)?;
        key.insert("key_hsm".to_owned(), Value::from(self.key_hsm.as_str()));
        let mut request = json!({"api-version": api_version, "enc": self.enc.name(), "kid": kid});
        if let (Some(nonce), Some(request)) = (&self.nonce, request.as_object_mut()) {
            request.insert("nonce".to_owned(), Value::from(nonce.as_str()));
        }
        let payload = json!({"request": request, "response": {"key": bundle}});
        Ok(payload.to_string().into_bytes())
    }
}

impl<S: Store> Ops<S> {
    /// `POST /keys/{name}/{version}/release`: the private key, wrapped for the environment that
    /// the token speaks of. Without a `release`, as where no authority is configured, to nobody.
    ///
    /// # Errors
    /// [`OpError::Invalid`] for a nonce beyond [`MAX_NONCE_BYTES`], [`OpError::NotFound`],
    /// [`OpError::NotUsable`] for a disabled key, [`OpError::Release`], [`OpError::Busy`], or that
    /// the service cannot.
    pub async fn release_key(
        &self,
        release: Option<&Release>,
        admitted: Admitted<ReleaseKey>,
        call: &mut Call,
    ) -> Result<ReleasedView, OpError> {
        let (authorized, request) = admitted.into_parts();
        if request.nonce.as_ref().is_some_and(|nonce| nonce.len() > MAX_NONCE_BYTES) {
            return Err(OpError::Invalid(format!(
                "The nonce is longer than {MAX_NONCE_BYTES} bytes."
            )));
        }
        let objects = self.objects::<Keys>(&authorized).await?;
        let snapshot = self.snapshot().await?;
        let (found, record) = objects.find(&snapshot, &request.name, request.version).await?;
        if !record.attributes.enabled {
            let (kind, verb, why) = (Kind::Key, "release", Unusable::Disabled);
            return Err(OpError::NotUsable { kind, verb, why });
        }
        let Some(release) = release else {
            call.set_property("releaseRefused", "no attestation authority is configured".into());
            return Err(ReleaseRefusal::NoAuthority.into());
        };
        // Releases are charged as creations are: see the service's limits.
        self.charge_creation(&authorized, record.listing.key_type)?;
        // A policy that was tightened since holds for the older versions too.
        let current = &found.head.current;
        if record.version != current.version && current.listing.release_policy.is_some() {
            approve(&*release.verifier, &current.listing, &request, call).await?;
        }
        let approval = approve(&*release.verifier, &record.listing, &request, call).await?;
        let access = self.access(&objects, &snapshot, &found.head, &record).await?;
        let key_hsm = self
            .on_pool(&authorized, move || {
                let key = access.open()?;
                approval.wrap(&*key)
            })
            .await??;
        Ok(ReleasedView {
            name: found.head.name,
            record,
            soft_delete: authorized.vault().soft_delete,
            vault: authorized.vault().id,
            key_hsm,
            enc: request.enc,
            nonce: request.nonce,
            signer: Arc::clone(&release.signer),
        })
    }

    /// The answer of a release: a JWS over the request and the key (`value` on the wire).
    ///
    /// `kid` is the key's identifier as the request named it, with a version or without; `bundle`
    /// is the key as `GET` answers it. The shape is that of recorded answers;
    /// confidential-sidecar-containers (`pkg/common/akv.go`) reads it.
    ///
    /// # Errors
    /// [`OpError::Busy`], or [`OpError::Internal`] when the signature fails, or for a bundle that
    /// has no `key`.
    pub async fn sign_released(
        &self,
        released: &ReleasedView,
        api_version: &str,
        kid: &str,
        bundle: &(impl Serialize + Sync),
    ) -> Result<String, OpError> {
        let payload = released.payload(api_version, kid, bundle)?;
        let signer = Arc::clone(&released.signer);
        Ok(self.work.pool.run(released.vault, move || signer.sign(&payload)).await??)
    }
}
