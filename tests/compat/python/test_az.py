"""`az` as it comes from PyPI, in one script from `cloud register` to the purge of a vault, against
`dev` on 443 and on a port of no fame. Run by the step `az`."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from arm import management_url, until, vault_name
from az import CLOUD, Az
from strongroom import Strongroom

SECRETS_USER = "Key Vault Secrets User"
SECRETS_OFFICER = "Key Vault Secrets Officer"
HTTPS, ANY = "443", "0"


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    """Both scripts, side by side: most of their time is az's own start."""
    with ThreadPoolExecutor() as threads:
        yield {
            port: threads.submit(script, port, tmp_path_factory.mktemp(f"az-{port}"))
            for port in (HTTPS, ANY)
        }


@pytest.mark.timeout(900)
@pytest.mark.parametrize("port", [HTTPS, ANY], ids=["port 443", "another port"])
def test_from_cloud_register_to_a_purge(scripts, port):
    scripts[port].result()


def script(port, folder):
    if port == HTTPS:
        skip_if_taken(int(port))
    server = Strongroom(folder, "--port", port)
    try:
        server.start()
        assert port in (ANY, str(server.ready["port"]))
        with_az(server, folder)
        server.stop()
    finally:
        if server.process is not None:
            server.kill()


def skip_if_taken(port):
    for family, address in [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]:
        with socket.socket(family) as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind((address, port))
            except OSError as error:
                pytest.skip(f"port {port} of {address} cannot be bound here: {error}")


def with_az(server, folder):
    az = Az(server, folder)
    the_cloud(az, server)
    group = a_group(az)
    vault = a_vault(az, group)
    name = vault["name"]
    app = server.create_identity(vault_name("app"))
    role_definitions(az, server, folder)
    role_assignments(az, server, vault, app)
    secrets(az, name, folder)
    keys(az, name, folder)
    certificates(az, name, folder)
    network_rules(az, name)
    access_policies(az, server, name, app)
    tags_and_resources(az, group, vault)
    locks(az, group, vault)
    names_and_protection(az, group)
    the_end_of_a_vault(az, vault)
    the_end_of_a_group(az, group)
    activity_log(az, server, group, vault)


def the_cloud(az, server):
    az.register()
    az.sign_in()
    cloud = az("cloud", "show", "--name", CLOUD)
    assert cloud["endpoints"]["resourceManager"].rstrip("/") == management_url(server)
    account = az("account", "show")
    assert account["id"] == server.ready["subscriptionId"]
    assert account["tenantId"] == server.ready["tenantId"]
    assert account["user"]["type"] == "servicePrincipal"
    shown = az("provider", "show", "--namespace", "Microsoft.KeyVault")
    assert shown["registrationState"] == "Registered"


def a_group(az):
    group = vault_name("group")
    made = az("group", "create", "--name", group, "--location", "westeurope")
    assert made["properties"]["provisioningState"] == "Succeeded"
    assert az("group", "exists", "--name", group) is True
    assert az("group", "show", "--name", group)["location"] == "westeurope"
    az("group", "update", "--name", group, "--tags", "only=this")
    listed = az("group", "list", "--tag", "only=this")
    assert [each["name"] for each in listed] == [group]
    return group


def create(az, group, name, *arguments):
    return az("keyvault", "create", "--name", name, "--resource-group", group, *arguments)


def a_vault(az, group):
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
    return made


def role_definitions(az, server, folder):
    (known,) = az("role", "definition", "list", "--name", SECRETS_USER)
    assert known["name"] == "4633458b-17de-408a-b874-0445c86b69e6"
    name = vault_name("role")
    definition = {
        "Name": name,
        "Description": "Reads secrets",
        "Actions": [],
        "DataActions": ["Microsoft.KeyVault/vaults/secrets/getSecret/action"],
        "AssignableScopes": [f"/subscriptions/{server.ready['subscriptionId']}"],
    }
    file = folder / "role.json"
    file.write_text(json.dumps(definition))
    made = az("role", "definition", "create", "--role-definition", f"@{file}")
    assert made["roleType"] == "CustomRole"
    custom = az("role", "definition", "list", "--custom-role-only", "true")
    assert [role["roleName"] for role in custom] == [name]
    file.write_text(json.dumps({**definition, "Description": "Reads the secrets"}))
    changed = az("role", "definition", "update", "--role-definition", f"@{file}")
    assert (changed["id"], changed["description"]) == (made["id"], "Reads the secrets")
    az("role", "definition", "delete", "--name", name)
    assert az("role", "definition", "list", "--name", name) == []


def role_assignments(az, server, vault, app):
    scope, assignee = vault["id"], ["--assignee", app["appId"]]
    data = server.raw(vault["name"], server.token(app))
    assert data.call("PUT", "/secrets/s", {"value": "v"}).status == 403
    role = ["--role", SECRETS_OFFICER, "--scope", scope]
    made = az("role", "assignment", "create", *role, *assignee)
    assert made["scope"] == scope
    listed = az("role", "assignment", "list", "--scope", scope, *assignee)
    assert [held["roleDefinitionName"] for held in listed] == [SECRETS_OFFICER]
    assert [held["principalName"] for held in listed] == [app["appId"]]
    assert data.call("PUT", "/secrets/shared", {"value": "v"}).status == 200
    az("role", "assignment", "delete", "--ids", made["id"])
    assert data.call("GET", "/secrets/shared").status == 403

    one = f"{scope}/secrets/shared"
    az("role", "assignment", "create", "--role", SECRETS_USER, "--scope", one, *assignee)
    assert data.call("GET", "/secrets/shared").status == 200
    assert data.call("GET", "/secrets").status == 403
    az("role", "assignment", "delete", "--role", SECRETS_USER, "--scope", one, *assignee)
    assert data.call("GET", "/secrets/shared").status == 403
    everywhere = az("role", "assignment", "list", "--all", *assignee)
    assert everywhere == []


def secrets(az, name, folder):
    def secret(verb, *arguments):
        return az("keyvault", "secret", verb, "--vault-name", name, *arguments)

    made = secret("set", "--name", "s", "--value", "v", "--tags", "a=b")
    assert (made["value"], made["tags"]["a"]) == ("v", "b")
    assert secret("show", "--name", "s")["value"] == "v"
    secret("set-attributes", "--name", "s", "--content-type", "text")
    types = {each["name"]: each["contentType"] for each in secret("list")}
    assert types == {"s": "text", "shared": None}
    assert len(secret("list-versions", "--name", "s")) == 1
    file, backup = folder / "s.txt", folder / "s.backup"
    secret("download", "--name", "s", "--file", str(file))
    assert file.read_text() == "v"
    secret("backup", "--name", "s", "--file", str(backup))
    secret("delete", "--name", "s")
    assert [each["name"] for each in secret("list-deleted")] == ["s"]
    secret("recover", "--name", "s")
    secret("delete", "--name", "s")
    assert secret("show-deleted", "--name", "s")["recoveryId"].endswith("/deletedsecrets/s")
    secret("purge", "--name", "s")
    restored = secret("restore", "--file", str(backup))
    assert restored["id"].startswith(f"https://{name}.vault.")
    assert secret("show", "--name", "s")["value"] == "v"


def keys(az, name, folder):
    def key(verb, *arguments):
        return az("keyvault", "key", *verb.split(), "--vault-name", name, *arguments)

    made = key("create", "--name", "k", "--kty", "RSA", "--size", "2048")
    assert made["key"]["kty"] == "RSA"
    assert [each["name"] for each in key("list")] == ["k"]
    encrypt = ["--name", "k", "--algorithm", "RSA-OAEP-256", "--value", "aGVsbG8="]
    sealed = key("encrypt", *encrypt, "--data-type", "base64")
    decrypt = ["--name", "k", "--algorithm", "RSA-OAEP-256", "--value", sealed["result"]]
    opened = key("decrypt", *decrypt, "--data-type", "base64")
    assert opened["result"] == "aGVsbG8="
    digest = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="  # SHA-256 of "hello", RFC 4648
    signing = ["--name", "k", "--algorithm", "PS256", "--digest", digest]
    signature = key("sign", *signing)["signature"]
    assert key("verify", *signing, "--signature", signature)["isValid"] is True
    key("rotate", "--name", "k")
    assert len(key("list-versions", "--name", "k")) == 2
    policy = folder / "rotation.json"
    actions = [{"trigger": {"timeAfterCreate": "P90D"}, "action": {"type": "Rotate"}}]
    policy.write_text(json.dumps({"lifetimeActions": actions, "attributes": {}}))
    key("rotation-policy update", "--name", "k", "--value", str(policy))
    shown = key("rotation-policy show", "--name", "k")["lifetimeActions"]
    assert ["P90D"] == [a["timeAfterCreate"] for a in shown if a["action"].lower() == "rotate"]
    public = folder / "k.pem"
    key("download", "--name", "k", "--file", str(public))
    assert public.read_text().startswith("-----BEGIN PUBLIC KEY-----")
    key("delete", "--name", "k")
    assert [each["name"] for each in key("list-deleted")] == ["k"]
    key("recover", "--name", "k")
    key("delete", "--name", "k")
    key("purge", "--name", "k")
    assert key("list-deleted") == key("list") == []


def certificates(az, name, folder):
    def certificate(verb, *arguments):
        return az("keyvault", "certificate", *verb.split(), "--vault-name", name, *arguments)

    policy = folder / "policy.json"
    policy.write_text(json.dumps(az("keyvault", "certificate", "get-default-policy")))
    made = certificate("create", "--name", "c", "--policy", f"@{policy}")
    assert made["status"] == "completed"
    shown = certificate("show", "--name", "c")
    assert shown["policy"]["x509CertificateProperties"]["subject"] == "CN=CLIGetDefaultPolicy"
    assert [each["name"] for each in certificate("list")] == ["c"]
    file = folder / "c.pem"
    certificate("download", "--name", "c", "--file", str(file))
    assert file.read_text().startswith("-----BEGIN CERTIFICATE-----")
    certificate("contact add", "--email", "ada@example.com")
    listed = certificate("contact list")
    assert [each["emailAddress"] for each in listed["contactList"]] == ["ada@example.com"]
    certificate("delete", "--name", "c")
    assert [each["name"] for each in certificate("list-deleted")] == ["c"]
    certificate("purge", "--name", "c")
    assert certificate("list") == []


def network_rules(az, name):
    shut = ["--default-action", "Deny", "--bypass", "None"]
    az("keyvault", "update", "--name", name, *shut)

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
    secrets = ["keyvault", "secret", "list", "--vault-name", name]
    assert "Client address is not authorized" in az.refused(*secrets)
    opened = az("keyvault", "update", "--name", name, "--default-action", "Allow")
    assert opened["properties"]["networkAcls"]["defaultAction"] == "Allow"
    assert [secret["name"] for secret in az(*secrets)] == ["s", "shared"]
    disable = ["--public-network-access", "Disabled"]
    shut = az("keyvault", "update", "--name", name, *disable)
    assert shut["properties"]["publicNetworkAccess"] == "Disabled"
    assert "Public network access is disabled" in az.refused(*secrets)
    az("keyvault", "update", "--name", name, "--public-network-access", "Enabled")


def access_policies(az, server, name, app):
    refused = az.refused("keyvault", "set-policy", "--name", name, "--spn", app["appId"],
                         "--secret-permissions", "get")
    assert "--enable-rbac-authorization" in refused
    moved = az("keyvault", "update", "--name", name, "--enable-rbac-authorization", "false")
    assert moved["properties"]["accessPolicies"] == []
    by_object = az("ad", "sp", "show", "--id", app["appId"])["id"]

    permissions = ["--secret-permissions", "get", "list", "--key-permissions", "get"]
    said = az("keyvault", "set-policy", "--name", name, "--object-id", by_object, *permissions)
    (policy,) = said["properties"]["accessPolicies"]
    assert policy["objectId"] == by_object
    assert sorted(policy["permissions"]["secrets"]) == ["get", "list"]
    more = ["--spn", app["appId"], "--secret-permissions", "set", "get"]
    said = az("keyvault", "set-policy", "--name", name, *more)
    (policy,) = said["properties"]["accessPolicies"]
    assert sorted(policy["permissions"]["secrets"]) == ["get", "set"]

    vault = server.raw(name, server.token(app))
    assert vault.call("PUT", "/secrets/shared", {"value": "w"}).status == 200
    assert vault.call("GET", "/secrets").status == 403
    said = az("keyvault", "delete-policy", "--name", name, "--object-id", by_object)
    assert said["properties"]["accessPolicies"] == []
    assert vault.call("GET", "/secrets/shared").status == 403
    moved = az("keyvault", "update", "--name", name, "--enable-rbac-authorization", "true")
    assert moved["properties"]["enableRbacAuthorization"] is True


def tags_and_resources(az, group, vault):
    kind = ["--resource-type", "Microsoft.KeyVault/vaults"]
    listed = az("resource", "list", "--resource-group", group, *kind)
    assert [found["id"] for found in listed] == [vault["id"]]
    shown = az("resource", "show", "--ids", vault["id"])
    assert shown["properties"]["vaultUri"] == vault["properties"]["vaultUri"]
    tagged = az("resource", "tag", "--ids", vault["id"], "--tags", "cost=1")
    assert tagged["tags"] == {"cost": "1"}
    merged = ["--operation", "Merge", "--tags", "team=b"]
    tagged = az("tag", "update", "--resource-id", vault["id"], *merged)
    assert tagged["properties"]["tags"] == {"cost": "1", "team": "b"}
    assert az("tag", "list", "--resource-id", vault["id"]) == tagged
    shown = az("keyvault", "show", "--name", vault["name"])
    assert shown["tags"] == {"cost": "1", "team": "b"}
    az("tag", "create", "--name", "agreed")
    az("tag", "add-value", "--name", "agreed", "--value", "one")
    assert "agreed" in [each["tagName"] for each in az("tag", "list")]
    az("tag", "delete", "--name", "agreed", "--yes")


def locks(az, group, vault):
    lock = ["--name", "keep", "--resource-group", group]
    az("lock", "create", *lock, "--lock-type", "CanNotDelete", "--notes", "ours")
    assert az("lock", "show", *lock)["notes"] == "ours"
    assert [each["name"] for each in az("lock", "list", "--resource-group", group)] == ["keep"]
    assert "(ScopeLocked)" in az.refused("group", "delete", "--name", group, "--yes")
    assert "(ScopeLocked)" in az.refused("keyvault", "delete", "--name", vault["name"])
    az("lock", "update", *lock, "--lock-type", "ReadOnly")
    tag = ["resource", "tag", "--ids", vault["id"], "--tags", "not=now"]
    assert "(ScopeLocked)" in az.refused(*tag)
    az("lock", "delete", *lock)
    assert az("lock", "list", "--resource-group", group) == []


def names_and_protection(az, group):
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


def the_end_of_a_vault(az, vault):
    name, group = vault["name"], vault["resourceGroup"]
    az("keyvault", "delete", "--name", name, "--resource-group", group)
    deleted = az("keyvault", "list-deleted", "--resource-type", "vault")
    assert name in [each["name"] for each in deleted]
    shown = az("keyvault", "show-deleted", "--name", name)
    assert shown["properties"]["vaultId"] == vault["id"]
    taken = az.refused("keyvault", "create", "--name", name, "--resource-group", group)
    assert "deleted state" in taken
    recovered = az("keyvault", "recover", "--name", name)
    assert recovered["properties"]["softDeleteRetentionInDays"] == 7
    show = ["keyvault", "secret", "show", "--vault-name", name, "--name", "shared"]
    assert az(*show)["value"] == "w"
    az("keyvault", "delete", "--name", name)
    az("keyvault", "purge", "--name", name)
    assert name not in [each["name"] for each in az("keyvault", "list-deleted")]


def the_end_of_a_group(az, group):
    """What is in a group goes with it, and a vault stays for its retention."""
    name = vault_name("last")
    create(az, group, name)
    az("group", "delete", "--name", group, "--yes")
    assert az("group", "exists", "--name", group) is False
    assert name in [each["name"] for each in az("keyvault", "list-deleted")]


def activity_log(az, server, group, vault):
    """Everything above was told, by whom and how it ended."""
    about = ["--resource-id", vault["id"], "--offset", "1h", "--max-events", "1000"]
    owner = server.ready["owner"]["clientId"]
    told = az("monitor", "activity-log", "list", *about)
    assert {event["caller"] for event in told} == {owner}
    ended = {
        (event["operationName"]["value"], event["status"]["value"])
        for event in told
        if event["eventName"]["value"] == "EndRequest"
    }
    write, delete = "Microsoft.KeyVault/vaults/write", "Microsoft.KeyVault/vaults/delete"
    assert {(write, "Succeeded"), (delete, "Succeeded"), (delete, "Failed")} <= ended
    about = ["--resource-group", group, "--offset", "1h", "--max-events", "1000"]
    removal = "microsoft.resources/subscriptions/resourcegroups/delete"

    def told_of_the_removal():
        events = az("monitor", "activity-log", "list", *about)
        return removal in {event["operationName"]["value"].lower() for event in events}

    until(told_of_the_removal)
