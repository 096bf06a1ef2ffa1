//! Tells people by SMTP.
//!
//! A [`Mailer`] takes letters and brings them to one SMTP server. [`Mailer::post`] never waits: a
//! letter goes into a bounded queue, and a task of its own sends it, again with longer and longer
//! pauses while the server does not take it. What has not been sent when the process ends is
//! lost, and logged.
//!
//! ```no_run
//! # async fn example() -> Result<(), strongroom_mail::MailError> {
//! use strongroom_mail::{Letter, Mailer, Security, Settings};
//!
//! let mailer = Mailer::open(Settings {
//!     host: "smtp.example.com".into(),
//!     port: 587,
//!     security: Security::StartTls,
//!     from: "vault@example.com".into(),
//!     credentials: None,
//!     ca_pem: None,
//! })?;
//! mailer.post(&Letter {
//!     to: "operator@example.com".into(),
//!     subject: "A certificate nears its end".into(),
//!     body: "It ends tomorrow.\n".into(),
//! })?;
//! # Ok(())
//! # }
//! ```

mod error;
mod letter;
mod mailer;
mod pause;
mod settings;

pub use error::MailError;
pub use letter::Letter;
pub use mailer::{MOST_LETTERS, Mailer};
pub use settings::{Credentials, Security, Settings};
