//! `GET /metadata/endpoints`: where an installation's services are. What `az cloud register` asks
//! for, and nothing else; anybody may ask.

use http::Method;
use http::request::Parts;
use serde_json::{Value, json};
use strongroom_model::Endpoints;

use crate::{Problem, Query, Reply, Target};

/// The region of what has none of its own.
pub(crate) const LOCATION: &str = "global";

/// Whether a path asks for the endpoints.
pub(crate) fn is_asked(target: &Target) -> bool {
    target.namespace().is_none() && target.route() == ["metadata", "endpoints"]
}

pub(crate) fn answer(endpoints: &Endpoints, head: &Parts) -> Reply {
    let query = Query::parse(head.uri.query());
    let outcome = match (&head.method, query.get("api-version")) {
        (&Method::GET | &Method::HEAD, Some("2015-01-01")) => Reply::ok(&first(endpoints)),
        (&Method::GET | &Method::HEAD, _) => Reply::ok(&document(endpoints)),
        (other, _) => Err(Problem::method(other)),
    };
    outcome.unwrap_or_else(|problem| problem.reply())
}

/// The audiences of tokens for the control plane; az asks for the first.
fn audiences(endpoints: &Endpoints) -> [String; 3] {
    [
        endpoints.url("management"),
        "https://management.core.windows.net/".into(),
        "https://management.azure.com/".into(),
    ]
}

fn document(endpoints: &Endpoints) -> Value {
    let host = |label: &str| endpoints.url(label).replacen("https://", "", 1);
    let slashed = |label: &str| endpoints.url(label) + "/";
    json!({
        "name": "Strongroom",
        "portal": slashed("portal"),
        "authentication": {
            "loginEndpoint": slashed("login"),
            "audiences": audiences(endpoints),
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "resourceManager": slashed("management"),
        "graph": slashed("graph"),
        "graphAudience": slashed("graph"),
        "microsoftGraphResourceId": slashed("graph"),
        "media": "",
        "batch": "",
        "gallery": "",
        "sqlManagement": "",
        "vmImageAliasDoc": "",
        "activeDirectoryDataLake": "",
        "suffixes": {
            "keyVaultDns": host("vault"),
            "mhsmDns": host("managedhsm"),
            "storage": host("storage"),
            "acrLoginServer": host("azurecr"),
        },
    })
}

/// As the first version had it.
fn first(endpoints: &Endpoints) -> Value {
    json!({
        "galleryEndpoint": "",
        "graphEndpoint": endpoints.url("graph") + "/",
        "portalEndpoint": endpoints.url("portal") + "/",
        "authentication": {
            "loginEndpoint": endpoints.url("login") + "/",
            "audiences": audiences(endpoints),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What az 2.91 and Terraform read of it: without one of these they fail.
    #[test]
    fn az_and_terraform_find_what_they_need() {
        let found = document(&Endpoints::new("localhost", 8443));
        assert_eq!(found["authentication"]["loginEndpoint"], "https://login.localhost:8443/");
        assert_eq!(found["authentication"]["audiences"][0], "https://management.localhost:8443");
        assert_eq!(found["suffixes"]["keyVaultDns"], "vault.localhost:8443");
        assert_eq!(found["resourceManager"], "https://management.localhost:8443/");
        assert_eq!(found["microsoftGraphResourceId"], "https://graph.localhost:8443/");
        assert!(found["name"].is_string());
    }

    #[test]
    fn a_doubled_slash_asks_for_them_too() {
        assert!(is_asked(&Target::parse("//metadata/endpoints")));
        assert!(is_asked(&Target::parse("/metadata/endpoints")));
        assert!(!is_asked(&Target::parse("/subscriptions/metadata/endpoints")));
    }
}
