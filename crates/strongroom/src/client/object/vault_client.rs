//! A signed-in client of one vault.

use reqwest::header::HeaderValue;
use reqwest::{Method, Url};
use serde::Deserialize;
use strongroom_model::{Kind, VaultName};
use zeroize::Zeroizing;

use super::super::https::{Body, HttpsClient, Request, bearer};
use super::super::installation::Installation;
use super::super::sign_in;
use crate::error::CliError;

const API_VERSION: &str = "2025-07-01";
/// The first version that knows the keys of ML-DSA.
const API_VERSION_OF_KEYS: &str = "2026-05-01-preview";
const JSON: &str = "application/json";

/// A client of one vault.
pub(crate) struct VaultClient {
    https: HttpsClient,
    url: Url,
    token: HeaderValue,
    api_version: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<T> {
    value: Vec<T>,
    next_link: Option<String>,
}

impl VaultClient {
    /// Signs in for a vault's objects of a kind.
    pub(crate) async fn open(
        installation: &Installation,
        vault: &VaultName,
        kind: Kind,
    ) -> Result<Self, CliError> {
        let endpoint = sign_in::token_endpoint(installation)?;
        let url = installation.endpoints.vault(&vault.folded());
        let url = Url::parse(&url).map_err(CliError::failed)?;
        let https = HttpsClient::new(installation, &[&endpoint, &url])?;
        let resource = installation.endpoints.vault_resource();
        let credential = installation.credential()?;
        let token = sign_in::access_token(&https, &endpoint, credential, &resource).await?;
        let api_version = if kind == Kind::Key { API_VERSION_OF_KEYS } else { API_VERSION };
        Ok(Self { https, url, token: bearer(&token)?, api_version })
    }

    /// Asks for something, and answers the body.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Zeroizing<Vec<u8>>>,
    ) -> Result<Zeroizing<Vec<u8>>, CliError> {
        self.send(method, self.address(path), body).await
    }

    /// A list, page by page, until its end or so many elements.
    pub(crate) async fn list<T: for<'de> Deserialize<'de>>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        most: Option<usize>,
    ) -> Result<Vec<T>, CliError> {
        let mut listed = Vec::new();
        let mut next = self.address(path);
        next.query_pairs_mut().extend_pairs(query);
        loop {
            let page = self.send(Method::GET, next, None).await?;
            let page: Page<T> = parse(&page)?;
            listed.extend(page.value);
            let enough = most.is_some_and(|most| listed.len() >= most);
            match page.next_link {
                Some(link) if !enough && !link.is_empty() => next = self.next(&link)?,
                _ => break,
            }
        }
        listed.truncate(most.unwrap_or(usize::MAX));
        Ok(listed)
    }

    fn address(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(path);
        url.query_pairs_mut().append_pair("api-version", self.api_version);
        url
    }

    /// The next page must be at this vault: the token goes there.
    fn next(&self, link: &str) -> Result<Url, CliError> {
        Url::parse(link)
            .ok()
            .filter(|link| link.origin() == self.url.origin())
            .ok_or_else(|| CliError::failed("the next page of the list lies at another place"))
    }

    async fn send(
        &self,
        method: Method,
        url: Url,
        body: Option<Zeroizing<Vec<u8>>>,
    ) -> Result<Zeroizing<Vec<u8>>, CliError> {
        let body = body.map(|bytes| Body { content_type: JSON, bytes });
        let token = Some(self.token.clone());
        self.https.send(Request { method, url, token, body }).await?.done()
    }
}

/// An answer; what is wrong with it is told without what it holds.
pub(crate) fn parse<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, CliError> {
    serde_json::from_slice(body)
        .map_err(|_| CliError::failed("the vault answered what this program does not know"))
}
