//! One request, as the audit remembers it.

use std::borrow::Cow;
use std::net::IpAddr;

use minicbor::encode::Write;
use minicbor::{Decode, Encode, Encoder};
use strongroom_model::RequestId;

use crate::AuditError;

/// A text that is nearly always a constant.
pub type Text = Cow<'static, str>;

/// The most bytes of one text that are kept: a client chooses some of them.
const MAX_TEXT: usize = 1024;

/// The most properties that are kept.
const MAX_PROPERTIES: usize = 16;

/// One request and its outcome. Never holds a value, a tag, a token or a key.
///
/// Fields are numbered for good: a new one gets the next number and an `Option` or a default, so
/// that old journals stay readable.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Record {
    /// The request's id; also the record's.
    #[n(0)]
    pub id: RequestId,
    /// When the request came, in Unix milliseconds.
    #[n(1)]
    pub time_ms: i64,
    /// The vault's ARM id, or the installation's.
    #[cbor(n(2), encode_with = "clipped")]
    pub resource_id: String,
    /// Azure's `operationName`, such as `SecretGet`.
    #[cbor(n(3), encode_with = "clipped")]
    pub operation: Text,
    /// The `api-version`, empty if there was none.
    #[cbor(n(4), encode_with = "clipped")]
    pub api_version: Text,
    /// Whether the request did what it asked for.
    #[n(5)]
    pub success: bool,
    /// The status in words: `OK`, `Unauthorized`, `Forbidden`, `Not Found`…
    #[cbor(n(6), encode_with = "clipped")]
    pub signature: Text,
    /// The error's code or text, empty on success; never secret.
    #[cbor(n(7), encode_with = "clipped")]
    pub description: Text,
    /// From the request's head to the answer (for a change: to its commit), in milliseconds.
    #[n(8)]
    pub duration_ms: u32,
    /// The client's address; `None` when a sum covers several.
    #[n(9)]
    pub caller_ip: Option<IpAddr>,
    /// The client's request id, or the request's own.
    #[cbor(n(10), encode_with = "clipped")]
    pub correlation_id: String,
    /// Who called, as far as a verified token said.
    #[n(11)]
    pub identity: Identity,
    /// The `User-Agent`.
    #[cbor(n(12), encode_with = "clipped")]
    pub client_info: String,
    /// The request's URI, out of [`crate::audited_uri`].
    #[cbor(n(13), encode_with = "clipped")]
    pub request_uri: String,
    /// The object's URL, if it is another than the request's own; see [`Record::object_url`].
    #[cbor(n(14), encode_with = "clipped")]
    pub object_id: String,
    /// The HTTP status answered.
    #[n(15)]
    pub http_status: u16,
    /// `TLS1_2` or `TLS1_3`.
    #[cbor(n(16), encode_with = "clipped")]
    pub tls_version: Text,
    /// Whether a role assignment allowed it; `None` if that was not asked.
    #[n(17)]
    pub rbac_authorized: Option<bool>,
    /// The role assignment that allowed it.
    #[n(18)]
    pub applied_assignment_id: Option<String>,
    /// How the address was judged: `PublicIP`, `Subnet` or `PrivateLink`.
    #[cbor(n(19), encode_with = "clipped")]
    pub addr_auth_type: Text,
    /// How many requests this record stands for; 1 but for summed refusals without a token.
    #[n(20)]
    pub count: u32,
    /// Further facts, such as the version that a rollback copied.
    #[cbor(n(21), encode_with = "clipped_pairs")]
    pub properties: Vec<(String, String)>,
}

/// Who called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Identity {
    /// The principal's object id (`oid`).
    #[n(0)]
    pub object_id: Option<String>,
    /// The user principal name.
    #[n(1)]
    pub upn: Option<String>,
    /// The application's client id.
    #[n(2)]
    pub app_id: Option<String>,
}

impl Record {
    /// A record of one request, not yet successful, everything else empty.
    pub fn new(id: RequestId, time_ms: i64, operation: impl Into<Text>) -> Self {
        Self {
            id,
            time_ms,
            resource_id: String::new(),
            operation: operation.into(),
            api_version: Text::default(),
            success: false,
            signature: Text::default(),
            description: Text::default(),
            duration_ms: 0,
            caller_ip: None,
            correlation_id: String::new(),
            identity: Identity::default(),
            client_info: String::new(),
            request_uri: String::new(),
            object_id: String::new(),
            http_status: 0,
            tls_version: Text::default(),
            rbac_authorized: None,
            applied_assignment_id: None,
            addr_auth_type: Text::Borrowed("PublicIP"),
            count: 1,
            properties: Vec::new(),
        }
    }

    /// The URL of what the request was about: the request's own without its query, mostly, which
    /// is then not kept twice.
    pub fn object_url(&self) -> &str {
        if self.object_id.is_empty() {
            self.request_uri.split('?').next().unwrap_or_default()
        } else {
            &self.object_id
        }
    }

    /// Appends the record's CBOR to `out`.
    pub(crate) fn write_to(&self, out: &mut Vec<u8>) -> Result<(), AuditError> {
        minicbor::encode(self, out).map_err(|error| AuditError::Coding(error.to_string()))
    }

    /// The record in `bytes`; fields newer than this release are passed over.
    pub(crate) fn read_from(bytes: &[u8]) -> Result<Self, AuditError> {
        minicbor::decode(bytes).map_err(|error| AuditError::Coding(error.to_string()))
    }
}

/// Writes at most [`MAX_TEXT`] bytes of `text`, whole characters.
fn clipped<C, W: Write, T: AsRef<str>>(
    text: &T,
    e: &mut Encoder<W>,
    _: &mut C,
) -> Result<(), minicbor::encode::Error<W::Error>> {
    e.str(clip(text.as_ref()))?.ok()
}

fn clipped_pairs<C, W: Write>(
    pairs: &[(String, String)],
    e: &mut Encoder<W>,
    _: &mut C,
) -> Result<(), minicbor::encode::Error<W::Error>> {
    let kept = pairs.get(..MAX_PROPERTIES).unwrap_or(pairs);
    e.array(kept.len() as u64)?;
    for (name, value) in kept {
        e.array(2)?.str(clip(name))?.str(clip(value))?;
    }
    Ok(())
}

fn clip(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::record;

    fn coded(record: &Record) -> Vec<u8> {
        let mut bytes = Vec::new();
        record.write_to(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let mut full = record(7);
        full.properties = vec![("sourceVersion".into(), "0123".into())];
        full.identity.upn = Some("ada@example.com".into());
        assert_eq!(Record::read_from(&coded(&full)).unwrap(), full);
    }

    #[test]
    fn texts_that_clients_choose_are_clipped_at_a_character() {
        let mut long = record(1);
        long.client_info = "€".repeat(5000);
        long.properties = vec![(String::new(), "x".repeat(2000)); 40];
        let found = Record::read_from(&coded(&long)).unwrap();
        assert_eq!(found.client_info, "€".repeat(341), "1024 / 3 bytes");
        assert_eq!(found.properties.len(), 16);
        assert_eq!(found.properties[0].1.len(), 1024);
    }

    #[test]
    fn a_newer_releases_further_field_is_passed_over() {
        let mut bytes = coded(&record(1));
        assert_eq!(bytes[0..1], [0x96], "an array of 22");
        bytes[0] = 0x97;
        bytes.extend(*b"\x63new");
        assert_eq!(Record::read_from(&bytes).unwrap(), record(1));
    }
}
