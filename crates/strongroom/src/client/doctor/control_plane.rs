//! What the control plane tells this environment's own sign-in, where it has the rights.

use reqwest::header::HeaderValue;
use reqwest::{Method, Url};
use serde_json::Value;

use super::super::https::{HttpsClient, Request, bearer};
use super::super::installation::Installation;
use super::super::sign_in;
use super::super::vault::listed;

const KEY_VAULT: &str = "2026-02-01";
const SUBSCRIPTIONS: &str = "2022-12-01";

/// A control plane, and a token for it.
pub(super) struct ControlPlane {
    https: HttpsClient,
    base: Url,
    token: HeaderValue,
}

impl ControlPlane {
    /// Signs in; `None` where that does not succeed.
    pub(super) async fn open(user: &Installation) -> Option<Self> {
        let management = user.endpoints.url("management");
        let endpoint = sign_in::token_endpoint(user).ok()?;
        let base = Url::parse(&management).ok()?;
        let https = HttpsClient::new(user, &[&endpoint, &base]).ok()?;
        let credential = user.credential.as_ref()?;
        let token = sign_in::access_token(&https, &endpoint, credential, &management).await.ok()?;
        Some(Self { https, base, token: bearer(&token).ok()? })
    }

    /// The deleted vault of a name, among those that may be seen.
    pub(super) async fn deleted(&self, vault: &str) -> Option<Value> {
        let seen = self.get("/subscriptions", SUBSCRIPTIONS, &[]).await?;
        for subscription in listed(seen).as_array()? {
            let id = subscription.get("subscriptionId").and_then(Value::as_str)?;
            let path = format!("/subscriptions/{id}/providers/Microsoft.KeyVault/deletedVaults");
            let deleted = self.get(&path, KEY_VAULT, &[]).await.map(listed).unwrap_or_default();
            let is_it = |one: &&Value| {
                let name = one.get("name").and_then(Value::as_str);
                name.is_some_and(|name| name.eq_ignore_ascii_case(vault))
            };
            if let Some(found) = deleted.as_array().and_then(|all| all.iter().find(is_it)) {
                return Some(found.clone());
            }
        }
        None
    }

    /// Why somebody may not do an action at a vault, on an object of it if one is named.
    pub(super) async fn explain(
        &self,
        vault_scope: &str,
        principal: &str,
        action: &str,
        object: Option<&str>,
    ) -> Option<Value> {
        let mut query = vec![("principalId", principal), ("operation", action)];
        query.extend(object.map(|object| ("object", object)));
        let path = format!("{vault_scope}/explainAccess");
        self.get(&path, KEY_VAULT, &query).await?.get("properties").cloned()
    }

    async fn get(&self, path: &str, version: &str, query: &[(&str, &str)]) -> Option<Value> {
        let mut url = self.base.clone();
        url.set_path(path);
        url.query_pairs_mut().extend_pairs(query).append_pair("api-version", version);
        let token = Some(self.token.clone());
        let request = Request { method: Method::GET, url, token, body: None };
        serde_json::from_slice(&self.https.send(request).await.ok()?.done().ok()?).ok()
    }
}
