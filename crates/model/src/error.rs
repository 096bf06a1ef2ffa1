//! What can be wrong with a value that a client sent.

/// A value that breaks the rules of the service. The text is safe to show to the client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// An object name outside `^[0-9a-zA-Z-]{1,127}$`.
    #[error("The request URI contains an invalid name: {0}")]
    ObjectName(String),
    /// A version that is not 32 hexadecimal digits.
    #[error("The request URI contains an invalid version: {0}")]
    Version(String),
    /// A vault name outside 3 to 24 letters, digits and single hyphens.
    #[error(
        "The vault name '{0}' is invalid. A vault's name must be between 3-24 alphanumeric \
         characters. The name must begin with a letter, end with a letter or digit, and not \
         contain consecutive hyphens."
    )]
    VaultName(String),
    /// A resource group name outside Azure's rules.
    #[error("The resource group name '{0}' is invalid: 1 to 90 letters, digits, and _ . ( ) -")]
    ResourceGroupName(String),
    /// A resource id that is not a scope.
    #[error("'{0}' is not a scope: expected /, /subscriptions/… or a resource id below it")]
    Scope(String),
    /// Too many tags, or a tag too long.
    #[error("{0}")]
    Tags(String),
    /// An attribute out of range.
    #[error("{0}")]
    Attributes(String),
    /// An algorithm, key type, curve or key operation of an unknown name.
    #[error("'{0}' is not supported. Use a value that the operation documents.")]
    Algorithm(String),
    /// A key, or what is said of it, that breaks the rules; the text is for the client.
    #[error("{0}")]
    Key(String),
    /// A rotation policy that breaks the rules; the text is for the client.
    #[error("{0}")]
    RotationPolicy(String),
    /// A release policy that breaks the grammar; the text is for the client.
    #[error("{0}")]
    ReleasePolicy(String),
    /// A certificate policy, issuer or contact that breaks the rules; the text is for the client.
    #[error("{0}")]
    Certificate(String),
    /// A retention outside 7 to 90 days.
    #[error("The soft delete retention must be between 7 and 90 days, not {0}")]
    Retention(u32),
}

impl ModelError {
    /// A name that stands for nothing here, clipped: a client may have sent anything.
    pub(crate) fn algorithm(name: &str) -> Self {
        Self::Algorithm(name.chars().filter(|c| !c.is_control()).take(40).collect())
    }
}
