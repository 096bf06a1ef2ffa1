"""The three management SDKs in one script: from a resource group to a vault's purge."""

import uuid
from types import SimpleNamespace

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import ClientSecretCredential, DefaultAzureCredential
from azure.keyvault.secrets import SecretClient
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.models import (
    Permission,
    RoleAssignmentCreateParameters,
    RoleDefinition,
)
from azure.mgmt.keyvault import KeyVaultManagementClient
from azure.mgmt.keyvault import models as vaults_models
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.resources.models import (
    GenericResource,
    GenericResourceExpanded,
    ResourceGroup,
    ResourceGroupPatchable,
    Tags,
    TagsPatchResource,
)

from arm import management_url, object_of, until, vault_name

LOCATION = "westeurope"
LOCKS = "2020-05-01"
VAULTS = "2026-02-01"


@pytest.fixture(scope="module")
def azure(server):
    """What a user writes: a cloud that is not Microsoft's is said by its endpoint."""
    url = management_url(server)
    where = {"base_url": url, "credential_scopes": [f"{url}/.default"]}

    def client(kind):
        return kind(DefaultAzureCredential(), server.ready["subscriptionId"], **where)

    authorization = client(AuthorizationManagementClient)
    with client(KeyVaultManagementClient) as keyvault, client(ResourceManagementClient) as resource:
        with authorization:
            yield SimpleNamespace(
                keyvault=keyvault, authorization=authorization, resource=resource
            )


class Application:
    """Somebody who has no role yet, and what a vault of secrets says to them."""

    def __init__(self, server):
        identity = server.create_identity(vault_name("app"))
        self.object_id = object_of(server, identity)
        self.credential = ClientSecretCredential(
            "adfs", identity["appId"], identity["password"],
            authority=server.ready["authority"],
        )

    def secrets(self, vault):
        return SecretClient(vault.properties.vault_uri, self.credential)


def forbidden(call, *arguments):
    refused(403, "Forbidden", call, *arguments)


def refused(status, code, call, *arguments):
    with pytest.raises(HttpResponseError) as refusal:
        call(*arguments)
    assert (refusal.value.status_code, refusal.value.error.code) == (status, code)


def test_from_a_group_to_a_purge(azure, server):
    groups, vaults = azure.resource.resource_groups, azure.keyvault.vaults
    group, name = vault_name("group"), vault_name("sdk")
    assert groups.check_existence(group) is False
    made_group = groups.create_or_update(group, ResourceGroup(location="West Europe"))
    assert (made_group.location, made_group.properties.provisioning_state) == (
        LOCATION, "Succeeded")
    assert groups.check_existence(group) is True
    assert group in [each.name for each in groups.list()]
    patched = groups.update(group, ResourceGroupPatchable(tags={"team": "a"}))
    assert groups.get(group).tags == patched.tags == {"team": "a"}

    vault = create(vaults, server, group, name)
    found(azure.resource, group, vault)
    tags(azure.resource, vaults, group, vault)
    roles(azure.authorization, server, vault)
    contents(azure.keyvault, server, group, vault)
    locked(azure, group, vault)
    deleted_recovered_purged(azure, server, group, vault)
    groups.begin_delete(group).result()
    assert groups.check_existence(group) is False


def create(vaults, server, group, name):
    asked = vaults_models.VaultCheckNameAvailabilityParameters(name=name)
    assert vaults.check_name_availability(asked).name_available is True
    properties = properties_of(server, soft_delete_retention_in_days=7,
                               enable_rbac_authorization=True)
    body = vaults_models.VaultCreateOrUpdateParameters(location=LOCATION, properties=properties)
    vault = vaults.begin_create_or_update(group, name, body).result()
    assert vault.properties.provisioning_state == "Succeeded"
    assert vault.properties.vault_uri == server.vault_url(name) + "/"
    assert vaults.check_name_availability(asked).reason == "AlreadyExists"
    assert [each.id for each in vaults.list_by_resource_group(group)] == [vault.id]
    assert vault.id in [each.id for each in vaults.list_by_subscription()]
    return vault


def properties_of(server, **more):
    sku = vaults_models.Sku(family="A", name="standard")
    return vaults_models.VaultProperties(tenant_id=server.ready["tenantId"], sku=sku, **more)


def found(resource, group, vault):
    """As a resource among others."""
    filter_ = f"resourceType eq 'Microsoft.KeyVault/vaults' and name eq '{vault.name}'"
    for listed in (
        resource.resources.list(filter=filter_),
        resource.resources.list_by_resource_group(group),
    ):
        (only,) = listed
        assert isinstance(only, GenericResourceExpanded)
        assert (only.id, only.type, only.location) == (
            vault.id, "Microsoft.KeyVault/vaults", LOCATION)
    generic = resource.resources.get_by_id(vault.id, api_version=VAULTS)
    assert generic.properties["vaultUri"] == vault.properties.vault_uri
    assert resource.resources.check_existence_by_id(vault.id, api_version=VAULTS) is True
    provider = resource.providers.get("Microsoft.KeyVault")
    assert provider.registration_state == "Registered"
    types = {kind.resource_type: kind.api_versions for kind in provider.resource_types}
    assert VAULTS in types["vaults"]


def tags(resource, vaults, group, vault):
    def patch(operation, **tags):
        body = TagsPatchResource(operation=operation, properties=Tags(tags=tags))
        return resource.tags.begin_update_at_scope(vault.id, body).result().properties.tags

    assert patch("Merge", team="a", cost="1") == {"team": "a", "cost": "1"}
    assert patch("Delete", team="a") == {"cost": "1"}
    assert resource.tags.get_at_scope(vault.id).properties.tags == {"cost": "1"}
    assert vaults.get(group, vault.name).tags == {"cost": "1"}


def roles(authorization, server, vault):
    """A custom role on the whole vault, a built-in one on one secret of it."""
    app = Application(server)
    secrets = app.secrets(vault)
    forbidden(secrets.set_secret, "s", "v")
    scope = f"/subscriptions/{server.ready['subscriptionId']}"
    writers = RoleDefinition(
        role_name=vault_name("Writers"), description="Write secrets, and read none.",
        role_type="CustomRole", assignable_scopes=[scope],
        permissions=[Permission(
            actions=[], data_actions=["Microsoft.KeyVault/vaults/secrets/setSecret/action"])],
    )
    definitions = authorization.role_definitions
    custom = definitions.create_or_update(scope, str(uuid.uuid4()), writers)
    writes = assign(authorization, vault.id, custom, app)
    secrets.set_secret("s", "v")
    forbidden(secrets.get_secret, "s")
    user = "roleName eq 'Key Vault Secrets User'"
    (built_in,) = definitions.list(vault.id, filter=user)
    assert built_in.role_type == "BuiltInRole"
    reads = assign(authorization, f"{vault.id}/secrets/s", built_in, app)
    assert secrets.get_secret("s").value == "v"
    secrets.set_secret("other", "v")
    forbidden(secrets.get_secret, "other")

    mine = f"assignedTo('{app.object_id}')"
    listed = authorization.role_assignments.list_for_scope(vault.id, filter=mine)
    assert writes.id in [each.id for each in listed]
    refused(400, "RoleDefinitionHasAssignments", definitions.delete, scope, custom.name)
    for assignment in (writes, reads):
        authorization.role_assignments.delete_by_id(assignment.id)
    forbidden(secrets.get_secret, "s")
    forbidden(secrets.set_secret, "s", "w")
    definitions.delete(scope, custom.name)
    with pytest.raises(ResourceNotFoundError):
        definitions.get(scope, custom.name)


def assign(authorization, scope, role, app):
    made = authorization.role_assignments.create(scope, str(uuid.uuid4()), (
        RoleAssignmentCreateParameters(
            role_definition_id=role.id, principal_id=app.object_id,
            principal_type="ServicePrincipal")))
    assert (made.scope, made.principal_id) == (scope, app.object_id)
    return made


def contents(keyvault, server, group, vault):
    """A secret and a key over the control plane, and who wrote them reads no value there."""
    parameters = vaults_models.SecretCreateOrUpdateParameters(
        properties=vaults_models.SecretProperties(value="over the control plane"))
    written = keyvault.secrets.create_or_update(group, vault.name, "arm", parameters)
    assert written.properties.value is None
    assert keyvault.secrets.get(group, vault.name, "arm").properties.value is None
    reader = SecretClient(vault.properties.vault_uri, DefaultAzureCredential())
    assert reader.get_secret("arm").value == "over the control plane"
    assert "arm" in [secret.name for secret in keyvault.secrets.list(group, vault.name)]
    parameters = vaults_models.KeyCreateParameters(
        properties=vaults_models.KeyProperties(kty="EC", curve_name="P-256"))
    key = keyvault.keys.create_if_not_exist(group, vault.name, "signer", parameters)
    assert key.properties.kty == "EC"
    again = keyvault.keys.create_if_not_exist(group, vault.name, "signer", parameters)
    assert again.properties.key_uri_with_version == key.properties.key_uri_with_version


def locked(azure, group, vault):
    lock = f"{vault.id}/providers/Microsoft.Authorization/locks/keep"
    body = GenericResource(properties={"level": "CanNotDelete", "notes": "ours"})
    resources = azure.resource.resources
    resources.begin_create_or_update_by_id(lock, parameters=body, api_version=LOCKS).result()
    refused(409, "ScopeLocked", azure.keyvault.vaults.delete, group, vault.name)
    with pytest.raises(HttpResponseError, match="ScopeLocked"):
        azure.resource.resource_groups.begin_delete(group).result()
    resources.begin_delete_by_id(lock, api_version=LOCKS).result()


def deleted_recovered_purged(azure, server, group, vault):
    vaults, name = azure.keyvault.vaults, vault.name
    vaults.delete(group, name)
    with pytest.raises(ResourceNotFoundError):
        vaults.get(group, name)
    assert azure.resource.resources.check_existence_by_id(vault.id, api_version=VAULTS) is False
    assert vaults.get_deleted(name, LOCATION).properties.vault_id == vault.id
    assert name in [each.name for each in vaults.list_deleted()]
    recover = vaults_models.VaultCreateOrUpdateParameters(
        location=LOCATION, properties=properties_of(server, create_mode="recover"))
    recovered = vaults.begin_create_or_update(group, name, recover).result()
    assert recovered.properties.vault_uri == vault.properties.vault_uri
    kept = SecretClient(recovered.properties.vault_uri, DefaultAzureCredential())
    assert kept.get_secret("arm").value == "over the control plane"
    vaults.delete(group, name)
    vaults.begin_purge_deleted(name, LOCATION).result()
    with pytest.raises(ResourceNotFoundError):
        vaults.get_deleted(name, LOCATION)
    asked = vaults_models.VaultCheckNameAvailabilityParameters(name=name)
    until(lambda: vaults.check_name_availability(asked).name_available)
