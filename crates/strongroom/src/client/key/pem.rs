//! Private keys in PEM files (RFC 7468), in memory that forgets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use strongroom_crypto::provider::ImportedKey;
use strongroom_crypto::software::private_key_file::{self, Encoding};
use strongroom_crypto::{CryptoError, SecretBytes};
use zeroize::Zeroizing;

use crate::error::CliError;

/// What stands at the begin and the end of a key, and how it is encoded between.
const LABELS: [(&str, Encoding); 3] = [
    ("PRIVATE KEY", Encoding::Pkcs8),
    ("RSA PRIVATE KEY", Encoding::Pkcs1),
    ("EC PRIVATE KEY", Encoding::Sec1),
];

/// What to do about a key that a password protects.
pub(super) const ENCRYPTED: &str = "the private key is encrypted, which this program does not \
    undo: `openssl pkey -in FILE | strongroom key import NAME --pem-file /dev/stdin` asks for the \
    password and writes nothing to the disk";

/// The first private key in a text. What else is there, such as certificates, is passed over.
pub(super) fn read(pem: &[u8]) -> Result<ImportedKey, CliError> {
    let text = std::str::from_utf8(pem).map_err(|_| absent())?;
    let between = |label: &str| {
        let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
        rest.split_once(&format!("-----END {label}-----")).map(|(body, _)| body)
    };
    if between("ENCRYPTED PRIVATE KEY").is_some() {
        return Err(CliError::Usage(ENCRYPTED.into()));
    }
    let found = LABELS.iter().find_map(|(label, how)| Some((between(label)?, *how)));
    let (body, encoding) = found.ok_or_else(absent)?;
    // OpenSSL's older form: headers, an empty line, and what is not DER.
    if body.contains("Proc-Type:") {
        return Err(CliError::Usage(ENCRYPTED.into()));
    }
    private_key_file::read(encoding, &decoded(body)?).map_err(|error| match error {
        CryptoError::Algorithm => CliError::Usage(
            "the private key is of a type that is not imported: RSA, P-256, P-384, P-521 and \
             secp256k1 are"
                .into(),
        ),
        _ => malformed(),
    })
}

fn decoded(body: &str) -> Result<SecretBytes, CliError> {
    let mut letters = Zeroizing::new(String::with_capacity(body.len()));
    letters.extend(body.chars().filter(|c| !c.is_ascii_whitespace()));
    let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(letters.len())]);
    let length = STANDARD.decode_slice(letters.as_bytes(), &mut bytes).map_err(|_| malformed())?;
    bytes.truncate(length);
    Ok(SecretBytes::new(std::mem::take(&mut *bytes)))
}

fn absent() -> CliError {
    CliError::Usage(
        "there is no private key in this PEM: it would begin with -----BEGIN PRIVATE KEY-----, \
         -----BEGIN RSA PRIVATE KEY----- or -----BEGIN EC PRIVATE KEY-----"
            .into(),
    )
}

fn malformed() -> CliError {
    CliError::Usage(
        "the private key in this PEM is malformed, or on an unknown curve: `openssl pkey -in FILE \
         -noout -text` shows what OpenSSL makes of it"
            .into(),
    )
}

#[cfg(test)]
mod tests {
    use strongroom_model::Curve;

    use super::*;

    /// As `openssl ecparam -genkey -name prime256v1` writes it.
    const SEC1: &str = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n\
        -----END EC PARAMETERS-----\n-----BEGIN EC PRIVATE KEY-----\n\
        MHcCAQEEIBG767fv5o2R581VhRRcdcH9v065onxrGjLPl60quni6oAoGCCqGSM49\n\
        AwEHoUQDQgAEf13KrumLE9eKKJM4ML6rm9zqr+lFPkTh7xudRoZXAKvFxi7AdJrX\n\
        PTmKVwiD4pzh/t2rBSMABrxHFnmpTET8Gw==\n-----END EC PRIVATE KEY-----\n";

    /// The same, as `openssl pkey` writes it.
    const PKCS8: &str = "-----BEGIN PRIVATE KEY-----\r\n\
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgEbvrt+/mjZHnzVWF\r\n\
        FFx1wf2/TrmifGsaMs+XrSq6eLqhRANCAAR/Xcqu6YsT14ookzgwvqub3Oqv6UU+\r\n\
        ROHvG51GhlcAq8XGLsB0mtc9OYpXCIPinOH+3asFIwAGvEcWealMRPwb\r\n\
        -----END PRIVATE KEY-----\r\n";

    #[test]
    fn a_key_is_found_among_other_things() {
        for pem in [SEC1, PKCS8, &format!("a comment\n{PKCS8}{SEC1}")] {
            let Ok(ImportedKey::Ec { curve, x, y, d }) = read(pem.as_bytes()) else {
                panic!("{pem}")
            };
            assert_eq!(curve, Curve::P256);
            // As `openssl ec -text` shows them.
            for (part, begin) in
                [(&x[..], "7f5dcaaee9"), (&y, "c5c62ec074"), (d.expose(), "11bbebb7")]
            {
                assert_eq!(part.len(), 32);
                assert!(hex::encode(part).starts_with(begin));
            }
        }
    }

    #[test]
    fn what_is_no_key_is_refused_with_advice() {
        for (pem, advice) in [
            ("", "-----BEGIN PRIVATE KEY-----"),
            ("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n", "no private key"),
            ("-----BEGIN PRIVATE KEY-----\nAA==\n", "no private key"),
            ("-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n", "malformed"),
            ("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n", "malformed"),
            (
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----",
                "openssl pkey",
            ),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAA==\n\
                 -----END RSA PRIVATE KEY-----",
                "openssl pkey",
            ),
        ] {
            let Err(CliError::Usage(text)) = read(pem.as_bytes()) else { panic!("{pem}") };
            assert!(text.contains(advice), "{text}");
        }
        assert!(read(&[0xff]).is_err());
    }
}
