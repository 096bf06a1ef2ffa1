//! Bring your own key: transfer blobs that OpenSSL made.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use strongroom_model::{
    AttributesChange, Curve, KeyListing, KeyOperation, KeySpec, KeyType, PublicKey, VaultResource,
    VersionRecord,
};
use strongroom_ops::{CreateKey, ImportKey, Imported, NewKey, OpError, TransferBlob, UpdateKey};
use strongroom_store::memory::MemoryStore;

use crate::openssl::{OpenSsl, hex};
use crate::support::{Node, name};

struct Site {
    node: Node<MemoryStore>,
    vault: Arc<VaultResource>,
    kek: VersionRecord<KeyListing>,
}

impl Site {
    /// A vault with a key exchange key.
    async fn new() -> Self {
        let node = Node::new(MemoryStore::new(), true).await;
        let vault = node.vault("contoso", "rg").await.unwrap();
        let kek = create_kek(&node, &vault, "kek", vec![KeyOperation::Import]).await;
        Self { node, vault, kek }
    }

    /// A private key, wrapped for the key exchange key.
    fn wrapped(&self, openssl: &OpenSsl, target: &[u8]) -> Vec<u8> {
        let PublicKey::Rsa { n, e } = &self.kek.listing.public else { panic!("an RSA key") };
        openssl.wrap(n, e, target)
    }

    fn kid(&self) -> String {
        format!("https://contoso.vault.localhost:8443/keys/kek/{}", self.kek.version)
    }

    async fn import(&self, key_type: KeyType, blob: Vec<u8>) -> Result<KeyListing, OpError> {
        self.import_on(None, key_type, blob).await
    }

    async fn import_on(
        &self,
        curve: Option<Curve>,
        key_type: KeyType,
        blob: Vec<u8>,
    ) -> Result<KeyListing, OpError> {
        let key = Imported::TransferBlob { blob, curve };
        let request = ImportKey { name: name("byok"), key_type, key, new: NewKey::default() };
        let request = self.node.admit(&self.vault, request);
        let view = self.node.ops.import_key(request, &mut self.node.call()).await?;
        Ok(view.record.listing)
    }

    async fn refusal(&self, key_type: KeyType, blob: Vec<u8>) -> String {
        match self.import(key_type, blob).await {
            Err(OpError::Invalid(text)) => text,
            other => panic!("{other:?}"),
        }
    }
}

async fn create_kek(
    node: &Node<MemoryStore>,
    vault: &Arc<VaultResource>,
    key: &str,
    key_ops: Vec<KeyOperation>,
) -> VersionRecord<KeyListing> {
    let new = NewKey { key_ops: Some(key_ops), ..NewKey::default() };
    let spec = KeySpec::rsa(2048, None).unwrap();
    let request = CreateKey { name: name(key), key_type: KeyType::RsaHsm, spec, new };
    node.ops.create_key(node.admit(vault, request), &mut node.call()).await.unwrap().record
}

fn blob(kid: &str, ciphertext: &[u8]) -> Vec<u8> {
    let ciphertext = URL_SAFE_NO_PAD.encode(ciphertext);
    let header = format!(r#"{{"kid":"{kid}","alg":"dir","enc":"CKM_RSA_AES_KEY_WRAP"}}"#);
    format!(
        r#"{{"schema_version":"1.0.0","header":{header},"ciphertext":"{ciphertext}",
        "generator":"OpenSSL"}}"#
    )
    .into_bytes()
}

#[tokio::test]
async fn keys_that_openssl_wrapped_are_taken_in() {
    let (site, openssl) = (Site::new().await, OpenSsl::new());
    let rsa = openssl.run("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -outform DER");
    let ec = openssl.run("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -outform DER");
    // OpenSSL writes the older form of a private key for EC unless asked for PKCS#8.
    openssl.put("ec", &ec);
    let ec = openssl.run("pkcs8 -topk8 -nocrypt -inform DER -in ec -outform DER");
    openssl.put("rsa", &rsa);
    let rsa = openssl.run("pkcs8 -topk8 -nocrypt -inform DER -in rsa -outform DER");

    let sent = blob(&site.kid(), &site.wrapped(&openssl, &rsa));
    let listing = site.import(KeyType::RsaHsm, sent).await.unwrap();
    let PublicKey::Rsa { n, .. } = &listing.public else { panic!("an RSA key") };
    assert_eq!(hex(n), openssl.modulus(&rsa));
    assert_eq!(listing.key_type, KeyType::RsaHsm);

    let sent = blob(&site.kid(), &site.wrapped(&openssl, &ec));
    let other = site.import_on(Some(Curve::P384), KeyType::EcHsm, sent.clone()).await;
    assert!(matches!(other, Err(OpError::Invalid(_))), "{other:?}");
    let listing = site.import_on(Some(Curve::P256), KeyType::EcHsm, sent).await.unwrap();
    let PublicKey::Ec { x, y, .. } = &listing.public else { panic!("an EC key") };
    assert!(openssl.public(&ec).ends_with(&[&[4][..], x, y].concat()));

    // A kid without a version names the current one.
    let kid = site.kid();
    let current = kid.rsplit_once('/').unwrap().0;
    let sent = blob(current, &site.wrapped(&openssl, &[7; 32]));
    let listing = site.import(KeyType::OctHsm, sent).await.unwrap();
    assert_eq!(listing.public, PublicKey::Oct { bits: 256 });
}

/// The caller learns neither which keys there are nor how far the unwrapping got.
#[tokio::test]
async fn whatever_keeps_a_blob_closed_has_one_text() {
    let (site, openssl) = (Site::new().await, OpenSsl::new());
    let wrapped = site.wrapped(&openssl, &[7; 32]);
    let flipped = |at: usize| {
        let mut wrapped = wrapped.clone();
        wrapped[at] ^= 1;
        wrapped
    };
    let kid = site.kid();
    let other = create_kek(
        &site.node,
        &site.vault,
        "other",
        vec![KeyOperation::WrapKey, KeyOperation::UnwrapKey],
    )
    .await;
    let other = kid
        .replace("kek", "other")
        .replace(&site.kek.version.to_string(), &other.version.to_string());
    let mut texts = Vec::new();
    for (kid, ciphertext) in [
        (kid.as_str(), flipped(0)),
        (&kid, flipped(255)),
        (&kid, flipped(256)),
        (&kid, flipped(wrapped.len() - 1)),
        (&kid, wrapped[..wrapped.len() - 8].to_vec()),
        (&kid, wrapped[..256].to_vec()),
        (&kid, wrapped[..100].to_vec()),
        (&kid, Vec::new()),
        (&kid, [&wrapped[..], &[0; 8]].concat()),
        (&other, wrapped.clone()),
        (&kid.replace("kek", "absent"), wrapped.clone()),
        (&kid.replace("contoso", "fabrikam"), wrapped.clone()),
        (&kid.replace(&site.kek.version.to_string(), &"0".repeat(32)), wrapped.clone()),
    ] {
        texts.push(site.refusal(KeyType::OctHsm, blob(kid, &ciphertext)).await);
    }
    let update = UpdateKey {
        name: name("kek"),
        version: None,
        key_ops: None,
        attributes: AttributesChange { enabled: Some(false), ..AttributesChange::default() },
        exportable: None,
        release_policy: None,
        tags: None,
    };
    let update = site.node.admit(&site.vault, update);
    site.node.ops.update_key(update, &mut site.node.call()).await.unwrap();
    texts.push(site.refusal(KeyType::OctHsm, blob(&kid, &wrapped)).await);
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].contains("cannot be opened"), "{texts:?}");
}

#[tokio::test]
async fn a_blob_goes_to_a_device_and_holds_a_key_of_its_type() {
    let (site, openssl) = (Site::new().await, OpenSsl::new());
    let sent = |target: &[u8]| blob(&site.kid(), &site.wrapped(&openssl, target));
    let text = site.refusal(KeyType::Rsa, sent(&[7; 32])).await;
    assert!(text.contains("-HSM"), "{text}");
    for (key_type, target) in [
        (KeyType::RsaHsm, vec![7; 32]),
        (KeyType::EcHsm, vec![0x30, 0]),
        (KeyType::OctHsm, vec![7; 31]),
    ] {
        let text = site.refusal(key_type, sent(&target)).await;
        assert!(text.contains("key is not valid"), "{text}");
    }
    let malformed = site.refusal(KeyType::OctHsm, b"{}".to_vec()).await;
    assert!(malformed.contains("malformed"), "{malformed}");
}

proptest! {
    #[test]
    fn arbitrary_blobs_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let _ = TransferBlob::parse(&bytes);
    }

    #[test]
    fn a_blob_is_read_as_it_was_written(
        ciphertext in prop::collection::vec(any::<u8>(), 0..600),
        key in "[a-zA-Z0-9-]{1,20}",
        vault in "[a-z]{3,10}",
    ) {
        let kid = format!("https://{vault}.vault.azure.net/keys/{key}");
        let parsed = TransferBlob::parse(&blob(&kid, &ciphertext)).unwrap();
        prop_assert_eq!(parsed.ciphertext, ciphertext);
        prop_assert_eq!(parsed.kek.vault, vault);
        prop_assert_eq!(parsed.kek.name.as_str(), key);
        prop_assert_eq!(parsed.kek.version, None);
    }

    #[test]
    fn arbitrary_kids_do_not_panic(kid in "[ -!#-\\[\\]-~]{0,80}") {
        let _ = TransferBlob::parse(&blob(&kid, b"x"));
    }
}
