"""Ways around rights, from the attacker's side: what was denied, narrowed, deleted or half done."""

import json
import uuid

import pytest

from arm import LATEST, Arm, object_of, refused, until, vault_name

ROLES = "2022-04-01"
DENIALS = "2024-07-01-preview"
GROUPS = "2021-04-01"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
EVERYTHING = {"actions": ["*"], "dataActions": ["*"]}


@pytest.fixture(scope="module")
def owner(server):
    return Arm(server)


def subscription(arm):
    return f"/subscriptions/{arm.subscription}"


def someone(server, owner, *granted):
    """Somebody new, with (role, scope) granted."""
    identity = server.create_identity(vault_name("x"))
    oid = object_of(server, identity)
    for role, scope in granted:
        assert grant(owner, oid, role, scope).status == 201
    return Arm(server, identity), oid, server.token(identity)


def grant(arm, oid, role, scope, **said):
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    properties = {"roleDefinitionId": f"/x/{role}", "principalId": oid, **said}
    properties.setdefault("principalType", "ServicePrincipal")
    return arm.send("PUT", path, {"properties": properties}, version=ROLES)


def deny(arm, oid, scope, permissions=EVERYTHING, **said):
    path = f"{scope}/providers/Microsoft.Authorization/denyAssignments/{uuid.uuid4()}"
    who = [{"id": oid, "type": "ServicePrincipal"}]
    properties = {"denyAssignmentName": "keep out", "permissions": [permissions]}
    properties |= {"principals": who, **said}
    return path, arm.send("PUT", path, {"properties": properties}, version=DENIALS)


def denied(arm, oid, scope, permissions=EVERYTHING, **said):
    path, answer = deny(arm, oid, scope, permissions, **said)
    assert answer.status == 201, answer
    return path


def new_group(arm):
    name = vault_name("rg")
    answer = arm.send("PUT", arm.group_path(name), {"location": "local"}, version=GROUPS)
    assert answer.status == 201, answer
    return name


def with_secret(server, owner, group):
    vault = vault_name()
    body = owner.body(enableRbacAuthorization=True)
    assert owner.send("PUT", owner.vault_path(vault, group), body).status == 200
    assert server.raw(vault).call("PUT", "/secrets/s", {"value": "top"}).status == 200
    return vault


def role(arm, guid, scopes, actions, data=(), **said):
    path = f"{subscription(arm)}/providers/Microsoft.Authorization/roleDefinitions/{guid}"
    permissions = [{"actions": list(actions), "dataActions": list(data)}]
    properties = {"roleName": f"role {guid}", "permissions": permissions, **said}
    properties["assignableScopes"] = list(scopes)
    return arm.send("PUT", path, {"properties": properties}, version=ROLES)


@pytest.mark.parametrize("where, permissions", [
    ("vault", EVERYTHING),
    ("vault", {"dataActions": ["*"]}),
    ("secret", {"dataActions": ["*"]}),
    ("group", {"dataActions": ["*"]}),
    ("deleted vault", EVERYTHING),
])
def test_deleting_the_group_strips_no_denial(server, owner, where, permissions):
    group = new_group(owner)
    vault = with_secret(server, owner, group)
    whole = subscription(owner)
    mallory, oid, token = someone(server, owner, (CONTRIBUTOR, whole), (SECRETS_USER, whole))
    assert server.raw(vault, token).call("GET", "/secrets/s").status == 200
    at = {"group": owner.group_path(group), "secret": owner.vault_path(vault, group) + "/secrets/s"}
    denied(owner, oid, at.get(where, owner.vault_path(vault, group)), permissions)
    if where == "deleted vault":
        assert owner.send("DELETE", owner.vault_path(vault, group)).status == 200
    answer = mallory.send("DELETE", owner.group_path(group), version=GROUPS)
    if where == "group" or (where == "vault" and "actions" in permissions):
        refused(answer, 403, "DenyAssignmentAuthorizationFailed")
    else:
        assert answer.status == 202, answer
        is_gone = lambda: owner.send("GET", owner.group_path(group), version=GROUPS).status == 404
        until(is_gone)
        again = mallory.send("PUT", owner.group_path(group), {"location": "local"}, version=GROUPS)
        assert again.status == 201, again
        recover = mallory.body(createMode="recover")
        mallory.send("PUT", owner.vault_path(vault, group), recover)
    assert server.raw(vault, token).call("GET", "/secrets/s").status in (403, 404)
    # Back in other hands, it is denied as before.
    owner.send("PUT", owner.vault_path(vault, group), owner.body(createMode="recover"))
    assert server.raw(vault, token).call("GET", "/secrets/s").status == 403


def test_whoever_may_take_denials_away_deletes_the_group_with_them(server, owner):
    group = new_group(owner)
    _, oid, _ = someone(server, owner)
    denied(owner, oid, owner.group_path(group))
    assert owner.send("DELETE", owner.group_path(group), version=GROUPS).status == 202


def test_the_vault_of_a_group_is_deleted_in_the_callers_name(server, owner):
    group = new_group(owner)
    vault = with_secret(server, owner, group)
    mallory, oid, _ = someone(server, owner, (CONTRIBUTOR, owner.group_path(group)))
    assert mallory.send("DELETE", owner.group_path(group), version=GROUPS).status == 202
    until(lambda: any(oid in json.dumps(r) for r in records(server, "VaultDelete", vault)))


def records(server, operation, part):
    lines = server.cli("audit", "tail", "--format", "json").splitlines()
    found = [json.loads(line) for line in lines if part.lower() in line.lower()]
    return [r for r in found if r["operationName"].lower().endswith(operation.lower())]


def test_a_purge_leaves_nothing_to_a_later_vault_of_the_name(server, owner):
    group = new_group(owner)
    vault = with_secret(server, owner, group)
    path = owner.vault_path(vault, group)
    before, oid, token = someone(server, owner, (SECRETS_USER, path))
    for _ in range(60):
        assert grant(owner, str(uuid.uuid4()), READER, path, principalType="User").status == 201
    assert owner.send("DELETE", path).status == 200
    assert owner.send("POST", owner.deleted_path(vault) + "/purge").status == 202
    assert owner.send("PUT", path, owner.body(enableRbacAuthorization=True)).status == 200
    held = f"{path}/providers/Microsoft.Authorization/roleAssignments"
    found = owner.send("GET", held, version=ROLES).json()["value"]
    assert [a for a in found if a["properties"]["scope"].lower() == path.lower()] == []
    assert server.raw(vault, token).call("GET", "/secrets").status == 403


def test_who_is_denied_a_vault_does_not_purge_it(server, owner):
    group = new_group(owner)
    vault = with_secret(server, owner, group)
    mallory, oid, _ = someone(server, owner, (CONTRIBUTOR, subscription(owner)))
    denied(owner, oid, owner.vault_path(vault, group), {"actions": ["*"]})
    assert owner.send("DELETE", owner.vault_path(vault, group)).status == 200
    answer = mallory.send("POST", mallory.deleted_path(vault) + "/purge")
    refused(answer, 403, "DenyAssignmentAuthorizationFailed")
    assert owner.send("GET", owner.deleted_path(vault)).status == 200


def test_nobody_locks_out_those_above(server, owner):
    group = new_group(owner)
    scope = owner.group_path(group)
    mallory, oid, _ = someone(server, owner, (OWNER, scope))
    beside, _, _ = someone(server, owner, (OWNER, scope))
    everyone = [{"id": str(uuid.UUID(int=0)), "type": "SystemDefined"}]
    myself = [{"id": oid, "type": "ServicePrincipal"}]
    path = denied(mallory, oid, scope, principals=everyone, excludePrincipals=myself)
    assert owner.send("GET", scope, version=GROUPS).status == 403
    # Whoever is no higher is denied this, too; whoever is, is not.
    answer = beside.send("DELETE", path, version=DENIALS)
    refused(answer, 403, "DenyAssignmentAuthorizationFailed")
    assert owner.send("DELETE", path, version=DENIALS).status == 200
    assert owner.send("GET", scope, version=GROUPS).status == 200


def test_a_role_gives_nothing_where_it_is_for_no_more(server, owner):
    group, whole, guid = new_group(owner), subscription(owner), str(uuid.uuid4())
    scope = owner.group_path(group)
    read = ["Microsoft.KeyVault/vaults/read"]
    assert role(owner, guid, [whole], read).status == 201
    mallory, oid, _ = someone(server, owner, (guid, whole), (OWNER, scope))
    refused(role(owner, guid, [scope], read), 400, "RoleDefinitionHasAssignments")
    # So the owner below is never asked alone for what the role gives above.
    refused(role(mallory, guid, [scope], ["*"]), 403, "AuthorizationFailed")
    refused(role(mallory, guid, [whole], ["*"]), 403, "AuthorizationFailed")


def test_what_a_caller_says_of_a_stranger_meets_no_condition(server, owner):
    group = new_group(owner)
    kind = "Microsoft.Authorization/roleAssignments:PrincipalType"
    condition = f"@Request[{kind}] StringEqualsIgnoreCase 'User'"
    mallory, oid, _ = someone(server, owner)
    scope = owner.group_path(group)
    assert grant(
        owner, oid, OWNER, scope, condition=condition, conditionVersion="2.0"
    ).status == 201
    stranger = str(uuid.uuid4())
    answer = grant(mallory, stranger, READER, scope, principalType="User")
    refused(answer, 403, "AuthorizationFailed")


def test_nobody_makes_everybody_pay(server, owner):
    scope, guid = owner.group_path(new_group(owner)), str(uuid.uuid4())
    stranger = str(uuid.uuid4())
    long = grant(owner, stranger, READER, scope, principalType="User", description="d" * 2049)
    refused(long, 400, "BadRequestFormat")
    assert role(owner, guid, [scope], ["*/read"] * 501).status == 400
    assert role(owner, guid, [scope], ["*" + "e*" * 250]).status == 400
    assert role(owner, guid, [scope] * 201, ["*/read"]).status == 400
    assert role(owner, guid, [scope], ["*/read"], description="d" * 2049).status == 400
    many = [{"id": str(uuid.uuid4()), "type": "User"} for _ in range(201)]
    _, answer = deny(owner, stranger, scope, principals=many)
    assert answer.status == 400, answer
    body = {"location": "local", "managedBy": "m" * 1025}
    assert owner.send("PUT", scope, body, version=GROUPS).status == 400


def test_a_provider_alone_is_no_scope(server, owner):
    scope = f"{owner.group_path()}/providers/Microsoft.KeyVault"
    _, answer = deny(owner, str(uuid.uuid4()), scope)
    assert answer.status in (400, 404), answer
    assert grant(owner, str(uuid.uuid4()), READER, scope, principalType="User").status in (400, 404)


def test_the_audit_says_what_changed(server, owner):
    vault, oid, new = vault_name(), str(uuid.uuid4()), str(uuid.uuid4())
    acls = {"defaultAction": "Deny"}
    first = owner.policy(oid, secrets=["get"])
    made = {"enableRbacAuthorization": False, "accessPolicies": [first], "networkAcls": acls}
    owner.create(vault, version=LATEST, **made)
    open_again = {"networkAcls": {"defaultAction": "Allow"}, "enablePurgeProtection": True}
    policies = {"accessPolicies": [owner.policy(new, secrets=["all"])]}
    answer = owner.vault("PATCH", vault, {"properties": {**open_again, **policies}})
    assert answer.status == 200, answer
    condition = "@Resource[Microsoft.KeyVault/vaults/secrets:name] StringEquals 'a'"
    given = grant(
        owner, new, SECRETS_USER, owner.vault_path(vault), principalType="User",
        condition=condition, conditionVersion="2.0",
    )
    assert given.status == 201, given

    def said():
        lines = server.cli("audit", "tail", "--format", "json").splitlines()
        return [json.loads(line)["properties"] for line in lines if vault in line]

    until(lambda: any(p.get("condition") == condition for p in said()))
    created = next(p for p in said() if oid in p.get("addedAccessPolicy", ""))
    assert created["enableRbacAuthorization"] == "false"
    assert created["networkAcls"].startswith("defaultAction=Deny ")
    changed = next(p for p in said() if oid in p.get("removedAccessPolicy", ""))
    assert changed["addedAccessPolicy"] == f"{new} secrets=all"
    assert changed["networkAcls"].startswith("defaultAction=Allow ")
    assert changed["enablePurgeProtection"] == "true"
    assert "publicNetworkAccess" not in changed and "sku" not in changed
    assigned = next(p for p in said() if p.get("condition") == condition)
    assert (assigned["principalId"], assigned["roleDefinitionId"]) == (new, SECRETS_USER)


def test_a_group_leaves_no_role_to_strangers(server, owner):
    group = json.loads(server.cli("group", "create", "--display-name", vault_name("readers")))
    scope = owner.group_path(new_group(owner))
    assert grant(owner, group["id"], READER, scope, principalType="Group").status == 201
    path = denied(owner, group["id"], scope, principals=[{"id": group["id"], "type": "Group"}])
    with pytest.raises(Exception):
        server.cli("group", "delete", "--group", group["id"])
    assert owner.send("DELETE", path, version=DENIALS).status == 200
    server.cli("group", "delete", "--group", group["id"])
    held = f"{scope}/providers/Microsoft.Authorization/roleAssignments"
    found = owner.send("GET", held, version=ROLES).json()["value"]
    assert [a for a in found if a["properties"]["principalId"] == group["id"]] == []
