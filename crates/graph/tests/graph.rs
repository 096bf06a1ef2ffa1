//! Microsoft Graph, asked as tools ask it.

#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use common::*;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use strongroom_audit::Start;

fn ids(answer: &Value) -> Vec<String> {
    let objects = answer["value"].as_array().unwrap().iter();
    objects.map(|object| object["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_application_is_found_under_each_of_its_names() {
    let graph = Graph::new().await;
    let (client, object) = (client_id(1), object_id(1));
    for path in [
        // az keyvault set-policy --spn, az role assignment create --assignee
        format!(
            "/servicePrincipals?$filter=servicePrincipalNames%2Fany%28c%3Ac%20eq%20\
             %27{client}%27%29"
        ),
        format!("/servicePrincipals?%24filter=appId+eq+'{client}'"),
        "/servicePrincipals?$filter=displayName eq 'Pipeline 1'".replace(' ', "%20"),
    ] {
        let answer = graph.get(&path).await;
        assert_eq!(ids(&answer), [object.to_string()], "{path}");
        let found = &answer["value"][0];
        assert_eq!(found["appId"], client.to_string());
        assert_eq!(found["servicePrincipalNames"], json!([client.to_string()]));
        assert_eq!(found["servicePrincipalType"], "Application");
        assert!(answer["@odata.context"].as_str().unwrap().ends_with("#servicePrincipals"));
    }
    for path in
        [format!("/servicePrincipals/{object}"), format!("/servicePrincipals(appId='{client}')")]
    {
        let answer = graph.get(&path).await;
        assert_eq!(answer["id"], object.to_string(), "{path}");
        assert_eq!(answer["displayName"], "Pipeline 1");
    }
    let application = graph.get(&format!("/applications?$filter=appId%20eq%20'{client}'")).await;
    let id = application["value"][0]["id"].as_str().unwrap();
    assert_ne!(id, object.to_string(), "an application and its service principal are two objects");
    assert_eq!(graph.get(&format!("/applications/{id}")).await["appId"], client.to_string());
}

#[tokio::test]
async fn a_client_secret_is_listed_without_its_value_or_digest() {
    let graph = Graph::new().await;
    let path = format!("/applications(appId='{}')", client_id(1));
    let credential = graph.get(&path).await["passwordCredentials"][0].clone();
    assert_eq!(credential["secretText"], Value::Null);
    assert_eq!(credential["startDateTime"], "2026-01-01T00:01:40Z");
    let members: Vec<&String> = credential.as_object().unwrap().keys().collect();
    assert_eq!(members.len(), 7, "{members:?}");
}

#[tokio::test]
async fn people_are_found_by_name_and_mail() {
    let graph = Graph::new().await;
    for path in [
        "/users?$filter=userPrincipalName%20eq%20'ada%40example.com'",
        "/users?$filter=mail%20eq%20'ADA%40example.com'",
        "/users?$filter=startswith(displayName,'ada')",
    ] {
        assert_eq!(ids(&graph.get(path).await), [USER.to_string()], "{path}");
    }
    for path in [format!("/users/{USER}"), "/users/ada@example.com".to_owned()] {
        let user = graph.get(&path).await;
        assert_eq!(user["userPrincipalName"], "ada@example.com", "{path}");
        assert_eq!(user.get("accountEnabled"), None, "shown only when it is selected");
    }
    let user = graph.get(&format!("/users/{USER}?$select=id,accountEnabled")).await;
    let members: Vec<&String> = user.as_object().unwrap().keys().collect();
    assert_eq!(members, ["@odata.context", "accountEnabled", "id"]);
}

#[tokio::test]
async fn groups_lie_in_groups_also_in_a_circle() {
    let graph = Graph::new().await;
    let (inner, outer) = (INNER.to_string(), OUTER.to_string());
    let object = object_id(1);
    let member_of = graph.get(&format!("/servicePrincipals/{object}/memberOf")).await;
    assert_eq!(ids(&member_of), [inner.as_str()]);
    assert_eq!(member_of["value"][0]["@odata.type"], "#microsoft.graph.group");
    let path = format!("/servicePrincipals/{object}/transitiveMemberOf");
    assert_eq!(ids(&graph.get(&path).await), [inner.as_str(), &outer]);
    let members = graph.get(&format!("/groups/{INNER}/members")).await;
    assert_eq!(ids(&members), [USER.to_string(), object.to_string(), outer.clone()]);
    assert_eq!(members["value"][0]["@odata.type"], "#microsoft.graph.user");
    let path = format!("/groups/{OUTER}/transitiveMembers");
    let all = [USER.to_string(), object.to_string(), inner.clone(), outer.clone()];
    assert_eq!(ids(&graph.get(&path).await), all);
    for path in [
        format!("/servicePrincipals/{object}/getMemberObjects"),
        format!("/directoryObjects/{object}/getMemberGroups"),
    ] {
        let found = graph.post(&path, &json!({ "securityEnabledOnly": false })).await;
        assert_eq!(found["value"], json!([inner, outer]), "{path}");
    }
    let asked = json!({ "groupIds": [outer, "00000000-0000-0000-0000-000000000099"] });
    let path = format!("/directoryObjects/{object}/checkMemberGroups");
    assert_eq!(graph.post(&path, &asked).await["value"], json!([outer]));
    assert_eq!(ids(&graph.get("/groups?$filter=displayName%20eq%20'inner'").await), [inner]);
}

#[tokio::test]
async fn ids_are_told_apart_by_type() {
    let graph = Graph::new().await;
    let object = object_id(1).to_string();
    let unknown = "00000000-0000-0000-0000-000000000099";
    let asked = json!({
        "ids": [object, USER.to_string(), INNER.to_string(), unknown, FOREIGN.to_string()],
        "types": ["user", "group", "servicePrincipal", "directoryObjectPartnerReference"],
    });
    let found = graph.post("/directoryObjects/getByIds", &asked).await;
    let types: Vec<(&str, &str)> = found["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| (o["id"].as_str().unwrap(), o["@odata.type"].as_str().unwrap()))
        .collect();
    let (user, inner) = (USER.to_string(), INNER.to_string());
    assert_eq!(
        types,
        [
            (object.as_str(), "#microsoft.graph.servicePrincipal"),
            (user.as_str(), "#microsoft.graph.user"),
            (inner.as_str(), "#microsoft.graph.group"),
        ]
    );
    let only = json!({ "ids": [object, user], "types": ["user"] });
    assert_eq!(ids(&graph.post("/directoryObjects/getByIds", &only).await), [user]);
    let one = graph.get(&format!("/directoryObjects/{object}")).await;
    assert_eq!(one["@odata.type"], "#microsoft.graph.servicePrincipal");
    let many = json!({ "ids": vec![object; 1_001] });
    let (status, _) = graph.ask(Method::POST, "/directoryObjects/getByIds", Some(&many)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn pages_come_in_order_and_lose_nothing() {
    let graph = Graph::new().await;
    let mut path = "/servicePrincipals?$top=3&$select=id&$count=true".to_owned();
    let (mut found, mut pages) = (Vec::new(), 0);
    loop {
        let page = graph.get(&path).await;
        assert_eq!(page["@odata.count"], 8);
        found.extend(ids(&page));
        pages += 1;
        let Some(next) = page["@odata.nextLink"].as_str() else { break };
        assert_eq!(page["value"].as_array().unwrap().len(), 3);
        path = next.strip_prefix("https://graph.localhost:8443/v1.0").unwrap().to_owned();
    }
    let expected: Vec<String> = (1..=8).map(|n| object_id(n).to_string()).collect();
    assert_eq!((found, pages), (expected, 3));
}

#[tokio::test]
async fn another_tenant_is_not_seen() {
    let graph = Graph::new().await;
    let (client, foreign) = (client_id(100), FOREIGN.to_string());
    let path = format!("/servicePrincipals?$filter=appId%20eq%20'{client}'");
    assert_eq!(ids(&graph.get(&path).await), [""; 0]);
    for path in [
        format!("/servicePrincipals/{foreign}"),
        format!("/servicePrincipals(appId='{client}')"),
        format!("/directoryObjects/{foreign}"),
        format!("/servicePrincipals/{foreign}/memberOf"),
    ] {
        let (status, body) = graph.ask(Method::GET, &path, None).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(body["error"]["code"], "Request_ResourceNotFound");
    }
    // A member of another tenant is in a group, and is not shown.
    assert!(!graph.get(&format!("/groups/{OUTER}/members")).await.to_string().contains(&foreign));
}

#[tokio::test]
async fn an_application_is_nobodys_me() {
    let graph = Graph::new().await;
    let (status, body) = graph.ask(Method::GET, "/me", None).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let error = &body["error"];
    assert_eq!(error["message"], "/me request is only valid with delegated authentication flow.");
    assert_eq!(error["innerError"]["date"], "2026-01-01T00:01:40");
    let members: Vec<&String> = error["innerError"].as_object().unwrap().keys().collect();
    assert_eq!(members, ["client-request-id", "date", "request-id"]);
}

#[tokio::test]
async fn nothing_is_changed_here() {
    let graph = Graph::new().await;
    let object = object_id(1);
    for (method, path) in [
        (Method::POST, "/applications".to_owned()),
        (Method::POST, "/groups".to_owned()),
        (Method::POST, format!("/groups/{INNER}/members/$ref")),
        (Method::DELETE, format!("/groups/{INNER}/members/{object}/$ref")),
        (Method::PATCH, format!("/servicePrincipals/{object}")),
        (Method::DELETE, format!("/servicePrincipals/{object}")),
        (Method::POST, format!("/servicePrincipals/{object}/addPassword")),
    ] {
        let (status, body) = graph.ask(method.clone(), &path, Some(&json!({}))).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path}");
        assert_eq!(body["error"]["code"], "Authorization_RequestDenied");
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.contains("strongroom identity"), "{message}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_in_the_words_of_graph() {
    let graph = Graph::new().await;
    for (path, status, code) in [
        ("/unknown", 400, "BadRequest"),
        ("/groups/x", 400, "Request_BadRequest"),
        ("/users/nobody@example.com", 404, "Request_ResourceNotFound"),
        ("/groups/00000000-0000-0000-0000-000000000099", 404, "Request_ResourceNotFound"),
        ("/groups?$filter=password%20eq%20'x'", 400, "BadRequest"),
        ("/groups?$filter=displayName%20eq", 400, "BadRequest"),
        ("/groups?$top=5000", 400, "Request_BadRequest"),
        ("/groups?$orderby=displayName", 400, "Request_UnsupportedQuery"),
    ] {
        let (found, body) = graph.ask(Method::GET, path, None).await;
        assert_eq!(found.as_u16(), status, "{path}");
        assert_eq!(body["error"]["code"], code, "{path}");
    }
}

#[tokio::test]
async fn only_tokens_for_graph_open_it() {
    let graph = Graph::new().await;
    for audience in ["https://graph.localhost:8443", "https://graph.microsoft.com/"] {
        let token = token(&claims_with("aud", json!(audience)));
        let (status, _) = graph.with(Some(&token), Method::GET, "/v1.0/groups", None).await;
        assert_eq!(status, StatusCode::OK, "{audience}");
    }
    let refused = [
        None,
        Some("x".to_owned()),
        Some(token(&claims_with("aud", json!("https://vault.localhost:8443")))),
        Some(token(&claims_with("aud", json!("https://management.core.windows.net/")))),
        Some(token(&claims_with("exp", json!(NOW.0 - 1)))),
        Some(token(&claims_with("oid", json!(USER.to_string())))),
    ];
    for token in refused {
        let (status, body) = graph.with(token.as_deref(), Method::GET, "/v1.0/groups", None).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_eq!(body["error"]["code"], "InvalidAuthenticationToken");
        assert!(!body.to_string().contains("inner\""), "nothing of the directory is told");
    }
}

#[tokio::test]
async fn every_answer_has_its_record() {
    let graph = Graph::new().await;
    graph.get("/groups?$filter=displayName%20eq%20'private'").await;
    graph.ask(Method::POST, "/groups", Some(&json!({}))).await;
    graph.with(None, Method::GET, "/v1.0/me", None).await;
    let mut tail = graph.audit.tail(Start::Oldest).unwrap();
    let found: Vec<(String, u16, bool)> = std::iter::from_fn(|| tail.poll().unwrap())
        .map(|record| {
            assert!(!record.request_uri.contains("private"), "{}", record.request_uri);
            (record.operation.into_owned(), record.http_status, record.identity.app_id.is_some())
        })
        .collect();
    let expected = [
        ("DirectoryRead".to_owned(), 200, true),
        ("DirectoryWrite".to_owned(), 403, true),
        ("DirectoryRead".to_owned(), 401, false),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn what_cannot_be_audited_is_not_answered() {
    let graph = Graph::new().await;
    graph.audit.close().await.unwrap();
    let (status, body) = graph.ask(Method::GET, "/groups", None).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!body.to_string().contains("inner\""), "{body}");
}
