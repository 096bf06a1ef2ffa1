//! The members of the certificate operations' bodies, read and checked.

use strongroom_crypto::SecretBytes;
use strongroom_wire::{SecretValue, standard_base64};

use crate::vault::problem::Problem;

/// What every block of PEM begins with.
const ARMOR: &str = "-----BEGIN";

/// A member that has to be there.
pub(super) fn required<T>(name: &str, sent: Option<T>) -> Result<T, Problem> {
    sent.ok_or_else(|| Problem::bad(format!("Property '{name}' is required.\r\n")))
}

/// What is imported: PKCS#12 in base64, PEM as it stands, or PEM in base64, as clients send it.
pub(super) fn imported(sent: SecretValue) -> Result<SecretBytes, Problem> {
    if sent.expose().contains(ARMOR) {
        return Ok(SecretBytes::from(sent.into_string()));
    }
    let mut bytes = standard_base64::decode(sent.expose().as_bytes()).ok_or_else(|| {
        Problem::bad(
            "The specified PKCS#12 X.509 certificate content can not be read. Please check if \
             certificate is in valid PKCS#12 format.",
        )
    })?;
    Ok(SecretBytes::new(std::mem::take(&mut *bytes)))
}

/// The certificates to merge, DER. Each comes as base64 of DER, as base64 of PEM or of base64
/// text (so some clients), or as PEM.
pub(super) fn chain(sent: &[String]) -> Result<Vec<Vec<u8>>, Problem> {
    if sent.is_empty() {
        return Err(Problem::bad("Property 'x5c' is required.\r\n"));
    }
    let not_read = |at: usize| {
        Problem::bad(format!(
            "The certificate at index {at} of x5c cannot be read: base64 of its DER is expected."
        ))
    };
    let read = sent.iter().enumerate();
    read.map(|(at, text)| certificate(text).ok_or_else(|| not_read(at))).collect()
}

fn certificate(text: &str) -> Option<Vec<u8>> {
    let bytes = standard_base64::decode(without_armor(text).as_bytes())?;
    if is_der(&bytes) {
        return Some(bytes.to_vec());
    }
    let inner = without_armor(std::str::from_utf8(&bytes).ok()?);
    let inner = standard_base64::decode(inner.as_bytes())?;
    is_der(&inner).then(|| inner.to_vec())
}

/// A certificate is a SEQUENCE.
fn is_der(bytes: &[u8]) -> bool {
    bytes.first() == Some(&0x30)
}

/// The lines between the first block's ends.
fn without_armor(text: &str) -> String {
    let lines = text.lines().skip_while(|line| text.contains(ARMOR) && !line.contains(ARMOR));
    let lines = lines.skip_while(|line| line.contains(ARMOR));
    lines.take_while(|line| !line.starts_with("-----END")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // SEQUENCE { INTEGER 5 }, which is DER, and no certificate.
    const DER: [u8; 5] = [0x30, 0x03, 0x02, 0x01, 0x05];

    #[test]
    fn chains_come_in_every_coat() {
        for text in [
            "MAMCAQU=",
            "MAMCAQU",
            "MAMC\r\nAQU=\n",
            "-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----\n",
            // base64 of the base64 text, and of the PEM.
            "TUFNQ0FRVT0=",
            "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1BTUNBUVU9Ci0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS0K",
        ] {
            let read = chain(&[text.to_owned()]).ok();
            assert_eq!(read, Some(vec![DER.to_vec()]), "{text}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        for text in ["", "!", "AAAA", "-----BEGIN CERTIFICATE-----", "TUFNQ"] {
            assert!(chain(&["MAMCAQU=".to_owned(), text.to_owned()]).is_err(), "{text}");
        }
        assert!(chain(&[]).is_err());
    }

    #[test]
    fn imports_are_pem_or_base64() {
        let pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        for (text, bytes) in [(pem, pem.as_bytes()), ("MAMCAQU=", &DER), ("MAMC AQU", &DER)] {
            let read = imported(SecretValue::new(text.to_owned())).ok();
            assert_eq!(read.as_ref().map(SecretBytes::expose), Some(bytes));
        }
        assert!(imported(SecretValue::new("no base64!".to_owned())).is_err());
    }
}
