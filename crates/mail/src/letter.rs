//! A letter, and the message that it becomes.

use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::{Address, address::Envelope};
use uuid::Uuid;

use crate::MailError;

/// The longest subject, in characters: names come from people.
const MOST_SUBJECT: usize = 200;

/// What one reader is told, in plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The reader's address, without a name.
    pub to: String,
    /// The subject, on one line; control characters become spaces.
    pub subject: String,
    /// The text; lines end with a line feed.
    pub body: String,
}

/// A message as it goes to the server. Every attempt sends the same bytes, so that a reader who
/// got it twice can tell by the `Message-ID`.
pub(crate) struct Written {
    pub(crate) envelope: Envelope,
    pub(crate) bytes: Vec<u8>,
}

/// `Auto-Submitted: auto-generated` (RFC 3834): nobody's absence is announced to a machine.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".into())
    }
}

/// An address that is nothing but one: no name, no line's end, no second address.
pub(crate) fn address(text: &str) -> Result<Address, MailError> {
    let refused = || MailError::Address(one_line(text));
    if text.chars().any(|c| c.is_control() || c.is_whitespace() || ",;<>\"()".contains(c)) {
        return Err(refused());
    }
    text.parse().map_err(|_| refused())
}

impl Letter {
    pub(crate) fn written(&self, from: &Address) -> Result<Written, MailError> {
        let to = address(&self.to)?;
        let message = Message::builder()
            .from(Mailbox::new(Some("Strongroom".into()), from.clone()))
            .to(Mailbox::new(None, to))
            .subject(one_line(&self.subject))
            .message_id(Some(format!("<{}@{}>", Uuid::new_v4(), from.domain())))
            .header(AutoSubmitted)
            .header(ContentType::TEXT_PLAIN)
            .body(self.body.clone())
            .map_err(|error| MailError::Letter(error.to_string()))?;
        Ok(Written { envelope: message.envelope().clone(), bytes: message.formatted() })
    }
}

/// A header has one line: what would begin another becomes a space.
fn one_line(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(MOST_SUBJECT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(letter: &Letter) -> String {
        let written = letter.written(&"vault@example.com".parse().unwrap()).unwrap();
        String::from_utf8(written.bytes).unwrap()
    }

    fn letter(to: &str, subject: &str, body: &str) -> Letter {
        Letter { to: to.into(), subject: subject.into(), body: body.into() }
    }

    fn header_names(text: &str) -> Vec<&str> {
        let (head, _) = text.split_once("\r\n\r\n").unwrap();
        let lines = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
        lines.map(|line| line.split_once(':').unwrap().0).collect()
    }

    #[test]
    fn a_subject_adds_no_header() {
        let plain = text(&letter("a@example.com", "Certificate web", "x\n"));
        for subject in [
            "a\r\nBcc: thief@example.com",
            "a\nBcc: thief@example.com\n\nbody",
            "a\rBcc: thief@example.com",
            "\u{85}Bcc: thief@example.com",
        ] {
            let attacked = text(&letter("a@example.com", subject, "x\n"));
            assert_eq!(header_names(&attacked), header_names(&plain), "{attacked}");
        }
    }

    #[test]
    fn an_address_is_one_address() {
        for to in [
            "",
            "nobody",
            "a@example.com,b@example.com",
            "a@example.com\r\nBcc: b@example.com",
            "<a@example.com>",
            "\"a\r\nb\"@example.com",
            "a@example.com> RCPT TO:<b@example.com",
            "A <a@example.com>",
        ] {
            let written = letter(to, "s", "b").written(&"v@example.com".parse().unwrap());
            assert!(matches!(written, Err(MailError::Address(_))), "{to}");
        }
    }

    #[test]
    fn every_letter_has_what_a_server_asks_for() {
        let text = text(&letter("a@example.com", "Überschrift", "Grüße\n.\nEnde\n"));
        let names = header_names(&text);
        for name in ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"] {
            assert!(names.contains(&name), "{name} is missing: {text}");
        }
        assert!(text.is_ascii(), "not every server takes more: {text}");
    }
}
