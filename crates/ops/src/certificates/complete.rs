//! The next version, once its certificate is there: the certificate, its key, its secret, its
//! policy and the end of its operation, in one transaction.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minicbor::bytes::ByteVec;
use strongroom_crypto::SecretBytes;
use strongroom_model::certificates::{
    CertificateListing, CertificatePolicy, OperationStatus, SecretFormat,
};
use strongroom_model::secrets::MAX_VALUE_BYTES;
use strongroom_model::{
    Attributes, Head, KeyListing, KeyOperation, ObjectName, RequestId, SecretListing, Tags,
    Timestamp, Version,
};
use strongroom_pki::{CertificateFacts, pem, pfx};
use strongroom_seal::plaintext;
use strongroom_store::{Txn, layout};

use super::companions::Contents;
use super::pending::{self, Pending, PendingKey};
use super::schedule::{self, Schedule};
use super::standing::Standing;
use crate::OpError;
use crate::objects::{Certificates, Draft, Next, Objects};

/// The longest chain of a version, in bytes of DER together.
const MAX_CHAIN_BYTES: usize = 128 * 1024;

/// A version whose certificate is there: everything that is put of it.
pub(crate) struct Complete {
    facts: CertificateFacts,
    body: Vec<u8>,
    contents: Contents,
}

/// What a version is completed with.
pub(crate) struct Completion<'a> {
    /// The policy by which it was made.
    pub(crate) policy: &'a CertificatePolicy,
    /// Its key.
    pub(crate) key: &'a PendingKey,
    /// The certificate and who signed it, leaf first.
    pub(crate) chain: &'a [Vec<u8>],
    /// The chain as the secret has it.
    pub(crate) shown: &'a [Vec<u8>],
    /// What protects the key.
    pub(crate) hsm_platform: u8,
}

impl Complete {
    /// Puts together what a version is. Takes a millisecond or so for a PFX.
    ///
    /// # Errors
    /// [`OpError::Invalid`] for a certificate that is malformed, of another key, or too large.
    pub(crate) fn new(completion: &Completion<'_>) -> Result<Self, OpError> {
        let leaf = completion.chain.first().map(Vec::as_slice).unwrap_or_default();
        let facts = strongroom_pki::facts(leaf)?;
        if facts.public != completion.key.public {
            return Err(other_key());
        }
        if completion.chain.iter().map(Vec::len).sum::<usize>() > MAX_CHAIN_BYTES {
            return Err(OpError::Invalid(format!(
                "The certificate with its chain is beyond the maximum of {MAX_CHAIN_BYTES} bytes."
            )));
        }
        let key = KeyListing {
            key_type: completion.policy.key.key_type,
            public: completion.key.public.clone(),
            key_ops: key_ops(completion, facts.is_ca),
            exportable: false,
            release_policy: None,
            managed: Some(true),
            hsm_platform: completion.hsm_platform,
        };
        let format = completion.policy.secret;
        let content_type = Some(format.content_type().to_owned());
        let private = completion.key.private();
        let exported = completion.policy.key.exportable.then_some(&private);
        let value = secret_value(format, exported, completion.shown)?;
        let secret =
            SecretListing { content_type, managed: Some(true), ..SecretListing::default() };
        let contents = Contents { key, private, secret, value };
        Ok(Self { facts, body: encode(completion.chain)?, contents })
    }

    /// When the certificate is valid.
    pub(crate) fn attributes(&self, enabled: bool, now: Timestamp) -> Attributes {
        Attributes {
            enabled,
            not_before: Some(self.facts.not_before),
            expires: Some(self.facts.not_after),
            created: now,
            updated: now,
        }
    }
}

/// What the new version says of itself, and what becomes of the policy and the operation.
pub(crate) struct NewVersion<'a> {
    /// Its number.
    pub(crate) version: Version,
    /// Whether it is enabled.
    pub(crate) enabled: bool,
    /// Its tags.
    pub(crate) tags: Option<Tags>,
    /// Whether the secret keeps the chain in the order in which it came.
    pub(crate) preserve_order: bool,
    /// The authority of the vault that issued it.
    pub(crate) authority: Option<ObjectName>,
    /// The policy from now on.
    pub(crate) policy: CertificatePolicy,
    /// The operation that made it; `None` for an imported version, which forgets the last one.
    pub(crate) operation: Option<&'a Pending>,
    /// The request that completes it.
    pub(crate) request: RequestId,
    /// When.
    pub(crate) now: Timestamp,
}

/// Adds the new version of a certificate to a transaction that holds only while its name stands as
/// it was found.
pub(crate) fn put(
    objects: &Objects<Certificates>,
    txn: Txn,
    name: &ObjectName,
    standing: &Standing,
    complete: &Complete,
    new: &NewVersion<'_>,
) -> Result<(Txn, Head<CertificateListing>), OpError> {
    let certificate = standing.certificate.as_ref();
    let draft = Draft {
        attributes: complete.attributes(new.enabled, new.now),
        tags: new.tags.clone(),
        listing: CertificateListing {
            thumbprint: Some(complete.facts.thumbprint),
            preserve_order: new.preserve_order,
            authority: new.authority.clone(),
        },
    };
    let (found, version) = (certificate.map(|certificate| &certificate.found), new.version);
    let at = Next { found, name, version, request: new.request };
    let (txn, head) = objects.put_next_version(txn, &at, &draft, Some(&complete.body))?;
    let txn = standing.companions.put_next_version(objects, txn, &head, &complete.contents)?;
    let found = certificate.map(|certificate| &certificate.schedule);
    let mut schedule = match found {
        Some((found, _)) => Schedule { policy: new.policy.clone(), ..found.clone() },
        None => Schedule::new(new.policy.clone()),
    };
    let ordered = new.operation.and_then(|pending| pending.order.as_ref());
    schedule.renewed(ordered.map(|_| new.now));
    let txn = schedule::put(objects, txn, &head, schedule, found.map(|(_, at)| *at))?;
    let before = certificate.and_then(|c| c.pending.as_ref()).map(|(_, revision)| *revision);
    let txn = pending::require(objects, txn, head.incarnation, before);
    let txn = match new.operation {
        Some(pending) => {
            let mut operation = pending.operation.clone();
            (operation.status, operation.error) = (OperationStatus::Completed, None);
            operation.status_details = None;
            let pending = Pending { operation, key: None, order: None, ..pending.clone() };
            pending::put(objects, txn, (&head.name, head.incarnation), &pending)?
        }
        None if before.is_some() => txn.delete(layout::operation(objects.vault, head.incarnation)),
        None => txn,
    };
    Ok((txn, head))
}

/// What clients may use a version's key for. The key of an authority that was made here signs what
/// the authority certifies: whoever could have it sign anything would certify past the issuer's
/// profile and the ledger.
fn key_ops(completion: &Completion<'_>, is_authority: bool) -> Vec<KeyOperation> {
    match &completion.key.key_ops {
        Some(kept) => kept.clone(),
        None if is_authority => Vec::new(),
        None => completion.policy.key.key_type.default_operations().to_vec(),
    }
}

/// A certificate's chain as a version's body.
fn encode(chain: &[Vec<u8>]) -> Result<Vec<u8>, OpError> {
    let chain: Vec<ByteVec> = chain.iter().cloned().map(ByteVec::from).collect();
    let encoded = plaintext::encode(&chain)
        .map_err(|_| OpError::Internal("a chain does not encode".into()))?;
    Ok(encoded.to_vec())
}

/// The chain in a version's body.
pub(crate) fn decode(body: &[u8]) -> Result<Vec<Vec<u8>>, OpError> {
    let chain: Vec<ByteVec> =
        minicbor::decode(body).map_err(|_| OpError::Internal("a chain does not decode".into()))?;
    Ok(chain.into_iter().map(Vec::from).collect())
}

/// What a certificate's secret holds: PFX in base64, or PEM; with the private key only if it may
/// leave.
fn secret_value(
    format: SecretFormat,
    private: Option<&SecretBytes>,
    chain: &[Vec<u8>],
) -> Result<SecretBytes, OpError> {
    let value = match format {
        SecretFormat::Pkcs12 => {
            let written = pfx::write(private, chain)?;
            // Room for all of it: growing would leave a copy behind.
            let mut text = String::with_capacity(written.len().div_ceil(3) * 4);
            STANDARD.encode_string(written.expose(), &mut text);
            SecretBytes::from(text)
        }
        SecretFormat::Pem => pem::write(private, chain)?,
    };
    if value.len() > MAX_VALUE_BYTES {
        return Err(OpError::Invalid(format!(
            "The certificate with its chain and private key is beyond the maximum permitted length \
             of a secret, {MAX_VALUE_BYTES} characters."
        )));
    }
    Ok(value)
}

/// In the words of the real service.
pub(crate) fn other_key() -> OpError {
    OpError::Invalid(
        "The public key of the end-entity certificate in the specified X.509 certificate content \
         does not match the public part of the specified private key. Please check if certificate \
         is valid."
            .into(),
    )
}
