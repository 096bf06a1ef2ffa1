//! What goes wrong on the way to a reader.

/// Why a letter is not on its way. The server's own words are logged, not here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MailError {
    /// What stands for an address is none.
    #[error("'{0}' is no e-mail address")]
    Address(String),
    /// A password would cross the network in clear.
    #[error("a password is sent to {0} only over TLS")]
    PasswordInClear(String),
    /// The password is no text.
    #[error("the password is not UTF-8")]
    Password,
    /// The authorities cannot be read, or TLS cannot be set up with them.
    #[error("TLS: {0}")]
    Tls(String),
    /// Too many letters wait already.
    #[error("{0} letters wait already")]
    Full(usize),
    /// The letter cannot be written as a message.
    #[error("the letter cannot be written: {0}")]
    Letter(String),
}
