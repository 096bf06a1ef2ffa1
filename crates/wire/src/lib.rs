//! Request and response bodies exactly as on the wire. No behaviour.
//!
//! Members stand in the order in which the real service sends them. An absent member is left out,
//! but for the few that the service sends as `null`. Requests ignore members they do not know.
//! The text of a parse error may quote the JSON it stumbled over, which may be a misplaced secret:
//! it belongs neither in an answer nor in a log.
//! Sources: the Key Vault data-plane specification, and recorded answers of the real service.

pub mod acme;
pub mod any_case;
pub mod arm_vaults;
pub mod attributes;
pub mod backup;
pub mod base64url;
pub mod certificate_issuers;
pub mod certificate_policy;
pub mod certificates;
pub mod deletion;
pub mod error;
pub mod graph;
pub mod identity;
pub mod json;
pub mod keys;
pub mod page;
pub mod rotation;
pub mod secret_value;
pub mod secrets;
pub mod standard_base64;

pub use attributes::{AttributesParameters, ObjectAttributes};
pub use base64url::Base64Url;
pub use deletion::Deletion;
pub use error::KeyVaultError;
pub use json::{to_json, to_secret_json};
pub use page::Page;
pub use secret_value::SecretValue;
pub use standard_base64::Base64;
