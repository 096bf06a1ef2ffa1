//! An installation is made once; vaults, applications and assignments have names of their own.

use strongroom_directory::row::{AuthorityRow, OwnerRow};
use strongroom_model::{InstallationId, Scope};
use strongroom_ops::OpError;
use strongroom_ops::identities::find_principal;
use strongroom_ops::setup::{Owner, Setup, initialise};
use strongroom_ops::vaults::VaultRefusal;
use strongroom_seal::KeyRing;
use strongroom_store::memory::MemoryStore;

use crate::support::{NOW, Node, protector, setup};

#[tokio::test]
async fn an_installation_is_made_once() {
    let store = MemoryStore::new();
    let owner = initialise(&store, &protector(), setup(false), NOW, NOW).await.unwrap();
    let twice = initialise(&store, &protector(), setup(false), NOW, NOW).await.err().unwrap();
    assert!(matches!(twice, OpError::NameTaken(_)), "{twice}");
    let node = Node::open(store, std::sync::Arc::new(owner), true).await;
    let directory = node.directory.current();
    let installation = directory.installation().unwrap();
    assert_eq!(installation.default_tenant, node.owner.tenant);
    assert_eq!((installation.port, installation.manual_clock), (8443, true));
    let application = directory.application(node.owner.client_id).unwrap();
    assert_eq!(application.object_id, node.owner.object_id);
    let digest = node.directory.secret_digest(node.owner.client_secret.expose());
    assert_eq!(application.credentials[0].digest, digest);
    assert_eq!(node.owner.client_secret.len(), 43, "256 bits in base64url");
    let roles: Vec<_> = directory.access().of(node.owner.object_id).collect();
    let subscription = Scope::subscription(node.owner.subscription);
    assert_eq!(roles.len(), 2);
    assert!(roles.iter().all(|assignment| assignment.scope == subscription));
    assert!(node.directory.read::<AuthorityRow>(b"").await.unwrap().is_some());
    assert!(node.directory.read::<OwnerRow>(b"").await.unwrap().is_none(), "not kept");
}

/// Killed between the keys and the rest: the next start takes it up, with the keys that are there.
#[tokio::test]
async fn an_interrupted_set_up_is_taken_up_again() {
    let store = MemoryStore::new();
    let first = InstallationId::from_bytes([1; 16]);
    KeyRing::initialise(&store, first, &protector()).await.unwrap();
    let setup = Setup { installation: first, ..setup(true) };
    let owner = initialise(&store, &protector(), setup, NOW, NOW).await.unwrap();
    let node = Node::open(store, std::sync::Arc::new(owner), true).await;
    assert_eq!(node.directory.current().installation().unwrap().id, first);
    let kept: OwnerRow = node.directory.read(b"").await.unwrap().unwrap();
    assert_eq!(kept.client_secret.expose(), node.owner.client_secret.expose());
}

#[tokio::test]
async fn the_wrong_root_key_makes_nothing() {
    let store = MemoryStore::new();
    KeyRing::initialise(&store, InstallationId::from_bytes([1; 16]), &protector()).await.unwrap();
    let key = strongroom_crypto::SymmetricKey::from_slice(&[8; 32]).unwrap();
    let wrong = strongroom_seal::Protector::Key(key);
    assert!(initialise(&store, &wrong, setup(false), NOW, NOW).await.is_err());
    initialise(&store, &protector(), setup(false), NOW, NOW).await.unwrap();
}

#[tokio::test]
async fn vaults_have_names_of_their_own() {
    let node = Node::new(MemoryStore::new(), true).await;
    let made = node.vault("My-Vault", "RG").await.unwrap();
    assert_eq!(made.resource_group.as_str(), "rg", "the group's own spelling");
    assert_eq!((made.location.as_str(), made.tenant), ("local", node.owner.tenant));
    let taken = node.vault("my-vault", "rg").await.unwrap_err();
    assert!(matches!(taken, OpError::Vault(VaultRefusal::NameTaken(_))), "{taken}");
    let nowhere = node.vault("other", "absent").await.unwrap_err();
    assert!(matches!(nowhere, OpError::Vault(VaultRefusal::GroupNotFound(_))), "{nowhere}");
    assert!(node.ring.vault(made.id).await.is_ok(), "with its key");
    assert_eq!(node.directory.current().vaults().count(), 1);
}

#[tokio::test]
async fn a_role_is_assigned_once_at_a_scope() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    let (ops, tenant) = (&node.ops, node.owner.tenant);
    let new = ops.create_application("app", tenant, None, &mut node.call()).await.unwrap();
    let role = strongroom_authz::roles::by_name("Key Vault Reader").unwrap().id;
    let principal = new.application.object_id;
    let scope = vault.scope();
    let mut call = node.call();
    let made = ops.create_role_assignment(principal, role, scope.clone(), &mut call).await.unwrap();
    assert!(call.is_recorded(), "the record is committed with it");
    let shouted = Scope::parse(&scope.as_str().replace("vaults/dev", "vaults/DEV")).unwrap();
    let mut call = node.call();
    let twice = ops.create_role_assignment(principal, role, shouted, &mut call).await;
    assert!(matches!(twice, Err(OpError::NameTaken(_))));
    assert!(!call.is_recorded(), "nothing was committed");
    let below = scope.object(strongroom_model::Kind::Secret, "a");
    ops.create_role_assignment(principal, role, below, &mut node.call()).await.unwrap();
    let gone = ops.delete_role_assignment(made.id, &mut node.call()).await.unwrap();
    assert_eq!(gone.unwrap().id, made.id);
    assert!(ops.delete_role_assignment(made.id, &mut node.call()).await.unwrap().is_none());
    assert_eq!(node.directory.current().access().of(principal).count(), 1);
}

#[tokio::test]
async fn a_principal_is_found_by_either_of_its_ids() {
    let node = Node::new(MemoryStore::new(), true).await;
    let Owner { client_id, object_id, tenant, .. } = &*node.owner;
    let directory = node.directory.current();
    for id in [client_id.to_string(), object_id.to_string().to_uppercase()] {
        assert_eq!(find_principal(&directory, &id).unwrap(), *object_id);
    }
    for unknown in [tenant.to_string(), String::new(), "owner".into()] {
        let refused = find_principal(&directory, &unknown).unwrap_err();
        assert!(matches!(refused, OpError::NoSuch(_)), "{unknown}: {refused}");
    }
}
