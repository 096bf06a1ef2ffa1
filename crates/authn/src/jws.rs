//! A token's compact serialisation (RFC 7515, section 7.1), parsed and not yet verified.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_crypto::jws::{SignatureAlgorithm, VerifyingKey};

use crate::TokenFault;
use crate::claims::Claims;

/// The longest token that is looked at, in bytes.
pub(crate) const MOST_BYTES: usize = 16 * 1024;

/// A token in its parts. Nothing in it may be believed before [`Jws::verify`].
pub(crate) struct Jws<'a> {
    /// Whether the header says that it is an access token (RFC 9068).
    pub(crate) is_access_token: bool,
    /// The first segment, as it was sent.
    pub(crate) encoded_header: &'a str,
    pub(crate) algorithm: SignatureAlgorithm,
    pub(crate) kid: String,
    pub(crate) claims: Claims,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Takes exactly three segments of base64url without padding, an asymmetric `alg`, a `kid`,
    /// a `typ` of access tokens, and no `crit` (no extension is understood here).
    ///
    /// # Errors
    /// [`TokenFault::Malformed`] for everything else; [`TokenFault::UnknownKey`] without a `kid`.
    pub(crate) fn parse(token: &'a str) -> Result<Self, TokenFault> {
        Self::parse_within(token, MOST_BYTES)
    }

    /// As [`Jws::parse`], for tokens of up to `most_bytes`.
    pub(crate) fn parse_within(token: &'a str, most_bytes: usize) -> Result<Self, TokenFault> {
        if token.len() > most_bytes {
            return Err(TokenFault::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
        let (encoded_header, payload) = signed.split_once('.').ok_or(TokenFault::Malformed)?;
        let header = Claims::parse(&decode(encoded_header)?)?;
        let algorithm = header
            .text("alg")
            .and_then(|name| SignatureAlgorithm::from_name(name).ok())
            .ok_or(TokenFault::Malformed)?;
        if header.has("crit") || header.has("b64") || !has_fitting_type(&header) {
            return Err(TokenFault::Malformed);
        }
        let kid = header.text("kid").ok_or_else(|| TokenFault::unknown_key(encoded_header))?;
        let typ = header.text("typ").unwrap_or_default();
        Ok(Self {
            is_access_token: typ.to_ascii_lowercase().ends_with("at+jwt"),
            encoded_header,
            algorithm,
            kid: kid.to_owned(),
            claims: Claims::parse(&decode(payload)?)?,
            signed,
            signature: decode(signature)?,
        })
    }

    /// Checks the signature. The key, never the token, says which kind of algorithm fits.
    ///
    /// # Errors
    /// [`TokenFault::Signature`] when it does not fit.
    pub(crate) fn verify(&self, key: &VerifyingKey) -> Result<(), TokenFault> {
        key.verify(self.algorithm, self.signed.as_bytes(), &self.signature)
            .map_err(|_| TokenFault::Signature)
    }
}

/// A JWT or an access token (RFC 9068); so a logout token or a proof of possession is neither.
fn has_fitting_type(header: &Claims) -> bool {
    let fits = |typ: &str| {
        ["JWT", "at+jwt", "application/at+jwt"].iter().any(|fit| fit.eq_ignore_ascii_case(typ))
    };
    !header.has("typ") || header.text("typ").is_some_and(fits)
}

/// Strict: no padding, no white space, no stray bits in the last character.
fn decode(segment: &str) -> Result<Vec<u8>, TokenFault> {
    URL_SAFE_NO_PAD.decode(segment).map_err(|_| TokenFault::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn b64(bytes: impl AsRef<[u8]>) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn parse_with_header(header: &str) -> Result<(), TokenFault> {
        Jws::parse(&format!("{}.{}.{}", b64(header), b64("{}"), b64("x"))).map(|_| ())
    }

    // RFC 7515, appendix A.3: its header has no `kid`, so that we refuse the token itself; the
    // signature is checked through the parts.
    #[test]
    fn rfc_7515_a3() {
        let payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNv\
                       bS9pc19yb290Ijp0cnVlfQ";
        let signed = format!("eyJhbGciOiJFUzI1NiJ9.{payload}");
        let signature = decode(
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqP\
             P3-Kg6NU1Q",
        )
        .unwrap();
        let mut jws = Jws {
            is_access_token: false,
            encoded_header: "eyJhbGciOiJFUzI1NiJ9",
            algorithm: SignatureAlgorithm::Es256,
            kid: String::new(),
            claims: Claims::parse(&decode(payload).unwrap()).unwrap(),
            signed: &signed,
            signature,
        };
        let key = VerifyingKey::ec(
            "P-256",
            &decode("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU").unwrap(),
            &decode("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0").unwrap(),
        )
        .unwrap();
        assert_eq!(jws.claims.text("iss"), Some("joe"));
        jws.verify(&key).unwrap();
        jws.algorithm = SignatureAlgorithm::Rs256;
        assert_eq!(jws.verify(&key), Err(TokenFault::Signature));
        let token = format!("{signed}.x");
        assert!(matches!(Jws::parse(&token), Err(TokenFault::UnknownKey { .. })));
    }

    #[test]
    fn a_sound_header_is_taken() {
        for header in [
            r#"{"alg":"RS256","kid":"k"}"#,
            r#"{"typ":"JWT","alg":"RS256","kid":"k","x5t":"k"}"#,
            r#"{"typ":"at+jwt","alg":"PS256","kid":"k"}"#,
            r#"{"typ":"application/AT+JWT","alg":"ES384","kid":"k"}"#,
        ] {
            assert_eq!(parse_with_header(header), Ok(()), "{header}");
        }
    }

    #[test]
    fn a_forged_header_is_refused() {
        for header in [
            r#"{"alg":"none","kid":"k"}"#,
            r#"{"alg":"None","kid":"k"}"#,
            r#"{"alg":"HS256","kid":"k"}"#,
            r#"{"alg":"rs256","kid":"k"}"#,
            r#"{"alg":["RS256"],"kid":"k"}"#,
            r#"{"kid":"k"}"#,
            r#"{"alg":"RS256","kid":"k","crit":["exp"]}"#,
            r#"{"alg":"RS256","kid":"k","crit":[]}"#,
            r#"{"alg":"RS256","kid":"k","b64":false}"#,
            r#"{"alg":"RS256","kid":"k","typ":"logout+jwt"}"#,
            r#"{"alg":"RS256","kid":"k","typ":7}"#,
            r#"{"alg":"RS256","alg":"none","kid":"k"}"#,
            r#"{"alg":"RS256","kid":"a","kid":"b"}"#,
            "[]",
            "",
        ] {
            assert_eq!(parse_with_header(header), Err(TokenFault::Malformed), "{header}");
        }
        let no_text = parse_with_header(r#"{"alg":"RS256","kid":7}"#);
        assert!(matches!(no_text, Err(TokenFault::UnknownKey { .. })));
    }

    #[test]
    fn the_serialisation_is_strict() {
        let header = b64(r#"{"alg":"RS256","kid":"k"}"#);
        let sound = format!("{header}.{}.AAAA", b64("{}"));
        assert!(Jws::parse(&sound).is_ok());
        for bad in [
            String::new(),
            "a".into(),
            "..".into(),
            header.clone(),
            format!("{header}.{}", b64("{}")),
            format!("{header}..AAAA"),
            format!("{sound}.AAAA"),
            format!("{sound}.AAAA.AAAA"),
            format!("{sound}="),
            format!("{sound} "),
            format!(" {sound}"),
            format!("{sound}\n"),
            format!("{header}.{}.AAB", b64("{}")),
            format!("{header}.{}.AAAA", b64("{} {}")),
            format!("{header}.{}.AAAA", b64([0xff, 0xfe])),
            format!("{header}.{}.AA+/", b64("{}")),
        ] {
            assert!(matches!(Jws::parse(&bad), Err(TokenFault::Malformed)), "{bad}");
        }
        let huge =
            format!("{header}.{}.AAAA", b64(format!("{{\"a\":\"{}\"}}", "x".repeat(20_000))));
        assert!(matches!(Jws::parse(&huge), Err(TokenFault::Malformed)));
    }
}
