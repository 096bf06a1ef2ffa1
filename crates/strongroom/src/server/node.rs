//! A node: every part of an installation, opened in order and closed in reverse.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use metrics::gauge;
use strongroom_arm::{ArmService, Throttle, Throttling};
use strongroom_audit::{Audit, AuditKey, AuditKeys};
use strongroom_authn::{Authenticator, OutgoingRules, Resource};
use strongroom_authz::roles;
use strongroom_directory::{Clock, Directory, DirectoryService};
use strongroom_graph::GraphService;
use strongroom_http::{NetworkTrust, Service};
use strongroom_identity::TokenService;
use strongroom_mail::Mailer;
use strongroom_model::{Endpoints, Host, PrincipalId};
use strongroom_monitor::HttpMetrics;
use strongroom_ops::{CertificateWork, Ops};
use strongroom_seal::{KeyRing, Protector};
use strongroom_store::disk::{Disk, RealDisk};
use strongroom_store_embedded::{EmbeddedStore, Options as StoreOptions};

use super::keys::{key_work, throttling};
use super::mail::mailer;
use super::network;
use super::notices::Notices;
use super::owners::owners;
use super::publication;
use super::token_audit::SignIns;
use crate::config::{AuditSection, Config};
use crate::error::CliError;

/// The engine of this release.
pub(crate) type Engine = EmbeddedStore;

/// A node of an installation.
pub(crate) struct Node {
    pub(crate) store: Engine,
    pub(crate) directory: Arc<DirectoryService<Engine>>,
    pub(crate) clock: Arc<Clock<Engine>>,
    pub(crate) audit: Arc<Audit<Engine>>,
    pub(crate) ops: Arc<Ops<Engine>>,
    /// What brings letters to contacts, if there is an SMTP server.
    pub(crate) mailer: Option<Arc<Mailer>>,
    pub(crate) endpoints: Endpoints,
    trust: NetworkTrust,
    owners: Vec<PrincipalId>,
    /// Whose limits hold on the control plane.
    throttling: Throttling,
}

/// Opens the data directory and its store.
///
/// # Errors
/// [`CliError::Failed`] when another process uses it, or it cannot be read.
pub(crate) fn open_store(data: &Path) -> Result<(Arc<dyn Disk>, Engine), CliError> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::open(data).map_err(CliError::failed)?);
    let store = EmbeddedStore::open(Arc::clone(&disk), &StoreOptions::default())
        .map_err(CliError::failed)?;
    Ok((disk, store))
}

impl Node {
    /// Opens every part over a store.
    ///
    /// # Errors
    /// [`CliError::Failed`], saying which part did not open and why.
    pub(crate) async fn open(
        disk: Arc<dyn Disk>,
        store: Engine,
        protector: &Protector,
        config: &Config,
    ) -> Result<Self, CliError> {
        let ring = KeyRing::open(store.clone(), protector).await.map_err(CliError::failed)?;
        let ring = Arc::new(ring);
        let directory = DirectoryService::open(store.clone(), &ring, roles::builtin().into())
            .await
            .map_err(CliError::failed)?;
        let directory = Arc::new(directory);
        let installation =
            directory.current().installation().cloned().ok_or_else(|| {
                CliError::failed("the set-up of the data directory was interrupted")
            })?;
        let endpoints = Endpoints::new(&installation.base, installation.port);
        let system = Arc::clone(ring.system());
        let clock = Clock::open(store.clone(), system, installation.manual_clock)
            .await
            .map_err(CliError::failed)?;
        let clock = Arc::new(clock);
        let audit = open_audit(&store, disk, &ring, &config.audit).await?;
        audit.pause_retention(clock.is_paused());
        let work = key_work(config, &directory.current())?;
        let trust = network::trust(&config.network)?;
        let throttling = throttling(&config.throttling);
        let owners = owners(&config.control_plane, &directory).await?;
        let ops = Ops::new(
            store.clone(),
            ring,
            Arc::clone(&directory),
            Arc::clone(&audit),
            Arc::clone(&clock),
            work,
        );
        let publication = publication::of(&config.certificates)?;
        let mut ops = ops
            .with_certificate_work(CertificateWork { publication })
            .with_strict_firewalls(config.network.azure_strict)
            .with_trusted_services(trust.principals.clone());
        let mailer = mailer(config)?.map(Arc::new);
        if let Some(mailer) = &mailer {
            ops = ops.with_notifier(Arc::new(Notices(Arc::clone(mailer))));
        }
        let ops = Arc::new(ops);
        Ok(Self {
            store,
            directory,
            clock,
            audit,
            ops,
            mailer,
            endpoints,
            trust,
            owners,
            throttling,
        })
    }

    /// The same node, its URLs at another port.
    pub(crate) fn at_port(mut self, port: u16) -> Self {
        self.endpoints = Endpoints::new(self.endpoints.base(), port);
        self
    }

    /// The HTTP front of this node.
    pub(crate) fn service(&self, listeners: Vec<SocketAddr>) -> Service<Engine> {
        let directory = Arc::clone(&self.directory);
        let current: Arc<dyn Fn() -> Arc<Directory> + Send + Sync> =
            Arc::new(move || directory.current());
        let digests = Arc::clone(&self.directory);
        let clock = Arc::clone(&self.clock);
        let login = strongroom_identity::router(TokenService {
            endpoints: self.endpoints.clone(),
            directory: Arc::clone(&current),
            secret_digest: Arc::new(move |secret| digests.secret_digest(secret)),
            audit: Arc::new(SignIns {
                audit: Arc::clone(&self.audit),
                endpoints: self.endpoints.clone(),
            }),
            now: Arc::new(move || clock.now()),
        });
        let outgoing = OutgoingRules::new(listeners);
        let authenticator = |resource| {
            let (current, endpoints) = (Arc::clone(&current), self.endpoints.clone());
            let outgoing = outgoing.clone();
            Arc::new(Authenticator::for_resource(resource, current, endpoints, outgoing))
        };
        let management = strongroom_arm::router(ArmService {
            ops: Arc::clone(&self.ops),
            authenticator: authenticator(Resource::Management),
            endpoints: self.endpoints.clone(),
            owners: self.owners.clone(),
            throttle: Throttle::new(self.throttling),
        });
        let graph = strongroom_graph::router(GraphService {
            endpoints: self.endpoints.clone(),
            directory: Arc::clone(&current),
            authenticator: authenticator(Resource::Graph),
            audit: Arc::clone(&self.audit),
            clock: Arc::clone(&self.clock),
        });
        Service::new(
            Arc::clone(&self.ops),
            authenticator(Resource::Vault),
            self.endpoints.clone(),
            login,
            Arc::new(HttpMetrics::new()),
        )
        .with_network_trust(self.trust.clone())
        .with_host(Host::Management, management)
        .with_host(Host::Graph, graph)
    }

    /// Sets the gauges of what this node holds.
    #[allow(clippy::cast_precision_loss)] // Gauges are floating-point numbers.
    pub(crate) fn publish_gauges(&self) {
        let stats = self.audit.stats();
        gauge!("strongroom_audit_sequence").set(stats.seq as f64);
        gauge!("strongroom_audit_unsynced")
            .set((stats.seq - stats.synced_seq.min(stats.seq)) as f64);
        gauge!("strongroom_audit_outbox").set(stats.queue as f64);
        gauge!("strongroom_audit_disk_full").set(f64::from(u8::from(stats.disk_full)));
        let trouble = self.store.stats().trouble.is_some();
        gauge!("strongroom_store_trouble").set(f64::from(u8::from(trouble)));
        gauge!("strongroom_clock_paused").set(f64::from(u8::from(self.clock.is_paused())));
        if let Some(mailer) = &self.mailer {
            gauge!("strongroom_mail_waiting").set(mailer.waiting() as f64);
        }
        self.publish_work();
        self.publish_saturation();
        gauge!("strongroom_directory_revision").set(self.directory.current().revision().0 as f64);
    }

    /// What waits for the pools of keys, what they refused, and the stock.
    #[allow(clippy::cast_precision_loss)] // Gauges are floating-point numbers.
    fn publish_work(&self) {
        let generators = self.ops.generator_stats();
        for (pool, stats) in [("sign", self.ops.pool_stats()), ("generate", generators.pool)] {
            gauge!("strongroom_work_queued", "pool" => pool).set(stats.queued as f64);
            gauge!("strongroom_work_running", "pool" => pool).set(stats.running as f64);
            gauge!("strongroom_work_done", "pool" => pool).set(stats.done as f64);
            gauge!("strongroom_work_refused", "pool" => pool).set(stats.refused as f64);
            gauge!("strongroom_work_busy_seconds", "pool" => pool)
                .set(stats.busy_nanos as f64 / 1e9);
        }
        for level in generators.stock {
            let bits = level.bits.to_string();
            gauge!("strongroom_key_stock", "bits" => bits).set(level.held as f64);
        }
    }

    /// How much of its limit each vault has used in these 10 s, in per cent.
    fn publish_saturation(&self) {
        let directory = self.directory.current();
        for (vault, percent) in self.ops.saturations() {
            if let Some(vault) = directory.vault_by_id(vault) {
                let name = vault.resource.name.to_string();
                gauge!("strongroom_vault_saturation_percent", "vault" => name).set(percent);
            }
        }
    }

    /// Gives up the letters that wait, closes the audit and then the store.
    ///
    /// # Errors
    /// [`CliError::Failed`] when the last records could not be made durable.
    pub(crate) async fn close(&self) -> Result<(), CliError> {
        if let Some(mailer) = &self.mailer {
            mailer.close().await;
        }
        let audited = self.audit.close().await.map_err(CliError::failed);
        self.store.close().await;
        audited
    }
}

async fn open_audit(
    store: &Engine,
    disk: Arc<dyn Disk>,
    ring: &KeyRing<Engine>,
    section: &AuditSection,
) -> Result<Arc<Audit<Engine>>, CliError> {
    let keys: Vec<AuditKey> = ring
        .audit()
        .copies()
        .map_err(CliError::failed)?
        .into_iter()
        .map(|(generation, key)| AuditKey { generation, key })
        .collect();
    let keys = AuditKeys::new(&keys).map_err(CliError::failed)?;
    let defaults = strongroom_audit::Options::default();
    let options = strongroom_audit::Options {
        strict: section.strict,
        retention_days: section.retention_days,
        retention_bytes: section.retention_bytes.unwrap_or(defaults.retention_bytes),
        ..defaults
    };
    Audit::open(store.clone(), disk, keys, options).await.map(Arc::new).map_err(CliError::failed)
}
