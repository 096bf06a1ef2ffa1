//! A directory on a store in memory, and tokens signed as an issuer signs them.

use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use strongroom_authn::{Authenticator, CurrentDirectory, OutgoingRules, Resource};
use strongroom_crypto::sign::RsaSigningKey;
use strongroom_crypto::{SecretBytes, SymmetricKey};
use strongroom_directory::row::{TokenKeyRow, row_key};
use strongroom_directory::{Application, DirectoryRow, DirectoryService, Group, Tenant};
use strongroom_model::{ClientId, Endpoints, InstallationId, PrincipalId, TenantId, Timestamp};
use strongroom_seal::{KeyRing, Protector};
use strongroom_store::Txn;
use strongroom_store::memory::MemoryStore;
use uuid::{Uuid, uuid};

pub(crate) const NOW: Timestamp = Timestamp(1_767_225_700);
pub(crate) const TENANT: TenantId = TenantId(uuid!("72f988bf-86f1-41af-91ab-2d7cd011db47"));
pub(crate) const OTHER_TENANT: TenantId = TenantId(uuid!("11111111-2222-4333-8444-555555555555"));
pub(crate) const CLIENT: ClientId = ClientId(uuid!("ade45211-0570-4802-bc79-7da181e8ebcc"));
pub(crate) const OBJECT: PrincipalId = PrincipalId(uuid!("3ac716b2-d3c3-4f6c-a8ae-e07d30be0e51"));
pub(crate) const GROUP: PrincipalId = PrincipalId(uuid!("8e93423f-d08c-4539-ba3d-8cbc20bc6aa5"));
pub(crate) const KID: &str = "kid-1";

static KEY: LazyLock<RsaSigningKey> = LazyLock::new(|| RsaSigningKey::generate().unwrap());
static STRANGER: LazyLock<RsaSigningKey> = LazyLock::new(|| RsaSigningKey::generate().unwrap());

/// The key behind [`KID`].
pub(crate) fn key() -> &'static RsaSigningKey {
    &KEY
}

/// A key that the directory does not know.
pub(crate) fn stranger() -> &'static RsaSigningKey {
    &STRANGER
}

pub(crate) fn endpoints() -> Endpoints {
    Endpoints::new("localhost", 8443)
}

pub(crate) struct Installation {
    service: Arc<DirectoryService<MemoryStore>>,
    pub(crate) authenticator: Authenticator,
}

impl Installation {
    /// Two tenants, one application, one token key.
    pub(crate) async fn new() -> Self {
        let store = MemoryStore::new();
        let protector = Protector::Key(SymmetricKey::generate().unwrap());
        let id = InstallationId(Uuid::new_v4());
        KeyRing::initialise(&store, id, &protector).await.unwrap();
        let ring = KeyRing::open(store.clone(), &protector).await.unwrap();
        let service = DirectoryService::open(store, &ring, Arc::from([])).await.unwrap();
        let service = Arc::new(service);
        let directory: CurrentDirectory = {
            let service = Arc::clone(&service);
            Arc::new(move || service.current())
        };
        let outgoing = OutgoingRules::new(Vec::new());
        let authenticator = Authenticator::new(directory, endpoints(), outgoing);
        let installation = Self { service, authenticator };
        for id in [TENANT, OTHER_TENANT] {
            installation.put(&Tenant { id, display_name: "a tenant".into() }).await;
        }
        installation.put(&application(OBJECT)).await;
        installation.put(&token_key(KID, NOW.plus_days(30))).await;
        installation
    }

    /// Another authenticator of the same installation.
    #[allow(dead_code)] // Not every test file asks for one.
    pub(crate) fn authenticator_for(&self, resource: Resource) -> Authenticator {
        let service = Arc::clone(&self.service);
        let directory: CurrentDirectory = Arc::new(move || service.current());
        let outgoing = OutgoingRules::new(Vec::new());
        Authenticator::for_resource(resource, directory, endpoints(), outgoing)
    }

    pub(crate) async fn put<R: DirectoryRow>(&self, row: &R) {
        let (key, value) = self.service.row(row).unwrap();
        self.service.commit(Txn::new().put(key, value)).await.unwrap();
    }

    pub(crate) async fn delete<R: DirectoryRow>(&self, id: &[u8]) {
        self.service.commit(Txn::new().delete(row_key::<R>(id))).await.unwrap();
    }
}

pub(crate) fn application(object_id: PrincipalId) -> Application {
    Application {
        client_id: CLIENT,
        object_id,
        tenant: TENANT,
        display_name: "pipeline".into(),
        credentials: Vec::new(),
        created: NOW,
    }
}

pub(crate) fn group(members: &[PrincipalId]) -> Group {
    Group {
        object_id: GROUP,
        tenant: TENANT,
        display_name: "readers".into(),
        members: members.to_vec(),
    }
}

pub(crate) fn token_key(kid: &str, expires: Timestamp) -> TokenKeyRow {
    let pkcs8 = SecretBytes::new(key().to_pkcs8().unwrap().expose().to_vec());
    TokenKeyRow { kid: kid.into(), pkcs8, created: NOW, signs_from: NOW, expires }
}

/// The claims of a sound token of ours, good from [`NOW`] for an hour.
pub(crate) fn claims() -> Value {
    json!({
        "aud": "https://vault.localhost:8443",
        "iss": format!("https://login.localhost:8443/{TENANT}/v2.0"),
        "iat": NOW.0,
        "nbf": NOW.0,
        "exp": NOW.0 + 3600,
        "appid": CLIENT.to_string(),
        "oid": OBJECT.to_string(),
        "sub": OBJECT.to_string(),
        "tid": TENANT.to_string(),
        "ver": "1.0",
    })
}

/// The sound claims with one changed, or taken out by `Value::Null`.
pub(crate) fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    match value {
        Value::Null => claims.as_object_mut().unwrap().remove(name),
        value => claims.as_object_mut().unwrap().insert(name.into(), value),
    };
    claims
}

pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Signs any header and payload with RS256, whatever the header says.
pub(crate) fn sign(key: &RsaSigningKey, header: &str, payload: &str) -> String {
    let signed = format!("{}.{}", b64(header), b64(payload));
    let signature = b64(key.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}

pub(crate) fn token(claims: &Value) -> String {
    let header = format!(r#"{{"typ":"JWT","alg":"RS256","kid":"{KID}"}}"#);
    sign(key(), &header, &claims.to_string())
}
