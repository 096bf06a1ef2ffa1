"""Delete, recover, purge; and what purge protection forbids."""

from datetime import timedelta

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import SecretClient


def delete(client, name):
    poller = client.begin_delete_secret(name)
    poller.wait()
    return poller.result()


def test_a_deleted_secret_can_be_seen_and_recovered(client, server, name):
    versions = [client.set_secret(name, value).properties.version for value in ("one", "two")]
    deleted = delete(client, name)
    assert deleted.name == name
    assert deleted.recovery_id == f"{server.vault_url()}/deletedsecrets/{name}"
    assert deleted.scheduled_purge_date - deleted.deleted_date == timedelta(days=90)

    with pytest.raises(ResourceNotFoundError) as gone:
        client.get_secret(name)
    assert gone.value.error.code == "SecretNotFound"
    seen = client.get_deleted_secret(name)
    assert seen.id == deleted.id
    assert seen.deleted_date == deleted.deleted_date
    assert name in {listed.name for listed in client.list_deleted_secrets()}

    poller = client.begin_recover_deleted_secret(name)
    poller.wait()
    assert poller.result().name == name
    assert [client.get_secret(name, version).value for version in versions] == ["one", "two"]
    with pytest.raises(ResourceNotFoundError) as missing:
        client.get_deleted_secret(name)
    assert missing.value.error.code == "SecretNotFound"
    assert missing.value.error.message == f"Deleted Secret not found: {name}"


def test_a_purged_secret_is_gone_and_its_name_is_free(client, name):
    old = client.set_secret(name, "old").properties.version
    delete(client, name)
    client.purge_deleted_secret(name)
    for read in (client.get_secret, client.get_deleted_secret):
        with pytest.raises(ResourceNotFoundError):
            read(name)

    client.set_secret(name, "new")
    assert client.get_secret(name).value == "new"
    with pytest.raises(ResourceNotFoundError):
        client.get_secret(name, old)


def test_the_name_of_a_deleted_secret_cannot_be_reused(client, name):
    client.set_secret(name, "v")
    delete(client, name)
    with pytest.raises(ResourceExistsError) as refused:
        client.set_secret(name, "again")
    assert refused.value.status_code == 409
    assert refused.value.error.code == "Conflict"
    assert refused.value.error.innererror["code"] == "ObjectIsDeletedButRecoverable"
    assert refused.value.error.message == (
        f"Secret {name} is currently in a deleted but recoverable state, and its name cannot be "
        "reused; in this state, the secret can only be recovered or purged."
    )


@pytest.mark.parametrize("call", ["purge_deleted_secret", "begin_recover_deleted_secret"])
def test_what_is_not_deleted_cannot_be_purged_or_recovered(client, name, call):
    client.set_secret(name, "v")
    with pytest.raises(ResourceNotFoundError) as missing:
        getattr(client, call)(name)
    assert missing.value.error.code == "SecretNotFound"
    assert client.get_secret(name).value == "v"


def test_the_answers_codes_and_bodies(raw, name):
    raw.set(name, tags={"a": "b"}, contentType="text")
    deleted = raw.call("DELETE", f"/secrets/{name}")
    assert deleted.status == 200
    body = deleted.json()
    assert "value" not in body
    assert body["tags"] == {"a": "b"}
    assert body["contentType"] == "text"
    assert {"id", "recoveryId", "deletedDate", "scheduledPurgeDate", "attributes"} <= set(body)
    assert raw.call("GET", f"/deletedsecrets/{name}").json() == body

    recovered = raw.call("POST", f"/deletedsecrets/{name}/recover")
    assert recovered.status == 200
    assert "value" not in recovered.json()
    assert raw.call("GET", f"/secrets/{name}").json()["value"] == "v"

    raw.call("DELETE", f"/secrets/{name}")
    purged = raw.call("DELETE", f"/deletedsecrets/{name}")
    assert (purged.status, purged.body) == (204, b"")


def test_a_disabled_secret_can_be_deleted_and_recovered(client, name):
    client.set_secret(name, "v", enabled=False)
    delete(client, name)
    client.begin_recover_deleted_secret(name).wait()
    client.update_secret_properties(name, enabled=True)
    assert client.get_secret(name).value == "v"


def test_a_protected_vault_refuses_to_purge(server):
    server.create_vault("protected", days=90, purge_protection=True)
    with SecretClient(server.vault_url("protected"), DefaultAzureCredential()) as client:
        written = client.set_secret("kept", "v")
        assert written.properties.recovery_level == "Recoverable"
        delete(client, "kept")
        with pytest.raises(HttpResponseError) as refused:
            client.purge_deleted_secret("kept")
        assert refused.value.status_code == 403
        assert refused.value.error.code == "Forbidden"
        message = refused.value.error.message
        assert message.startswith(
            'Operation "purge" is not allowed because purge protection is enabled for this vault. '
            "Key Vault service will automatically purge it after the retention period has passed."
        )
        location = server.ready["location"]
        assert message.strip().endswith(f"Vault: protected;location={location}")
        client.begin_recover_deleted_secret("kept").wait()
        assert client.get_secret("kept").value == "v"


def test_recovery_levels_follow_the_vault(server):
    server.create_vault("week", days=7, purge_protection=True)
    with SecretClient(server.vault_url("week"), DefaultAzureCredential()) as client:
        properties = client.set_secret("a", "v").properties
        assert properties.recovery_level == "CustomizedRecoverable"
        assert properties.recoverable_days == 7
        deleted = delete(client, "a")
        assert deleted.scheduled_purge_date - deleted.deleted_date == timedelta(days=7)
