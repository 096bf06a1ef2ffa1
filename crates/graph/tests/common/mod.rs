//! Graph on a directory in memory, and tokens signed as the token service signs them.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use strongroom_audit::{Audit, AuditKey, AuditKeys, Options};
use strongroom_authn::{Authenticator, CurrentDirectory, OutgoingRules, Resource};
use strongroom_crypto::sign::RsaSigningKey;
use strongroom_crypto::{SecretBytes, SymmetricKey};
use strongroom_directory::row::TokenKeyRow;
use strongroom_directory::{
    Application, Clock, Credential, DirectoryRow, DirectoryService, Group, Installation, Tenant,
    User,
};
use strongroom_graph::GraphService;
use strongroom_model::{
    ClientId, CredentialId, Endpoints, InstallationId, PrincipalId, TenantId, Timestamp,
};
use strongroom_seal::{KeyRing, Place, Protector};
use strongroom_store::disk::RealDisk;
use strongroom_store::memory::MemoryStore;
use strongroom_store::{Store, Txn, layout};
use tempfile::TempDir;
use tower::ServiceExt;
use uuid::{Uuid, uuid};

pub(crate) const NOW: Timestamp = Timestamp(1_767_225_700);
pub(crate) const TENANT: TenantId = TenantId(uuid!("72f988bf-86f1-41af-91ab-2d7cd011db47"));
pub(crate) const OTHER: TenantId = TenantId(uuid!("11111111-2222-4333-8444-555555555555"));
pub(crate) const USER: PrincipalId = PrincipalId(uuid!("0000000a-0000-4000-8000-000000000001"));
pub(crate) const INNER: PrincipalId = PrincipalId(uuid!("0000000c-0000-4000-8000-000000000001"));
pub(crate) const OUTER: PrincipalId = PrincipalId(uuid!("0000000c-0000-4000-8000-000000000002"));
/// A service principal of the other tenant.
pub(crate) const FOREIGN: PrincipalId = PrincipalId(uuid!("0000000d-0000-4000-8000-000000000001"));
const KID: &str = "kid-1";

static KEY: LazyLock<RsaSigningKey> = LazyLock::new(|| RsaSigningKey::generate().unwrap());

pub(crate) fn client_id(number: u128) -> ClientId {
    ClientId(Uuid::from_u128(0xade4_0000_0000_4000_8000_0000_0000_0000 + number))
}

pub(crate) fn object_id(number: u128) -> PrincipalId {
    PrincipalId(Uuid::from_u128(0x0000_000b_0000_4000_8000_0000_0000_0000 + number))
}

#[derive(minicbor::Encode)]
struct ClockRow {
    #[n(0)]
    high_water_ms: i64,
    #[n(1)]
    paused: bool,
}

pub(crate) struct Graph {
    directory: Arc<DirectoryService<MemoryStore>>,
    router: Router,
    pub(crate) audit: Arc<Audit<MemoryStore>>,
    _disk: TempDir,
}

impl Graph {
    /// Eight applications, a person and two groups in a circle; and a tenant beside it.
    pub(crate) async fn new() -> Self {
        let store = MemoryStore::new();
        let protector = Protector::Key(SymmetricKey::generate().unwrap());
        let id = InstallationId(Uuid::new_v4());
        KeyRing::initialise(&store, id, &protector).await.unwrap();
        let ring = KeyRing::open(store.clone(), &protector).await.unwrap();
        let directory = DirectoryService::open(store.clone(), &ring, Arc::from([])).await.unwrap();
        let directory = Arc::new(directory);
        let row = ClockRow { high_water_ms: NOW.0 * 1_000, paused: false };
        let row = minicbor::to_vec(row).unwrap();
        let sealed = ring.system().seal(&Place::Row("clock", b""), &row).unwrap();
        store.commit(Txn::new().put(layout::CLOCK, sealed)).await.unwrap();
        let clock = Clock::open(store.clone(), Arc::clone(ring.system()), true).await.unwrap();
        let disk = tempfile::tempdir().unwrap();
        let key = SymmetricKey::from_slice(&[7; 32]).unwrap();
        let keys = AuditKeys::new(&[AuditKey { generation: 1, key }]).unwrap();
        let options = Options { segment_bytes: 1024 * 1024, ..Options::default() };
        let real = Arc::new(RealDisk::open(disk.path()).unwrap());
        let audit = Arc::new(Audit::open(store, real, keys, options).await.unwrap());
        let current: CurrentDirectory = {
            let directory = Arc::clone(&directory);
            Arc::new(move || directory.current())
        };
        let endpoints = Endpoints::new("localhost", 8443);
        let authenticator = Authenticator::for_resource(
            Resource::Graph,
            Arc::clone(&current),
            endpoints.clone(),
            OutgoingRules::new(Vec::new()),
        );
        let router = strongroom_graph::router(GraphService {
            endpoints,
            directory: current,
            authenticator: Arc::new(authenticator),
            audit: Arc::clone(&audit),
            clock: Arc::new(clock),
        });
        let graph = Self { directory, router, audit, _disk: disk };
        graph.fill(id).await;
        graph
    }

    async fn fill(&self, id: InstallationId) {
        self.put(&Installation {
            id,
            default_tenant: TENANT,
            created: NOW,
            base: "localhost".into(),
            port: 8443,
            manual_clock: true,
        })
        .await;
        for id in [TENANT, OTHER] {
            self.put(&Tenant { id, display_name: "a tenant".into() }).await;
        }
        for number in 1..=8 {
            self.put(&application(number, object_id(number), TENANT)).await;
        }
        self.put(&application(100, FOREIGN, OTHER)).await;
        self.put(&User {
            object_id: USER,
            tenant: TENANT,
            display_name: "Ada Lovelace".into(),
            user_principal_name: "ada@example.com".into(),
            mail: Some("ada@example.com".into()),
            created: NOW,
        })
        .await;
        self.put(&group(INNER, "inner", &[object_id(1), USER, OUTER])).await;
        self.put(&group(OUTER, "outer", &[INNER, FOREIGN])).await;
        let pkcs8 = SecretBytes::new(KEY.to_pkcs8().unwrap().expose().to_vec());
        let (created, signs_from) = (NOW, NOW);
        let expires = NOW.plus_days(30);
        self.put(&TokenKeyRow { kid: KID.into(), pkcs8, created, signs_from, expires }).await;
    }

    async fn put<R: DirectoryRow>(&self, row: &R) {
        let (key, value) = self.directory.row(row).unwrap();
        self.directory.commit(Txn::new().put(key, value)).await.unwrap();
    }

    /// A good answer to the first application.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let (status, body) = self.ask(Method::POST, path, Some(body)).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    /// An answer to the first application.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> (StatusCode, Value) {
        let token = token(&claims());
        self.with(Some(&token), method, &format!("/v1.0{path}"), body).await
    }

    pub(crate) async fn with(
        &self,
        token: Option<&str>,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> (StatusCode, Value) {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let answer = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = answer.status();
        assert_eq!(answer.headers().contains_key("www-authenticate"), status.as_u16() == 401);
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap())
    }
}

fn application(number: u128, object_id: PrincipalId, tenant: TenantId) -> Application {
    Application {
        client_id: client_id(number),
        object_id,
        tenant,
        display_name: format!("Pipeline {number}"),
        credentials: vec![Credential {
            id: CredentialId(Uuid::from_u128(number)),
            digest: [0xAB; 32],
            created: NOW,
            expires: None,
        }],
        created: NOW,
    }
}

fn group(object_id: PrincipalId, name: &str, members: &[PrincipalId]) -> Group {
    Group { object_id, tenant: TENANT, display_name: name.into(), members: members.to_vec() }
}

/// The claims of a token for Graph of the first application.
pub(crate) fn claims() -> Value {
    json!({
        "aud": "https://graph.localhost:8443",
        "iss": format!("https://login.localhost:8443/{TENANT}/v2.0"),
        "iat": NOW.0,
        "nbf": NOW.0,
        "exp": NOW.0 + 3600,
        "appid": client_id(1).to_string(),
        "oid": object_id(1).to_string(),
        "tid": TENANT.to_string(),
    })
}

pub(crate) fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().insert(name.into(), value);
    claims
}

pub(crate) fn token(claims: &Value) -> String {
    let header = json!({ "typ": "JWT", "alg": "RS256", "kid": KID }).to_string();
    let b64 = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!("{}.{}", b64(header.as_bytes()), b64(claims.to_string().as_bytes()));
    format!("{signed}.{}", b64(&KEY.sign(signed.as_bytes()).unwrap()))
}
