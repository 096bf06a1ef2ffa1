//! Conditions of role assignments (attribute-based access control, version 2.0), read once.
//!
//! What the service cannot evaluate it refuses when the condition is written, so that no
//! condition is there that says something else than it seems to.

use std::sync::Arc;

use minicbor::{Decode, Decoder, Encode, Encoder};
use uuid::Uuid;

use crate::ModelError;

mod parse;

/// The only version of the language.
pub const VERSION: &str = "2.0";

/// The longest condition, in bytes.
pub const MAX_BYTES: usize = 8_192;

/// Where the value of an attribute comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// What is asked for.
    Request,
    /// What is there.
    Resource,
    /// Who asks.
    Principal,
}

/// An attribute that a condition may ask about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// `Microsoft.KeyVault/vaults:name`
    VaultName,
    /// `Microsoft.KeyVault/vaults/secrets:name`
    SecretName,
    /// `Microsoft.Authorization/roleAssignments:RoleDefinitionId`
    RoleDefinitionId,
    /// `Microsoft.Authorization/roleAssignments:PrincipalId`
    PrincipalId,
    /// `Microsoft.Authorization/roleAssignments:PrincipalType`
    PrincipalType,
    /// `Microsoft.Directory/CustomSecurityAttributes/Id:…`, of which no principal here has any.
    Custom,
}

/// A condition, as it was written and as it is evaluated.
#[derive(Clone, Debug)]
pub struct Condition {
    text: Arc<str>,
    expression: Arc<Expression>,
}

/// What a condition says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// All of them hold.
    All(Vec<Self>),
    /// Any of them holds.
    Any(Vec<Self>),
    /// It does not hold.
    Not(Box<Self>),
    /// The action fits one of the patterns.
    ActionMatches(Vec<String>),
    /// The part of the action that is asked for is one of these.
    SubOperationMatches(Vec<String>),
    /// The attribute has a value.
    Exists(Source, Attribute),
    /// An attribute compared.
    Compare(Comparison),
    /// Never: it was written by a newer release and cannot be read by this one.
    Never,
}

/// An attribute compared with values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Whose value.
    pub left: (Source, Attribute),
    /// How.
    pub test: Test,
    /// Whether it must not be so.
    pub negated: bool,
    /// For how many of the values.
    pub quantifier: Quantifier,
    /// With what.
    pub right: Operand,
}

/// How two values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// Alike, letter by letter.
    Equals {
        /// Whether `A` is `a`.
        ignore_case: bool,
    },
    /// The left begins with the right.
    StartsWith {
        /// Whether `A` is `a`.
        ignore_case: bool,
    },
    /// The left fits the right, where `*` is any run of characters and `?` any one.
    Like {
        /// Whether `A` is `a`.
        ignore_case: bool,
    },
    /// The same GUID.
    GuidEquals,
}

/// For how many values a comparison must hold. An attribute here has one value or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// For any value on the right.
    AnyOnTheRight,
    /// For every value on the right.
    AllOnTheRight,
}

/// What an attribute is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// Texts.
    Texts(Vec<String>),
    /// GUIDs.
    Guids(Vec<Uuid>),
    /// Another attribute.
    Attribute(Source, Attribute),
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// [`ModelError::Condition`], saying where it breaks the grammar or what is not supported.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        let expression = parse::condition(text)?;
        Ok(Self { text: text.into(), expression: Arc::new(expression) })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What it says.
    pub fn expression(&self) -> &Expression {
        &self.expression
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Condition {}

impl<C> Encode<C> for Condition {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(&self.text)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Condition {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let text = d.str()?;
        // Every stored condition was read when it was written. Should it be unreadable all the
        // same, it holds for nobody, and the rest of the directory goes on.
        let expression = parse::condition(text).unwrap_or(Expression::Never);
        Ok(Self { text: text.into(), expression: Arc::new(expression) })
    }
}
