//! The operation that makes a certificate's next version.

use minicbor::{Decode, Encode};

use super::IssuerParameters;
use crate::{Timestamp, Version};

/// Where an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum OperationStatus {
    /// The issuer has not answered yet.
    #[n(0)]
    InProgress,
    /// The version is there.
    #[n(1)]
    Completed,
    /// It was given up on request.
    #[n(2)]
    Cancelled,
    /// The issuer refused.
    #[n(3)]
    Failed,
}

impl OperationStatus {
    /// As it stands on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::InProgress => "inProgress",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}

/// What went wrong, in words for the client.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct OperationError {
    /// A code.
    #[n(0)]
    pub code: String,
    /// What happened, and what to do.
    #[n(1)]
    pub message: String,
}

/// The operation that makes a certificate's next version, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CertificateOperation {
    /// Names it: 32 hexadecimal digits on the wire.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub request_id: [u8; 16],
    /// The version that it makes.
    #[n(1)]
    pub version: Version,
    /// Who issues.
    #[n(2)]
    pub issuer: IssuerParameters,
    /// The certificate signing request (PKCS#10, DER).
    #[cbor(n(3), with = "minicbor::bytes")]
    pub csr: Vec<u8>,
    /// Where it is.
    #[n(4)]
    pub status: OperationStatus,
    /// Where it is, in words; the usual ones when absent.
    #[n(5)]
    pub status_details: Option<String>,
    /// Why it failed, or last failed.
    #[n(6)]
    pub error: Option<OperationError>,
    /// Whether somebody asked to give it up.
    #[n(7)]
    pub cancellation_requested: bool,
    /// When it began.
    #[n(8)]
    pub created: Timestamp,
}
