"""What happens by time alone: retention ends, tokens end."""

import json
from datetime import timedelta

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import SecretClient

OPTIONS = ("--clock", "manual")


class Kept:
    """A credential that never asks for another token."""

    def __init__(self, token):
        self.token = token

    def get_token(self, *scopes, **_):
        return AccessToken(self.token, 4_102_444_800)


def advance(server, span):
    server.cli("clock", "advance", span)


def fresh_client(server, vault="dev"):
    """After a leap, with a token of the new time."""
    return SecretClient(server.vault_url(vault), DefaultAzureCredential())


def test_time_stands_still_until_it_is_moved(server):
    client = fresh_client(server)
    first = client.set_secret("now", "v").properties.created_on
    assert client.set_secret("now", "v").properties.created_on == first
    advance(server, "90s")
    assert client.set_secret("now", "v").properties.created_on == first + timedelta(seconds=90)


def test_a_token_ends(server):
    token = server.token()
    raw = server.raw(token=token)
    assert raw.call("GET", "/secrets").status == 200
    advance(server, "58m")
    assert raw.call("GET", "/secrets").status == 200
    advance(server, "1h")
    answer = raw.call("GET", "/secrets")
    assert (answer.status, answer.code) == (401, "Unauthorized")
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]

    with SecretClient(server.vault_url(), Kept(token)) as client:
        with pytest.raises(HttpResponseError) as refused:
            client.get_secret("now")
    assert refused.value.status_code == 401
    assert server.raw().call("GET", "/secrets").status == 200


def test_a_deleted_secret_is_purged_when_its_retention_ends(server):
    server.create_vault("week", days=7)
    client = fresh_client(server, "week")
    client.set_secret("due", "v")
    client.set_secret("kept", "v")
    client.begin_delete_secret("due").wait()
    advance(server, "6d")
    client = fresh_client(server, "week")
    assert client.get_deleted_secret("due").name == "due"

    advance(server, "1d")
    advance(server, "1h")
    client = fresh_client(server, "week")
    with pytest.raises(ResourceNotFoundError):
        client.get_deleted_secret("due")
    assert list(client.list_deleted_secrets()) == []
    assert client.get_secret("kept").value == "v"
    assert client.set_secret("due", "new").value == "new"


def test_protection_ends_with_the_retention_too(server):
    server.create_vault("protected", days=7, purge_protection=True)
    client = fresh_client(server, "protected")
    client.set_secret("due", "v")
    client.begin_delete_secret("due").wait()
    advance(server, "8d")
    with pytest.raises(ResourceNotFoundError):
        fresh_client(server, "protected").get_deleted_secret("due")


def test_a_recovered_secret_is_not_purged(server):
    server.create_vault("nowhere", days=7)
    client = fresh_client(server, "nowhere")
    client.set_secret("saved", "v")
    client.begin_delete_secret("saved").wait()
    advance(server, "6d")
    fresh_client(server, "nowhere").begin_recover_deleted_secret("saved").wait()
    advance(server, "8d")
    assert fresh_client(server, "nowhere").get_secret("saved").value == "v"


def test_a_scheduled_purge_survives_a_restart(server):
    client = fresh_client(server)
    client.set_secret("slept", "v")
    client.begin_delete_secret("slept").wait()
    server.stop()
    server.start()
    with server.environment():
        assert fresh_client(server).get_deleted_secret("slept").name == "slept"
        advance(server, "91d")
        with pytest.raises(ResourceNotFoundError):
            fresh_client(server).get_deleted_secret("slept")


def test_a_store_in_manual_time_is_marked_for_ever(server):
    """DECISIONS: without the option it keeps manual time, and still listens on loopback only."""
    server.stop()
    options, server.options = server.options, ()
    try:
        server.start()
        assert json.loads(server.cli("clock", "show"))["manual"] is True
        server.stop()
        # 192.0.2.1 is kept for documentation (RFC 5737): nothing can listen there by accident.
        exposed = ["--listen", "192.0.2.1", "--expose", "--root-key", server.root_key]
        refused = server.cli("dev", *exposed, check=False)
        assert refused.returncode != 0
        assert "manual clock" in refused.stderr
    finally:
        server.kill()
        server.options = options
        server.start()
