//! From an access to an admitted request, and every way it fails.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::sync::Arc;

use strongroom_authz::{
    Access, Authorized, Denied, Mismatch, Reason, RequestFacts, admit, authorise, roles,
};
use strongroom_model::{
    Assignments, Caller, IdentityType, ObjectName, Operation, PrincipalId, ResourceGroupName,
    RoleAssignment, RoleAssignmentId, Scope, SoftDelete, SubscriptionId, TenantId, Timestamp,
    VaultId, VaultName, VaultProperties, VaultResource,
};
use uuid::Uuid;

const TENANT: TenantId = TenantId(Uuid::from_u128(1));
const CALLER: PrincipalId = PrincipalId(Uuid::from_u128(2));
const ASSIGNMENT: RoleAssignmentId = RoleAssignmentId(Uuid::from_u128(3));

fn vault(tenant: TenantId) -> Arc<VaultResource> {
    Arc::new(VaultResource {
        id: VaultId(Uuid::from_u128(4)),
        name: VaultName::parse("Dev").unwrap(),
        tenant,
        subscription: SubscriptionId(Uuid::from_u128(5)),
        resource_group: ResourceGroupName::parse("rg").unwrap(),
        location: "local".to_owned(),
        soft_delete: SoftDelete::new(90, false).unwrap(),
        created: Timestamp(0),
        properties: VaultProperties::default(),
    })
}

fn holding(role: &str, scope: Scope) -> Assignments {
    let role = roles::by_name(role).unwrap();
    let mut table = Assignments::default();
    table.put_role(Arc::new(role.clone()));
    table.put_assignment(Arc::new(RoleAssignment::new(ASSIGNMENT, CALLER, role.id, scope)));
    table
}

fn ask(operation: Operation, object: &str, holds: &Assignments) -> Result<Authorized, Denied> {
    ask_in(vault(TENANT), operation, object, holds)
}

fn ask_in(
    vault: Arc<VaultResource>,
    operation: Operation,
    object: &str,
    holds: &Assignments,
) -> Result<Authorized, Denied> {
    let caller = Arc::new(Caller {
        tenant: TENANT,
        object_id: CALLER,
        app_id: Some("app".to_owned()),
        upn: None,
        groups: Vec::new(),
        identity_type: IdentityType::App,
        issuer: "https://login.localhost/t/v2.0".to_owned(),
    });
    let vault_scope = vault.scope();
    let object = ObjectName::parse(object).ok();
    let access =
        Access { caller, operation, vault, vault_scope: &vault_scope, policies: None, object };
    authorise(access, holds)
}

#[derive(Debug)]
struct Get(ObjectName);

impl RequestFacts for Get {
    const OPERATION: Operation = Operation::GetSecret;

    fn object(&self) -> Option<&ObjectName> {
        Some(&self.0)
    }
}

fn get(name: &str) -> Get {
    Get(ObjectName::parse(name).unwrap())
}

#[test]
fn a_role_on_one_secret_opens_that_secret_alone() {
    let secret = vault(TENANT).scope().object(Operation::GetSecret.kind(), "one");
    let holds = holding("Key Vault Secrets User", secret);
    let authorized = ask(Operation::GetSecret, "ONE", &holds).unwrap();
    assert_eq!(authorized.operation(), Operation::GetSecret);
    assert_eq!(authorized.assignment(), Some(ASSIGNMENT));
    assert_eq!(authorized.object().unwrap().as_str(), "ONE");
    assert_eq!(authorized.vault().name.as_str(), "Dev");
    assert_eq!(authorized.caller().object_id, CALLER);
    for (operation, object) in [
        (Operation::GetSecret, "two"),
        (Operation::GetSecret, "on"),
        (Operation::GetSecrets, ""),
        (Operation::SetSecret, "one"),
    ] {
        assert!(ask(operation, object, &holds).is_err(), "{operation:?} {object}");
    }
}

#[test]
fn a_refusal_names_caller_action_resource_and_vault() {
    let denied = ask(Operation::PurgeDeletedSecret, "one", &Assignments::default()).unwrap_err();
    assert_eq!(denied.reason, Reason::NoAssignment);
    assert_eq!(denied.action().name(), "Microsoft.KeyVault/vaults/secrets/purge/action");
    assert_eq!(
        denied.resource.as_str(),
        "/subscriptions/00000000-0000-0000-0000-000000000005/resourceGroups/rg/providers\
         /Microsoft.KeyVault/vaults/Dev/secrets/one"
    );
    assert_eq!(denied.caller.app_id.as_deref(), Some("app"));
    assert_eq!((denied.vault.name.as_str(), denied.vault.location.as_str()), ("Dev", "local"));
    assert!(denied.to_string().contains("secrets/purge/action"));
    let list = ask(Operation::GetSecrets, "", &Assignments::default()).unwrap_err();
    assert!(list.resource.as_str().ends_with("/vaults/Dev"));
}

#[test]
fn a_vault_of_another_tenant_is_refused_whatever_the_role() {
    let holds = holding("Key Vault Administrator", Scope::parse("/").unwrap());
    let foreign = vault(TenantId(Uuid::from_u128(9)));
    let denied = ask_in(foreign, Operation::GetSecret, "one", &holds).unwrap_err();
    assert_eq!(denied.reason, Reason::OtherTenant);
    assert!(ask(Operation::GetSecret, "one", &holds).is_ok());
}

#[test]
fn only_the_request_that_was_authorised_is_admitted() {
    let holds = holding("Key Vault Administrator", Scope::parse("/").unwrap());
    let proof = |operation, object| ask(operation, object, &holds).unwrap();
    let admitted = admit(proof(Operation::GetSecret, "one"), get("One")).unwrap();
    assert_eq!(admitted.request().0.as_str(), "One");
    assert_eq!(admitted.authorized().object().unwrap().as_str(), "one");
    let (authorized, request) = admitted.into_parts();
    assert_eq!((authorized.assignment(), request.0.as_str()), (Some(ASSIGNMENT), "One"));
    for (operation, object) in [
        (Operation::GetSecret, "two"),
        (Operation::GetSecret, ""),
        (Operation::DeleteSecret, "one"),
    ] {
        let refused = admit(proof(operation, object), get("one")).unwrap_err();
        let expected = Mismatch { authorised: operation, requested: Operation::GetSecret };
        assert_eq!(refused, expected);
    }
}
