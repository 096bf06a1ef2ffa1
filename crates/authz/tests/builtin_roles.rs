//! The built-in roles against the published definitions.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use serde_json::Value;
use strongroom_authz::roles;
use strongroom_model::{DataAction, RoleDefinition, RoleDefinitionId};

/// Derived from MicrosoftDocs/azure-docs built-in-roles/security.md @03e5750; see its `source`.
const PUBLISHED: &str = include_str!("vault-builtin-roles.json");

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|s| s.as_str().unwrap()).collect()
}

fn named(name: &str) -> &'static RoleDefinition {
    roles::by_name(name).unwrap()
}

#[test]
fn every_published_key_vault_role_is_built_in_letter_by_letter() {
    let published: Value = serde_json::from_str(PUBLISHED).unwrap();
    let published = published["roles"].as_array().unwrap();
    assert_eq!(published.len(), 12);
    assert_eq!(roles::builtin().len(), published.len() + 4, "and the four general roles");
    for role in published {
        let id: RoleDefinitionId = role["name"].as_str().unwrap().parse().unwrap();
        let ours = roles::by_id(id).unwrap();
        let [permission] = role["permissions"].as_array().unwrap().as_slice() else {
            panic!("{} has several permissions", ours.name)
        };
        assert_eq!(ours.name, role["roleName"]);
        assert_eq!(ours.permissions.actions, strings(&permission["actions"]));
        assert_eq!(ours.permissions.not_actions, strings(&permission["notActions"]));
        assert_eq!(ours.permissions.data_actions, strings(&permission["dataActions"]));
        assert_eq!(ours.permissions.not_data_actions, strings(&permission["notDataActions"]));
        let condition = permission.get("condition").map(|c| c.as_str().unwrap());
        assert_eq!(ours.condition.as_ref().map(|c| c.as_str()), condition);
    }
}

#[test]
fn ids_and_names_are_unique_and_names_are_found_in_any_case() {
    for (at, role) in roles::builtin().iter().enumerate() {
        assert!(roles::builtin()[at + 1..].iter().all(|other| other.id != role.id));
        assert_eq!(roles::by_name(&role.name.to_uppercase()).unwrap().id, role.id);
        assert_eq!(roles::by_id(role.id).unwrap().name, role.name);
        assert!(!role.description.is_empty() && role.is_built_in(), "{}", role.name);
    }
    assert!(roles::by_name("Key Vault").is_none());
}

#[test]
fn general_roles_reach_no_data() {
    for name in ["Owner", "Contributor", "Reader", "User Access Administrator"] {
        assert!(DataAction::ALL.iter().all(|a| !named(name).allows(*a)), "{name}");
    }
}

#[test]
fn key_vault_roles_grant_what_their_descriptions_say() {
    use DataAction::{CertificatesRead, KeysSign, SecretsGet, SecretsPurge, SecretsReadMetadata};
    for (role, granted, refused) in [
        ("Key Vault Administrator", &[SecretsGet, SecretsPurge, KeysSign][..], &[][..]),
        ("Key Vault Secrets Officer", &[SecretsGet, SecretsPurge], &[KeysSign, CertificatesRead]),
        ("Key Vault Secrets User", &[SecretsGet, SecretsReadMetadata], &[SecretsPurge]),
        ("Key Vault Reader", &[SecretsReadMetadata, CertificatesRead], &[SecretsGet, KeysSign]),
        ("Key Vault Crypto User", &[KeysSign], &[SecretsGet, SecretsReadMetadata]),
        ("Key Vault Contributor", &[], &[SecretsGet, SecretsReadMetadata, KeysSign]),
    ] {
        assert!(granted.iter().all(|a| named(role).allows(*a)), "{role}");
        assert!(refused.iter().all(|a| !named(role).allows(*a)), "{role}");
    }
}
