//! The fourth door: access policies, as "Assign a Key Vault access policy" and the REST reference
//! of vaults document them. A policy is for an object id of a tenant, and with an application id
//! only for a person who calls through that application.

use std::sync::Arc;

use strongroom_authz::{Access, Reason, authorise};
use strongroom_model::{
    AccessPolicies, AccessPolicy, Assignments, Caller, IdentityType, Operation, PolicyPermissions,
    ResourceGroupName, RoleAssignment, RoleAssignmentId, RoleDefinition, RoleDefinitionId,
    RolePermissions, Scope, SoftDelete, Timestamp, VaultId, VaultName, VaultProperties,
    VaultResource,
};

use crate::roles::{SUBSCRIPTIONS, TENANTS};
use crate::run::{Dice, Door, Tally, without_one};
use crate::table::{id, principal, tenant};

/// What an evaluator could get wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PolicyFlaw {
    ForgetsApplications,
    TakesTheApplicationForThePerson,
    ForgetsTenants,
    ForgetsGroups,
    LeavesPurgeOutOfAll,
    MixesCollections,
}

pub(crate) const POLICY_FLAWS: [PolicyFlaw; 6] = [
    PolicyFlaw::ForgetsApplications,
    PolicyFlaw::TakesTheApplicationForThePerson,
    PolicyFlaw::ForgetsTenants,
    PolicyFlaw::ForgetsGroups,
    PolicyFlaw::LeavesPurgeOutOfAll,
    PolicyFlaw::MixesCollections,
];

const APPLICATIONS: [&str; 2] =
    ["0a0a0a0a-0000-0000-0000-00000000000a", "0b0b0b0b-0000-0000-0000-00000000000b"];

/// One policy, with what it gives on keys, secrets, certificates and storage.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    tenant: usize,
    object: u8,
    application: Option<&'static str>,
    given: [Vec<&'static str>; 4],
}

#[derive(Debug)]
pub(crate) struct PolicyQuestion {
    tenant: usize,
    object: u8,
    groups: Vec<u8>,
    is_person: bool,
    /// As the token spells it.
    application: Option<String>,
    operation: Operation,
}

/// What the policies about a caller come to. The further down, the nearer it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    NoPolicy,
    NotOnBehalf,
    NoPermission,
    Allowed,
}

fn decide(policies: &[Policy], question: &PolicyQuestion) -> Verdict {
    let (collection, permission) = question.operation.permission();
    let at = ["keys", "secrets", "certificates"].iter().position(|c| *c == collection).unwrap();
    let mut best = Verdict::NoPolicy;
    for policy in policies {
        let is_named = policy.object == question.object || question.groups.contains(&policy.object);
        if policy.tenant != question.tenant || !is_named {
            continue;
        }
        let application = question.application.as_ref().map(|spelt| spelt.to_lowercase());
        let comes_so = match policy.application {
            None => true,
            Some(through) => question.is_person && application.as_deref() == Some(through),
        };
        let gives = policy.given[at].iter().any(|given| {
            given.eq_ignore_ascii_case("all") || given.eq_ignore_ascii_case(permission)
        });
        best = best.max(match (comes_so, gives) {
            (false, _) => Verdict::NotOnBehalf,
            (true, false) => Verdict::NoPermission,
            (true, true) => Verdict::Allowed,
        });
    }
    best
}

const GIVEN: [&[&str]; 4] = [
    &[
        "all",
        "Get",
        "list",
        "Create",
        "sign",
        "wrapKey",
        "unwrapkey",
        "decrypt",
        "purge",
        "release",
        "rotate",
        "getrotationpolicy",
        "Encrypt",
        "verify",
        "delete",
        "update",
    ],
    &["ALL", "get", "List", "set", "delete", "backup", "restore", "recover", "purge"],
    &[
        "all",
        "get",
        "list",
        "create",
        "import",
        "update",
        "managecontacts",
        "getissuers",
        "setissuers",
        "ListIssuers",
        "purge",
        "delete",
    ],
    &["all", "get", "setsas"],
];

/// The vault's policies decide, and every role is given to everybody: roles say nothing here.
pub(crate) struct Policies(pub(crate) Option<PolicyFlaw>);

impl Policies {
    fn policy(&self, policy: &Policy) -> AccessPolicy {
        let flaw = self.0;
        let owned = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let [keys, secrets, certificates, storage] = &policy.given;
        let mut permissions = PolicyPermissions {
            keys: owned(keys),
            secrets: owned(secrets),
            certificates: owned(certificates),
            storage: owned(storage),
        };
        if flaw == Some(PolicyFlaw::MixesCollections) {
            permissions.secrets.extend(owned(keys));
        }
        let is_all = |name: &String| name.eq_ignore_ascii_case("all");
        if flaw == Some(PolicyFlaw::LeavesPurgeOutOfAll) && permissions.secrets.iter().any(is_all) {
            let but_purge = ["get", "list", "set", "delete", "backup", "restore", "recover"];
            permissions.secrets = owned(&but_purge);
        }
        let forgets = flaw == Some(PolicyFlaw::ForgetsApplications);
        AccessPolicy {
            tenant: tenant(if flaw == Some(PolicyFlaw::ForgetsTenants) {
                0
            } else {
                policy.tenant
            }),
            object_id: principal(policy.object),
            application_id: policy
                .application
                .filter(|_| !forgets)
                .map(|application| application.parse().unwrap()),
            permissions,
        }
    }
}

fn all_roles() -> Assignments {
    let mut table = Assignments::default();
    let everything = || vec!["*".to_owned()];
    let permissions = RolePermissions {
        actions: everything(),
        data_actions: everything(),
        ..RolePermissions::default()
    };
    let role = RoleDefinitionId(id(0));
    table.put_role(Arc::new(RoleDefinition::built_in(role, "all", "", permissions)));
    for n in 0..6 {
        let (id, holder) = (RoleAssignmentId(id(n)), principal(u8::try_from(n).unwrap()));
        table.put_assignment(Arc::new(RoleAssignment::new(id, holder, role, Scope::root())));
    }
    table
}

fn vault() -> Arc<VaultResource> {
    Arc::new(VaultResource {
        id: VaultId(id(1)),
        name: VaultName::parse("dev").unwrap(),
        tenant: tenant(0),
        subscription: SUBSCRIPTIONS[0].0.parse().unwrap(),
        resource_group: ResourceGroupName::parse("rg").unwrap(),
        location: "local".to_owned(),
        soft_delete: SoftDelete::new(90, false).unwrap(),
        created: Timestamp(0),
        properties: VaultProperties { rbac: false, ..VaultProperties::default() },
    })
}

impl Door for Policies {
    type World = Vec<Policy>;
    type Question = PolicyQuestion;
    type Ready = (Arc<VaultResource>, Scope, AccessPolicies, Assignments);
    type Answer = Verdict;

    fn world(&self, dice: &mut Dice) -> Vec<Policy> {
        dice.list(0..=12, |dice| Policy {
            tenant: usize::from(dice.once_in(6)),
            object: dice.small(8),
            application: dice.once_in(3).then(|| dice.one(&APPLICATIONS)),
            given: GIVEN.map(|all| dice.list(0..=3, |dice| dice.one(all))),
        })
    }

    fn question(&self, dice: &mut Dice) -> PolicyQuestion {
        PolicyQuestion {
            tenant: usize::from(dice.once_in(20)),
            object: dice.small(8),
            groups: dice.list(0..=3, |dice| dice.small(8)),
            is_person: !dice.once_in(3),
            application: match dice.below(8) {
                0 => None,
                1 => Some(dice.one(&["", "x", "0a0a0a0a"]).to_owned()),
                2 => Some(dice.one(&APPLICATIONS).to_uppercase()),
                _ => Some(dice.one(&APPLICATIONS).to_owned()),
            },
            operation: dice.one(Operation::ALL),
        }
    }

    fn ready(&self, world: &Vec<Policy>) -> Self::Ready {
        let policies: Vec<AccessPolicy> = world.iter().map(|policy| self.policy(policy)).collect();
        let vault = vault();
        let scope = vault.scope();
        (vault, scope, AccessPolicies::new(&policies), all_roles())
    }

    fn ask(&self, ready: &Self::Ready, question: &PolicyQuestion) -> Verdict {
        let (vault, vault_scope, policies, roles) = ready;
        let forgets = self.0 == Some(PolicyFlaw::ForgetsGroups);
        let takes = self.0 == Some(PolicyFlaw::TakesTheApplicationForThePerson);
        let caller = Caller {
            tenant: tenant(question.tenant),
            object_id: principal(question.object),
            app_id: question.application.clone(),
            upn: None,
            groups: question.groups.iter().filter(|_| !forgets).map(|g| principal(*g)).collect(),
            identity_type: match question.is_person || takes {
                true => IdentityType::User,
                false => IdentityType::App,
            },
            issuer: String::new(),
        };
        let access = Access {
            caller: Arc::new(caller),
            operation: question.operation,
            vault: Arc::clone(vault),
            vault_scope,
            policies: Some(policies),
            object: None,
        };
        match authorise(access, roles).map_err(|denied| denied.reason) {
            Ok(proof) => {
                assert!(proof.assignment().is_none() && !proof.is_public_only());
                Verdict::Allowed
            }
            Err(Reason::NoPermission) => Verdict::NoPermission,
            Err(Reason::NotOnBehalf) => Verdict::NotOnBehalf,
            Err(Reason::NoPolicy | Reason::OtherTenant) => Verdict::NoPolicy,
            Err(reason) => panic!("policies decide: {reason}"),
        }
    }

    fn judge(
        &self,
        world: &Vec<Policy>,
        question: &PolicyQuestion,
        answer: &Verdict,
        tally: &mut Tally,
    ) -> Result<(), String> {
        // A caller of another tenant than the vault's is nobody there, whatever policies say.
        let is_foreign = TENANTS[question.tenant] != TENANTS[0];
        tally.count_if(is_foreign, "of another tenant");
        let expected = if is_foreign { Verdict::NoPolicy } else { decide(world, question) };
        if *answer != expected {
            return Err(format!("it is {expected:?}"));
        }
        tally.count(match expected {
            Verdict::NoPolicy => "no policy",
            Verdict::NotOnBehalf => "not through the application",
            Verdict::NoPermission => "no permission",
            Verdict::Allowed => "allowed",
        });
        if expected == Verdict::Allowed {
            let of = |policy: &Policy| decide(std::slice::from_ref(policy), question);
            let allowing: Vec<_> = world.iter().filter(|p| of(p) == Verdict::Allowed).collect();
            let is_compound = |p: &&Policy| p.application.is_some();
            tally.count_if(allowing.iter().all(is_compound), "allowed through the application");
            let is_a_groups = |p: &&Policy| p.object != question.object;
            tally.count_if(allowing.iter().all(is_a_groups), "allowed through a group");
        }
        Ok(())
    }

    fn smaller(&self, world: &Vec<Policy>) -> Vec<Vec<Policy>> {
        without_one(world).collect()
    }
}
