"""Backup blobs: whole, sealed, and good for this installation only."""

import base64

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError


def take_away(client, name):
    client.begin_delete_secret(name).wait()
    client.purge_deleted_secret(name)


def test_every_version_comes_back(client, name):
    first = client.set_secret(name, "one", tags={"n": "1"}, content_type="a").properties
    client.update_secret_properties(name, first.version, enabled=False)
    second = client.set_secret(name, "two").properties
    blob = client.backup_secret(name)
    take_away(client, name)

    restored = client.restore_secret_backup(blob)
    assert restored.name == name
    assert restored.version == second.version
    assert client.get_secret(name).value == "two"
    versions = {p.version: p for p in client.list_properties_of_secret_versions(name)}
    assert set(versions) == {first.version, second.version}
    assert versions[first.version].enabled is False
    assert versions[first.version].tags == {"n": "1"}
    client.update_secret_properties(name, first.version, enabled=True)
    assert client.get_secret(name, first.version).value == "one"


def test_a_blob_can_be_restored_into_another_vault(client, server, name):
    """Of the same subscription, as the real service allows."""
    from azure.identity import DefaultAzureCredential
    from azure.keyvault.secrets import SecretClient

    client.set_secret(name, "v")
    blob = client.backup_secret(name)
    server.create_vault("week")
    with SecretClient(server.vault_url("week"), DefaultAzureCredential()) as other:
        other.restore_secret_backup(blob)
        assert other.get_secret(name).value == "v"


def test_restore_over_an_existing_name_is_refused(client, name):
    client.set_secret(name, "v")
    blob = client.backup_secret(name)
    client.set_secret(name, "newer")
    with pytest.raises(ResourceExistsError) as refused:
        client.restore_secret_backup(blob)
    assert refused.value.status_code == 409
    assert refused.value.error.code == "Conflict"
    assert client.get_secret(name).value == "newer"


def test_restore_over_a_deleted_name_is_refused(client, name):
    client.set_secret(name, "v")
    blob = client.backup_secret(name)
    client.begin_delete_secret(name).wait()
    with pytest.raises(ResourceExistsError) as refused:
        client.restore_secret_backup(blob)
    assert refused.value.status_code == 409


def test_a_missing_secret_cannot_be_backed_up(client, name):
    with pytest.raises(ResourceNotFoundError) as missing:
        client.backup_secret(name)
    assert missing.value.error.code == "SecretNotFound"


def test_a_blob_shows_nothing(client, name):
    client.set_secret(name, "planted-value-5f1c", tags={"planted-tag-77": "x"})
    blob = client.backup_secret(name)
    for planted in (b"planted-value-5f1c", b"planted-tag-77"):
        assert planted not in blob
        assert base64.b64encode(planted).rstrip(b"=")[:-1] not in blob


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.98])
def test_a_tampered_blob_is_refused(client, name, part):
    client.set_secret(name, "v")
    blob = bytearray(client.backup_secret(name))
    take_away(client, name)
    blob[int(len(blob) * part)] ^= 1
    with pytest.raises(HttpResponseError) as refused:
        client.restore_secret_backup(bytes(blob))
    assert refused.value.status_code == 400
    with pytest.raises(ResourceNotFoundError):
        client.get_secret(name)


def test_a_cut_blob_is_refused(client, name):
    client.set_secret(name, "v")
    blob = client.backup_secret(name)
    take_away(client, name)
    for length in (1, len(blob) // 2, len(blob) - 1):
        with pytest.raises(HttpResponseError) as refused:
            client.restore_secret_backup(blob[:length])
        assert refused.value.status_code == 400


def test_nonsense_is_refused_with_the_services_own_code(raw):
    """OPERATIONS.md, section 0, row 22: the code of this error is a sentence."""
    for value in ("", "bm9uc2Vuc2U", "@@@"):
        answer = raw.call("POST", "/secrets/restore", {"value": value})
        assert answer.status == 400, answer
    answer = raw.call("POST", "/secrets/restore", {"value": "bm9uc2Vuc2U"})
    assert answer.code == "Malformed backup blob"
