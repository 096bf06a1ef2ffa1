//! A token service on a directory in memory, asked as clients ask it.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use axum::Router;
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use strongroom_authn::{Authenticator, OutgoingRules};
use strongroom_crypto::{SecretBytes, SymmetricKey};
use strongroom_directory::row::TokenKeyRow;
use strongroom_directory::{
    Application, Credential, DirectoryRow, DirectoryService, Installation, Tenant,
};
use strongroom_identity::rotation::rotate_now;
use strongroom_identity::{TokenAudit, TokenOutcome, TokenService, Unaudited};
use strongroom_model::{
    ClientId, ConnectionInfo, CredentialId, Endpoints, InstallationId, PrincipalId, TenantId,
    Timestamp,
};
use strongroom_seal::{KeyRing, Protector};
use strongroom_store::Txn;
use strongroom_store::memory::MemoryStore;
use tower::ServiceExt;
use uuid::{Uuid, uuid};

pub(crate) const NOW: Timestamp = Timestamp(1_767_225_700);
pub(crate) const TENANT: TenantId = TenantId(uuid!("72f988bf-86f1-41af-91ab-2d7cd011db47"));
pub(crate) const OTHER: TenantId = TenantId(uuid!("11111111-2222-4333-8444-555555555555"));
pub(crate) const CLIENT: ClientId = ClientId(uuid!("ade45211-0570-4802-bc79-7da181e8ebcc"));
pub(crate) const OBJECT: PrincipalId = PrincipalId(uuid!("3ac716b2-d3c3-4f6c-a8ae-e07d30be0e51"));
pub(crate) const SECRET: &str = "k9~Qx+/8 %=&secret";
pub(crate) const EXPIRED: &str = "an-expired-secret";
pub(crate) const VAULT: &str = "https://vault.localhost:8443";

static KEY: LazyLock<TokenKeyRow> = LazyLock::new(|| rotate_now(NOW).generate().unwrap());

/// What was recorded, and whether recording works.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) outcomes: Mutex<Vec<TokenOutcome>>,
    pub(crate) broken: AtomicBool,
}

impl TokenAudit for Recorder {
    fn record(
        &self,
        outcome: TokenOutcome,
    ) -> Pin<Box<dyn Future<Output = Result<(), Unaudited>> + Send + '_>> {
        self.outcomes.lock().unwrap().push(outcome);
        let broken = self.broken.load(Ordering::SeqCst);
        Box::pin(async move { if broken { Err(Unaudited) } else { Ok(()) } })
    }
}

pub(crate) struct Service {
    directory: Arc<DirectoryService<MemoryStore>>,
    pub(crate) router: Router,
    pub(crate) audit: Arc<Recorder>,
    pub(crate) authenticator: Authenticator,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Service {
    /// Two tenants, an application with a good and an expired secret, one signing key.
    pub(crate) async fn new() -> Self {
        let directory = Arc::new(open_directory().await);
        let endpoints = Endpoints::new("localhost", 8443);
        let audit = Arc::new(Recorder::default());
        let current = {
            let directory = Arc::clone(&directory);
            Arc::new(move || directory.current())
        };
        let secret_digest = {
            let directory = Arc::clone(&directory);
            Arc::new(move |secret: &[u8]| directory.secret_digest(secret))
        };
        let outgoing = OutgoingRules::new(Vec::new());
        let authenticator = Authenticator::new(current.clone(), endpoints.clone(), outgoing);
        let router = strongroom_identity::router(TokenService {
            endpoints,
            directory: current,
            secret_digest,
            audit: audit.clone(),
            now: Arc::new(|| NOW),
        });
        let service = Self { directory, router, audit, authenticator };
        service.fill().await;
        service
    }

    async fn fill(&self) {
        let id = InstallationId(Uuid::new_v4());
        self.put(&Installation {
            id,
            default_tenant: TENANT,
            created: NOW,
            base: "localhost".into(),
            port: 8443,
            manual_clock: false,
        })
        .await;
        for id in [TENANT, OTHER] {
            self.put(&Tenant { id, display_name: "a tenant".into() }).await;
        }
        self.put(&self.application()).await;
        let key = &*KEY;
        self.put(&TokenKeyRow {
            kid: key.kid.clone(),
            pkcs8: SecretBytes::new(key.pkcs8.expose().to_vec()),
            ..*key
        })
        .await;
    }

    pub(crate) fn application(&self) -> Application {
        let credential = |secret: &str, expires| Credential {
            id: CredentialId(Uuid::new_v4()),
            digest: self.directory.secret_digest(secret.as_bytes()),
            created: NOW,
            expires,
        };
        Application {
            client_id: CLIENT,
            object_id: OBJECT,
            tenant: TENANT,
            display_name: "pipeline".into(),
            credentials: vec![
                credential(EXPIRED, Some(NOW)),
                credential(SECRET, Some(NOW.plus_seconds(1))),
            ],
            created: NOW,
        }
    }

    pub(crate) async fn put<R: DirectoryRow>(&self, row: &R) {
        let (key, value) = self.directory.row(row).unwrap();
        self.directory.commit(Txn::new().put(key, value)).await.unwrap();
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.ask(post(path).body(body.into()).unwrap()).await
    }
}

async fn open_directory() -> DirectoryService<MemoryStore> {
    let store = MemoryStore::new();
    let protector = Protector::Key(SymmetricKey::generate().unwrap());
    let id = InstallationId(Uuid::new_v4());
    KeyRing::initialise(&store, id, &protector).await.unwrap();
    let ring = KeyRing::open(store.clone(), &protector).await.unwrap();
    DirectoryService::open(store, &ring, Arc::from([])).await.unwrap()
}

pub(crate) fn post(path: &str) -> http::request::Builder {
    let connection = ConnectionInfo {
        local: "127.0.0.1:8443".parse().unwrap(),
        peer: "127.0.0.1:50000".parse().unwrap(),
        sni: Some("login.localhost".into()),
        tls_version: "TLS1_3",
    };
    Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("user-agent", "azsdk-python-identity/1.27.0")
        .extension(Arc::new(connection))
}

/// A body of form parameters, encoded.
pub(crate) fn form(parameters: &[(&str, &str)]) -> String {
    let encode = |text: &str| {
        let bytes = text.bytes().map(|b| match b {
            b if b.is_ascii_alphanumeric() => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        });
        bytes.collect::<String>()
    };
    let pairs = parameters.iter().map(|(name, value)| format!("{name}={}", encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// Client credentials as `client`, with these parameters beside.
pub(crate) fn credentials(secret: &str, beside: &[(&str, &str)]) -> String {
    let client = CLIENT.to_string();
    let mut parameters = vec![
        ("grant_type", "client_credentials"),
        ("client_id", &client),
        ("client_secret", secret),
    ];
    parameters.extend(beside);
    form(&parameters)
}

/// Header and claims of a token.
pub(crate) fn parts(token: &Value) -> (Value, Value) {
    let mut segments = token.as_str().unwrap().split('.');
    let mut part =
        || serde_json::from_slice(&URL_SAFE_NO_PAD.decode(segments.next().unwrap()).unwrap());
    (part().unwrap(), part().unwrap())
}
