//! What `dev` says when it can serve.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use strongroom_directory::row::OwnerRow;
use strongroom_wire::SecretValue;

use super::super::node::Node;
use super::super::ready::{Ready, ReadyOwner, ReadyVault};
use super::first::only_subscription;
use crate::error::CliError;

/// So many vaults are named; of the rest, how many they are.
const VAULTS_SHOWN: usize = 10;

/// The files of an installation.
pub(super) struct Files<'a> {
    pub(super) data: &'a Path,
    pub(super) root_key: &'a Path,
    pub(super) ca: PathBuf,
    pub(super) bundle: PathBuf,
}

/// What the ready file says.
pub(super) async fn ready(
    node: &Node,
    files: &Files<'_>,
    metrics: SocketAddr,
) -> Result<Ready, CliError> {
    let row: OwnerRow =
        node.directory.read(b"").await.map_err(CliError::failed)?.ok_or_else(|| {
            CliError::failed("`strongroom init` made this installation: use serve")
        })?;
    let directory = node.directory.current();
    let application = directory
        .application(row.client_id)
        .ok_or_else(|| CliError::failed("the owner no longer exists"))?;
    let owner = ReadyOwner {
        client_id: row.client_id.to_string(),
        client_secret: SecretValue::new(row.client_secret.into_utf8().unwrap_or_default()),
        object_id: application.object_id.to_string(),
    };
    let authority = node.endpoints.authority();
    let (ca_file, ca_bundle) = (shown(&files.ca), shown(&files.bundle));
    let mut vaults: Vec<ReadyVault> = directory
        .vaults()
        .map(|vault| ReadyVault {
            name: vault.resource.name.to_string(),
            url: node.endpoints.vault(vault.resource.name.as_str()),
            resource_id: vault.scope.to_string(),
        })
        .collect();
    vaults.sort_by_key(|vault| (vault.name != "dev", vault.name.clone()));
    Ok(Ready {
        base: node.endpoints.base().to_owned(),
        port: node.endpoints.port(),
        pid: std::process::id(),
        tenant_id: application.tenant.to_string(),
        subscription_id: only_subscription(node)?.to_string(),
        resource_group: "dev".into(),
        location: "local".into(),
        data: shown(files.data),
        root_key: shown(files.root_key),
        env: Ready::environment(&owner, &authority, &ca_file, &ca_bundle),
        ca_file,
        ca_bundle,
        authority,
        arm: node.endpoints.url("management"),
        graph: node.endpoints.url("graph"),
        portal: node.endpoints.url("portal"),
        metrics: format!("http://{metrics}/metrics"),
        vaults,
        owner,
    })
}

/// Says where everything is, and what to type next. No secret: standard output may be a log.
pub(super) fn print(ready: &Ready, ready_file: &Path) {
    let program = std::env::current_exe().map_or_else(|_| "strongroom".into(), |p| shown(&p));
    println!("Strongroom is ready.");
    for vault in ready.vaults.iter().take(VAULTS_SHOWN) {
        println!("  vault     {}", vault.url);
    }
    if let Some(more @ 1..) = ready.vaults.len().checked_sub(VAULTS_SHOWN) {
        println!("            and {more} more: {program} vault list");
    }
    println!("  sign-in   {}", ready.authority);
    println!("  metrics   {}", ready.metrics);
    println!("  data      {}", ready.data);
    println!("  root key  {} (the data is lost without it)", ready.root_key);
    println!("  CA        {}", ready.ca_file);
    println!("  details   {}", ready_file.display());
    println!();
    println!("In the shell of your application:");
    println!("  eval \"$({program} env --ready-file {})\"", ready_file.display());
    if !resolves(&ready.authority) {
        println!();
        println!("The host names do not resolve on this machine. Either install the package");
        println!("libnss-myhostname, or add them to /etc/hosts:");
        println!("  sudo {program} hosts --install --ready-file {}", ready_file.display());
    }
}

/// Whether the system's resolver knows a host of ours.
fn resolves(url: &str) -> bool {
    use std::net::ToSocketAddrs;
    let authority = url.trim_start_matches("https://");
    let name =
        if authority.contains(':') { authority.to_owned() } else { format!("{authority}:443") };
    name.to_socket_addrs().is_ok_and(|mut addresses| addresses.next().is_some())
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
