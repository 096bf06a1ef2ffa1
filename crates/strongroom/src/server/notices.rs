//! Notices to a vault's contacts, as letters.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use strongroom_mail::{Letter, Mailer};
use strongroom_model::Timestamp;
use strongroom_ops::{Notice, NoticeKind, Notifier};

/// Turns notices into letters, one to each contact.
pub(crate) struct Notices(pub(crate) Arc<Mailer>);

impl Notifier for Notices {
    fn notify(&self, notice: Notice) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            for contact in &notice.contacts {
                let Some(to) = contact.email.clone() else { continue };
                let (subject, body) = (subject(&notice), body(&notice));
                if let Err(error) = self.0.post(&Letter { to, subject, body }) {
                    let (vault, certificate) = (&notice.vault, &notice.certificate);
                    tracing::error!(%vault, %certificate, %error, "a contact was not told");
                }
            }
        })
    }
}

fn subject(notice: &Notice) -> String {
    let what = match &notice.kind {
        NoticeKind::NearExpiry => "nears its end",
        NoticeKind::Expired => "has ended",
        NoticeKind::Renewed => "was renewed",
        NoticeKind::RenewalFailed(_) => "could not be renewed",
    };
    format!("Certificate {} of vault {} {what}", notice.certificate, notice.vault)
}

fn body(notice: &Notice) -> String {
    let Notice { vault, certificate, version, expires, kind, .. } = notice;
    let end = expires.map_or_else(String::new, |end| format!("It ends on {}.\n", date(end)));
    let more = match kind {
        NoticeKind::NearExpiry => {
            format!("{end}Renew it, or see to it that its policy does.\n")
        }
        NoticeKind::Expired => "Whoever still shows it is not believed any more.\n".to_owned(),
        NoticeKind::Renewed => {
            format!("{end}Whoever shows the one before must take this one now.\n")
        }
        NoticeKind::RenewalFailed(why) => {
            format!("{end}It is tried again. The reason:\n\n    {}\n", why.replace('\n', " "))
        }
    };
    format!(
        "{}.\n\nVault:       {vault}\nCertificate: {certificate}\nVersion:     {version}\n\n{more}\
         \n\
         You are a contact of this vault; its operator can change that.\n",
        subject(notice)
    )
}

/// The day and the minute, in UTC.
fn date(time: Timestamp) -> String {
    match jiff::Timestamp::from_second(time.0) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        Err(_) => time.0.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use strongroom_model::certificates::Contact;
    use strongroom_model::{ObjectName, VaultName, Version};

    use super::*;

    fn notice(kind: NoticeKind) -> Notice {
        Notice {
            vault: VaultName::parse("week").unwrap(),
            contacts: vec![Contact::default()],
            certificate: ObjectName::parse("web").unwrap(),
            version: Version::parse("4387e9f3d6e14c459867679a90fd0f79").unwrap(),
            expires: Some(Timestamp(1_896_091_200)),
            kind,
        }
    }

    #[test]
    fn a_letter_says_what_whose_and_when() {
        let near = notice(NoticeKind::NearExpiry);
        assert_eq!(subject(&near), "Certificate web of vault week nears its end");
        let text = body(&near);
        for part in ["web", "week", "4387e9f3d6e14c459867679a90fd0f79", "2030-01-31 12:00 UTC"] {
            assert!(text.contains(part), "{part} is missing: {text}");
        }
    }

    #[test]
    fn a_failure_says_why() {
        let failed = notice(NoticeKind::RenewalFailed("the CA\nrefused".into()));
        assert!(body(&failed).contains("    the CA refused\n"));
    }
}
