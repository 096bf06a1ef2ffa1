"""The control plane's limits as a rehearsal. The clock is manual, so that no token comes back by
itself."""

import threading

import pytest

from arm import Arm, management_client, refused, vault_name
from strongroom import Strongroom

CORE = "2022-12-01"
LEFT = "x-ms-ratelimit-remaining-"


@pytest.fixture(scope="module", params=["azure"])
def server(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("strongroom")
    config = folder / "strongroom.toml"
    config.write_text(f'[throttling]\nmode = "{request.param}"\n')
    server = Strongroom(folder, "--config", config, "--clock", "manual")
    try:
        server.start()
        with server.environment():
            yield server
        server.stop()
    finally:
        if server.process is not None:
            server.kill()


@pytest.fixture
def arm(server):
    """Every bucket is full again."""
    server.cli("clock", "advance", "60s")
    return Arm(server)


def reads(arm):
    return arm.send("GET", arm.group_path(), version=CORE)


def left(answer, whose="subscription-reads"):
    return int(answer.headers[LEFT + whose])


def test_reads_take_tokens_which_come_back(server, arm):
    """Bucket size and refill rate: "Understand how Azure Resource Manager throttles requests"."""
    answers = [reads(arm) for _ in range(250)]
    assert {answer.status for answer in answers} == {200}
    assert [left(answer) for answer in answers] == list(range(249, -1, -1))
    assert left(answers[-1], "subscription-global-reads") == 250 * 15 - 250

    answer = reads(arm)
    message = (
        f"Number of 'read' requests for subscription '{arm.subscription}' actor "
        f"'{server.ready['owner']['objectId']}' exceeded. Please try again after '1' seconds after "
        "additional tokens are available. Refer to https://aka.ms/arm-throttling for additional "
        "information."
    )
    refused(answer, 429, "SubscriptionRequestsThrottled", message)
    assert answer.headers["Retry-After"] == "1"
    assert left(answer) == 0

    server.cli("clock", "advance", "1s")
    assert [reads(arm).status for _ in range(26)] == [200] * 25 + [429]
    server.cli("clock", "advance", "60s")
    assert left(reads(arm)) == 249


def test_writes_and_deletes_have_buckets_of_their_own(server, arm):
    lock = f"{arm.group_path()}/providers/Microsoft.Authorization/locks/none"
    deletes = [arm.send("DELETE", lock, version="2020-05-01") for _ in range(201)]
    assert [answer.status for answer in deletes] == [204] * 200 + [429]
    assert left(deletes[0], "subscription-deletes") == 199
    body = {"name": "some-vault", "type": "Microsoft.KeyVault/vaults"}
    path = f"{arm.provider()}/checkNameAvailability"
    writes = [arm.send("POST", path, body) for _ in range(201)]
    assert [answer.status for answer in writes] == [200] * 200 + [429]
    assert left(writes[9], "subscription-writes") == 190
    assert reads(arm).status == 200

    # What is refused changes nothing.
    name = vault_name()
    refused(arm.vault("PUT", name, arm.body()), 429, "SubscriptionRequestsThrottled")
    refused(arm.vault("GET", name), 404, "ResourceNotFound")


def test_one_principal_takes_nothing_from_another(server, arm):
    scope = f"/subscriptions/{arm.subscription}"
    other = Arm(server, server.create_identity(vault_name(), "Reader", scope))
    assert [reads(arm).status for _ in range(251)][-1] == 429
    assert reads(other).status == 200
    assert left(reads(other)) == 248
    # Nor does what is in no subscription, and a subscription that there is not.
    tenant = arm.send("GET", "/subscriptions", version=CORE)
    assert (tenant.status, left(tenant, "tenant-reads")) == (200, 249)
    nowhere = "/subscriptions/00000000-0000-0000-0000-0000000000aa"
    answer = arm.send("GET", nowhere, version=CORE)
    assert (answer.status, left(answer, "tenant-reads")) == (404, 248)


def test_without_a_token_nothing_is_counted(server, arm):
    stranger = Arm(server)
    stranger.raw.token = "no.such.token"
    for _ in range(3):
        answer = reads(stranger)
        assert answer.status == 401
        assert not any(name.lower().startswith(LEFT) for name in answer.headers)
    assert left(reads(arm)) == 249


def test_the_sdk_waits_as_it_is_told(server, arm):
    """Its retry policy reads Retry-After; the clock moves while it waits."""
    client = management_client(server)
    assert [reads(arm).status for _ in range(251)][-1] == 429
    timer = threading.Timer(0.2, server.cli, ["clock", "advance", "10s"])
    timer.start()
    try:
        vaults = client.vaults.list_by_resource_group(server.ready["resourceGroup"])
        assert any(vault.name == "dev" for vault in vaults)
    finally:
        timer.join()


@pytest.mark.parametrize("server", ["off"], indirect=True)
def test_off_nothing_is_counted(server, arm):
    answers = [reads(arm) for _ in range(260)]
    assert {(answer.status, left(answer)) for answer in answers} == {(200, 249)}
