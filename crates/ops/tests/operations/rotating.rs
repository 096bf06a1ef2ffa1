//! Rotation by policy, and the uses of symmetric keys.

use std::sync::Arc;

use strongroom_crypto::SecretBytes;
use strongroom_model::rotation::{LifetimeActionParameters, RotationRules};
use strongroom_model::{
    AttributesChange, Curve, EncryptionAlgorithm, KeyListing, KeyOperation, KeySpec, KeyType, Kind,
    Timestamp, VaultResource, VersionRecord,
};
use strongroom_ops::{
    BackupKey, CreateKey, DeleteKey, Encrypt, GetKey, GetKeyVersions, NewKey, OpError, PageRequest,
    Plaintext, PurgeDeletedKey, RecoverDeletedKey, RestoreKey, Swept, UpdateKey,
    UpdateKeyRotationPolicy,
};
use strongroom_seal::{Part, Place, plaintext};
use strongroom_store::memory::MemoryStore;
use strongroom_store::{Freshness, Snapshot, Store, Txn, layout};

use crate::support::{Node, name};

const DAY: u32 = 86_400;
const NOTHING: Swept =
    Swept { purged: 0, rotated: 0, renewed: 0, noticed: 0, collected: 0, failed: 0 };
const ROTATED: Swept = Swept { rotated: 1, ..NOTHING };

async fn create<S: Store>(node: &Node<S>, vault: &Arc<VaultResource>, spec: KeySpec) {
    let key_type = match spec {
        KeySpec::Oct { .. } => KeyType::Oct,
        _ => KeyType::Ec,
    };
    let request = CreateKey { name: name("key"), key_type, spec, new: NewKey::default() };
    node.ops.create_key(node.admit(vault, request), &mut node.call()).await.unwrap();
}

async fn set_policy<S: Store>(
    node: &Node<S>,
    vault: &Arc<VaultResource>,
    expiry: Option<&str>,
    rotate: Option<&str>,
) {
    let rotate = rotate.map(|after| LifetimeActionParameters {
        action: "Rotate",
        time_after_create: Some(after),
        time_before_expiry: None,
    });
    let rules = RotationRules::parse(expiry, rotate.as_slice()).unwrap();
    let request = UpdateKeyRotationPolicy { name: name("key"), rules };
    let request = node.admit(vault, request);
    node.ops.update_key_rotation_policy(request, &mut node.call()).await.unwrap();
}

async fn current<S: Store>(
    node: &Node<S>,
    vault: &Arc<VaultResource>,
) -> VersionRecord<KeyListing> {
    let request = node.admit(vault, GetKey { name: name("key"), version: None });
    node.ops.get_key(request).await.unwrap().record
}

async fn versions<S: Store>(node: &Node<S>, vault: &Arc<VaultResource>) -> usize {
    let page = PageRequest { max_results: 25, skip_token: None };
    let request = node.admit(vault, GetKeyVersions { name: name("key"), page });
    node.ops.get_key_versions(request).await.unwrap().values.len()
}

async fn timers<S: Store>(node: &Node<S>) -> Vec<Timestamp> {
    let snapshot = node.store.snapshot(Freshness::Linearizable).await.unwrap();
    let rows = snapshot.scan(layout::DUE, None, 100).await.unwrap();
    rows.iter().map(|(key, _)| layout::due_time(key).unwrap()).collect()
}

#[tokio::test]
async fn two_nodes_rotate_a_key_once_and_again_when_it_is_due_again() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    create(&node, &vault, KeySpec::Ec(Curve::P256)).await;
    set_policy(&node, &vault, Some("P90D"), Some("P30D")).await;
    let first = current(&node, &vault).await;
    assert_eq!(node.ops.sweep().await.unwrap(), NOTHING);
    node.clock.advance(30 * DAY).await.unwrap();
    let other = Node::open(node.store.clone(), Arc::clone(&node.owner), true).await;
    let (here, there) = tokio::join!(node.ops.sweep(), other.ops.sweep());
    assert_eq!(here.unwrap().rotated + there.unwrap().rotated, 1);
    assert_eq!(versions(&node, &vault).await, 2);
    let second = current(&node, &vault).await;
    assert_ne!(first.version, second.version);
    assert_ne!(first.listing.public, second.listing.public);
    let created = second.attributes.created;
    assert_eq!(second.attributes.expires, Some(created.plus_days(90)));
    assert_eq!(node.ops.sweep().await.unwrap(), NOTHING);
    node.clock.advance(30 * DAY).await.unwrap();
    assert_eq!(node.ops.sweep().await.unwrap(), ROTATED);
    assert_eq!(versions(&node, &vault).await, 3);
    assert_eq!(timers(&node).await.len(), 1, "one timer stays");
}

#[tokio::test]
async fn a_notice_is_given_once_for_a_version() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    let new = NewKey {
        attributes: AttributesChange {
            expires: Some(node.clock.now().plus_days(40)),
            ..AttributesChange::default()
        },
        ..NewKey::default()
    };
    let spec = KeySpec::Ec(Curve::P256);
    let request = CreateKey { name: name("key"), key_type: KeyType::Ec, spec, new };
    node.ops.create_key(node.admit(&vault, request), &mut node.call()).await.unwrap();
    set_policy(&node, &vault, None, None).await;
    node.clock.advance(9 * DAY).await.unwrap();
    assert_eq!(node.ops.sweep().await.unwrap(), NOTHING);
    node.clock.advance(DAY + 60).await.unwrap();
    assert_eq!(node.ops.sweep().await.unwrap(), Swept { noticed: 1, ..NOTHING });
    assert_eq!(node.ops.sweep().await.unwrap(), NOTHING);
    assert_eq!(timers(&node).await, [], "nothing is due any more");
    assert_eq!(versions(&node, &vault).await, 1);
}

#[tokio::test]
async fn a_deleted_key_is_not_rotated_and_a_recovered_one_is() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    create(&node, &vault, KeySpec::Ec(Curve::P384)).await;
    set_policy(&node, &vault, None, Some("P7D")).await;
    let delete = node.admit(&vault, DeleteKey { name: name("key") });
    node.ops.delete_key(delete, &mut node.call()).await.unwrap();
    assert_eq!(timers(&node).await.len(), 1, "only that of the purge");
    node.clock.advance(6 * DAY).await.unwrap();
    assert_eq!(node.ops.sweep().await.unwrap(), NOTHING);
    let recover = node.admit(&vault, RecoverDeletedKey { name: name("key") });
    node.ops.recover_deleted_key(recover, &mut node.call()).await.unwrap();
    node.clock.advance(2 * DAY).await.unwrap();
    assert_eq!(node.ops.sweep().await.unwrap(), ROTATED);
    assert_eq!(versions(&node, &vault).await, 2);
}

#[tokio::test]
async fn a_purge_takes_every_row_of_a_key() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    create(&node, &vault, KeySpec::Oct { bits: 256 }).await;
    set_policy(&node, &vault, None, Some("P30D")).await;
    encrypt(&node, &vault).await.unwrap();
    let delete = node.admit(&vault, DeleteKey { name: name("key") });
    node.ops.delete_key(delete, &mut node.call()).await.unwrap();
    node.clock.advance(7 * DAY).await.unwrap();
    let swept = node.ops.sweep().await.unwrap();
    assert_eq!(swept, Swept { purged: 1, collected: 1, ..NOTHING });
    let snapshot = node.store.snapshot(Freshness::Linearizable).await.unwrap();
    let prefix = layout::table(vault.id, Kind::Key, layout::Table::Heads);
    let prefix = &prefix[..prefix.len() - 2];
    assert_eq!(snapshot.scan(prefix, None, 10).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_restored_key_keeps_its_policy() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    create(&node, &vault, KeySpec::Ec(Curve::P256)).await;
    set_policy(&node, &vault, None, Some("P7D")).await;
    let backup = node.admit(&vault, BackupKey { name: name("key") });
    let blob = node.ops.backup_key(backup).await.unwrap();
    let delete = node.admit(&vault, DeleteKey { name: name("key") });
    node.ops.delete_key(delete, &mut node.call()).await.unwrap();
    let purge = node.admit(&vault, PurgeDeletedKey { name: name("key") });
    node.ops.purge_deleted_key(purge, &mut node.call()).await.unwrap();
    let restore = node.admit(&vault, RestoreKey { blob });
    node.ops.restore_key(restore, &mut node.call()).await.unwrap();
    node.clock.advance(7 * DAY).await.unwrap();
    let swept = node.ops.sweep().await.unwrap();
    assert_eq!(swept, Swept { rotated: 1, collected: 1, ..NOTHING });
    assert_eq!(versions(&node, &vault).await, 2);
}

async fn encrypt<S: Store>(node: &Node<S>, vault: &Arc<VaultResource>) -> Result<(), OpError> {
    let plaintext = Plaintext {
        algorithm: EncryptionAlgorithm::A256Gcm,
        value: SecretBytes::new(vec![7; 32]),
        iv: None,
        aad: None,
    };
    let request = Encrypt { name: name("key"), version: None, plaintext };
    node.ops.encrypt(node.admit(vault, request), &mut node.call()).await.map(drop)
}

/// Sets the count of the current version's uses, as if so many had been.
async fn wear<S: Store>(node: &Node<S>, vault: &Arc<VaultResource>, uses: u64) {
    let snapshot = node.store.snapshot(Freshness::Linearizable).await.unwrap();
    let prefix = layout::table(vault.id, Kind::Key, layout::Table::Uses);
    let rows = snapshot.scan(&prefix, None, 2).await.unwrap();
    let [(key, _)] = rows.as_slice() else { panic!("one count of uses") };
    let ids = &key[prefix.len()..];
    let incarnation = strongroom_model::IncarnationId::from_bytes(ids[..16].try_into().unwrap());
    let version = strongroom_model::Version::from_bytes(ids[16..].try_into().unwrap());
    let place = Place::Object {
        vault: vault.id,
        kind: Kind::Key,
        name: "key",
        part: Part::Uses(incarnation, version),
    };
    let keys = node.ring.vault(vault.id).await.unwrap();
    let row = keys.seal(&place, &plaintext::encode(&uses).unwrap()).unwrap();
    node.store.commit(Txn::new().put(key.clone(), row)).await.unwrap();
}

#[tokio::test]
async fn a_worn_out_symmetric_key_encrypts_no_more() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    create(&node, &vault, KeySpec::Oct { bits: 256 }).await;
    encrypt(&node, &vault).await.unwrap();
    for (uses, works) in [((1 << 32) - 1, true), (1 << 32, false)] {
        wear(&node, &vault, uses).await;
        // Another node has no uses in hand, and asks the store.
        let fresh = Node::open(node.store.clone(), Arc::clone(&node.owner), true).await;
        match encrypt(&fresh, &vault).await {
            Ok(()) => assert!(works, "{uses} uses"),
            Err(OpError::WornOut(_)) => assert!(!works, "{uses} uses"),
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_restored_symmetric_key_goes_on_counting() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    create(&node, &vault, KeySpec::Oct { bits: 256 }).await;
    encrypt(&node, &vault).await.unwrap();
    wear(&node, &vault, 1 << 32).await;
    let backup = node.admit(&vault, BackupKey { name: name("key") });
    let blob = node.ops.backup_key(backup).await.unwrap();
    let delete = node.admit(&vault, DeleteKey { name: name("key") });
    node.ops.delete_key(delete, &mut node.call()).await.unwrap();
    let purge = node.admit(&vault, PurgeDeletedKey { name: name("key") });
    node.ops.purge_deleted_key(purge, &mut node.call()).await.unwrap();
    let restore = node.admit(&vault, RestoreKey { blob });
    node.ops.restore_key(restore, &mut node.call()).await.unwrap();
    assert!(matches!(encrypt(&node, &vault).await, Err(OpError::WornOut(_))));
}

#[tokio::test]
async fn rotations_hold_up_nobodys_purge() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    let other = node.vault("other", "rg").await.unwrap();
    create(&node, &vault, KeySpec::Ec(Curve::P256)).await;
    set_policy(&node, &vault, None, Some("P7D")).await;
    create(&node, &other, KeySpec::Ec(Curve::P256)).await;
    let delete = node.admit(&other, DeleteKey { name: name("key") });
    node.ops.delete_key(delete, &mut node.call()).await.unwrap();
    node.clock.advance(7 * DAY + 60).await.unwrap();
    let swept = node.ops.sweep_promptly().await.unwrap();
    assert_eq!(swept, Swept { purged: 1, collected: 1, ..NOTHING }, "and nothing was rotated");
    assert_eq!(node.ops.rotate_due_keys().await.unwrap(), ROTATED);
    assert_eq!(node.ops.rotate_due_keys().await.unwrap(), NOTHING);
}

/// With `update` and `decrypt` alone, nobody may make a key exchange key open blobs.
#[tokio::test]
async fn a_key_exchange_key_stays_one() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    for (before, after) in [
        (KeyOperation::Import, KeyOperation::Decrypt),
        (KeyOperation::Decrypt, KeyOperation::Import),
    ] {
        let new = NewKey { key_ops: Some(vec![before]), ..NewKey::default() };
        let spec = KeySpec::rsa(2048, None).unwrap();
        let key_type = KeyType::RsaHsm;
        let request = CreateKey { name: name("key"), key_type, spec, new };
        node.ops.create_key(node.admit(&vault, request), &mut node.call()).await.unwrap();
        let request = UpdateKey {
            name: name("key"),
            version: None,
            key_ops: Some(vec![after]),
            attributes: AttributesChange::default(),
            exportable: None,
            release_policy: None,
            tags: None,
        };
        let updated = node.ops.update_key(node.admit(&vault, request), &mut node.call()).await;
        assert!(matches!(updated, Err(OpError::Invalid(_))), "{before} to {after}");
    }
}
