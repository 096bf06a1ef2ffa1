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
    /// A vault's property that breaks the rules; the text is for the client.
    #[error("{0}")]
    Vault(String),
    /// A condition that breaks the grammar, or asks for what is not supported; the text says where.
    #[error("The role assignment condition is invalid: {0}.")]
    Condition(String),
    /// A retention outside 7 to 90 days.
    #[error("The soft delete retention must be between 7 and 90 days, not {0}")]
    Retention(u32),
}

impl ModelError {
    /// Access policies that break the rules. The real service's text: it says no more.
    pub(crate) fn access_policies() -> Self {
        Self::Vault("An invalid value was provided for 'accessPolicies'.".to_owned())
    }

    /// More of a vault's property than there may be.
    pub(crate) fn too_many(property: &str, count: usize, most: usize) -> Self {
        Self::Vault(format!(
            "Too many values found at properties.{property}: {count}. At most {most} are allowed."
        ))
    }

    /// An address rule that is no network.
    pub(crate) fn ip_rule(index: usize, rule: &str) -> Self {
        let rule = clipped(rule);
        Self::Vault(format!(
            "Invalid value found at properties.networkAcls.ipRules[{index}].value: {rule}"
        ))
    }

    /// An address rule in a range that the real service takes none in. Its text.
    pub(crate) fn forbidden_ip_rule(index: usize, rule: &str, range: &str, kind: &str) -> Self {
        let rule = clipped(rule);
        Self::Vault(format!(
            "Invalid value found at properties.networkAcls.ipRules[{index}].value: {rule} belongs \
             to forbidden range {range} ({kind})"
        ))
    }

    /// A name that stands for nothing here, clipped: a client may have sent anything.
    pub(crate) fn algorithm(name: &str) -> Self {
        Self::Algorithm(name.chars().filter(|c| !c.is_control()).take(40).collect())
    }
}

fn clipped(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}
