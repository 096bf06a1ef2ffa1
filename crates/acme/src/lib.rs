//! Orders certificates from ACME authorities (RFC 8555), one bounded step after the other.
//!
//! An operator names authorities in the configuration: [`AcmeDirectory`]. Whoever orders keeps an
//! [`AccountKey`] and the order's URL, and calls [`AcmeDirectory::advance`] until there is a chain;
//! nothing is kept here between two steps but the answers to challenges, which [`Challenges`]
//! holds for the listeners that serve them.

mod challenges;
mod clock;
mod directory;
mod dns;
mod error;
mod order;
mod renewal;
mod rfc2136;
mod transport;
pub mod validate;

pub use challenges::{ChallengeCertificate, Challenges};
pub use directory::{
    AccountKey, AcmeDirectories, AcmeDirectory, ChallengeKind, DirectorySettings, DnsSettings,
    ExternalAccount, OpenTo, TsigKey,
};
pub use error::AcmeError;
pub use order::{Answer, Identifiers, Step};
pub use renewal::RenewalWindow;
