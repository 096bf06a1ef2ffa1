"""What somebody tries who means harm, over the wire: each test is an attack that must fail."""

import json
import socket
import ssl
import time
import uuid
from urllib.parse import urlsplit

import pytest

from arm import Arm, object_of, refused, until, vault_name
from raw import Raw

OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
SECRETS_OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"

ROLES = "2022-04-01"
DENIALS = "2024-07-01-preview"
LOCKS = "2020-05-01"
GROUPS = "2021-04-01"


@pytest.fixture(scope="module")
def arm(server):
    return Arm(server)


class Attacker:
    """Somebody with an identity and nothing else, until given something."""

    def __init__(self, server, arm):
        self.server, self.owner = server, arm
        identity = server.create_identity(vault_name("mallory"))
        self.object_id = object_of(server, identity)
        self.arm = Arm(server, identity)
        self.token = server.token(identity)

    def given(self, role, scope):
        """Gives a role; returns the assignment's path."""
        path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
        answer = self.owner.send("PUT", path, self.assignment(role), version=ROLES)
        assert answer.status == 201, answer
        return path

    def assignment(self, role, **more):
        properties = {"roleDefinitionId": f"/x/{role}", "principalId": self.object_id}
        return {"properties": {**properties, "principalType": "ServicePrincipal", **more}}

    def denied(self, scope, **permissions):
        """Is denied something by the owner."""
        answer = self.owner.send("PUT", denial(scope), self.denial(**permissions), version=DENIALS)
        assert answer.status == 201, answer

    def denial(self, **permissions):
        return {
            "properties": {
                "denyAssignmentName": "no",
                "permissions": [permissions],
                "principals": [{"id": self.object_id, "type": "ServicePrincipal"}],
            }
        }

    def vault(self, name):
        return self.server.raw(name, self.token)

    def reads(self, vault):
        return self.vault(vault).call("GET", "/secrets/s").status

    def begins(self, method, path, body, version):
        return Held(self.arm.raw, method, f"{path}?api-version={version}", body)


@pytest.fixture
def mallory(server, arm):
    return Attacker(server, arm)


class Held:
    """A request whose body is held back: all but its first byte comes when it suits the client."""

    def __init__(self, raw, method, target, body, pause=0.5):
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        place = urlsplit(f"//{raw.host}")
        plain = socket.create_connection(("127.0.0.1", place.port or 443), timeout=60)
        context = raw.connection._context
        self.socket = context.wrap_socket(plain, server_hostname=place.hostname)
        head = (
            f"{method} {target} HTTP/1.1\r\nHost: {raw.host}\r\n"
            f"Authorization: Bearer {raw.token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(self.body)}\r\n\r\n"
        )
        self.socket.sendall(head.encode() + self.body[:1])
        # The server has read the head, and waits, before anything else is done.
        time.sleep(pause)

    def end(self):
        """Sends the rest; returns the status."""
        self.socket.sendall(self.body[1:])
        return self.status()

    def status(self):
        answer = b""
        while b"\r\n" not in answer:
            part = self.socket.recv(4096)
            assert part, answer
            answer += part
        self.socket.close()
        return int(answer.split()[1])


def denial(scope):
    return f"{scope}/providers/Microsoft.Authorization/denyAssignments/{uuid.uuid4()}"


def lock(scope, name="l"):
    return f"{scope}/providers/Microsoft.Authorization/locks/{name}"


def with_secret(arm, server, **properties):
    """A new vault with a secret `s`."""
    name = vault_name()
    arm.create(name, **properties)
    server.raw(name).set("s")
    return name


# What is decided is decided on the directory as it is when the request has come whole.


def test_rights_taken_while_a_body_is_held_back_give_nothing_back(server, arm, mallory):
    vault = with_secret(arm, server)
    scope = arm.vault_path(vault)
    right = mallory.given(OWNER, scope)
    back = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    held = mallory.begins("PUT", back, mallory.assignment(SECRETS_USER), ROLES)
    assert arm.send("DELETE", right, version=ROLES).status == 200
    assert held.end() == 403
    assert mallory.reads(vault) == 403


@pytest.mark.parametrize("what", ["roleAssignments", "denyAssignments", "locks"])
def test_nothing_is_left_behind_for_the_next_vault_of_a_name(server, arm, mallory, what):
    vault = with_secret(arm, server)
    scope = arm.vault_path(vault)
    # What is held at the group outlives the vault.
    mallory.given(OWNER, arm.group_path())
    bodies = {
        "roleAssignments": (mallory.assignment(SECRETS_USER), ROLES),
        "denyAssignments": (mallory.denial(actions=["*"]), DENIALS),
        "locks": ({"properties": {"level": "CanNotDelete"}}, LOCKS),
    }
    body, version = bodies[what]
    path = f"{scope}/providers/Microsoft.Authorization/{what}/{uuid.uuid4()}"
    held = mallory.begins("PUT", path, body, version)
    assert arm.vault("DELETE", vault).status == 200
    assert arm.send("POST", f"{arm.deleted_path(vault)}/purge").status == 202
    assert held.end() == 404
    arm.create(vault)
    server.raw(vault).set("s", "of the next one")
    assert mallory.reads(vault) == 403
    assert arm.send("GET", path, version=version).status == 404


def test_a_lock_put_while_a_deletion_is_held_back_holds(server, arm, mallory):
    vault = with_secret(arm, server)
    scope = arm.vault_path(vault)
    mallory.given(CONTRIBUTOR, arm.group_path())
    held = mallory.begins("DELETE", scope, b"{}", "2026-02-01")
    body = {"properties": {"level": "CanNotDelete"}}
    assert arm.send("PUT", lock(scope), body, version=LOCKS).status == 201
    assert held.end() == 409
    assert arm.vault("GET", vault).status == 200


def test_the_data_plane_decides_again_after_a_body(server, arm, mallory):
    vault = with_secret(arm, server)
    right = mallory.given(SECRETS_OFFICER, arm.vault_path(vault))
    raw = mallory.vault(vault)
    held = Held(raw, "PUT", "/secrets/x?api-version=7.4", {"value": "evil"})
    assert arm.send("DELETE", right, version=ROLES).status == 200
    assert held.end() == 403
    assert server.raw(vault).call("GET", "/secrets/x").status == 404


def test_a_firewall_closed_while_a_body_is_held_back_is_closed(server, arm, mallory):
    vault = with_secret(arm, server)
    mallory.given(SECRETS_OFFICER, arm.vault_path(vault))
    held = Held(mallory.vault(vault), "PUT", "/secrets/x?api-version=7.4", {"value": "evil"})
    closed = {"properties": {"publicNetworkAccess": "Disabled"}}
    assert arm.vault("PATCH", vault, closed).status == 200
    assert held.end() == 403


def test_a_vault_that_is_another_by_the_end_of_a_body_is_not_written(server, arm, mallory):
    vault = with_secret(arm, server)
    mallory.given(SECRETS_OFFICER, arm.vault_path(vault))
    held = Held(mallory.vault(vault), "PUT", "/secrets/x?api-version=7.4", {"value": "evil"})
    assert arm.vault("DELETE", vault).status == 200
    assert arm.send("POST", f"{arm.deleted_path(vault)}/purge").status == 202
    arm.create(vault)
    assert held.end() == 403
    assert server.raw(vault).call("GET", "/secrets/x").status == 404


def test_changes_elsewhere_do_not_stop_a_slow_client(server, arm, mallory):
    vault = with_secret(arm, server)
    mallory.given(SECRETS_OFFICER, arm.vault_path(vault))
    held = Held(mallory.vault(vault), "PUT", "/secrets/x?api-version=7.4", {"value": "v"})
    arm.create(vault_name())
    assert held.end() == 200


# A member in another case is that member.


def test_a_firewall_closes_in_whatever_case_it_is_spelt(server, arm):
    name = vault_name()
    said = {"NetworkAcls": {"DefaultAction": "Deny"}, "PublicNetworkAccess": "Disabled"}
    body = arm.body(**said, EnablePurgeprotection=True)
    properties = arm.vault("PUT", name, body).json()["properties"]
    assert properties["networkAcls"]["defaultAction"] == "Deny"
    assert properties["publicNetworkAccess"] == "Disabled"
    assert properties["enablePurgeProtection"] is True


def test_a_condition_holds_in_whatever_case_it_is_spelt(server, arm, mallory):
    vault = with_secret(arm, server)
    only = "@Resource[Microsoft.KeyVault/vaults/secrets:name] StringEquals 'other'"
    scope = arm.vault_path(vault)
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    body = mallory.assignment(SECRETS_USER, Condition=only, ConditionVersion="2.0")
    answer = arm.send("PUT", path, body, version=ROLES)
    assert answer.json()["properties"]["condition"] == only
    assert mallory.reads(vault) == 403


def test_a_denial_and_a_role_hold_in_whatever_case_they_are_spelt(server, arm, mallory):
    vault = with_secret(arm, server)
    scope = arm.vault_path(vault)
    mallory.given(SECRETS_USER, scope)
    mallory.denied(scope, Actions=[], DataActions=["*"])
    assert mallory.reads(vault) == 403
    subscription = f"/subscriptions/{arm.subscription}"
    path = f"{subscription}/providers/Microsoft.Authorization/roleDefinitions/{uuid.uuid4()}"
    role = {
        "RoleName": path,
        "Permissions": [{"actions": ["*"], "NotActions": ["Microsoft.Authorization/*/write"]}],
        "AssignableScopes": [subscription],
    }
    made = arm.send("PUT", path, {"Properties": role}, version=ROLES).json()
    permissions = made["properties"]["permissions"][0]
    assert permissions["notActions"] == ["Microsoft.Authorization/*/write"]


def test_a_member_is_not_said_twice(arm):
    name = vault_name()
    body = arm.body(publicNetworkAccess="Disabled", PublicNetworkAccess="Enabled")
    refused(arm.vault("PUT", name, body), 400, "BadRequest")
    assert arm.vault("GET", name).status == 404


# Memory and time of the server.


def resident(server):
    """The server's memory, in KiB."""
    with open(f"/proc/{server.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_large_bodies_of_who_has_no_right_cost_little(server, arm, mallory):
    path = f"{arm.group_path()}?api-version={GROUPS}"
    body = b"{" + b" " * (4 * 1024 * 1024)
    before = resident(server)
    held = []
    for method in ("GET", "PUT", "PATCH") * 12:
        request = Held(mallory.arm.raw, method, path, body, pause=0)
        try:
            request.socket.sendall(request.body[1:-1])
        except (ConnectionError, ssl.SSLError):
            pass
        held.append(request)
    after = resident(server)
    for request in held:
        request.socket.close()
    assert after - before < 36 * 1024, "less than a quarter of what was sent"


def test_a_large_body_is_not_taken_from_who_has_no_right(arm, mallory):
    body = json.dumps({"location": "local", "tags": {"a": "x" * 70_000}}).encode()
    path = arm.group_path(vault_name("g"))
    refused(mallory.arm.send("PUT", path, body, version=GROUPS), 413, "RequestContentTooLarge")
    # With a right it is read, and refused for what it says.
    refused(Arm(arm.server).send("PUT", path, body, version=GROUPS), 400, "InvalidTagValue")


def test_a_body_that_does_not_come_is_answered_as_it_is_recorded(server, arm, mallory):
    path = arm.group_path()
    held = mallory.begins("PUT", path, {"location": "local"}, GROUPS)
    assert held.status() == 408

    def recorded():
        lines = server.cli("audit", "tail", "--all", "--format", "json").splitlines()
        mine = [json.loads(line) for line in lines if mallory.object_id in line]
        return [record for record in mine if record["properties"].get("httpStatusCode") == 408]

    until(recorded)


# What is not one's own is not found out.


def test_groups_are_not_found_out_without_a_right(server, arm, mallory):
    there, not_there = arm.group, vault_name("none")
    nobody = Raw(arm.url, server.ready["caFile"])

    def seen(raw, group, below):
        answer = raw.send("GET", f"{arm.group_path(group)}{below}?api-version={GROUPS}")
        region = answer.headers["x-ms-routing-request-id"].split(":")[0]
        return answer.status, region, answer.body.replace(group.encode(), b"G")

    for raw, status in ((nobody, 401), (mallory.arm.raw, 403)):
        for below in ("", "/resources", "/providers/Microsoft.KeyVault/vaults"):
            found = seen(raw, there, below)
            assert found[0] == status or below.endswith("vaults"), found
            assert found == seen(raw, not_there, below)


def test_a_denied_vault_is_in_no_list(server, arm, mallory):
    shown, hidden = with_secret(arm, server), with_secret(arm, server)
    mallory.given(READER, arm.group_path())
    mallory.denied(arm.vault_path(hidden), actions=["Microsoft.KeyVault/vaults/read"])
    of_group = f"{arm.group_path()}/providers/Microsoft.KeyVault/vaults"
    for path in (of_group, f"{arm.provider()}/vaults"):
        names = [vault["name"] for vault in every(mallory.arm, path)]
        assert shown in names
        assert hidden not in names


def every(arm, path):
    answer = arm.send("GET", path)
    found = answer.json()["value"]
    while link := answer.json().get("nextLink"):
        answer = arm.follow(link)
        found += answer.json()["value"]
    return found


def test_tags_are_not_read_past_a_denial(server, arm, mallory):
    vault = with_secret(arm, server)
    mallory.given(CONTRIBUTOR, arm.group_path())
    mallory.denied(arm.vault_path(vault), actions=["*"])
    within = f"{arm.group_path()}/providers/x.y/a/b/providers/Microsoft.KeyVault/vaults/{vault}"
    tags = "/providers/Microsoft.Resources/tags/default"
    assert mallory.arm.send("GET", arm.vault_path(vault) + tags, version=GROUPS).status == 403
    for method, body in (("GET", None), ("PUT", {"properties": {"tags": {"a": "b"}}})):
        answer = mallory.arm.send(method, within + tags, body, version=GROUPS)
        assert answer.status == 404, answer
    assert arm.vault("GET", vault).json().get("tags", {}) == {}


# Locks.


def test_a_vault_in_a_group_named_vaults_can_be_locked(server, arm):
    group = arm.group_path("vaults")
    assert arm.send("PUT", group, {"location": "local"}, version=GROUPS).status == 201
    vault = vault_name()
    path = f"{group}/providers/Microsoft.KeyVault/vaults/{vault}"
    assert arm.send("PUT", path, arm.body()).status == 200
    body = {"properties": {"level": "CanNotDelete"}}
    assert arm.send("PUT", lock(path), body, version=LOCKS).status == 201
    refused(arm.send("DELETE", path), 409, "ScopeLocked")


def test_a_lock_holds_for_deny_assignments(server, arm, mallory):
    scope = arm.vault_path(with_secret(arm, server))
    kept, level = denial(scope), "CanNotDelete"
    body = mallory.denial(actions=["*"])
    assert arm.send("PUT", kept, body, version=DENIALS).status == 201
    lock_body = {"properties": {"level": level}}
    assert arm.send("PUT", lock(scope), lock_body, version=LOCKS).status == 201
    refused(arm.send("DELETE", kept, version=DENIALS), 409, "ScopeLocked")
    lock_body = {"properties": {"level": "ReadOnly"}}
    assert arm.send("PUT", lock(scope), lock_body, version=LOCKS).status == 200
    refused(arm.send("PUT", denial(scope), body, version=DENIALS), 409, "ScopeLocked")
    assert arm.send("DELETE", lock(scope), version=LOCKS).status == 200
    assert arm.send("DELETE", kept, version=DENIALS).status == 200
