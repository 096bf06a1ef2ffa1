//! The control plane on a store in memory, of two tenants, and tokens signed as the token service
//! signs them.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, Request};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use strongroom_arm::{ArmService, Throttle, Throttling};
use strongroom_audit::{Audit, AuditKey, AuditKeys, Options};
use strongroom_authn::{Authenticator, CurrentDirectory, OutgoingRules, Resource};
use strongroom_authz::roles;
use strongroom_crypto::sign::RsaSigningKey;
use strongroom_crypto::{SecretBytes, SymmetricKey, software};
use strongroom_directory::row::TokenKeyRow;
use strongroom_directory::{
    Application, Clock, DirectoryRow, DirectoryService, Subscription, Tenant, system_now,
};
use strongroom_model::{
    ClientId, DenyAssignment, DenyAssignmentId, DenyPrincipal, Endpoints, InstallationId,
    PrincipalId, ResourceGroupName, RoleAssignment, RoleAssignmentId, RolePermissions, Scope,
    Stamps, SubscriptionId, TenantId, Timestamp,
};
use strongroom_ops::setup::{Owner, Setup, initialise};
use strongroom_ops::{KeyRules, KeyWork, Ops};
use strongroom_seal::{KeyRing, Protector};
use strongroom_store::Txn;
use strongroom_store::disk::FaultDisk;
use strongroom_store::memory::MemoryStore;
use strongroom_work::{GeneratorsConfig, LimitsConfig, StockSizes};
use tower::ServiceExt;
use uuid::{Uuid, uuid};

pub(crate) const OTHER: TenantId = TenantId(uuid!("11111111-2222-4333-8444-555555555555"));
pub(crate) const OTHER_SUBSCRIPTION: SubscriptionId =
    SubscriptionId(uuid!("22222222-2222-4333-8444-555555555555"));
/// An application of the other tenant.
pub(crate) const FOREIGN: PrincipalId = PrincipalId(uuid!("0000000d-0000-4000-8000-000000000001"));
const FOREIGN_CLIENT: ClientId = ClientId(uuid!("0000000e-0000-4000-8000-000000000001"));
const KID: &str = "kid-1";

static KEY: LazyLock<RsaSigningKey> = LazyLock::new(|| RsaSigningKey::generate().unwrap());

pub(crate) struct Installation {
    directory: Arc<DirectoryService<MemoryStore>>,
    router: Router,
    now: Timestamp,
    pub(crate) owner: Owner,
}

/// Who calls.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who {
    /// The owner of the first tenant.
    Owner,
    /// The application of the other tenant.
    Foreign,
}

impl Installation {
    /// What set-up makes, and beside it another tenant with a subscription and an application.
    pub(crate) async fn new() -> Self {
        let store = MemoryStore::new();
        let protector = Protector::Key(SymmetricKey::from_slice(&[7; 32]).unwrap());
        let now = system_now();
        let owner = initialise(&store, &protector, setup(), now, now).await.unwrap();
        let ring = Arc::new(KeyRing::open(store.clone(), &protector).await.unwrap());
        let builtin = roles::builtin().into();
        let directory = DirectoryService::open(store.clone(), &ring, builtin).await.unwrap();
        let directory = Arc::new(directory);
        let system = Arc::clone(ring.system());
        let clock = Arc::new(Clock::open(store.clone(), system, true).await.unwrap());
        let key = SymmetricKey::from_slice(&[8; 32]).unwrap();
        let keys = AuditKeys::new(&[AuditKey { generation: 1, key }]).unwrap();
        let options = Options { segment_bytes: 64 * 1024, spare_segments: 1, ..Options::default() };
        let disk = Arc::new(FaultDisk::new());
        let audit = Arc::new(Audit::open(store.clone(), disk, keys, options).await.unwrap());
        let ops = Ops::new(store, ring, Arc::clone(&directory), audit, clock, key_work());
        let endpoints = Endpoints::new("localhost", 8443);
        let router = strongroom_arm::router(ArmService {
            ops: Arc::new(ops),
            authenticator: Arc::new(authenticator(&directory, &endpoints)),
            endpoints,
            owners: Vec::new(),
            throttle: Throttle::new(Throttling::Off),
        });
        let installation = Self { directory, router, now, owner };
        installation.fill().await;
        installation
    }

    async fn fill(&self) {
        self.put(&Tenant { id: OTHER, display_name: "another tenant".into() }).await;
        self.put(&Subscription::new(OTHER_SUBSCRIPTION, OTHER, "another".into())).await;
        self.put(&Application {
            client_id: FOREIGN_CLIENT,
            object_id: FOREIGN,
            tenant: OTHER,
            display_name: "pipeline".into(),
            credentials: Vec::new(),
            created: self.now,
        })
        .await;
        let pkcs8 = SecretBytes::new(KEY.to_pkcs8().unwrap().expose().to_vec());
        let (created, signs_from, expires) = (self.now, self.now, self.now.plus_days(30));
        self.put(&TokenKeyRow { kid: KID.into(), pkcs8, created, signs_from, expires }).await;
    }

    pub(crate) async fn put<R: DirectoryRow>(&self, row: &R) {
        let (key, value) = self.directory.row(row).unwrap();
        self.directory.commit(Txn::new().put(key, value)).await.unwrap();
    }

    /// A role at `/`.
    pub(crate) async fn assign_at_root(&self, role: &str, principal: PrincipalId) -> String {
        let id = RoleAssignmentId(Uuid::new_v4());
        self.put(&RoleAssignment {
            id,
            principal,
            role: roles::by_name(role).unwrap().id,
            scope: Scope::root(),
            principal_type: None,
            description: None,
            condition: None,
            stamps: Stamps::made(self.now, None),
        })
        .await;
        format!("/providers/Microsoft.Authorization/roleAssignments/{id}")
    }

    /// A deny assignment at `/`.
    pub(crate) async fn deny_at_root(&self, action: &str, principal: PrincipalId) -> String {
        let id = DenyAssignmentId(Uuid::new_v4());
        let permissions =
            RolePermissions { actions: vec![action.into()], ..RolePermissions::default() };
        let mut denial = DenyAssignment::new(id, "no", Scope::root()).with(permissions);
        denial.principals = vec![DenyPrincipal { id: principal, kind: None }];
        self.put(&denial).await;
        format!("/providers/Microsoft.Authorization/denyAssignments/{id}")
    }

    /// The status and the body of an answer; null where there is none.
    pub(crate) async fn ask(
        &self,
        who: Who,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let (client, object, tenant) = match who {
            Who::Owner => (self.owner.client_id, self.owner.object_id, self.owner.tenant),
            Who::Foreign => (FOREIGN_CLIENT, FOREIGN, OTHER),
        };
        let token = token(client, object, tenant, self.now);
        let request = Request::builder()
            .method(method)
            .uri(format!("{path}?api-version=2022-04-01"))
            .header("authorization", format!("Bearer {token}"));
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let answer = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }
}

fn setup() -> Setup {
    Setup {
        installation: InstallationId(Uuid::new_v4()),
        base: "localhost".into(),
        port: 8443,
        manual_clock: true,
        location: "local".into(),
        resource_group: ResourceGroupName::parse("rg").unwrap(),
        owner_name: "owner".into(),
        keep_owner_secret: false,
    }
}

fn key_work() -> KeyWork {
    let generators = GeneratorsConfig { stock: StockSizes::NONE, ..GeneratorsConfig::default() };
    let rules = KeyRules { software_hsm: true, symmetric: false };
    KeyWork::new(software::provider(), rules, generators, LimitsConfig::Off).unwrap()
}

fn authenticator(
    directory: &Arc<DirectoryService<MemoryStore>>,
    endpoints: &Endpoints,
) -> Authenticator {
    let directory = Arc::clone(directory);
    let current: CurrentDirectory = Arc::new(move || directory.current());
    let outgoing = OutgoingRules::new(Vec::new());
    Authenticator::for_resource(Resource::Management, current, endpoints.clone(), outgoing)
}

fn token(client: ClientId, object: PrincipalId, tenant: TenantId, now: Timestamp) -> String {
    let header = json!({ "typ": "JWT", "alg": "RS256", "kid": KID }).to_string();
    let claims = json!({
        "aud": "https://management.localhost:8443",
        "iss": format!("https://login.localhost:8443/{tenant}/v2.0"),
        "iat": now.0, "nbf": now.0, "exp": now.0 + 3600,
        "appid": client.to_string(), "oid": object.to_string(), "tid": tenant.to_string(),
    });
    let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!("{}.{}", b64(header.as_bytes()), b64(claims.to_string().as_bytes()));
    format!("{signed}.{}", b64(&KEY.sign(signed.as_bytes()).unwrap()))
}
