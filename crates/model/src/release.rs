//! The release policy of a key: under which attested claims its private half may leave.
//!
//! A policy is a document of its own inside the protocol (base64url in `release_policy.data`), so
//! its JSON members are named here and not in `wire`. Grammar: Key Vault, "Secure key release
//! policy grammar".
//!
//! ```json
//! {"version": "1.0.0", "anyOf": [{
//!     "authority": "https://attest.example",
//!     "allOf": [{"claim": "x-ms-isolation-tee.x-ms-attestation-type", "equals": "sevsnpvm"}]
//! }]}
//! ```

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use crate::{KeyListing, KeyOperation, ModelError, ReleasePolicy};

/// The longest policy, in bytes.
pub const MAX_BYTES: usize = 32 * 1024;

/// How deep conditions may nest below an authority.
pub const MAX_DEPTH: usize = 8;

/// How many conditions a policy may hold in all.
pub const MAX_CONDITIONS: usize = 256;

/// What `contentType` is when the client sends none, and the only form of it.
pub const CONTENT_TYPE: &str = "application/json; charset=utf-8";

const VERSION: &str = "1.0.0";
const MAX_URL: usize = 512;
const MAX_CLAIM: usize = 512;

/// The URL of an attestation authority in one form, so that a policy, a token's `iss` and the
/// configuration can be compared: scheme and host in lower case, no default port, no slash at the
/// end. Always `https`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authority(String);

/// The claims of an attestation token.
pub type Claims = Map<String, Value>;

/// A parsed policy: at least one authority.
#[derive(Clone, Debug, PartialEq)]
pub struct Grammar {
    authorities: Vec<Rule>,
}

/// What one authority must attest.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Rule {
    #[serde(skip)]
    authority: Authority,
    #[serde(rename = "authority")]
    written: String,
    #[serde(flatten)]
    condition: Condition,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Condition {
    Claim {
        claim: String,
        equals: ClaimValue,
    },
    AllOf {
        #[serde(rename = "allOf")]
        all_of: Vec<Condition>,
    },
    AnyOf {
        #[serde(rename = "anyOf")]
        any_of: Vec<Condition>,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum ClaimValue {
    Text(String),
    Bool(bool),
    Number(Number),
}

/// Whether claims satisfy a policy. Why not is for the audit, never for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They do.
    Satisfied,
    /// The policy names the authority, but this claim (the first, in the policy's order) is
    /// missing or another.
    Unmet(String),
    /// The policy does not name the authority.
    OtherAuthority,
}

impl Authority {
    /// Reads an authority's URL.
    ///
    /// # Errors
    /// [`ModelError::ReleasePolicy`] unless it is an https URL without user, query and fragment.
    pub fn parse(url: &str) -> Result<Self, ModelError> {
        let refused = || {
            ModelError::ReleasePolicy(format!(
                "Key Release Policy: the authority '{}' is not an https URL.",
                clipped(url)
            ))
        };
        let (scheme, rest) = url.split_once("://").ok_or_else(refused)?;
        let rest = rest.trim_end_matches('/');
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let path_byte = |b: u8| b.is_ascii_graphic() && !b"?#@\\\"<>".contains(&b);
        let fits = url.len() <= MAX_URL
            && scheme.eq_ignore_ascii_case("https")
            && is_host(host)
            && path.bytes().all(path_byte);
        if !fits {
            return Err(refused());
        }
        let host = host.to_ascii_lowercase();
        let host = host.strip_suffix(":443").unwrap_or(&host);
        Ok(Self(format!("https://{host}{path}")))
    }

    /// The URL in its one form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name or an address in brackets, and one port at the most.
fn is_host(host: &str) -> bool {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    let fits = |part: &str, others: &[u8]| {
        part.bytes().any(|b| b.is_ascii_alphanumeric())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || others.contains(&b))
    };
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let fits_name = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => fits(address, b":."),
        None => fits(name, b".-_"),
    };
    fits_name && port.is_none_or(is_port)
}

impl std::fmt::Display for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Grammar {
    /// Parses a policy. Members of other names, names that occur twice and operators other than
    /// `equals` are refused: a condition that is not understood must not be passed over.
    ///
    /// # Errors
    /// [`ModelError::ReleasePolicy`], whose text says what is wrong.
    pub fn parse(document: &[u8]) -> Result<Self, ModelError> {
        if document.len() > MAX_BYTES {
            return Err(refused(format!("longer than {MAX_BYTES} bytes")));
        }
        let raw: RawPolicy =
            serde_json::from_slice(document).map_err(|error| refused(error.to_string()))?;
        // The service reads "1.0" as "1.0.0", and its own examples have no version.
        if !matches!(raw.version.as_deref(), None | Some("1.0" | VERSION)) {
            return Err(refused("the 'version' must be \"1.0.0\""));
        }
        if raw.any_of.is_empty() {
            return Err(refused("'anyOf' names no authority"));
        }
        let mut left = MAX_CONDITIONS;
        let authorities = raw.any_of.into_iter().map(|rule| rule.read(&mut left));
        Ok(Self { authorities: authorities.collect::<Result<_, _>>()? })
    }

    /// The policy as the service answers it: members in one order, `equals` in its short form.
    ///
    /// # Errors
    /// [`ModelError::ReleasePolicy`] if it cannot be written, which does not happen.
    pub fn to_json(&self) -> Result<Vec<u8>, ModelError> {
        #[derive(Serialize)]
        struct Written<'a> {
            version: &'static str,
            #[serde(rename = "anyOf")]
            any_of: &'a [Rule],
        }

        serde_json::to_vec(&Written { version: VERSION, any_of: &self.authorities })
            .map_err(|error| refused(error.to_string()))
    }

    /// The authorities that it names, in its order.
    pub fn authorities(&self) -> impl Iterator<Item = &Authority> {
        self.authorities.iter().map(|rule| &rule.authority)
    }

    /// Whether what `issuer` attests satisfies the policy.
    pub fn judge(&self, issuer: &Authority, claims: &Claims) -> Verdict {
        let mut verdict = Verdict::OtherAuthority;
        for rule in self.authorities.iter().filter(|rule| rule.authority == *issuer) {
            match rule.condition.unmet(claims) {
                None => return Verdict::Satisfied,
                Some(claim) => verdict = Verdict::Unmet(claim.to_owned()),
            }
        }
        verdict
    }
}

impl Condition {
    /// The first claim that keeps it from being met; `None` if it is met.
    fn unmet(&self, claims: &Claims) -> Option<&str> {
        match self {
            Self::Claim { claim, equals } => {
                let met = find(claims, claim).is_some_and(|found| equals.equals(found));
                (!met).then_some(claim)
            }
            Self::AllOf { all_of } => all_of.iter().find_map(|condition| condition.unmet(claims)),
            Self::AnyOf { any_of } => {
                let mut first = None;
                for condition in any_of {
                    match condition.unmet(claims) {
                        None => return None,
                        Some(claim) => first = first.or(Some(claim)),
                    }
                }
                // An empty list never comes out of the parser; it would be met by nothing.
                Some(first.unwrap_or_default())
            }
        }
    }
}

/// A claim by its dotted path. Lists cannot be entered.
fn find<'a>(claims: &'a Claims, path: &str) -> Option<&'a Value> {
    let mut names = path.split('.');
    let mut found = claims.get(names.next()?)?;
    for name in names {
        found = found.as_object()?.get(name)?;
    }
    Some(found)
}

impl ClaimValue {
    /// To the letter, but for one thing: the text `"true"` also equals the truth value, as the
    /// service has it (its grammar knows truth values only in quotes).
    fn equals(&self, claim: &Value) -> bool {
        match (self, claim) {
            (Self::Text(text), Value::String(claim)) => text == claim,
            (Self::Text(text), Value::Bool(claim)) => text == if *claim { "true" } else { "false" },
            (Self::Bool(value), Value::Bool(claim)) => value == claim,
            (Self::Number(number), Value::Number(claim)) => same_number(number, claim),
            _ => false,
        }
    }
}

/// 1 and 1.0 are the same; two integers are compared exactly.
fn same_number(a: &Number, b: &Number) -> bool {
    let is_integer = |n: &Number| n.is_i64() || n.is_u64();
    a == b || (!(is_integer(a) && is_integer(b)) && a.as_f64() == b.as_f64())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    version: Option<String>,
    #[serde(rename = "anyOf")]
    any_of: Vec<RawRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    authority: String,
    #[serde(rename = "allOf")]
    all_of: Option<Vec<RawCondition>>,
    #[serde(rename = "anyOf")]
    any_of: Option<Vec<RawCondition>>,
}

/// `{claim, equals}`, the older `{claim, condition: "equals", value}`, or a list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCondition {
    claim: Option<String>,
    equals: Option<Value>,
    condition: Option<String>,
    value: Option<Value>,
    #[serde(rename = "allOf")]
    all_of: Option<Vec<RawCondition>>,
    #[serde(rename = "anyOf")]
    any_of: Option<Vec<RawCondition>>,
}

impl RawRule {
    fn read(self, left: &mut usize) -> Result<Rule, ModelError> {
        let condition = match (self.all_of, self.any_of) {
            (Some(all_of), None) => Condition::AllOf { all_of: read_all(all_of, 1, left)? },
            (None, Some(any_of)) => Condition::AnyOf { any_of: read_all(any_of, 1, left)? },
            _ => return Err(refused("an authority needs either 'allOf' or 'anyOf'")),
        };
        let authority = Authority::parse(&self.authority)?;
        Ok(Rule { authority, written: self.authority, condition })
    }
}

impl RawCondition {
    fn read(self, depth: usize, left: &mut usize) -> Result<Condition, ModelError> {
        if depth > MAX_DEPTH {
            return Err(refused(format!("conditions nest deeper than {MAX_DEPTH}")));
        }
        *left = left
            .checked_sub(1)
            .ok_or_else(|| refused(format!("more than {MAX_CONDITIONS} conditions")))?;
        match self {
            Self { claim: Some(claim), all_of: None, any_of: None, equals, condition, value } => {
                let value = match (equals, condition.as_deref(), value) {
                    (Some(equals), None, None) => equals,
                    (None, Some("equals"), Some(value)) => value,
                    _ => return Err(refused(format!("'{}' lacks 'equals'", clipped(&claim)))),
                };
                let equals = claim_value(&claim, value)?;
                check_path(&claim)?;
                Ok(Condition::Claim { claim, equals })
            }
            Self { claim: None, equals: None, condition: None, value: None, all_of, any_of } => {
                match (all_of, any_of) {
                    (Some(all_of), None) => {
                        Ok(Condition::AllOf { all_of: read_all(all_of, depth + 1, left)? })
                    }
                    (None, Some(any_of)) => {
                        Ok(Condition::AnyOf { any_of: read_all(any_of, depth + 1, left)? })
                    }
                    _ => Err(one_of_three()),
                }
            }
            _ => Err(one_of_three()),
        }
    }
}

fn read_all(
    conditions: Vec<RawCondition>,
    depth: usize,
    left: &mut usize,
) -> Result<Vec<Condition>, ModelError> {
    if conditions.is_empty() {
        return Err(refused("a list of conditions is empty"));
    }
    conditions.into_iter().map(|condition| condition.read(depth, left)).collect()
}

fn claim_value(claim: &str, value: Value) -> Result<ClaimValue, ModelError> {
    match value {
        Value::String(text) => Ok(ClaimValue::Text(text)),
        Value::Bool(value) => Ok(ClaimValue::Bool(value)),
        Value::Number(number) => Ok(ClaimValue::Number(number)),
        _ => Err(refused(format!(
            "the value for '{}' must be a string, a number, true or false",
            clipped(claim)
        ))),
    }
}

fn check_path(claim: &str) -> Result<(), ModelError> {
    if claim.len() > MAX_CLAIM || claim.split('.').any(str::is_empty) {
        return Err(refused(format!("'{}' is not the name of a claim", clipped(claim))));
    }
    Ok(())
}

fn one_of_three() -> ModelError {
    refused("a condition is exactly one of 'claim', 'allOf' and 'anyOf'")
}

fn refused(why: impl AsRef<str>) -> ModelError {
    ModelError::ReleasePolicy(format!("Key Release Policy: {}.", clipped(why.as_ref())))
}

/// What is repeated of a client's text is short and clean.
fn clipped(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

impl ReleasePolicy {
    /// A policy as a client sent it, checked, and its document in the one form that is kept and
    /// answered.
    ///
    /// # Errors
    /// [`ModelError::ReleasePolicy`] for another content type, for one that is too long in its one
    /// form, and as [`Grammar::parse`].
    pub fn new(
        content_type: Option<&str>,
        immutable: bool,
        document: &[u8],
    ) -> Result<Self, ModelError> {
        let essence = content_type.unwrap_or(CONTENT_TYPE).split(';').next().unwrap_or_default();
        if !essence.trim().eq_ignore_ascii_case("application/json") {
            return Err(refused(format!("the content type must be {CONTENT_TYPE}")));
        }
        let document = Grammar::parse(document)?.to_json()?;
        // The one form of it may be longer, and has to be read at every release.
        if document.len() > MAX_BYTES {
            return Err(refused(format!("longer than {MAX_BYTES} bytes")));
        }
        Ok(Self { content_type: Some(CONTENT_TYPE.to_owned()), immutable, document })
    }
}

/// The release policy of a new version of a key, whose version before it was `previous`. Without
/// one of its own it has that version's.
///
/// # Errors
/// [`ModelError::ReleasePolicy`] when an exportable key has none, one that is not exportable has
/// one without being for secure wrapping, or an immutable one would change.
pub fn policy_of_new_version(
    previous: Option<&KeyListing>,
    exportable: bool,
    key_ops: &[KeyOperation],
    policy: Option<ReleasePolicy>,
) -> Result<Option<ReleasePolicy>, ModelError> {
    let before = previous.and_then(|listing| listing.release_policy.as_ref());
    if let Some(policy) = &policy {
        check_change(before, policy)?;
    }
    let policy = policy.or_else(|| before.cloned());
    let wraps_securely = key_ops
        .iter()
        .any(|op| matches!(op, KeyOperation::SecureWrapKey | KeyOperation::SecureUnwrapKey));
    match (exportable, wraps_securely) {
        (true, true) => Err(ModelError::ReleasePolicy(
            "A key for secure wrapping must not be exportable.".to_owned(),
        )),
        (true, false) if policy.is_none() => Err(ModelError::ReleasePolicy(
            "AKV.SKR.1004: Exportable keys must have release policy.".to_owned(),
        )),
        (false, true) if policy.is_none() => Err(ModelError::ReleasePolicy(
            "A key for secure wrapping must have a release policy.".to_owned(),
        )),
        (false, false) if policy.is_some() => Err(ModelError::ReleasePolicy(
            "AKV.SKR.1005: Non-exportable keys must not have release policy.".to_owned(),
        )),
        _ => Ok(policy),
    }
}

/// Whether a policy may take the place of another.
///
/// # Errors
/// [`ModelError::ReleasePolicy`] when the present one is immutable and the new one differs.
pub fn check_change(
    current: Option<&ReleasePolicy>,
    new: &ReleasePolicy,
) -> Result<(), ModelError> {
    match current {
        Some(current) if current.immutable && current != new => Err(ModelError::ReleasePolicy(
            "AKV.SKR.1020: Immutable Key Release Policy cannot be modified.".to_owned(),
        )),
        _ => Ok(()),
    }
}
