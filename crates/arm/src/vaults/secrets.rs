//! Secrets as resources: set, changed, shown, listed. Their values are for the data plane: none
//! is ever answered here.

use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::Value;
use strongroom_authz::{GrantedAction, admit};
use strongroom_crypto::SecretBytes;
use strongroom_model::secrets::MAX_TAG_CHARS;
use strongroom_model::{
    AttributesChange, Kind, ObjectName, Operation, Scope, SecretListing, Tags, VaultResource,
    VersionRecord,
};
use strongroom_ops::{
    GetSecretProperties, GetSecrets, MAX_PAGE, OpError, PageRequest, SecretView, SetSecret,
    UpdateSecret,
};
use strongroom_store::Store;
use strongroom_wire::{ObjectAttributes, arm_vaults as wire};

use super::refusal::refused;
use super::{Place, authorized, object_name, object_names, only, parameters, parse, shown};
use crate::locks::{self, Change};
use crate::{ArmRequest, Problem, Reply};

const READ: &str = "Microsoft.KeyVault/vaults/secrets/read";
const WRITE: &str = "Microsoft.KeyVault/vaults/secrets/write";

/// `PUT`, `PATCH` and `GET …/vaults/{vault}/secrets/{name}`
pub(super) async fn answer<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    match request.method {
        Method::GET => show(request).await,
        Method::PUT | Method::PATCH => write(request).await,
        _ => Err(Problem::method(&request.method)),
    }
}

/// A secret that the caller may write.
struct Target {
    granted: GrantedAction,
    vault: Arc<VaultResource>,
    scope: Scope,
    name: ObjectName,
}

async fn show<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let place = Place::of(request)?;
    let name = object_name(request)?;
    let scope = place.scope.object(Kind::Secret, name.as_str());
    let granted = request.permit(READ, &scope)?;
    let vault = place.vault(request)?;
    let target = Target { granted, vault, scope, name };
    let found = properties_of(request, &target).await;
    let view = found.map_err(|error| refused(request, &target.scope, error))?;
    Reply::ok(&resource(request, &target.vault, &view.name, &view.record))
}

async fn properties_of<S: Store>(
    request: &ArmRequest<'_, S>,
    target: &Target,
) -> Result<SecretView, OpError> {
    let operation = Operation::GetSecretVersions;
    let name = target.name.clone();
    let proof = authorized(request, &target.granted, operation, &target.vault, Some(name.clone()))
        .map_err(|problem| OpError::Internal(problem.message))?;
    let admitted = admit(proof, GetSecretProperties { name })
        .map_err(|error| OpError::Internal(error.to_string()))?;
    request.service.ops.get_secret_properties(admitted).await
}

/// A value makes a new version. `PATCH` keeps what it does not say, and needs a secret that is
/// there.
async fn write<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    let place = Place::of(request)?;
    let name = object_name(request)?;
    let scope = place.scope.object(Kind::Secret, name.as_str());
    let granted = request.permit(WRITE, &scope)?;
    let vault = place.vault(request)?;
    locks::check(&request.directory, &scope, Change::Write)?;
    let sent: wire::SecretParameters = parse(request)?;
    let patches = request.method == Method::PATCH;
    let target = Target { granted, vault, scope, name };
    let existing = match properties_of(request, &target).await {
        Ok(view) => Some(view),
        Err(OpError::NotFound { .. }) if !patches => None,
        Err(error) => return Err(refused(request, &target.scope, error)),
    };
    let tags = sent.tags.map(|tags| Tags::parse(tags, MAX_TAG_CHARS)).transpose();
    let tags = tags.map_err(|error| Problem::bad("BadRequest", error.to_string()))?;
    let properties = match sent.properties {
        Some(properties) => properties,
        None if patches => wire::SecretPropertiesParameters::default(),
        None => return Err(parameters::missing("properties")),
    };
    let attributes = properties.attributes.map(AttributesChange::from).unwrap_or_default();
    let content_type = properties.content_type;
    let written = match properties.value {
        Some(value) => {
            let value = SecretBytes::from(value.into_string());
            let kept = existing.as_ref().filter(|_| patches);
            let new = merged(&target, value, content_type, &attributes, tags, kept);
            set(request, &target, new).await
        }
        None if patches => {
            let name = target.name.clone();
            let change = UpdateSecret { name, version: None, content_type, attributes, tags };
            update(request, &target, change).await
        }
        None => return Err(parameters::missing("value")),
    };
    let view = written.map_err(|error| refused(request, &target.scope, error))?;
    let status = if existing.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    Reply::json(status, &resource(request, &target.vault, &view.name, &view.record))
}

/// A new version: what is not said of it is as it was, where there is something to keep.
fn merged(
    target: &Target,
    value: SecretBytes,
    content_type: Option<String>,
    attributes: &AttributesChange,
    tags: Option<Tags>,
    kept: Option<&SecretView>,
) -> SetSecret {
    let record = kept.map(|view| &view.record);
    let before = record.map(|record| &record.attributes);
    SetSecret {
        name: target.name.clone(),
        value,
        content_type: content_type
            .or_else(|| record.and_then(|record| record.listing.content_type.clone())),
        attributes: AttributesChange {
            enabled: attributes.enabled.or(before.map(|before| before.enabled)),
            not_before: attributes.not_before.or(before.and_then(|before| before.not_before)),
            expires: attributes.expires.or(before.and_then(|before| before.expires)),
        },
        tags: tags.or_else(|| record.and_then(|record| record.tags.clone())),
    }
}

async fn set<S: Store>(
    request: &mut ArmRequest<'_, S>,
    target: &Target,
    new: SetSecret,
) -> Result<SecretView, OpError> {
    let name = Some(target.name.clone());
    let proof = authorized(request, &target.granted, Operation::SetSecret, &target.vault, name)
        .map_err(|problem| OpError::Internal(problem.message))?;
    let admitted = admit(proof, new).map_err(|error| OpError::Internal(error.to_string()))?;
    request.service.ops.set_secret(admitted, &mut request.call).await
}

async fn update<S: Store>(
    request: &mut ArmRequest<'_, S>,
    target: &Target,
    change: UpdateSecret,
) -> Result<SecretView, OpError> {
    let name = Some(target.name.clone());
    let proof = authorized(request, &target.granted, Operation::UpdateSecret, &target.vault, name)
        .map_err(|problem| OpError::Internal(problem.message))?;
    let admitted = admit(proof, change).map_err(|error| OpError::Internal(error.to_string()))?;
    request.service.ops.update_secret(admitted, &mut request.call).await
}

/// `GET …/vaults/{vault}/secrets`
pub(super) async fn list<S: Store>(request: &mut ArmRequest<'_, S>) -> Result<Reply, Problem> {
    only(request, &Method::GET)?;
    let place = Place::of(request)?;
    let granted = request.permit(READ, &place.scope)?;
    let vault = place.vault(request)?;
    let page = page_request(request)?;
    let proof = authorized(request, &granted, Operation::GetSecrets, &vault, None)?;
    let admitted = admit(proof, GetSecrets { page }).map_err(|error| Problem::internal(&error))?;
    let found = request.service.ops.get_secrets(admitted).await;
    let found = found.map_err(|error| refused(request, &place.scope, error))?;
    let values = found
        .values
        .iter()
        .map(|listed| resource(request, &vault, &listed.name, &listed.record))
        .collect();
    Reply::page(values, next_link(request, found.skip_token))
}

/// Which page of a vault's objects `$top` and `$skiptoken` ask for: at most as many as the data
/// plane shows.
pub(super) fn page_request<S: Store>(request: &ArmRequest<'_, S>) -> Result<PageRequest, Problem> {
    let wanted = crate::page::Window::size(request)?;
    let skip_token = request.query.get("$skiptoken").map(str::to_owned);
    Ok(PageRequest { max_results: wanted.min(MAX_PAGE), skip_token })
}

/// Where the next page is.
pub(super) fn next_link<S: Store>(
    request: &ArmRequest<'_, S>,
    skip_token: Option<String>,
) -> Option<String> {
    let token = skip_token?;
    let top = request.query.get("$top").map(|top| format!("&$top={top}")).unwrap_or_default();
    Some(format!("{}{top}&$skiptoken={token}", request.url(&request.target.path())))
}

fn resource<S: Store>(
    request: &ArmRequest<'_, S>,
    vault: &VaultResource,
    name: &ObjectName,
    record: &VersionRecord<SecretListing>,
) -> Value {
    let (id, url) = object_names(request, vault, Kind::Secret, name);
    shown::value(&wire::Resource {
        id: id.into(),
        name: Some(name.as_str().into()),
        resource_type: "Microsoft.KeyVault/vaults/secrets",
        location: Some(&vault.location),
        tags: record.tags.as_ref().map(Tags::as_map),
        system_data: None,
        properties: wire::SecretProperties {
            content_type: record.listing.content_type.as_deref(),
            attributes: ObjectAttributes::from(&record.attributes),
            secret_uri_with_version: format!("{url}/{}", record.version),
            secret_uri: url,
        },
    })
}
