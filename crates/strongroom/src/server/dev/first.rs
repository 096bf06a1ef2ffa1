//! The first start, and what every later one finds again.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use strongroom_crypto::SecretBytes;
use strongroom_directory::Installation;
use strongroom_directory::row::{OwnerRow, read_row};
use strongroom_http::Server;
use strongroom_model::{InstallationId, ResourceGroupName, SoftDelete, SubscriptionId, VaultName};
use strongroom_ops::identities::{new_application, new_guid};
use strongroom_ops::setup::{Setup, initialise};
use strongroom_ops::vaults::CreateVault;
use strongroom_seal::{KeyRing, Protector};
use strongroom_store::Txn;

use super::super::listen;
use super::super::node::{Engine, Node};
use super::super::ready::write_private;
use super::super::root_key::{self, Start};
use super::root_key_note;
use crate::cli::{ClockKind, DevArgs};
use crate::error::CliError;

/// The resource group and the first vault of `dev`.
const DEV: &str = "dev";

/// What must be there before the parts are opened.
pub(super) struct Prepared {
    pub(super) protector: Protector,
    pub(super) root_key: PathBuf,
    pub(super) listening: Server,
    pub(super) port: u16,
}

/// The addresses that `dev` listens on.
pub(crate) fn addresses(args: &DevArgs) -> Vec<IpAddr> {
    if args.listen.is_empty() { listen::loopbacks() } else { args.listen.clone() }
}

/// Finds or makes the root key and the installation, and listens on its port.
pub(super) async fn prepare(
    store: &Engine,
    data: &Path,
    args: &DevArgs,
) -> Result<Prepared, CliError> {
    let known = KeyRing::installation_of(store).await.map_err(CliError::failed)?;
    let installation = match known {
        Some(id) => id,
        None => InstallationId(new_guid().map_err(CliError::failed)?),
    };
    let root_key = root_key_path(data, args, installation, known.is_none())?;
    let start = if known.is_none() { Start::First } else { Start::Later };
    let protector = root_key::key_file(&root_key, start)?;
    let complete = match known {
        Some(_) => stored_installation(store, &protector).await?,
        None => None,
    };
    let wanted = match &complete {
        Some(installation) => {
            check_marked(installation, args)?;
            args.port.or(Some(installation.port))
        }
        None => args.port,
    };
    let listening = listen::bind(&addresses(args), wanted)?;
    let port = listening.port().ok_or_else(|| CliError::failed("no address to listen on"))?;
    if complete.is_none() {
        write_private(&root_key_note(data), root_key.as_os_str().as_encoded_bytes(), 0o600)?;
        let setup = setup(args, installation, port)?;
        let now = strongroom_directory::system_now();
        initialise(store, &protector, setup, now, now).await.map_err(CliError::failed)?;
    }
    Ok(Prepared { protector, root_key, listening, port })
}

/// The installation; `None` if its set-up was interrupted before it was complete.
async fn stored_installation(
    store: &Engine,
    protector: &Protector,
) -> Result<Option<Installation>, CliError> {
    let ring = KeyRing::open(store.clone(), protector).await.map_err(CliError::failed)?;
    read_row(store, ring.system(), b"").await.map_err(CliError::failed)
}

/// Refuses what a manual clock's mark forbids: this machine only, and the mark stays as it is.
fn check_marked(installation: &Installation, args: &DevArgs) -> Result<(), CliError> {
    if installation.manual_clock && !addresses(args).iter().all(IpAddr::is_loopback) {
        return Err(CliError::failed(
            "this installation has a manual clock: it is for tests, and listens on this machine \
             only",
        ));
    }
    if args.clock == ClockKind::Manual && !installation.manual_clock {
        return Err(CliError::failed(
            "this installation follows the system's clock; a manual clock needs a new --data",
        ));
    }
    Ok(())
}

fn setup(args: &DevArgs, installation: InstallationId, port: u16) -> Result<Setup, CliError> {
    Ok(Setup {
        installation,
        base: args.base.clone().unwrap_or_else(|| "localhost".into()),
        port,
        manual_clock: args.clock == ClockKind::Manual,
        location: "local".into(),
        resource_group: ResourceGroupName::parse(DEV).map_err(CliError::failed)?,
        owner_name: "dev owner".into(),
        keep_owner_secret: true,
    })
}

fn root_key_path(
    data: &Path,
    args: &DevArgs,
    installation: InstallationId,
    first: bool,
) -> Result<PathBuf, CliError> {
    if let Some(path) = &args.root_key {
        return std::path::absolute(path).map_err(CliError::failed);
    }
    if let Ok(noted) = std::fs::read_to_string(root_key_note(data)) {
        return Ok(PathBuf::from(noted));
    }
    if first {
        root_key::check_default_is_durable(data)?;
    }
    root_key::default_path(installation)
}

/// Brings the installation in line with the options of this start.
pub(super) async fn settle(node: Node, args: &DevArgs, port: u16) -> Result<Node, CliError> {
    let directory = node.directory.current();
    let mut installation = directory
        .installation()
        .map(|installation| installation.as_ref().clone())
        .ok_or_else(|| CliError::failed("the set-up of the data directory was interrupted"))?;
    if let Some(base) = &args.base
        && !base.eq_ignore_ascii_case(&installation.base)
    {
        return Err(CliError::Failed(format!(
            "this installation's base domain is {}: its CA is bound to it. Leave --base out, or \
             use another --data",
            installation.base
        )));
    }
    if installation.port != port {
        tracing::warn!(
            from = installation.port,
            to = port,
            "the port changed: the ids of all objects change with it"
        );
        installation.port = port;
        let (key, value) = node.directory.row(&installation).map_err(CliError::failed)?;
        let call = node.ops.own_call("InstallationWrite", "strongroom dev --port");
        let mut call = call.map_err(CliError::failed)?;
        let txn = Txn::new().put(key, value);
        node.ops.commit_rows(&mut call, txn).await.map_err(CliError::failed)?;
    }
    if args.expose {
        rotate_owner_secret(&node).await?;
    }
    Ok(node.at_port(port))
}

/// Gives the owner a new secret in place of the one that was made for this machine alone.
async fn rotate_owner_secret(node: &Node) -> Result<(), CliError> {
    let owner: OwnerRow = node
        .directory
        .read(b"")
        .await
        .map_err(CliError::failed)?
        .ok_or_else(|| CliError::failed("the installation has no owner"))?;
    let directory = node.directory.current();
    let mut application = directory
        .application(owner.client_id)
        .map(|application| application.as_ref().clone())
        .ok_or_else(|| CliError::failed("the owner no longer exists"))?;
    let fresh = new_application("", application.tenant, node.clock.now(), |secret| {
        node.directory.secret_digest(secret)
    })
    .map_err(CliError::failed)?;
    application.credentials = fresh.application.credentials;
    let owner = OwnerRow {
        client_id: owner.client_id,
        client_secret: SecretBytes::new(fresh.client_secret.expose().to_vec()),
        subscription: owner.subscription,
    };
    let (key, value) = node.directory.row(&application).map_err(CliError::failed)?;
    let (owner_key, owner_value) = node.directory.row(&owner).map_err(CliError::failed)?;
    let txn = Txn::new().put(key, value).put(owner_key, owner_value);
    let call = node.ops.own_call("ApplicationCredentialWrite", "strongroom dev --expose");
    node.ops.commit_rows(&mut call.map_err(CliError::failed)?, txn).await.map_err(CliError::failed)
}

/// Makes the vault `dev` and those asked for, where they are not there yet.
pub(super) async fn make_vaults(node: &Node, args: &DevArgs) -> Result<(), CliError> {
    let subscription = only_subscription(node)?;
    for name in std::iter::once(DEV).chain(args.vaults.iter().map(String::as_str)) {
        let name = VaultName::parse(name).map_err(|e| CliError::Usage(e.to_string()))?;
        if node.directory.current().vault(&name.folded()).is_some() {
            continue;
        }
        let request = CreateVault {
            name,
            subscription,
            resource_group: ResourceGroupName::parse(DEV).map_err(CliError::failed)?,
            location: None,
            soft_delete: SoftDelete::new(SoftDelete::DEFAULT_RETENTION_DAYS, false)
                .map_err(CliError::failed)?,
        };
        let call = node.ops.own_call("VaultPut", "strongroom dev");
        let mut call = call.map_err(CliError::failed)?;
        node.ops.create_vault(request, &mut call).await.map_err(CliError::failed)?;
    }
    Ok(())
}

/// The subscription of `dev`.
pub(super) fn only_subscription(node: &Node) -> Result<SubscriptionId, CliError> {
    let directory = node.directory.current();
    let mut subscriptions = directory.subscriptions();
    subscriptions
        .next()
        .map(|subscription| subscription.id)
        .ok_or_else(|| CliError::failed("the installation has no subscription"))
}
