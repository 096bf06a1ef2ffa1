"""Who may do what: roles, scopes, and the text of a refusal."""

import uuid

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.keyvault.secrets import SecretClient

from forge import header_and_claims


def client_of(server, identity, vault="dev"):
    credential = ClientSecretCredential(
        "adfs", identity["appId"], identity["password"], authority=server.ready["authority"]
    )
    return SecretClient(server.vault_url(vault), credential)


def forbidden(call, *arguments):
    with pytest.raises(HttpResponseError) as refused:
        call(*arguments)
    assert refused.value.status_code == 403
    assert refused.value.error.code == "Forbidden"
    assert refused.value.error.innererror["code"] == "ForbiddenByRbac"
    return refused.value.error.message


@pytest.fixture
def identity(server):
    """A fresh identity; calls with a role and a scope grant it."""

    def create(role=None, scope=None):
        return server.create_identity(f"id-{uuid.uuid4().hex[:8]}", role, scope)

    return create


def test_without_a_role_nothing_is_allowed(server, client, identity, name):
    client.set_secret(name, "v")
    stranger = client_of(server, identity())
    forbidden(stranger.get_secret, name)
    forbidden(stranger.set_secret, name, "x")
    forbidden(stranger.update_secret_properties, name)
    forbidden(stranger.begin_delete_secret, name)
    forbidden(stranger.backup_secret, name)
    forbidden(lambda: list(stranger.list_properties_of_secrets()))
    forbidden(lambda: list(stranger.list_properties_of_secret_versions(name)))
    forbidden(lambda: list(stranger.list_deleted_secrets()))
    forbidden(stranger.get_deleted_secret, name)
    forbidden(stranger.purge_deleted_secret, name)
    forbidden(stranger.begin_recover_deleted_secret, name)
    blob = client.backup_secret(name)
    forbidden(stranger.restore_secret_backup, blob)
    assert client.get_secret(name).value == "v"


def test_the_text_says_who_what_and_where(server, identity, name):
    token = server.token(identity())
    _, claims = header_and_claims(token)
    answer = server.raw(token=token).call("GET", f"/secrets/{name}")
    assert answer.status == 403
    assert answer.inner_code == "ForbiddenByRbac"
    subscription, group = server.ready["subscriptionId"], server.ready["resourceGroup"]
    assert answer.message == (
        "Caller is not authorized to perform action on resource.\r\n"
        "If role assignments, deny assignments or role definitions were changed recently, "
        "please observe propagation time.\r\n"
        f"Caller: appid={claims['appid']};oid={claims['oid']};iss={claims['iss']}\r\n"
        "Action: 'Microsoft.KeyVault/vaults/secrets/getSecret/action'\r\n"
        f"Resource: '/subscriptions/{subscription}/resourcegroups/{group}/providers/"
        f"microsoft.keyvault/vaults/dev/secrets/{name}'\r\n"
        "Assignment: (not found)\r\n"
        "DenyAssignmentId: null\r\n"
        "DecisionReason: 'DeniedWithNoValidRBAC' \r\n"
        f"Vault: dev;location={server.ready['location']}\r\n"
    )


def test_a_refusal_does_not_tell_whether_the_secret_exists(server, raw, identity):
    there, absent = f"there-{uuid.uuid4().hex}", f"absen-{uuid.uuid4().hex}"
    raw.set(there)
    stranger = server.raw(token=server.token(identity()))
    for method, path in [("GET", "{}/"), ("DELETE", "{}"), ("GET", "{}/versions")]:
        answers = [
            stranger.call(method, "/secrets/" + path.format(name)) for name in (there, absent)
        ]
        assert [answer.status for answer in answers] == [403, 403]
        bodies = [answers[0].body.replace(there.encode(), absent.encode()), answers[1].body]
        assert bodies[0] == bodies[1]


def test_secrets_user_reads_and_no_more(server, client, identity, name):
    client.set_secret(name, "v")
    user = client_of(server, identity("Key Vault Secrets User", server.vault_id()))
    assert user.get_secret(name).value == "v"
    assert name in {listed.name for listed in user.list_properties_of_secrets()}
    forbidden(user.set_secret, name, "x")
    forbidden(user.update_secret_properties, name)
    forbidden(user.begin_delete_secret, name)
    forbidden(user.backup_secret, name)


def test_reader_sees_names_but_no_value(server, client, identity, name):
    client.set_secret(name, "v")
    reader = client_of(server, identity("Key Vault Reader", server.vault_id()))
    assert name in {listed.name for listed in reader.list_properties_of_secrets()}
    forbidden(reader.get_secret, name)


@pytest.mark.parametrize("role", ["Key Vault Secrets Officer", "Key Vault Administrator"])
def test_officers_do_everything_with_secrets(server, identity, name, role):
    officer = client_of(server, identity(role, server.vault_id()))
    officer.set_secret(name, "v")
    blob = officer.backup_secret(name)
    officer.begin_delete_secret(name).wait()
    officer.purge_deleted_secret(name)
    officer.restore_secret_backup(blob)
    assert officer.get_secret(name).value == "v"


@pytest.mark.parametrize("role", ["Owner", "Contributor", "Reader", "Key Vault Crypto Officer"])
def test_roles_of_the_control_plane_or_of_keys_open_no_secret(server, client, identity, name, role):
    client.set_secret(name, "v")
    forbidden(client_of(server, identity(role, server.vault_id())).get_secret, name)


def test_a_role_on_one_secret_opens_that_one(server, client, identity, name):
    client.set_secret(name, "v")
    client.set_secret(f"{name}-2", "v")
    scope = f"{server.vault_id()}/secrets/{name}"
    user = client_of(server, identity("Key Vault Secrets User", scope))
    assert user.get_secret(name).value == "v"
    forbidden(user.get_secret, f"{name}-2")
    forbidden(lambda: list(user.list_properties_of_secrets()))


@pytest.mark.parametrize("levels", [3, 5, 9])
def test_a_role_is_inherited_downward(server, client, identity, name, levels):
    """At the subscription, the resource group and the vault."""
    client.set_secret(name, "v")
    scope = "/".join(server.vault_id().split("/")[:levels])
    user = client_of(server, identity("Key Vault Secrets User", scope))
    assert user.get_secret(name).value == "v"


def test_scopes_compare_without_case_and_by_whole_segments(server, client, identity, name):
    client.set_secret(name, "v")
    upper = client_of(server, identity("Key Vault Secrets User", server.vault_id().upper()))
    assert upper.get_secret(name).value == "v"
    prefix = f"{server.vault_id()}/secrets/{name[:-1]}"
    forbidden(client_of(server, identity("Key Vault Secrets User", prefix)).get_secret, name)


def test_a_role_in_one_vault_opens_no_other(server, client, identity, name):
    server.create_vault("week")
    client.set_secret(name, "v")
    user = client_of(server, identity("Key Vault Secrets User", server.vault_id("week")))
    forbidden(user.get_secret, name)


def test_grants_and_revocations_hold_from_the_next_request_on(server, client, identity, name):
    client.set_secret(name, "v")
    someone = identity()
    user = client_of(server, someone)
    forbidden(user.get_secret, name)
    grant = ["--assignee", someone["appId"], "--role", "Key Vault Secrets User"]
    grant += ["--scope", server.vault_id()]
    server.cli("role", "assignment", "create", *grant)
    assert user.get_secret(name).value == "v"
    listed = server.cli("role", "assignment", "list", "--assignee", someone["appId"])
    assert "Key Vault Secrets User" in listed
    server.cli("role", "assignment", "delete", *grant)
    forbidden(user.get_secret, name)
