//! The SMTP server of the configuration, ready to take letters.

use strongroom_crypto::SecretBytes;
use strongroom_mail::{Credentials, Mailer, Security, Settings};
use zeroize::Zeroizing;

use crate::config::{Config, SmtpSection, SmtpTls};
use crate::error::CliError;

/// The mailer of the configuration, if it names a server.
///
/// # Errors
/// [`CliError::Failed`], naming what of `[smtp]` cannot be used.
pub(crate) fn mailer(config: &Config) -> Result<Option<Mailer>, CliError> {
    let Some(section) = &config.smtp else { return Ok(None) };
    let refused = |why: &dyn std::fmt::Display| CliError::Failed(format!("[smtp]: {why}"));
    let settings = settings(section).map_err(|why| refused(&why))?;
    Mailer::open(settings).map(Some).map_err(|error| refused(&error))
}

fn settings(section: &SmtpSection) -> Result<Settings, String> {
    let (security, port) = match section.tls {
        SmtpTls::Implicit => (Security::Implicit, 465),
        SmtpTls::Starttls => (Security::StartTls, 587),
        SmtpTls::None => (Security::None, 25),
    };
    let credentials = match (&section.username, &section.password_file) {
        (None, None) => None,
        (Some(username), Some(file)) => {
            let mut password = Zeroizing::new(
                std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?,
            );
            let kept = password.trim_ascii_end().len();
            password.truncate(kept);
            let password = SecretBytes::new(std::mem::take(&mut *password));
            Some(Credentials { username: username.clone(), password })
        }
        _ => return Err("username and password_file belong together".into()),
    };
    let ca_pem = section
        .ca_file
        .as_ref()
        .map(|file| std::fs::read(file).map_err(|error| format!("{}: {error}", file.display())));
    Ok(Settings {
        host: section.host.clone(),
        port: section.port.unwrap_or(port),
        security,
        from: section.from.clone(),
        credentials,
        ca_pem: ca_pem.transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn config(smtp: &str) -> Config {
        toml::from_str(&format!("[smtp]\nhost = \"mx.example\"\n{smtp}\n")).unwrap()
    }

    #[tokio::test]
    async fn a_section_is_used_or_refused_at_the_start() {
        let from = "from = \"vault@example.com\"\n";
        assert!(mailer(&Config::default()).unwrap().is_none());
        assert!(mailer(&config(from)).unwrap().is_some());
        for wrong in [
            "from = \"nobody\"".to_owned(),
            format!("{from}username = \"u\""),
            format!("{from}username = \"u\"\npassword_file = \"/nowhere\""),
            format!("{from}ca_file = \"/nowhere\""),
        ] {
            let refused = mailer(&config(&wrong)).err().unwrap().to_string();
            assert!(refused.starts_with("[smtp]: "), "{refused}");
        }
    }

    #[test]
    fn the_port_follows_from_the_protection() {
        let of = |smtp: &str| {
            let config = config(&format!("from = \"vault@example.com\"\n{smtp}"));
            let settings = settings(config.smtp.as_ref().unwrap()).unwrap();
            (settings.port, settings.security)
        };
        assert_eq!(of(""), (587, Security::StartTls));
        assert_eq!(of("tls = \"implicit\""), (465, Security::Implicit));
        assert_eq!(of("tls = \"none\""), (25, Security::None));
        assert_eq!(of("tls = \"implicit\"\nport = 2465"), (2465, Security::Implicit));
    }

    #[test]
    fn a_password_ends_before_the_end_of_its_line() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b" pass word\r\n").unwrap();
        let path = file.path().display();
        let smtp =
            format!("from = \"v@example.com\"\nusername = \"u\"\npassword_file = \"{path}\"");
        let settings = settings(config(&smtp).smtp.as_ref().unwrap()).unwrap();
        assert_eq!(settings.credentials.unwrap().password.expose(), b" pass word");
    }
}
