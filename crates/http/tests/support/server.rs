//! The server: an installation with an owner and a vault, served over TLS.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http_body_util::Full;
use hyper::client::conn::http2;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use strongroom_acme::validate::{ValidationSettings, Validator};
use strongroom_audit::{Audit, Record};
use strongroom_authn::{Authenticator, OutgoingRules};
use strongroom_authz::roles;
use strongroom_directory::Directory;
use strongroom_directory::row::{AuthorityRow, TokenKeyRow, row_key};
use strongroom_http::{Limits, NetworkTrust, Service, Shutdown, Tls};
use strongroom_identity::rotation::{self, RotationStep};
use strongroom_identity::{TokenAudit, TokenOutcome, TokenService, Unaudited};
use strongroom_model::{
    ClientId, Endpoints, InstallationId, PrincipalId, ResourceGroupName, Scope, SoftDelete,
    Timestamp, VaultName, VaultResource,
};
use strongroom_monitor::HttpMetrics;
use strongroom_ops::Swept;
use strongroom_ops::setup::{Owner, Setup, initialise};
use strongroom_ops::vaults::{CreateVault, VaultAddress, VaultEditor, VaultSettings};
use strongroom_pki::Authority;
use strongroom_store::disk::FaultDisk;
use strongroom_store::memory::MemoryStore;
use strongroom_store::{Store, Txn};
use uuid::Uuid;

use super::client::send_http2;
use super::node::protector;
use super::release::release;
use super::{API, Answer, Ask, Client, Node};

/// A principal with a token.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) client_id: ClientId,
    pub(crate) object_id: PrincipalId,
    pub(crate) token: String,
}

/// What not every server can.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Features {
    /// Its vaults keep symmetric keys.
    pub(crate) symmetric: bool,
    /// It releases keys.
    pub(crate) release: bool,
    /// Its authorities serve ACME, and look for HTTP-01 answers at this port.
    pub(crate) acme: Option<u16>,
    /// It believes this machine when it says whom it forwards.
    pub(crate) behind_proxy: bool,
    /// The owner is a trusted service.
    pub(crate) trusts_owner: bool,
}

/// A running server with a vault `dev` (90 days of retention) and an owner.
pub(crate) struct Server<S: Store = MemoryStore> {
    pub(crate) node: Node<S>,
    pub(crate) endpoints: Endpoints,
    pub(crate) owner: Owner,
    /// The time at the start, in Unix seconds.
    pub(crate) began: i64,
    /// The owner's token: what requests carry unless the test says otherwise.
    pub(crate) token: String,
    pub(crate) client: Client,
    shared: http2::SendRequest<Full<Bytes>>,
    shutdown: Shutdown,
}

impl Server<MemoryStore> {
    /// A server on a store in memory.
    pub(crate) async fn start() -> Self {
        Self::limited(Limits::default()).await
    }

    /// A server on a store in memory that allows its clients so much.
    pub(crate) async fn limited(limits: Limits) -> Self {
        Self::set_up(MemoryStore::new(), FaultDisk::new(), limits, Features::default()).await
    }

    /// A server on a store in memory that can more than a server can by itself.
    pub(crate) async fn with(features: Features) -> Self {
        Self::set_up(MemoryStore::new(), FaultDisk::new(), Limits::default(), features).await
    }
}

impl<S: Store> Server<S> {
    /// A server on an empty store, its journal on `disk`.
    pub(crate) async fn over(store: S, disk: FaultDisk) -> Self {
        Self::set_up(store, disk, Limits::default(), Features::default()).await
    }

    async fn set_up(store: S, disk: FaultDisk, limits: Limits, features: Features) -> Self {
        let listening = listen(limits);
        let setup = Setup {
            installation: InstallationId(Uuid::new_v4()),
            base: "localhost".into(),
            port: listening.port().unwrap(),
            manual_clock: true,
            location: "local".into(),
            resource_group: ResourceGroupName::parse("dev").unwrap(),
            owner_name: "owner".into(),
            keep_owner_secret: false,
        };
        let now = system_now();
        let owner = initialise(&store, &protector(), setup, now, now).await.unwrap();
        let node = match features.symmetric {
            true => Node::open_symmetric(store, disk).await,
            false => Node::open(store, disk).await,
        };
        Self::serve(node, owner, listening, true, features).await
    }

    /// A server of an installation that is there already, at another port.
    pub(crate) async fn again(node: Node<S>, owner: Owner) -> Self {
        Self::serve(node, owner, listen(Limits::default()), false, Features::default()).await
    }

    async fn serve(
        node: Node<S>,
        owner: Owner,
        listening: strongroom_http::Server,
        first: bool,
        features: Features,
    ) -> Self {
        let port = listening.port().unwrap();
        let endpoints = Endpoints::new("localhost", port);
        let row: AuthorityRow = node.directory.read(b"").await.unwrap().unwrap();
        let authority = Authority::from_parts(&row.certificate, &row.pkcs8).unwrap();
        let trust = NetworkTrust {
            principals: features.trusts_owner.then_some(owner.object_id).into_iter().collect(),
            proxies: features
                .behind_proxy
                .then(|| "127.0.0.0/8".parse().unwrap())
                .into_iter()
                .collect(),
        };
        let service = service(&node, &endpoints).with_network_trust(trust);
        let service = match features.release {
            true => service.with_release(release(&authority, node.clock.now())),
            false => service,
        };
        let service = match features.acme {
            Some(http_port) => {
                let settings = ValidationSettings { http_port, ..ValidationSettings::default() };
                let validator = Validator::new(settings, OutgoingRules::new(Vec::new()));
                service.with_acme(validator).unwrap()
            }
            None => service,
        };
        let service = Arc::new(service);
        let shutdown = listening.serve(&tls(&authority), &service);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let client = Client::new(authority.certificate_der().clone(), address);
        let shared = client.http2("dev.vault.localhost").await;
        let (token, began) = (String::new(), node.clock.now().0);
        let mut server = Self { node, endpoints, owner, began, token, client, shared, shutdown };
        if first {
            server.vault("dev", 90, false).await;
        }
        server.token = server.sign_in_owner().await;
        server
    }

    /// A fresh token of the owner; the first one ends after an hour.
    pub(crate) async fn sign_in_owner(&self) -> String {
        let secret = std::str::from_utf8(self.owner.client_secret.expose()).unwrap();
        self.sign_in(self.owner.client_id, secret).await
    }

    /// Makes a vault.
    pub(crate) async fn vault(
        &self,
        name: &str,
        retention_days: u32,
        purge_protection: bool,
    ) -> Arc<VaultResource> {
        let request = CreateVault {
            name: VaultName::parse(name).unwrap(),
            subscription: self.owner.subscription,
            resource_group: ResourceGroupName::parse("dev").unwrap(),
            location: None,
            soft_delete: SoftDelete::new(retention_days, purge_protection).unwrap(),
        };
        self.node.ops.create_vault(request, &mut self.node.call()).await.unwrap()
    }

    /// Changes the vault `dev`.
    pub(crate) async fn change(&self, settings: VaultSettings) {
        let vault = self.node.directory.current().vault("dev").unwrap().resource.clone();
        let (address, editor) = (VaultAddress::from(vault.as_ref()), VaultEditor::on_this_host());
        let ops = &self.node.ops;
        ops.update_vault(&address, &settings, &editor, &mut self.node.call()).await.unwrap();
    }

    /// A new application; with a role at a scope, if one is named.
    pub(crate) async fn identity(&self, role: Option<(&str, Scope)>) -> Identity {
        let (ops, tenant) = (&self.node.ops, self.owner.tenant);
        let new = ops.create_application("app", tenant, None, &mut self.node.call()).await.unwrap();
        if let Some((role, scope)) = role {
            let role = roles::by_name(role).unwrap().id;
            let principal = new.application.object_id;
            ops.create_role_assignment(principal, role, scope, &mut self.node.call())
                .await
                .unwrap();
        }
        let secret = std::str::from_utf8(new.client_secret.expose()).unwrap();
        Identity {
            client_id: new.application.client_id,
            object_id: new.application.object_id,
            token: self.sign_in(new.application.client_id, secret).await,
        }
    }

    /// Takes all roles from a principal.
    pub(crate) async fn remove_roles(&self, principal: PrincipalId) {
        let directory = self.node.directory.current();
        for assignment in directory.assignments().filter(|a| a.principal == principal) {
            let ops = &self.node.ops;
            ops.delete_role_assignment(assignment.id, &mut self.node.call()).await.unwrap();
        }
    }

    /// A token from the token endpoint, as clients get it.
    pub(crate) async fn sign_in(&self, client: ClientId, secret: &str) -> String {
        let resource = self.endpoints.vault_resource();
        let body = format!(
            "grant_type=client_credentials&client_id={client}&client_secret={secret}\
             &scope={resource}/.default"
        );
        let target = format!("/{}/oauth2/v2.0/token", self.owner.tenant);
        let ask = Ask {
            method: Method::POST,
            authority: self.authority("login"),
            target,
            headers: vec![("content-type".into(), "application/x-www-form-urlencoded".into())],
            body: body.into(),
        };
        let answer = self.client.send_http1(&ask).await.expect(200);
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// Host and port of a label such as `dev.vault`.
    pub(crate) fn authority(&self, label: &str) -> String {
        format!("{label}.localhost:{}", self.endpoints.port())
    }

    /// A request of the owner to the vault `dev`; without a query it gets [`API`].
    pub(crate) fn ask(&self, method: Method, target: &str) -> Ask {
        let query = if target.contains('?') { "" } else { "?api-version=" };
        let api = if query.is_empty() { "" } else { API };
        Ask {
            method,
            authority: self.authority("dev.vault"),
            target: format!("{target}{query}{api}"),
            headers: vec![("authorization".into(), format!("Bearer {}", self.token))],
            body: Vec::new(),
        }
    }

    /// Sends over the shared HTTP/2 connection; every answer is held against what all must have.
    pub(crate) async fn send(&self, ask: &Ask) -> Answer {
        let answer = send_http2(self.shared.clone(), ask).await;
        answer.check(ask.value("x-ms-client-request-id"));
        answer
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.send(&self.ask(Method::GET, target)).await
    }

    pub(crate) async fn delete(&self, target: &str) -> Answer {
        self.send(&self.ask(Method::DELETE, target)).await
    }

    pub(crate) async fn post(&self, target: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(&self.ask(Method::POST, target).body(body)).await
    }

    pub(crate) async fn put(&self, target: &str, body: &Value) -> Answer {
        self.send(&self.ask(Method::PUT, target).body(body.to_string())).await
    }

    pub(crate) async fn patch(&self, target: &str, body: &Value) -> Answer {
        self.send(&self.ask(Method::PATCH, target).body(body.to_string())).await
    }

    /// Sets a secret; gives its version.
    pub(crate) async fn set(&self, name: &str, value: &str) -> String {
        let answer = self.put(&format!("/secrets/{name}"), &json!({ "value": value })).await;
        answer.expect(200).version()
    }

    /// Creates a key; gives its version.
    pub(crate) async fn create_key(&self, name: &str, body: &Value) -> String {
        self.post(&format!("/keys/{name}/create"), body).await.expect(200).version()
    }

    /// Deletes a secret.
    pub(crate) async fn deleted(&self, name: &str) -> Answer {
        self.delete(&format!("/secrets/{name}")).await.expect(200)
    }

    /// Moves the clock, and does what has fallen due.
    pub(crate) async fn travel(&self, seconds: u32) -> Swept {
        self.node.clock.advance(seconds).await.unwrap();
        let now = self.node.clock.now();
        while let Some(step) = rotation::due(self.node.directory.current().token_keys(), now) {
            let txn = match step {
                RotationStep::Remove { kid } => {
                    Txn::new().delete(row_key::<TokenKeyRow>(kid.as_bytes()))
                }
                RotationStep::Add(schedule) => {
                    let (key, row) =
                        self.node.directory.row(&schedule.generate().unwrap()).unwrap();
                    Txn::new().put(key, row)
                }
            };
            self.node.directory.commit(txn).await.unwrap();
        }
        self.node.ops.sweep().await.unwrap()
    }

    /// The time, in Unix seconds.
    pub(crate) fn now(&self) -> i64 {
        self.node.clock.now().0
    }

    /// Stops, and gives every audit record, oldest first.
    pub(crate) async fn stop(self) -> Vec<Record> {
        drop(self.shared);
        self.shutdown.stop(Duration::from_secs(10)).await;
        self.node.audit.close().await.unwrap();
        super::audited(&self.node.disk)
    }
}

fn listen(limits: Limits) -> strongroom_http::Server {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    strongroom_http::Server::bind(&[address], limits).unwrap()
}

fn system_now() -> Timestamp {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp(i64::try_from(elapsed.as_secs()).unwrap())
}

fn service<S: Store>(node: &Node<S>, endpoints: &Endpoints) -> Service<S> {
    let directory = Arc::clone(&node.directory);
    let current: Arc<dyn Fn() -> Arc<Directory> + Send + Sync> =
        Arc::new(move || directory.current());
    let digests = Arc::clone(&node.directory);
    let clock = Arc::clone(&node.clock);
    let login = strongroom_identity::router(TokenService {
        endpoints: endpoints.clone(),
        directory: Arc::clone(&current),
        secret_digest: Arc::new(move |secret| digests.secret_digest(secret)),
        audit: Arc::new(SignIns(Arc::clone(&node.audit))),
        now: Arc::new(move || clock.now()),
    });
    let outgoing = OutgoingRules::new(Vec::new());
    let authenticator = Authenticator::new(current, endpoints.clone(), outgoing);
    Service::new(
        Arc::clone(&node.ops),
        Arc::new(authenticator),
        endpoints.clone(),
        login,
        Arc::new(HttpMetrics::new()),
    )
}

fn tls(authority: &Authority) -> Tls {
    let labels = ["login", "management", "*.vault", "*.managedhsm", "vault"];
    let names: Vec<String> = labels.iter().map(|label| format!("{label}.localhost")).collect();
    let issued = authority.issue_server(&names, system_now(), 30).unwrap();
    let key = PrivatePkcs8KeyDer::from(issued.key.expose().to_vec());
    Tls::new(issued.chain, PrivateKeyDer::Pkcs8(key)).unwrap()
}

/// Sign-ins in the journal.
struct SignIns<S: Store>(Arc<Audit<S>>);

impl<S: Store> TokenAudit for SignIns<S> {
    fn record(
        &self,
        outcome: TokenOutcome,
    ) -> Pin<Box<dyn Future<Output = Result<(), Unaudited>> + Send + '_>> {
        let mut record = Record::new(outcome.id, outcome.time.0 * 1_000, "SignIn");
        record.http_status = outcome.status;
        Box::pin(async move { self.0.record(&record).await.map_err(|_| Unaudited) })
    }
}
