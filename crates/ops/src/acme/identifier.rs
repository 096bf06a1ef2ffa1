//! What a certificate is asked for: DNS names, and addresses (RFC 8738).

use std::net::IpAddr;

use minicbor::{Decode, Encode};

use super::{AcmeErrorKind, AcmeRefusal};

/// The longest DNS name, in characters.
const MAX_NAME: usize = 253;

/// The longest label of a DNS name, in characters.
const MAX_LABEL: usize = 63;

/// An identifier, in its canonical spelling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum Identifier {
    /// A DNS name in lower case; of a wildcard, with its `*.`.
    #[n(0)]
    Dns(#[n(0)] String),
    /// An address.
    #[n(1)]
    Ip(#[n(0)] String),
}

impl Identifier {
    /// Takes an identifier as an order names it.
    ///
    /// # Errors
    /// `unsupportedIdentifier` for a type other than `dns` and `ip`, `rejectedIdentifier` for a
    /// name that is no host name (RFC 1123; A-labels, no final dot) or an address that is spelt
    /// otherwise than canonically.
    pub fn parse(kind: &str, value: &str) -> Result<Self, AcmeRefusal> {
        match kind {
            "dns" => dns(value),
            "ip" => ip(value),
            _ => Err(AcmeRefusal::new(
                AcmeErrorKind::UnsupportedIdentifier,
                format!("Identifiers are of type dns or ip, not {}.", shown(kind)),
            )),
        }
    }

    /// Its type on the wire.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Dns(_) => "dns",
            Self::Ip(_) => "ip",
        }
    }

    /// As an order names it.
    pub fn value(&self) -> &str {
        match self {
            Self::Dns(value) | Self::Ip(value) => value,
        }
    }

    /// Whether it stands for every name one label below.
    pub fn is_wildcard(&self) -> bool {
        matches!(self, Self::Dns(name) if name.starts_with("*."))
    }

    /// The identifier whose control is shown: of a wildcard, the name below which it stands.
    #[must_use]
    pub fn base(&self) -> Self {
        match self {
            Self::Dns(name) => Self::Dns(name.strip_prefix("*.").unwrap_or(name).to_owned()),
            Self::Ip(_) => self.clone(),
        }
    }
}

fn dns(value: &str) -> Result<Identifier, AcmeRefusal> {
    let name = value.to_ascii_lowercase();
    let base = name.strip_prefix("*.").unwrap_or(&name);
    let is_address = base.parse::<IpAddr>().is_ok();
    // A last label of digits alone is an address to some (RFC 1123, section 2.1).
    let numeric = base.rsplit('.').next().is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()));
    if base.len() > MAX_NAME || is_address || numeric || !base.split('.').all(is_label) {
        return Err(rejected(format!("{} is not a host name.", shown(value))));
    }
    Ok(Identifier::Dns(name))
}

fn is_label(label: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = label.as_bytes();
    bytes.len() <= MAX_LABEL
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

fn ip(value: &str) -> Result<Identifier, AcmeRefusal> {
    match value.parse::<IpAddr>() {
        Ok(address) if address.to_string() == value => Ok(Identifier::Ip(value.to_owned())),
        _ => Err(rejected(format!("{} is not an address in canonical form.", shown(value)))),
    }
}

fn rejected(detail: String) -> AcmeRefusal {
    AcmeRefusal::new(AcmeErrorKind::RejectedIdentifier, detail)
}

/// At most 100 characters of what a client sent, without control characters.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_and_addresses_are_taken() {
        for (kind, sent, value) in [
            ("dns", "Example.COM", "example.com"),
            ("dns", "*.example.com", "*.example.com"),
            ("dns", "localhost", "localhost"),
            ("dns", "xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("ip", "192.0.2.1", "192.0.2.1"),
            ("ip", "2001:db8::1", "2001:db8::1"),
        ] {
            let identifier = Identifier::parse(kind, sent).unwrap();
            assert_eq!((identifier.kind(), identifier.value()), (kind, value));
        }
    }

    #[test]
    fn everything_else_is_rejected() {
        for sent in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "-a.b",
            "a-.b",
            "a_b.c",
            "a b",
            "*",
            "*.",
            "*.*.a",
            "a.*.b",
            "*a.b",
            "192.0.2.1",
            "1.2.3.4.5",
            "example.123",
            "::1",
            "bücher.example",
            "a\0b",
            "a/b",
            "a:80",
            "user@a",
        ] {
            let refusal = Identifier::parse("dns", sent).unwrap_err();
            assert_eq!(refusal.kind, AcmeErrorKind::RejectedIdentifier, "{sent}");
        }
        for sent in ["", "a", "192.0.2.01", "2001:DB8::1", "2001:db8:0::1", "192.0.2.0/24", "[::1]"]
        {
            let refusal = Identifier::parse("ip", sent).unwrap_err();
            assert_eq!(refusal.kind, AcmeErrorKind::RejectedIdentifier, "{sent}");
        }
        let refusal = Identifier::parse("email", "a@b").unwrap_err();
        assert_eq!(refusal.kind, AcmeErrorKind::UnsupportedIdentifier);
        assert!(Identifier::parse("dns", &"a".repeat(64)).is_err());
        assert!(Identifier::parse("dns", &["a"; 128].join(".")).is_err());
    }
}
