//! Client credentials (RFC 6749, section 4.4): a token from the installation's own authority.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, Url};
use serde::Deserialize;
use strongroom_wire::SecretValue;
use zeroize::Zeroizing;

use super::failure;
use super::https::{Body, HttpsClient, Reply, Request};
use super::installation::{Credential, Installation};
use crate::error::CliError;

const FORM: &str = "application/x-www-form-urlencoded";

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: SecretValue,
}

#[derive(Deserialize)]
struct OAuthError {
    error: String,
    error_description: Option<String>,
}

/// Where an installation's tokens come from.
pub(crate) fn token_endpoint(installation: &Installation) -> Result<Url, CliError> {
    let tenant = &installation.tenant;
    if tenant.is_empty() || !tenant.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        let tenant = failure::one_line(tenant);
        return Err(CliError::Usage(format!("'{tenant}' is no tenant: give its GUID, or adfs")));
    }
    let text = format!("{}/{tenant}/oauth2/v2.0/token", installation.endpoints.authority());
    Url::parse(&text).map_err(CliError::failed)
}

/// An access token for a resource.
pub(crate) async fn access_token(
    https: &HttpsClient,
    endpoint: &Url,
    credential: &Credential,
    resource: &str,
) -> Result<SecretValue, CliError> {
    let reply = https
        .send(Request {
            method: Method::POST,
            url: endpoint.clone(),
            token: None,
            body: Some(Body { content_type: FORM, bytes: form(credential, resource) }),
        })
        .await?;
    if reply.status != 200 {
        return Err(refusal(&reply));
    }
    let answer: TokenAnswer = serde_json::from_slice(&reply.body)
        .map_err(|_| CliError::failed("the token service answered without a token"))?;
    Ok(answer.access_token)
}

fn form(credential: &Credential, resource: &str) -> Zeroizing<Vec<u8>> {
    // ARM's resource ends with a slash, and keeps it: `https://management…//.default`.
    let scope = match resource.ends_with("/.default") {
        true => resource.to_owned(),
        false => format!("{resource}/.default"),
    };
    let secret = credential.client_secret.expose();
    // Three bytes for each, so that the buffer never grows and leaves copies behind.
    let room = 3 * (credential.client_id.len() + secret.len() + scope.len()) + 128;
    let mut body = Zeroizing::new(Vec::with_capacity(room));
    for (name, value) in [
        ("grant_type", "client_credentials"),
        ("client_id", &credential.client_id),
        ("client_secret", secret),
        ("scope", &scope),
    ] {
        if !body.is_empty() {
            body.push(b'&');
        }
        body.extend_from_slice(name.as_bytes());
        body.push(b'=');
        for part in utf8_percent_encode(value, NON_ALPHANUMERIC) {
            body.extend_from_slice(part.as_bytes());
        }
    }
    body
}

/// The authority's own words, which carry an AADSTS number to look up.
fn refusal(reply: &Reply) -> CliError {
    let Ok(refused) = serde_json::from_slice::<OAuthError>(&reply.body) else {
        return failure::refusal(reply.status, &reply.body);
    };
    let text = refused.error_description.unwrap_or_else(|| refused.error.clone());
    let text = failure::one_line(&format!("sign-in failed: {text}"));
    match refused.error.as_str() {
        "invalid_client" | "unauthorized_client" | "access_denied" => CliError::Denied(text),
        _ => failure::of_status(reply.status, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom_model::Endpoints;

    fn credential(secret: &str) -> Credential {
        Credential { client_id: "id-1".into(), client_secret: SecretValue::new(secret.into()) }
    }

    #[test]
    fn the_form_is_encoded() {
        let body = form(&credential("a&b=c+d~"), "https://vault.localhost:8443");
        let expected = "grant_type=client%5Fcredentials&client_id=id%2D1\
            &client_secret=a%26b%3Dc%2Bd%7E\
            &scope=https%3A%2F%2Fvault%2Elocalhost%3A8443%2F%2Edefault";
        assert_eq!(std::str::from_utf8(&body).unwrap(), expected);
    }

    #[test]
    fn the_form_fits_its_first_buffer() {
        let body = form(&credential(&"&".repeat(500)), &"/".repeat(500));
        assert!(body.capacity() <= 3 * 1_004 + 3 * 9 + 128, "it grew: {}", body.capacity());
    }

    #[test]
    fn the_tenant_stays_one_segment() {
        let at = |tenant: &str| Installation {
            endpoints: Endpoints::new("localhost", 443),
            tenant: tenant.into(),
            ca_file: None,
            credential: None,
        };
        assert_eq!(
            token_endpoint(&at("adfs")).unwrap().as_str(),
            "https://login.localhost/adfs/oauth2/v2.0/token"
        );
        for bad in ["", "a/b", "..", "a?b"] {
            assert!(token_endpoint(&at(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_refused_client_is_denied() {
        let body = br#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid."}"#;
        let refused = refusal(&Reply { status: 401, body: Zeroizing::new(body.to_vec()) });
        assert!(matches!(&refused, CliError::Denied(text) if text.contains("AADSTS7000215")));
    }
}
