//! The built-in roles: Azure's ids, names and actions.
//!
//! Sources: azure-docs `built-in-roles/security.md` @03e5750 (kept as data beside the tests) for
//! the Key Vault roles, `built-in-roles/privileged.md` and `general.md` (2026-02) for the general
//! ones. Key Vault Purge Operator is left out: its actions are not verified. The general roles
//! have no data actions, so an Owner reads no secret without a Key Vault role, as in Azure.

use std::sync::LazyLock;

use strongroom_model::{Condition, RoleDefinition, RoleDefinitionId, RolePermissions};
use uuid::{Uuid, uuid};

struct BuiltIn {
    id: Uuid,
    name: &'static str,
    description: &'static str,
    actions: &'static [&'static str],
    not_actions: &'static [&'static str],
    data_actions: &'static [&'static str],
    condition: Option<&'static str>,
}

/// Every built-in role.
pub fn builtin() -> &'static [RoleDefinition] {
    static ROLES: LazyLock<Vec<RoleDefinition>> =
        LazyLock::new(|| TABLE.iter().map(BuiltIn::definition).collect());
    &ROLES
}

/// A built-in role by its id.
pub fn by_id(id: RoleDefinitionId) -> Option<&'static RoleDefinition> {
    builtin().iter().find(|role| role.id == id)
}

/// A built-in role by its name, in any ASCII case.
pub fn by_name(name: &str) -> Option<&'static RoleDefinition> {
    builtin().iter().find(|role| role.name.eq_ignore_ascii_case(name))
}

impl BuiltIn {
    fn definition(&self) -> RoleDefinition {
        let owned = |patterns: &[&str]| patterns.iter().map(|p| (*p).to_owned()).collect();
        let permissions = RolePermissions {
            actions: owned(self.actions),
            not_actions: owned(self.not_actions),
            data_actions: owned(self.data_actions),
            not_data_actions: Vec::new(),
        };
        let id = RoleDefinitionId(self.id);
        let mut role = RoleDefinition::built_in(id, self.name, self.description, permissions);
        // A condition that does not parse would leave the role unconditional: the tests hold that
        // each parses, and the role grants nothing otherwise.
        match self.condition.map(Condition::parse).transpose() {
            Ok(condition) => {
                role.condition = condition;
                role
            }
            Err(_) => role.with(RolePermissions::default()),
        }
    }
}

/// What the officers and readers of a vault may do on the control plane.
const MANAGE: &[&str] = &[
    "Microsoft.Authorization/*/read",
    "Microsoft.Insights/alertRules/*",
    "Microsoft.Resources/deployments/*",
    "Microsoft.Resources/subscriptions/resourceGroups/read",
    "Microsoft.Support/*",
    "Microsoft.KeyVault/checkNameAvailability/read",
    "Microsoft.KeyVault/deletedVaults/read",
    "Microsoft.KeyVault/locations/*/read",
    "Microsoft.KeyVault/vaults/*/read",
    "Microsoft.KeyVault/operations/read",
];

/// The condition on Key Vault Data Access Administrator: only Key Vault data roles, given or taken.
const GRANT_VAULT_ROLES_ONLY: &str = "\
    ((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR \
    (@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] \
    ForAnyOfAnyValues:GuidEquals{00482a5a-887f-4fb3-b363-3b7fe8e74483, \
    a4417e6f-fecd-4de8-b567-7b0420556985, 14b46e9e-c2b7-41b4-b07b-48a6ebf60603, \
    e147488a-f6f5-4113-8e2d-b22465e65bf6, 12338af0-0e69-4776-bea7-57ae8d297424, \
    21090545-7ca7-4776-b22c-e363652d74d2, b86a8fe4-44ce-4948-aee5-eccb2c155cd7, \
    4633458b-17de-408a-b874-0445c86b69e6})) AND \
    ((!(ActionMatches{'Microsoft.Authorization/roleAssignments/delete'})) OR \
    (@Resource[Microsoft.Authorization/roleAssignments:RoleDefinitionId] \
    ForAnyOfAnyValues:GuidEquals{00482a5a-887f-4fb3-b363-3b7fe8e74483, \
    a4417e6f-fecd-4de8-b567-7b0420556985, 14b46e9e-c2b7-41b4-b07b-48a6ebf60603, \
    e147488a-f6f5-4113-8e2d-b22465e65bf6, 12338af0-0e69-4776-bea7-57ae8d297424, \
    21090545-7ca7-4776-b22c-e363652d74d2, b86a8fe4-44ce-4948-aee5-eccb2c155cd7, \
    4633458b-17de-408a-b874-0445c86b69e6}))";

const TABLE: &[BuiltIn] = &[
    BuiltIn {
        id: uuid!("8e3af657-a8ff-443c-a75c-2fe8c4bcb635"),
        name: "Owner",
        description: "\
            Grants full access to manage all resources, including the ability to assign \
            roles in Azure RBAC.",
        actions: &["*"],
        not_actions: &[],
        data_actions: &[],
        condition: None,
    },
    BuiltIn {
        id: uuid!("b24988ac-6180-42a0-ab88-20f7382dd24c"),
        name: "Contributor",
        description: "\
            Grants full access to manage all resources, but does not allow you to assign \
            roles in Azure RBAC, manage assignments in Azure Blueprints, or share image \
            galleries.",
        actions: &["*"],
        not_actions: &[
            "Microsoft.Authorization/*/Delete",
            "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/elevateAccess/Action",
            "Microsoft.Blueprint/blueprintAssignments/write",
            "Microsoft.Blueprint/blueprintAssignments/delete",
            "Microsoft.Compute/galleries/share/action",
            "Microsoft.Purview/consents/write",
            "Microsoft.Purview/consents/delete",
            "Microsoft.Resources/deploymentStacks/manageDenySetting/action",
            "Microsoft.Subscription/cancel/action",
            "Microsoft.Subscription/enable/action",
        ],
        data_actions: &[],
        condition: None,
    },
    BuiltIn {
        id: uuid!("acdd72a7-3385-48ef-bd42-f606fba81ae7"),
        name: "Reader",
        description: "View all resources, but does not allow you to make any changes.",
        actions: &["*/read"],
        not_actions: &[],
        data_actions: &[],
        condition: None,
    },
    BuiltIn {
        id: uuid!("18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"),
        name: "User Access Administrator",
        description: "Lets you manage user access to Azure resources.",
        actions: &["*/read", "Microsoft.Authorization/*", "Microsoft.Support/*"],
        not_actions: &[],
        data_actions: &[],
        condition: None,
    },
    BuiltIn {
        id: uuid!("00482a5a-887f-4fb3-b363-3b7fe8e74483"),
        name: "Key Vault Administrator",
        description: "\
            Perform all data plane operations on a key vault and all objects in it, \
            including certificates, keys, and secrets. Cannot manage key vault resources or \
            manage role assignments. Only works for key vaults that use the 'Azure role- \
            based access control' permission model.",
        actions: MANAGE,
        not_actions: &[],
        data_actions: &["Microsoft.KeyVault/vaults/*"],
        condition: None,
    },
    BuiltIn {
        id: uuid!("21090545-7ca7-4776-b22c-e363652d74d2"),
        name: "Key Vault Reader",
        description: "\
            Read metadata of key vaults and its certificates, keys, and secrets. Cannot read \
            sensitive values such as secret contents or key material. Only works for key \
            vaults that use the 'Azure role-based access control' permission model.",
        actions: MANAGE,
        not_actions: &[],
        data_actions: &[
            "Microsoft.KeyVault/vaults/*/read",
            "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
        ],
        condition: None,
    },
    BuiltIn {
        id: uuid!("b86a8fe4-44ce-4948-aee5-eccb2c155cd7"),
        name: "Key Vault Secrets Officer",
        description: "\
            Perform any action on the secrets of a key vault, except manage permissions. \
            Only works for key vaults that use the 'Azure role-based access control' \
            permission model.",
        actions: MANAGE,
        not_actions: &[],
        data_actions: &["Microsoft.KeyVault/vaults/secrets/*"],
        condition: None,
    },
    BuiltIn {
        id: uuid!("4633458b-17de-408a-b874-0445c86b69e6"),
        name: "Key Vault Secrets User",
        description: "\
            Read secret contents. Only works for key vaults that use the 'Azure role-based \
            access control' permission model.",
        actions: &[],
        not_actions: &[],
        data_actions: &[
            "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
        ],
        condition: None,
    },
    BuiltIn {
        id: uuid!("a4417e6f-fecd-4de8-b567-7b0420556985"),
        name: "Key Vault Certificates Officer",
        description: "\
            Perform any action on the certificates of a key vault, except manage \
            permissions. Only works for key vaults that use the 'Azure role-based access \
            control' permission model.",
        actions: MANAGE,
        not_actions: &[],
        data_actions: &[
            "Microsoft.KeyVault/vaults/certificatecas/*",
            "Microsoft.KeyVault/vaults/certificates/*",
            "Microsoft.KeyVault/vaults/certificatecontacts/write",
        ],
        condition: None,
    },
    BuiltIn {
        id: uuid!("db79e9a7-68ee-4b58-9aeb-b90e7c24fcba"),
        name: "Key Vault Certificate User",
        description: "\
            Read certificate contents. Only works for key vaults that use the 'Azure role- \
            based access control' permission model.",
        actions: &[],
        not_actions: &[],
        data_actions: &[
            "Microsoft.KeyVault/vaults/certificates/read",
            "Microsoft.KeyVault/vaults/secrets/getSecret/action",
            "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
            "Microsoft.KeyVault/vaults/keys/read",
        ],
        condition: None,
    },
    BuiltIn {
        id: uuid!("14b46e9e-c2b7-41b4-b07b-48a6ebf60603"),
        name: "Key Vault Crypto Officer",
        description: "\
            Perform any action on the keys of a key vault, except manage permissions. Only \
            works for key vaults that use the 'Azure role-based access control' permission \
            model.",
        actions: MANAGE,
        not_actions: &[],
        data_actions: &[
            "Microsoft.KeyVault/vaults/keys/*",
            "Microsoft.KeyVault/vaults/keyrotationpolicies/*",
        ],
        condition: None,
    },
    BuiltIn {
        id: uuid!("12338af0-0e69-4776-bea7-57ae8d297424"),
        name: "Key Vault Crypto User",
        description: "\
            Perform cryptographic operations using keys. Only works for key vaults that use \
            the 'Azure role-based access control' permission model.",
        actions: &[],
        not_actions: &[],
        data_actions: &[
            "Microsoft.KeyVault/vaults/keys/read",
            "Microsoft.KeyVault/vaults/keys/update/action",
            "Microsoft.KeyVault/vaults/keys/backup/action",
            "Microsoft.KeyVault/vaults/keys/encrypt/action",
            "Microsoft.KeyVault/vaults/keys/decrypt/action",
            "Microsoft.KeyVault/vaults/keys/wrap/action",
            "Microsoft.KeyVault/vaults/keys/unwrap/action",
            "Microsoft.KeyVault/vaults/keys/sign/action",
            "Microsoft.KeyVault/vaults/keys/verify/action",
        ],
        condition: None,
    },
    BuiltIn {
        id: uuid!("e147488a-f6f5-4113-8e2d-b22465e65bf6"),
        name: "Key Vault Crypto Service Encryption User",
        description: "\
            Read metadata of keys and perform wrap/unwrap operations. Only works for key \
            vaults that use the 'Azure role-based access control' permission model.",
        actions: &[
            "Microsoft.EventGrid/eventSubscriptions/write",
            "Microsoft.EventGrid/eventSubscriptions/read",
            "Microsoft.EventGrid/eventSubscriptions/delete",
        ],
        not_actions: &[],
        data_actions: &[
            "Microsoft.KeyVault/vaults/keys/read",
            "Microsoft.KeyVault/vaults/keys/wrap/action",
            "Microsoft.KeyVault/vaults/keys/unwrap/action",
        ],
        condition: None,
    },
    BuiltIn {
        id: uuid!("08bbd89e-9f13-488c-ac41-acfcb10c90ab"),
        name: "Key Vault Crypto Service Release User",
        description: "\
            Release keys. Only works for key vaults that use the 'Azure role-based access \
            control' permission model.",
        actions: &[],
        not_actions: &[],
        data_actions: &["Microsoft.KeyVault/vaults/keys/release/action"],
        condition: None,
    },
    BuiltIn {
        id: uuid!("f25e0fa2-a7c8-4377-a976-54943a77a395"),
        name: "Key Vault Contributor",
        description: "Lets you manage key vaults, but not access to them.",
        actions: &[
            "Microsoft.Authorization/*/read",
            "Microsoft.Insights/alertRules/*",
            "Microsoft.KeyVault/*",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Support/*",
        ],
        not_actions: &[
            "Microsoft.KeyVault/locations/deletedVaults/purge/action",
            "Microsoft.KeyVault/hsmPools/*",
            "Microsoft.KeyVault/managedHsms/*",
        ],
        data_actions: &[],
        condition: None,
    },
    BuiltIn {
        id: uuid!("8b54135c-b56d-4d72-a534-26097cfdc8d8"),
        name: "Key Vault Data Access Administrator",
        description: "\
            Manage access to Azure Key Vault by adding or removing role assignments for the \
            Key Vault Administrator, Key Vault Certificates Officer, Key Vault Crypto \
            Officer, Key Vault Crypto Service Encryption User, Key Vault Crypto User, Key \
            Vault Reader, Key Vault Secrets Officer, or Key Vault Secrets User roles. \
            Includes an ABAC condition to constrain role assignments.",
        actions: &[
            "Microsoft.Authorization/roleAssignments/write",
            "Microsoft.Authorization/roleAssignments/delete",
            "Microsoft.Authorization/*/read",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Resources/subscriptions/resourceGroups/read",
            "Microsoft.Resources/subscriptions/read",
            "Microsoft.Management/managementGroups/read",
            "Microsoft.Resources/deployments/*",
            "Microsoft.Support/*",
            "Microsoft.KeyVault/vaults/*/read",
        ],
        not_actions: &[],
        data_actions: &[],
        condition: Some(GRANT_VAULT_ROLES_ONLY),
    },
];
