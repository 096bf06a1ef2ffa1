"""Roles and assignments over the control plane: with azure-mgmt-authorization, and as written."""

import json
import time
import uuid

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.authorization import AuthorizationManagementClient
from azure.mgmt.authorization.models import (
    Permission,
    RoleAssignmentCreateParameters,
    RoleDefinition,
)

from arm import Arm, management_client
from raw import Raw

VERSION = "2022-04-01"
DENY_VERSION = "2024-07-01-preview"
AUTHORIZATION = "/providers/Microsoft.Authorization"
SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
SECRETS_OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
USER_ACCESS_ADMINISTRATOR = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9"


def sdk(server, identity=None):
    return management_client(server, identity, AuthorizationManagementClient)


@pytest.fixture(scope="module")
def arm(server):
    return Arm(server)


@pytest.fixture(scope="module")
def authorization(server):
    with sdk(server) as client:
        yield client


class Principal:
    """An application without any role, and what it may do on either plane."""

    def __init__(self, server, name):
        self.server = server
        self.identity = server.create_identity(name)
        self.arm = Arm(server, self.identity)
        self.vault = Raw(server.vault_url(), server.ready["caFile"], server.token(self.identity))

    @property
    def object_id(self):
        """As the refusal names it."""
        path = f"/subscriptions/{self.arm.subscription}{AUTHORIZATION}/roleAssignments"
        message = self.arm.send("GET", path, version=VERSION).message
        return message.split("with object id '")[1].split("'")[0]

    def reads(self, secret):
        return self.vault.call("GET", f"/secrets/{secret}/").status


@pytest.fixture
def principal(server, name):
    return Principal(server, name)


def put(arm, scope, role, principal, guid=None, **properties):
    body = {"properties": {"roleDefinitionId": role_id(arm, role), "principalId": principal}}
    body["properties"].update(properties)
    path = f"{scope}{AUTHORIZATION}/roleAssignments/{guid or uuid.uuid4()}"
    return arm.send("PUT", path, body, version=VERSION)


def role_id(arm, role):
    return f"/subscriptions/{arm.subscription}{AUTHORIZATION}/roleDefinitions/{role}"


def refused(answer, status, code, message=None):
    assert (answer.status, answer.code) == (status, code), answer
    if message is not None:
        assert message in answer.message, answer.message


# The SDK


def test_the_sdk_gives_and_takes_access_to_one_secret(server, raw, authorization, principal, name):
    raw.set(name)
    secret = f"{server.vault_id()}/secrets/{name}"
    oid, guid = principal.object_id, str(uuid.uuid4())
    assert principal.reads(name) == 403

    roles = list(
        authorization.role_definitions.list(secret, filter="roleName eq 'Key Vault Secrets User'")
    )
    assert [role.name for role in roles] == [SECRETS_USER]
    assert roles[0].role_type == "BuiltInRole"
    assert roles[0].permissions[0].data_actions[0].endswith("getSecret/action")

    parameters = RoleAssignmentCreateParameters(
        role_definition_id=roles[0].id,
        principal_id=oid,
        principal_type="ServicePrincipal",
        description="one secret",
    )
    made = authorization.role_assignments.create(secret, guid, parameters)
    assert (made.scope, made.principal_id, made.name) == (secret, oid, guid)
    assert made.role_definition_id == roles[0].id
    assert made.description == "one secret"
    assert made.created_by == server.ready["owner"]["objectId"]
    assert principal.reads(name) == 200, "on the very next request"
    assert principal.reads("another") == 403

    assert authorization.role_assignments.get(secret, guid).as_dict() == made.as_dict()
    assert authorization.role_assignments.get_by_id(made.id).as_dict() == made.as_dict()
    mine = f"principalId eq '{oid}'"
    for found in (
        authorization.role_assignments.list_for_scope(secret, filter=mine),
        authorization.role_assignments.list_for_subscription(filter=mine),
        authorization.role_assignments.list_for_resource_group(
            server.ready["resourceGroup"], filter=mine
        ),
        authorization.role_assignments.list_for_scope(secret, filter=f"assignedTo('{oid}')"),
    ):
        assert [assignment.name for assignment in found] == [guid]
    above = authorization.role_assignments.list_for_scope(server.vault_id(), filter="atScope()")
    assert guid not in [assignment.name for assignment in above]

    assert authorization.role_assignments.delete(secret, guid).name == guid
    assert principal.reads(name) == 403, "on the very next request"
    assert authorization.role_assignments.delete(secret, guid) is None


def test_the_sdk_makes_and_deletes_a_custom_role(server, authorization, principal, raw, name):
    raw.set(name)
    scope = f"/subscriptions/{server.ready['subscriptionId']}"
    guid = str(uuid.uuid4())
    definition = RoleDefinition(
        role_name=name,
        description="Reads secrets, not their names",
        permissions=[
            Permission(
                actions=[],
                not_actions=[],
                data_actions=["Microsoft.KeyVault/vaults/secrets/*"],
                not_data_actions=["Microsoft.KeyVault/vaults/secrets/readMetadata/action"],
            )
        ],
        assignable_scopes=[scope],
    )
    made = authorization.role_definitions.create_or_update(scope, guid, definition)
    assert (made.role_type, made.role_name) == ("CustomRole", name)
    custom = list(authorization.role_definitions.list(scope, filter="type eq 'CustomRole'"))
    assert name in [role.role_name for role in custom]
    assert all(role.role_type == "CustomRole" for role in custom)

    oid, assigned = principal.object_id, str(uuid.uuid4())
    parameters = RoleAssignmentCreateParameters(
        role_definition_id=made.id, principal_id=oid, principal_type="ServicePrincipal"
    )
    assignment = authorization.role_assignments.create(server.vault_id(), assigned, parameters)
    assert principal.reads(name) == 200
    assert principal.vault.call("GET", "/secrets").status == 403

    with pytest.raises(HttpResponseError) as refusal:
        authorization.role_definitions.delete(scope, guid)
    assert refusal.value.error.code == "RoleDefinitionHasAssignments"

    # What a role means changes for those who hold it, on the very next request.
    definition.permissions[0].not_data_actions = []
    definition.permissions[0].data_actions = [
        "Microsoft.KeyVault/vaults/secrets/readMetadata/action"
    ]
    authorization.role_definitions.create_or_update(scope, guid, definition)
    assert principal.reads(name) == 403
    assert principal.vault.call("GET", "/secrets").status == 200

    authorization.role_assignments.delete_by_id(assignment.id)
    assert authorization.role_definitions.delete(scope, guid).name == guid
    assert authorization.role_definitions.delete(scope, guid) is None
    with pytest.raises(HttpResponseError) as gone:
        authorization.role_definitions.get(scope, guid)
    assert gone.value.status_code == 404


def test_the_sdk_lists_permissions_operations_and_deny_assignments(server, authorization):
    group = server.ready["resourceGroup"]
    permissions = list(authorization.permissions.list_for_resource_group(group))
    assert ["*"] in [permission.actions for permission in permissions]
    key_vault = authorization.provider_operations_metadata.get("Microsoft.KeyVault")
    operations = (op for kind in key_vault.resource_types for op in kind.operations)
    names = {op.name: op.is_data_action for op in operations}
    assert names["Microsoft.KeyVault/vaults/secrets/getSecret/action"] is True
    assert names["Microsoft.KeyVault/vaults/write"] is False
    assert list(authorization.deny_assignments.list()) == []


# Refusals


def test_what_exists_is_not_made_twice(server, arm, principal):
    scope, oid, guid = server.vault_id(), principal.object_id, str(uuid.uuid4())
    made = put(arm, scope, READER, oid, guid)
    assert made.status == 201, made
    assert made.json()["properties"]["principalType"] == "ServicePrincipal", "as it is known"
    again = put(arm, scope.upper().replace("SUBSCRIPTIONS", "subscriptions"), READER, oid)
    refused(again, 409, "RoleAssignmentExists")
    assert guid.replace("-", "") in again.message
    fixed = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."
    changed = put(arm, scope, SECRETS_USER, oid, guid)
    refused(changed, 400, "RoleAssignmentUpdateNotPermitted", fixed)
    described = put(arm, scope, READER, oid, guid, description="why")
    assert (described.status, described.json()["properties"]["description"]) == (200, "why")


def test_bad_assignments_are_refused_and_change_nothing(server, arm, principal):
    scope, oid = server.vault_id(), principal.object_id
    nobody, nothing = str(uuid.uuid4()), str(uuid.uuid4())
    name = "@Resource[Microsoft.KeyVault/vaults/secrets:name]"
    for answer, status, code in [
        (put(arm, scope, READER, oid, "not-a-guid"), 400, "InvalidRoleAssignmentId"),
        (put(arm, scope, nothing, oid), 400, "RoleDefinitionDoesNotExist"),
        (put(arm, scope, "reader", oid), 400, "InvalidRoleDefinitionId"),
        (put(arm, scope, READER, "somebody"), 400, "InvalidPrincipalId"),
        (put(arm, scope, READER, nobody), 400, "PrincipalNotFound"),
        (put(arm, scope, READER, oid, principalType="User"), 400, "UnmatchedPrincipalType"),
        (put(arm, scope, READER, oid, condition="x", conditionVersion="2.0"), 400,
         "InvalidCondition"),
        (
            put(arm, scope, READER, oid, condition=f"{name} StringEquals 'a'"),
            400,
            "InvalidConditionVersion",
        ),
        (put(arm, scope + "-not", READER, oid), 404, "ResourceNotFound"),
        (put(arm, f"{scope}/storage/x", READER, oid), 404, "ResourceNotFound"),
        (put(arm, arm.group_path("no-group"), READER, oid), 404, "ResourceGroupNotFound"),
        (put(arm, f"/subscriptions/{nothing}", READER, oid), 404, "SubscriptionNotFound"),
        (put(arm, "/subscriptions/x", READER, oid), 400, "InvalidScope"),
        (
            arm.send(
                "PUT",
                f"{scope}{AUTHORIZATION}/roleAssignments/{uuid.uuid4()}",
                {"properties": {"principalId": oid}},
                version=VERSION,
            ),
            400,
            "InvalidRequestContent",
        ),
    ]:
        refused(answer, status, code)
    path = f"/subscriptions/{arm.subscription}{AUTHORIZATION}/roleAssignments"
    query = {"$filter": f"principalId eq '{oid}'"}
    assert arm.send("GET", path, version=VERSION, **query).json()["value"] == []
    # One that the directory does not know is of an external issuer: who means that says so.
    unknown = put(arm, scope, READER, nobody, principalType="User")
    assert unknown.status == 201, unknown


def test_bad_filters_and_roles_are_refused(server, arm):
    path = f"/subscriptions/{arm.subscription}{AUTHORIZATION}"
    for kind in ("roleAssignments", "roleDefinitions", "denyAssignments"):
        for text in ("nonsense", "x eq 'a", "principalId ne 'a'", "atScope() or atScope()"):
            version = DENY_VERSION if kind == "denyAssignments" else VERSION
            answer = arm.send("GET", f"{path}/{kind}", version=version, **{"$filter": text})
            refused(answer, 400, "UnsupportedQuery")

    def role(guid=None, **changes):
        properties = {
            "roleName": f"role {uuid.uuid4()}",
            "permissions": [{"actions": ["*/read"]}],
            "assignableScopes": [f"/subscriptions/{arm.subscription}"],
            **changes,
        }
        guid = guid or uuid.uuid4()
        return arm.send(
            "PUT", f"{path}/roleDefinitions/{guid}", {"properties": properties}, version=VERSION
        )

    unknown = [{"dataActions": ["Microsoft.KeyVault/vaults/secrets/read/it"]}]
    for answer, status, code in [
        (role(permissions=unknown), 400, "InvalidActionOrNotAction"),
        (role(permissions=[]), 400, "InvalidRoleDefinitionRequest"),
        (role(assignableScopes=[]), 400, "InvalidRoleDefinitionRequest"),
        (role(assignableScopes=["/"]), 400, "InvalidAssignableScope"),
        (role(assignableScopes=[f"/subscriptions/{uuid.uuid4()}"]), 404, "SubscriptionNotFound"),
        (role(roleName=" "), 400, "InvalidRoleDefinitionRequest"),
        (role(roleName="owner"), 409, "RoleDefinitionWithSameNameExists"),
        (role(guid=OWNER), 400, "InvalidRoleDefinitionRequest"),
    ]:
        refused(answer, status, code)
    assert arm.send("DELETE", f"{path}/roleDefinitions/{OWNER}", version=VERSION).status == 400


# No path from the control plane to data


@pytest.mark.parametrize(
    "role", ["Contributor", "Key Vault Contributor", "Reader", "Key Vault Administrator"]
)
def test_who_governs_vaults_gives_no_access_to_data(server, raw, arm, name, role):
    raw.set(name)
    scope = f"/subscriptions/{arm.subscription}"
    who = Principal(server, name)
    oid = who.object_id
    server.cli("role", "assignment", "create", "--assignee", who.identity["appId"],
               "--role", role, "--scope", scope)
    # `vaults/*/read`, which is all that an administrator may read of vaults, reads the vault too.
    assert who.arm.send("GET", server.vault_id()).status == 200
    for at in (scope, server.vault_id(), f"{server.vault_id()}/secrets/{name}"):
        answer = put(who.arm, at, SECRETS_USER, oid)
        refused(answer, 403, "AuthorizationFailed")
        assert answer.message == (
            f"The client '{who.identity['appId']}' with object id '{oid}' does not have "
            "authorization to perform action 'Microsoft.Authorization/roleAssignments/write' over "
            f"scope '{at}' or the scope is invalid. If access was recently granted, please refresh "
            "your credentials."
        )
    body = {"properties": {"roleName": name, "permissions": [{"actions": ["*"]}],
                           "assignableScopes": [scope]}}
    path = f"{scope}{AUTHORIZATION}/roleDefinitions/{uuid.uuid4()}"
    refused(who.arm.send("PUT", path, body, version=VERSION), 403, "AuthorizationFailed")
    elevate = f"{AUTHORIZATION}/elevateAccess"
    answer = who.arm.send("POST", elevate, version="2016-07-01")
    refused(answer, 403, "AuthorizationFailed")
    assert who.reads(name) == (200 if role == "Key Vault Administrator" else 403)


def test_an_access_administrator_gives_below_the_own_scope_only(server, arm, principal):
    oid, scope = principal.object_id, server.vault_id()
    assert put(arm, scope, USER_ACCESS_ADMINISTRATOR, oid).status == 201
    given = put(principal.arm, f"{scope}/keys/k", SECRETS_USER, oid)
    assert given.status == 201, given
    for above in (arm.group_path(), f"/subscriptions/{arm.subscription}", ""):
        refused(put(principal.arm, above, OWNER, oid), 403, "AuthorizationFailed")


def test_a_delegate_gives_the_roles_of_its_condition_only(server, arm, principal):
    """Its condition is on what is written and on what is deleted."""
    scope, oid = server.vault_id(), principal.object_id
    other = str(uuid.uuid4())
    only = f"ForAnyOfAnyValues:GuidEquals {{{SECRETS_USER}, {SECRETS_OFFICER}}}"
    attribute = "Microsoft.Authorization/roleAssignments:RoleDefinitionId"
    condition = (
        "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR "
        f"(@Request[{attribute}] {only})) AND "
        "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/delete'})) OR "
        f"(@Resource[{attribute}] {only}))"
    )
    given = {"condition": condition, "conditionVersion": "2.0"}
    made = put(arm, scope, USER_ACCESS_ADMINISTRATOR, oid, **given)
    assert made.status == 201, made
    assert made.json()["properties"]["condition"] == condition

    good = put(principal.arm, scope, SECRETS_USER, other, principalType="User")
    assert good.status == 201, good
    for role in (OWNER, READER, USER_ACCESS_ADMINISTRATOR):
        answer = put(principal.arm, scope, role, other, principalType="User")
        refused(answer, 403, "AuthorizationFailed")
    foreign = put(arm, scope, READER, other, principalType="User").json()["id"]
    refused(principal.arm.send("DELETE", foreign, version=VERSION), 403, "AuthorizationFailed")
    gone = principal.arm.send("DELETE", good.json()["id"], version=VERSION)
    assert gone.status == 200, gone


def test_a_condition_on_names_holds_on_the_data_plane(server, arm, raw, principal, name):
    mine, other = f"mine-{name}", f"other-{name}"
    raw.set(mine)
    raw.set(other)
    attribute = "[Microsoft.KeyVault/vaults/secrets:name] StringStartsWith 'mine-'"
    secrets = "Microsoft.KeyVault/vaults/secrets"
    condition = (
        f"((!(ActionMatches{{'{secrets}/getSecret/action'}}) AND "
        f"!(ActionMatches{{'{secrets}/readMetadata/action'}})) OR @Resource{attribute}) AND "
        f"(!(ActionMatches{{'{secrets}/setSecret/action'}}) OR @Request{attribute})"
    )
    made = put(
        arm, server.vault_id(), SECRETS_OFFICER, principal.object_id,
        condition=condition, conditionVersion="2.0",
    )
    assert made.status == 201, made
    assert principal.reads(mine) == 200
    assert principal.reads(mine.upper()) == 200
    assert principal.reads(other) == 403
    assert principal.vault.call("GET", "/secrets").status == 403
    body = {"value": "v"}
    assert principal.vault.call("PUT", f"/secrets/{mine}", body).status == 200
    assert principal.vault.call("PUT", f"/secrets/{other}", body).status == 403


# Deny assignments


def test_a_deny_assignment_goes_before_every_role(server, arm, raw, name):
    raw.set(name)
    owner = server.ready["owner"]["objectId"]
    path = f"{server.vault_id()}{AUTHORIZATION}/denyAssignments/{uuid.uuid4()}"
    permissions = [
        {
            "actions": ["Microsoft.KeyVault/vaults/delete"],
            "dataActions": ["Microsoft.KeyVault/vaults/secrets/purge/action"],
        }
    ]
    properties = {
        "denyAssignmentName": name,
        "permissions": permissions,
        "principals": [{"id": "00000000-0000-0000-0000-000000000000", "type": "SystemDefined"}],
    }
    answer = arm.send("PUT", path, {"properties": properties}, version=DENY_VERSION)
    refused(answer, 400, "InvalidDenyAssignmentRequest")
    properties["principals"] = [{"id": owner, "type": "ServicePrincipal"}]
    made = arm.send("PUT", path, {"properties": properties}, version=DENY_VERSION)
    assert made.status == 201, made
    listed = arm.send(
        "GET", f"{server.vault_id()}{AUTHORIZATION}/denyAssignments", version=VERSION
    )
    assert [found["properties"]["denyAssignmentName"] for found in listed.json()["value"]] == [name]

    answer = arm.send("DELETE", server.vault_id())
    refused(answer, 403, "DenyAssignmentAuthorizationFailed", f"deny assignment with name '{name}'")
    assert raw.call("DELETE", f"/secrets/{name}").status == 200
    assert raw.call("DELETE", f"/deletedsecrets/{name}").status == 403

    assert arm.send("DELETE", path, version=DENY_VERSION).status == 200
    assert raw.call("DELETE", f"/deletedsecrets/{name}").status == 204
    assert arm.send("DELETE", path, version=DENY_VERSION).status == 204


# Elevated access and scopes above subscriptions


def test_the_owner_of_the_installation_elevates(server, arm):
    elevate = f"{AUTHORIZATION}/elevateAccess"
    for _ in range(2):
        answer = arm.send("POST", elevate, version="2016-07-01")
        assert (answer.status, answer.body) == (200, b"")
    path = f"{AUTHORIZATION}/roleAssignments"
    query = {"$filter": "atScope()"}
    found = arm.send("GET", path, version=VERSION, **query).json()["value"]
    assert [held["properties"]["scope"] for held in found] == ["/"]
    assert found[0]["properties"]["roleDefinitionId"].endswith(USER_ACCESS_ADMINISTRATOR)
    assert found[0]["id"].startswith(f"{AUTHORIZATION}/roleAssignments/")

    # And now assigns at the tenant's root management group.
    group = f"/providers/Microsoft.Management/managementGroups/{server.ready['tenantId']}"
    someone = str(uuid.uuid4())
    made = put(arm, group, READER, someone, principalType="User")
    assert made.status == 201, made
    below = f"/subscriptions/{arm.subscription}{AUTHORIZATION}/roleAssignments"
    query = {"$filter": f"principalId eq '{someone}'"}
    inherited = arm.send("GET", below, version=VERSION, **query).json()["value"]
    assert [held["properties"]["scope"] for held in inherited] == [group]
    elsewhere = f"/providers/Microsoft.Management/managementGroups/{uuid.uuid4()}"
    refused(put(arm, elsewhere, READER, someone), 404, "ManagementGroupNotFound")

    assert arm.send("DELETE", found[0]["id"], version=VERSION).status == 200
    refused(put(arm, group, OWNER, someone, principalType="User"), 403, "AuthorizationFailed")


def test_lists_come_page_by_page(server, arm, principal):
    oid = principal.object_id
    for n in range(5):
        assert put(arm, f"{server.vault_id()}/secrets/s{n}", READER, oid).status == 201
    path = f"{server.vault_id()}{AUTHORIZATION}/roleAssignments"
    query = {"$filter": f"principalId eq '{oid}'", "$top": 2}
    page, found = arm.send("GET", path, version=VERSION, **query).json(), []
    while True:
        assert len(page["value"]) <= 2
        found += [held["name"] for held in page["value"]]
        if "nextLink" not in page:
            break
        page = arm.follow(page["nextLink"]).json()
    assert len(found) == len(set(found)) == 5


def test_every_change_is_in_the_audit(server, arm, principal):
    made = put(arm, server.vault_id(), READER, principal.object_id)
    assert made.status == 201, made
    arm.send("DELETE", made.json()["id"], version=VERSION)
    refused(put(principal.arm, server.vault_id(), OWNER, principal.object_id), 403,
            "AuthorizationFailed")
    assignments = "Microsoft.Authorization/roleAssignments"
    wanted = {
        (f"{assignments}/write", 201),
        (f"{assignments}/delete", 200),
        (f"{assignments}/write", 403),
    }

    def mine():
        lines = server.cli("audit", "tail", "--all", "--format", "json").splitlines()
        return {
            (record["operationName"], record["properties"]["httpStatusCode"])
            for record in map(json.loads, lines)
            if any(id in json.dumps(record)
                   for id in (principal.identity["appId"], made.json()["name"]))
        }

    # The records of changes lie with the changes, and reach the journal a moment later.
    deadline = time.monotonic() + 10
    while not wanted <= mine():
        assert time.monotonic() < deadline, mine()
        time.sleep(0.1)
