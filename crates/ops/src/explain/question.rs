//! What is asked about: an operation on a vault or one of its objects, or an action of the control
//! plane at a scope.

use std::net::IpAddr;

use strongroom_directory::Directory;
use strongroom_model::{DataAction, ObjectName, Operation, Scope, VaultName};

use super::Subject;
use crate::OpError;

/// Who wants to do what, and whence.
#[derive(Clone, Debug)]
pub struct Question {
    /// Who.
    pub subject: Subject,
    /// What, and where.
    pub wanted: Wanted,
    /// From which address; `None`: not said.
    pub address: Option<IpAddr>,
}

/// What somebody wants to do.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// An operation of the data plane.
    Operation {
        /// The operation.
        operation: Operation,
        /// In which vault, whether it is there or not.
        vault: VaultName,
        /// On which object; `None`: on the vault, or on whichever.
        object: Option<ObjectName>,
    },
    /// An action of the control plane.
    Action {
        /// The action, such as `Microsoft.KeyVault/vaults/write`.
        action: String,
        /// Where.
        scope: Scope,
    },
}

impl Wanted {
    /// What a person names on a vault: an operation (`SecretGet` or `GetSecret`), the data action
    /// that one needs, or an action of the control plane.
    ///
    /// # Errors
    /// [`OpError::Invalid`] for what is none of them, a bad name, or an object where there can be
    /// none; [`OpError::NoSuch`] for an action at a vault whose place is not known.
    pub fn parse(
        directory: &Directory,
        named: &str,
        vault: &str,
        object: Option<&str>,
    ) -> Result<Self, OpError> {
        let invalid = |error: strongroom_model::ModelError| OpError::Invalid(error.to_string());
        let vault = VaultName::parse(vault).map_err(invalid)?;
        let object = object.map(ObjectName::parse).transpose().map_err(invalid)?;
        let Some(operation) = operation(named, object.is_some())? else {
            let scope = vault_scope(directory, &vault)
                .ok_or_else(|| OpError::NoSuch(format!("there is no vault '{vault}'")))?;
            return Ok(Self::Action { action: action(named)?, scope });
        };
        if object.is_some() && !operation.names_object() {
            return Err(OpError::Invalid(format!(
                "{} concerns the whole vault: leave the object out",
                operation.audit_name()
            )));
        }
        Ok(Self::Operation { operation, vault, object })
    }

    /// The action that a role has to allow.
    pub fn action(&self) -> &str {
        match self {
            Self::Operation { operation, .. } => operation.action().name(),
            Self::Action { action, .. } => action,
        }
    }
}

/// The scope of a vault by its name, deleted ones included.
pub(super) fn vault_scope(directory: &Directory, vault: &VaultName) -> Option<Scope> {
    let folded = vault.folded();
    let alive = directory.vault(&folded).map(|vault| vault.scope.clone());
    alive.or_else(|| directory.deleted_vault(&folded).map(|found| found.vault.resource.scope()))
}

/// The operation that is named, itself or by its data action; `None`: it is none.
fn operation(named: &str, on_object: bool) -> Result<Option<Operation>, OpError> {
    if let Some(operation) = Operation::parse(named) {
        return Ok(Some(operation));
    }
    let action = DataAction::ALL.iter().find(|action| action.name().eq_ignore_ascii_case(named));
    let Some(action) = action else { return Ok(None) };
    let mut needing = Operation::ALL.iter().filter(|operation| operation.action() == *action);
    let first = needing.clone().next();
    let fits = needing.find(|operation| operation.names_object() == on_object);
    let found = fits.or(first).copied();
    found.map(Some).ok_or_else(|| OpError::Invalid(format!("no operation needs {action}")))
}

/// An action of the control plane: a provider's namespace, a type and a verb at least.
fn action(named: &str) -> Result<String, OpError> {
    let segments: Vec<&str> = named.split('/').collect();
    let plain = |segment: &&str| {
        !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
    };
    let verb = segments.last().map(|verb| verb.to_ascii_lowercase()).unwrap_or_default();
    let is_verb = ["read", "write", "delete", "action"].contains(&verb.as_str());
    if segments.len() >= 3 && segments.iter().all(plain) && is_verb {
        return Ok(named.to_owned());
    }
    Err(OpError::Invalid(format!(
        "'{}' is no operation: give one such as SecretGet or KeySign, or an action such as \
         Microsoft.KeyVault/vaults/read",
        named.chars().take(100).collect::<String>()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_has_many_names() {
        for named in ["SecretGet", "secretget", "GetSecret"] {
            assert_eq!(operation(named, true).unwrap(), Some(Operation::GetSecret), "{named}");
        }
        let by_action = |verb: &str, on_object| {
            operation(&format!("Microsoft.KeyVault/vaults/{verb}"), on_object).unwrap()
        };
        assert_eq!(by_action("secrets/getsecret/action", true), Some(Operation::GetSecret));
        assert_eq!(by_action("keys/read", true), Some(Operation::GetKey));
        assert_eq!(by_action("keys/read", false), Some(Operation::GetKeys));
        assert_eq!(by_action("read", false), None);
        assert!(operation("Microsoft.KeyVault/vaults/storageaccounts/read", true).is_err());
    }

    #[test]
    fn an_action_ends_with_a_verb() {
        assert!(action("Microsoft.KeyVault/vaults/write").is_ok());
        for bad in ["", "SecretFetch", "a/b/c", "Microsoft.KeyVault/vaults/*", "x//read", "a/read"]
        {
            assert!(action(bad).is_err(), "{bad}");
        }
    }
}
