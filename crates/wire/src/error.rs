//! The error body of the data plane.

use std::borrow::Cow;

use serde::Serialize;

/// `{"error":{"code","message"[,"innererror":{"code"}]}}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyVaultError<'a> {
    /// What went wrong.
    pub error: ErrorBody<'a>,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorBody<'a> {
    /// A word for programs, such as `Forbidden`.
    pub code: Cow<'a, str>,
    /// A sentence for people.
    pub message: Cow<'a, str>,
    /// A nearer word; since api-version 2016-10-01.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub innererror: Option<InnerError<'a>>,
}

/// A nearer word for programs, such as `ForbiddenByRbac`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InnerError<'a> {
    /// The word.
    pub code: Cow<'a, str>,
}

impl<'a> KeyVaultError<'a> {
    /// An error body.
    pub fn new(
        code: impl Into<Cow<'a, str>>,
        message: impl Into<Cow<'a, str>>,
        inner: Option<&'a str>,
    ) -> Self {
        let innererror = inner.map(|code| InnerError { code: code.into() });
        Self { error: ErrorBody { code: code.into(), message: message.into(), innererror } }
    }
}
