"""The control plane as clients reach it: raw requests, and the management SDK."""

import time
import uuid
from urllib.parse import quote, urlencode

from azure.identity import ClientSecretCredential
from azure.mgmt.keyvault import KeyVaultManagementClient

from forge import header_and_claims
from raw import Raw

LATEST = "2026-02-01"
BEFORE_RBAC_DEFAULT = "2023-07-01"


def management_url(server):
    base, port = server.ready["base"], server.ready["port"]
    return f"https://management.{base}" + ("" if port == 443 else f":{port}")


class Arm:
    """Raw requests to the control plane, as the owner or as an identity."""

    def __init__(self, server, identity=None):
        self.server = server
        self.url = management_url(server)
        self.subscription = server.ready["subscriptionId"]
        self.group = server.ready["resourceGroup"]
        token = server.token(identity, self.url)
        self.raw = Raw(self.url, server.ready["caFile"], token)

    def send(self, method, path, body=None, version=LATEST, **query):
        query = urlencode({"api-version": version, **query}, safe="$", quote_via=quote)
        return self.raw.send(method, f"{path}?{query}", body)

    def follow(self, link):
        assert link.startswith(self.url), link
        return self.raw.send("GET", link[len(self.url) :])

    def group_path(self, group=None):
        return f"/subscriptions/{self.subscription}/resourceGroups/{group or self.group}"

    def provider(self):
        return f"/subscriptions/{self.subscription}/providers/Microsoft.KeyVault"

    def vault_path(self, name, group=None):
        return f"{self.group_path(group)}/providers/Microsoft.KeyVault/vaults/{name}"

    def deleted_path(self, name, location="local"):
        return f"{self.provider()}/locations/{location}/deletedVaults/{name}"

    def vault(self, method, name, body=None, rest="", **options):
        return self.send(method, self.vault_path(name) + rest, body, **options)

    def body(self, location="local", **properties):
        """A vault that says the least it must, and what is given."""
        said = {"tenantId": self.server.ready["tenantId"], "sku": sku(), **properties}
        said = {name: value for name, value in said.items() if value is not ...}
        return {"location": location, "properties": said}

    def create(self, name, version=LATEST, **properties):
        answer = self.vault("PUT", name, self.body(**properties), version=version)
        assert answer.status == 200, answer
        return answer.json()

    def policy(self, object_id, **permissions):
        return {
            "tenantId": self.server.ready["tenantId"],
            "objectId": object_id,
            "permissions": {"keys": [], "secrets": [], "certificates": [], **permissions},
        }


def sku(name="standard"):
    return {"family": "A", "name": name}


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


def vault_name(prefix="v"):
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def management_client(server, identity=None, kind=KeyVaultManagementClient):
    """A client of a management SDK as a user writes it, with the installation's own endpoints."""
    owner = server.ready["owner"]
    credential = ClientSecretCredential(
        "adfs",
        identity["appId"] if identity else owner["clientId"],
        identity["password"] if identity else owner["clientSecret"],
        authority=server.ready["authority"],
    )
    url = management_url(server)
    return kind(
        credential,
        server.ready["subscriptionId"],
        base_url=url,
        credential_scopes=[f"{url}/.default"],
    )


def refused(answer, status, code, message=None):
    assert (answer.status, answer.code) == (status, code), answer
    if message is not None:
        assert answer.message == message


def object_of(server, identity):
    _, claims = header_and_claims(server.token(identity))
    return claims["oid"]


class Mallory:
    """Somebody who holds exactly the given actions in the group, and wants the secrets."""

    def __init__(self, server, arm, actions, not_actions=()):
        self.identity = server.create_identity(vault_name("mallory"))
        self.object_id = object_of(server, self.identity)
        role = arm_role(arm, actions, not_actions)
        assign(arm, self.object_id, role)
        self.arm = Arm(server, self.identity)
        self.token = server.token(self.identity)
        self.server = server

    def reads(self, vault, secret="s"):
        return self.server.raw(vault, self.token).call("GET", f"/secrets/{secret}").status


def arm_role(arm, actions, not_actions=()):
    role = str(uuid.uuid4())
    scope = f"/subscriptions/{arm.subscription}"
    path = f"{scope}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    permissions = {"actions": list(actions), "notActions": list(not_actions)}
    body = {
        "properties": {
            "roleName": f"role {role}",
            "description": "",
            "type": "CustomRole",
            "permissions": [permissions],
            "assignableScopes": [scope],
        }
    }
    answer = arm.send("PUT", path, body, version="2022-04-01")
    assert answer.status == 201, answer
    return path


def assign(arm, object_id, role):
    path = f"/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    properties = {"roleDefinitionId": role, "principalId": object_id}
    properties["principalType"] = "ServicePrincipal"
    body = {"properties": properties}
    answer = arm.send("PUT", arm.group_path() + path, body, version="2022-04-01")
    assert answer.status == 201, answer
