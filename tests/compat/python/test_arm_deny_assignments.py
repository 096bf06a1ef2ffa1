"""Deny assignments that the machine's administrator makes, and what they keep from whom."""

import json
import uuid

import pytest

from arm import Arm, Mallory, refused, until, vault_name
from arm_resources import CORE, finished, new_group

DENY_VERSION = "2022-04-01"
DELETE_VAULT = "Microsoft.KeyVault/vaults/delete"
GET_SECRET = "Microsoft.KeyVault/vaults/secrets/getSecret/action"


@pytest.fixture(scope="module")
def arm(server):
    return Arm(server)


@pytest.fixture
def deny(server):
    """Makes deny assignments, and takes them away again."""
    made = []

    def deny(scope, *options):
        name = f"deny {uuid.uuid4()}"
        printed = server.cli("role", "deny", "create", "--name", name, "--scope", scope, *options)
        made.append(json.loads(printed))
        return made[-1]

    yield deny
    for denial in made:
        server.cli("role", "deny", "delete", "--ids", denial["id"], check=False)


def group_with_vaults(arm, count=3):
    group = new_group(arm)
    vaults = [vault_name() for _ in range(count)]
    for vault in vaults:
        assert arm.send("PUT", arm.vault_path(vault, group), arm.body()).status == 200
    return group, vaults


def is_whole(arm, group, vaults):
    """Nothing has begun, let alone happened."""
    shown = arm.send("GET", arm.group_path(group), version=CORE)
    assert shown.json()["properties"]["provisioningState"] == "Succeeded", shown
    for vault in vaults:
        assert arm.send("GET", arm.vault_path(vault, group)).status == 200
        assert arm.send("GET", arm.deleted_path(vault)).status == 404


def test_made_shown_and_taken_away_on_the_host(server, arm, deny):
    owner = server.ready["owner"]
    made = deny(server.vault_id(), "--description", "for now", "--principals", owner["clientId"],
                "--actions", DELETE_VAULT, "--data-actions", GET_SECRET)
    assert made["principals"] == [owner["objectId"]], "known by the client id as well"
    listed = json.loads(server.cli("role", "deny", "list", "--scope", server.vault_id()))
    assert listed == [made]
    shown = arm.send("GET", made["id"], version=DENY_VERSION).json()
    assert shown["name"] == made["name"]
    properties = shown["properties"]
    assert properties["denyAssignmentName"] == made["denyAssignmentName"]
    assert properties["permissions"][0]["dataActions"] == [GET_SECRET]
    assert properties["principals"] == [{"id": owner["objectId"], "type": "ServicePrincipal"}]

    server.raw().set("denied")
    refused(arm.send("DELETE", server.vault_id()), 403, "DenyAssignmentAuthorizationFailed")
    assert server.raw().call("GET", "/secrets/denied").status == 403
    server.cli("role", "deny", "delete", "--ids", made["id"])
    assert server.raw().call("GET", "/secrets/denied").status == 200
    again = server.cli("role", "deny", "delete", "--ids", made["id"], check=False)
    assert again.returncode == 3 and "not found" in again.stderr, again
    assert json.loads(server.cli("role", "deny", "list", "--scope", server.vault_id())) == []

    def operations():
        lines = server.cli("audit", "tail", "--all", "--format", "json").splitlines()
        found = [json.loads(line) for line in lines]
        return {r["operationName"] for r in found
                if r["properties"].get("denyAssignmentId") == made["name"]}

    until(lambda: operations() >= {"DenyAssignmentWrite", "DenyAssignmentDelete"})


def test_everyone_but_the_excluded(server, arm, deny):
    vault = vault_name()
    arm.create(vault, enableRbacAuthorization=True)
    server.raw(vault).set("s")
    keeper = server.create_identity(vault_name(), "Key Vault Secrets User", server.vault_id(vault))
    secrets = server.raw(vault, server.token(keeper))
    assert secrets.call("GET", "/secrets/s").status == 200
    deny(server.vault_id(vault), "--everyone", "--exclude-principals", keeper["appId"],
         "--data-actions", "*")
    assert server.raw(vault).call("GET", "/secrets/s").status == 403
    assert secrets.call("GET", "/secrets/s").status == 200


@pytest.mark.parametrize("options", [
    ["--everyone", "--actions", "*"],
    ["--actions", "*"],
    ["--principals", "OWNER"],
    ["--principals", "nobody-known", "--actions", "*"],
    ["--principals", "OWNER", "--actions", "Microsoft.KeyVault/vaults/dleete"],
    ["--principals", "OWNER", "--data-actions", "Microsoft.KeyVault/vaults/delete"],
])
def test_what_denies_nothing_is_not_made(server, options):
    options = [server.ready["owner"]["objectId"] if word == "OWNER" else word for word in options]
    scope = ["--scope", server.vault_id()]
    ended = server.cli("role", "deny", "create", "--name", "n", *scope, *options, check=False)
    assert ended.returncode == 2, ended
    assert json.loads(server.cli("role", "deny", "list")) == []


def test_a_group_is_not_deleted_around_a_deny_assignment(server, arm, deny):
    """Mallory may delete the group, and not one of its vaults."""
    group, vaults = group_with_vaults(arm)
    actions = ["Microsoft.Resources/subscriptions/resourceGroups/*", "Microsoft.KeyVault/*"]
    mallory = Mallory(server, arm, actions)
    server.cli("role", "assignment", "create", "--assignee", mallory.identity["appId"],
               "--role", "Contributor", "--scope", arm.group_path(group))
    kept = arm.vault_path(vaults[1], group)
    made = deny(kept, "--principals", mallory.object_id, "--actions", DELETE_VAULT)
    whole, shouted = arm.group_path(group), arm.group_path(group.upper())
    for attempt in (lambda: mallory.arm.send("DELETE", kept),
                    lambda: mallory.arm.send("DELETE", whole, version=CORE),
                    lambda: mallory.arm.send("DELETE", shouted, version=CORE)):
        answer = attempt()
        refused(answer, 403, "DenyAssignmentAuthorizationFailed")
        assert made["denyAssignmentName"] in answer.message
        is_whole(arm, group, vaults)

    # It is about Mallory alone, and of what is denied elsewhere nothing follows.
    deny(server.vault_id(), "--principals", server.ready["owner"]["objectId"],
         "--actions", DELETE_VAULT)
    finished(arm, arm.send("DELETE", arm.group_path(group), version=CORE))


def test_a_deny_assignment_on_all_vaults_of_a_group_keeps_the_group(server, arm, deny):
    group, vaults = group_with_vaults(arm, 2)
    owner = server.ready["owner"]["objectId"]
    made = deny(arm.group_path(group), "--principals", owner, "--actions", DELETE_VAULT)
    refused(arm.send("DELETE", arm.group_path(group), version=CORE), 403,
            "DenyAssignmentAuthorizationFailed")
    is_whole(arm, group, vaults)
    server.cli("role", "deny", "delete", "--ids", made["name"])
    finished(arm, arm.send("DELETE", arm.group_path(group), version=CORE))
    assert json.loads(server.cli("role", "deny", "list", "--scope", arm.group_path(group))) == []
