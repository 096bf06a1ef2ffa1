//! What an ACME client wants of X.509: the certificate that answers a challenge, and how a
//! certificate is named when its renewal is asked for.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use const_oid::ObjectIdentifier;
use der::Encode as _;
use der::asn1::{Ia5String, OctetString};
use strongroom_crypto::{SecretBytes, software};
use strongroom_model::{Curve, KeySpec, Timestamp};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, SubjectAltName};
use x509_cert::ext::{Extension, ToExtension as _};

use crate::certificate::Certificate;
use crate::issue::Draft;
use crate::public_key::to_spki;
use crate::{PkiError, Validity, alternative_names, name, serial_number};

/// `id-pe-acmeIdentifier` (RFC 8737, section 3).
const ACME_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.31");

/// The years 2000 to 2099: nobody asks.
const FROM: Timestamp = Timestamp(946_684_800);
const UNTIL: Timestamp = Timestamp(4_102_444_799);

/// The certificate (DER) and its key (PKCS#8, DER) that answer a TLS-ALPN-01 challenge for a
/// domain name or an address (RFC 8737 and 8738). `digest` is the SHA-256 of the key
/// authorization.
///
/// # Errors
/// [`PkiError::Name`] for what is neither a domain name nor an address.
pub fn challenge_certificate(
    name: &str,
    digest: &[u8],
) -> Result<(Vec<u8>, SecretBytes), PkiError> {
    let san = match name.parse() {
        Ok(IpAddr::V4(v4)) => GeneralName::IpAddress(OctetString::new(v4.octets())?),
        Ok(IpAddr::V6(v6)) => GeneralName::IpAddress(OctetString::new(v6.octets())?),
        Err(_) if alternative_names::is_domain(name) => GeneralName::DnsName(Ia5String::new(name)?),
        Err(_) => return Err(PkiError::Name(name.chars().take(253).collect())),
    };
    let subject = name::parse("CN=ACME challenge")?;
    let identifier = Extension {
        extn_id: ACME_IDENTIFIER,
        critical: true,
        extn_value: OctetString::new(OctetString::new(digest)?.to_der()?)?,
    };
    let extensions = vec![SubjectAltName(vec![san]).to_extension(&subject, &[])?, identifier];
    let keys = software::provider().keys;
    let material = keys.generate(KeySpec::Ec(Curve::P256))?;
    let key = keys.open(&material.public, &material.private)?;
    let validity = Validity { not_before: FROM, not_after: UNTIL };
    let public = to_spki(&material.public)?;
    let draft = Draft { issuer: subject.clone(), subject, public, extensions };
    Ok((draft.sign(&serial_number()?, validity, &*key)?, material.private))
}

/// How a certificate (DER) is named when its renewal is asked for (RFC 9773, 4.1): its
/// authority's key identifier and its serial number, in base64url. `None` if it names no authority.
pub fn renewal_identifier(certificate: &[u8]) -> Option<String> {
    let certificate = Certificate::parse(certificate).ok()?;
    let authority = certificate.extension::<AuthorityKeyIdentifier>().ok()??;
    let authority = URL_SAFE_NO_PAD.encode(authority.key_identifier?.as_bytes());
    let serial = URL_SAFE_NO_PAD.encode(certificate.content.serial.as_bytes());
    Some(format!("{authority}.{serial}"))
}

/// The domain name that a subject's common name is, if it is one. ACME authorities certify no
/// subject: a name that stands only there has to stand among the alternative names too.
pub fn named_domain(subject: &str) -> Option<String> {
    let common = name::common_name(&name::parse(subject).ok()?)?;
    let domain = common.strip_prefix("*.").unwrap_or(&common);
    let is_address = common.parse::<IpAddr>().is_ok();
    (alternative_names::is_domain(domain) && domain.contains('.') && !is_address).then_some(common)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::process::Command;

    fn openssl(dir: &Path, arguments: &[&str]) -> String {
        let output = Command::new("openssl").args(arguments).current_dir(dir).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// RFC 8737, section 3: one name, and the digest in a critical extension.
    #[test]
    fn openssl_reads_the_answer_to_a_challenge() {
        let dir = tempfile::tempdir().unwrap();
        for (name, shown) in [
            ("www.example.com", "DNS:www.example.com"),
            ("192.0.2.1", "IP Address:192.0.2.1"),
            ("2001:db8::1", "IP Address:2001:DB8:0:0:0:0:0:1"),
        ] {
            let digest: Vec<u8> = (0..32).collect();
            let (certificate, key) = challenge_certificate(name, &digest).unwrap();
            std::fs::write(dir.path().join("c"), &certificate).unwrap();
            std::fs::write(dir.path().join("k"), key.expose()).unwrap();
            let text = openssl(dir.path(), &["x509", "-inform", "DER", "-in", "c", "-text"]);
            assert!(text.contains("1.3.6.1.5.5.7.1.31: critical"), "{text}");
            let names = text.split("Subject Alternative Name:").nth(1).unwrap().lines().nth(1);
            assert_eq!(names.unwrap().trim(), shown);
            // The value: an OCTET STRING of 32 bytes.
            let parsed = openssl(dir.path(), &["asn1parse", "-inform", "DER", "-in", "c"]);
            let hex: String = digest.iter().map(|byte| format!("{byte:02X}")).collect();
            assert!(parsed.contains(&format!("0420{hex}")), "{parsed}");
            let public = ["pkey", "-inform", "DER", "-in", "k", "-pubout"];
            let of_certificate = ["x509", "-inform", "DER", "-in", "c", "-noout", "-pubkey"];
            assert_eq!(openssl(dir.path(), &public), openssl(dir.path(), &of_certificate));
        }
        assert!(challenge_certificate("a b", &[0; 32]).is_err());
    }

    /// The example of RFC 9773, 4.1, in a certificate that openssl makes.
    #[test]
    fn certificates_are_named_for_their_renewal() {
        let dir = tempfile::tempdir().unwrap();
        let made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k -out c \
                    -outform DER -subj /CN=a -set_serial 0x87654321 -addext \
                    2.5.29.35=DER:3016801469885B6B87464041E1B37B847BA0AE2CDE01C8D4";
        openssl(dir.path(), &made.split_whitespace().collect::<Vec<_>>());
        let certificate = std::fs::read(dir.path().join("c")).unwrap();
        let identifier = renewal_identifier(&certificate);
        assert_eq!(identifier.as_deref(), Some("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"));
        assert_eq!(renewal_identifier(b"no certificate"), None);
    }

    #[test]
    fn common_names_that_are_domains_are_found() {
        let named = |subject| named_domain(subject);
        assert_eq!(named("CN=www.example.com").as_deref(), Some("www.example.com"));
        assert_eq!(named("CN=*.example.com, O=A").as_deref(), Some("*.example.com"));
        for subject in ["CN=Example Corp", "O=A", "", "CN=127.0.0.1", "CN=localhost", "nonsense"] {
            assert_eq!(named(subject), None, "{subject}");
        }
    }
}
