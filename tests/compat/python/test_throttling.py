"""The service's limits as a rehearsal. The clock is manual, so that no window ends by itself."""

import json

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential
from azure.keyvault.keys import KeyClient

from strongroom import Strongroom

TEXT = "Request was not processed because too many requests were received. Reason: "
EC, RSA = {"kty": "EC"}, {"kty": "RSA", "key_size": 2048}


@pytest.fixture
def throttled(tmp_path):
    """Starts a server with limits, at the beginning of a window of 10 s."""
    servers = []

    def throttled(section, vaults=()):
        config = tmp_path / "strongroom.toml"
        server = Strongroom(tmp_path, "--config", config, "--clock", "manual")
        servers.append(server)
        if vaults:  # A configuration may only name vaults that are there.
            config.write_text("")
            server.start()
            for vault in vaults:
                server.create_vault(vault)
                grant(server, vault)
            server.stop()
        config.write_text("[throttling]\n" + section)
        server.start()
        to_next_window(server)
        return server
    yield throttled
    for server in servers:
        if server.process is not None:
            server.kill()


def grant(server, vault):
    server.cli("role", "assignment", "create", "--assignee", server.ready["owner"]["clientId"],
               "--role", "Key Vault Administrator", "--scope", server.vault_id(vault))


def to_next_window(server):
    server.cli("clock", "advance", "10s")


def create(raw, number, body=None):
    return raw.call("POST", f"/keys/key-{number}/create", body or EC)


def is_throttled(answer, reason="VaultRequestTypeLimitReached"):
    assert answer.status == 429, answer
    assert answer.json() == {"error": {"code": "Throttled", "message": TEXT + reason}}
    return answer.headers["Retry-After"]


def test_as_azure_does(throttled):
    """OPERATIONS.md, section 0, row 1: the answer; section 6: 20 creations in 10 s."""
    server = throttled('mode = "azure"')
    raw = server.raw()
    for number in range(20):
        assert create(raw, number, RSA).status == 200, number
    for number in (20, 21, 0):
        assert is_throttled(create(raw, number, RSA)) is None, "Azure sends no Retry-After"
    assert is_throttled(raw.call("GET", "/keys/key-0")) is None, "nothing is left for a get"
    to_next_window(server)
    assert raw.call("GET", "/keys/key-20").status == 404, "what was refused was not made"
    assert create(raw, 20, RSA).status == 200
    server.stop()


def test_what_the_official_client_makes_of_it(throttled):
    server = throttled('mode = "azure"')
    with server.environment():
        client = KeyClient(server.vault_url(), DefaultAzureCredential(), retry_total=0)
        with client:
            for number in range(20):
                client.create_ec_key(f"key-{number}")
            with pytest.raises(HttpResponseError) as heard:
                client.create_ec_key("key-20")
    assert (heard.value.status_code, heard.value.error.code) == (429, "Throttled")
    server.stop()


def test_kinds_are_weighed(throttled):
    """10 creations in a device reach it, too; and a creation weighs as 200 ordinary operations."""
    server = throttled('mode = "azure"')
    raw = server.raw()
    for number in range(10):
        assert create(raw, number, {"kty": "EC-HSM"}).status == 200
    is_throttled(create(raw, 10))
    to_next_window(server)
    for number in range(19):
        assert create(raw, number).status == 200
    answers = [raw.call("GET", "/secrets").status for _ in range(201)]
    assert answers == [200] * 200 + [429]
    server.stop()


def test_numbers_of_ones_own(throttled):
    server = throttled('mode = "custom"\nvault = 400\n[throttling.vaults]\nSmall = 200',
                       vaults=["small", "usual"])
    small, usual = server.raw("small"), server.raw("usual")
    assert create(small, 0).status == create(usual, 0).status == create(usual, 1).status == 200
    # The window began when the clock was moved, by some part of a second.
    assert is_throttled(create(small, 1)) in map(str, range(1, 11))
    after = int(is_throttled(create(usual, 2)))
    server.cli("clock", "advance", f"{after}s")
    assert create(small, 1).status == create(usual, 2).status == 200
    server.stop()


def test_a_subscription_of_ones_own(throttled):
    server = throttled('mode = "custom"\nsubscription = 400', vaults=["first", "second"])
    first, second = server.raw("first"), server.raw("second")
    assert create(first, 0).status == create(second, 0).status == 200
    for raw in (first, second):
        assert int(is_throttled(create(raw, 1), "VaultOperationLimitReached")) >= 1
    server.stop()


def test_what_is_refused_is_recorded(throttled):
    server = throttled('mode = "custom"\nvault = 200')
    raw = server.raw()
    assert create(raw, 0).status == 200
    is_throttled(create(raw, 1))
    lines = server.cli("audit", "tail", "--all", "--format", "json").splitlines()
    records = [json.loads(line) for line in lines]
    # The record of what succeeded may reach the journal later: it lies with the key at first.
    (refused,) = [record for record in records if record["resultType"] == "Failure"
                  and record["operationName"] == "KeyCreate"]
    assert refused["properties"]["httpStatusCode"] == 429
    server.stop()


def test_off_unless_it_is_said(throttled):
    server = throttled("")
    raw = server.raw()
    assert [create(raw, number).status for number in range(40)] == [200] * 40
    server.stop()


@pytest.mark.parametrize("section, said", [
    ('mode = "on"', "expected one of `off`, `azure`, `custom`"),
    ("vault = 100", 'throttling has numbers of its own: they need mode = "custom"'),
    ('mode = "azure"\nsubscription = 100', 'they need mode = "custom"'),
    ('mode = "custom"\n[throttling.vaults]\nnowhere = 5', "names nowhere, which is no vault"),
    ('mode = "custom"\nvault = -1', "expected u32"),
    ('mode = "custom"\nevery = 5', "every"),
])
def test_a_section_that_is_wrong(throttled, section, said):
    with pytest.raises(AssertionError, match="the server ended") as ended:
        throttled(section)
    assert said in str(ended.value)
