//! The first start: an installation with a tenant, a subscription and an owner.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use strongroom_authz::roles;
use strongroom_crypto::sign::RsaSigningKey;
use strongroom_crypto::{SecretBytes, random};
use strongroom_directory::row::{AuthorityRow, OwnerRow, TokenKeyRow, seal_row};
use strongroom_directory::{DirectoryRow, Installation, ResourceGroup, Subscription, Tenant};
use strongroom_model::{
    ClientId, InstallationId, PrincipalId, ResourceGroupName, RoleAssignment, RoleAssignmentId,
    Scope, SubscriptionId, TenantId, Timestamp,
};
use strongroom_pki::Authority;
use strongroom_seal::{DataKeys, KeyRing, Protector, Purpose};
use strongroom_store::{Condition, Outcome, Store, Txn};

use crate::OpError;
use crate::identities::{new_application, new_guid};

/// How long a token-signing key signs before the next one takes over, in days.
pub const TOKEN_KEY_DAYS: u32 = 30;

/// What a new installation is like.
pub struct Setup {
    /// Its id; if the store has a key hierarchy already, that one's.
    pub installation: InstallationId,
    /// The base domain.
    pub base: String,
    /// The port in every URL.
    pub port: u16,
    /// Whether its time moves only by command.
    pub manual_clock: bool,
    /// The region of its resource group.
    pub location: String,
    /// The resource group's name.
    pub resource_group: ResourceGroupName,
    /// The owner's display name.
    pub owner_name: String,
    /// Whether the owner's secret is kept, sealed, so that it can be written at each start.
    pub keep_owner_secret: bool,
}

/// The owner of a new installation.
pub struct Owner {
    /// The tenant.
    pub tenant: TenantId,
    /// The subscription it owns.
    pub subscription: SubscriptionId,
    /// Its application.
    pub client_id: ClientId,
    /// Its object id.
    pub object_id: PrincipalId,
    /// Its client secret: the only copy, unless it is kept.
    pub client_secret: SecretBytes,
}

/// Makes the key hierarchy, if there is none, and then everything else in one transaction. What
/// was interrupted between the two is taken up again.
///
/// `now` is the installation's time, `system_now` the system's: certificates follow the latter.
///
/// # Errors
/// [`OpError::NameTaken`] if the installation is complete already, or that the service cannot.
pub async fn initialise<S: Store>(
    store: &S,
    protector: &Protector,
    setup: Setup,
    now: Timestamp,
    system_now: Timestamp,
) -> Result<Owner, OpError> {
    if KeyRing::installation_of(store).await?.is_none() {
        KeyRing::initialise(store, setup.installation, protector).await?;
    }
    let ring = KeyRing::open(store.clone(), protector).await?;
    let keys = ring.system();
    let secret_key = keys.mac_key("strongroom/client-secret/v1")?;
    let tenant = TenantId(new_guid()?);
    let subscription = SubscriptionId(new_guid()?);
    let owner = new_application(&setup.owner_name, tenant, now, |s| secret_key.tag(&[s]))?;
    let owner = Owner {
        tenant,
        subscription,
        client_id: owner.application.client_id,
        object_id: owner.application.object_id,
        client_secret: {
            let txn = base_rows(&ring, &setup, tenant, subscription, now)?;
            let txn = put(txn, keys, &owner.application)?;
            let txn = owner_roles(txn, keys, owner.application.object_id, subscription)?;
            let txn = put(txn, keys, &new_token_key(now, now).await?)?;
            let txn = put(txn, keys, &new_authority(&setup.base, system_now)?)?;
            let txn = kept_owner(txn, keys, &setup, &owner, subscription)?;
            commit(store, txn).await?;
            owner.client_secret
        },
    };
    Ok(owner)
}

async fn commit<S: Store>(store: &S, txn: Txn) -> Result<(), OpError> {
    match store.commit(txn).await? {
        Outcome::Committed(_) => Ok(()),
        Outcome::Conflict => Err(OpError::NameTaken("The installation".into())),
    }
}

fn put<R: DirectoryRow>(txn: Txn, keys: &DataKeys, row: &R) -> Result<Txn, OpError> {
    let (key, value) = seal_row(keys, row)?;
    Ok(txn.put(key, value))
}

fn base_rows<S: Store>(
    ring: &KeyRing<S>,
    setup: &Setup,
    tenant: TenantId,
    subscription: SubscriptionId,
    now: Timestamp,
) -> Result<Txn, OpError> {
    let keys = ring.system();
    let installation = Installation {
        id: ring.installation(),
        default_tenant: tenant,
        created: now,
        base: setup.base.clone(),
        port: setup.port,
        manual_clock: setup.manual_clock,
    };
    let (key, value) = seal_row(keys, &installation)?;
    let txn = Txn::new().require(key.clone(), Condition::Absent).put(key, value);
    let txn = put(txn, keys, &Tenant { id: tenant, display_name: "Strongroom".into() })?;
    let display_name = "Strongroom subscription".into();
    let txn = put(txn, keys, &Subscription::new(subscription, tenant, display_name))?;
    let (name, location) = (setup.resource_group.clone(), setup.location.clone());
    let group = ResourceGroup::new(subscription, name, location);
    let txn = put(txn, keys, &group)?;
    let (key, value) = ring.new_key(Purpose::Backup(subscription))?;
    Ok(txn.put(key, value))
}

/// Owner and Key Vault Administrator, both at the subscription.
fn owner_roles(
    mut txn: Txn,
    keys: &DataKeys,
    principal: PrincipalId,
    subscription: SubscriptionId,
) -> Result<Txn, OpError> {
    for role in ["Owner", "Key Vault Administrator"] {
        let role = roles::by_name(role)
            .ok_or_else(|| OpError::Internal("a built-in role is missing".into()))?
            .id;
        let id = RoleAssignmentId(new_guid()?);
        let scope = Scope::subscription(subscription);
        txn = put(txn, keys, &RoleAssignment::new(id, principal, role, scope))?;
    }
    Ok(txn)
}

fn kept_owner(
    txn: Txn,
    keys: &DataKeys,
    setup: &Setup,
    owner: &crate::identities::NewApplication,
    subscription: SubscriptionId,
) -> Result<Txn, OpError> {
    if !setup.keep_owner_secret {
        return Ok(txn);
    }
    let row = OwnerRow {
        client_id: owner.application.client_id,
        client_secret: SecretBytes::new(owner.client_secret.expose().to_vec()),
        subscription,
    };
    put(txn, keys, &row)
}

/// A new token-signing key, drawn on a blocking thread.
///
/// # Errors
/// [`OpError::Internal`] when the key cannot be drawn.
pub async fn new_token_key(
    created: Timestamp,
    signs_from: Timestamp,
) -> Result<TokenKeyRow, OpError> {
    let key = tokio::task::spawn_blocking(RsaSigningKey::generate)
        .await
        .map_err(|error| OpError::Internal(error.to_string()))??;
    Ok(TokenKeyRow {
        kid: URL_SAFE_NO_PAD.encode(random::bytes::<20>()?),
        pkcs8: key.to_pkcs8()?,
        created,
        signs_from,
        expires: signs_from.plus_days(2 * TOKEN_KEY_DAYS),
    })
}

fn new_authority(base: &str, system_now: Timestamp) -> Result<AuthorityRow, OpError> {
    let internal = |error: strongroom_pki::PkiError| OpError::Internal(error.to_string());
    let authority = Authority::create(base, system_now).map_err(internal)?;
    Ok(AuthorityRow {
        certificate: authority.certificate_der().to_vec(),
        pkcs8: authority.key_pkcs8().map_err(internal)?,
    })
}
