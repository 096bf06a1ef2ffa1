//! Explanations: what decided, what nearly did, who else may, and what would be enough.

use std::sync::Arc;

use strongroom_authz::{GrantedAction, roles};
use strongroom_directory::Directory;
use strongroom_model::{
    AccessPolicy, ClientId, Condition, DenyAssignmentId, DenyPrincipal, NetworkAcls, Operation,
    PolicyPermissions, PrincipalId, RolePermissions, Scope, TenantId,
};
use strongroom_ops::explain::{
    Check, Explanation, Ground, Need, Outcome, Question, Subject, Verdict, Wanted, Why, explain,
    least_privilege, smallest_roles, who_can,
};
use strongroom_ops::principals::{MemberChange, NewUser};
use strongroom_ops::roles::{NewAssignment, NewDenial};
use strongroom_ops::vaults::{VaultAddress, VaultEditor, VaultSettings};
use strongroom_store::memory::MemoryStore;
use uuid::Uuid;

use crate::support::Node;

const GET_SECRET: &str = "Microsoft.KeyVault/vaults/secrets/getSecret/action";
const SECRETS_USER: &str = "Key Vault Secrets User";

/// An installation with a vault `v` in which roles decide, and an application without any.
struct Scene {
    node: Node<MemoryStore>,
    vault: Scope,
    who: PrincipalId,
}

impl Scene {
    async fn new() -> Self {
        let node = Node::new(MemoryStore::new(), true).await;
        let vault = node.vault("vlt", "rg").await.unwrap().scope();
        let who = application(&node, "web").await;
        Self { node, vault, who }
    }

    fn directory(&self) -> Arc<Directory> {
        self.node.directory.current()
    }

    async fn assign(&self, who: PrincipalId, role: &str, scope: &Scope) {
        self.assign_if(who, role, scope, None).await;
    }

    async fn assign_if(
        &self,
        who: PrincipalId,
        role: &str,
        scope: &Scope,
        condition: Option<&str>,
    ) {
        let granted = granted("Microsoft.Authorization/roleAssignments/write");
        let new = NewAssignment {
            id: None,
            principal: who,
            principal_type: None,
            role: roles::by_name(role).unwrap().id,
            scope: scope.clone(),
            description: None,
            condition: condition.map(|text| Condition::parse(text).unwrap()),
        };
        self.node.ops.assign(&granted, new, &mut self.node.call()).await.unwrap();
    }

    async fn deny(&self, who: PrincipalId, data_action: &str, scope: &Scope) {
        let new = NewDenial {
            id: DenyAssignmentId(Uuid::from_u128(9)),
            name: "no secrets".into(),
            description: String::new(),
            permissions: RolePermissions {
                data_actions: vec![data_action.into()],
                ..RolePermissions::default()
            },
            scope: scope.clone(),
            only_here: false,
            principals: vec![DenyPrincipal { id: who, kind: None }],
            excluded: Vec::new(),
            condition: None,
        };
        let granted = granted("Microsoft.Authorization/denyAssignments/write");
        self.node.ops.deny(&granted, new, &mut self.node.call()).await.unwrap();
    }

    async fn group(&self, name: &str, member: PrincipalId) -> PrincipalId {
        let (ops, mut call) = (&self.node.ops, self.node.call());
        let tenant = self.node.owner.tenant;
        let group = ops.create_group(name.into(), tenant, &mut call).await.unwrap();
        let change = MemberChange::Add(member);
        ops.change_members(group.object_id, change, &mut self.node.call()).await.unwrap();
        group.object_id
    }

    async fn update(&self, settings: VaultSettings) {
        let vault = Arc::clone(&self.directory().vault("vlt").unwrap().resource);
        let (address, by) = (VaultAddress::from(&*vault), VaultEditor::on_this_host());
        self.node.ops.update_vault(&address, &settings, &by, &mut self.node.call()).await.unwrap();
    }

    async fn policies(&self, policies: Vec<AccessPolicy>) {
        let access_policies = Some(policies);
        let rbac = Some(false);
        self.update(VaultSettings { rbac, access_policies, ..VaultSettings::default() }).await;
    }

    fn wanted(&self, operation: &str, object: Option<&str>) -> Wanted {
        Wanted::parse(&self.directory(), operation, "vlt", object).unwrap()
    }

    fn explain(&self, who: PrincipalId, operation: &str, object: Option<&str>) -> Explanation {
        self.explain_from(who, operation, object, None)
    }

    fn explain_from(
        &self,
        who: PrincipalId,
        operation: &str,
        object: Option<&str>,
        address: Option<&str>,
    ) -> Explanation {
        let subject = Subject::of(&self.directory(), who, None).unwrap();
        let wanted = self.wanted(operation, object);
        let address = address.map(|address| address.parse().unwrap());
        explain(&self.directory(), &[], Question { subject, wanted, address }).unwrap()
    }
}

fn granted(action: &str) -> GrantedAction {
    GrantedAction::on_this_host(action, Scope::root())
}

async fn application(node: &Node<MemoryStore>, name: &str) -> PrincipalId {
    let tenant = node.owner.tenant;
    let made = node.ops.create_application(name, tenant, None, &mut node.call()).await.unwrap();
    made.application.object_id
}

fn codes(explanation: &Explanation) -> (u16, &'static str) {
    match &explanation.verdict {
        Verdict::Allowed(_) => (200, ""),
        Verdict::Refused(refusal) => (refusal.status, refusal.inner_code.unwrap_or(refusal.code)),
    }
}

fn whys(explanation: &Explanation) -> Vec<Why> {
    explanation.near_misses.iter().map(|miss| miss.why).collect()
}

fn outcome(explanation: &Explanation, check: Check) -> Option<Outcome> {
    explanation.steps.iter().find(|step| step.check == check).map(|step| step.outcome)
}

fn policy(scene: &Scene, who: PrincipalId, secrets: &[&str]) -> AccessPolicy {
    let secrets = secrets.iter().map(|name| (*name).to_owned()).collect();
    AccessPolicy {
        tenant: scene.node.owner.tenant,
        object_id: who,
        application_id: None,
        permissions: PolicyPermissions { secrets, ..PolicyPermissions::default() },
    }
}

#[tokio::test]
async fn the_assignment_that_decides_is_named_with_the_group_it_is_given_to() {
    let scene = Scene::new().await;
    let inner = scene.group("inner", scene.who).await;
    let outer = scene.group("outer", inner).await;
    scene.assign(outer, SECRETS_USER, &scene.vault).await;
    let explanation = scene.explain(scene.who, "SecretGet", Some("db"));
    let Verdict::Allowed(Ground::Role(held)) = &explanation.verdict else {
        panic!("{explanation:?}")
    };
    assert_eq!((held.role.as_str(), held.holder.id), (SECRETS_USER, outer));
    assert_eq!(held.assignment.scope, scene.vault);
    assert!(held.is_through_group);
    assert!(explanation.near_misses.is_empty() && explanation.advice.is_empty());
}

#[tokio::test]
async fn what_nearly_allows_it_is_told_by_its_reason() {
    let scene = Scene::new().await;
    let only_prod = "@Resource[Microsoft.KeyVault/vaults/secrets:name] StringEquals 'prod'";
    let other = scene.vault.object(strongroom_model::Kind::Secret, "other");
    scene.assign(scene.who, "Key Vault Crypto User", &scene.vault).await;
    scene.assign(scene.who, SECRETS_USER, &other).await;
    scene.assign_if(scene.who, "Key Vault Secrets Officer", &scene.vault, Some(only_prod)).await;
    let on = |object| scene.explain(scene.who, "SecretGet", object);
    let refused = on(Some("db"));
    assert_eq!(codes(&refused), (403, "ForbiddenByRbac"));
    let mut found = whys(&refused);
    found.sort_by_key(|why| why.name());
    assert_eq!(found, [Why::ConditionFalse, Why::OtherScope, Why::RoleLacksAction]);
    assert_eq!(outcome(&refused, Check::Conditions), Some(Outcome::Refused));
    assert!(refused.advice[0].contains("--role 'Key Vault Secrets User'"), "{:?}", refused.advice);
    assert!(refused.advice[0].ends_with(&format!("--scope {}", refused.resource)));
    // The vault as a whole has no secret's name: the condition cannot be asked.
    assert!(whys(&on(None)).contains(&Why::ConditionUnknown));
    assert_eq!(codes(&on(Some("prod"))).0, 200);
    assert_eq!(codes(&on(Some("OTHER"))).0, 200);
}

#[tokio::test]
async fn a_deny_assignment_is_named_and_what_it_overrules() {
    let scene = Scene::new().await;
    scene.assign(scene.who, SECRETS_USER, &scene.vault).await;
    scene.deny(scene.who, GET_SECRET, &scene.vault).await;
    let refused = scene.explain(scene.who, "SecretGet", Some("db"));
    assert_eq!(codes(&refused), (403, "ForbiddenByRbac"));
    let Verdict::Refused(refusal) = &refused.verdict else { panic!("{refused:?}") };
    assert_eq!(refusal.check, Check::DenyAssignments);
    assert_eq!(refusal.denied_by.as_ref().unwrap().name, "no secrets");
    assert_eq!(whys(&refused), [Why::Denied]);
    assert!(refused.advice[0].contains("no secrets"), "{:?}", refused.advice);
    assert_eq!(codes(&scene.explain(scene.who, "SecretList", None)).0, 200);
}

#[tokio::test]
async fn access_policies_have_their_own_refusals_and_near_misses() {
    let scene = Scene::new().await;
    let group = scene.group("readers", scene.who).await;
    scene.assign(scene.who, SECRETS_USER, &scene.vault).await;
    scene.policies(vec![]).await;
    let get = || scene.explain(scene.who, "SecretGet", Some("db"));
    assert_eq!(codes(&get()), (403, "AccessDenied"));
    assert_eq!(whys(&get()), [Why::OtherPermissionModel], "the role would do");

    scene.policies(vec![policy(&scene, group, &["list"])]).await;
    assert_eq!(codes(&get()), (403, "ForbiddenByPolicy"));
    assert_eq!(whys(&get()), [Why::PolicyLacksPermission, Why::OtherPermissionModel]);
    assert!(get().advice[0].contains("set-policy vlt"), "{:?}", get().advice);

    let compound = AccessPolicy {
        application_id: Some(ClientId(Uuid::from_u128(5))),
        ..policy(&scene, scene.who, &["get"])
    };
    scene.policies(vec![compound]).await;
    assert_eq!(codes(&get()), (403, "ForbiddenByPolicy"));
    assert_eq!(whys(&get())[0], Why::PolicyThroughApplication);

    let foreign = AccessPolicy {
        tenant: TenantId(Uuid::from_u128(6)),
        ..policy(&scene, scene.who, &["get"])
    };
    scene.policies(vec![foreign]).await;
    assert_eq!(codes(&get()), (403, "AccessDenied"));
    assert_eq!(whys(&get())[0], Why::PolicyOfOtherTenant);

    scene.policies(vec![policy(&scene, group, &["GET", "set"])]).await;
    let Verdict::Allowed(Ground::Policy(held)) = get().verdict else { panic!("refused") };
    assert_eq!((held.holder.id, held.is_through_group), (group, true));
    // The policies are kept, and a near miss once roles decide again.
    scene.update(VaultSettings { rbac: Some(true), ..VaultSettings::default() }).await;
    assert_eq!(whys(&scene.explain(scene.who, "SecretGet", Some("db"))), []);
    let set = scene.explain(scene.who, "SecretSet", Some("db"));
    assert_eq!(whys(&set), [Why::RoleLacksAction, Why::OtherPermissionModel]);
}

#[tokio::test]
async fn the_firewall_is_asked_before_roles_and_roles_are_told_of_all_the_same() {
    let scene = Scene::new().await;
    scene.assign(scene.who, SECRETS_USER, &scene.vault).await;
    let acls = NetworkAcls {
        default_deny: true,
        ip_rules: vec!["192.0.2.0/24".into()],
        ..NetworkAcls::default()
    };
    scene.update(VaultSettings { network: Some(acls), ..VaultSettings::default() }).await;
    let from = |address| scene.explain_from(scene.who, "SecretGet", Some("db"), address);
    let refused = from(Some("203.0.113.9"));
    assert_eq!(codes(&refused), (403, "ForbiddenByFirewall"));
    assert_eq!(outcome(&refused, Check::RoleAssignments), Some(Outcome::Passed));
    assert_eq!(codes(&from(Some("192.0.2.7"))).0, 200);
    let unsaid = from(None);
    assert_eq!(codes(&unsaid).0, 200);
    assert_eq!(outcome(&unsaid, Check::Firewall), Some(Outcome::NotDecided));
    scene
        .update(VaultSettings { public_network_access: Some(false), ..VaultSettings::default() })
        .await;
    assert_eq!(codes(&from(Some("192.0.2.7"))), (403, "ForbiddenByConnection"));
}

#[tokio::test]
async fn another_tenant_and_a_deleted_vault_come_before_everything_else() {
    let scene = Scene::new().await;
    let stranger = NewUser {
        object_id: None,
        tenant: TenantId(Uuid::from_u128(7)),
        display_name: "Eve".into(),
        user_principal_name: "eve@example.org".into(),
        mail: None,
    };
    let stranger = scene.node.ops.create_user(stranger, &mut scene.node.call()).await.unwrap();
    scene.assign(stranger.object_id, SECRETS_USER, &scene.vault).await;
    let get = |who| scene.explain(who, "SecretGet", Some("db"));
    assert_eq!(codes(&get(stranger.object_id)), (401, "Unauthorized"));
    scene.assign(scene.who, SECRETS_USER, &scene.vault).await;
    let vault = Arc::clone(&scene.directory().vault("vlt").unwrap().resource);
    let by = VaultEditor::on_this_host();
    let (address, mut call) = (VaultAddress::from(&*vault), scene.node.call());
    let deleted = scene.node.ops.delete_vault(&address, &by, &mut call).await.unwrap();
    assert!(deleted.is_some());
    assert_eq!(codes(&get(scene.who)), (404, "VaultNotFound"));
    assert_eq!(codes(&get(stranger.object_id)), (401, "Unauthorized"));
    assert!(who_can(&scene.directory(), &scene.wanted("SecretGet", None)).unwrap().is_empty());
}

#[tokio::test]
async fn the_control_plane_has_its_own_codes() {
    let scene = Scene::new().await;
    let read = "Microsoft.KeyVault/vaults/read";
    let refused = scene.explain(scene.who, read, None);
    assert_eq!(codes(&refused), (403, "AuthorizationFailed"));
    assert!(refused.advice[0].contains("--role 'Reader'"), "{:?}", refused.advice);
    scene.assign(scene.who, "Reader", &scene.vault).await;
    assert_eq!(codes(&scene.explain(scene.who, read, None)).0, 200);
    let write = scene.explain(scene.who, "Microsoft.KeyVault/vaults/write", None);
    assert_eq!(
        (codes(&write), whys(&write)),
        ((403, "AuthorizationFailed"), vec![Why::RoleLacksAction])
    );
}

#[tokio::test]
async fn everybody_who_may_is_found_and_nobody_else() {
    let scene = Scene::new().await;
    let unknown = PrincipalId(Uuid::from_u128(99));
    let bystander = application(&scene.node, "bystander").await;
    let member = application(&scene.node, "member").await;
    let group = scene.group("readers", member).await;
    let secret = scene.vault.object(strongroom_model::Kind::Secret, "db");
    scene.assign(group, SECRETS_USER, &scene.vault).await;
    scene.assign(unknown, SECRETS_USER, &secret).await;
    scene.assign(bystander, "Key Vault Reader", &scene.vault).await;
    let who = |object| {
        let found = who_can(&scene.directory(), &scene.wanted("SecretGet", object)).unwrap();
        found.into_iter().map(|able| able.who.id).collect::<Vec<_>>()
    };
    let owner = scene.node.owner.object_id;
    let has_owner = who(Some("db")).contains(&owner);
    let mut expected = vec![member, group, unknown];
    expected.extend(has_owner.then_some(owner));
    let sorted = |mut ids: Vec<PrincipalId>| {
        ids.sort_unstable();
        ids
    };
    assert_eq!(sorted(who(Some("db"))), sorted(expected.clone()));
    expected.retain(|id| *id != unknown);
    assert_eq!(sorted(who(Some("another"))), sorted(expected));
    scene.deny(member, GET_SECRET, &scene.vault).await;
    assert!(!who(Some("db")).contains(&member), "a refusal overrules the group's role");
    assert!(who(Some("db")).contains(&group));
}

#[tokio::test]
async fn the_smallest_role_is_chosen_by_what_it_allows_beside() {
    let scene = Scene::new().await;
    let role = |operations: &[Operation]| {
        let needs: Vec<Need> =
            operations.iter().map(|operation| Need::Data(operation.action())).collect();
        let (directory, tenant) = (scene.directory(), scene.node.owner.tenant);
        let found = smallest_roles(&directory, tenant, &needs, &scene.vault).unwrap();
        found.iter().map(|role| role.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(role(&[Operation::GetSecret]), [SECRETS_USER]);
    // To list names, nobody needs to read values.
    assert_eq!(role(&[Operation::GetSecrets]), ["Key Vault Reader"]);
    assert_eq!(role(&[Operation::WrapKey]), ["Key Vault Crypto Service Encryption User"]);
    assert_eq!(role(&[Operation::Sign]), ["Key Vault Crypto User"]);
    assert_eq!(role(&[Operation::ReleaseKey]), ["Key Vault Crypto Service Release User"]);
    assert_eq!(role(&[Operation::SetSecret]), ["Key Vault Secrets Officer"]);
    let mut two = role(&[Operation::GetSecret, Operation::Sign]);
    two.sort_unstable();
    assert_eq!(two, ["Key Vault Crypto User", SECRETS_USER]);
}

#[tokio::test]
async fn least_privilege_is_at_the_narrowest_scope_and_tells_what_is_too_much() {
    let scene = Scene::new().await;
    scene.assign(scene.who, "Key Vault Secrets Officer", &scene.vault).await;
    let directory = scene.directory();
    let subject = Subject::of(&directory, scene.who, None).unwrap();
    let vault = directory.vault("vlt").unwrap();
    let wanted = [scene.wanted("SecretGet", Some("db")), scene.wanted("SecretGet", Some("DB"))];
    let privilege = least_privilege(&directory, &subject, vault, &wanted);
    assert_eq!(privilege.roles.len(), 1);
    let placed = &privilege.roles[0];
    assert_eq!(placed.scope, scene.vault.object(strongroom_model::Kind::Secret, "db"));
    assert_eq!(placed.roles[0].name, SECRETS_USER);
    let (scope, beyond) = &privilege.beyond[0];
    assert_eq!(*scope, scene.vault);
    assert!(beyond.contains(&Operation::PurgeDeletedSecret.action()), "{beyond:?}");
    assert_eq!(privilege.superfluous.len(), 1);
    assert_eq!(privilege.superfluous[0].role, "Key Vault Secrets Officer");
    // What is needed on the vault covers the same on one secret.
    let wanted = [scene.wanted("SecretGet", None), scene.wanted("SecretGet", Some("db"))];
    let privilege = least_privilege(&directory, &subject, vault, &wanted);
    assert_eq!(privilege.roles.len(), 1);
    assert_eq!(privilege.roles[0].scope, scene.vault);
}

#[tokio::test]
async fn least_privilege_under_policies_is_a_list_of_permissions() {
    let scene = Scene::new().await;
    scene.policies(vec![policy(&scene, scene.who, &["all"])]).await;
    let directory = scene.directory();
    let subject = Subject::of(&directory, scene.who, None).unwrap();
    let vault = directory.vault("vlt").unwrap();
    let wanted = [scene.wanted("SecretGet", Some("db"))];
    let privilege = least_privilege(&directory, &subject, vault, &wanted);
    assert_eq!(privilege.permissions.into_iter().collect::<Vec<_>>(), [("secrets", "get")]);
    let beyond: Vec<_> = privilege.permissions_beyond.into_iter().map(|(_, name)| name).collect();
    let azure = ["backup", "delete", "list", "purge", "recover", "restore", "set"];
    assert_eq!(beyond, azure, "every permission on secrets but get");
}
