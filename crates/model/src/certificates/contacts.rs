//! A vault's contacts: who is told of certificates that near their end.

use minicbor::{Decode, Encode};

use super::rules;
use crate::ModelError;

/// The most contacts of a vault.
const MAX_CONTACTS: usize = 100;

/// The longest name or telephone of a contact, in bytes.
const MAX_TEXT_BYTES: usize = 256;

/// Somebody to be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Contact {
    /// E-mail address.
    #[n(0)]
    pub email: Option<String>,
    /// Name.
    #[n(1)]
    pub name: Option<String>,
    /// Telephone.
    #[n(2)]
    pub phone: Option<String>,
}

impl Contact {
    /// Checks what a client sends as a vault's contacts.
    ///
    /// # Errors
    /// [`ModelError::Certificate`] for nobody, for a contact without an e-mail address or with one
    /// that is none, for texts too long and for too many contacts.
    pub fn check(contacts: &[Self]) -> Result<(), ModelError> {
        if contacts.is_empty() {
            return Err(rules::refuse("The contacts must not be empty: delete them instead."));
        }
        if contacts.len() > MAX_CONTACTS {
            return Err(rules::refuse(format!("A vault has at most {MAX_CONTACTS} contacts.")));
        }
        contacts.iter().try_for_each(|contact| {
            rules::check_email(contact.email.as_deref().unwrap_or_default())?;
            let mut texts = contact.name.iter().chain(&contact.phone);
            match texts.any(|text| text.len() > MAX_TEXT_BYTES || text.contains(['\r', '\n'])) {
                true => Err(rules::refuse(format!(
                    "A contact's name and phone must be one line of at most {MAX_TEXT_BYTES} bytes."
                ))),
                false => Ok(()),
            }
        })
    }
}
