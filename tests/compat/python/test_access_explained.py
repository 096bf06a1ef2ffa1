"""Explanations agree with what the service answers: each request is made, and explained."""

import json
import uuid
from pathlib import Path

import pytest

from arm import Arm, arm_role, object_of, refused, until, vault_name
from arm import assign as assign_in_group

# This machine is a proxy that says whom it forwards: addresses can be chosen.
OPTIONS = ("--config", str(Path(__file__).with_name("network.toml")))

AUTHORIZATION = "/providers/Microsoft.Authorization"
SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
CRYPTO_USER = "12338af0-0e69-4776-bea7-57ae8d297424"
KEY_VAULT_CONTRIBUTOR = "f25e0fa2-a7c8-4377-a976-54943a77a395"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
ONLY_PROD = "@Resource[Microsoft.KeyVault/vaults/secrets:name] StringEquals 'prod'"


@pytest.fixture(scope="module")
def arm(server):
    return Arm(server)


class Scene:
    """A vault with a secret in it, and an application that holds nothing yet."""

    def __init__(self, server, arm, **properties):
        self.server, self.arm = server, arm
        self.vault = vault_name()
        arm.create(self.vault, **properties)
        self.scope = arm.vault_path(self.vault)
        self.identity = server.create_identity(vault_name("app"))
        self.who = object_of(server, self.identity)

    def assign(self, role, scope=None, who=None, **more):
        scope = self.scope if scope is None else scope
        properties = {
            "roleDefinitionId": f"{AUTHORIZATION}/roleDefinitions/{role}",
            "principalId": who or self.who,
            **more,
        }
        name = str(uuid.uuid4())
        path = f"{scope}{AUTHORIZATION}/roleAssignments/{name}"
        answer = self.arm.send("PUT", path, {"properties": properties}, version="2022-04-01")
        assert answer.status == 201, answer
        return name

    def deny(self, data_action):
        properties = {
            "denyAssignmentName": f"no secrets in {self.vault}",
            "permissions": [{"dataActions": [data_action]}],
            "principals": [{"id": self.who, "type": "ServicePrincipal"}],
        }
        name = str(uuid.uuid4())
        path = f"{self.scope}{AUTHORIZATION}/denyAssignments/{name}"
        body, version = {"properties": properties}, "2024-07-01-preview"
        answer = self.arm.send("PUT", path, body, version=version)
        assert answer.status in (200, 201), answer
        return name

    def group(self):
        name = vault_name("group")
        made = json.loads(self.server.cli("group", "create", "--display-name", name))
        self.server.cli("group", "add-member", "--group", name, "--member-id", self.who)
        return made["id"]

    def live(self, method, path, body=None, address=None):
        """What the vault really answers."""
        raw = self.server.raw(self.vault, self.server.token(self.identity))
        headers = {"X_Forwarded_For": address} if address else {}
        return raw.send(method, f"{path}?api-version=7.4", body, **headers)

    def explained(self, operation, object=None, address=None, **more):
        query = {"principalId": self.who, "operation": operation, **more}
        query |= {"object": object} if object else {}
        query |= {"clientIp": address} if address else {}
        answer = self.arm.vault("GET", self.vault, rest="/explainAccess", **query)
        assert answer.status == 200, answer
        return answer.json()["properties"]

    def agrees(self, operation, method, path, object=None, body=None, address=None):
        """Makes the request and explains it: the same status, the same code."""
        answer = self.live(method, path, body, address)
        explanation = self.explained(operation, object, address)
        assert verdict(explanation) == decision(answer), explanation
        return explanation

    def get(self, secret="db", address=None):
        return self.agrees("SecretGet", "GET", f"/secrets/{secret}", secret, address=address)


def decision(answer):
    """The status and the code that tells refusals apart. What is not there was allowed."""
    if answer.status < 300 or (answer.status == 404 and answer.code == "SecretNotFound"):
        return 200, None
    return answer.status, answer.inner_code or answer.code


def verdict(explanation):
    if explanation["verdict"] == "Allowed":
        return 200, None
    refusal = explanation["refusal"]
    return refusal["status"], refusal["innerCode"] or refusal["code"]


def reasons(explanation):
    return [miss["reason"] for miss in explanation["nearMisses"]]


@pytest.fixture
def scene(server, arm):
    return Scene(server, arm)


@pytest.fixture
def with_policies(server, arm):
    return Scene(server, arm, enableRbacAuthorization=False, accessPolicies=[])


def scopes(scene):
    subscription = f"/subscriptions/{scene.arm.subscription}"
    tenant = scene.server.ready["tenantId"]
    return {
        "secret": scene.scope + "/secrets/db",
        "vault": scene.scope,
        "group": scene.arm.group_path(),
        "subscription": subscription,
        "management group": f"/providers/Microsoft.Management/managementGroups/{tenant}",
    }


@pytest.mark.parametrize(
    "level", ["secret", "vault", "group", "subscription", "management group"]
)
def test_a_role_at_each_level(scene, level):
    nothing = scene.get()
    assert verdict(nothing) == (403, "ForbiddenByRbac")
    assert "'Key Vault Secrets User'" in nothing["advice"][0]
    scope = scopes(scene)[level]
    # At the root the installation's owner may assign nothing over ARM: the host does it.
    made = scene.server.cli(
        "role", "assignment", "create", "--assignee-object-id", scene.who,
        "--role", "Key Vault Secrets User", "--scope", scope,
    )
    allowed = scene.get()
    assert verdict(allowed) == (200, None)
    assert allowed["decidedBy"]["id"] == json.loads(made)["name"]
    assert allowed["decidedBy"]["scope"] == scope
    other = scene.get("other")
    assert verdict(other)[0] == (403 if level == "secret" else 200)
    if level == "secret":
        assert reasons(other) == ["otherScope"]
    scene.agrees("SecretDelete", "DELETE", "/secrets/db", "db")
    scene.agrees("SecretList", "GET", "/secrets")
    scene.agrees("KeyList", "GET", "/keys")


def test_a_role_through_a_group(scene):
    group = scene.group()
    assignment = scene.assign(SECRETS_USER, who=group, principalType="Group")
    by = scene.get()["decidedBy"]
    assert (by["id"], by["principal"]["id"], by["throughGroup"]) == (assignment, group, True)


def test_a_role_that_lacks_the_action(scene):
    scene.assign(CRYPTO_USER)
    assert reasons(scene.get()) == ["roleLacksAction"]
    scene.agrees("KeyList", "GET", "/keys")


def test_a_deny_assignment(scene):
    scene.assign(SECRETS_USER)
    denial = scene.deny("Microsoft.KeyVault/vaults/secrets/getSecret/action")
    refusal = scene.get()
    assert refusal["refusal"]["denyAssignment"]["id"] == denial
    assert reasons(refusal) == ["denied"]
    scene.agrees("SecretList", "GET", "/secrets")


def test_a_condition(scene):
    scene.assign(SECRETS_USER, condition=ONLY_PROD, conditionVersion="2.0")
    assert verdict(scene.get("prod")) == (200, None)
    assert reasons(scene.get("test")) == ["conditionFalse"]
    listing = scene.agrees("SecretList", "GET", "/secrets")
    assert reasons(listing) == ["conditionUnknown"]


def test_access_policies(with_policies):
    scene = with_policies

    def allow(**more):
        policy = scene.arm.policy(scene.who, **more)
        body = {"properties": {"accessPolicies": [policy]}}
        answer = scene.arm.vault("PUT", scene.vault, body, "/accessPolicies/replace")
        assert answer.status in (200, 201), answer

    scene.assign(SECRETS_USER)
    nobody = scene.get()
    assert verdict(nobody) == (403, "AccessDenied")
    assert reasons(nobody) == ["otherPermissionModel"]
    allow(secrets=["list"])
    little = scene.get()
    assert verdict(little) == (403, "ForbiddenByPolicy")
    assert "policyLacksPermission" in reasons(little)
    scene.agrees("SecretList", "GET", "/secrets")
    scene.agrees("KeyList", "GET", "/keys")
    allow(secrets=["get"])
    enough = scene.get()
    assert enough["decidedBy"]["kind"] == "accessPolicy"
    assert enough["decidedBy"]["permissions"] == ["get"]


def test_a_firewall(scene):
    scene.assign(SECRETS_USER)
    acls = {"defaultAction": "Deny", "ipRules": [{"value": "192.0.2.0/24"}]}
    body = {"properties": {"networkAcls": acls}}
    assert scene.arm.vault("PATCH", scene.vault, body).status == 200
    assert verdict(scene.get(address="192.0.2.7")) == (200, None)
    assert verdict(scene.get(address="203.0.113.9")) == (403, "ForbiddenByFirewall")
    steps = {step["check"]: step["outcome"] for step in scene.explained("SecretGet", "db")["steps"]}
    assert steps["firewall"] == "notDecided", "nobody said whence"
    body = {"properties": {"publicNetworkAccess": "Disabled"}}
    assert scene.arm.vault("PATCH", scene.vault, body).status == 200
    assert verdict(scene.get(address="192.0.2.7")) == (403, "ForbiddenByConnection")


def test_a_deleted_vault(scene):
    scene.assign(SECRETS_USER)
    assert scene.arm.vault("DELETE", scene.vault).status == 200
    gone = scene.get()
    assert verdict(gone) == (404, "VaultNotFound")
    assert gone["advice"] == [f"Recover it: strongroom vault recover {scene.vault}"]


def test_the_control_plane(server, arm, scene):
    own = Arm(server, scene.identity)

    def agrees(action, method, body=None):
        answer = own.vault(method, scene.vault, body)
        explanation = scene.explained(f"Microsoft.KeyVault/vaults/{action}")
        assert verdict(explanation) == decision(answer), explanation
        return explanation

    tags = {"tags": {"a": "b"}}
    assert "'Reader'" in agrees("read", "GET")["advice"][0]
    agrees("write", "PATCH", tags)
    scene.assign(READER)
    assert agrees("read", "GET")["verdict"] == "Allowed"
    agrees("write", "PATCH", tags)
    scene.assign(KEY_VAULT_CONTRIBUTOR)
    assert agrees("write", "PATCH", tags)["verdict"] == "Allowed"
    lock = f"{scene.scope}{AUTHORIZATION}/locks/l"
    body = {"properties": {"level": "ReadOnly"}}
    assert arm.send("PUT", lock, body, version="2016-09-01").status in (200, 201)
    assert verdict(agrees("write", "PATCH", tags)) == (409, "ScopeLocked")
    assert verdict(agrees("delete", "DELETE")) == (409, "ScopeLocked")
    assert agrees("read", "GET")["verdict"] == "Allowed"
    assert arm.send("DELETE", lock, version="2016-09-01").status in (200, 204)


# Who may read explanations


def test_an_explanation_tells_nobody_what_they_may_not_read(server, arm, scene):
    scene.assign(SECRETS_USER)
    curious = Scene(server, arm)
    own = Arm(server, curious.identity)
    query = {"principalId": scene.who, "operation": "SecretGet", "object": "db"}

    def ask(by=own, **more):
        return by.vault("GET", scene.vault, rest="/explainAccess", **{**query, **more})

    assert ask().status == 403
    assert "Microsoft.KeyVault/vaults/read" in ask().message
    limited = arm_role(arm, ["Microsoft.KeyVault/vaults/read"])
    assign_in_group(arm, curious.who, limited)
    refused(ask(), 403, "AuthorizationFailed")
    assert "Microsoft.Authorization/roleAssignments/read" in ask().message
    assert scene.who not in ask().message
    nobody = ask(by=Arm(server, None), principalId="nobody")
    refused(nobody, 400, "InvalidQueryParameter")
    refused(ask(by=arm, operation="SecretFetch"), 400, "BadRequest")
    refused(ask(by=arm, clientIp="localhost"), 400, "InvalidQueryParameter")
    assert arm.vault("POST", scene.vault, {}, "/explainAccess", **query).status == 405


def test_assignments_elsewhere_stay_with_whoever_may_read_them(server, arm, scene):
    elsewhere = Scene(server, arm)
    scene.assign(SECRETS_USER, scope=elsewhere.scope)
    reader = Scene(server, arm)
    reader.assign(READER, scope=scene.scope)
    query = {"principalId": scene.who, "operation": "SecretGet", "object": "db"}

    def near(by):
        answer = by.vault("GET", scene.vault, rest="/explainAccess", **query)
        assert answer.status == 200, answer
        return answer

    assert reasons(near(arm).json()["properties"]) == ["otherScope"]
    of_reader = near(Arm(server, reader.identity))
    assert reasons(of_reader.json()["properties"]) == []
    assert elsewhere.vault.encode() not in of_reader.body


# On the command line


def access(server, *words):
    return json.loads(server.cli("access", *words, "-o", "json"))


def test_a_refused_request_is_explained_by_its_id(server, scene):
    answer = scene.live("GET", "/secrets/db")
    request = answer.headers["x-ms-request-id"]
    explained = access(server, "explain", "--request-id", request)
    assert verdict(explained) == decision(answer)
    assert explained["request"]["status"] == 403
    assert explained["principal"]["id"] == scene.who
    assert explained["resource"] == f"{scene.scope}/secrets/db"
    text = server.cli("access", "explain", "--request-id", request)
    assert "REFUSED: 403 ForbiddenByRbac." in text
    # By roles as they are now.
    scene.assign(SECRETS_USER)
    assert access(server, "explain", "--request-id", request)["verdict"] == "Allowed"
    unknown = server.cli("access", "explain", "--request-id", str(uuid.uuid4()), check=False)
    assert unknown.returncode != 0
    assert "has no request" in unknown.stderr
    raw = server.raw(scene.vault, "")
    tokenless = raw.call("GET", "/secrets/db").headers["x-ms-request-id"]
    ended = server.cli("access", "explain", "--request-id", tokenless, check=False)
    assert ended.returncode != 0
    assert "was answered 401 before its caller was known" in ended.stderr


def test_explain_and_who_can(server, scene):
    group = scene.group()
    scene.assign(SECRETS_USER, who=group, principalType="Group")
    words = ("--operation", "SecretGet", "--vault", scene.vault, "--object", "db")
    told = server.cli("access", "explain", "--principal", scene.identity["appId"], *words)
    assert told.startswith("ALLOWED: by the role 'Key Vault Secrets User' at"), told
    able = {able["id"]: able for able in access(server, "who-can", *words)}
    assert {scene.who, group} <= set(able)
    assert able[scene.who]["by"]["throughGroup"] is True
    assert [member["id"] for member in able[group]["members"]] == [scene.who]
    # Whoever is named may; whoever is not, may not.
    for name in (Scene(server, scene.arm), scene):
        may = name.who in able
        raw = server.raw(scene.vault, server.token(name.identity))
        assert (raw.call("GET", "/secrets/db").status != 403) == may
    assert "Nobody" not in server.cli("access", "who-can", *words)


def test_least_privilege_by_what_was_done(server, scene):
    scene.server.cli(
        "role", "assignment", "create", "--assignee-object-id", scene.who,
        "--role", "Key Vault Administrator", "--scope", scene.scope,
    )
    raw = server.raw(scene.vault, server.token(scene.identity))
    raw.set("db", "v")
    assert raw.call("GET", "/secrets/db").status == 200
    least = ("least-privilege", "--principal", scene.who, "--vault", scene.vault)
    until(lambda: len(access(server, *least)["used"]) == 2)
    found = access(server, *least)
    assert {(one["operation"], one["object"]) for one in found["used"]} == {
        ("SecretSet", "db"),
        ("SecretGet", "db"),
    }
    (placed,) = found["roles"]
    assert placed["scope"] == f"{scene.scope}/secrets/db"
    assert [role["name"] for role in placed["roles"]] == ["Key Vault Secrets Officer"]
    assert [held["roleDefinitionName"] for held in found["superfluous"]] == [
        "Key Vault Administrator"
    ]
    assert "Microsoft.KeyVault/vaults/keys/sign/action" in found["beyond"][0]["dataActions"]
    # What is enough is enough: with it alone, both can be done again, and nothing else.
    for held in found["superfluous"]:
        server.cli("role", "assignment", "delete", "--ids", held["id"])
    for role in placed["roles"]:
        scene.assign(role["id"], scope=placed["scope"])
    raw.set("db", "w")
    assert raw.call("GET", "/secrets/db").json()["value"] == "w"
    assert raw.call("GET", "/secrets/other").status == 403
    assert raw.call("GET", "/keys").status == 403


def test_least_privilege_for_what_is_said(server, scene):
    told = server.cli(
        "access", "least-privilege", "--principal", scene.who, "--vault", scene.vault,
        "--operations", "SecretGet=db", "KeySign=k",
    )
    assert f"Enough: 'Key Vault Secrets User' at {scene.scope}/secrets/db" in told
    assert f"Enough: 'Key Vault Crypto User' at {scene.scope}/keys/k" in told
