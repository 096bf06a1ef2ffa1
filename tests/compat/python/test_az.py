"""`az` as it comes from PyPI, from `cloud register` to a purge. Run by the step `az`."""

import json

import pytest

from arm import management_url, vault_name
from az import CLOUD, Az


@pytest.fixture(scope="module")
def az(server, tmp_path_factory):
    az = Az(server, tmp_path_factory.mktemp("az"))
    az.register()
    az.sign_in()
    return az


@pytest.fixture
def group(az):
    name = vault_name("group")
    made = az("group", "create", "--name", name, "--location", "westeurope")
    assert made["properties"]["provisioningState"] == "Succeeded"
    return name


def create(az, group, name, *arguments):
    return az("keyvault", "create", "--name", name, "--resource-group", group, *arguments)


@pytest.mark.timeout(300)
def test_the_cloud_and_the_subscription(az, server):
    cloud = az("cloud", "show", "--name", CLOUD)
    assert cloud["endpoints"]["resourceManager"].rstrip("/") == management_url(server)
    account = az("account", "show")
    assert account["id"] == server.ready["subscriptionId"]
    assert account["tenantId"] == server.ready["tenantId"]
    assert account["user"]["type"] == "servicePrincipal"


@pytest.mark.timeout(900)
def test_a_vault_from_its_creation_to_its_purge(az, group):
    name = vault_name("az")
    made = create(az, group, name, "--retention-days", "7", "--tags", "team=a")
    assert made["properties"]["provisioningState"] == "Succeeded"
    assert made["properties"]["enableRbacAuthorization"] is True
    assert made["location"] == "westeurope"
    again = az.refused("keyvault", "create", "--name", name, "--resource-group", group)
    assert "already exist" in again

    assert az("keyvault", "show", "--name", name)["id"] == made["id"]
    assert name in [vault["name"] for vault in az("keyvault", "list")]
    in_group = az("keyvault", "list", "--resource-group", group)
    assert [vault["name"] for vault in in_group] == [name]

    updated = az("keyvault", "update", "--name", name, "--enabled-for-deployment", "true")
    assert updated["properties"]["enabledForDeployment"] is True
    assert updated["properties"]["vaultUri"] == made["properties"]["vaultUri"]
    assert updated["tags"] == {"team": "a"}
    set_generic = ["--set", "properties.enabledForTemplateDeployment=true"]
    updated = az("keyvault", "update", "--name", name, *set_generic)
    assert updated["properties"]["enabledForTemplateDeployment"] is True

    az("keyvault", "delete", "--name", name, "--resource-group", group)
    deleted = az("keyvault", "list-deleted", "--resource-type", "vault")
    assert name in [vault["name"] for vault in deleted]
    shown = az("keyvault", "show-deleted", "--name", name)
    assert shown["properties"]["vaultId"] == made["id"]
    taken = az.refused("keyvault", "create", "--name", name, "--resource-group", group)
    assert "deleted state" in taken
    recovered = az("keyvault", "recover", "--name", name)
    assert recovered["properties"]["softDeleteRetentionInDays"] == 7
    az("keyvault", "delete", "--name", name)
    az("keyvault", "purge", "--name", name)
    assert name not in [vault["name"] for vault in az("keyvault", "list-deleted")]


@pytest.mark.timeout(600)
def test_names_and_protection(az, group):
    name = vault_name("kept")
    made = create(az, group, name, "--enable-purge-protection", "true")
    assert made["properties"]["enablePurgeProtection"] is True
    off = az.refused("keyvault", "update", "--name", name, "--enable-purge-protection", "false")
    assert "cannot be set to false" in off
    az("keyvault", "delete", "--name", name)
    refused = az.refused("keyvault", "purge", "--name", name)
    assert "DeletedVaultPurge" in refused
    bad = az.refused("keyvault", "create", "--name", "9lives", "--resource-group", group)
    assert "is invalid" in bad


@pytest.mark.timeout(900)
def test_access_policies(az, server, group):
    name = vault_name("pol")
    create(az, group, name, "--enable-rbac-authorization", "false", "--no-self-perms", "true")
    other = server.create_identity(vault_name("app"))
    by_object = az("ad", "sp", "show", "--id", other["appId"])["id"]

    permissions = ["--secret-permissions", "get", "list", "--key-permissions", "get"]
    said = az("keyvault", "set-policy", "--name", name, "--object-id", by_object, *permissions)
    (policy,) = said["properties"]["accessPolicies"]
    assert policy["objectId"] == by_object
    assert sorted(policy["permissions"]["secrets"]) == ["get", "list"]
    more = ["--spn", other["appId"], "--secret-permissions", "set", "get"]
    said = az("keyvault", "set-policy", "--name", name, *more)
    (policy,) = said["properties"]["accessPolicies"]
    assert sorted(policy["permissions"]["secrets"]) == ["get", "set"]

    vault = server.raw(name, server.token(other))
    assert vault.call("PUT", "/secrets/s", {"value": "v"}).status == 200
    assert vault.call("GET", "/secrets").status == 403
    said = az("keyvault", "delete-policy", "--name", name, "--object-id", by_object)
    assert said["properties"]["accessPolicies"] == []
    assert vault.call("GET", "/secrets/s").status == 403


@pytest.mark.timeout(900)
def test_network_rules(az, group):
    name = vault_name("net")
    create(az, group, name, "--default-action", "Deny", "--bypass", "None")

    def rules():
        return az("keyvault", "network-rule", "list", "--name", name)

    assert rules()["ipRules"] == []
    add = ["keyvault", "network-rule", "add", "--name", name]
    az(*add, "--ip-address", "192.0.2.0/24", "198.51.100.7")
    assert [r["value"] for r in rules()["ipRules"]] == ["192.0.2.0/24", "198.51.100.7/32"]
    remove = ["keyvault", "network-rule", "remove", "--name", name]
    az(*remove, "--ip-address", "198.51.100.7/32")
    assert [r["value"] for r in rules()["ipRules"]] == ["192.0.2.0/24"]
    assert rules()["defaultAction"] == "Deny"
    refused = az.refused("keyvault", "secret", "list", "--vault-name", name)
    assert "Client address is not authorized" in refused
    opened = az("keyvault", "update", "--name", name, "--default-action", "Allow")
    assert opened["properties"]["networkAcls"]["defaultAction"] == "Allow"
    assert az("keyvault", "secret", "list", "--vault-name", name) == []
    shut = az("keyvault", "update", "--name", name, "--public-network-access", "Disabled")
    assert shut["properties"]["publicNetworkAccess"] == "Disabled"
    assert "Public network access is disabled" in az.refused(
        "keyvault", "secret", "list", "--vault-name", name
    )


@pytest.mark.timeout(900)
def test_role_assignments(az, server, group):
    name = vault_name("role")
    scope = create(az, group, name)["id"]
    other = server.create_identity(vault_name("app"))
    role = "Key Vault Secrets Officer"
    made = az(
        "role", "assignment", "create", "--role", role, "--assignee", other["appId"],
        "--scope", scope,
    )
    assert made["scope"] == scope
    listed = az("role", "assignment", "list", "--scope", scope, "--assignee", other["appId"])
    assert [held["roleDefinitionName"] for held in listed] == [role]
    vault = server.raw(name, server.token(other))
    assert vault.call("PUT", "/secrets/s", {"value": "v"}).status == 200
    az("role", "assignment", "delete", "--ids", made["id"])
    assert vault.call("GET", "/secrets/s").status == 403
    assert az("role", "assignment", "list", "--scope", scope, "--assignee", other["appId"]) == []


@pytest.mark.timeout(900)
def test_secrets_keys_and_certificates(az, group, tmp_path):
    name = vault_name("data")
    create(az, group, name)
    vault = ["--vault-name", name]

    made = az("keyvault", "secret", "set", *vault, "--name", "s", "--value", "v", "--tags", "a=b")
    assert (made["value"], made["tags"]["a"]) == ("v", "b")
    assert az("keyvault", "secret", "show", *vault, "--name", "s")["value"] == "v"
    az("keyvault", "secret", "set-attributes", *vault, "--name", "s", "--content-type", "text")
    listed = az("keyvault", "secret", "list", *vault)
    assert [secret["contentType"] for secret in listed] == ["text"]
    assert len(az("keyvault", "secret", "list-versions", *vault, "--name", "s")) == 1
    backup = str(tmp_path / "s.backup")
    az("keyvault", "secret", "backup", *vault, "--name", "s", "--file", backup)
    az("keyvault", "secret", "delete", *vault, "--name", "s")
    deleted = az("keyvault", "secret", "list-deleted", *vault)
    assert [secret["name"] for secret in deleted] == ["s"]
    az("keyvault", "secret", "recover", *vault, "--name", "s")
    az("keyvault", "secret", "delete", *vault, "--name", "s")
    az("keyvault", "secret", "purge", *vault, "--name", "s")
    restored = az("keyvault", "secret", "restore", *vault, "--file", backup)
    assert restored["id"].startswith(f"https://{name}.vault.")
    assert az("keyvault", "secret", "show", *vault, "--name", "s")["value"] == "v"

    key = az("keyvault", "key", "create", *vault, "--name", "k", "--kty", "RSA", "--size", "2048")
    assert key["key"]["kty"] == "RSA"
    encrypt = ["--name", "k", "--algorithm", "RSA-OAEP-256", "--value", "aGVsbG8="]
    sealed = az("keyvault", "key", "encrypt", *vault, *encrypt, "--data-type", "base64")
    decrypt = ["--name", "k", "--algorithm", "RSA-OAEP-256", "--value", sealed["result"]]
    opened = az("keyvault", "key", "decrypt", *vault, *decrypt, "--data-type", "base64")
    assert opened["result"] == "aGVsbG8="
    az("keyvault", "key", "rotate", *vault, "--name", "k")
    assert len(az("keyvault", "key", "list-versions", *vault, "--name", "k")) == 2

    policy = az("keyvault", "certificate", "get-default-policy")
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(policy))
    pending = az("keyvault", "certificate", "create", *vault, "--name", "c", "--policy", f"@{file}")
    assert pending["status"] == "completed"
    shown = az("keyvault", "certificate", "show", *vault, "--name", "c")
    assert shown["policy"]["x509CertificateProperties"]["subject"] == "CN=CLIGetDefaultPolicy"
    listed = az("keyvault", "certificate", "list", *vault)
    assert [certificate["name"] for certificate in listed] == ["c"]
    az("keyvault", "certificate", "delete", *vault, "--name", "c")


@pytest.mark.timeout(900)
def test_groups_resources_tags_and_locks(az, group):
    name = vault_name("res")
    made = create(az, group, name)
    assert az("group", "exists", "--name", group) is True
    assert group in [found["name"] for found in az("group", "list")]
    assert az("group", "show", "--name", group)["location"] == "westeurope"

    kind = ["--resource-type", "Microsoft.KeyVault/vaults"]
    listed = az("resource", "list", "--resource-group", group, *kind)
    assert [found["id"] for found in listed] == [made["id"]]
    shown = az("resource", "show", "--ids", made["id"])
    assert shown["properties"]["vaultUri"] == made["properties"]["vaultUri"]
    az("resource", "tag", "--ids", made["id"], "--tags", "cost=1")
    assert az("keyvault", "show", "--name", name)["tags"] == {"cost": "1"}
    az("tag", "update", "--resource-id", made["id"], "--operation", "Merge", "--tags", "team=b")
    tags = az("tag", "list", "--resource-id", made["id"])["properties"]["tags"]
    assert tags == {"cost": "1", "team": "b"}

    lock = ["lock", "create", "--name", "keep", "--resource-group", group]
    kept = az(*lock, "--lock-type", "CanNotDelete")
    assert "ScopeLocked" in az.refused("keyvault", "delete", "--name", name)
    assert [found["name"] for found in az("lock", "list", "--resource-group", group)] == ["keep"]
    az("lock", "delete", "--ids", kept["id"])
    az("keyvault", "delete", "--name", name)
    az("group", "delete", "--name", group, "--yes")
    assert az("group", "exists", "--name", group) is False


@pytest.mark.timeout(600)
def test_role_definitions(az, server, tmp_path):
    (known,) = az("role", "definition", "list", "--name", "Key Vault Secrets User")
    assert known["name"] == "4633458b-17de-408a-b874-0445c86b69e6"
    name = vault_name("role")
    definition = {
        "Name": name,
        "Description": "Reads secrets",
        "Actions": [],
        "DataActions": ["Microsoft.KeyVault/vaults/secrets/getSecret/action"],
        "AssignableScopes": [f"/subscriptions/{server.ready['subscriptionId']}"],
    }
    file = tmp_path / "role.json"
    file.write_text(json.dumps(definition))
    made = az("role", "definition", "create", "--role-definition", f"@{file}")
    assert made["roleType"] == "CustomRole"
    custom = az("role", "definition", "list", "--custom-role-only", "true")
    assert name in [role["roleName"] for role in custom]
    az("role", "definition", "delete", "--name", name)
    assert az("role", "definition", "list", "--name", name) == []


@pytest.mark.timeout(900)
def test_groups_tags_locks_and_resources(az, group):
    assert az("group", "exists", "--name", group) is True
    assert az("group", "show", "--name", group)["location"] == "westeurope"
    az("group", "update", "--name", group, "--tags", "only=this")
    listed = az("group", "list", "--tag", "only=this")
    assert [each["name"] for each in listed] == [group]

    name = vault_name("res")
    vault = create(az, group, name)["id"]
    assert [each["id"] for each in az("resource", "list", "--resource-group", group)] == [vault]
    assert az("resource", "show", "--ids", vault)["name"] == name
    assert az("resource", "tag", "--ids", vault, "--tags", "a=1")["tags"] == {"a": "1"}
    merged = ["--operation", "Merge", "--tags", "b=2"]
    tagged = az("tag", "update", "--resource-id", vault, *merged)
    assert tagged["properties"]["tags"] == {"a": "1", "b": "2"}
    assert az("tag", "list", "--resource-id", vault) == tagged
    az("tag", "create", "--name", "agreed")
    az("tag", "add-value", "--name", "agreed", "--value", "one")
    assert "agreed" in [each["tagName"] for each in az("tag", "list")]
    az("tag", "delete", "--name", "agreed", "--yes")

    lock = ["--name", "keep", "--resource-group", group]
    az("lock", "create", *lock, "--lock-type", "CanNotDelete", "--notes", "ours")
    assert az("lock", "show", *lock)["notes"] == "ours"
    assert "(ScopeLocked)" in az.refused("group", "delete", "--name", group, "--yes")
    assert "(ScopeLocked)" in az.refused("keyvault", "delete", "--name", name)
    az("lock", "delete", *lock)
    assert az("lock", "list", "--resource-group", group) == []

    shown = az("provider", "show", "--namespace", "Microsoft.KeyVault")
    assert shown["registrationState"] == "Registered"
    az("group", "delete", "--name", group, "--yes")
    assert az("group", "exists", "--name", group) is False
    assert name in [each["name"] for each in az("keyvault", "list-deleted")]
