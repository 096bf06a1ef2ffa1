"""Everyday work with secrets through the official client."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError


def test_set_and_get(client, name):
    written = client.set_secret(name, "s3cret pässwörd 密码")
    assert written.name == name
    assert len(written.properties.version) == 32
    assert written.properties.enabled is True

    read = client.get_secret(name)
    assert read.value == "s3cret pässwörd 密码"
    assert read.id == written.id
    assert read.properties.recovery_level == "Recoverable+Purgeable"
    assert read.properties.recoverable_days == 90


def test_each_set_is_a_new_version_and_old_ones_stay(client, name):
    first = client.set_secret(name, "one")
    second = client.set_secret(name, "two")
    assert first.properties.version != second.properties.version
    assert client.get_secret(name).value == "two"
    assert client.get_secret(name, first.properties.version).value == "one"
    assert client.get_secret(name, second.properties.version).value == "two"


def test_members_are_kept(client, name):
    starts = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    ends = datetime(2090, 6, 7, 8, 9, 10, tzinfo=timezone.utc)
    client.set_secret(
        name,
        "v",
        content_type="text/plain",
        tags={"colour": "green", "Ümlaut": "ß"},
        not_before=starts,
        expires_on=ends,
    )
    properties = client.get_secret(name).properties
    assert properties.content_type == "text/plain"
    assert properties.tags == {"colour": "green", "Ümlaut": "ß"}
    assert properties.not_before == starts
    assert properties.expires_on == ends
    now = datetime.now(timezone.utc)
    assert abs(properties.created_on - now) < timedelta(minutes=1)
    assert abs(properties.updated_on - now) < timedelta(minutes=1)


def test_update_changes_what_is_sent_and_nothing_else(client, name):
    written = client.set_secret(name, "v", content_type="a", tags={"keep": "me"})
    updated = client.update_secret_properties(name, content_type="b")
    assert updated.content_type == "b"
    assert updated.version == written.properties.version

    read = client.get_secret(name)
    assert read.value == "v"
    assert read.properties.content_type == "b"
    assert read.properties.tags == {"keep": "me"}
    assert read.properties.enabled is True


def test_update_of_one_version_leaves_the_others(client, name):
    first = client.set_secret(name, "one").properties.version
    client.set_secret(name, "two")
    client.update_secret_properties(name, first, tags={"old": "yes"})
    assert client.get_secret(name, first).properties.tags == {"old": "yes"}
    assert not client.get_secret(name).properties.tags


def test_a_disabled_secret_cannot_be_read_until_enabled(client, name):
    client.set_secret(name, "v", enabled=False)
    with pytest.raises(HttpResponseError) as refused:
        client.get_secret(name)
    assert refused.value.status_code == 403
    assert refused.value.error.code == "Forbidden"
    assert refused.value.error.innererror["code"] == "SecretDisabled"
    assert refused.value.error.message == "Operation get is not allowed on a disabled secret."

    client.update_secret_properties(name, enabled=True)
    assert client.get_secret(name).value == "v"


def test_time_limits_do_not_hide_a_secret(client, name):
    """The service only reports nbf and exp; it is the client's to heed them."""
    now = datetime.now(timezone.utc)
    client.set_secret(name, "expired", expires_on=now - timedelta(days=1))
    assert client.get_secret(name).value == "expired"
    client.set_secret(name, "early", not_before=now + timedelta(days=1))
    assert client.get_secret(name).value == "early"


def test_names_are_one_whatever_their_case(client, name):
    written = client.set_secret(name.upper(), "v")
    read = client.get_secret(name.lower())
    assert read.value == "v"
    assert read.id == written.id
    assert read.name == name.upper()


@pytest.mark.parametrize("fill", ["x", "é"])
def test_the_largest_value_is_25_kilobytes(client, name, fill):
    largest = fill * (25_600 // len(fill.encode()))
    client.set_secret(name, largest)
    assert client.get_secret(name).value == largest


def test_one_byte_more_is_refused(client, name):
    with pytest.raises(HttpResponseError) as refused:
        client.set_secret(name, "x" * 25_601)
    assert refused.value.status_code == 400
    assert refused.value.error.code == "BadParameter"
    with pytest.raises(ResourceNotFoundError):
        client.get_secret(name)


def test_what_no_request_may_carry_is_refused_too(client, name):
    """Beyond the bound of any request the client must still hear a refusal, not a broken line."""
    with pytest.raises(HttpResponseError) as refused:
        client.set_secret(name, "x" * 2_000_000)
    assert refused.value.status_code in (400, 413)
    assert refused.value.error.code


def test_a_missing_secret(client, name):
    with pytest.raises(ResourceNotFoundError) as missing:
        client.get_secret(name)
    assert missing.value.error.code == "SecretNotFound"
    assert missing.value.error.message == (
        f"A secret with (name/id) {name} was not found in this key vault. If you recently "
        "deleted this secret you may be able to recover it using the correct recovery command. "
        "For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182"
    )


def test_a_missing_version(client, name):
    client.set_secret(name, "v")
    with pytest.raises(ResourceNotFoundError) as missing:
        client.get_secret(name, "0" * 32)
    assert missing.value.error.code == "SecretNotFound"


@pytest.mark.parametrize("call", ["update_secret_properties", "begin_delete_secret"])
def test_a_missing_secret_cannot_be_changed(client, name, call):
    with pytest.raises(ResourceNotFoundError) as missing:
        getattr(client, call)(name)
    assert missing.value.error.code == "SecretNotFound"


def test_the_client_reads_ids(client, server, name):
    properties = client.set_secret(name, "v").properties
    assert properties.vault_url == server.vault_url()
    assert properties.name == name
    assert properties.id == f"{server.vault_url()}/secrets/{name}/{properties.version}"


def test_writers_of_one_name_do_not_lose_each_others_versions(server, client, name):
    """A writer who lost the race may be told 409; who was told 200 finds the version."""

    def write(number):
        raw = server.raw(token=token)
        answers = [raw.call("PUT", f"/secrets/{name}", {"value": f"{number}-{turn}"})
                   for turn in range(10)]
        assert {answer.status for answer in answers} <= {200, 409}, answers
        return [answer.json()["id"] for answer in answers if answer.status == 200]

    token = server.token()
    with ThreadPoolExecutor(8) as writers:
        acknowledged = [id for ids in writers.map(write, range(8)) for id in ids]
    assert len(acknowledged) >= 10
    listed = [properties.id for properties in client.list_properties_of_secret_versions(name)]
    assert sorted(listed) == sorted(acknowledged)
    assert client.get_secret(name).id in acknowledged
