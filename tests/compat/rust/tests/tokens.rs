//! Tokens that were good once, or nearly are, through the official Rust client. A test program of
//! its own: it moves the time of the whole server.

mod support;

use std::sync::Arc;

use azure_core::base64;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::time::{Duration, OffsetDateTime};
use azure_security_keyvault_secrets::SecretClient;
use azure_security_keyvault_secrets::models::SetSecretParameters;
use support::{cli, fresh, owner, plain, ready, refusal, text, vault_url};

/// A credential that hands out one token, whatever becomes of it.
#[derive(Debug)]
struct Kept(String);

#[async_trait::async_trait]
impl TokenCredential for Kept {
    async fn get_token(
        &self,
        _scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let until = OffsetDateTime::now_utc() + Duration::hours(1);
        Ok(AccessToken::new(self.0.clone(), until))
    }
}

async fn token() -> String {
    let ready = ready();
    let scope = format!("https://vault.{}:{}/.default", text(&ready["base"]), ready["port"]);
    owner().get_token(&[&scope], None).await.unwrap().token.secret().to_owned()
}

fn client(token: &str) -> SecretClient {
    SecretClient::new(&vault_url("dev"), Arc::new(Kept(token.to_owned())), None).unwrap()
}

async fn set(token: &str, name: &str) -> azure_core::Result<()> {
    let body = SetSecretParameters { value: Some("v".into()), ..Default::default() };
    client(token).set_secret(name, body.try_into()?, None).await.map(|_| ())
}

/// In one test, for the second part moves the time that the first needs.
#[tokio::test]
async fn a_tampered_token_and_an_expired_one() {
    let (good, name) = (token().await, fresh("tokens"));
    set(&good, &name).await.unwrap();
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let mut bytes = base64::decode_url_safe(signature).unwrap();
    bytes[100] ^= 1;
    let flipped = base64::encode_url_safe(bytes);
    let other = String::from_utf8(base64::decode_url_safe(claims).unwrap()).unwrap();
    let other = base64::encode_url_safe(other.replace("\"oid\":\"", "\"oid\":\"0"));
    for bad in [
        format!("{header}.{claims}.{flipped}"),
        format!("{header}.{other}.{signature}"),
        format!("{header}.{claims}."),
    ] {
        let error = client(&bad).get_secret(&name, None).await.unwrap_err();
        assert_eq!(refusal(error), plain(401, "Unauthorized"));
        assert_eq!(refusal(set(&bad, &name).await.unwrap_err()).0, 401);
    }
    client(&good).get_secret(&name, None).await.unwrap();

    cli(&["clock", "advance", "2h"]);
    let error = client(&good).get_secret(&name, None).await.unwrap_err();
    assert_eq!(refusal(error), plain(401, "Unauthorized"));
    assert_eq!(refusal(set(&good, &name).await.unwrap_err()).0, 401);
    client(&token().await).get_secret(&name, None).await.unwrap();
}
