"""Locks and tags: made, changed, and what they forbid."""

import uuid

import pytest

from arm import Arm, vault_name
from arm_resources import CORE, LOCKS, error, finished, lock_path, new_group, tags_path


@pytest.fixture(scope="module")
def arm(server):
    return Arm(server)


@pytest.fixture
def group(arm):
    return new_group(arm)


# Tags


def test_tags_are_merged_replaced_and_deleted(arm, group):
    name = vault_name()
    vault = arm.vault_path(name, group)
    arm.send("PUT", vault, arm.body())
    for scope in [vault, arm.group_path(group), f"/subscriptions/{arm.subscription}"]:
        path = tags_path(scope)

        def patch(operation, **tags):
            body = {"operation": operation, "properties": {"tags": tags}}
            answer = arm.send("PATCH", path, body, version="2021-04-01")
            assert answer.status == 200, answer
            return answer.json()["properties"]["tags"]

        put = arm.send("PUT", path, {"properties": {"tags": {"Env": "dev"}}}, version="2021-04-01")
        assert put.json()["id"].lower() == path.lower()
        assert patch("Merge", env="prod", team="a") == {"env": "prod", "team": "a"}
        assert patch("Delete", team="other") == {"env": "prod", "team": "a"}
        assert patch("Delete", TEAM="a") == {"env": "prod"}
        assert patch("Replace", x="y") == {"x": "y"}
        assert arm.send("GET", path, version="2021-04-01").json()["properties"]["tags"] == {
            "x": "y"
        }
        bad = arm.send(
            "PATCH", path, {"operation": "Add", "properties": {"tags": {}}}, version="2021-04-01"
        )
        error(bad, 400, "InvalidTagsPatchOperation")
        bad = {"properties": {"tags": {"a<b": "1"}}}
        error(arm.send("PUT", path, bad, version="2021-04-01"), 400, "InvalidTagNameCharacters")
        assert arm.send("DELETE", path, version="2021-04-01").status == 200
        assert arm.send("GET", path, version="2021-04-01").json()["properties"]["tags"] == {}
    assert arm.send("GET", vault).json()["properties"]["enableRbacAuthorization"] is True


def test_tag_names_are_agreed_on_and_counted(arm, group):
    name = f"agreed-{uuid.uuid4().hex[:6]}"
    names = f"/subscriptions/{arm.subscription}/tagNames"
    value = f"{names}/{name}/tagValues/one"
    error(arm.send("PUT", value, version=CORE), 404, "TagNameNotFound")
    assert [arm.send("PUT", f"{names}/{name}", version=CORE).status for _ in range(2)] == [201, 200]
    assert [arm.send("PUT", value, version=CORE).status for _ in range(2)] == [201, 200]
    arm.send("PATCH", arm.group_path(group), {"tags": {name: "two"}}, version=CORE)
    found = arm.send("GET", names, version=CORE).json()["value"]
    mine = next(each for each in found if each["tagName"] == name)
    assert mine["count"]["value"] == 1
    counts = {each["tagValue"]: each["count"]["value"] for each in mine["values"]}
    assert counts == {"one": 0, "two": 1}
    statuses = [arm.send("DELETE", f"{names}/{name}", version=CORE).status for _ in range(2)]
    assert statuses == [200, 204]


# Locks


def lock(arm, scope, name, level, **more):
    body = {"properties": {"level": level, **more}}
    answer = arm.send("PUT", lock_path(scope, name), body, version=LOCKS)
    assert answer.status in (200, 201), answer
    return answer


def unlock(arm, scope, name):
    assert arm.send("DELETE", lock_path(scope, name), version=LOCKS).status == 200


def test_a_lock_from_its_creation_to_its_deletion(arm, group):
    scope = arm.group_path(group)
    made = lock(arm, scope, "Keep", "CanNotDelete", notes="ours")
    assert made.status == 201
    assert made.json() == {
        "id": lock_path(scope, "Keep"),
        "name": "Keep",
        "type": "Microsoft.Authorization/locks",
        "properties": {"level": "CanNotDelete", "notes": "ours"},
    }
    assert lock(arm, scope, "keep", "ReadOnly").status == 200
    shown = arm.send(
        "GET",
        lock_path(scope.upper().replace("SUBSCRIPTIONS", "subscriptions"), "KEEP"),
        version=LOCKS,
    )
    assert shown.json()["properties"] == {"level": "ReadOnly"}
    everywhere = f"/subscriptions/{arm.subscription}/providers/Microsoft.Authorization/locks"
    ids = [
        each["id"].lower() for each in arm.send("GET", everywhere, version=LOCKS).json()["value"]
    ]
    assert lock_path(scope, "keep").lower() in ids
    at = arm.send("GET", everywhere, version=LOCKS, **{"$filter": "atScope()"}).json()["value"]
    assert lock_path(scope, "keep").lower() not in [each["id"].lower() for each in at]
    unlock(arm, scope, "Keep")
    assert arm.send("DELETE", lock_path(scope, "Keep"), version=LOCKS).status == 204
    error(arm.send("GET", lock_path(scope, "Keep"), version=LOCKS), 404, "LockNotFound")
    bad = arm.send("PUT", lock_path(scope, "x"), {"properties": {"level": "Sticky"}}, version=LOCKS)
    assert bad.status == 400
    missing = arm.send(
        "PUT",
        lock_path(arm.vault_path("not-there", group), "x"),
        {"properties": {"level": "ReadOnly"}},
        version=LOCKS,
    )
    error(missing, 404, "ResourceNotFound")


def refused_as_locked(answer, scope, verb, *locked):
    message = error(answer, 409, "ScopeLocked")
    listed = ",".join(f"'{each}'" for each in locked)
    assert message == (
        f"The scope '{scope}' cannot perform {verb} operation because following scope(s) are "
        f"locked: {listed}. Please remove the lock and try again."
    )


def test_cannotdelete_keeps_what_lies_below_and_lets_it_change(arm, group):
    name = vault_name()
    vault, scope = arm.vault_path(name, group), arm.group_path(group)
    arm.send("PUT", vault, arm.body())
    lock(arm, scope, "keep", "CanNotDelete")
    refused_as_locked(arm.send("DELETE", vault), vault, "delete", scope)
    refused_as_locked(arm.send("DELETE", scope, version=CORE), scope, "delete", scope)
    assert arm.send("PATCH", vault, {"tags": {"a": "b"}}).status == 200
    unlock(arm, scope, "keep")
    lock(arm, vault, "keep", "CanNotDelete")
    refused_as_locked(arm.send("DELETE", scope, version=CORE), scope, "delete", vault)
    unlock(arm, vault, "keep")
    finished(arm, arm.send("DELETE", scope, version=CORE))


def test_readonly_forbids_every_change_but_of_locks_and_of_what_is_inside(server, arm, group):
    name = vault_name()
    vault, scope = arm.vault_path(name, group), arm.group_path(group)
    arm.send("PUT", vault, arm.body())
    lock(arm, vault, "still", "ReadOnly")
    refused_as_locked(arm.send("PATCH", vault, {"tags": {}}), vault, "write", vault)
    refused_as_locked(arm.send("PUT", vault, arm.body()), vault, "write", vault)
    refused_as_locked(arm.send("DELETE", vault), vault, "delete", vault)
    tags = {"properties": {"tags": {}}}
    refused_as_locked(arm.send("PUT", tags_path(vault), tags, version=CORE), vault, "write", vault)
    assert arm.send("GET", vault).status == 200
    # The group itself is not locked, nor is a lock.
    assert arm.send("PATCH", scope, {"tags": {"a": "b"}}, version=CORE).status == 200
    lock(arm, vault, "second", "CanNotDelete")
    # A lock is of the control plane: secrets go on as before.
    raw = server.raw(name)
    assert raw.send("GET", "/secrets?api-version=7.4").status in (200, 403)
    for each in ["still", "second"]:
        unlock(arm, vault, each)
    assert arm.send("PATCH", vault, {"tags": {}}).status == 200
