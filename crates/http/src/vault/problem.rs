//! Every refusal and failure, and the answer of the real service to it. One exhaustive match.

use std::borrow::Cow;
use std::sync::Arc;

use http::StatusCode;
use strongroom_authn::TokenFault;
use strongroom_authz::{Denied, NetworkRefusal, Reason};
use strongroom_model::{Caller, Kind, ModelError, VaultResource};
use strongroom_ops::release::ReleaseRefusal;
use strongroom_ops::vaults::VaultRefusal;
use strongroom_ops::{OpError, Unusable};

use crate::body::BodyError;

const RECOVERY_HELP: &str = "https://go.microsoft.com/fwlink/?linkid=2125182";

/// Why a request to a vault is not answered with what it asked for.
#[derive(Debug)]
pub(crate) enum Problem {
    /// No token, or one that is not good here.
    Token(TokenFault),
    /// The request's host is of another kind than the host of the handshake.
    Misdirected,
    /// A host of this installation that this release does not serve.
    HostNotServed,
    /// A host of nothing here; vaults are below this base domain.
    UnknownHost(String),
    /// A host of no vault.
    VaultNotFound(String),
    /// The vault's firewall does not let the caller in.
    Network(NetworkRefusal, Arc<Caller>),
    /// No right to do it.
    Denied(Box<Denied>),
    /// No operation at this path.
    NoRoute,
    /// No operation of this method at this path.
    MethodNotAllowed,
    /// A type of key that the service, or the api-version, does not know.
    KeyType(String),
    /// Something the client sent breaks the rules.
    Bad(Cow<'static, str>),
    /// The body did not come whole.
    Body(BodyError),
    /// The operation did not succeed.
    Op(OpError),
}

impl Problem {
    pub(crate) fn bad(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Bad(text.into())
    }
}

impl From<OpError> for Problem {
    fn from(error: OpError) -> Self {
        Self::Op(error)
    }
}

impl From<ModelError> for Problem {
    fn from(error: ModelError) -> Self {
        Self::Bad(error.to_string().into())
    }
}

impl From<TokenFault> for Problem {
    fn from(fault: TokenFault) -> Self {
        Self::Token(fault)
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        Self::Denied(Box::new(denied))
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl From<strongroom_authz::Mismatch> for Problem {
    fn from(mismatch: strongroom_authz::Mismatch) -> Self {
        Self::Op(OpError::Internal(mismatch.to_string()))
    }
}

/// An error answer.
pub(crate) struct ErrorAnswer {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: Cow<'static, str>,
    pub(crate) inner: Option<&'static str>,
    /// Seconds after which trying again makes sense.
    pub(crate) retry_after: Option<u32>,
}

fn answer(
    status: StatusCode,
    code: &'static str,
    message: impl Into<Cow<'static, str>>,
) -> ErrorAnswer {
    ErrorAnswer { status, code, message: message.into(), inner: None, retry_after: None }
}

impl ErrorAnswer {
    fn inner(mut self, inner: &'static str) -> Self {
        self.inner = Some(inner);
        self
    }

    fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl Problem {
    /// What the client is told.
    pub(crate) fn answer(&self) -> ErrorAnswer {
        match self {
            Self::Token(fault) => answer(StatusCode::UNAUTHORIZED, fault.code(), fault.to_string()),
            Self::Misdirected => answer(
                StatusCode::MISDIRECTED_REQUEST,
                "MisdirectedRequest",
                "The host of the request is not the host of the connection.",
            ),
            Self::HostNotServed => answer(
                StatusCode::NOT_FOUND,
                "ResourceNotFound",
                "This release does not serve this host yet.",
            ),
            Self::UnknownHost(base) => answer(
                StatusCode::NOT_FOUND,
                "ResourceNotFound",
                format!("The host is not served here. Vaults are at https://<name>.vault.{base}."),
            ),
            Self::VaultNotFound(name) => answer(
                StatusCode::NOT_FOUND,
                "VaultNotFound",
                format!("The vault '{name}' was not found. Check its name in the URL."),
            ),
            Self::Network(refusal, caller) => network_answer(refusal, caller),
            Self::Denied(denied) => denied_answer(denied),
            Self::NoRoute => answer(
                StatusCode::NOT_FOUND,
                "NotFound",
                "No operation is served at this path of a vault.",
            ),
            Self::MethodNotAllowed => answer(
                StatusCode::METHOD_NOT_ALLOWED,
                "MethodNotAllowed",
                "The requested resource does not support this HTTP method.",
            ),
            Self::KeyType(name) => {
                bad(format!("Invalid kty value: {name}")).inner("KeyTypeNotSupported")
            }
            Self::Bad(text) => bad(text.clone()),
            Self::Body(BodyError::TooLarge) => answer(
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestEntityTooLarge",
                "The body of the request is larger than this operation takes.",
            ),
            Self::Body(BodyError::Incomplete) => {
                bad("The body of the request did not arrive whole.")
            }
            Self::Op(error) => op_answer(error),
        }
    }
}

fn op_answer(error: &OpError) -> ErrorAnswer {
    use StatusCode as S;
    match error {
        OpError::NotFound { kind, name } => {
            answer(S::NOT_FOUND, not_found_code(*kind), not_found_text(*kind, name))
        }
        OpError::DeletedNotFound { kind, name } => {
            let text = format!("Deleted {} not found: {name}", noun(*kind));
            answer(S::NOT_FOUND, not_found_code(*kind), text)
        }
        OpError::DeletedButRecoverable { kind, name } => {
            conflict(deleted_text(*kind, name)).inner("ObjectIsDeletedButRecoverable")
        }
        OpError::AlreadyExists { kind, name } => {
            let noun = noun(*kind);
            conflict(format!("{noun} {name} already exists and cannot be restored over."))
        }
        OpError::TooLarge => {
            answer(S::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", error.to_string())
        }
        OpError::PurgeProtected => forbidden(PURGE_PROTECTED),
        OpError::NotUsable { kind, verb, why } => {
            forbidden(not_usable_text(*kind, verb, *why)).inner(not_usable_code(*kind, *why))
        }
        OpError::Managed(kind) => forbidden(managed_text(*kind)).inner(managed_code(*kind)),
        OpError::Denied(denied) => denied_answer(denied),
        OpError::OperationNotPermitted(operation) => {
            forbidden(format!("Operation {operation} is not permitted on this key."))
                .inner("KeyOperationForbidden")
        }
        OpError::IncompatibleAlgorithm { algorithm, key_type } => bad(format!(
            "Key and algorithm are incompatible. The key is of type '{key_type}', and algorithm \
             '{algorithm}' cannot be used with it."
        )),
        OpError::KeyTypeNotSupported(key_type) => {
            bad(format!("Invalid kty value: {key_type}")).inner("KeyTypeNotSupported")
        }
        OpError::Release(refusal) => release_answer(refusal),
        OpError::Undecryptable => bad("The parameter is incorrect.\r\n"),
        OpError::WornOut(_) => forbidden(WORN_OUT).inner("KeyUsageLimitReached"),
        OpError::Busy { retry_after } => throttled("ServerBusy").retry_after(*retry_after),
        OpError::Throttled { reason, retry_after } => {
            ErrorAnswer { retry_after: *retry_after, ..throttled(reason) }
        }
        OpError::PendingNotFound { name } => pending_not_found(name),
        OpError::PendingExists => answer(S::CONFLICT, "Conflict", PENDING_EXISTS),
        OpError::PendingEnded => answer(S::CONFLICT, "Conflict", PENDING_ENDED),
        OpError::NameInUse { kind, name } => conflict(name_in_use_text(*kind, name)),
        OpError::IssuerNotFound(_) => {
            answer(S::NOT_FOUND, "CertificateIssuerNotFound", "Issuer not found")
        }
        OpError::ContactsNotFound => answer(S::NOT_FOUND, "ContactsNotFound", "Contacts not found"),
        OpError::NotIssued(what) => not_issued(what),
        OpError::Contended => answer(S::CONFLICT, "ConflictError", CONTENDED),
        OpError::Invalid(text) => bad(text.clone()),
        OpError::MalformedBackup => {
            answer(S::BAD_REQUEST, "Malformed backup blob", MALFORMED_BACKUP)
        }
        OpError::TooManyVersions(most) => bad(format!(
            "The object has more than {most} versions, the most that a backup may hold."
        )),
        OpError::SkipToken => bad(SKIP_TOKEN),
        OpError::VaultGone => answer(S::NOT_FOUND, "VaultNotFound", "The vault no longer exists."),
        OpError::Vault(refusal) => vault_refusal(refusal),
        OpError::NameTaken(what) => conflict(format!("{what} already exists.")),
        OpError::NoSuch(text) => answer(S::NOT_FOUND, "ResourceNotFound", text.clone()),
        OpError::AuditFull | OpError::Unavailable(_) => {
            answer(S::SERVICE_UNAVAILABLE, "ServiceUnavailable", UNAVAILABLE).retry_after(1)
        }
        OpError::Internal(_) => answer(S::INTERNAL_SERVER_ERROR, "InternalServerError", INTERNAL),
    }
}

fn bad(text: impl Into<Cow<'static, str>>) -> ErrorAnswer {
    answer(StatusCode::BAD_REQUEST, "BadParameter", text)
}

fn forbidden(text: impl Into<Cow<'static, str>>) -> ErrorAnswer {
    answer(StatusCode::FORBIDDEN, "Forbidden", text)
}

fn conflict(text: impl Into<Cow<'static, str>>) -> ErrorAnswer {
    answer(StatusCode::CONFLICT, "Conflict", text)
}

/// The real service's text, and no inner code.
fn throttled(reason: &str) -> ErrorAnswer {
    let text = format!(
        "Request was not processed because too many requests were received. Reason: {reason}"
    );
    answer(StatusCode::TOO_MANY_REQUESTS, "Throttled", text)
}

fn denied_answer(denied: &Denied) -> ErrorAnswer {
    let text = match denied.reason {
        Reason::NoPolicy => no_policy_text(denied),
        Reason::NoPermission => no_permission_text(denied),
        Reason::NotOnBehalf => on_behalf_text(denied),
        _ => rbac_text(denied),
    };
    forbidden(text).inner(denied.reason.code())
}

fn network_answer(refusal: &NetworkRefusal, caller: &Caller) -> ErrorAnswer {
    // Completed with the vault by [`with_vault`].
    let text = match refusal {
        NetworkRefusal::Firewall(address) => format!(
            "{NOT_AUTHORIZED_ADDRESS}\r\nClient address: {address}\r\nCaller: {}",
            shown(caller)
        ),
        NetworkRefusal::Disabled => format!(
            "Public network access is disabled and request is not from a trusted service nor via \
             an approved private link.\r\nCaller: {}",
            shown(caller)
        ),
    };
    forbidden(text).inner(refusal.code())
}

/// The real service's text.
fn pending_not_found(name: &str) -> ErrorAnswer {
    let text = format!("Pending certificate not found: {name}");
    answer(StatusCode::NOT_FOUND, "PendingCertificateNotFound", text)
}

fn not_issued(what: &str) -> ErrorAnswer {
    let text = format!("No authority of this vault issued {what}.");
    answer(StatusCode::NOT_FOUND, "CertificateNotFound", text)
}

/// What the control plane refuses about vaults. No operation of the data plane meets it.
fn vault_refusal(refusal: &VaultRefusal) -> ErrorAnswer {
    let (status, code) = refusal.status_and_code();
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    answer(status, code, refusal.to_string())
}

fn release_answer(refusal: &ReleaseRefusal) -> ErrorAnswer {
    match refusal {
        ReleaseRefusal::NotExportable | ReleaseRefusal::NoRecipient => bad(refusal.to_string()),
        ReleaseRefusal::Unverified
        | ReleaseRefusal::UnknownAuthority(_)
        | ReleaseRefusal::NoAuthority
        | ReleaseRefusal::PolicyNotMet => forbidden(refusal.to_string()).inner("AccessDenied"),
    }
}

const WORN_OUT: &str = "The version of the key has been used as often as is safe. Rotate the key: \
     older versions still decrypt.";

const PENDING_EXISTS: &str = "A new version of the certificate is being made already. Wait for it, \
     cancel it or delete the pending operation.";

const PENDING_ENDED: &str = "The pending operation has ended and can no longer be changed.";

const CONTENDED: &str = "The object is being changed by several requests at once. Try again.";

const MALFORMED_BACKUP: &str = "The backup blob is malformed, was changed, or belongs to another \
     installation or subscription.";

const SKIP_TOKEN: &str =
    "The $skiptoken is invalid. Follow the nextLink of the page before as it is.";

const UNAVAILABLE: &str = "The service cannot take the request now. Try again.";

const INTERNAL: &str =
    "The request could not be completed. The service's log says why, by request id.";

/// Completed with the vault by [`with_vault`].
const PURGE_PROTECTED: &str = "Operation \"purge\" is not allowed because purge protection is \
     enabled for this vault. Key Vault service will automatically purge it after the retention \
     period has passed.";

/// Refusals that name the vault in the real service's answer.
pub(crate) fn with_vault(mut answer: ErrorAnswer, vault: Option<&VaultResource>) -> ErrorAnswer {
    let of_network = ["ForbiddenByFirewall", "ForbiddenByConnection"];
    let names_vault = answer.message == PURGE_PROTECTED
        || answer.inner.is_some_and(|inner| of_network.contains(&inner));
    if let Some(vault) = vault.filter(|_| names_vault) {
        let message = &answer.message;
        answer.message =
            format!("{message}\r\nVault: {};location={}", vault.name, vault.location).into();
    }
    answer
}

fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Secret => "Secret",
        Kind::Key => "Key",
        Kind::Certificate => "Certificate",
    }
}

fn not_found_code(kind: Kind) -> &'static str {
    match kind {
        Kind::Secret => "SecretNotFound",
        Kind::Key => "KeyNotFound",
        Kind::Certificate => "CertificateNotFound",
    }
}

fn not_found_text(kind: Kind, name: &str) -> String {
    let noun = noun(kind).to_ascii_lowercase();
    format!(
        "A {noun} with (name/id) {name} was not found in this key vault. If you recently deleted \
         this {noun} you may be able to recover it using the correct recovery command. For help \
         resolving this issue, please see {RECOVERY_HELP}"
    )
}

fn deleted_text(kind: Kind, name: &str) -> String {
    let noun = noun(kind);
    format!(
        "{noun} {name} is currently in a deleted but recoverable state, and its name cannot be \
         reused; in this state, the {} can only be recovered or purged.",
        noun.to_ascii_lowercase()
    )
}

/// A certificate's key and secret have its name.
fn name_in_use_text(kind: Kind, name: &str) -> String {
    let noun = noun(kind).to_ascii_lowercase();
    format!(
        "The name {name} is in use: there is a {noun} of this name, and a certificate needs its \
         name for its own key and secret."
    )
}

/// The real service's text for a disabled object; the others follow it.
fn not_usable_text(kind: Kind, verb: &str, why: Unusable) -> String {
    let noun = noun(kind).to_ascii_lowercase();
    match why {
        Unusable::Disabled => format!("Operation {verb} is not allowed on a disabled {noun}."),
        Unusable::NotYetValid => {
            format!("Operation {verb} is not allowed on a {noun} that is not yet valid.")
        }
        Unusable::Expired => format!("Operation {verb} is not allowed on an expired {noun}."),
    }
}

fn not_usable_code(kind: Kind, why: Unusable) -> &'static str {
    match (kind, why) {
        (Kind::Secret, Unusable::Disabled) => "SecretDisabled",
        (Kind::Secret, Unusable::NotYetValid) => "SecretNotYetValid",
        (Kind::Secret, Unusable::Expired) => "SecretExpired",
        (Kind::Key, Unusable::Disabled) => "KeyDisabled",
        (Kind::Key, Unusable::NotYetValid) => "KeyNotYetValid",
        (Kind::Key, Unusable::Expired) => "KeyExpired",
        (Kind::Certificate, Unusable::Disabled) => "CertificateDisabled",
        (Kind::Certificate, Unusable::NotYetValid) => "CertificateNotYetValid",
        (Kind::Certificate, Unusable::Expired) => "CertificateExpired",
    }
}

fn managed_text(kind: Kind) -> String {
    let noun = noun(kind).to_ascii_lowercase();
    format!("The {noun} is managed by a certificate. Change the certificate instead.")
}

fn managed_code(kind: Kind) -> &'static str {
    match kind {
        Kind::Key => "KeyManagedByKeyVault",
        Kind::Secret | Kind::Certificate => "SecretManagedByKeyVault",
    }
}

const NOT_AUTHORIZED_ADDRESS: &str =
    "Client address is not authorized and caller is not a trusted service.";

/// A caller as the real service shows it where it has looked at access policies.
fn shown(caller: &Caller) -> String {
    format!(
        "appid={};oid={};numgroups={};iss={}",
        caller.app_id.as_deref().unwrap_or_default(),
        caller.object_id,
        caller.groups.len(),
        caller.issuer,
    )
}

/// The real service's text.
fn no_policy_text(denied: &Denied) -> String {
    let caller = shown(&denied.caller);
    format!("Access denied. Caller was not found on any access policy.\r\nCaller: {caller}")
}

/// The real service's text.
fn no_permission_text(denied: &Denied) -> String {
    let (collection, permission) = denied.operation.permission();
    format!(
        "The user, group or application '{}' does not have {collection} {permission} permission on \
         key vault '{};location={}'. For help resolving this issue, please see \
         https://go.microsoft.com/fwlink/?linkid=2125287",
        shown(&denied.caller),
        denied.vault.name,
        denied.vault.location,
    )
}

/// The real service's text.
fn on_behalf_text(denied: &Denied) -> String {
    format!(
        "The policy requires the caller '{}' to use on-behalf-of (OBO) flow. For more information \
         on OBO, please see https://go.microsoft.com/fwlink/?linkid=2152310",
        shown(&denied.caller)
    )
}

/// The real service's text, line ends included.
fn rbac_text(denied: &Denied) -> String {
    let caller = &denied.caller;
    let (denial, reason) = match denied.reason {
        Reason::DenyAssignment(id) => (format!("'{id}'"), "DeniedByDenyAssignment"),
        _ => ("null".to_owned(), "DeniedWithNoValidRBAC"),
    };
    format!(
        "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny \
         assignments or role definitions were changed recently, please observe propagation time.\
         \r\nCaller: appid={};oid={};iss={}\r\nAction: '{}'\r\nResource: '{}'\r\nAssignment: (not \
         found)\r\nDenyAssignmentId: {denial}\r\nDecisionReason: '{reason}' \r\nVault: \
         {};location={}\r\n",
        caller.app_id.as_deref().unwrap_or_default(),
        caller.object_id,
        caller.issuer,
        denied.action(),
        denied.resource.folded(),
        denied.vault.name,
        denied.vault.location,
    )
}
