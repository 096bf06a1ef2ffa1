//! From a path to what is asked.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;
use strongroom_model::{ObjectName, Version};
use strongroom_ops::MAX_OCSP_BYTES;

/// Base64 with its padding or without: clients differ.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Something public of an authority.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// The name of the authority's certificate, or of an issuer.
    pub(super) name: ObjectName,
    /// The version of the certificate; `None` is the current one.
    pub(super) version: Option<Version>,
    pub(super) what: What,
}

/// What of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The revocation list.
    List,
    /// The certificate.
    Certificate,
    /// An OCSP response; the request is in the path or else in the body.
    Ocsp(Option<String>),
}

/// `/pki/<authority>[/<version>]/crl`, `…/ca`, `…/ocsp` and `…/ocsp/<request>`.
pub(super) fn of_host(path: &str) -> Option<Asked> {
    asked(path.strip_prefix("/pki/")?)
}

/// `/<vault>/<authority>…`, as above; the vault's name in lower case.
pub(super) fn of_plain(path: &str) -> Option<(String, Asked)> {
    let (vault, rest) = path.strip_prefix('/')?.split_once('/')?;
    Some((vault.to_ascii_lowercase(), asked(rest)?))
}

fn asked(path: &str) -> Option<Asked> {
    let (name, rest) = path.split_once('/')?;
    let name = ObjectName::parse(name).ok()?;
    let versioned = rest
        .split_once('/')
        .and_then(|(version, rest)| Some((Version::parse(version).ok()?, rest)));
    let (version, rest) = match versioned {
        Some((version, rest)) => (Some(version), rest),
        None => (None, rest),
    };
    let what = match rest.split_once('/') {
        None => match rest {
            "crl" => What::List,
            "ca" => What::Certificate,
            "ocsp" => What::Ocsp(None),
            _ => return None,
        },
        Some(("ocsp", "")) => What::Ocsp(None),
        // A slash of base64 that the client did not escape is part of it.
        Some(("ocsp", request)) => What::Ocsp(Some(request.to_owned())),
        Some(_) => return None,
    };
    Some(Asked { name, version, what })
}

/// An OCSP request out of a path (RFC 6960, A.1); `None` if it is none.
pub(super) fn ocsp_request(encoded: &str) -> Option<Vec<u8>> {
    if encoded.len() > 2 * MAX_OCSP_BYTES {
        return None;
    }
    let decoded: Vec<u8> = percent_decode_str(encoded).collect();
    BASE64.decode(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_an_authority_and_what_is_asked_of_it() {
        let name = || ObjectName::parse("Root").unwrap();
        let version = Version::parse("0123456789abcdef0123456789abcdef").unwrap();
        for (path, version, what) in [
            ("/pki/Root/crl", None, What::List),
            ("/pki/Root/ca", None, What::Certificate),
            ("/pki/Root/ocsp", None, What::Ocsp(None)),
            ("/pki/Root/ocsp/", None, What::Ocsp(None)),
            ("/pki/Root/ocsp/MA%3D%3D", None, What::Ocsp(Some("MA%3D%3D".into()))),
            ("/pki/Root/ocsp/a/b/", None, What::Ocsp(Some("a/b/".into()))),
            ("/pki/Root/0123456789abcdef0123456789abcdef/crl", Some(version), What::List),
        ] {
            assert_eq!(of_host(path), Some(Asked { name: name(), version, what }), "{path}");
        }
        assert_eq!(of_plain("/Dev/Root/crl").unwrap().0, "dev");
    }

    #[test]
    fn other_paths_ask_for_nothing() {
        for path in [
            "/pki/",
            "/pki/Root",
            "/pki/Root/",
            "/pki/Root/crl/",
            "/pki/Root/key",
            "/pki/a_b/crl",
            "/pki//crl",
            "/pki/Root/12/crl",
            "/pki/../secrets/x/crl",
        ] {
            assert_eq!(of_host(path), None, "{path}");
        }
    }

    #[test]
    fn ocsp_requests_come_in_base64_escaped_or_not() {
        let der = [0x30, 0x03, 0xfb, 0xff, 0xbf];
        for encoded in ["MAP7/78=", "MAP7/78", "MAP7%2F78%3D", "MAP7%2f78%3d"] {
            assert_eq!(ocsp_request(encoded).unwrap(), der, "{encoded}");
        }
        assert_eq!(ocsp_request("MAP7_78"), None);
        assert_eq!(ocsp_request(&"A".repeat(2 * MAX_OCSP_BYTES + 1)), None);
    }
}
