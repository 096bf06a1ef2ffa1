//! Where letters go, and who sends them.

use std::net::IpAddr;

use lettre::transport::smtp::authentication::Credentials as SmtpCredentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, Tokio1Executor};
use strongroom_crypto::SecretBytes;

use crate::MailError;
use crate::letter;
use crate::mailer::STEP_TIMEOUT;

/// An SMTP server, and who sends letters through it.
pub struct Settings {
    /// Its name, which its certificate must have.
    pub host: String,
    /// Its port; usually 465 for [`Security::Implicit`], 587 for [`Security::StartTls`].
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// The sender's address.
    pub from: String,
    /// Who signs in, if the server wants it.
    pub credentials: Option<Credentials>,
    /// PEM of the authorities that are trusted, and no others; `None`: those of the system.
    pub ca_pem: Option<Vec<u8>>,
}

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// TLS by STARTTLS (RFC 3207); a server that does not offer it gets no letter.
    StartTls,
    /// Not at all.
    None,
}

/// A user of the server.
pub struct Credentials {
    /// Name.
    pub username: String,
    /// Password.
    pub password: SecretBytes,
}

pub(crate) type Transport = AsyncSmtpTransport<Tokio1Executor>;

impl Settings {
    pub(crate) fn sender(&self) -> Result<Address, MailError> {
        letter::address(&self.from)
    }

    pub(crate) fn transport(self, sender: &Address) -> Result<Transport, MailError> {
        let tls = self.tls()?;
        let mut builder = Transport::builder_dangerous(&self.host)
            .port(self.port)
            .tls(tls)
            .hello_name(ClientId::Domain(sender.domain().to_owned()))
            .timeout(Some(STEP_TIMEOUT));
        if let Some(Credentials { username, password }) = self.credentials {
            if self.security == Security::None && !is_here(&self.host) {
                return Err(MailError::PasswordInClear(self.host));
            }
            let password = password.into_utf8().ok_or(MailError::Password)?;
            builder = builder.credentials(SmtpCredentials::new(username, password));
        }
        Ok(builder.build())
    }

    fn tls(&self) -> Result<Tls, MailError> {
        let refused = |error: lettre::transport::smtp::Error| MailError::Tls(error.to_string());
        let mut parameters = TlsParameters::builder(self.host.clone());
        if let Some(pem) = &self.ca_pem {
            parameters = parameters
                .certificate_store(CertificateStore::None)
                .add_root_certificate(Certificate::from_pem(pem).map_err(refused)?);
        }
        Ok(match self.security {
            Security::None => Tls::None,
            Security::StartTls => Tls::Required(parameters.build_rustls().map_err(refused)?),
            Security::Implicit => Tls::Wrapper(parameters.build_rustls().map_err(refused)?),
        })
    }
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transport(host: &str, security: Security) -> Result<Transport, MailError> {
        let settings = Settings {
            host: host.into(),
            port: 25,
            security,
            from: "vault@example.com".into(),
            credentials: Some(Credentials {
                username: "u".into(),
                password: SecretBytes::new(b"p".to_vec()),
            }),
            ca_pem: None,
        };
        let sender = settings.sender()?;
        settings.transport(&sender)
    }

    #[tokio::test]
    async fn a_password_crosses_no_network_in_clear() {
        let refused = transport("smtp.example.com", Security::None).err().unwrap();
        assert!(matches!(refused, MailError::PasswordInClear(_)));
        assert!(transport("127.0.0.1", Security::None).is_ok());
        assert!(transport("smtp.example.com", Security::StartTls).is_ok());
        assert!(transport("smtp.example.com", Security::Implicit).is_ok());
    }
}
