//! Vaults as resources: what may change and what may not, deletion, recovery, purge.

use std::sync::Arc;
use std::task::{Context, Poll};

use strongroom_authz::GrantedAction;
use strongroom_authz::actions::WRITE_ASSIGNMENT;
use strongroom_crypto::SecretBytes;
use strongroom_model::{
    AccessPolicy, AttributesChange, Author, NetworkAcls, PolicyPermissions, PrincipalId,
    ResourceGroupName, Scope, Sku, TenantId, VaultName, VaultResource,
};
use strongroom_ops::vaults::{
    ACCESS_POLICIES_WRITE, PolicyChange, PutVault, VAULT_WRITE, VaultAddress, VaultEditor,
    VaultRefusal, VaultSettings,
};
use strongroom_ops::{DeleteSecret, GetSecret, OpError, SetSecret, Swept};
use strongroom_seal::Purpose;
use strongroom_store::memory::MemoryStore;
use strongroom_store::{Freshness, Snapshot, Store, layout};
use uuid::Uuid;

use crate::support::{Node, name};

const DAY: u32 = 86_400;
const SOMEBODY: PrincipalId = PrincipalId(Uuid::from_u128(77));

fn host() -> VaultEditor {
    VaultEditor::on_this_host()
}

/// Somebody with these actions everywhere, and no other.
fn editor(actions: &[&str]) -> VaultEditor {
    let author = Author { name: "alice@example.org".to_owned(), is_application: false };
    let granted = actions.iter().map(|action| GrantedAction::on_this_host(action, Scope::root()));
    VaultEditor::new(Some(author), granted)
}

fn wanted<S: Store>(node: &Node<S>, name: &str, settings: VaultSettings) -> PutVault {
    PutVault {
        name: VaultName::parse(name).unwrap(),
        subscription: node.owner.subscription,
        resource_group: ResourceGroupName::parse("rg").unwrap(),
        location: None,
        default_rbac: false,
        settings,
    }
}

async fn put<S: Store>(
    node: &Node<S>,
    name: &str,
    settings: VaultSettings,
) -> Result<Arc<VaultResource>, OpError> {
    node.ops.put_vault(&wanted(node, name, settings), &host(), &mut node.call()).await
}

fn refusal<T>(outcome: Result<T, OpError>) -> VaultRefusal {
    match outcome {
        Err(OpError::Vault(refusal)) => refusal,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was done"),
    }
}

/// The status, the code and the text.
fn said<T>(outcome: Result<T, OpError>) -> (u16, &'static str, String) {
    let refusal = refusal(outcome);
    let (status, code) = refusal.status_and_code();
    (status, code, refusal.to_string())
}

fn policy(tenant: TenantId, secrets: &[&str]) -> AccessPolicy {
    let secrets = secrets.iter().map(|name| (*name).to_owned()).collect();
    let permissions = PolicyPermissions { secrets, ..PolicyPermissions::default() };
    AccessPolicy { tenant, object_id: SOMEBODY, application_id: None, permissions }
}

async fn set<S: Store>(node: &Node<S>, vault: &Arc<VaultResource>, text: &str) {
    let request = SetSecret {
        name: name(text),
        value: SecretBytes::from(text.to_owned()),
        content_type: None,
        attributes: AttributesChange::default(),
        tags: None,
    };
    node.ops.set_secret(node.admit(vault, request), &mut node.call()).await.unwrap();
}

async fn rows<S: Store>(node: &Node<S>, prefix: &[u8]) -> usize {
    let snapshot = node.store.snapshot(Freshness::Linearizable).await.unwrap();
    snapshot.scan(prefix, None, 10_000).await.unwrap().len()
}

#[tokio::test]
async fn a_put_makes_a_vault_or_changes_it_and_leaves_out_nothing_by_leaving_it_out() {
    let node = Node::new(MemoryStore::new(), true).await;
    let network = NetworkAcls {
        default_deny: true,
        ip_rules: vec!["10.1.2.3".to_owned()],
        ..NetworkAcls::default()
    };
    let settings = VaultSettings {
        sku: Some(Sku::Premium),
        access_policies: Some(vec![policy(node.owner.tenant, &["get"])]),
        network: Some(network),
        public_network_access: Some(false),
        retention_days: Some(7),
        tags: Some([("env".to_owned(), "test".to_owned())].into()),
        ..VaultSettings::default()
    };
    let made = put(&node, "dev", settings).await.unwrap();
    assert!(!made.properties.rbac, "what the api-version says of a new vault");
    assert_eq!(made.properties.network.as_ref().unwrap().ip_rules, ["10.1.2.3/32"]);
    node.clock.advance(60).await.unwrap();
    let settings = VaultSettings { enabled_for_deployment: Some(true), ..VaultSettings::default() };
    let by = editor(&[VAULT_WRITE]);
    let request = PutVault { default_rbac: true, ..wanted(&node, "DEV", settings) };
    let changed = node.ops.put_vault(&request, &by, &mut node.call()).await.unwrap();
    assert_eq!(changed.properties.enabled_for_deployment, Some(true));
    assert_eq!(changed.properties.modified, Some(node.clock.now()));
    assert_eq!(changed.properties.modified_by.as_ref().unwrap().name, "alice@example.org");
    let mut expected = VaultResource::clone(&made);
    expected.properties.enabled_for_deployment = Some(true);
    expected.properties.modified = changed.properties.modified;
    expected.properties.modified_by.clone_from(&changed.properties.modified_by);
    assert_eq!(*changed, expected, "and all else is as it was");
    let directory = node.directory.current();
    assert_eq!(directory.vault("dev").unwrap().resource, changed, "in force at once");
}

#[tokio::test]
async fn what_may_never_change() {
    let node = Node::new(MemoryStore::new(), true).await;
    let bad = |text: &str| (400, "BadRequest", text.to_owned());
    let purge_off =
        bad("The property \"enablePurgeProtection\" cannot be set to false. Enabling the purge \
         protection for a vault is an irreversible action.");
    let off = VaultSettings { purge_protection: Some(false), ..VaultSettings::default() };
    assert_eq!(said(put(&node, "dev", off.clone()).await), purge_off, "not even of a new vault");
    let soft_off = VaultSettings { soft_delete: Some(false), ..VaultSettings::default() };
    assert_eq!(said(put(&node, "dev", soft_off.clone()).await).0, 400);
    for days in [0, 6, 91, u32::MAX] {
        let settings = VaultSettings { retention_days: Some(days), ..VaultSettings::default() };
        assert_eq!(said(put(&node, "dev", settings).await).1, "BadRequest", "{days}");
    }
    assert!(node.directory.current().vault("dev").is_none(), "no partial change");

    let on = VaultSettings {
        purge_protection: Some(true),
        retention_days: Some(30),
        ..VaultSettings::default()
    };
    let made = put(&node, "dev", on.clone()).await.unwrap();
    put(&node, "dev", on).await.expect("saying the same again is no change");
    let both = VaultSettings { sku: Some(Sku::Premium), ..off.clone() };
    assert_eq!(said(put(&node, "dev", both).await), purge_off);
    assert_eq!(said(put(&node, "dev", soft_off).await).1, "BadRequest");
    for days in [29, 31, 90] {
        let settings = VaultSettings { retention_days: Some(days), ..VaultSettings::default() };
        let text = "The property \"softDeleteRetentionInDays\" has been set already and it can't \
                    be modified.";
        assert_eq!(said(put(&node, "dev", settings).await), bad(text), "{days}");
    }
    let foreign =
        VaultSettings { tenant: Some(TenantId(Uuid::from_u128(5))), ..VaultSettings::default() };
    assert_eq!(said(put(&node, "dev", foreign).await).0, 400);
    let moved = PutVault {
        location: Some("West Europe".to_owned()),
        ..wanted(&node, "dev", VaultSettings::default())
    };
    let moved = node.ops.put_vault(&moved, &host(), &mut node.call()).await;
    assert_eq!(said(moved).1, "InvalidResourceLocation");
    let now = node.directory.current().vault("dev").unwrap().resource.clone();
    assert_eq!((now.soft_delete, &now.properties.sku), (made.soft_delete, &Sku::Standard));

    put(&node, "late", VaultSettings::default()).await.unwrap();
    let on = VaultSettings { purge_protection: Some(true), ..VaultSettings::default() };
    assert!(put(&node, "late", on).await.unwrap().soft_delete.purge_protection());
    put(&node, "late", VaultSettings::default()).await.unwrap();
    let late = node.directory.current().vault("late").unwrap().resource.clone();
    assert!(late.soft_delete.purge_protection(), "leaving it out does not turn it off");
}

#[tokio::test]
async fn a_name_is_one_vault_s_everywhere() {
    let node = Node::new(MemoryStore::new(), true).await;
    put(&node, "dev", VaultSettings::default()).await.unwrap();
    let elsewhere = PutVault {
        resource_group: ResourceGroupName::parse("other").unwrap(),
        ..wanted(&node, "Dev", VaultSettings::default())
    };
    let (status, code, text) =
        said(node.ops.put_vault(&elsewhere, &host(), &mut node.call()).await);
    assert_eq!((status, code), (409, "VaultAlreadyExists"));
    assert!(text.starts_with("The vault name 'Dev' is already in use. Vault names are globally"));
    let nowhere = PutVault { name: VaultName::parse("new").unwrap(), ..elsewhere };
    let missing = said(node.ops.put_vault(&nowhere, &host(), &mut node.call()).await);
    assert_eq!((missing.0, missing.1), (404, "ResourceGroupNotFound"));
}

/// Whoever may write a vault gives nobody what is in it, not even themselves.
#[tokio::test]
async fn a_vault_s_writer_is_not_its_reader() {
    let node = Node::new(MemoryStore::new(), true).await;
    let kept = [policy(node.owner.tenant, &["get"])];
    let settings =
        VaultSettings { access_policies: Some(kept.to_vec()), ..VaultSettings::default() };
    put(&node, "dev", settings.clone()).await.unwrap();
    let writer = editor(&[VAULT_WRITE]);
    let try_as = async |by: &VaultEditor, settings: VaultSettings| {
        let request = wanted(&node, "dev", settings);
        let address =
            VaultAddress::from(node.directory.current().vault("dev").unwrap().resource.as_ref());
        let put = node.ops.put_vault(&request, by, &mut node.call()).await.map(drop);
        let settings = &request.settings;
        let patched =
            node.ops.update_vault(&address, settings, by, &mut node.call()).await.map(drop);
        (put, patched)
    };
    let lacking = |action| VaultRefusal::NotPermitted { action };
    let more = VaultSettings {
        access_policies: Some(vec![policy(node.owner.tenant, &["get", "set"])]),
        ..VaultSettings::default()
    };
    let to_roles = VaultSettings { rbac: Some(true), ..VaultSettings::default() };
    let (put_more, patched) = try_as(&writer, more.clone()).await;
    assert_eq!(refusal(put_more), lacking(ACCESS_POLICIES_WRITE));
    assert_eq!(refusal(patched), lacking(ACCESS_POLICIES_WRITE));
    let (put_roles, patched) = try_as(&writer, to_roles.clone()).await;
    assert_eq!(refusal(put_roles), lacking(WRITE_ASSIGNMENT));
    assert_eq!(refusal(patched), lacking(WRITE_ASSIGNMENT));
    let both = editor(&[VAULT_WRITE, ACCESS_POLICIES_WRITE]);
    assert_eq!(refusal(try_as(&both, to_roles.clone()).await.0), lacking(WRITE_ASSIGNMENT));
    let nobody = editor(&[]);
    let (nothing, patched) = try_as(&nobody, VaultSettings::default()).await;
    assert_eq!(refusal(nothing), lacking(VAULT_WRITE));
    assert_eq!(refusal(patched), lacking(VAULT_WRITE));
    assert_eq!(
        node.directory.current().vault("dev").unwrap().resource.properties.access_policies,
        kept,
    );
    // What is there may be said again: that is how az and Terraform change a vault's tags.
    let again = VaultSettings { rbac: Some(false), ..settings };
    let (put_again, patched) = try_as(&writer, again).await;
    put_again.and(patched).unwrap();
    try_as(&both, more).await.0.unwrap();
    try_as(&editor(&[VAULT_WRITE, WRITE_ASSIGNMENT]), to_roles).await.0.unwrap();
    assert!(node.directory.current().vault("dev").unwrap().resource.properties.rbac);
    let new = VaultSettings {
        access_policies: Some(vec![policy(node.owner.tenant, &["get"])]),
        ..VaultSettings::default()
    };
    let new = wanted(&node, "new", new);
    let made = node.ops.put_vault(&new, &writer, &mut node.call()).await;
    assert_eq!(refusal(made), lacking(ACCESS_POLICIES_WRITE));
}

#[tokio::test]
async fn access_policies_are_added_replaced_and_removed() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = put(&node, "dev", VaultSettings::default()).await.unwrap();
    let (address, tenant) = (VaultAddress::from(vault.as_ref()), node.owner.tenant);
    let change = async |change, policies: &[AccessPolicy]| {
        let (by, mut call) = (host(), node.call());
        let done = node.ops.set_access_policies(&address, change, policies, &by, &mut call).await;
        done.map(|vault| vault.properties.access_policies.clone())
    };
    let [get, list, both] =
        [&["get"][..], &["List"], &["get", "List"]].map(|names| policy(tenant, names));
    let added = change(PolicyChange::Add, std::slice::from_ref(&get)).await.unwrap();
    assert_eq!(added, std::slice::from_ref(&get));
    let joined = change(PolicyChange::Add, std::slice::from_ref(&list)).await.unwrap();
    assert_eq!(joined, std::slice::from_ref(&both));
    let left = change(PolicyChange::Remove, std::slice::from_ref(&get)).await.unwrap();
    assert_eq!(left, std::slice::from_ref(&list));
    let other = AccessPolicy { object_id: PrincipalId(Uuid::from_u128(78)), ..get.clone() };
    let replaced = change(PolicyChange::Replace, &[both.clone(), other.clone()]).await.unwrap();
    assert_eq!(replaced, [both.clone(), other.clone()]);
    assert_eq!(change(PolicyChange::Remove, &[both]).await.unwrap(), std::slice::from_ref(&other));
    let stranger = AccessPolicy { object_id: PrincipalId(Uuid::from_u128(79)), ..get.clone() };
    let refused = change(PolicyChange::Remove, &[other.clone(), stranger]).await;
    assert_eq!(refusal(refused), VaultRefusal::NoMatchingPolicy);
    let now = node.directory.current().vault("dev").unwrap().resource.clone();
    assert_eq!(now.properties.access_policies, [other], "all or nothing");
    let bad = change(PolicyChange::Add, &[policy(tenant, &["get", "fly"])]).await;
    assert_eq!(said(bad).2, "An invalid value was provided for 'accessPolicies'.");
    let many: Vec<AccessPolicy> = (0..1_024)
        .map(|n| AccessPolicy { object_id: PrincipalId(Uuid::from_u128(n + 1_000)), ..get.clone() })
        .collect();
    assert_eq!(said(change(PolicyChange::Add, &many).await).0, 400, "1,025 in all");
    change(PolicyChange::Replace, &many).await.unwrap();
    let lacking = node
        .ops
        .set_access_policies(
            &address,
            PolicyChange::Replace,
            &[get],
            &editor(&[VAULT_WRITE]),
            &mut node.call(),
        )
        .await;
    assert_eq!(refusal(lacking), VaultRefusal::NotPermitted { action: ACCESS_POLICIES_WRITE });
}

#[tokio::test]
async fn a_deleted_vault_is_not_there_keeps_its_name_and_comes_back_whole() {
    let node = Node::new(MemoryStore::new(), true).await;
    let vault = node.vault("dev", "rg").await.unwrap();
    set(&node, &vault, "kept").await;
    set(&node, &vault, "deleted").await;
    let request = node.admit(&vault, DeleteSecret { name: name("deleted") });
    node.ops.delete_secret(request, &mut node.call()).await.unwrap();
    let late = node.admit(&vault, DeleteSecret { name: name("kept") });
    let address = VaultAddress::from(vault.as_ref());

    let lacking = node.ops.delete_vault(&address, &editor(&[VAULT_WRITE]), &mut node.call()).await;
    assert_eq!(said(lacking).0, 403);
    let deleted = node.ops.delete_vault(&address, &host(), &mut node.call()).await.unwrap();
    let deleted = deleted.unwrap();
    assert_eq!(deleted.scheduled_purge, node.clock.now().plus_days(7));
    assert!(node.directory.current().vault("dev").is_none());
    let gone = node.ops.delete_secret(late, &mut node.call()).await;
    assert!(matches!(gone, Err(OpError::VaultGone)), "what was admitted before changes nothing");
    let twice = node.ops.delete_vault(&address, &host(), &mut node.call()).await.unwrap();
    assert!(twice.is_none());
    let (status, code, text) = said(put(&node, "DEV", VaultSettings::default()).await);
    assert_eq!((status, code), (409, "ConflictError"));
    assert_eq!(
        text,
        "A vault with the same name already exists in deleted state. You need to either recover \
         or purge existing key vault. Follow this link \
         https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft delete."
    );

    // Time stands still in it: the deleted secret's own retention ends, and nothing happens.
    node.clock.advance(6 * DAY).await.unwrap();
    assert_eq!(node.ops.sweep().await.unwrap(), Swept::default());
    let name_of = VaultName::parse("Dev").unwrap();
    let (subscription, ops) = (node.owner.subscription, &node.ops);
    let elsewhere =
        ops.recover_vault(subscription, &name_of, Some("mars"), &host(), &mut node.call()).await;
    assert_eq!(said(elsewhere).0, 404);
    let recovered =
        ops.recover_vault(subscription, &name_of, Some("LOCAL"), &host(), &mut node.call()).await;
    assert_eq!(*recovered.unwrap(), *vault);
    let request = node.admit(&vault, GetSecret { name: name("kept"), version: None });
    let read = node.ops.get_secret(request).await.unwrap();
    assert_eq!(read.value.unwrap().expose(), b"kept");
    node.clock.advance(DAY).await.unwrap();
    let swept = node.ops.sweep().await.unwrap();
    assert_eq!((swept.purged, swept.collected), (1, 1), "the timer of what was deleted is there");
}

#[tokio::test]
async fn a_purge_leaves_nothing_behind_and_the_key_goes_last() {
    let node = Node::new(MemoryStore::new(), true).await;
    let before = (rows(&node, b"v/").await, rows(&node, b"k/").await);
    let vault = node.vault("dev", "rg").await.unwrap();
    let other = node.vault("other", "rg").await.unwrap();
    for n in 0..300 {
        set(&node, &vault, &format!("s{n}")).await;
    }
    set(&node, &vault, "s0").await;
    set(&node, &other, "kept").await;
    for secret in ["s1", "s2"] {
        let request = node.admit(&vault, DeleteSecret { name: name(secret) });
        node.ops.delete_secret(request, &mut node.call()).await.unwrap();
    }
    let role = strongroom_authz::roles::by_name("Key Vault Secrets User").unwrap().id;
    let scope = vault.scope();
    let secret = |n: usize| scope.object(strongroom_model::Kind::Secret, &format!("s{n}"));
    // More than one transaction takes.
    for scope in std::iter::once(scope.clone()).chain((0..120).map(secret)) {
        let ops = &node.ops;
        ops.create_role_assignment(SOMEBODY, role, scope, &mut node.call()).await.unwrap();
    }
    let address = VaultAddress::from(vault.as_ref());
    node.ops.delete_vault(&address, &host(), &mut node.call()).await.unwrap().unwrap();
    let (subscription, name_of) = (node.owner.subscription, &vault.name);
    let purge = async |by: &VaultEditor, at: Option<&str>| {
        node.ops.purge_deleted_vault(subscription, name_of, at, by, &mut node.call()).await
    };
    assert_eq!(said(purge(&editor(&[VAULT_WRITE]), None).await).0, 403);
    let elsewhere = said(purge(&host(), Some("mars")).await);
    assert_eq!((elsewhere.0, elsewhere.1), (404, "DeletedVaultNotFound"));
    purge(&host(), None).await.unwrap();
    assert_eq!(said(purge(&host(), None).await).1, "DeletedVaultNotFound");
    let held = node.directory.current();
    assert!(held.assignments().all(|held| held.principal != SOMEBODY), "nobody holds anything");

    // The name is free before anything is collected, and the new vault is another.
    let again = node.vault("dev", "rg").await.unwrap();
    assert_ne!(again.id, vault.id);
    node.ops.create_role_assignment(SOMEBODY, role, scope, &mut node.call()).await.unwrap();
    assert!(rows(&node, &layout::vault(vault.id)).await > 300);
    assert_eq!(rows(&node, &node.ring.rows_of(Purpose::Vault(vault.id))).await, 1);
    assert_eq!(node.ops.sweep().await.unwrap(), Swept { collected: 1, ..Swept::default() });
    for prefix in [
        layout::vault(vault.id),
        layout::garbage_of(vault.id),
        node.ring.rows_of(Purpose::Vault(vault.id)),
        layout::VAULT_GARBAGE.to_vec(),
        layout::DUE.to_vec(),
    ] {
        assert_eq!(rows(&node, &prefix).await, 0, "{}", String::from_utf8_lossy(&prefix));
    }
    assert!(node.ring.vault(vault.id).await.is_err(), "what it sealed opens no more");
    assert_eq!(rows(&node, b"k/").await, before.1 + 2, "the others' keys stay");
    let request = node.admit(&other, GetSecret { name: name("kept"), version: None });
    node.ops.get_secret(request).await.unwrap();
    assert_eq!(rows(&node, b"v/").await, before.0 + rows(&node, &layout::vault(other.id)).await);
    assert_eq!(node.ops.sweep().await.unwrap(), Swept::default(), "once");
}

/// The client has gone, or the machine: whatever was done by then is all that was done.
#[tokio::test]
async fn a_purge_cut_off_at_any_point_takes_nothing_from_what_can_be_recovered() {
    let (mut kept, mut left) = (0, 0);
    for polls in 0..12 {
        let node = Node::new(MemoryStore::new(), true).await;
        let scope = node.vault("dev", "rg").await.unwrap().scope();
        let role = strongroom_authz::roles::by_name("Key Vault Secrets User").unwrap().id;
        for n in 0..100 {
            let who = PrincipalId(Uuid::from_u128(1_000 + n));
            let (at, mut call) = (scope.clone(), node.call());
            node.ops.create_role_assignment(who, role, at, &mut call).await.unwrap();
        }
        let address =
            VaultAddress::from(node.directory.current().vault("dev").unwrap().resource.as_ref());
        node.ops.delete_vault(&address, &host(), &mut node.call()).await.unwrap();
        let held = || {
            node.directory.current().access().within(&scope).flat_map(|s| s.assignments()).count()
        };
        {
            let (by, mut call) = (host(), node.call());
            let purge = node.ops.purge_deleted_vault(
                address.subscription,
                &address.name,
                None,
                &by,
                &mut call,
            );
            let mut purge = std::pin::pin!(purge);
            for _ in 0..polls {
                let once = |cx: &mut Context<'_>| Poll::Ready(purge.as_mut().poll(cx).is_ready());
                if std::future::poll_fn(once).await {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        if node.directory.current().deleted_vault("dev").is_some() {
            assert_eq!(held(), 100, "after {polls} polls");
            kept += 1;
            continue;
        }
        left += usize::from(held() > 0);
        node.vault("dev", "rg").await.unwrap();
        assert_eq!(held(), 0, "after {polls} polls");
    }
    assert!(kept > 0 && left > 0, "{kept} recoverable, {left} with something left to clear");
}

#[tokio::test]
async fn purge_protection_holds_until_the_retention_ends_and_no_longer() {
    let node = Node::new(MemoryStore::new(), true).await;
    let settings = VaultSettings {
        purge_protection: Some(true),
        retention_days: Some(7),
        ..VaultSettings::default()
    };
    let vault = put(&node, "safe", settings).await.unwrap();
    let address = VaultAddress::from(vault.as_ref());
    node.ops.delete_vault(&address, &host(), &mut node.call()).await.unwrap().unwrap();
    let subscription = node.owner.subscription;
    let purge = async || {
        let (by, mut call) = (host(), node.call());
        node.ops.purge_deleted_vault(subscription, &vault.name, None, &by, &mut call).await
    };
    let expected = (405, "MethodNotAllowed", "Operation 'DeletedVaultPurge' is not allowed.");
    let (status, code, text) = said(purge().await);
    assert_eq!((status, code, text.as_str()), expected);
    node.clock.advance(7 * DAY - 1).await.unwrap();
    assert_eq!(node.ops.sweep().await.unwrap(), Swept::default());
    assert_eq!(said(purge().await).0, 405);
    node.clock.advance(1).await.unwrap();
    let swept = node.ops.sweep().await.unwrap();
    assert_eq!(swept, Swept { purged: 1, collected: 1, ..Swept::default() });
    assert!(node.directory.current().deleted_vault("safe").is_none());
    assert_eq!(rows(&node, &node.ring.rows_of(Purpose::Vault(vault.id))).await, 0);
    node.vault("safe", "rg").await.unwrap();
}

#[tokio::test]
async fn unlocking_opens_the_firewall_and_keeps_its_rules() {
    let node = Node::new(MemoryStore::new(), true).await;
    let network = NetworkAcls {
        bypass_azure_services: false,
        default_deny: true,
        ip_rules: vec!["203.0.113.0/24".to_owned()],
        ..NetworkAcls::default()
    };
    let settings = VaultSettings {
        network: Some(network.clone()),
        public_network_access: Some(false),
        ..VaultSettings::default()
    };
    let vault = put(&node, "dev", settings).await.unwrap();
    let address = VaultAddress::from(vault.as_ref());
    let lacking = node.ops.unlock_vault(&address, &editor(&[]), &mut node.call()).await;
    assert_eq!(said(lacking).0, 403);
    node.ops.unlock_vault(&address, &host(), &mut node.call()).await.unwrap();
    let now = node.directory.current().vault("dev").unwrap().resource.clone();
    assert!(now.properties.public_network_access);
    let open = NetworkAcls { default_deny: false, ..network };
    assert_eq!(now.properties.network, Some(open));
}

/// A page costs what it shows: each begins where the one before ended.
#[tokio::test]
async fn vaults_are_listed_in_order_page_by_page() {
    let node = Node::new(MemoryStore::new(), true).await;
    for n in 0..25 {
        put(&node, &format!("v{n:02}"), VaultSettings::default()).await.unwrap();
    }
    let directory = node.directory.current();
    let group = ResourceGroupName::parse("RG").unwrap();
    for group in [None, Some(&group)] {
        let mut seen: Vec<String> = Vec::new();
        let mut last: Option<(String, String)> = None;
        loop {
            let after = last.as_ref().map(|(group, name)| (group.as_str(), name.as_str()));
            let page = directory.vaults_in(node.owner.subscription, group, after);
            let page: Vec<_> = page.take(10).map(|vault| Arc::clone(&vault.resource)).collect();
            let Some(end) = page.last() else { break };
            last = Some((end.resource_group.as_str().to_owned(), end.name.folded()));
            seen.extend(page.iter().map(|vault| vault.name.to_string()));
        }
        assert_eq!(seen, (0..25).map(|n| format!("v{n:02}")).collect::<Vec<_>>());
    }
    let elsewhere = ResourceGroupName::parse("rg2").unwrap();
    assert_eq!(directory.vaults_in(node.owner.subscription, Some(&elsewhere), None).count(), 0);
}
