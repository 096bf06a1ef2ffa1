//! X.509 (RFC 5280): certificates, requests, chains, revocation, and the files that bring them.
//!
//! What a certificate says is told in a policy's terms
//! ([`strongroom_model::certificates::X509Properties`]): [`certificate_request`], [`self_signed`]
//! and [`certify`] write it, [`facts`] and [`parse_request`] read it back. An authority here
//! refuses what its own certificate does not let it certify, and a certificate of an authority says
//! all that binds it: what it inherits from above stands in it. [`order_chain`] verifies the chains
//! that others made, [`crl`] and [`ocsp`] tell what was revoked, [`pfx`] and [`pem`] are the files.
//!
//! The installation's own [`Authority`] is trusted by clients for the names below one base domain
//! and for nothing else: its certificate says so in critical name constraints, which clients
//! enforce. From it come short-lived P-256 server certificates.
//!
//! **Invariant:** private keys are used through [`strongroom_crypto::provider::PrivateKey`] alone,
//! so that they may live in a device.

pub mod acme;
mod alternative_names;
mod authority;
mod certificate;
mod chain;
mod challenge_answer;
mod constraints;
mod container;
pub mod crl;
mod encrypted;
mod error;
mod extensions;
mod facts;
mod issue;
mod name;
pub mod ocsp;
pub mod pem;
pub mod pfx;
mod private_key;
mod public_key;
mod request;
mod signature;
mod validity;

pub use alternative_names::MAX_NAMES;
pub use authority::{Authority, MAX_SERVER_DAYS, ServerCertificate, SignerCertificate};
pub use chain::{MAX_CHAIN, check_validity, order_chain};
pub use challenge_answer::{ChallengeAnswer, challenge_answer, key_of};
pub use container::Container;
pub use error::PkiError;
pub use extensions::check_properties;
pub use facts::{CertificateFacts, facts};
pub use issue::{AuthorityCertificate, Terms, certify, self_signed, serial_number};
pub use name::{SubjectNames, check_subject, subject_names};
pub use public_key::{check_key, public_key, subject_public_key_info};
pub use request::{ParsedRequest, certificate_request, parse_request};
pub use validity::Validity;
