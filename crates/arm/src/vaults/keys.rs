//! Keys as resources: made if there is none of the name, shown, listed. What they do is for the
//! data plane.

use std::sync::Arc;

use http::Method;
use serde_json::Value;
use strongroom_authz::admit;
use strongroom_model::keys::MAX_TAG_CHARS;
use strongroom_model::{
    Curve, KeyListing, KeyOperation, KeySpec, KeyType, Kind, ModelError, ObjectName, Operation,
    PublicKey, ReleasePolicy, RotationPolicy, SoftDelete, Tags, VaultResource, Version,
    VersionRecord,
};
use strongroom_ops::{
    CreateFirstKey, CreateKey, GetKey, GetKeyRotationPolicy, GetKeyVersions, GetKeys, KeyView,
    NewKey, PageRequest,
};
use strongroom_store::Store;
use strongroom_wire::keys::KeyReleasePolicy;
use strongroom_wire::{ObjectAttributes, arm_vaults as wire, base64url};

use super::refusal::refused;
use super::secrets::{next_link, page_request};
use super::{
    Place, authorized, object_name, object_names, only, parameters, parse, rotation, shown,
};
use crate::locks::{self, Change};
use crate::{ArmRequest, Problem, Reply};

const READ: &str = "Microsoft.KeyVault/vaults/keys/read";
const WRITE: &str = "Microsoft.KeyVault/vaults/keys/write";
const READ_VERSIONS: &str = "Microsoft.KeyVault/vaults/keys/versions/read";

/// `PUT` and `GET …/vaults/{vault}/keys/{name}`
pub(super) async fn answer<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    match request.method {
        Method::PUT => put(request).await,
        Method::GET => show(request, None, READ).await,
        _ => Err(Problem::method(&request.method)),
    }
}

/// `GET …/keys/{name}/versions/{version}`
pub(super) async fn version<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    only(request, &Method::GET)?;
    let version = Version::parse(request.target.segment(5)).map_err(bad)?;
    show(request, Some(version), READ_VERSIONS).await
}

#[allow(clippy::needless_pass_by_value)] // It stands where errors are mapped.
pub(super) fn bad(error: ModelError) -> Problem {
    Problem::bad("BadRequest", error.to_string())
}

/// Makes the first version of a key; one that is there is answered as it is.
async fn put<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let place = Place::of(request)?;
    let name = object_name(request)?;
    let scope = place.scope.object(Kind::Key, name.as_str());
    let granted = request.permit(WRITE, &scope)?;
    let vault = place.vault(request)?;
    locks::check(&request.directory, &scope, Change::Write)?;
    let sent: wire::KeyParameters = parse(request)?;
    let wanted = wanted(name.clone(), sent)?;
    let proof = authorized(request, &granted, Operation::CreateKey, &vault, Some(name))?;
    let admitted = admit(proof, wanted).map_err(|error| Problem::internal(&error))?;
    let made = request.service.ops.create_first_key(admitted, &mut request.call).await;
    let (view, policy) = made.map_err(|error| refused(request, &scope, error))?;
    Reply::ok(&whole(request, &vault, &view, policy.as_ref(), false))
}

fn wanted(name: ObjectName, sent: wire::KeyParameters) -> Result<CreateFirstKey, Problem> {
    let properties = sent.properties.ok_or_else(|| parameters::missing("properties"))?;
    let rotation = properties.rotation_policy.as_ref().map(rotation::rules).transpose()?;
    let kty = properties.kty.ok_or_else(|| parameters::missing("kty"))?;
    let key_type = KeyType::parse(&kty).map_err(bad)?;
    let curve = properties.curve_name.as_deref().map(Curve::parse).transpose().map_err(bad)?;
    let spec = KeySpec::of(key_type, properties.key_size, curve, None, None).map_err(bad)?;
    let attributes = properties.attributes.unwrap_or_default();
    let key_ops = properties.key_ops.map(|operations| {
        operations.iter().map(|operation| KeyOperation::parse(operation)).collect()
    });
    let new = NewKey {
        key_ops: key_ops.transpose().map_err(bad)?,
        attributes: attributes.common.into(),
        exportable: attributes.exportable,
        release_policy: properties.release_policy.as_ref().map(release_policy).transpose()?,
        tags: sent.tags.map(|tags| Tags::parse(tags, MAX_TAG_CHARS)).transpose().map_err(bad)?,
    };
    Ok(CreateFirstKey { key: CreateKey { name, key_type, spec, new }, rotation })
}

fn release_policy(
    sent: &strongroom_wire::keys::KeyReleasePolicyParameters,
) -> Result<ReleasePolicy, Problem> {
    let invalid = || Problem::bad("BadRequest", "The release policy is not valid base64url.");
    let document = base64url::decode(sent.data.as_deref().unwrap_or_default());
    let document = document.filter(|bytes| !bytes.is_empty()).ok_or_else(invalid)?;
    let immutable = sent.immutable.unwrap_or(false);
    ReleasePolicy::new(sent.content_type.as_deref(), immutable, &document).map_err(bad)
}

async fn show<S: Store>(
    request: &mut ArmRequest<'_, S>,
    version: Option<Version>,
    action: &str,
) -> Result<Reply, Problem> {
    let place = Place::of(request)?;
    let name = object_name(request)?;
    let scope = place.scope.object(Kind::Key, name.as_str());
    let granted = request.permit(action, &scope)?;
    let vault = place.vault(request)?;
    let proof = authorized(request, &granted, Operation::GetKey, &vault, Some(name.clone()))?;
    let admitted = admit(proof, GetKey { name: name.clone(), version })
        .map_err(|error| Problem::internal(&error))?;
    let found = request.service.ops.get_key(admitted).await;
    let view = found.map_err(|error| refused(request, &scope, error))?;
    if version.is_some() {
        return Reply::ok(&whole(request, &vault, &view, None, true));
    }
    let operation = Operation::GetKeyRotationPolicy;
    let proof = authorized(request, &granted, operation, &vault, Some(name.clone()))?;
    let admitted =
        admit(proof, GetKeyRotationPolicy { name }).map_err(|error| Problem::internal(&error))?;
    let found = request.service.ops.get_key_rotation_policy(admitted).await;
    let policy = found.map_err(|error| refused(request, &scope, error))?.policy();
    Reply::ok(&whole(request, &vault, &view, policy.as_ref(), false))
}

/// `GET …/vaults/{vault}/keys`
pub(super) async fn list<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    only(request, &Method::GET)?;
    let place = Place::of(request)?;
    let granted = request.permit(READ, &place.scope)?;
    let vault = place.vault(request)?;
    let page: PageRequest = page_request(request)?;
    let proof = authorized(request, &granted, Operation::GetKeys, &vault, None)?;
    let admitted = admit(proof, GetKeys { page }).map_err(|error| Problem::internal(&error))?;
    let found = request.service.ops.get_keys(admitted).await;
    let found = found.map_err(|error| refused(request, &place.scope, error))?;
    let values = found
        .values
        .iter()
        .map(|listed| part(request, &vault, &listed.name, &listed.record, None))
        .collect();
    Reply::page(values, next_link(request, found.skip_token))
}

/// `GET …/vaults/{vault}/keys/{name}/versions`
pub(super) async fn versions<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    only(request, &Method::GET)?;
    let place = Place::of(request)?;
    let name = object_name(request)?;
    let scope = place.scope.object(Kind::Key, name.as_str());
    let granted = request.permit(READ_VERSIONS, &scope)?;
    let vault = place.vault(request)?;
    let page = page_request(request)?;
    let operation = Operation::GetKeyVersions;
    let proof = authorized(request, &granted, operation, &vault, Some(name.clone()))?;
    let admitted =
        admit(proof, GetKeyVersions { name, page }).map_err(|error| Problem::internal(&error))?;
    let found = request.service.ops.get_key_versions(admitted).await;
    let found = found.map_err(|error| refused(request, &scope, error))?;
    let values = found
        .values
        .iter()
        .map(|listed| {
            let version = Some(listed.record.version);
            part(request, &vault, &listed.name, &listed.record, version)
        })
        .collect();
    Reply::page(values, next_link(request, found.skip_token))
}

/// A key or a version with everything that is known of it.
fn whole<S: Store>(
    request: &ArmRequest<'_, S>,
    vault: &Arc<VaultResource>,
    view: &KeyView,
    policy: Option<&RotationPolicy>,
    of_version: bool,
) -> Value {
    let listing = &view.record.listing;
    let (key_size, curve_name) = match &listing.public {
        PublicKey::Rsa { .. } => (listing.public.bits(), None),
        PublicKey::Ec { curve, .. } => (None, Some(curve.name())),
        _ => (None, None),
    };
    let properties = wire::KeyProperties {
        kty: Some(listing.key_type.name()),
        key_ops: Some(listing.key_ops.iter().map(|operation| operation.name()).collect()),
        key_size,
        curve_name,
        rotation_policy: policy.map(rotation::shown),
        release_policy: listing.release_policy.as_ref().map(KeyReleasePolicy::from),
        ..properties(request, vault, &view.name, &view.record, Some(view.record.version))
    };
    resource(request, vault, &view.name, &view.record, of_version, properties)
}

/// A key or a version in a list.
fn part<S: Store>(
    request: &ArmRequest<'_, S>,
    vault: &Arc<VaultResource>,
    name: &ObjectName,
    record: &VersionRecord<KeyListing>,
    version: Option<Version>,
) -> Value {
    let properties = properties(request, vault, name, record, version);
    resource(request, vault, name, record, version.is_some(), properties)
}

fn properties<S: Store>(
    request: &ArmRequest<'_, S>,
    vault: &VaultResource,
    name: &ObjectName,
    record: &VersionRecord<KeyListing>,
    version: Option<Version>,
) -> wire::KeyProperties<'static> {
    let (_, url) = object_names(request, vault, Kind::Key, name);
    wire::KeyProperties {
        attributes: wire::KeyAttributes {
            common: attributes(record, vault.soft_delete),
            exportable: record.listing.exportable,
        },
        kty: None,
        key_ops: None,
        key_size: None,
        curve_name: None,
        key_uri_with_version: version.map(|version| format!("{url}/{version}")),
        key_uri: url,
        rotation_policy: None,
        release_policy: None,
    }
}

fn attributes(record: &VersionRecord<KeyListing>, rules: SoftDelete) -> ObjectAttributes<'static> {
    ObjectAttributes {
        recovery_level: Some(rules.recovery_level()),
        ..ObjectAttributes::from(&record.attributes)
    }
}

fn resource<S: Store>(
    request: &ArmRequest<'_, S>,
    vault: &VaultResource,
    name: &ObjectName,
    record: &VersionRecord<KeyListing>,
    of_version: bool,
    properties: wire::KeyProperties<'_>,
) -> Value {
    let (id, _) = object_names(request, vault, Kind::Key, name);
    let version = record.version.to_string();
    let (id, name, resource_type) = if of_version {
        (format!("{id}/versions/{version}"), version, "Microsoft.KeyVault/vaults/keys/versions")
    } else {
        (id, name.to_string(), "Microsoft.KeyVault/vaults/keys")
    };
    shown::value(&wire::Resource {
        id: id.into(),
        name: Some(name.into()),
        resource_type,
        location: Some(&vault.location),
        tags: record.tags.as_ref().map(Tags::as_map),
        system_data: None,
        properties,
    })
}
