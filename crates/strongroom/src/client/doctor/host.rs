//! Whether what answers is a vault (or another host of an installation), under this very URL.

use reqwest::Url;
use serde_json::Value;

use super::report::{Finding, Told};
use super::target::{Kind, Target};
use super::wire::Answer;
use crate::error::CliError;

/// The domains of the real service.
const AZURE: [&str; 4] = [".azure.net", ".azure.cn", ".usgovcloudapi.net", ".microsoftazure.de"];

/// What a host says of itself to somebody without a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    /// Where its tokens come from: scheme, host and port.
    pub(super) authority: String,
    /// The tenant there.
    pub(super) tenant: String,
    /// What tokens are for, as far as it says.
    pub(super) resource: Option<String>,
}

/// What is asked without a token.
pub(super) fn question(target: &Target) -> Url {
    match target.kind {
        Kind::Vault(_) => target.whole(),
        Kind::Login => target.at("/common/v2.0/.well-known/openid-configuration", &[]),
        Kind::Management => target.at("/subscriptions", &[("api-version", "2022-12-01")]),
        Kind::Graph => target.at("/v1.0/me", &[]),
    }
}

/// What the answer to that shows.
pub(super) fn recognise(target: &Target, answer: &Result<Answer, String>) -> Told<Service> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(why) => {
            let found = format!("{} speaks TLS, but no HTTP: {why}", target.host());
            return (Finding::wrong(CliError::Failed, "notAVault", found, OTHER_SERVICE), None);
        }
    };
    let service = match target.kind {
        Kind::Login => discovered(answer),
        _ => answer.header("www-authenticate").filter(|_| answer.status == 401).and_then(challenge),
    };
    match service {
        Some(service) => at_home(target, service),
        None => (unrecognised(target, answer), None),
    }
}

/// `Bearer authorization="https://login.…/<tenant>", resource="…"`; the control plane and Graph
/// write `authorization_uri`.
fn challenge(header: &str) -> Option<Service> {
    let parameters = header.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("bearer "))?;
    let parameters = header.strip_prefix(parameters)?;
    let parameter = |wanted: &str| {
        parameters.split(',').find_map(|one| {
            let (name, value) = one.trim().split_once('=')?;
            name.eq_ignore_ascii_case(wanted).then(|| value.trim_matches('"').to_owned())
        })
    };
    let authority = parameter("authorization").or_else(|| parameter("authorization_uri"))?;
    let authority = Url::parse(&authority).ok()?;
    let tenant = authority.path_segments().and_then(|mut path| path.next()).unwrap_or_default();
    Some(Service {
        authority: authority.origin().ascii_serialization(),
        tenant: tenant.to_owned(),
        resource: parameter("resource"),
    })
}

/// An OpenID configuration (OpenID Connect Discovery, section 4.2).
fn discovered(answer: &Answer) -> Option<Service> {
    let issuer = answer.json().get("issuer").and_then(Value::as_str).map(Url::parse)?.ok()?;
    let tenant = issuer.path_segments().and_then(|mut path| path.next()).unwrap_or_default();
    let authority = issuer.origin().ascii_serialization();
    Some(Service { authority, tenant: tenant.to_owned(), resource: None })
}

/// Clients compare the URL with what the host says of itself, the port included: azure-identity of
/// Python and Go give no token otherwise.
fn at_home(target: &Target, service: Service) -> Told<Service> {
    let here = target.url.origin().ascii_serialization();
    let (resource, is_azure) = match (&target.kind, &service.resource) {
        (Kind::Login, _) => (Some(service.authority.clone()), false),
        (Kind::Vault(_), Some(resource)) => (Some(resource.clone()), is_azure(resource)),
        _ => (None, false),
    };
    let place = resource.as_deref().map(Url::parse).and_then(Result::ok);
    let fits = place.as_ref().is_none_or(|place| match target.kind {
        Kind::Login => place.origin() == target.url.origin(),
        _ => is_below(target, place),
    });
    if !fits {
        let resource = resource.unwrap_or_default();
        let found = format!(
            "{here} is not the URL under which this host is known: its tokens are for {resource}. \
             Clients refuse that"
        );
        let next = "use the port and the domain that the server was set up with (`--port`, \
                    `--base`; `server.port`, `server.base`): a forwarded port has to have the same \
                    number on both sides";
        let place = place.filter(|place| place.port_or_known_default() != Some(target.port()));
        let code = if place.is_some() { "wrongPort" } else { "wrongName" };
        return (Finding::wrong(CliError::Failed, code, found, next), None);
    }
    let what = match target.kind {
        Kind::Vault(_) if is_azure => "an Azure Key Vault",
        Kind::Vault(_) => "a vault of a Strongroom",
        Kind::Login => "a token service",
        Kind::Management => "a control plane",
        Kind::Graph => "a Graph",
    };
    let Service { authority, tenant, .. } = &service;
    let finding =
        Finding::ok(format!("{here} answers as {what}, with tokens of {authority}/{tenant}"));
    (finding, Some(service))
}

/// Whether tokens for a resource are for this host.
pub(super) fn is_below(target: &Target, resource: &Url) -> bool {
    let above = resource.host_str().map(|host| format!(".{host}"));
    above.is_some_and(|above| target.host().ends_with(&above))
        && resource.port_or_known_default() == Some(target.port())
}

fn is_azure(resource: &str) -> bool {
    let resource = resource.trim_end_matches('/');
    AZURE.into_iter().any(|domain| resource.ends_with(domain))
}

const OTHER_SERVICE: &str = "check the port and the name: another service answers there. A \
    Strongroom's vaults are at https://<vault>.vault.<base>, with its port unless that is 443";

fn unrecognised(target: &Target, answer: &Answer) -> Finding {
    let (status, host) = (answer.status, target.host());
    let (code, message) = (answer.code(), answer.message());
    let is_strongroom = answer.headers.contains_key("x-ms-keyvault-service-version");
    if is_strongroom && matches!(status, 404 | 421) {
        let found = format!("a Strongroom answers, but not as {host}: {message}");
        return Finding::wrong(CliError::Failed, "unknownHost", found, OTHER_SERVICE);
    }
    if matches!(status, 408 | 429 | 500..=599) {
        let found = format!("{host} answers {status} ({code}) {message}");
        let next = "try again; if it stays so, see the server's log, and /readyz on its port for \
                    metrics. A proxy that finds no server behind it answers 502, 503 or 504, too";
        return Finding::wrong(CliError::Failed, "unavailable", found, next);
    }
    let by = answer.header("server").map(|by| format!(" by {by}")).unwrap_or_default();
    let found =
        format!("what answers at {host} is no vault: {status}{by}, without a challenge to sign in");
    Finding::wrong(CliError::Failed, "notAVault", found, OTHER_SERVICE)
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
    use zeroize::Zeroizing;

    use super::*;

    fn recognised(url: &str, status: u16, headers: &[(&str, &str)], body: &str) -> String {
        let target = Target::parse(url, None).unwrap();
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                let name: HeaderName = name.parse().unwrap();
                (name, HeaderValue::from_str(value).unwrap())
            })
            .collect();
        let body = Zeroizing::new(body.as_bytes().to_vec());
        let (finding, service) = recognise(&target, &Ok(Answer { status, headers, body }));
        let mut report = super::super::report::Report::default();
        report.add(super::super::report::Step::Host, finding);
        let code = report.json(url)["steps"][0]["code"].as_str().map(str::to_owned);
        assert_eq!(code.is_none(), service.is_some());
        code.unwrap_or_else(|| service.unwrap().tenant)
    }

    #[test]
    fn a_challenge_of_either_service_is_read() {
        // As the real service writes it, and as this one does.
        let azure = "Bearer authorization=\"https://login.microsoftonline.com/t1\", \
            resource=\"https://vault.azure.net\"";
        let own = "Bearer authorization=\"https://login.kv.example:8443/t2\", \
            resource=\"https://vault.kv.example:8443\"";
        let challenged = |url, value| recognised(url, 401, &[("www-authenticate", value)], "");
        assert_eq!(challenged("https://a.vault.azure.net", azure), "t1");
        assert_eq!(challenged("https://a.vault.kv.example:8443", own), "t2");
        assert_eq!(challenged("https://a.vault.kv.example:9443", own), "wrongPort");
        assert_eq!(challenged("https://a.vault.other.example:8443", own), "wrongName");
        assert_eq!(challenged("https://evilvault.kv.example:8443", own), "wrongName");
        assert_eq!(challenged("https://a.vault.kv.example:8443", "Basic realm=\"x\""), "notAVault");
    }

    #[test]
    fn what_is_no_vault_is_told_apart() {
        let url = "https://a.vault.kv.example";
        assert_eq!(recognised(url, 200, &[("server", "nginx")], "<html>"), "notAVault");
        assert_eq!(recognised(url, 404, &[], "{}"), "notAVault");
        let own = [("x-ms-keyvault-service-version", "1")];
        assert_eq!(
            recognised(url, 404, &own, r#"{"error":{"code":"a","message":"b"}}"#),
            "unknownHost"
        );
        assert_eq!(recognised(url, 503, &own, "{}"), "unavailable");
    }

    #[test]
    fn a_token_service_is_where_its_issuer_says() {
        let body = r#"{"issuer":"https://login.kv.example/t3/v2.0"}"#;
        assert_eq!(recognised("https://login.kv.example", 200, &[], body), "t3");
        assert_eq!(recognised("https://login.kv.example:8443", 200, &[], body), "wrongPort");
        assert_eq!(recognised("https://login.kv.example", 200, &[], "{}"), "notAVault");
    }
}
