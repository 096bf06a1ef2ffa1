//! Who may take access to everything of their tenant (`elevateAccess`): whom the operator has
//! named, and the owner that `dev` has made.

use strongroom_directory::row::OwnerRow;
use strongroom_directory::{Directory, DirectoryService};
use strongroom_model::{ClientId, PrincipalId};

use super::node::Engine;
use crate::config::ControlPlaneSection;
use crate::error::CliError;

/// The owners' object ids.
///
/// # Errors
/// [`CliError::Failed`], naming the key and the value that is no id, or when the owner of `dev`
/// cannot be read.
pub(crate) async fn owners(
    section: &ControlPlaneSection,
    directory: &DirectoryService<Engine>,
) -> Result<Vec<PrincipalId>, CliError> {
    let current = directory.current();
    let named = section.owners.iter().map(|id| {
        owner(&current, id).ok_or_else(|| {
            CliError::Failed(format!("control_plane.owners: '{id}' is no object or client id"))
        })
    });
    let mut owners: Vec<PrincipalId> = named.collect::<Result<_, _>>()?;
    let kept: Option<OwnerRow> = directory.read(b"").await.map_err(CliError::failed)?;
    let made = kept.and_then(|row| current.application(row.client_id).cloned());
    owners.extend(made.map(|application| application.object_id));
    Ok(owners)
}

/// An application's client id stands for its object id.
fn owner(directory: &Directory, id: &str) -> Option<PrincipalId> {
    let id: PrincipalId = id.parse().ok()?;
    let application = directory.application(ClientId(id.0));
    Some(application.map_or(id, |application| application.object_id))
}
