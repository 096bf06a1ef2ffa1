//! An issuer's signing keys, fetched when a token needs them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::Value;
use strongroom_crypto::jws::{SignatureAlgorithm, VerifyingKey};
use strongroom_directory::TrustedIssuer;
use strongroom_model::PublicKey;
use strongroom_model::release::Authority;
use strongroom_outgoing::{OutgoingError, OutgoingRules};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::claims::Claims;

/// Keys younger than this are not fetched again for a `kid` that they contain.
const FRESH: Duration = Duration::from_secs(300);

/// How long keys count when no newer ones can be fetched.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

/// The least time between two attempts, whatever tokens ask for.
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(30);

/// How long one request may take, resolving and connecting included.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The most keys that one issuer may show.
const MOST_KEYS: usize = 64;

/// Why an issuer's keys were not had. The texts go to the log only.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Outgoing(#[from] OutgoingError),
    #[error("the document is not the expected JSON, or holds no usable key")]
    Document,
    #[error("the discovery document names another issuer")]
    OtherIssuer,
}

/// Where an issuer's keys are.
pub(crate) struct KeySource {
    /// Its `iss`, below which its discovery document lies.
    pub(crate) issuer: String,
    /// Where its keys are, if not found through its discovery document.
    pub(crate) jwks_uri: Option<String>,
    /// A PEM bundle that its server's certificate must chain to; the system's roots if absent.
    pub(crate) ca_pem: Option<String>,
    /// How its discovery document must name it.
    pub(crate) named: Named,
}

/// How a discovery document must name its issuer.
#[derive(Clone, Copy)]
pub(crate) enum Named {
    /// To the letter (OpenID Connect Discovery 1.0, section 4.3).
    ToTheLetter,
    /// With or without a slash at its end, or not at all: attestation services differ, and each
    /// has a server of its own.
    IfAtAll,
}

impl KeySource {
    pub(crate) fn of(trusted: &TrustedIssuer) -> Self {
        Self {
            issuer: trusted.issuer.clone(),
            jwks_uri: trusted.jwks_uri.clone(),
            ca_pem: trusted.ca_pem.clone(),
            named: Named::ToTheLetter,
        }
    }

    fn is_named(&self, issuer: Option<&str>) -> bool {
        match (self.named, issuer) {
            (Named::ToTheLetter, issuer) => issuer == Some(&self.issuer),
            (Named::IfAtAll, None) => true,
            (Named::IfAtAll, Some(issuer)) => {
                Authority::parse(issuer).is_ok_and(|found| found.as_str() == self.issuer)
            }
        }
    }
}

/// One issuer's keys. Fetches are single flight: whoever comes meanwhile waits for the same one,
/// or goes on with the older keys if they contain the token's.
pub(crate) struct IssuerKeys {
    source: KeySource,
    outgoing: Arc<OutgoingRules>,
    keys: ArcSwapOption<KeySet>,
    last_attempt: Mutex<Option<Instant>>,
}

struct KeySet {
    keys: HashMap<String, IssuerKey>,
    fetched: Instant,
}

struct IssuerKey {
    key: Arc<VerifyingKey>,
    /// The one algorithm it is for, if the issuer says so.
    algorithm: Option<String>,
}

impl KeySet {
    fn is_fresh(&self) -> bool {
        self.fetched.elapsed() < FRESH
    }
}

impl IssuerKeys {
    pub(crate) fn new(source: KeySource, outgoing: Arc<OutgoingRules>) -> Self {
        Self { source, outgoing, keys: ArcSwapOption::empty(), last_attempt: Mutex::new(None) }
    }

    /// As if `jwks` had just been fetched.
    #[cfg(any(fuzzing, test))]
    pub(crate) fn of_document(source: KeySource, jwks: &[u8]) -> Option<Self> {
        let set = KeySet { keys: parse_keys(jwks).ok()?, fetched: Instant::now() };
        Some(Self {
            source,
            outgoing: Arc::new(OutgoingRules::new(Vec::new())),
            keys: ArcSwapOption::from_pointee(set),
            last_attempt: Mutex::new(Some(Instant::now())),
        })
    }

    /// The key of a `kid`, if it may be used with the algorithm.
    pub(crate) async fn find(
        &self,
        kid: &str,
        algorithm: SignatureAlgorithm,
    ) -> Option<Arc<VerifyingKey>> {
        let known = self.keys.load_full().filter(|set| set.keys.contains_key(kid));
        if !known.as_ref().is_some_and(|set| set.is_fresh()) {
            self.refresh(kid, known.is_some()).await;
        }
        // Whoever keeps a new set from us must not keep a key that was taken back alive for ever.
        let set = self.keys.load_full().filter(|set| set.fetched.elapsed() < LONGEST)?;
        let found = set.keys.get(kid)?;
        let fits = found.algorithm.as_deref().is_none_or(|name| name == algorithm.name());
        fits.then(|| Arc::clone(&found.key))
    }

    /// Fetches the keys unless that was just tried; on failure the older ones stay.
    async fn refresh(&self, kid: &str, has_older: bool) {
        let mut last_attempt = if has_older {
            let Ok(guard) = self.last_attempt.try_lock() else { return };
            guard
        } else {
            self.last_attempt.lock().await
        };
        let came_meanwhile = |set: &KeySet| set.is_fresh() && set.keys.contains_key(kid);
        let tried = last_attempt.is_some_and(|at| at.elapsed() < BETWEEN_ATTEMPTS);
        if tried || self.keys.load().as_deref().is_some_and(came_meanwhile) {
            return;
        }
        *last_attempt = Some(Instant::now());
        match fetch(&self.source, &self.outgoing).await {
            Ok(keys) => {
                self.keys.store(Some(Arc::new(KeySet { keys, fetched: Instant::now() })));
            }
            Err(error) => {
                let issuer = &self.source.issuer;
                tracing::warn!(issuer, %error, "an issuer's keys were not fetched");
            }
        }
    }
}

async fn fetch(
    source: &KeySource,
    outgoing: &OutgoingRules,
) -> Result<HashMap<String, IssuerKey>, FetchError> {
    let ca_pem = source.ca_pem.as_deref();
    let jwks_uri = match &source.jwks_uri {
        Some(uri) => uri.clone(),
        None => discover(source, outgoing).await?,
    };
    parse_keys(&outgoing.fetch(&jwks_uri, ca_pem, TIMEOUT).await?)
}

/// The discovery document's `jwks_uri` (OpenID Connect Discovery 1.0, section 4). Its `issuer`
/// must be the configured one, or another tenant of the same server could answer.
async fn discover(source: &KeySource, outgoing: &OutgoingRules) -> Result<String, FetchError> {
    let base = source.issuer.trim_end_matches('/');
    let url = format!("{base}/.well-known/openid-configuration");
    let document = outgoing.fetch(&url, source.ca_pem.as_deref(), TIMEOUT).await?;
    let document = Claims::parse(&document).map_err(|_| FetchError::Document)?;
    if !source.is_named(document.text("issuer")) {
        return Err(FetchError::OtherIssuer);
    }
    document.text("jwks_uri").map(str::to_owned).ok_or(FetchError::Document)
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Value>,
}

/// The keys that verify signatures (RFC 7517); others in the set are passed over.
fn parse_keys(json: &[u8]) -> Result<HashMap<String, IssuerKey>, FetchError> {
    let jwks: Jwks = serde_json::from_slice(json).map_err(|_| FetchError::Document)?;
    let mut keys = HashMap::new();
    for jwk in jwks.keys.into_iter().take(MOST_KEYS) {
        if let Some((kid, key)) = parse_key(&jwk) {
            keys.entry(kid).or_insert(key);
        }
    }
    if keys.is_empty() { Err(FetchError::Document) } else { Ok(keys) }
}

fn parse_key(jwk: &Value) -> Option<(String, IssuerKey)> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let number = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
    if text("use").is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let key = match text("kty")? {
        "RSA" | "EC" if text("n").or(text("x")).is_none() => certified_key(jwk)?,
        "RSA" => VerifyingKey::rsa(&number("n")?, &number("e")?).ok()?,
        "EC" => VerifyingKey::ec(text("crv")?, &number("x")?, &number("y")?).ok()?,
        _ => return None,
    };
    let key = Arc::new(key);
    Some((text("kid")?.to_owned(), IssuerKey { key, algorithm: text("alg").map(str::to_owned) }))
}

/// The key in the first certificate of a JWK's `x5c` (RFC 7517, 4.7). Microsoft Azure Attestation
/// shows its keys in no other form. The certificate is not judged: as any key of the set, it is
/// vouched for by the server that shows it.
fn certified_key(jwk: &Value) -> Option<VerifyingKey> {
    let certificate = STANDARD.decode(jwk.get("x5c")?.get(0)?.as_str()?).ok()?;
    match strongroom_pki::public_key(&certificate).ok()? {
        PublicKey::Rsa { n, e } => VerifyingKey::rsa(&n, &e).ok(),
        PublicKey::Ec { curve, x, y } => VerifyingKey::ec(curve.name(), &x, &y).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The public half of the key in RFC 7515, appendix A.3, among keys that are of no use here.
    #[test]
    fn a_set_of_mixed_keys_is_read() {
        let ec = r#""kty":"EC","crv":"P-256",
            "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#;
        let json = format!(
            r#"{{"keys":[{{"kid":"a",{ec}}},{{"kid":"b","use":"enc",{ec}}},{{{ec}}},
            {{"kid":"c","kty":"oct","k":"AAAA"}},{{"kid":"d","kty":"RSA","n":"AQAB","e":"AQAB"}},
            {{"kid":7}},null,{{"kid":"e","use":"sig","alg":"ES256",{ec}}}]}}"#
        );
        let keys = parse_keys(json.as_bytes()).unwrap();
        let mut kids: Vec<&str> = keys.keys().map(String::as_str).collect();
        kids.sort_unstable();
        assert_eq!(kids, ["a", "e"]);
        assert_eq!(keys["e"].algorithm.as_deref(), Some("ES256"));
    }

    #[test]
    fn a_set_without_a_usable_key_is_no_set() {
        for bad in ["", "{}", "[]", r#"{"keys":[]}"#, r#"{"keys":{}}"#, r#"{"keys":[1]}"#] {
            assert!(parse_keys(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
