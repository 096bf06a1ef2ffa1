//! Two tenants of one installation meet at `/`: neither sees nor changes what is the other's there.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failure is a failed test")]

mod common;

use common::{FOREIGN, Installation, OTHER, OTHER_SUBSCRIPTION, Who};
use http::Method;
use serde_json::{Value, json};
use strongroom_authz::roles;
use strongroom_model::PrincipalId;
use uuid::Uuid;

const ASSIGNMENTS: &str = "/providers/Microsoft.Authorization/roleAssignments";
const DENIALS: &str = "/providers/Microsoft.Authorization/denyAssignments";

fn ids(list: &Value) -> Vec<&str> {
    list["value"].as_array().unwrap().iter().map(|held| held["id"].as_str().unwrap()).collect()
}

fn assignment(principal: PrincipalId, role: &str) -> Value {
    let role = roles::by_name(role).unwrap().id;
    json!({ "properties": {
        "roleDefinitionId": format!("/providers/Microsoft.Authorization/roleDefinitions/{role}"),
        "principalId": principal.to_string(),
        "principalType": "ServicePrincipal",
    }})
}

fn denial(principal: PrincipalId) -> Value {
    json!({ "properties": {
        "denyAssignmentName": "no", "permissions": [{ "actions": ["*"] }],
        "principals": [{ "id": principal.to_string(), "type": "ServicePrincipal" }],
    }})
}

/// Two administrators at `/`, one of each tenant, and their assignments.
async fn two_administrators() -> (Installation, String, String) {
    let here = Installation::new().await;
    let role = "User Access Administrator";
    let owners = here.assign_at_root(role, here.owner.object_id).await;
    let foreign = here.assign_at_root(role, FOREIGN).await;
    (here, owners, foreign)
}

#[tokio::test]
async fn the_root_shows_the_callers_tenant_only() {
    let (here, owners, foreign) = two_administrators().await;
    // Of an external issuer, given on the host: the default tenant's.
    let strangers = here.assign_at_root("Reader", PrincipalId(Uuid::from_u128(77))).await;
    let (status, list) = here.ask(Who::Owner, Method::GET, ASSIGNMENTS, None).await;
    assert_eq!(status, 200, "{list}");
    let found = ids(&list);
    assert!(found.contains(&owners.as_str()) && found.contains(&strangers.as_str()), "{list}");
    assert!(!found.contains(&foreign.as_str()), "{list}");
    assert_eq!(here.ask(Who::Owner, Method::GET, &owners, None).await.0, 200);
    assert_eq!(here.ask(Who::Owner, Method::GET, &foreign, None).await.0, 404);
    // What the root gives is seen from below, by either tenant its own.
    for (who, subscription, own, others) in [
        (Who::Owner, here.owner.subscription, &owners, &foreign),
        (Who::Foreign, OTHER_SUBSCRIPTION, &foreign, &owners),
    ] {
        let below = format!("/subscriptions/{subscription}{ASSIGNMENTS}");
        let (status, list) = here.ask(who, Method::GET, &below, None).await;
        assert_eq!(status, 200, "{list}");
        assert!(ids(&list).contains(&own.as_str()), "{who:?}: {list}");
        assert!(!ids(&list).contains(&others.as_str()), "{who:?}: {list}");
        let is_owner = matches!(who, Who::Owner);
        assert_eq!(ids(&list).contains(&strangers.as_str()), is_owner, "{list}");
    }
}

#[tokio::test]
async fn nobody_changes_what_is_another_tenants_at_the_root() {
    let (here, _, foreign) = two_administrators().await;
    let (status, _) = here.ask(Who::Owner, Method::DELETE, &foreign, None).await;
    assert_eq!(status, 204, "as if there were none");
    let again = assignment(FOREIGN, "User Access Administrator");
    let (status, body) = here.ask(Who::Owner, Method::PUT, &foreign, Some(again)).await;
    assert_eq!((status, &body["error"]["code"]), (400, &json!("PrincipalNotFound")));
    let below = format!("/subscriptions/{OTHER_SUBSCRIPTION}{ASSIGNMENTS}");
    let (_, list) = here.ask(Who::Foreign, Method::GET, &below, None).await;
    assert_eq!(ids(&list), [foreign.as_str()], "still there");

    // Nor does one tenant give anything to a principal of the other.
    for (who, scope, principal) in [
        (Who::Owner, String::new(), FOREIGN),
        (Who::Owner, format!("/subscriptions/{}", here.owner.subscription), FOREIGN),
        (Who::Foreign, format!("/subscriptions/{OTHER_SUBSCRIPTION}"), here.owner.object_id),
    ] {
        let path = format!("{scope}{ASSIGNMENTS}/{}", Uuid::new_v4());
        let given = assignment(principal, "Owner");
        let (status, body) = here.ask(who, Method::PUT, &path, Some(given)).await;
        assert_eq!((status, &body["error"]["code"]), (400, &json!("PrincipalNotFound")), "{path}");
    }
}

#[tokio::test]
async fn deny_assignments_at_the_root_are_their_tenants() {
    let (here, ..) = two_administrators().await;
    let own = format!("{DENIALS}/{}", Uuid::new_v4());
    let somebody = denial(PrincipalId(Uuid::from_u128(78)));
    let made = here.ask(Who::Owner, Method::PUT, &own, Some(somebody)).await;
    assert_eq!(made.0, 201, "{}", made.1);
    let path = format!("{DENIALS}/{}", Uuid::new_v4());
    let made = here.ask(Who::Owner, Method::PUT, &path, Some(denial(FOREIGN))).await;
    assert_eq!((made.0, &made.1["error"]["code"]), (400, &json!("PrincipalNotFound")));
    let others = here.deny_at_root("Microsoft.KeyVault/*", FOREIGN).await;
    assert_eq!(ids(&here.ask(Who::Owner, Method::GET, DENIALS, None).await.1), [own.as_str()]);
    assert_eq!(here.ask(Who::Owner, Method::GET, &own, None).await.0, 200);
    assert_eq!(here.ask(Who::Owner, Method::GET, &others, None).await.0, 404);
    let taken_over = denial(here.owner.object_id);
    assert_eq!(here.ask(Who::Owner, Method::PUT, &others, Some(taken_over)).await.0, 400);
    assert_eq!(here.ask(Who::Owner, Method::DELETE, &others, None).await.0, 204);
    let below = format!("/subscriptions/{OTHER_SUBSCRIPTION}{DENIALS}");
    let (_, list) = here.ask(Who::Foreign, Method::GET, &below, None).await;
    assert_eq!(ids(&list), [others.as_str()]);
    assert_eq!(here.ask(Who::Owner, Method::DELETE, &own, None).await.0, 200);
}

#[tokio::test]
async fn a_subscription_of_another_tenant_is_none() {
    let (here, ..) = two_administrators().await;
    assert_ne!(here.owner.tenant, OTHER);
    let path = format!("/subscriptions/{}", here.owner.subscription);
    let (status, _) = here.ask(Who::Foreign, Method::GET, &path, None).await;
    assert_eq!(status, 401);
    let (status, _) = here.ask(Who::Foreign, Method::GET, ASSIGNMENTS, None).await;
    assert_eq!(status, 401, "what is below no subscription takes tokens of the default tenant");
}
