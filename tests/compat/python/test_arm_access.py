"""Access policies and locks over the control plane, and that no right there leads to the data."""

import json
import threading

import pytest

from arm import Arm, Mallory, object_of, refused, vault_name

POLICIES_WRITE = "Microsoft.KeyVault/vaults/accessPolicies/write"
ASSIGNMENTS_WRITE = "Microsoft.Authorization/roleAssignments/write"


@pytest.fixture(scope="module")
def arm(server):
    return Arm(server)


@pytest.fixture
def with_policies(server, arm):
    """A vault of access policies, with a secret in it that only the owner may read."""
    name = vault_name()
    owner = object_of(server, None)
    policies = [arm.policy(owner, secrets=["all"])]
    arm.create(name, enableRbacAuthorization=False, accessPolicies=policies)
    server.raw(name).set("s", "the secret")
    return name


@pytest.fixture
def with_roles(server, arm):
    name = vault_name()
    arm.create(name)
    server.raw(name).set("s", "the secret")
    return name


# Access policies


def test_access_policies_are_added_replaced_and_removed(server, arm):
    name = vault_name()
    arm.create(name, enableRbacAuthorization=False, accessPolicies=[])
    other = server.create_identity(vault_name("p"))
    object_id = object_of(server, other)

    def put(kind, *policies):
        body = {"properties": {"accessPolicies": list(policies)}}
        return arm.vault("PUT", name, body, f"/accessPolicies/{kind}")

    added = put("add", arm.policy(object_id, secrets=["get"]))
    assert added.status == 200
    assert added.json()["id"] == arm.vault_path(name) + "/accessPolicies/"
    assert added.json()["type"] == "Microsoft.KeyVault/vaults/accessPolicies"
    more = put("add", arm.policy(object_id, secrets=["set"], keys=["all"]))
    (only,) = more.json()["properties"]["accessPolicies"]
    assert only["permissions"]["secrets"] == ["get", "set"]
    assert only["permissions"]["keys"] == ["all"], "as it was sent, not expanded"

    vault = server.raw(name, server.token(other))
    assert vault.call("PUT", "/secrets/s", {"value": "v"}).status == 200
    put("replace", arm.policy(object_id, secrets=["Get"]))
    assert vault.call("PUT", "/secrets/s", {"value": "w"}).status == 403
    assert vault.call("GET", "/secrets/s").json()["value"] == "v"
    put("remove", arm.policy(object_id, secrets=["get"]))
    assert vault.call("GET", "/secrets/s").status == 403
    assert arm.vault("GET", name).json()["properties"]["accessPolicies"] == []
    assert put("swap").status == 400
    unknown = put("add", arm.policy(object_id, secrets=["peek"]))
    message = "An invalid value was provided for 'accessPolicies'."
    refused(unknown, 400, "BadRequest", message)


def test_access_policies_that_are_added_at_once_are_all_there(server, arm):
    name = vault_name()
    arm.create(name, enableRbacAuthorization=False, accessPolicies=[])
    ids = [f"00000000-0000-4000-8000-{n:012}" for n in range(8)]

    def add(object_id):
        body = {"properties": {"accessPolicies": [arm.policy(object_id, keys=["get"])]}}
        assert Arm(server).vault("PUT", name, body, "/accessPolicies/add").status == 200

    threads = [threading.Thread(target=add, args=[object_id]) for object_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    policies = arm.vault("GET", name).json()["properties"]["accessPolicies"]
    assert sorted(policy["objectId"] for policy in policies) == ids


def test_at_most_1024_access_policies(arm):
    ids = [f"00000000-0000-4000-8000-{n:012}" for n in range(1025)]
    policies = [arm.policy(object_id, keys=["get"]) for object_id in ids]
    name = vault_name()
    body = arm.body(enableRbacAuthorization=False, accessPolicies=policies)
    assert arm.vault("PUT", name, body).status == 400
    body["properties"]["accessPolicies"].pop()
    assert arm.vault("PUT", name, body).status == 200
    more = {"properties": {"accessPolicies": [policies[-1]]}}
    assert arm.vault("PUT", name, more, "/accessPolicies/add").status in (200, 400)


# No way from the control plane to the data


@pytest.fixture(scope="module")
def contributor(server, arm):
    """`vaults/*`, but neither access policies nor role assignments."""
    actions = ["Microsoft.KeyVault/*", "Microsoft.Resources/*/read"]
    return Mallory(server, arm, actions, [POLICIES_WRITE])


def lacks(answer, action):
    refused(answer, 403, "AuthorizationFailed")
    assert f"does not have authorization to perform action '{action}'" in answer.message


def test_writing_a_vault_changes_no_access_policy(arm, contributor, with_policies):
    mine = contributor.arm.policy(contributor.object_id, secrets=["get"])
    body = arm.vault("GET", with_policies).json()
    body["properties"]["accessPolicies"].append(mine)
    lacks(contributor.arm.vault("PUT", with_policies, body), POLICIES_WRITE)
    patch = {"properties": {"accessPolicies": [mine]}}
    lacks(contributor.arm.vault("PATCH", with_policies, patch), POLICIES_WRITE)
    body["properties"]["accessPolicies"] = []
    lacks(contributor.arm.vault("PUT", with_policies, body), POLICIES_WRITE)
    for kind in ("add", "replace", "remove"):
        rest = f"/accessPolicies/{kind}"
        lacks(contributor.arm.vault("PUT", with_policies, patch, rest), POLICIES_WRITE)
    assert contributor.reads(with_policies) == 403


def test_writing_a_vault_still_changes_the_rest(arm, contributor, with_policies):
    body = arm.vault("GET", with_policies).json()
    body["tags"] = {"by": "contributor"}
    assert contributor.arm.vault("PUT", with_policies, body).status == 200


def test_no_new_vault_with_access_policies(arm, contributor):
    mine = contributor.arm.policy(contributor.object_id, secrets=["get"])
    name = vault_name()
    body = arm.body(enableRbacAuthorization=False, accessPolicies=[mine])
    lacks(contributor.arm.vault("PUT", name, body), POLICIES_WRITE)
    assert arm.vault("GET", name).status == 404


def test_the_permission_model_needs_the_right_to_assign_roles(
    server, arm, contributor, with_policies, with_roles
):
    to_roles = {"properties": {"enableRbacAuthorization": True}}
    lacks(contributor.arm.vault("PATCH", with_policies, to_roles), ASSIGNMENTS_WRITE)
    to_policies = {"properties": {"enableRbacAuthorization": False}}
    lacks(contributor.arm.vault("PATCH", with_roles, to_policies), ASSIGNMENTS_WRITE)
    # Access policies in waiting, and then the switch: each alone is nothing, both are everything.
    keeper = Mallory(server, arm, ["Microsoft.KeyVault/*"])
    mine = {"accessPolicies": [keeper.arm.policy(keeper.object_id, secrets=["get"])]}
    assert keeper.arm.vault("PATCH", with_roles, {"properties": mine}).status == 200
    lacks(keeper.arm.vault("PATCH", with_roles, to_policies), ASSIGNMENTS_WRITE)
    both = {"properties": {**mine, **to_policies["properties"]}}
    lacks(keeper.arm.vault("PATCH", with_roles, both), ASSIGNMENTS_WRITE)
    for vault in (with_policies, with_roles):
        assert contributor.reads(vault) == 403
        assert keeper.reads(vault) == 403


def test_recovering_a_vault_changes_no_access_policy(arm, contributor, with_policies):
    contributor.arm.vault("DELETE", with_policies)
    mine = contributor.arm.policy(contributor.object_id, secrets=["get"])
    body = arm.body(createMode="recover", accessPolicies=[mine], enableRbacAuthorization=True)
    recovered = contributor.arm.vault("PUT", with_policies, body)
    assert recovered.status == 200
    properties = recovered.json()["properties"]
    assert properties["enableRbacAuthorization"] is False
    assert contributor.object_id not in json.dumps(properties)
    assert contributor.reads(with_policies) == 403


def test_a_secret_as_a_resource_shows_no_value(server, arm, contributor, with_policies, with_roles):
    for vault in (with_policies, with_roles):
        for rest in ("/secrets/s", "/secrets"):
            answer = contributor.arm.vault("GET", vault, rest=rest)
            assert answer.status == 200
            assert b"the secret" not in answer.body
            assert b'"value":"' not in answer.body
        assert contributor.reads(vault) == 403


def test_no_data_right_by_a_control_right_of_the_same_name(server, arm, with_roles):
    """`Microsoft.KeyVault/vaults/keys/read` is the name of an action, and of a data action."""
    everything = Mallory(server, arm, ["*"], [ASSIGNMENTS_WRITE])
    raw = server.raw(with_roles, everything.token)
    assert everything.arm.vault("GET", with_roles, rest="/keys").status == 200
    for path in ("/keys", "/secrets", "/secrets/s", "/certificates"):
        assert raw.call("GET", path).status == 403


def test_who_may_only_read_changes_nothing(server, arm, with_policies):
    reader = Mallory(server, arm, ["*/read"])
    name = vault_name()
    assert reader.arm.vault("GET", with_policies).status == 200
    lacks(reader.arm.vault("PUT", name, arm.body()), "Microsoft.KeyVault/vaults/write")
    lacks(reader.arm.vault("PATCH", with_policies, {}), "Microsoft.KeyVault/vaults/write")
    lacks(reader.arm.vault("DELETE", with_policies), "Microsoft.KeyVault/vaults/delete")
    secret = {"properties": {"value": "mine"}}
    write = "Microsoft.KeyVault/vaults/secrets/write"
    lacks(reader.arm.vault("PUT", with_policies, secret, "/secrets/s"), write)
    key = {"properties": {"kty": "EC"}}
    write = "Microsoft.KeyVault/vaults/keys/write"
    lacks(reader.arm.vault("PUT", with_policies, key, "/keys/k"), write)
    arm.vault("DELETE", with_policies)
    purge = reader.arm.send("POST", arm.deleted_path(with_policies) + "/purge")
    lacks(purge, "Microsoft.KeyVault/locations/deletedVaults/purge/action")


def test_who_holds_nothing_hears_nothing(server, arm, with_roles):
    nobody = Arm(server, server.create_identity(vault_name("nobody")))
    there = nobody.vault("GET", with_roles)
    absent = nobody.vault("GET", with_roles[:-1] + "z")
    assert (there.status, absent.status) == (403, 403)
    refused(nobody.send("GET", f"{arm.provider()}/vaults"), 403, "AuthorizationFailed")


def test_lists_leave_out_what_the_caller_may_not_read(server, arm, with_roles, with_policies):
    one = server.create_identity(vault_name("one"), "Reader", arm.vault_path(with_roles))
    client = Arm(server, one)
    for path in (arm.group_path() + "/providers/Microsoft.KeyVault", arm.provider()):
        answer = client.send("GET", f"{path}/vaults")
        assert answer.status == 200
        assert [vault["name"] for vault in answer.json()["value"]] == [with_roles]


# Locks


@pytest.mark.parametrize(("level", "may_write"), [("CanNotDelete", True), ("ReadOnly", False)])
def test_locks_are_respected(arm, with_roles, level, may_write):
    lock = f"{arm.vault_path(with_roles)}/providers/Microsoft.Authorization/locks/l"
    body = {"properties": {"level": level}}
    assert arm.send("PUT", lock, body, version="2020-05-01").status == 201
    refused(arm.vault("DELETE", with_roles), 409, "ScopeLocked")
    written = [
        arm.vault("PATCH", with_roles, {"tags": {}}),
        arm.vault("PUT", with_roles, arm.body()),
        arm.vault("PUT", with_roles, {"properties": {"value": "x"}}, "/secrets/locked"),
        arm.vault("PUT", with_roles, {"properties": {"kty": "EC"}}, "/keys/locked"),
    ]
    for answer in written:
        if may_write:
            assert answer.status in (200, 201), answer
        else:
            refused(answer, 409, "ScopeLocked")
    assert arm.send("DELETE", lock, version="2020-05-01").status in (200, 204)
    assert arm.vault("DELETE", with_roles).status == 200
