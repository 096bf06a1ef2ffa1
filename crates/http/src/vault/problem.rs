//! Every refusal and failure, and the answer of the real service to it. One exhaustive match.

use std::borrow::Cow;

use http::StatusCode;
use strongroom_authn::TokenFault;
use strongroom_authz::Denied;
use strongroom_model::{Kind, ModelError, VaultResource};
use strongroom_ops::OpError;

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
    /// No right to do it.
    Denied(Box<Denied>),
    /// No operation at this path.
    NoRoute,
    /// No operation of this method at this path.
    MethodNotAllowed,
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
            Self::Denied(denied) => answer(StatusCode::FORBIDDEN, "Forbidden", rbac_text(denied))
                .inner("ForbiddenByRbac"),
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
            Self::Bad(text) => answer(StatusCode::BAD_REQUEST, "BadParameter", text.clone()),
            Self::Body(BodyError::TooLarge) => answer(
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestEntityTooLarge",
                "The body of the request is larger than this operation takes.",
            ),
            Self::Body(BodyError::Incomplete) => answer(
                StatusCode::BAD_REQUEST,
                "BadParameter",
                "The body of the request did not arrive whole.",
            ),
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
        OpError::DeletedNotFound { kind, name } => answer(
            S::NOT_FOUND,
            not_found_code(*kind),
            format!("Deleted {} not found: {name}", noun(*kind)),
        ),
        OpError::DeletedButRecoverable { kind, name } => {
            answer(S::CONFLICT, "Conflict", deleted_text(*kind, name))
                .inner("ObjectIsDeletedButRecoverable")
        }
        OpError::AlreadyExists { kind, name } => answer(
            S::CONFLICT,
            "Conflict",
            format!("{} {name} already exists and cannot be restored over.", noun(*kind)),
        ),
        OpError::PurgeProtected => answer(S::FORBIDDEN, "Forbidden", PURGE_PROTECTED),
        OpError::Disabled => answer(S::FORBIDDEN, "Forbidden", DISABLED).inner("SecretDisabled"),
        OpError::Managed => answer(
            S::FORBIDDEN,
            "Forbidden",
            "The secret is managed by a certificate. Change the certificate instead.",
        )
        .inner("SecretManagedByKeyVault"),
        OpError::Contended => answer(
            S::CONFLICT,
            "ConflictError",
            "The object is being changed by several requests at once. Try again.",
        ),
        OpError::Invalid(text) => answer(S::BAD_REQUEST, "BadParameter", text.clone()),
        OpError::MalformedBackup => answer(
            S::BAD_REQUEST,
            "Malformed backup blob",
            "The backup blob is malformed, was changed, or belongs to another installation or \
             subscription.",
        ),
        OpError::TooManyVersions(most) => answer(
            S::BAD_REQUEST,
            "BadParameter",
            format!("The object has more than {most} versions, the most that a backup may hold."),
        ),
        OpError::SkipToken => answer(
            S::BAD_REQUEST,
            "BadParameter",
            "The $skiptoken is invalid. Follow the nextLink of the page before as it is.",
        ),
        OpError::VaultGone => answer(S::NOT_FOUND, "VaultNotFound", "The vault no longer exists."),
        OpError::NameTaken(what) => {
            answer(S::CONFLICT, "Conflict", format!("{what} already exists."))
        }
        OpError::NoSuch(text) => answer(S::NOT_FOUND, "ResourceNotFound", text.clone()),
        OpError::AuditFull | OpError::Unavailable(_) => answer(
            S::SERVICE_UNAVAILABLE,
            "ServiceUnavailable",
            "The service cannot take the request now. Try again.",
        )
        .retry_after(1),
        OpError::Internal(_) => answer(
            S::INTERNAL_SERVER_ERROR,
            "InternalServerError",
            "The request could not be completed. The service's log says why, by request id.",
        ),
    }
}

const DISABLED: &str = "Operation get is not allowed on a disabled secret.";

/// Completed with the vault by [`with_vault`].
const PURGE_PROTECTED: &str = "Operation \"purge\" is not allowed because purge protection is \
     enabled for this vault. Key Vault service will automatically purge it after the retention \
     period has passed.";

/// Refusals that name the vault in the real service's answer.
pub(crate) fn with_vault(mut answer: ErrorAnswer, vault: Option<&VaultResource>) -> ErrorAnswer {
    if let Some(vault) = vault
        && answer.message == PURGE_PROTECTED
    {
        answer.message =
            format!("{PURGE_PROTECTED}\r\nVault: {};location={}", vault.name, vault.location)
                .into();
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

/// The real service's text, line ends included.
fn rbac_text(denied: &Denied) -> String {
    let caller = &denied.caller;
    format!(
        "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny \
         assignments or role definitions were changed recently, please observe propagation time.\
         \r\nCaller: appid={};oid={};iss={}\r\nAction: '{}'\r\nResource: '{}'\r\nAssignment: (not \
         found)\r\nDenyAssignmentId: null\r\nDecisionReason: 'DeniedWithNoValidRBAC' \r\nVault: \
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
