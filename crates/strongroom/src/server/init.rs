//! `strongroom init`: a tenant, a subscription and the first administrator.

use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde_json::json;
use strongroom_model::{InstallationId, ResourceGroupName};
use strongroom_ops::identities::new_guid;
use strongroom_ops::setup::{Owner, Setup, initialise};
use strongroom_seal::KeyRing;
use zeroize::Zeroizing;

use super::node::open_store;
use super::ready::write_private;
use super::root_key::{self, Start};
use crate::cli::InitArgs;
use crate::config::Config;
use crate::error::CliError;
use strongroom_directory::system_now;

/// Makes the installation. The administrator's secret is handed out once: to a terminal, or to a
/// file of mode 0600; never to a log.
///
/// # Errors
/// [`CliError::Failed`] if the data directory is initialised already.
pub(crate) async fn run(args: InitArgs) -> Result<(), CliError> {
    let config = Config::read(&args.config)?;
    config.check()?;
    if args.secret_file.is_none() && !std::io::stdout().is_terminal() {
        return Err(CliError::Usage(
            "standard output is no terminal: say --secret-file FILE for the administrator's \
             credentials"
                .into(),
        ));
    }
    let resource_group =
        ResourceGroupName::parse(&args.resource_group).map_err(CliError::failed)?;
    let (_disk, store) = open_store(&config.server.data)?;
    let known = KeyRing::installation_of(&store).await.map_err(CliError::failed)?;
    let start = if known.is_some() { Start::Later } else { Start::First };
    let protector = root_key::configured(&config.root_key, start)?;
    let setup = Setup {
        installation: known.unwrap_or(InstallationId(new_guid().map_err(CliError::failed)?)),
        base: config.server.base.clone(),
        port: config.server.port,
        manual_clock: false,
        location: args.location,
        resource_group,
        owner_name: args.administrator,
        keep_owner_secret: false,
    };
    // Before the secret exists: what cannot be handed out must not be made.
    let file = args.secret_file.as_deref();
    file.map_or(Ok(()), reserve)?;
    let now = system_now();
    let made = initialise(&store, &protector, setup, now, now).await.map_err(CliError::failed);
    store.close().await;
    let owner = made.inspect_err(|_| {
        let _ = file.map(std::fs::remove_file);
    })?;
    hand_out(&owner, file)
}

/// Makes the file that the credentials will be in; one that is there is not overwritten.
fn reserve(path: &Path) -> Result<(), CliError> {
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_or_else(
        |error| Err(CliError::Failed(format!("cannot create {}: {error}", path.display()))),
        |_| Ok(()),
    )
}

fn hand_out(owner: &Owner, file: Option<&Path>) -> Result<(), CliError> {
    let secret = Zeroizing::new(String::from_utf8_lossy(owner.client_secret.expose()).into_owned());
    let credentials = json!({
        "tenantId": owner.tenant.to_string(),
        "subscriptionId": owner.subscription.to_string(),
        "clientId": owner.client_id.to_string(),
        "objectId": owner.object_id.to_string(),
        "clientSecret": secret.as_str(),
    });
    let text = serde_json::to_vec_pretty(&credentials).map(Zeroizing::new);
    let text = text.map_err(CliError::failed)?;
    match file {
        Some(path) => {
            write_private(path, &text, 0o600)?;
            println!("The administrator's credentials are in {}.", path.display());
        }
        None => {
            let mut out = std::io::stdout().lock();
            out.write_all(&text).and_then(|()| out.write_all(b"\n")).map_err(CliError::failed)?;
            eprintln!("This secret is shown once and kept nowhere: note it down now.");
        }
    }
    Ok(())
}
