//! A certificate, its key and its secret live and die together.

use std::sync::Arc;

use strongroom_model::{AttributesChange, KeyOperation, Kind, Tags, Timestamp, VaultResource};
use strongroom_ops::{
    BackupCertificate, BackupKey, DeleteCertificate, DeleteKey, DeleteSecret, GetDeletedKey,
    GetDeletedSecret, OpError, PurgeDeletedCertificate, PurgeDeletedKey, PurgeDeletedSecret,
    RecoverDeletedCertificate, RecoverDeletedKey, RecoverDeletedSecret, RestoreCertificate,
    RotateKey, UpdateKey, UpdateKeyRotationPolicy, UpdateSecret,
};
use strongroom_store::Store;
use strongroom_store::memory::MemoryStore;

use crate::certificates::policy;
use crate::support::{Node, name};

async fn delete<S: Store>(node: &Node<S>, vault: &Arc<VaultResource>) {
    let request = node.admit(vault, DeleteCertificate { name: name("web") });
    node.ops.delete_certificate(request, &mut node.call()).await.unwrap();
}

macro_rules! assert_managed {
    ($node:ident $vault:ident $kind:ident $($operation:ident $request:ident),*) => {$(
        let request = $node.admit(&$vault, $request { name: name("web") });
        let refused = $node.ops.$operation(request, &mut $node.call()).await;
        assert!(
            matches!(refused, Err(OpError::Managed(Kind::$kind))),
            concat!(stringify!($request), ": {:?}"),
            refused.err()
        );
    )*};
}

#[tokio::test]
async fn key_and_secret_are_deleted_recovered_and_purged_with_their_certificate_alone() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    let empty = node.rows().await;
    node.create_certificate(&vault, "web", Some(policy("Self"))).await.unwrap();
    node.create_certificate(&vault, "web", None).await.unwrap();
    let signature = node.sign(&vault, "web").await.unwrap();
    let before = node.rows().await;
    assert_managed!(node vault Key delete_key DeleteKey, rotate_key RotateKey);
    assert_managed!(node vault Secret delete_secret DeleteSecret);
    let rules = strongroom_model::RotationRules::default();
    let request = node.admit(&vault, UpdateKeyRotationPolicy { name: name("web"), rules });
    let refused = node.ops.update_key_rotation_policy(request, &mut node.call()).await;
    assert!(matches!(refused, Err(OpError::Managed(Kind::Key))));
    let request = node.admit(&vault, BackupKey { name: name("web") });
    assert!(matches!(node.ops.backup_key(request).await, Err(OpError::Managed(Kind::Key))));
    assert_eq!(node.rows().await, before);

    delete(&node, &vault).await;
    assert!(matches!(node.sign(&vault, "web").await, Err(OpError::NotFound { .. })));
    assert!(matches!(node.secret(&vault, "web").await, Err(OpError::NotFound { .. })));
    let request = node.admit(&vault, GetDeletedKey { name: name("web") });
    let key = node.ops.get_deleted_key(request).await.unwrap();
    let request = node.admit(&vault, GetDeletedSecret { name: name("web") });
    let secret = node.ops.get_deleted_secret(request).await.unwrap();
    assert_eq!(key.scheduled_purge, secret.scheduled_purge);
    assert_managed!(node vault Key recover_deleted_key RecoverDeletedKey,
        purge_deleted_key PurgeDeletedKey);
    assert_managed!(node vault Secret recover_deleted_secret RecoverDeletedSecret,
        purge_deleted_secret PurgeDeletedSecret);
    let again = node.create_certificate(&vault, "web", Some(policy("Self"))).await;
    assert!(matches!(again, Err(OpError::DeletedButRecoverable { .. })));

    let request = node.admit(&vault, RecoverDeletedCertificate { name: name("web") });
    node.ops.recover_deleted_certificate(request, &mut node.call()).await.unwrap();
    assert_eq!(node.rows().await, before);
    assert_eq!(node.sign(&vault, "web").await.unwrap().len(), signature.len());

    delete(&node, &vault).await;
    let request = node.admit(&vault, PurgeDeletedCertificate { name: name("web") });
    node.ops.purge_deleted_certificate(request, &mut node.call()).await.unwrap();
    node.ops.sweep().await.unwrap();
    assert_eq!(node.rows().await, empty, "nothing of it is left");
    node.create_certificate(&vault, "web", Some(policy("Self"))).await.unwrap();
}

fn update_key(key_ops: Option<Vec<KeyOperation>>, attributes: AttributesChange) -> UpdateKey {
    let (exportable, release_policy) = (None, None);
    let (name, version, tags) = (name("web"), None, None);
    UpdateKey { name, version, key_ops, attributes, exportable, release_policy, tags }
}

fn update_secret(content_type: Option<&str>, attributes: AttributesChange) -> UpdateSecret {
    let content_type = content_type.map(str::to_owned);
    UpdateSecret { name: name("web"), version: None, content_type, attributes, tags: None }
}

/// What a certificate says of them, nobody says otherwise of its key and secret; of their tags, a
/// client may.
#[tokio::test]
async fn of_key_and_secret_only_the_tags_change() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    node.create_certificate(&vault, "web", Some(policy("Self"))).await.unwrap();
    let current = node.key(&vault, "web").await.unwrap().record;
    let later = Timestamp(current.attributes.expires.unwrap().0 + 1);
    let attributes = [
        AttributesChange { enabled: Some(false), ..AttributesChange::default() },
        AttributesChange { not_before: Some(Timestamp(0)), ..AttributesChange::default() },
        AttributesChange { expires: Some(later), ..AttributesChange::default() },
    ];
    let same = AttributesChange {
        enabled: Some(true),
        not_before: current.attributes.not_before,
        expires: current.attributes.expires,
    };
    let keys = attributes.iter().map(|changed| update_key(None, changed.clone()));
    let ops = update_key(Some(vec![KeyOperation::Sign]), AttributesChange::default());
    for request in keys.chain([ops]) {
        let request = node.admit(&vault, request);
        let refused = node.ops.update_key(request, &mut node.call()).await;
        assert!(matches!(refused, Err(OpError::Managed(Kind::Key))));
    }
    let secrets = attributes.iter().map(|changed| update_secret(None, changed.clone()));
    let typed = update_secret(Some("text/plain"), AttributesChange::default());
    for request in secrets.chain([typed]) {
        let request = node.admit(&vault, request);
        let refused = node.ops.update_secret(request, &mut node.call()).await;
        assert!(matches!(refused, Err(OpError::Managed(Kind::Secret))));
    }
    // .NET's client sends all that it has read of a version along with the tags.
    let tags = Tags::parse([("team".to_owned(), "web".to_owned())].into(), 256).unwrap();
    let key_ops = Some(current.listing.key_ops.clone());
    let request = UpdateKey { tags: Some(tags.clone()), ..update_key(key_ops, same.clone()) };
    let request = node.admit(&vault, request);
    let key = node.ops.update_key(request, &mut node.call()).await.unwrap().record;
    assert_eq!((key.tags, key.listing), (Some(tags.clone()), current.listing));
    let request = update_secret(Some("application/x-pkcs12"), same);
    let request = node.admit(&vault, UpdateSecret { tags: Some(tags.clone()), ..request });
    let secret = node.ops.update_secret(request, &mut node.call()).await.unwrap().record;
    assert_eq!(secret.tags, Some(tags));
}

#[tokio::test]
async fn the_end_of_the_retention_takes_all_three() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    let empty = node.rows().await;
    node.create_certificate(&vault, "web", Some(policy("Self"))).await.unwrap();
    node.create_certificate(&vault, "open", Some(policy("Unknown"))).await.unwrap();
    delete(&node, &vault).await;
    let request = node.admit(&vault, DeleteCertificate { name: name("open") });
    node.ops.delete_certificate(request, &mut node.call()).await.unwrap();
    node.clock.advance(7 * 86_400 - 1).await.unwrap();
    assert_eq!(node.ops.sweep().await.unwrap().purged, 0);
    node.clock.advance(1).await.unwrap();
    let other = Node::open(node.store.clone(), Arc::clone(&node.owner), true).await;
    let (here, there) = tokio::join!(node.ops.sweep(), other.ops.sweep());
    assert_eq!(here.unwrap().purged + there.unwrap().purged, 2);
    node.ops.sweep().await.unwrap();
    assert_eq!(node.rows().await, empty);
}

#[tokio::test]
async fn a_backup_brings_all_three_back() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    let elsewhere = node.vault("other", "rg").await.unwrap();
    for _ in 0..12 {
        node.create_certificate(&vault, "web", Some(policy("Self"))).await.unwrap();
    }
    let request = node.admit(&vault, BackupCertificate { name: name("web") });
    let blob = node.ops.backup_certificate(request).await.unwrap();
    let restore = |blob: &str| RestoreCertificate { blob: blob.into() };
    let request = node.admit(&vault, restore(&blob));
    let taken = node.ops.restore_certificate(request, &mut node.call()).await;
    assert!(matches!(taken, Err(OpError::AlreadyExists { .. })));
    let request = node.admit(&elsewhere, restore(&blob));
    let view = node.ops.restore_certificate(request, &mut node.call()).await.unwrap();
    let original = node.certificate(&vault, "web").await;
    assert_eq!((&view.chain, &view.policy), (&original.chain, &original.policy));
    assert_eq!(node.sign(&elsewhere, "web").await.unwrap().len(), 64);
    let before = node.secret(&vault, "web").await.unwrap();
    assert_eq!(node.secret(&elsewhere, "web").await.unwrap(), before);
    // It is a certificate like any other.
    node.clock.advance(86_400 * 360).await.unwrap();
    assert_eq!(node.ops.sweep().await.unwrap().renewed, 2);
    let mut damaged = blob.into_bytes();
    let last = damaged.len() - 9;
    damaged[last] = if damaged[last] == b'A' { b'B' } else { b'A' };
    let damaged = String::from_utf8(damaged).unwrap();
    let request = node.admit(&elsewhere, restore(&damaged));
    let refused = node.ops.restore_certificate(request, &mut node.call()).await;
    assert!(matches!(refused, Err(OpError::MalformedBackup)));
}
