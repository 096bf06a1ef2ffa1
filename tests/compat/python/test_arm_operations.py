"""Long-running operations: what answers 202, and where a client hears of the end."""

import pytest
from azure.core.exceptions import HttpResponseError

from arm import Arm, Mallory, management_client, refused, vault_name
from arm_resources import CORE, finished, new_group
from strongroom import Strongroom


@pytest.fixture(scope="module")
def arm(server):
    return Arm(server)


def test_the_deletion_of_a_group_survives_the_servers_death(tmp_path):
    """Whatever the kill interrupts, the next start finishes, and the old URL says so."""
    server = Strongroom(tmp_path)
    try:
        server.start()
        arm = Arm(server)
        group = new_group(arm)
        vaults = [vault_name() for _ in range(30)]
        for vault in vaults:
            assert arm.send("PUT", arm.vault_path(vault, group), arm.body()).status == 200
        begun = arm.send("DELETE", arm.group_path(group), version=CORE)
        server.kill()
        assert begun.status == 202
        server.start()
        arm = Arm(server)
        finished(arm, begun)
        refused(arm.send("GET", arm.group_path(group), version=CORE), 404, "ResourceGroupNotFound")
        for vault in vaults:
            assert arm.send("GET", arm.deleted_path(vault)).status == 200
    finally:
        server.kill()


def test_a_later_group_of_the_name_ends_no_wait(arm):
    group = new_group(arm)
    begun = arm.send("DELETE", arm.group_path(group), version=CORE)
    finished(arm, begun)
    made = arm.send("PUT", arm.group_path(group), {"location": "local"}, version=CORE)
    assert made.status == 201
    assert arm.follow(begun.headers["Location"]).status == 200
    assert arm.send("GET", arm.group_path(group), version=CORE).status == 200


def purge(arm, name):
    arm.create(name)
    assert arm.vault("DELETE", name).status == 200
    return arm.send("POST", arm.deleted_path(name) + "/purge")


def test_the_purge_of_a_vault_says_where_to_ask(arm):
    name = vault_name()
    purged = purge(arm, name)
    assert purged.status == 202, purged
    assert purged.body == b""
    assert "Azure-AsyncOperation" not in purged.headers
    location = purged.headers["Location"]
    provider = f"{arm.url}{arm.provider()}/locations/local/operationResults/"
    assert location.startswith(provider), location
    finished(arm, purged)

    # A later vault of the name, deleted as well, is not the one that was purged.
    arm.create(name)
    assert arm.vault("DELETE", name).status == 200
    assert arm.follow(location).status == 200
    assert arm.send("GET", arm.deleted_path(name)).status == 200


def test_the_purge_survives_a_restart(tmp_path):
    server = Strongroom(tmp_path)
    try:
        server.start()
        purged = purge(Arm(server), vault_name())
        server.kill()
        server.start()
        finished(Arm(server), purged)
    finally:
        server.kill()


def test_the_sdk_waits_for_a_purge(server, arm):
    name = vault_name()
    arm.create(name)
    client = management_client(server)
    client.vaults.delete(server.ready["resourceGroup"], name)
    poller = client.vaults.begin_purge_deleted(name, "local")
    assert poller.result(30) is None
    assert poller.status() == "Succeeded"
    with pytest.raises(HttpResponseError) as gone:
        client.vaults.get_deleted(name, "local")
    assert gone.value.status_code == 404


@pytest.mark.parametrize("token", ["", "x", "Z3JvdXA6", "bm9uZTpub25l", "%00", "Li4vLi4"])
def test_operations_that_there_are_not(arm, token):
    here = f"/subscriptions/{arm.subscription}/operationresults/{token}"
    assert arm.send("GET", here, version=CORE).status in (400, 404)
    assert arm.send("GET", f"{arm.provider()}/locations/local/operationResults/{token}").status in (
        400, 404)


def test_a_stranger_hears_nothing_of_a_purge(server, arm):
    purged = purge(arm, vault_name())
    stranger = Mallory(server, arm, ["Microsoft.KeyVault/vaults/read"])
    answer = stranger.arm.follow(purged.headers["Location"])
    refused(answer, 403, "AuthorizationFailed")
