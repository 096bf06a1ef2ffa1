//! Conditions: the grammar, what is refused when they are written, and the documented cases.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::sync::Arc;

use strongroom_authz::condition::{Attributes, Facts, holds};
use strongroom_authz::{
    AssignmentFacts, Decision, evaluate, permitted, permitted_to_assign, permitted_to_unassign,
    roles,
};
use strongroom_model::{
    Assignments, Caller, Condition, DataAction, IdentityType, Kind, PrincipalId, PrincipalType,
    RoleAssignment, RoleAssignmentId, RoleDefinitionId, Scope, TenantId,
};
use uuid::Uuid;

const CALLER: PrincipalId = PrincipalId(Uuid::from_u128(2));
const VAULT: &str = "/subscriptions/7e3b9b4a-0c7e-4f0e-9f2b-2b1f3d1b8c11/resourceGroups/rg\
                     /providers/Microsoft.KeyVault/vaults/Payments";

fn caller() -> Caller {
    Caller {
        tenant: TenantId(Uuid::from_u128(1)),
        object_id: CALLER,
        app_id: Some("app".to_owned()),
        upn: None,
        groups: Vec::new(),
        identity_type: IdentityType::App,
        issuer: String::new(),
    }
}

fn vault() -> Scope {
    Scope::parse(VAULT).unwrap()
}

/// The caller holds a built-in role at the vault, under a condition.
fn holding(role: &str, condition: Option<&str>) -> Assignments {
    let mut table = Assignments::default();
    for role in roles::builtin() {
        table.put_role(Arc::new(role.clone()));
    }
    let role = roles::by_name(role).unwrap().id;
    let id = RoleAssignmentId(Uuid::from_u128(3));
    let mut assignment = RoleAssignment::new(id, CALLER, role, vault());
    assignment.condition = condition.map(|text| Condition::parse(text).unwrap());
    table.put_assignment(Arc::new(assignment));
    table
}

fn may(table: &Assignments, action: DataAction, secret: Option<&str>) -> bool {
    let object = secret.map(|name| (Kind::Secret, name));
    matches!(evaluate(&caller(), action, &vault(), object, table), Decision::Allowed(_))
}

/// The example of the Key Vault documentation: read secrets whose name begins so.
const READ_SOME: &str = "((!(ActionMatches{'Microsoft.KeyVault/vaults/secrets/getSecret/action'}) \
                         AND !(ActionMatches{'Microsoft.KeyVault/vaults/secrets/readMetadata\
                         /action'})) OR (@Resource[Microsoft.KeyVault/vaults/secrets:name] \
                         StringStartsWith 'test-app'))";

#[test]
fn a_name_condition_opens_the_secrets_it_names_and_closes_lists() {
    use DataAction::{SecretsDelete, SecretsGet, SecretsReadMetadata};
    let table = holding("Key Vault Secrets Officer", Some(READ_SOME));
    for (action, secret, expected) in [
        (SecretsGet, Some("test-app-password"), true),
        (SecretsGet, Some("TEST-APP-password"), true),
        (SecretsGet, Some("other"), false),
        (SecretsGet, Some("a-test-app"), false),
        (SecretsReadMetadata, Some("test-app"), true),
        (SecretsReadMetadata, None, false),
        (SecretsDelete, Some("other"), true),
    ] {
        assert_eq!(may(&table, action, secret), expected, "{action} {secret:?}");
    }
}

#[test]
fn what_is_set_is_asked_of_the_request() {
    let condition = |source: &str| {
        format!(
            "!(ActionMatches{{'Microsoft.KeyVault/vaults/secrets/setSecret/action'}}) OR \
             @{source}[Microsoft.KeyVault/vaults/secrets:name] StringLike 'app?-*'"
        )
    };
    let by_request = holding("Key Vault Secrets Officer", Some(&condition("Request")));
    assert!(may(&by_request, DataAction::SecretsSet, Some("app1-x")));
    assert!(!may(&by_request, DataAction::SecretsSet, Some("app-x")));
    let by_resource = holding("Key Vault Secrets Officer", Some(&condition("Resource")));
    assert!(!may(&by_resource, DataAction::SecretsSet, Some("app1-x")), "there is no resource yet");
}

/// Another spelling of a name is the same secret.
#[test]
fn no_spelling_evades_a_condition() {
    let but = |test: &str| {
        let text = format!("@Resource[Microsoft.KeyVault/vaults/secrets:name] {test} 'prod'");
        holding("Key Vault Secrets User", Some(&text))
    };
    for name in ["prod", "PROD", "Prod"] {
        assert!(!may(&but("StringNotEquals"), DataAction::SecretsGet, Some(name)), "{name}");
        assert!(!may(&but("StringNotStartsWith"), DataAction::SecretsGet, Some(name)), "{name}");
        assert!(!may(&but("StringNotLike"), DataAction::SecretsGet, Some(name)), "{name}");
    }
    assert!(may(&but("StringNotEquals"), DataAction::SecretsGet, Some("test")));
    // Nor does a request that names no secret.
    assert!(!may(&but("StringNotEquals"), DataAction::SecretsReadMetadata, None));
    let negated =
        "!(@Resource[Microsoft.KeyVault/vaults/secrets:name] StringEqualsIgnoreCase 'prod')";
    let negated = holding("Key Vault Secrets User", Some(negated));
    assert!(!may(&negated, DataAction::SecretsReadMetadata, None));
}

#[test]
fn a_vault_is_told_by_its_name() {
    let on = |name: &str| {
        let text = format!("@Resource[Microsoft.KeyVault/vaults:name] StringEquals '{name}'");
        holding("Key Vault Administrator", Some(&text))
    };
    assert!(may(&on("payments"), DataAction::SecretsReadMetadata, None));
    assert!(!may(&on("payment"), DataAction::SecretsReadMetadata, None));
}

fn role(name: &str) -> RoleDefinitionId {
    roles::by_name(name).unwrap().id
}

/// Its condition is on the role itself: every assignment of it has it.
#[test]
fn a_data_access_administrator_gives_and_takes_key_vault_roles_only() {
    let table = holding("Key Vault Data Access Administrator", None);
    let facts = |role| AssignmentFacts {
        role,
        principal: CALLER,
        principal_type: Some(PrincipalType::ServicePrincipal),
    };
    for (name, expected) in [
        ("Key Vault Administrator", true),
        ("Key Vault Secrets User", true),
        ("Key Vault Crypto Service Encryption User", true),
        ("Owner", false),
        ("User Access Administrator", false),
        ("Key Vault Data Access Administrator", false),
        ("Key Vault Certificate User", false),
        ("Key Vault Crypto Service Release User", false),
        ("Key Vault Contributor", false),
    ] {
        let facts = facts(role(name));
        let assigns = permitted_to_assign(&caller(), facts, &vault(), &table);
        assert_eq!(assigns.is_ok(), expected, "assigns {name}");
        let unassigns = permitted_to_unassign(&caller(), facts, &vault(), &table);
        assert_eq!(unassigns.is_ok(), expected, "unassigns {name}");
    }
    let above = Scope::parse(VAULT.split("/providers").next().unwrap()).unwrap();
    let secrets_user = facts(role("Key Vault Secrets User"));
    assert!(permitted_to_assign(&caller(), secrets_user, &above, &table).is_err());
    // Without saying which role, nothing may be written.
    let write = "Microsoft.Authorization/roleAssignments/write";
    assert!(permitted(&caller(), write, &vault(), &table).is_err());
    assert!(permitted(&caller(), "Microsoft.KeyVault/vaults/write", &vault(), &table).is_err());
}

fn truth(text: &str) -> Option<bool> {
    let facts = Facts {
        action: "Microsoft.Authorization/roleAssignments/write",
        request: Attributes {
            assignment: Some(AssignmentFacts {
                role: RoleDefinitionId(Uuid::from_u128(7)),
                principal: PrincipalId(Uuid::from_u128(8)),
                principal_type: Some(PrincipalType::User),
            }),
            secret: Some("abcd"),
            vault: None,
        },
        resource: Attributes::default(),
    };
    holds(&Condition::parse(text).unwrap(), &facts)
}

#[test]
fn operators_do_as_documented() {
    let name = "@Request[Microsoft.KeyVault/vaults/secrets:name]";
    let kind = "@Request[Microsoft.Authorization/roleAssignments:PrincipalType]";
    let role = "@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId]";
    let absent = "@Resource[Microsoft.KeyVault/vaults:name]";
    let seven = "00000000-0000-0000-0000-000000000007";
    let eight = "00000000-0000-0000-0000-000000000008";
    for (text, expected) in [
        ("ActionMatches{'Microsoft.Authorization/roleAssignments/*'}".to_owned(), Some(true)),
        ("ActionMatches{'Microsoft.Authorization/roleDefinitions/*'}".to_owned(), Some(false)),
        ("SubOperationMatches{'x'}".to_owned(), Some(false)),
        (format!("{name} StringLike 'a*c?'"), Some(true)),
        (format!("{name} StringLike 'a*c'"), Some(false)),
        (format!(r"{name} StringLike 'abc\?'"), Some(false)),
        (format!("{kind} StringLike 'U*'"), Some(true)),
        (format!("{kind} StringLike 'u*'"), Some(false)),
        (format!("{kind} StringLikeIgnoreCase 'u*'"), Some(true)),
        (format!("{kind} StringEquals 'user'"), Some(false)),
        (format!("{kind} StringEqualsIgnoreCase 'user'"), Some(true)),
        (format!("{kind} StringNotEqualsIgnoreCase 'user'"), Some(false)),
        (format!("{kind} StringStartsWith 'Us'"), Some(true)),
        (format!("{kind} StringNotStartsWithIgnoreCase 'us'"), Some(false)),
        (format!("{kind} ForAnyOfAnyValues:StringEquals {{'Group', 'User'}}"), Some(true)),
        (format!("{kind} ForAllOfAllValues:StringEquals {{'Group', 'User'}}"), Some(false)),
        (format!("{kind} ForAnyOfAllValues:StringNotEquals {{'Group', 'Device'}}"), Some(true)),
        (format!("{role} ForAnyOfAnyValues:GuidEquals {{{eight}, {seven}}}"), Some(true)),
        (format!("{role} ForAnyOfAllValues:GuidNotEquals {{{eight}, {seven}}}"), Some(false)),
        (format!("{role} GuidEquals '{eight}'"), Some(false)),
        (format!("Exists {name} and not exists {absent}"), Some(true)),
        (format!("NotExists {absent}"), Some(true)),
        (format!("{absent} StringNotEquals 'x'"), None),
        (format!("!({absent} StringEquals 'x') || Exists {name}"), Some(true)),
        (format!("!({absent} StringEquals 'x') && Exists {name}"), None),
        (format!("{name} StringEquals {name}"), Some(true)),
        (
            "@Principal[Microsoft.Directory/CustomSecurityAttributes/Id:E_P] StringEquals 'x'"
                .into(),
            None,
        ),
        // AND binds closer than OR.
        (format!("Exists {name} OR Exists {name} AND Exists {absent}"), Some(true)),
    ] {
        assert_eq!(truth(&text), expected, "{text}");
    }
}

#[test]
fn what_cannot_be_evaluated_is_refused_when_it_is_written() {
    let name = "@Request[Microsoft.KeyVault/vaults/secrets:name]";
    for bad in [
        "",
        "true",
        "ActionMatches",
        "ActionMatches{}",
        "ActionMatches{'x'",
        "ActionMatches{'x} OR",
        "(ActionMatches{'x'}",
        "ActionMatches{'x'})",
        "ActionMatches{'x'} ActionMatches{'y'}",
        "ActionMatches{'x'} XOR ActionMatches{'y'}",
        "@Environment[UtcNow] DateTimeGreaterThan '2024-01-01'",
        "@Resource[Microsoft.Storage/storageAccounts:name] StringEquals 'x'",
        "@Principal[Microsoft.KeyVault/vaults:name] StringEquals 'x'",
        "@Resource[Microsoft.KeyVault/vaults:name StringEquals 'x'",
        &format!("{name} NumericEquals 1"),
        &format!("{name} GuidEquals {{00000000-0000-0000-0000-000000000007}}"),
        &format!("{name} ForSomeOfAnyValues:StringEquals {{'a'}}"),
        "@Request[Microsoft.Authorization/roleAssignments:PrincipalId] StringEquals 'x'",
        "@Request[Microsoft.Authorization/roleAssignments:PrincipalId] GuidEquals {x}",
        &format!("{name} StringEquals"),
        &format!("{}{}", "!".repeat(100_000), "ActionMatches{'x'}"),
        &format!("{}ActionMatches{{'x'}}{}", "(".repeat(40), ")".repeat(40)),
        &format!("ActionMatches{{'{}'}}", "x".repeat(9000)),
        "\u{feff}é",
    ] {
        let refused = Condition::parse(bad);
        assert!(refused.is_err(), "{}", bad.chars().take(80).collect::<String>());
    }
}
