//! What `ops` refuses about vaults and what is in them, in the words of the control plane.

use http::StatusCode;
use strongroom_model::{Kind, ModelError, Scope};
use strongroom_ops::OpError;
use strongroom_ops::vaults::VaultRefusal;
use strongroom_store::Store;

use crate::{ArmRequest, Problem};

/// Where the real service explains what a vault may be called.
const NAME_HELP: &str = " Follow this link for more information: \
                         https://go.microsoft.com/fwlink/?linkid=2147742";

/// How long the limits of a vault last, in seconds.
const WINDOW_SECONDS: u32 = 10;

/// The answer to a refusal about what is at a scope.
pub(super) fn refused<S: Store>(
    request: &ArmRequest<'_, S>,
    scope: &Scope,
    error: OpError,
) -> Problem {
    match error {
        OpError::Vault(VaultRefusal::NotPermitted { action }) => {
            Problem::unauthorized(&request.caller, action, scope)
        }
        OpError::Vault(refusal) => of_vault(&refusal),
        OpError::NotFound { kind, name } => {
            let vault = request.target.segment(1);
            let resource =
                format!("Microsoft.KeyVault/vaults/{vault}/{}/{name}", kind.collection());
            Problem::no_resource(&resource, request.target.group_text().unwrap_or_default())
        }
        OpError::DeletedButRecoverable { kind, name } => Problem::conflict(
            "Conflict",
            format!(
                "{} {name} is currently in a deleted but recoverable state, and its name cannot be \
                 reused; in this state, the {} can only be recovered or purged.",
                capital(kind),
                capital(kind).to_ascii_lowercase()
            ),
        ),
        OpError::Managed(kind) => Problem::new(
            StatusCode::FORBIDDEN,
            "Forbidden",
            format!(
                "The {} is managed by a certificate, and lives and dies with it.",
                capital(kind).to_ascii_lowercase()
            ),
        ),
        OpError::SkipToken => Problem::bad("InvalidSkipToken", "The $skiptoken is not valid."),
        OpError::KeyTypeNotSupported(key_type) => {
            Problem::bad("BadRequest", format!("Vaults keep no keys of type {key_type}."))
        }
        OpError::VaultGone => Problem::no_resource(
            &format!("Microsoft.KeyVault/vaults/{}", request.target.segment(1)),
            request.target.group_text().unwrap_or_default(),
        ),
        OpError::Busy { retry_after } => too_many(retry_after),
        OpError::Throttled { retry_after, .. } => too_many(retry_after.unwrap_or(WINDOW_SECONDS)),
        other => Problem::from(other),
    }
}

/// Unlike the data plane's, answers of the control plane always say when to ask again.
fn too_many(retry_after: u32) -> Problem {
    let text = "The request was not processed because too many requests were received.";
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", text).retry_after(retry_after)
}

/// The answer to a refusal that is about the vault itself.
pub(super) fn of_vault(refusal: &VaultRefusal) -> Problem {
    let (status, code) = refusal.status_and_code();
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let help = match refusal {
        VaultRefusal::Invalid(ModelError::VaultName(_)) => NAME_HELP,
        _ => "",
    };
    Problem::new(status, code, format!("{refusal}{help}"))
}

fn capital(kind: Kind) -> &'static str {
    match kind {
        Kind::Secret => "Secret",
        Kind::Key => "Key",
        _ => "Certificate",
    }
}
