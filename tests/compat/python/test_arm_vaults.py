"""Vaults over the control plane, with the management SDK and with requests as written."""

import json
import re

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.keyvault import models

from arm import BEFORE_RBAC_DEFAULT, Arm, management_client, refused, sku, until, vault_name


@pytest.fixture(scope="module")
def arm(server):
    return Arm(server)


@pytest.fixture(scope="module")
def vaults(server):
    with management_client(server) as client:
        yield client.vaults


@pytest.fixture
def fresh(arm):
    """A new vault's name; the vault has roles."""
    name = vault_name()
    arm.create(name)
    return name


# The management SDK, from creation to purge


def test_the_management_sdk_from_creation_to_purge(server, vaults):
    name, group = vault_name("sdk"), server.ready["resourceGroup"]
    tenant = server.ready["tenantId"]
    parameters = models.VaultCreateOrUpdateParameters(
        location="West Europe",
        tags={"team": "a"},
        properties=models.VaultProperties(
            tenant_id=tenant,
            sku=models.Sku(family="A", name="premium"),
            access_policies=[],
            enable_rbac_authorization=True,
            soft_delete_retention_in_days=7,
        ),
    )
    made = vaults.begin_create_or_update(group, name, parameters).result()
    assert made.location == "westeurope"
    assert made.properties.vault_uri == server.vault_url(name) + "/"
    assert made.properties.provisioning_state == "Succeeded"
    assert made.properties.soft_delete_retention_in_days == 7
    assert made.system_data.created_by_type == "Application"
    assert made.tags == {"team": "a"}

    found = vaults.get(group, name)
    assert found.as_dict() == made.as_dict()
    assert name in [vault.name for vault in vaults.list_by_resource_group(group)]
    assert name in [vault.name for vault in vaults.list_by_subscription()]

    patch = models.VaultPatchParameters(tags={"team": "b"})
    assert vaults.update(group, name, patch).tags == {"team": "b"}
    assert vaults.get(group, name).properties.sku.name == "premium"

    available = models.VaultCheckNameAvailabilityParameters(name=name)
    assert vaults.check_name_availability(available).reason == "AlreadyExists"

    vaults.delete(group, name)
    with pytest.raises(ResourceNotFoundError):
        vaults.get(group, name)
    deleted = vaults.get_deleted(name, "westeurope")
    assert deleted.properties.vault_id == made.id
    assert name in [vault.name for vault in vaults.list_deleted()]

    recover = models.VaultCreateOrUpdateParameters(
        location="westeurope",
        properties=models.VaultProperties(
            tenant_id=tenant, sku=models.Sku(family="A", name="standard"), create_mode="recover"
        ),
    )
    recovered = vaults.begin_create_or_update(group, name, recover).result()
    assert recovered.properties.sku.name == "premium", "it comes back as it was"
    vaults.delete(group, name)
    vaults.begin_purge_deleted(name, "westeurope").result()
    with pytest.raises(ResourceNotFoundError):
        vaults.get_deleted(name, "westeurope")


# Shapes


def test_a_vault_is_answered_as_the_real_service_answers_it(server, arm):
    name = vault_name()
    made = arm.vault("PUT", name, arm.body())
    assert made.status == 200
    body = made.json()
    assert body["id"] == arm.vault_path(name)
    assert body["type"] == "Microsoft.KeyVault/vaults"
    assert body["name"] == name
    assert body["location"] == "local"
    assert body["tags"] == {}
    assert body["properties"] == {
        "sku": sku(),
        "tenantId": server.ready["tenantId"],
        "accessPolicies": [],
        "enabledForDeployment": False,
        "enableSoftDelete": True,
        "softDeleteRetentionInDays": 90,
        "enableRbacAuthorization": True,
        "vaultUri": server.vault_url(name) + "/",
        "provisioningState": "Succeeded",
        "publicNetworkAccess": "Enabled",
    }
    data = body["systemData"]
    assert data["createdByType"] == "Application"
    assert data["createdBy"] == server.ready["owner"]["clientId"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", data["createdAt"])
    assert arm.vault("GET", name).json() == body


def test_what_a_client_has_read_it_may_send_back(arm):
    """`az keyvault update` and its like: the whole vault, with what only the service sets."""
    name = vault_name()
    acls = {
        "bypass": "None",
        "defaultAction": "Deny",
        "ipRules": [{"value": "192.0.2.7"}],
        "virtualNetworkRules": [],
    }
    made = arm.create(name, networkAcls=acls, enablePurgeProtection=True)
    assert made["properties"]["networkAcls"]["ipRules"] == [{"value": "192.0.2.7/32"}]
    assert made["properties"]["enablePurgeProtection"] is True
    again = arm.vault("PUT", name, made)
    assert again.status == 200
    assert again.json()["properties"] == made["properties"]


def test_a_default_firewall_is_left_out(arm):
    acls = {"bypass": "AzureServices", "defaultAction": "Allow"}
    made = arm.create(vault_name(), networkAcls=acls)
    assert "networkAcls" not in made["properties"]


def test_roles_decide_by_default_since_2026(arm):
    assert arm.create(vault_name())["properties"]["enableRbacAuthorization"] is True
    old = arm.create(vault_name(), version=BEFORE_RBAC_DEFAULT, accessPolicies=[])
    assert old["properties"]["enableRbacAuthorization"] is False
    null = {"enableRbacAuthorization": None, "accessPolicies": []}
    old = arm.create(vault_name(), version=BEFORE_RBAC_DEFAULT, **null)
    assert old["properties"]["enableRbacAuthorization"] is False


def test_the_api_version_of_a_change_changes_no_permission_model(arm):
    name = vault_name()
    arm.create(name, version=BEFORE_RBAC_DEFAULT, accessPolicies=[])
    changed = arm.vault("PUT", name, arm.body(accessPolicies=[])).json()
    assert changed["properties"]["enableRbacAuthorization"] is False


def test_without_roles_access_policies_must_be_said(arm):
    answer = arm.vault("PUT", vault_name(), arm.body(), version=BEFORE_RBAC_DEFAULT)
    refused(answer, 400, "BadRequest", "The parameter accessPolicies is not specified.")


def test_ids_compare_without_regard_to_case(arm, fresh):
    path = arm.vault_path(fresh).upper().replace("/SUBSCRIPTIONS/", "/Subscriptions/")
    answer = arm.send("GET", path)
    assert answer.status == 200, answer
    assert answer.json()["id"] == arm.vault_path(fresh)


def test_changes_say_who_and_when(arm, fresh):
    before = arm.vault("GET", fresh).json()["systemData"]
    after = arm.vault("PATCH", fresh, {"tags": {"a": "b"}}).json()["systemData"]
    assert after["createdAt"] == before["createdAt"]
    assert after["lastModifiedAt"] >= before["lastModifiedAt"]
    assert after["lastModifiedBy"] == before["createdBy"]


# Rules


@pytest.mark.parametrize(
    "name", ["ab", "1vault", "a--b", "vault-", "a_b", "x" * 25], ids=lambda name: name[:8]
)
def test_names_that_no_vault_has(arm, name):
    answer = arm.vault("PUT", name, arm.body())
    refused(answer, 400, "VaultNameNotValid")
    assert answer.message.startswith(f"The vault name '{name}' is invalid. A vault's name must")
    refused(arm.vault("GET", name), 404, "ResourceNotFound")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"sku": sku("gold")}, "An invalid value was provided for 'sku'."),
        ({"sku": {"family": "B", "name": "standard"}}, "An invalid value was provided for 'sku'."),
        ({"sku": ...}, "The parameter sku is not specified."),
        ({"tenantId": ...}, "The parameter tenantId is not specified."),
        (
            {"enableSoftDelete": False},
            'The property "enableSoftDelete" can be set to false only for creating new vault. '
            "Enabling the 'soft delete' functionality is an irreversible action.",
        ),
        (
            {"enablePurgeProtection": False},
            'The property "enablePurgeProtection" cannot be set to false. Enabling the purge '
            "protection for a vault is an irreversible action.",
        ),
        (
            {"publicNetworkAccess": "Perhaps"},
            "An invalid value was provided for 'publicNetworkAccess'.",
        ),
        ({"createMode": "again"}, "An invalid value was provided for 'createMode'."),
        ({"sku": "standard"}, "Bad JSON content found in the request."),
        ({"enableSoftDelete": "yes"}, "Bad JSON content found in the request."),
        (
            {"networkAcls": {"ipRules": [{"value": "192.0.2.0/33"}]}},
            "Invalid value found at properties.networkAcls.ipRules[0].value: 192.0.2.0/33",
        ),
        (
            {"accessPolicies": [{"objectId": "me", "tenantId": "x", "permissions": {}}]},
            "Invalid value found at accessPolicies[0].TenantId: x",
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_is_refused_leaves_no_vault(arm, said, message):
    name = vault_name()
    refused(arm.vault("PUT", name, arm.body(**said)), 400, "BadRequest", message)
    refused(arm.vault("GET", name), 404, "ResourceNotFound")


@pytest.mark.parametrize("days", [0, 6, 91, -1, 4_294_967_297])
def test_retention_is_seven_to_ninety_days(arm, days):
    name = vault_name()
    answer = arm.vault("PUT", name, arm.body(softDeleteRetentionInDays=days))
    assert (answer.status, answer.code) == (400, "BadRequest")
    assert arm.vault("GET", name).status == 404


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "InvalidRequestContent"),
        (b"{", "InvalidRequestContent"),
        (b"{} {}", "InvalidRequestContent"),
        (b"[]", "InvalidRequestContent"),
        (b'{"location": 5}', "BadRequest"),
        (b"{}", "LocationRequired"),
        (b'{"location": "local"}', "BadRequest"),
        (b'{"location": "../../etc", "properties": {}}', "BadRequest"),
    ],
)
def test_template_garbage(arm, body, code):
    answer = arm.vault("PUT", vault_name(), body)
    assert (answer.status, answer.code) == (400, code)


def test_a_body_that_is_too_large(arm):
    answer = arm.vault("PUT", vault_name(), b'"' + b"x" * (4 * 1024 * 1024) + b'"')
    refused(answer, 413, "RequestContentTooLarge")


def test_a_location_that_is_no_name(arm):
    body = arm.body(location="a/b")
    refused(arm.vault("PUT", vault_name(), body), 400, "LocationNotAvailableForResourceType")


def test_what_goes_one_way_only(arm):
    name = vault_name()
    arm.create(name, softDeleteRetentionInDays=30, enablePurgeProtection=True)
    for said in ({"enablePurgeProtection": False}, {"enableSoftDelete": False}):
        answer = arm.vault("PATCH", name, {"properties": said})
        assert (answer.status, answer.code) == (400, "BadRequest"), said
    shrunk = arm.vault("PATCH", name, {"properties": {"softDeleteRetentionInDays": 7}})
    refused(
        shrunk,
        400,
        "BadRequest",
        'The property "softDeleteRetentionInDays" has been set already and it can\'t be modified.',
    )
    properties = arm.vault("GET", name).json()["properties"]
    assert properties["softDeleteRetentionInDays"] == 30
    assert properties["enablePurgeProtection"] is True


def test_no_other_tenant(arm, fresh):
    other = "11111111-2222-3333-4444-555555555555"
    answer = arm.vault("PATCH", fresh, {"properties": {"tenantId": other}})
    assert (answer.status, answer.code) == (400, "BadRequest")


def test_a_vault_does_not_move(arm, fresh):
    answer = arm.vault("PUT", fresh, arm.body(location="westus"))
    refused(answer, 409, "InvalidResourceLocation")
    assert arm.vault("PUT", fresh, arm.body(location="LO cal")).status == 200


def test_no_such_group_and_no_such_subscription(arm):
    path = arm.vault_path("nowhere", group="no-such-group")
    for method, body in (("GET", None), ("PUT", arm.body()), ("DELETE", None)):
        answer = arm.send(method, path, body)
        message = "Resource group 'no-such-group' could not be found."
        refused(answer, 404, "ResourceGroupNotFound", message)
    other = path.replace(arm.subscription, "11111111-2222-3333-4444-555555555555")
    refused(arm.send("GET", other), 404, "SubscriptionNotFound")


def test_a_patch_leaves_alone_what_it_does_not_say(arm):
    name = vault_name()
    acls = {"bypass": "None", "defaultAction": "Deny", "ipRules": [{"value": "192.0.2.1"}]}
    before = arm.create(name, networkAcls=acls, enabledForDeployment=True)["properties"]
    patch = {"properties": {"networkAcls": {"ipRules": []}, "sku": sku("premium")}}
    after = arm.vault("PATCH", name, patch).json()["properties"]
    assert after["networkAcls"]["defaultAction"] == "Deny", "leaving out must open nothing"
    assert after["networkAcls"]["bypass"] == "None"
    assert after["networkAcls"]["ipRules"] == []
    kept = {"networkAcls": None, "sku": None}
    assert {**after, **kept} == {**before, **kept}


# Deleted vaults


def test_deleting_twice(arm, fresh):
    first = arm.vault("DELETE", fresh)
    assert (first.status, first.body) == (200, b"")
    second = arm.vault("DELETE", fresh)
    assert (second.status, second.body) == (204, b"")


def test_a_deleted_vault(arm, fresh):
    arm.vault("DELETE", fresh)
    answer = arm.send("GET", arm.deleted_path(fresh))
    assert answer.status == 200
    body = answer.json()
    assert body["id"] == arm.deleted_path(fresh)
    assert body["type"] == "Microsoft.KeyVault/deletedVaults"
    properties = body["properties"]
    assert properties["vaultId"] == arm.vault_path(fresh)
    assert "purgeProtectionEnabled" not in properties
    for date in ("deletionDate", "scheduledPurgeDate"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", properties[date])
    listed = arm.send("GET", f"{arm.provider()}/deletedVaults").json()["value"]
    assert body in listed
    refused(arm.send("GET", arm.deleted_path(fresh, "westus")), 404, "DeletedVaultNotFound")


def test_a_deleted_name_stays_taken(arm, fresh):
    arm.vault("DELETE", fresh)
    refused(
        arm.vault("PUT", fresh, arm.body()),
        409,
        "ConflictError",
        "A vault with the same name already exists in deleted state. You need to either recover "
        "or purge existing key vault. Follow this link "
        "https://go.microsoft.com/fwlink/?linkid=2149745 for more information on soft delete.",
    )
    name = {"name": fresh, "type": "Microsoft.KeyVault/vaults"}
    answer = arm.send("POST", f"{arm.provider()}/checkNameAvailability", name).json()
    assert (answer["nameAvailable"], answer["reason"]) == (False, "AlreadyExists")


def test_a_purge_frees_the_name(arm, fresh):
    first = arm.vault("GET", fresh).json()["systemData"]["createdAt"]
    arm.vault("DELETE", fresh)
    purge = arm.send("POST", arm.deleted_path(fresh) + "/purge")
    assert purge.status == 202, purge
    done = arm.follow(purge.headers["Location"])
    assert (done.status, done.body) == (200, b"")
    refused(arm.send("GET", arm.deleted_path(fresh)), 404, "DeletedVaultNotFound")
    refused(arm.send("POST", arm.deleted_path(fresh) + "/purge"), 404, "DeletedVaultNotFound")
    assert arm.create(fresh)["systemData"]["createdAt"] >= first


def test_a_protected_vault_is_not_purged(arm):
    name = vault_name()
    arm.create(name, enablePurgeProtection=True)
    arm.vault("DELETE", name)
    deleted = arm.send("GET", arm.deleted_path(name)).json()
    assert deleted["properties"]["purgeProtectionEnabled"] is True
    answer = arm.send("POST", arm.deleted_path(name) + "/purge")
    refused(answer, 405, "MethodNotAllowed", "Operation 'DeletedVaultPurge' is not allowed.")
    assert arm.send("GET", arm.deleted_path(name)).status == 200


def test_recovering_brings_back_what_was_there(server, arm, fresh):
    server.raw(fresh).set("kept", "a value")
    before = arm.vault("GET", fresh).json()
    arm.vault("DELETE", fresh)
    assert server.raw(fresh).call("GET", "/secrets/kept").status == 404
    recovered = arm.vault("PUT", fresh, arm.body(createMode="recover"))
    assert recovered.status == 200
    assert recovered.json()["properties"] == before["properties"]
    assert server.raw(fresh).call("GET", "/secrets/kept").json()["value"] == "a value"


def test_recovering_what_is_not_deleted(arm):
    answer = arm.vault("PUT", vault_name(), arm.body(createMode="recover"))
    refused(answer, 404, "DeletedVaultNotFound")


# Lists


def test_lists_page_by_page(arm):
    names = sorted(vault_name("page") for _ in range(5))
    for name in names:
        arm.create(name)
    for path in (arm.group_path() + "/providers/Microsoft.KeyVault", arm.provider()):
        answer = arm.send("GET", f"{path}/vaults", **{"$top": "2"})
        seen = []
        while True:
            assert answer.status == 200, answer
            page = answer.json()
            assert 1 <= len(page["value"]) <= 2
            seen += [vault["name"] for vault in page["value"]]
            if "nextLink" not in page:
                break
            answer = arm.follow(page["nextLink"])
        assert len(seen) == len(set(seen))
        assert seen == sorted(seen)
        assert [name for name in seen if name in names] == names


def test_a_page_begins_after_a_vault_that_is_gone(arm):
    names = sorted(vault_name("gone") for _ in range(3))
    for name in names:
        arm.create(name)
    path = f"{arm.group_path()}/providers/Microsoft.KeyVault/vaults"
    answer = arm.send("GET", path, **{"$top": "1"})
    while answer.json()["value"][0]["name"] != names[0]:
        answer = arm.follow(answer.json()["nextLink"])
    arm.vault("DELETE", names[0])
    following = arm.follow(answer.json()["nextLink"])
    assert following.json()["value"][0]["name"] == names[1]


@pytest.mark.parametrize("query", [{"$top": "0"}, {"$top": "x"}, {"$skiptoken": "!"}])
def test_pages_that_there_are_not(arm, query):
    assert arm.send("GET", f"{arm.provider()}/vaults", **query).status == 400


# The rest


def test_what_there_is_to_do(arm):
    answer = arm.send("GET", "/providers/Microsoft.KeyVault/operations")
    operations = {operation["name"]: operation for operation in answer.json()["value"]}
    assert operations["Microsoft.KeyVault/vaults/write"]["isDataAction"] is False
    data = operations["Microsoft.KeyVault/vaults/secrets/getSecret/action"]
    assert data["isDataAction"] is True
    assert data["display"]["provider"] == "Microsoft Key Vault"


def test_names_that_are_free(arm):
    def check(name, kind="Microsoft.KeyVault/vaults"):
        body = {"name": name, "type": kind}
        return arm.send("POST", f"{arm.provider()}/checkNameAvailability", body)

    assert check(vault_name()).json() == {"nameAvailable": True}
    assert check("dev").json()["reason"] == "AlreadyExists"
    assert check("1").json()["reason"] == "AccountNameInvalid"
    assert check("a", "Microsoft.Storage/storageAccounts").status == 400


def test_there_are_no_managed_hsms(arm):
    assert arm.send("GET", f"{arm.provider()}/managedHSMs").json() == {"value": []}
    path = f"{arm.group_path()}/providers/Microsoft.KeyVault/managedHSMs"
    assert arm.send("GET", path).json() == {"value": []}
    refused(arm.send("GET", path + "/one"), 404, "ResourceNotFound")


def test_every_change_is_audited(server, arm, fresh):
    arm.vault("PATCH", fresh, {"tags": {"seen": "yes"}})
    never = {"properties": {"enableSoftDelete": False}}
    refused(arm.vault("PATCH", fresh, never), 400, "BadRequest")

    def statuses():
        lines = server.cli("audit", "tail", "--all", "--format", "json").splitlines()
        records = [json.loads(line) for line in lines if fresh in line]
        writes = [r for r in records if r["operationName"] == "Microsoft.KeyVault/vaults/write"]
        return sorted(int(r["properties"]["httpStatusCode"]) for r in writes)

    until(lambda: statuses() == [200, 200, 400])


def test_the_sdk_hears_refusals_as_they_are(server, vaults):
    with pytest.raises(HttpResponseError) as refusal:
        vaults.get(server.ready["resourceGroup"], "not-there")
    assert refusal.value.error.code == "ResourceNotFound"
    assert "Microsoft.KeyVault/vaults/not-there" in refusal.value.error.message
