"""The token service: discovery, sign-in by every spelling, refusals."""

import json
import subprocess

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential, DefaultAzureCredential
from azure.keyvault.secrets import SecretClient

from forge import header_and_claims
from raw import fetch, post_form


def get(server, path):
    answer = fetch(server.ready["authority"] + path, server.ready["caFile"])
    assert answer.status == 200, (path, answer)
    return answer.json()


def ask(server, path, **form):
    owner = server.ready["owner"]
    form = {
        "grant_type": "client_credentials",
        "client_id": owner["clientId"],
        "client_secret": owner["clientSecret"],
        **form,
    }
    return post_form(server.ready["authority"] + path, form, server.ready["caFile"])


def test_a_user_needs_no_option(server):
    """`eval "$(strongroom env)"` and the client's own defaults are enough."""
    with SecretClient(server.vault_url(), DefaultAzureCredential()) as client:
        client.set_secret("first", "works")
        assert client.get_secret("first").value == "works"


def test_the_tenants_guid_works_too(server):
    owner = server.ready["owner"]
    credential = ClientSecretCredential(
        server.ready["tenantId"],
        owner["clientId"],
        owner["clientSecret"],
        authority=server.ready["authority"],
        disable_instance_discovery=True,
    )
    with SecretClient(server.vault_url(), credential) as client:
        client.set_secret("by-guid", "works")
        assert client.get_secret("by-guid").value == "works"


def test_a_new_identity_signs_in(server):
    vault = server.vault_id()
    identity = server.create_identity("reader", "Key Vault Secrets Officer", vault)
    assert set(identity) == {"appId", "displayName", "password", "tenant"}
    assert identity["displayName"] == "reader"
    assert identity["tenant"] == server.ready["tenantId"]
    credential = ClientSecretCredential(
        "adfs", identity["appId"], identity["password"], authority=server.ready["authority"]
    )
    with SecretClient(server.vault_url(), credential) as client:
        client.set_secret("by-identity", "works")
        assert client.get_secret("by-identity").value == "works"


@pytest.mark.parametrize("tenant", ["adfs", "guid"])
def test_a_wrong_secret(server, tenant):
    credential = ClientSecretCredential(
        server.ready["tenantId"] if tenant == "guid" else tenant,
        server.ready["owner"]["clientId"],
        "not the secret",
        authority=server.ready["authority"],
        disable_instance_discovery=True,
    )
    with SecretClient(server.vault_url(), credential) as client:
        with pytest.raises(ClientAuthenticationError) as refused:
            client.get_secret("first")
    assert "AADSTS7000215" in str(refused.value)


def test_a_wrong_secret_on_the_wire(server):
    tenant = server.ready["tenantId"]
    answer = ask(
        server,
        f"/{tenant}/oauth2/v2.0/token",
        client_secret="not the secret",
        scope=server.resource() + "/.default",
    )
    assert answer.status == 401
    body = answer.json()
    assert body["error"] == "invalid_client"
    assert body["error_description"].startswith("AADSTS7000215:")
    assert body["error_codes"] == [7000215]
    assert {"trace_id", "correlation_id", "timestamp"} <= set(body)
    assert "not the secret" not in answer.body.decode()


def test_an_unknown_client(server):
    tenant = server.ready["tenantId"]
    answer = ask(
        server,
        f"/{tenant}/oauth2/v2.0/token",
        client_id="00000000-1111-2222-3333-444444444444",
        scope=server.resource() + "/.default",
    )
    assert answer.status in (400, 401)
    assert answer.json()["error"] in ("unauthorized_client", "invalid_client")
    assert "AADSTS700016" in answer.json()["error_description"]


@pytest.mark.parametrize("form", [{"grant_type": "magic"}, {"grant_type": ""}, {"scope": ""}])
def test_a_request_that_makes_no_sense(server, form):
    tenant = server.ready["tenantId"]
    form = {"scope": server.resource() + "/.default", **form}
    answer = ask(server, f"/{tenant}/oauth2/v2.0/token", **form)
    assert answer.status == 400
    assert answer.json()["error_description"].startswith("AADSTS")


def test_an_unknown_tenant(server):
    stranger = "00000000-1111-2222-3333-444444444444"
    answer = ask(
        server, f"/{stranger}/oauth2/v2.0/token", scope=server.resource() + "/.default"
    )
    assert answer.status == 400
    assert "AADSTS90002" in answer.json()["error_description"]


@pytest.mark.parametrize(
    "path, form",
    [
        ("/{tenant}/oauth2/v2.0/token", {"scope": "{resource}/.default"}),
        ("/{tenant}/oauth2/token", {"resource": "{resource}"}),
        ("/adfs/oauth2/token", {"resource": "{resource}"}),
        ("/adfs/oauth2/token", {"scope": "{resource}/.default"}),
        ("/adfs/oauth2/v2.0/token", {"scope": "{resource}/.default"}),
    ],
)
def test_each_token_endpoint(server, path, form):
    tenant, resource = server.ready["tenantId"], server.resource()
    form = {name: value.format(resource=resource) for name, value in form.items()}
    answer = ask(server, path.format(tenant=tenant), **form)
    assert answer.status == 200, answer
    body = answer.json()
    assert body["token_type"] == "Bearer"
    assert int(body["expires_in"]) <= 3600
    header, claims = header_and_claims(body["access_token"])
    assert header["alg"] == "RS256"
    assert claims["aud"] == resource
    assert claims["tid"] == tenant
    assert claims["iss"] == f"{server.ready['authority']}/{tenant}/v2.0"
    assert claims["appid"] == server.ready["owner"]["clientId"]
    assert claims["oid"] == claims["sub"] == server.ready["owner"]["objectId"]
    assert claims["exp"] - claims["iat"] == 3600
    version = "2.0" if "{tenant}/oauth2/v2.0" in path else "1.0"
    assert claims["ver"] == version

    found = server.raw(token=body["access_token"]).call("GET", "/secrets")
    assert found.status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/{tenant}/v2.0/.well-known/openid-configuration",
        "/{tenant}/.well-known/openid-configuration",
        "/common/v2.0/.well-known/openid-configuration",
        "/organizations/v2.0/.well-known/openid-configuration",
        "/adfs/.well-known/openid-configuration",
    ],
)
def test_openid_discovery(server, path):
    authority = server.ready["authority"]
    document = get(server, path.format(tenant=server.ready["tenantId"]))
    assert document["issuer"].startswith(authority + "/")
    for member in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        assert document[member].startswith(authority + "/"), member
    keys = get(server, document["jwks_uri"].removeprefix(authority))["keys"]
    header, _ = header_and_claims(server.token())
    signing = [key for key in keys if key["kid"] == header["kid"]]
    assert len(signing) == 1
    assert {"kty": "RSA", "use": "sig"}.items() <= signing[0].items()
    assert not {"d", "p", "q"} & set(signing[0])


def test_instance_discovery(server):
    path = "/common/discovery/instance?api-version=1.1&authorization_endpoint="
    document = get(server, path + server.ready["authority"] + "/common/oauth2/v2.0/authorize")
    assert document["tenant_discovery_endpoint"].startswith(server.ready["authority"])
    assert document["metadata"]


def run(server, *arguments):
    command = [server.binary, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def test_env_prints_what_the_ready_file_holds(server):
    printed = run(server, "env", "--ready-file", server.ready_file, "--format", "json")
    assert json.loads(printed) == server.ready["env"]
    lines = run(server, "env", "--ready-file", server.ready_file, "--format", "sh")
    assert f"AZURE_CLIENT_ID={server.ready['owner']['clientId']}" in lines.replace("'", "")
    guid = run(
        server, "env", "--ready-file", server.ready_file, "--format", "json", "--tenant", "guid"
    )
    assert json.loads(guid)["AZURE_TENANT_ID"] == server.ready["tenantId"]


def test_the_commands_token_is_good(server):
    token = run(
        server, "token", "--resource", server.resource(), "--ready-file", server.ready_file
    ).strip()
    assert server.raw(token=token).call("GET", "/secrets").status == 200
