//! Names, versions, attributes, lifecycle: the pure rules of a vault. No I/O, no clock.
//!
//! Everything here is a value or a pure function of values. The current time is always an
//! argument, so a test can travel in it and two nodes decide alike.

pub mod access_policy;
pub mod action;
pub mod algorithm;
pub mod assignments;
pub mod attributes;
pub mod caller;
pub mod certificates;
pub mod condition;
pub mod context;
pub mod endpoints;
mod error;
pub mod ids;
pub mod keys;
pub mod lifecycle;
pub mod name;
pub mod network;
pub mod object;
pub mod operation;
pub mod recovery;
pub mod release;
pub mod role;
pub mod rotation;
pub mod scope;
pub mod secrets;
pub mod tags;
pub mod time;
pub mod vault;
pub mod version;

pub use access_policy::{
    AccessPolicies, AccessPolicy, MAX_ACCESS_POLICIES, PolicyInForce, PolicyPermissions,
};
pub use action::{DataAction, DataActions};
pub use algorithm::{EncryptionAlgorithm, SignatureAlgorithm};
pub use assignments::{Assignments, ScopeAssignments};
pub use attributes::{Attributes, AttributesChange};
pub use caller::{Caller, IdentityType};
pub use certificates::{CertificateListing, CertificatePolicy, Thumbprint};
pub use condition::{Attribute, Condition, Source};
pub use context::{ConnectionInfo, RequestContext};
pub use endpoints::{Endpoints, Host};
pub use error::ModelError;
pub use ids::{
    ClientId, CredentialId, DenyAssignmentId, IncarnationId, InstallationId, PrincipalId,
    RequestId, RoleAssignmentId, RoleDefinitionId, SubscriptionId, TenantId, VaultId,
};
pub use keys::{
    AkpAlgorithm, Curve, KeyListing, KeyOperation, KeySpec, KeyType, PublicKey, ReleasePolicy,
};
pub use name::{ObjectName, ResourceGroupName, VaultName};
pub use network::{Firewall, NetworkAcls, Passage, VirtualNetworkRule};
pub use object::{Head, Kind, State, VersionRecord};
pub use operation::Operation;
pub use recovery::SoftDelete;
pub use role::{
    DenyAssignment, DenyPrincipal, PrincipalType, RoleAssignment, RoleDefinition, RolePermissions,
    Stamps,
};
pub use rotation::{
    IsoDuration, LifetimeActionParameters, RotationAction, RotationPolicy, RotationRules,
    RotationTrigger,
};
pub use scope::Scope;
pub use secrets::SecretListing;
pub use tags::Tags;
pub use time::Timestamp;
pub use vault::{Author, DeletedVault, Sku, VaultProperties, VaultResource};
pub use version::Version;
