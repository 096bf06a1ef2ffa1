//! The directory: a write is visible when it answers, a restart finds everything, and groups nest.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::Arc;

use strongroom_crypto::SymmetricKey;
use strongroom_crypto::sign::RsaSigningKey;
use strongroom_directory::row::{OwnerRow, TokenKeyRow, row_key};
use strongroom_directory::{
    Application, Directory, DirectoryRow, DirectoryService, Group, ResourceGroup, Subscription,
    Tenant, TrustedIssuer,
};
use strongroom_model::{
    ClientId, DataAction, DeletedVault, DenyAssignment, DenyAssignmentId, InstallationId,
    PrincipalId, ResourceGroupName, RoleAssignment, RoleAssignmentId, RoleDefinition,
    RoleDefinitionId, RolePermissions, Scope, SoftDelete, SubscriptionId, TenantId, Timestamp,
    VaultId, VaultName, VaultProperties, VaultResource,
};
use strongroom_seal::{KeyRing, Protector};
use strongroom_store::memory::MemoryStore;
use strongroom_store::{Condition, Freshness, Outcome, Snapshot, Store, Txn, layout};

const TENANT: [u8; 16] = [1; 16];
const SUBSCRIPTION: [u8; 16] = [2; 16];

struct Installation {
    store: MemoryStore,
    ring: KeyRing<MemoryStore>,
}

impl Installation {
    async fn new() -> Self {
        let store = MemoryStore::new();
        let protector = Protector::Key(SymmetricKey::generate().unwrap());
        KeyRing::initialise(&store, InstallationId::from_bytes([9; 16]), &protector).await.unwrap();
        let ring = KeyRing::open(store.clone(), &protector).await.unwrap();
        Self { store, ring }
    }

    async fn open(&self) -> DirectoryService<MemoryStore> {
        DirectoryService::open(self.store.clone(), &self.ring, Arc::from([])).await.unwrap()
    }
}

async fn put<R: DirectoryRow>(service: &DirectoryService<MemoryStore>, row: &R) {
    let (key, value) = service.row(row).unwrap();
    let outcome = service.commit(Txn::new().put(key, value)).await.unwrap();
    assert!(matches!(outcome, Outcome::Committed(_)));
}

async fn delete<R: DirectoryRow>(service: &DirectoryService<MemoryStore>, id: &[u8]) {
    service.commit(Txn::new().delete(row_key::<R>(id))).await.unwrap();
}

fn principal(byte: u8) -> PrincipalId {
    PrincipalId::from_bytes([byte; 16])
}

fn vault(name: &str, id: u8) -> VaultResource {
    VaultResource {
        id: VaultId::from_bytes([id; 16]),
        name: VaultName::parse(name).unwrap(),
        tenant: TenantId::from_bytes(TENANT),
        subscription: SubscriptionId::from_bytes(SUBSCRIPTION),
        resource_group: ResourceGroupName::parse("rg").unwrap(),
        location: "local".into(),
        soft_delete: SoftDelete::new(90, false).unwrap(),
        created: Timestamp(1),
        properties: VaultProperties::default(),
    }
}

fn application(client: u8, object: u8) -> Application {
    Application {
        client_id: ClientId::from_bytes([client; 16]),
        object_id: principal(object),
        tenant: TenantId::from_bytes(TENANT),
        display_name: "app".into(),
        credentials: Vec::new(),
        created: Timestamp(1),
    }
}

fn group(id: u8, members: &[u8]) -> Group {
    Group {
        object_id: principal(id),
        tenant: TenantId::from_bytes(TENANT),
        display_name: "group".into(),
        members: members.iter().copied().map(principal).collect(),
    }
}

fn assignment(id: u8, to: u8) -> RoleAssignment {
    RoleAssignment::new(
        RoleAssignmentId::from_bytes([id; 16]),
        principal(to),
        RoleDefinitionId::from_bytes([7; 16]),
        Scope::subscription(SubscriptionId::from_bytes(SUBSCRIPTION)),
    )
}

#[tokio::test]
async fn a_write_is_visible_when_it_answers() {
    let installation = Installation::new().await;
    let service = installation.open().await;
    let before = service.current();
    for n in 0..50 {
        let name = format!("vault{n}");
        put(&service, &vault(&name, n)).await;
        let directory = service.current();
        assert_eq!(directory.vault(&name).unwrap().resource.id, VaultId::from_bytes([n; 16]));
        assert_eq!(directory.vaults().count(), usize::from(n) + 1);
    }
    assert_eq!(before.vaults().count(), 0, "a view never changes");
    assert!(before.revision() < service.current().revision());
    delete::<VaultResource>(&service, b"vault7").await;
    assert!(service.current().vault("vault7").is_none());
    assert!(service.current().vault_by_id(VaultId::from_bytes([7; 16])).is_none());
}

/// What one node writes, another sees without asking, and a later start loads.
#[tokio::test]
async fn every_noun_is_followed_and_found_again() {
    let installation = Installation::new().await;
    let (writer, follower) = (installation.open().await, installation.open().await);
    let (tenant, subscription) =
        (TenantId::from_bytes(TENANT), SubscriptionId::from_bytes(SUBSCRIPTION));
    put(&writer, &Tenant { id: tenant, display_name: "t".into() }).await;
    put(&writer, &Subscription::new(subscription, tenant, "s".into())).await;
    let name = ResourceGroupName::parse("My-Group").unwrap();
    let row = ResourceGroup::new(subscription, name, "local".into());
    put(&writer, &row).await;
    put(&writer, &vault("Spelt", 3)).await;
    put(&writer, &application(4, 5)).await;
    put(&writer, &group(6, &[5])).await;
    put(&writer, &assignment(8, 6)).await;
    let issuer = TrustedIssuer {
        issuer: "https://issuer.example/".into(),
        tenant,
        audience: "api://strongroom-test".into(),
        algorithms: vec!["RS256".into()],
        jwks_uri: None,
        ca_pem: None,
        required_claims: vec![("a".into(), "b".into())],
        management_audience: None,
        graph_audience: Some("api://strongroom-graph".into()),
    };
    put(&writer, &issuer).await;
    for (kid, from) in [("later", 20), ("earlier", 10)] {
        put(&writer, &token_key(kid, from)).await;
    }
    let last = writer.current().revision();
    // The follower's own writes come after all of those.
    put(&follower, &Tenant { id: TenantId::from_bytes([8; 16]), display_name: "u".into() }).await;
    assert!(follower.current().revision() > last);
    let started_later = installation.open().await;
    for directory in [follower.current(), started_later.current()] {
        assert_eq!(directory.tenant(tenant).unwrap().display_name, "t");
        assert_eq!(directory.subscription(subscription).unwrap().tenant, tenant);
        let folded = ResourceGroupName::parse("my-GROUP").unwrap();
        let found = directory.resource_group(subscription, &folded).unwrap();
        assert_eq!(found.name.as_str(), "My-Group");
        let found = directory.vault("spelt").unwrap();
        assert_eq!(found.resource.name.as_str(), "Spelt");
        assert!(found.scope.as_str().ends_with("/vaults/Spelt"));
        let app = directory.application(ClientId::from_bytes([4; 16])).unwrap();
        assert_eq!(directory.application_by_object(principal(5)).unwrap(), app);
        assert_eq!(directory.groups_of(principal(5)), [principal(6)]);
        assert_eq!(directory.access().of(principal(6)).count(), 1);
        assert_eq!(directory.trusted_issuers()[0].as_ref(), &issuer);
        let kids: Vec<&str> = directory.token_keys().iter().map(|k| k.kid.as_str()).collect();
        assert_eq!(kids, ["earlier", "later"], "in the order in which they sign");
    }
}

fn token_key(kid: &str, signs_from: i64) -> TokenKeyRow {
    TokenKeyRow {
        kid: kid.into(),
        pkcs8: RsaSigningKey::generate().unwrap().to_pkcs8().unwrap(),
        created: Timestamp(1),
        signs_from: Timestamp(signs_from),
        expires: Timestamp(100),
    }
}

#[tokio::test]
async fn what_is_replaced_or_deleted_leaves_no_trace() {
    let installation = Installation::new().await;
    let service = installation.open().await;
    put(&service, &vault("a-vault", 1)).await;
    put(&service, &vault("A-VAULT", 2)).await;
    let directory = service.current();
    assert!(directory.vault_by_id(VaultId::from_bytes([1; 16])).is_none());
    assert_eq!(directory.vaults().count(), 1);
    put(&service, &application(1, 2)).await;
    put(&service, &application(1, 3)).await;
    assert!(service.current().application_by_object(principal(2)).is_none());
    assert!(service.current().application_by_object(principal(3)).is_some());
    put(&service, &assignment(1, 2)).await;
    put(&service, &assignment(1, 3)).await;
    assert!(service.current().access().of(principal(2)).next().is_none());
    assert_eq!(service.current().access().of(principal(3)).count(), 1);
    delete::<RoleAssignment>(&service, &[1; 16]).await;
    assert!(service.current().access().of(principal(3)).next().is_none());
    delete::<Application>(&service, &[1; 16]).await;
    assert!(service.current().application_by_object(principal(3)).is_none());
    put(&service, &token_key("kid", 1)).await;
    put(&service, &token_key("kid", 2)).await;
    assert_eq!(service.current().token_keys().len(), 1);
    delete::<TokenKeyRow>(&service, b"kid").await;
    assert!(service.current().token_keys().is_empty());
}

#[tokio::test]
async fn groups_lie_in_groups() {
    let installation = Installation::new().await;
    let service = installation.open().await;
    let of = |member: u8| service.current().groups_of(principal(member));
    assert_eq!(of(1), []);
    put(&service, &group(10, &[1, 2])).await;
    put(&service, &group(11, &[10])).await;
    put(&service, &group(12, &[11, 1])).await;
    assert_eq!(of(1), [10, 11, 12].map(principal));
    assert_eq!(of(2), [10, 11, 12].map(principal));
    assert_eq!(of(10), [11, 12].map(principal));
    assert_eq!(of(12), []);
    put(&service, &group(11, &[])).await;
    assert_eq!(of(2), [principal(10)]);
    assert_eq!(of(1), [10, 12].map(principal));
    delete::<Group>(&service, &[10; 16]).await;
    assert_eq!(of(2), []);
    // A circle ends.
    put(&service, &group(20, &[1, 22])).await;
    put(&service, &group(21, &[20])).await;
    put(&service, &group(22, &[21])).await;
    assert_eq!(of(1), [12, 20, 21, 22].map(principal));
    // A member named twice is a member once, and gone when taken out.
    put(&service, &group(30, &[3, 3])).await;
    assert_eq!(of(3), [principal(30)]);
    put(&service, &group(30, &[])).await;
    assert_eq!(of(3), []);
}

#[tokio::test]
async fn a_conflict_changes_nothing() {
    let installation = Installation::new().await;
    let service = installation.open().await;
    put(&service, &vault("a-vault", 1)).await;
    let (key, row) = service.row(&vault("a-vault", 2)).unwrap();
    let txn = Txn::new().require(key.clone(), Condition::Absent).put(key, row);
    assert_eq!(service.commit(txn).await.unwrap(), Outcome::Conflict);
    let directory = service.current();
    assert_eq!(directory.vault("a-vault").unwrap().resource.id, VaultId::from_bytes([1; 16]));
}

/// Rows are bound to their type and id: one moved to another's place stops the node.
#[tokio::test]
async fn a_moved_row_is_refused() {
    let installation = Installation::new().await;
    let service = installation.open().await;
    let (_, row) = service.row(&vault("good", 1)).unwrap();
    let elsewhere = layout::directory_row("vault", b"evil");
    let moved = service.commit(Txn::new().put(elsewhere.clone(), row)).await;
    assert!(moved.is_err(), "{moved:?}");
    assert!(!service.is_following(), "a node that cannot follow must not serve");
    let opened =
        DirectoryService::open(installation.store.clone(), &installation.ring, Arc::from([])).await;
    assert!(opened.is_err());
    installation.store.commit(Txn::new().delete(elsewhere)).await.unwrap();
    assert!(installation.open().await.is_following());
}

/// Secret rows are read from the store and are in no view; nothing of a row lies in clear.
#[tokio::test]
async fn secret_rows_stay_sealed() {
    let installation = Installation::new().await;
    let service = installation.open().await;
    let owner = OwnerRow {
        client_id: ClientId::from_bytes([1; 16]),
        client_secret: strongroom_crypto::SecretBytes::from("MARK-secret".to_owned()),
        subscription: SubscriptionId::from_bytes(SUBSCRIPTION),
    };
    put(&service, &owner).await;
    let read: OwnerRow = service.read(b"").await.unwrap().unwrap();
    assert_eq!(read.client_secret.expose(), b"MARK-secret");
    put(&service, &Tenant { id: TenantId::from_bytes(TENANT), display_name: "MARK-t".into() })
        .await;
    let snapshot = installation.store.snapshot(Freshness::Linearizable).await.unwrap();
    for (_, row) in snapshot.scan(b"", None, 1_000).await.unwrap() {
        assert!(!row.value.windows(4).any(|window| window == b"MARK"));
    }
    let one = service.secret_digest(b"a secret");
    assert_eq!(one, installation.open().await.secret_digest(b"a secret"));
    assert_ne!(one, Installation::new().await.open().await.secret_digest(b"a secret"));
}

/// Roles of a tenant's own, deny assignments and tenants of subscriptions are where decisions look
/// them up, on every node and after a start.
#[tokio::test]
async fn what_decides_is_followed_and_found_again() {
    let installation = Installation::new().await;
    let (writer, follower) = (installation.open().await, installation.open().await);
    let (tenant, subscription) =
        (TenantId::from_bytes(TENANT), SubscriptionId::from_bytes(SUBSCRIPTION));
    let id = RoleDefinitionId::from_bytes([9; 16]);
    let permissions = RolePermissions {
        data_actions: vec!["Microsoft.KeyVault/vaults/secrets/getSecret/action".into()],
        ..RolePermissions::default()
    };
    let role = RoleDefinition::custom(id, tenant, "mine").with(permissions.clone());
    let scope = Scope::subscription(subscription);
    let denial = DenyAssignment::new(DenyAssignmentId::from_bytes([3; 16]), "no", scope.clone());
    put(&writer, &Subscription::new(subscription, tenant, "s".into())).await;
    put(&writer, &role).await;
    put(&writer, &denial.with(permissions)).await;
    put(&writer, &assignment(8, 6)).await;
    put(&follower, &Tenant { id: tenant, display_name: "t".into() }).await;
    let started_later = installation.open().await;
    for directory in [follower.current(), started_later.current()] {
        let access = directory.access();
        assert_eq!(access.tenant_of(subscription), Some(tenant));
        assert!(access.role(id).unwrap().allows(DataAction::SecretsGet));
        let here = access.at(scope.folded()).unwrap();
        assert_eq!(here.of(principal(6)).len(), 1);
        assert!(here.denials()[0].refuses(DataAction::SecretsGet));
        assert!(access.has_denials());
    }
    delete::<RoleDefinition>(&writer, &[9; 16]).await;
    delete::<DenyAssignment>(&writer, &[3; 16]).await;
    delete::<RoleAssignment>(&writer, &[8; 16]).await;
    let directory = writer.current();
    assert!(directory.access().role(id).is_none() && !directory.access().has_denials());
    assert!(directory.access().at(scope.folded()).is_none(), "nothing is left behind");
}

fn deleted(name: &str, id: u8, purge: i64) -> DeletedVault {
    let resource = vault(name, id);
    DeletedVault { resource, deleted: Timestamp(1), scheduled_purge: Timestamp(purge) }
}

fn names_of_deleted(directory: &Directory, subscription: u8, after: Option<&str>) -> Vec<String> {
    let subscription = SubscriptionId::from_bytes([subscription; 16]);
    let found = directory.deleted_vaults_in(subscription, after);
    found.map(|deleted| deleted.vault.resource.name.to_string()).collect()
}

#[tokio::test]
async fn deleted_vaults_are_found_by_subscription_and_by_when_they_go() {
    let installation = Installation::new().await;
    let service = installation.open().await;
    for (at, name) in ["delta", "Bravo", "alpha", "charlie"].into_iter().enumerate() {
        let at = u8::try_from(at).unwrap();
        put(&service, &deleted(name, at, 100 - i64::from(at))).await;
    }
    let mut elsewhere = deleted("beta", 9, 98);
    elsewhere.resource.subscription = SubscriptionId::from_bytes([3; 16]);
    put(&service, &elsewhere).await;

    let directory = service.current();
    let mine = SUBSCRIPTION[0];
    assert_eq!(names_of_deleted(&directory, mine, None), ["alpha", "Bravo", "charlie", "delta"]);
    assert_eq!(names_of_deleted(&directory, mine, Some("bravo")), ["charlie", "delta"]);
    assert_eq!(names_of_deleted(&directory, mine, Some("bz")), ["charlie", "delta"], "one gone");
    assert!(names_of_deleted(&directory, mine, Some("delta")).is_empty());
    assert_eq!(names_of_deleted(&directory, 3, None), ["beta"]);
    assert!(names_of_deleted(&directory, 4, None).is_empty());

    let due = |directory: &Directory, now| -> Vec<String> {
        let found = directory.deleted_vaults_due(Timestamp(now));
        found.map(|deleted| deleted.vault.resource.name.to_string()).collect()
    };
    assert!(due(&directory, 96).is_empty());
    assert_eq!(due(&directory, 98), ["charlie", "alpha", "beta"]);

    // Deleted anew at another time, and recovered.
    put(&service, &deleted("charlie", 3, 500)).await;
    delete::<DeletedVault>(&service, b"alpha").await;
    let directory = service.current();
    assert_eq!(due(&directory, 499), ["beta", "Bravo", "delta"]);
    assert_eq!(names_of_deleted(&directory, mine, None), ["Bravo", "charlie", "delta"]);
    assert!(directory.deleted_vault_by_id(VaultId::from_bytes([2; 16])).is_none());
}

#[tokio::test]
async fn groups_are_listed_by_subscription_in_the_order_of_their_names() {
    let installation = Installation::new().await;
    let service = installation.open().await;
    let (mine, other) =
        (SubscriptionId::from_bytes(SUBSCRIPTION), SubscriptionId::from_bytes([3; 16]));
    for (subscription, name) in
        [(mine, "b"), (mine, "C"), (other, "a"), (mine, "a-1"), (mine, "A"), (other, "z")]
    {
        let name = ResourceGroupName::parse(name).unwrap();
        put(&service, &ResourceGroup::new(subscription, name, "local".into())).await;
    }
    let directory = service.current();
    let names = |subscription, after| -> Vec<String> {
        let found = directory.resource_groups_in(subscription, after);
        found.map(|group| group.name.as_str().to_owned()).collect()
    };
    assert_eq!(names(mine, None), ["A", "a-1", "b", "C"]);
    assert_eq!(names(mine, Some("a")), ["a-1", "b", "C"]);
    assert_eq!(names(mine, Some("aa")), ["b", "C"], "a group that is gone");
    assert_eq!(names(other, None), ["a", "z"]);
    assert!(names(SubscriptionId::from_bytes([9; 16]), None).is_empty());
}
