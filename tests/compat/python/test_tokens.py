"""The challenge, and every token that must not open a vault."""

import pytest

import forge
from raw import fetch

PATH = "/secrets?api-version=7.4"


@pytest.fixture(scope="module")
def token(server):
    return server.token()


def refused(server, token, vault="dev"):
    """Sends the token; it must be refused as the service refuses, and challenge again."""
    answer = server.raw(vault, token=token).send("GET", PATH)
    assert answer.status == 401, answer
    assert answer.code == "Unauthorized"
    assert answer.headers["WWW-Authenticate"].startswith(challenge(server))
    return answer


def challenge(server):
    authority = f"{server.ready['authority']}/{server.ready['tenantId']}"
    return f'Bearer authorization="{authority}", resource="{server.resource()}"'


def test_the_token_itself_is_good(server, token):
    assert server.raw(token=token).send("GET", PATH).status == 200


@pytest.mark.parametrize("method, target", [
    ("GET", "/secrets/x?api-version=7.4"),
    ("GET", "/secrets/x/?api-version=7.4"),
    ("PUT", "/secrets/x?api-version=7.4"),
    ("POST", "/secrets/restore?api-version=7.4"),
    ("PATCH", "/secrets/x/?api-version=7.4"),
    ("DELETE", "/secrets/x?api-version=7.4"),
    ("GET", "/secrets?api-version=nonsense"),
    ("PUT", "/secrets/bad_name!?api-version=7.4"),
])
def test_without_a_token_every_request_is_challenged_before_all_else(server, method, target):
    answer = server.raw(token="").send(method, target)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == challenge(server)
    assert answer.code == "Unauthorized"
    assert answer.message == "AKV10000: Request is missing a Bearer or PoP token."


def test_a_flipped_signature(server, token):
    refused(server, forge.flipped_signature(token))


@pytest.mark.parametrize("claims", [
    {"oid": "00000000-1111-2222-3333-444444444444"},
    {"exp": 4102444800},
    {"tid": "00000000-1111-2222-3333-444444444444"},
])
def test_changed_claims(server, token, claims):
    refused(server, forge.changed_claims(token, **claims))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
def test_no_signature(server, token, algorithm):
    refused(server, forge.without_algorithm(token, algorithm))


def test_the_public_key_as_a_shared_secret(server, token):
    url = f"{server.ready['authority']}/{server.ready['tenantId']}/discovery/v2.0/keys"
    keys = fetch(url, server.ready["caFile"]).json()["keys"]
    for key in keys:
        refused(server, forge.signed_with_public_key(token, key))


def test_a_strangers_signature_under_our_key_id(server, token):
    refused(server, forge.signed_by_a_stranger(token))


def test_a_strangers_key_id(server, token):
    answer = refused(server, forge.signed_by_a_stranger(token, kid="stranger"))
    assert answer.message.startswith(
        "AKV10046: Unable to resolve the key used for signature validation."
    )


def test_a_key_carried_in_the_token(server, token):
    refused(server, forge.signed_by_a_stranger(token, jwk={"kty": "RSA", "n": "AQAB", "e": "AQAB"}))


def test_another_audience(server):
    elsewhere = server.token(resource="https://management.core.windows.net/")
    answer = refused(server, elsewhere)
    assert answer.message.startswith("AKV10022: Invalid audience. Expected ")
    assert "found: https://management.core.windows.net/" in answer.message


def test_the_public_services_audience_is_accepted_from_our_issuer(server):
    """Pipelines and older providers ask for it by name (and some with a slash)."""
    for resource in ("https://vault.azure.net", server.resource()):
        token = server.token(resource=resource)
        assert server.raw(token=token).send("GET", PATH).status == 200


@pytest.mark.parametrize("value", [
    "x", "a.b.c", "..", "e30.e30.", "Bearer", "é" * 10, "x" * 20_000, " ", "null",
])
def test_what_is_no_token(server, value):
    raw = server.raw(token="")
    header = b"Bearer " + value.encode()
    answer = raw.send("GET", PATH, Authorization=header)
    assert 400 <= answer.status < 500, answer
    if len(value) < 1_000:
        assert answer.status == 401, answer
        assert answer.code == "Unauthorized"


def test_another_scheme_is_challenged(server):
    answer = server.raw(token="").send("GET", PATH, Authorization="Basic YTpi")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == challenge(server)


def test_an_unknown_vault_is_told_to_the_signed_in_only(server, token):
    stranger = server.raw("nowhere", token="").send("GET", PATH)
    assert stranger.status == 401
    assert stranger.headers["WWW-Authenticate"] == challenge(server)
    answer = server.raw("nowhere", token=token).send("GET", PATH)
    assert (answer.status, answer.code) == (404, "VaultNotFound")
    refused(server, forge.flipped_signature(token), "nowhere")
