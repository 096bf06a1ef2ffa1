//! Whether this environment has a token for the host: one of a file, or by sign-in as the programs
//! of this environment do.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::Url;
use reqwest::header::HeaderValue;
use serde_json::Value;
use strongroom_wire::SecretValue;
use zeroize::Zeroizing;

use super::super::failure::own_path;
use super::super::https::{HttpsClient, bearer};
use super::super::installation::Installation;
use super::super::sign_in;
use super::host::{self, Service};
use super::report::Finding;
use super::target::{Kind, Target};
use super::wire::Answer;
use crate::error::CliError;

/// A token, and whose it is.
pub(super) struct Token {
    pub(super) header: HeaderValue,
    claims: Value,
}

impl Token {
    fn new(secret: &SecretValue) -> Result<Self, CliError> {
        Ok(Self { header: bearer(secret)?, claims: claims(secret.expose()).unwrap_or_default() })
    }

    /// Whose it is, for what and until when.
    pub(super) fn told(&self) -> String {
        let who = self.claim("appid").or_else(|| self.claim("azp")).unwrap_or_else(|| "?".into());
        let object = self.claim("oid").unwrap_or_else(|| "?".into());
        let audience = self.claim("aud").unwrap_or_else(|| "?".into());
        let until = self.claims.get("exp").and_then(Value::as_i64);
        let until = until.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
        let until = until.map(|time| format!(", until {time}")).unwrap_or_default();
        format!("application {who}, object id {object}, for {audience}{until}")
    }

    /// Who may be given a role.
    pub(super) fn object_id(&self) -> Option<String> {
        self.claim("oid")
    }

    fn claim(&self, name: &str) -> Option<String> {
        self.claims.get(name)?.as_str().map(str::to_owned)
    }
}

/// The claims of a JSON Web Token, unverified: to be shown, and to decide where it may be sent.
fn claims(token: &str) -> Option<Value> {
    let payload = token.split('.').nth(1)?;
    let json = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?);
    serde_json::from_slice(&json).ok()
}

fn wrong(code: &'static str, found: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding::wrong(CliError::Denied, code, found, next)
}

/// The token of a file, if it may be sent to this host.
pub(super) fn of_file(target: &Target, service: &Service, file: &Path) -> Result<Token, Finding> {
    let shown = file.display();
    let text = fs::read_to_string(file).map(Zeroizing::new).map_err(|error| {
        let found = format!("the token's file {shown} cannot be read: {error}");
        wrong("noCredential", found, "name the file in which the token is")
    })?;
    let text = text.trim();
    let text = text.strip_prefix("Bearer ").unwrap_or(text).trim();
    let malformed = || {
        let next = "write the token there and nothing else: `strongroom token --resource URL`";
        wrong("malformedToken", format!("{shown} holds no JSON Web Token"), next)
    };
    if claims(text).is_none() {
        return Err(malformed());
    }
    let token = Token::new(&SecretValue::new(text.to_owned())).map_err(|_| malformed())?;
    if may_be_sent(target, service, &token) { Ok(token) } else { Err(for_another(service, &token)) }
}

/// A token that is good somewhere else is not shown to a host that could use it there.
fn may_be_sent(target: &Target, service: &Service, token: &Token) -> bool {
    let audience = token.claim("aud").unwrap_or_default();
    let issuer = token.claim("iss").unwrap_or_default();
    let is_own = issuer.strip_prefix(&service.authority).is_some_and(|rest| rest.starts_with('/'));
    let is_here = Url::parse(&audience).is_ok_and(|audience| {
        host::is_below(target, &audience) || audience.origin() == target.url.origin()
    });
    is_own || is_here || audience.starts_with("api://")
}

fn for_another(service: &Service, token: &Token) -> Finding {
    let audience = token.claim("aud").unwrap_or_default();
    let wanted = service.resource.as_deref().unwrap_or("this host");
    let found =
        format!("the token is for {audience}, and not of {}: it was not sent", service.authority);
    let next = format!("get one for {wanted}: `{} token --resource {wanted}`", own_path());
    wrong("audience", found, next)
}

/// A token by sign-in.
pub(super) async fn of_sign_in(
    target: &Target,
    service: &Service,
    user: &Installation,
) -> Result<Token, Finding> {
    let (own, theirs) = (user.endpoints.authority(), &service.authority);
    if own != *theirs || !target.is_of(&user.endpoints) {
        let found =
            format!("this environment signs in at {own}, but {} believes {theirs}", target.host());
        let next = format!(
            "set AZURE_AUTHORITY_HOST={theirs} and the credentials of an application there, or \
             name its ready file by --ready-file"
        );
        return Err(wrong("authority", found, next));
    }
    let is_guid = user.tenant.len() == 36;
    if is_guid && !user.tenant.eq_ignore_ascii_case(&service.tenant) {
        let found = format!(
            "this environment signs in to the tenant {}, but the host's is {}",
            user.tenant, service.tenant
        );
        let next = format!("set AZURE_TENANT_ID={}, or adfs", service.tenant);
        return Err(wrong("tenant", found, next));
    }
    let Some(credential) = &user.credential else {
        let found = "AZURE_CLIENT_ID and AZURE_CLIENT_SECRET are not both set";
        return Err(wrong("noCredential", found, credential_next()));
    };
    let resource = match target.kind {
        Kind::Vault(_) | Kind::Login => user.endpoints.vault_resource(),
        Kind::Management => user.endpoints.url("management"),
        Kind::Graph => user.endpoints.url("graph"),
    };
    let signed_in = async {
        let endpoint = sign_in::token_endpoint(user)?;
        let https = HttpsClient::new(user, &[&endpoint])?;
        let token = sign_in::access_token(&https, &endpoint, credential, &resource).await?;
        Token::new(&token)
    };
    signed_in.await.map_err(|error| not_signed_in(&error))
}

/// Why no installation is known to sign in at.
pub(super) fn nowhere_to_sign_in(why: &CliError, service: &Service) -> Finding {
    let has_client = std::env::var_os("AZURE_CLIENT_ID").is_some_and(|id| !id.is_empty());
    if matches!(why, CliError::Usage(_)) {
        return wrong("noCredential", why.to_string(), credential_next());
    }
    if has_client {
        let found = "AZURE_CLIENT_ID is set, but AZURE_AUTHORITY_HOST is not: programs sign in at \
                     https://login.microsoftonline.com";
        let next = format!("set AZURE_AUTHORITY_HOST={}", service.authority);
        return wrong("authority", found, next);
    }
    wrong("noCredential", "this environment has nothing to sign in with", credential_next())
}

fn credential_next() -> String {
    format!(
        "`eval \"$({0} env --ready-file FILE)\"` on the server's machine; elsewhere set \
         AZURE_AUTHORITY_HOST, AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET of an \
         application (`{0} identity create-for-rbac --name N` makes one), or give a token by \
         --token-file",
        own_path()
    )
}

/// What the numbers of the token service mean, and what to do.
fn not_signed_in(error: &CliError) -> Finding {
    let text = error.to_string();
    let says = |number: &str| text.contains(&format!("AADSTS{number}:"));
    let (code, next) = if says("7000215") {
        let next = "AZURE_CLIENT_SECRET is not the secret of this application: it was mistyped, or \
                    is an older installation's. A new identity has a new one: `strongroom identity \
                    create-for-rbac --name N`";
        ("wrongSecret", next)
    } else if says("7000222") {
        ("expiredSecret", "make a new identity: `strongroom identity create-for-rbac --name N`")
    } else if says("700016") {
        let next = "AZURE_CLIENT_ID names no application of this installation: is it another's, or \
                    was it deleted? `strongroom identity create-for-rbac --name N` makes one";
        ("unknownClient", next)
    } else if says("90002") {
        ("tenant", "set AZURE_TENANT_ID to adfs, or to the tenant's GUID")
    } else {
        let next = "see whether the token service answers: `strongroom doctor` with its URL \
                    (AZURE_AUTHORITY_HOST) tells";
        let end = match error {
            CliError::Denied(_) => CliError::Denied as super::report::End,
            _ => CliError::Failed,
        };
        return Finding::wrong(end, "signIn", text, next);
    };
    wrong(code, text, next)
}

/// Why the host refuses the token.
pub(super) fn refused(answer: &Answer, token: &Token) -> Finding {
    let message = answer.message();
    let says = |text: &str| message.contains(text);
    let (code, next) = if says("The token is expired") {
        ("expired", "get a new one: a token lives for an hour. Is it a new one, see the clocks")
    } else if says("not yet valid") {
        ("notYetValid", "set the clocks of both machines, best by NTP")
    } else if says("Invalid audience") {
        ("audience", "ask for a token for what the text says is expected")
    } else if says("Invalid issuer") {
        ("issuer", "sign in to the tenant of the vault, at the authority that the step host names")
    } else if says("principal of the token does not exist") {
        ("revoked", "its application or user was deleted: sign in as another")
    } else {
        let next = "get a new one by sign-in: this one was changed, or its key is not the \
                    installation's (any more)";
        ("signature", next)
    };
    let found = format!("the host says: {message} The token: {}", token.told());
    wrong(code, found, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(aud: &str, iss: &str) -> Token {
        let claims = serde_json::json!({ "aud": aud, "iss": iss }).to_string();
        let claims = BASE64_URL_SAFE_NO_PAD.encode(claims);
        Token::new(&SecretValue::new(format!("e30.{claims}.c2ln"))).unwrap()
    }

    #[test]
    fn a_token_that_is_good_elsewhere_stays_here() {
        let target = Target::parse("https://a.vault.kv.example:8443", None).unwrap();
        let service = Service {
            authority: "https://login.kv.example:8443".into(),
            tenant: "t".into(),
            resource: Some("https://vault.kv.example:8443".into()),
        };
        let sent = |aud: &str, iss: &str| may_be_sent(&target, &service, &token(aud, iss));
        assert!(sent("https://vault.kv.example:8443", "https://idp.example/"));
        assert!(sent("https://vault.azure.net", "https://login.kv.example:8443/t/v2.0"));
        assert!(sent("api://strongroom-1", "https://idp.example/"));
        for (aud, iss) in [
            ("https://vault.azure.net", "https://sts.windows.net/t/"),
            ("https://vault.azure.net", "https://login.kv.example:8443.evil/t/v2.0"),
            ("https://management.azure.com", "https://sts.windows.net/t/"),
            ("https://vault.kv.example", "https://sts.windows.net/t/"),
            ("", ""),
        ] {
            assert!(!sent(aud, iss), "{aud} {iss}");
        }
    }

    #[test]
    fn the_text_never_holds_the_token() {
        let told = token("https://vault.kv.example", "i").told();
        assert!(!told.contains("c2ln") && told.contains("https://vault.kv.example"), "{told}");
    }
}
