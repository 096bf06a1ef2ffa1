"""Access policies: who may do what in a vault where roles do not decide."""

import json
import uuid

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.keyvault.secrets import SecretClient

from forge import header_and_claims


@pytest.fixture(scope="module")
def vault(server):
    server.create_vault("policies")
    server.cli("vault", "update", "policies", "--enable-rbac-authorization", "false")
    return "policies"


@pytest.fixture
def app(server):
    """A fresh application: its SDK client, its claims and its raw requests."""

    class App:
        def __init__(self):
            self.identity = server.create_identity(f"id-{uuid.uuid4().hex[:8]}")
            self.token = server.token(self.identity)
            _, self.claims = header_and_claims(self.token)
            credential = ClientSecretCredential(
                "adfs",
                self.identity["appId"],
                self.identity["password"],
                authority=server.ready["authority"],
            )
            self.client = SecretClient(server.vault_url("policies"), credential)

        def allow(self, *permissions):
            return server.cli(
                "vault", "set-policy", "policies", "--object-id", self.claims["oid"], *permissions
            )

    return App()


def refused(call, *arguments):
    with pytest.raises(HttpResponseError) as refused:
        call(*arguments)
    assert refused.value.status_code == 403
    assert refused.value.error.code == "Forbidden"
    return refused.value.error.innererror["code"], refused.value.error.message


def shown(app):
    claims = app.claims
    return f"appid={claims['appid']};oid={claims['oid']};numgroups=0;iss={claims['iss']}"


def test_who_is_on_no_policy(vault, app, name):
    expected = (
        "Access denied. Caller was not found on any access policy.\r\n" f"Caller: {shown(app)}"
    )
    assert refused(app.client.get_secret, name) == ("AccessDenied", expected)
    assert refused(app.client.set_secret, name, "v") == ("AccessDenied", expected)


def test_a_permission_that_is_lacking(server, vault, app, name):
    app.allow("--secret-permissions", "Get", "list")
    code, text = refused(app.client.set_secret, name, "v")
    assert code == "ForbiddenByPolicy"
    assert text == (
        f"The user, group or application '{shown(app)}' does not have secrets set permission on "
        f"key vault 'policies;location={server.ready['location']}'. For help resolving this "
        "issue, please see https://go.microsoft.com/fwlink/?linkid=2125287"
    )
    assert list(app.client.list_properties_of_secrets()) is not None
    app.allow("--secret-permissions", "set")
    assert app.client.set_secret(name, "v").value == "v"
    assert app.client.get_secret(name).value == "v"
    assert refused(app.client.begin_delete_secret, name)[0] == "ForbiddenByPolicy"
    app.allow("--secret-permissions", "all")
    app.client.begin_delete_secret(name).wait()
    app.client.purge_deleted_secret(name)


def test_taken_away_it_is_gone_on_the_next_request(server, vault, app, name):
    app.allow("--secret-permissions", "set", "get")
    app.client.set_secret(name, "v")
    server.cli("vault", "delete-policy", vault, "--object-id", app.claims["oid"])
    assert refused(app.client.get_secret, name)[0] == "AccessDenied"


def test_an_application_s_policy_is_for_people_who_call_through_it(vault, app, name):
    app.allow("--application-id", app.claims["appid"], "--secret-permissions", "all")
    code, text = refused(app.client.get_secret, name)
    assert code == "ForbiddenByPolicy"
    assert text == (
        f"The policy requires the caller '{shown(app)}' to use on-behalf-of (OBO) flow. For more "
        "information on OBO, please see https://go.microsoft.com/fwlink/?linkid=2152310"
    )


def test_roles_give_nothing_there(server, vault, app, name):
    server.cli(
        "role", "assignment", "create", "--assignee", app.identity["appId"],
        "--role", "Key Vault Administrator", "--scope", server.vault_id(vault),
    )
    assert refused(app.client.get_secret, name)[0] == "AccessDenied"
    owner = server.raw(vault).call("GET", "/secrets")
    assert (owner.status, owner.inner_code) == (403, "AccessDenied")


def test_what_is_no_permission_is_refused(server, vault, app):
    before = json.loads(server.cli("vault", "show", vault))["properties"]["accessPolicies"]
    bad = server.cli(
        "vault", "set-policy", vault, "--object-id", app.claims["oid"],
        "--secret-permissions", "get", "fly", check=False,
    )
    assert bad.returncode != 0
    assert "An invalid value was provided for 'accessPolicies'." in bad.stderr
    after = json.loads(server.cli("vault", "show", vault))["properties"]["accessPolicies"]
    assert after == before


def test_all_is_answered_as_it_was_sent(server, vault, app):
    answer = json.loads(app.allow("--key-permissions", "All", "--storage-permissions", "getsas"))
    policies = answer["properties"]["accessPolicies"]
    mine = [policy for policy in policies if policy["objectId"] == app.claims["oid"]]
    assert mine == [
        {
            "tenantId": server.ready["tenantId"],
            "objectId": app.claims["oid"],
            "permissions": {
                "keys": ["All"],
                "secrets": [],
                "certificates": [],
                "storage": ["getsas"],
            },
        }
    ]
