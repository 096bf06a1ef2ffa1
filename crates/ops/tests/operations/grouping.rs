//! Resource groups: deleted with what they contain, also over a stop; and what a proof is for.

use std::sync::Arc;

use strongroom_authz::GrantedAction;
use strongroom_directory::{Lock, LockLevel, ResourceGroup};
use strongroom_model::{ResourceGroupName, Scope};
use strongroom_ops::OpError;
use strongroom_ops::resources::{
    GROUP_DELETE, GROUP_WRITE, LOCK_WRITE, ResourceRefusal, TAGS_WRITE,
};
use strongroom_ops::vaults::VaultRefusal;
use strongroom_store::memory::MemoryStore;

use crate::support::Node;

fn group(node: &Node<MemoryStore>, name: &str) -> ResourceGroup {
    let name = ResourceGroupName::parse(name).unwrap();
    ResourceGroup::new(node.owner.subscription, name, "westeurope".to_owned())
}

fn granted(action: &str, scope: Scope) -> GrantedAction {
    GrantedAction::on_this_host(action, scope)
}

async fn begin(node: &Node<MemoryStore>, group: &ResourceGroup) {
    let proof = granted(GROUP_DELETE, group.scope());
    node.ops.begin_group_deletion(&proof, group, &mut node.call()).await.unwrap();
}

#[tokio::test]
async fn a_deletion_that_a_stop_interrupted_is_finished_after_the_start() {
    let store = MemoryStore::new();
    let node = Node::new(store.clone(), true).await;
    let group = group(&node, "Doomed");
    let proof = granted(GROUP_WRITE, group.scope());
    let (_, made) = node.ops.put_group(&proof, &group, &mut node.call()).await.unwrap();
    assert!(made);
    for n in 0..70 {
        node.vault(&format!("vault-{n}"), "doomed").await.unwrap();
    }
    let lock = Lock {
        scope: group.scope(),
        name: "late".to_owned(),
        level: LockLevel::CanNotDelete,
        notes: None,
        owners: Vec::new(),
    };
    let proof = granted(LOCK_WRITE, group.scope());
    node.ops.put_lock(&proof, &lock, &mut node.call()).await.unwrap();
    begin(&node, &group).await;
    let refused = node.ops.put_lock(&proof, &lock, &mut node.call()).await;
    assert!(matches!(
        refused,
        Err(ResourceRefusal::Op(OpError::Vault(VaultRefusal::GroupDeleting(_))))
    ));

    let owner = Arc::clone(&node.owner);
    drop(node);
    let node = Node::open(store, owner, true).await;
    // Nothing is made in it meanwhile, and it changes no more.
    let refused = node.vault("newcomer", "doomed").await;
    assert!(matches!(refused, Err(OpError::Vault(VaultRefusal::GroupDeleting(_)))));
    let proof = granted(GROUP_WRITE, group.scope());
    let refused = node.ops.put_group(&proof, &group, &mut node.call()).await;
    assert!(matches!(refused, Err(ResourceRefusal::GroupDeleting(_))));

    node.ops.resume_group_deletions().await.unwrap();
    let directory = node.directory.current();
    assert!(directory.resource_group(group.subscription, &group.name).is_none());
    assert!(directory.locks().get(&group.scope(), "late").is_none());
    assert!(directory.vault("vault-0").is_none());
    assert_eq!(directory.deleted_vaults().count(), 70, "and each can be recovered");
    assert!(directory.resource_groups().count() == 1, "the other group stays");
}

#[tokio::test]
async fn a_proof_for_one_thing_is_none_for_another() {
    let node = Node::new(MemoryStore::new(), true).await;
    let here = group(&node, "here");
    let there = group(&node, "there");
    for proof in [
        granted(GROUP_DELETE, here.scope()),
        granted(TAGS_WRITE, here.scope()),
        granted(GROUP_WRITE, there.scope()),
    ] {
        let refused = node.ops.put_group(&proof, &here, &mut node.call()).await;
        assert!(matches!(refused, Err(ResourceRefusal::NotGranted(_))), "{proof:?}");
    }
    assert_eq!(node.directory.current().resource_groups().count(), 1);
}

#[tokio::test]
async fn deleting_what_is_not_there_and_deleting_twice() {
    let node = Node::new(MemoryStore::new(), true).await;
    let group = group(&node, "group");
    let proof = granted(GROUP_DELETE, group.scope());
    let refused = node.ops.begin_group_deletion(&proof, &group, &mut node.call()).await;
    assert!(matches!(refused, Err(ResourceRefusal::GroupNotFound(_))));
    let write = granted(GROUP_WRITE, group.scope());
    node.ops.put_group(&write, &group, &mut node.call()).await.unwrap();
    begin(&node, &group).await;
    begin(&node, &group).await;
    node.ops.finish_group_deletion(group.subscription, &group.name, None).await.unwrap();
    node.ops.finish_group_deletion(group.subscription, &group.name, None).await.unwrap();
    let (_, made) = node.ops.put_group(&write, &group, &mut node.call()).await.unwrap();
    assert!(made, "the name is free");
    // A group whose deletion has not begun is not deleted by what finishes deletions.
    node.ops.finish_group_deletion(group.subscription, &group.name, None).await.unwrap();
    node.ops.resume_group_deletions().await.unwrap();
    let directory = node.directory.current();
    assert!(directory.resource_group(group.subscription, &group.name).is_some());
}
