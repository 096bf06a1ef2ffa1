//! From a path to what it stands for: `/acme/{issuer}/…`.

use http::Method;
use strongroom_model::ObjectName;
use strongroom_ops::{AcmeChallenge, AcmeErrorKind as Kind, AcmeId, AcmeRefusal};

/// The longest path that is looked at, in bytes.
const MAX_PATH: usize = 512;

/// What a path stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resource {
    Directory,
    NewNonce,
    NewAccount,
    Account(AcmeId),
    Orders(AcmeId),
    KeyChange,
    NewOrder,
    Order(AcmeId),
    Finalize(AcmeId),
    Authorization(AcmeId, usize),
    Challenge(AcmeId, usize, AcmeChallenge),
    Certificate(AcmeId),
    RevokeCert,
    /// The identifier of a certificate (RFC 9773, section 4.1).
    RenewalInfo(String),
}

/// Whether a path belongs to the ACME server.
pub(crate) fn is_acme(path: &str) -> bool {
    path.starts_with("/acme/")
}

/// Reads a path.
///
/// # Errors
/// `malformed` (404) when nothing is there, `malformed` (405) for another method.
pub(crate) fn parse(method: &Method, path: &str) -> Result<(ObjectName, Resource), AcmeRefusal> {
    let nothing = || AcmeRefusal::new(Kind::NotFound, "No ACME resource is at this path.");
    let rest = path.strip_prefix("/acme/").filter(|_| path.len() <= MAX_PATH);
    let (issuer, rest) = rest.and_then(|rest| rest.split_once('/')).ok_or_else(nothing)?;
    let issuer = ObjectName::parse(issuer).map_err(|_| nothing())?;
    let words: Vec<&str> = rest.split('/').take(5).collect();
    let resource = resource(&words).ok_or_else(nothing)?;
    if resource.takes(method) {
        return Ok((issuer, resource));
    }
    let text = format!("This ACME resource does not take {method}.");
    Err(AcmeRefusal::new(Kind::MethodNotAllowed, text))
}

fn resource(words: &[&str]) -> Option<Resource> {
    let id = |word: &str| word.parse::<AcmeId>().ok();
    let place = |word: &str| {
        let is_plain = word.len() <= 3 && word.bytes().all(|b| b.is_ascii_digit());
        word.parse::<usize>().ok().filter(|_| is_plain)
    };
    Some(match *words {
        ["directory"] => Resource::Directory,
        ["new-nonce"] => Resource::NewNonce,
        ["new-account"] => Resource::NewAccount,
        ["account", account] => Resource::Account(id(account)?),
        ["account", account, "orders"] => Resource::Orders(id(account)?),
        ["key-change"] => Resource::KeyChange,
        ["new-order"] => Resource::NewOrder,
        ["order", order] => Resource::Order(id(order)?),
        ["order", order, "finalize"] => Resource::Finalize(id(order)?),
        ["authz", order, at] => Resource::Authorization(id(order)?, place(at)?),
        ["challenge", order, at, kind] => {
            Resource::Challenge(id(order)?, place(at)?, AcmeChallenge::parse(kind)?)
        }
        ["certificate", order] => Resource::Certificate(id(order)?),
        ["revoke-cert"] => Resource::RevokeCert,
        ["renewal-info", certificate] => Resource::RenewalInfo(certificate.to_owned()),
        _ => return None,
    })
}

impl Resource {
    fn takes(&self, method: &Method) -> bool {
        match self {
            Self::Directory | Self::NewNonce | Self::RenewalInfo(_) => {
                method == Method::GET || method == Method::HEAD
            }
            _ => method == Method::POST,
        }
    }

    /// The operation, as the audit calls it.
    pub(crate) fn audit_name(&self) -> &'static str {
        match self {
            Self::Directory => "CertificateAcmeDirectoryGet",
            Self::NewNonce => "CertificateAcmeNonceGet",
            Self::NewAccount => "CertificateAcmeAccountCreate",
            Self::Account(_) => "CertificateAcmeAccountUpdate",
            Self::Orders(_) => "CertificateAcmeOrderList",
            Self::KeyChange => "CertificateAcmeAccountKeyChange",
            Self::NewOrder => "CertificateAcmeOrderCreate",
            Self::Order(_) => "CertificateAcmeOrderGet",
            Self::Finalize(_) => "CertificateAcmeOrderFinalize",
            Self::Authorization(..) => "CertificateAcmeAuthorizationGet",
            Self::Challenge(..) => "CertificateAcmeChallengeAnswer",
            Self::Certificate(_) => "CertificateAcmeCertificateGet",
            Self::RevokeCert => "CertificateAcmeRevoke",
            Self::RenewalInfo(_) => "CertificateAcmeRenewalInfoGet",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_and_methods_held_against_them() {
        let id = "0123456789abcdef0123456789abcdef";
        let order: AcmeId = id.parse().unwrap();
        let read = |method: Method, path: &str| parse(&method, path).map(|(_, resource)| resource);
        assert_eq!(read(Method::GET, "/acme/ca/directory"), Ok(Resource::Directory));
        assert_eq!(read(Method::HEAD, "/acme/ca/new-nonce"), Ok(Resource::NewNonce));
        assert_eq!(
            read(Method::POST, &format!("/acme/ca/challenge/{id}/99/dns-01")),
            Ok(Resource::Challenge(order, 99, AcmeChallenge::Dns01))
        );
        for (method, path) in [
            (Method::GET, "/acme/ca/new-order".to_owned()),
            (Method::GET, format!("/acme/ca/order/{id}")),
            (Method::PUT, "/acme/ca/new-order".into()),
            (Method::POST, "/acme/ca/directory".into()),
        ] {
            assert_eq!(read(method, &path).unwrap_err().kind, Kind::MethodNotAllowed, "{path}");
        }
        for path in [
            "/acme/",
            "/acme/ca",
            "/acme/ca/",
            "/acme//directory",
            "/acme/c_a/directory",
            "/acme/ca/directory/",
            "/acme/ca/order/../directory",
            "/acme/ca/order/1",
            "/acme/ca/authz/0123456789abcdef0123456789abcdef/+1",
            "/acme/ca/authz/0123456789abcdef0123456789abcdef/1000",
            "/acme/ca/challenge/0123456789abcdef0123456789abcdef/0/tls-sni-01",
            "/acme/ca/certificate/0123456789ABCDEF0123456789ABCDEF",
        ] {
            assert_eq!(read(Method::POST, path).unwrap_err().kind, Kind::NotFound, "{path}");
        }
    }
}
