//! A certificate's secret in the other of its two formats.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use strongroom_crypto::SecretBytes;
use strongroom_model::certificates::SecretFormat;
use strongroom_pki::{Container, PkiError, pem, pfx};
use zeroize::Zeroizing;

use crate::{OpError, SecretView};

impl SecretView {
    /// The secret with its value in another format. Only a certificate's secret has one; every
    /// other stays as it is.
    ///
    /// # Errors
    /// [`OpError::Internal`] for a value that is not what its content type says.
    pub fn in_format(mut self, wanted: SecretFormat) -> Result<Self, OpError> {
        let listing = &mut self.record.listing;
        let known = listing.content_type.as_deref().map(SecretFormat::parse);
        let (Some(true), Some(Ok(known)), Some(value)) = (listing.managed, known, &self.value)
        else {
            return Ok(self);
        };
        if known != wanted {
            let converted = converted(value, known).map_err(|error| {
                OpError::Internal(format!("a certificate's secret does not convert: {error}"))
            })?;
            listing.content_type = Some(wanted.content_type().to_owned());
            self.value = Some(converted);
        }
        Ok(self)
    }
}

fn converted(value: &SecretBytes, known: SecretFormat) -> Result<SecretBytes, PkiError> {
    let no_password = SecretBytes::default();
    match known {
        SecretFormat::Pkcs12 => {
            let file = STANDARD.decode(value.expose()).map_err(|_| PkiError::Encoding)?;
            let Container { key, certificates } = pfx::read(&Zeroizing::new(file), &no_password)?;
            pem::write(key.as_ref(), &certificates)
        }
        SecretFormat::Pem => {
            let Container { key, certificates } = pem::read(value.expose(), &no_password)?;
            let file = pfx::write(key.as_ref(), &certificates)?;
            let mut text = Zeroizing::new(String::with_capacity(file.len() * 4 / 3 + 4));
            STANDARD.encode_string(file.expose(), &mut text);
            Ok(SecretBytes::from(std::mem::take(&mut *text)))
        }
    }
}
