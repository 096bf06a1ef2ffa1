"""Everyday work with keys through the official client: made, read, listed, changed, removed."""

import base64
from datetime import datetime, timedelta, timezone

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.keyvault.keys import ApiVersion, KeyClient
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import independent
from forge import decode

RSA_OPERATIONS = ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"]
PRIVATE_MEMBERS = {"d", "dp", "dq", "qi", "p", "q", "k", "key_hsm"}


def delete(keys, name):
    poller = keys.begin_delete_key(name)
    poller.wait()
    return poller.result()


def take_away(keys, name):
    delete(keys, name)
    keys.purge_deleted_key(name)


@pytest.mark.parametrize("size", [2048, 3072, 4096])
def test_rsa_of_each_size(keys, name, size):
    made = keys.create_rsa_key(name, size=size)
    assert (made.name, made.key_type, made.key.kty) == (name, "RSA", "RSA")
    assert made.key_operations == RSA_OPERATIONS
    public = independent.public_key_of(made.key)
    assert (public.key_size, public.public_numbers().e) == (size, 65537)
    assert len(made.key.n) == size // 8, "the modulus has no leading zero (OPERATIONS.md 0 #18)"
    assert all(getattr(made.key, member) is None for member in ("d", "p", "q", "k", "t"))


@pytest.mark.parametrize("curve", ["P-256", "P-384", "P-521", "P-256K"])
def test_ec_on_each_curve(keys, name, curve):
    made = keys.create_ec_key(name, curve=curve)
    assert (made.key_type, made.key.crv) == ("EC", curve)
    assert sorted(made.key_operations) == ["sign", "verify"]
    public = independent.public_key_of(made.key)  # Refuses a point that is not on the curve.
    length = (public.curve.key_size + 7) // 8
    assert (len(made.key.x), len(made.key.y)) == (length, length)
    assert made.key.d is None


def test_what_is_not_said_is_the_usual(keys, name):
    assert len(keys.create_rsa_key(name).key.n) == 256
    assert keys.create_ec_key(f"{name}-ec").key.crv == "P-256"


def test_another_public_exponent(keys, name):
    """As the client's own tests ask for."""
    made = keys.create_rsa_key(name, public_exponent=17)
    assert independent.public_key_of(made.key).public_numbers().e == 17


@pytest.mark.parametrize("make", ["create_rsa_key", "create_ec_key"])
def test_hsm_types_say_that_they_are_in_software(keys, name, make):
    """`dev` allows them; hsmPlatform tells what really protects the key."""
    made = getattr(keys, make)(name, hardware_protected=True)
    assert made.key_type == ("RSA-HSM" if "rsa" in make else "EC-HSM")
    assert made.properties.hsm_platform == "0"
    assert keys.get_key(name).key_type == made.key_type


def test_members_are_kept(keys, name):
    starts = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    ends = datetime(2090, 6, 7, 8, 9, 10, tzinfo=timezone.utc)
    keys.create_rsa_key(
        name,
        key_operations=["sign", "verify"],
        tags={"colour": "green", "Ümlaut": "ß"},
        not_before=starts,
        expires_on=ends,
        enabled=False,
    )
    read = keys.get_key(name)
    assert read.key_operations == ["sign", "verify"]
    properties = read.properties
    assert properties.tags == {"colour": "green", "Ümlaut": "ß"}
    assert (properties.not_before, properties.expires_on) == (starts, ends)
    assert properties.enabled is False
    assert properties.exportable is False
    assert (properties.recovery_level, properties.recoverable_days) == ("Recoverable+Purgeable", 90)
    now = datetime.now(timezone.utc)
    assert abs(properties.created_on - now) < timedelta(minutes=1)
    assert abs(properties.updated_on - now) < timedelta(minutes=1)


def test_each_create_is_a_new_version_and_old_ones_stay(keys, server, name):
    first, second = keys.create_ec_key(name), keys.create_ec_key(name)
    assert first.properties.version != second.properties.version
    assert first.key.x != second.key.x
    latest = keys.get_key(name)
    assert latest.id == second.id == f"{server.vault_url()}/keys/{name}/{latest.properties.version}"
    assert len(latest.properties.version) == 32
    assert keys.get_key(name, first.properties.version).key.x == first.key.x
    assert keys.get_key(name.upper()).id == second.id


def test_update_changes_what_is_sent_and_nothing_else(keys, name):
    made = keys.create_rsa_key(name, tags={"keep": "me"})
    changed = keys.update_key_properties(name, key_operations=["decrypt", "encrypt"])
    assert changed.key_operations == ["decrypt", "encrypt"]
    assert changed.properties.tags == {"keep": "me"}
    ends = datetime(2090, 1, 1, tzinfo=timezone.utc)
    changed = keys.update_key_properties(name, expires_on=ends, tags={"new": "tag"})
    assert changed.key_operations == ["decrypt", "encrypt"]
    assert changed.properties.tags == {"new": "tag"}
    assert changed.properties.expires_on == ends
    assert (changed.id, changed.key.n) == (made.id, made.key.n)
    assert keys.get_key(name).properties.expires_on == ends


def test_update_of_one_version_leaves_the_others(keys, name):
    first = keys.create_ec_key(name).properties.version
    keys.create_ec_key(name)
    keys.update_key_properties(name, first, tags={"old": "yes"}, enabled=False)
    assert keys.get_key(name, first).properties.tags == {"old": "yes"}
    assert keys.get_key(name, first).properties.enabled is False
    assert not keys.get_key(name).properties.tags
    assert keys.get_key(name).properties.enabled is True


def test_a_disabled_key_can_still_be_read(keys, name):
    """Only what it does is refused; its public half is no secret."""
    keys.create_ec_key(name, enabled=False)
    assert keys.get_key(name).key.x


def test_a_missing_key(keys, name):
    with pytest.raises(ResourceNotFoundError) as missing:
        keys.get_key(name)
    assert missing.value.error.code == "KeyNotFound"
    assert missing.value.error.message == (
        f"A key with (name/id) {name} was not found in this key vault. If you recently "
        "deleted this key you may be able to recover it using the correct recovery command. "
        "For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182"
    )
    keys.create_ec_key(name)
    with pytest.raises(ResourceNotFoundError) as missing:
        keys.get_key(name, "0" * 32)
    assert missing.value.error.code == "KeyNotFound"


@pytest.mark.parametrize("call", [
    "update_key_properties", "begin_delete_key", "backup_key", "rotate_key",
])
def test_a_missing_key_cannot_be_changed(keys, name, call):
    with pytest.raises(ResourceNotFoundError) as missing:
        getattr(keys, call)(name)
    assert missing.value.error.code == "KeyNotFound"


def test_a_deleted_key_can_be_seen_and_recovered(keys, server, name):
    first, second = keys.create_ec_key(name, tags={"a": "b"}), keys.create_ec_key(name)
    deleted = delete(keys, name)
    assert (deleted.name, deleted.id) == (name, second.id)
    assert deleted.recovery_id == f"{server.vault_url()}/deletedkeys/{name}"
    assert deleted.scheduled_purge_date - deleted.deleted_date == timedelta(days=90)
    with pytest.raises(ResourceNotFoundError):
        keys.get_key(name)
    seen = keys.get_deleted_key(name)
    assert (seen.id, seen.deleted_date, seen.key.x) == (second.id, deleted.deleted_date,
                                                        second.key.x)
    assert name in {listed.name for listed in keys.list_deleted_keys()}

    poller = keys.begin_recover_deleted_key(name)
    poller.wait()
    assert poller.result().name == name
    assert keys.get_key(name).key.x == second.key.x
    assert keys.get_key(name, first.properties.version).key.x == first.key.x
    with pytest.raises(ResourceNotFoundError) as missing:
        keys.get_deleted_key(name)
    assert missing.value.error.code == "KeyNotFound"
    assert missing.value.error.message == f"Deleted Key not found: {name}"


def test_a_purged_key_is_gone_and_its_name_is_free(keys, name):
    old = keys.create_ec_key(name).properties.version
    take_away(keys, name)
    for read in (keys.get_key, keys.get_deleted_key):
        with pytest.raises(ResourceNotFoundError):
            read(name)
    keys.create_ec_key(name)
    with pytest.raises(ResourceNotFoundError):
        keys.get_key(name, old)


def test_the_name_of_a_deleted_key_cannot_be_reused(keys, name):
    keys.create_ec_key(name)
    delete(keys, name)
    imported = independent.client_jwk_of(ec.generate_private_key(ec.SECP256R1()))
    for call in (lambda: keys.create_ec_key(name), lambda: keys.import_key(name, imported)):
        with pytest.raises(ResourceExistsError) as refused:
            call()
        assert refused.value.status_code == 409
        assert refused.value.error.code == "Conflict"
        assert refused.value.error.innererror["code"] == "ObjectIsDeletedButRecoverable"
        assert refused.value.error.message == (
            f"Key {name} is currently in a deleted but recoverable state, and its name cannot be "
            "reused; in this state, the key can only be recovered or purged."
        )


def test_a_deleted_key_does_nothing(keys, raw, name):
    version = keys.create_ec_key(name).properties.version
    delete(keys, name)
    body = {"alg": "ES256", "value": "A" * 43}
    answer = raw.call("POST", f"/keys/{name}/{version}/sign", body)
    assert (answer.status, answer.code) == (404, "KeyNotFound")


def test_a_protected_vault_refuses_to_purge(server):
    server.create_vault("protected", days=90, purge_protection=True)
    with KeyClient(server.vault_url("protected"), DefaultAzureCredential()) as keys:
        keys.create_ec_key("kept")
        delete(keys, "kept")
        with pytest.raises(HttpResponseError) as refused:
            keys.purge_deleted_key("kept")
        assert (refused.value.status_code, refused.value.error.code) == (403, "Forbidden")
        assert refused.value.error.message.startswith('Operation "purge" is not allowed because')
        keys.begin_recover_deleted_key("kept").wait()
        assert keys.get_key("kept").properties.recovery_level == "Recoverable"


def test_every_version_comes_back_from_a_backup(keys, name):
    first = keys.create_ec_key(name, tags={"n": "1"})
    keys.update_key_properties(name, first.properties.version, enabled=False)
    second = keys.create_rsa_key(name, key_operations=["sign", "verify"])
    blob = keys.backup_key(name)
    with pytest.raises(ResourceExistsError) as refused:
        keys.restore_key_backup(blob)
    assert (refused.value.status_code, refused.value.error.code) == (409, "Conflict")
    take_away(keys, name)

    restored = keys.restore_key_backup(blob)
    assert (restored.id, restored.key.n) == (second.id, second.key.n)
    assert restored.key_operations == ["sign", "verify"]
    versions = {p.version: p for p in keys.list_properties_of_key_versions(name)}
    assert set(versions) == {first.properties.version, second.properties.version}
    old = keys.get_key(name, first.properties.version)
    assert (old.key.x, old.properties.tags, old.properties.enabled) == (first.key.x, {"n": "1"},
                                                                       False)


def test_a_restored_key_still_works(keys, name):
    made = keys.create_ec_key(name)
    public = independent.public_key_of(made.key)
    blob = keys.backup_key(name)
    take_away(keys, name)
    keys.restore_key_backup(blob)
    digest = independent.digest_of("ES256", b"restored")
    signature = keys.get_cryptography_client(name).sign("ES256", digest).signature
    assert independent.verifies(public, "ES256", digest, signature)


def test_a_blob_shows_nothing_and_cannot_be_changed(keys, name):
    private = rsa.generate_private_key(65537, 2048)
    jwk = independent.client_jwk_of(private)
    keys.import_key(name, jwk, tags={"planted-tag-77": "x"})
    blob = keys.backup_key(name)
    for planted in (jwk.d, jwk.p, jwk.q, b"planted-tag-77"):
        for shown in (planted, base64.urlsafe_b64encode(planted)[:-4], planted[::-1]):
            assert shown not in blob
    take_away(keys, name)
    for part in (0.02, 0.5, 0.98):
        tampered = bytearray(blob)
        tampered[int(len(blob) * part)] ^= 1
        with pytest.raises(HttpResponseError) as refused:
            keys.restore_key_backup(bytes(tampered))
        assert refused.value.status_code == 400
    with pytest.raises(ResourceNotFoundError):
        keys.get_key(name)


def test_a_secrets_blob_restores_no_key(client, keys, name):
    client.set_secret(name, "v")
    blob = client.backup_secret(name)
    client.begin_delete_secret(name).wait()
    client.purge_deleted_secret(name)
    with pytest.raises(HttpResponseError) as refused:
        keys.restore_key_backup(blob)
    assert refused.value.status_code == 400


def test_a_key_and_a_secret_may_have_the_same_name(client, keys, name):
    client.set_secret(name, "v")
    keys.create_ec_key(name)
    delete(keys, name)
    assert client.get_secret(name).value == "v"


def test_lists_go_through_every_page(server):
    server.create_vault("week")
    with KeyClient(server.vault_url("week"), DefaultAzureCredential()) as keys:
        names = [f"many-{number:02}" for number in range(30)]
        for name in names:
            keys.create_ec_key(name, tags={"name": name})
        versions = {keys.create_ec_key("many-05").properties.version for _ in range(27)}
        listed = list(keys.list_properties_of_keys())
        assert [properties.name for properties in listed] == names
        assert listed[3].id == f"{server.vault_url('week')}/keys/many-03"
        assert (listed[3].tags, listed[3].enabled) == ({"name": "many-03"}, True)
        assert listed[3].recovery_level == "CustomizedRecoverable+Purgeable"
        pages = keys.list_properties_of_keys(max_page_size=8).by_page()
        sizes = [len(list(page)) for page in pages]
        assert [size for size in sizes if size] == [8, 8, 8, 6]
        found = [p.version for p in keys.list_properties_of_key_versions("many-05")]
        assert len(found) == 28 and versions < set(found)
        for name in names[:27]:
            keys.begin_delete_key(name).wait()
        assert [deleted.name for deleted in keys.list_deleted_keys()] == names[:27]
        assert [p.name for p in keys.list_properties_of_keys()] == names[27:]


@pytest.mark.parametrize("version, later", [
    ("7.0", []),
    ("7.4", ["recoverableDays"]),
    ("7.5", ["recoverableDays", "exportable", "hsmPlatform"]),
    ("2026-04-01", ["recoverableDays", "exportable", "hsmPlatform"]),
])
def test_the_wire_form_and_its_order(raw, server, name, version, later):
    """OPERATIONS.md, section 0, row 18."""
    attributes = {"exp": 4_000_000_000, "nbf": 1}
    body = {"kty": "RSA", "attributes": attributes, "tags": {"a": "b"}}
    made = raw.call("POST", f"/keys/{name}/create", body, version=version)
    assert made.status == 200, made
    bundle = made.json()
    assert list(bundle) == ["key", "attributes", "tags"]
    assert list(bundle["key"]) == ["kid", "kty", "key_ops", "n", "e"]
    assert bundle["key"]["kid"].startswith(f"{server.vault_url()}/keys/{name}/")
    assert bundle["key"]["e"] == "AQAB"
    common = ["enabled", "nbf", "exp", "created", "updated", "recoveryLevel"]
    assert list(bundle["attributes"]) == common + later
    assert raw.call("GET", f"/keys/{name}/", version=version).json() == bundle
    listed = raw.call("GET", f"/keys/{name}/versions", version=version).json()["value"]
    assert [set(entry) for entry in listed] == [{"kid", "attributes", "tags"}]

    deleted = raw.call("DELETE", f"/keys/{name}", version=version).json()
    assert {"recoveryId", "deletedDate", "scheduledPurgeDate", "key", "attributes"} <= set(deleted)
    recovered = raw.call("POST", f"/deletedkeys/{name}/recover", version=version)
    assert (recovered.status, recovered.json()["key"]) == (200, bundle["key"])


def test_no_answer_holds_a_private_half(raw, name):
    jwk = independent.jwk_of(rsa.generate_private_key(65537, 2048))
    answers = [raw.call("PUT", f"/keys/{name}", {"key": jwk})]
    answers.append(raw.call("GET", f"/keys/{name}"))
    answers.append(raw.call("PATCH", f"/keys/{name}/", {"tags": {}}))
    answers.append(raw.call("DELETE", f"/keys/{name}"))
    answers.append(raw.call("GET", f"/deletedkeys/{name}"))
    answers.append(raw.call("POST", f"/deletedkeys/{name}/recover"))
    for answer in answers:
        assert answer.status == 200, answer
        assert not PRIVATE_MEMBERS & set(answer.json()["key"])
        for member in ("d", "p", "q", "dp", "dq", "qi"):
            assert jwk[member].encode() not in answer.body


@pytest.mark.parametrize("version", list(ApiVersion))
def test_every_version_that_the_client_speaks(server, name, version):
    with KeyClient(server.vault_url(), DefaultAzureCredential(), api_version=version) as keys:
        made = keys.create_ec_key(name)
        assert keys.get_key(name).id == made.id
        digest = independent.digest_of("ES256", b"x")
        signed = keys.get_cryptography_client(name).sign("ES256", digest)
        public = independent.public_key_of(made.key)
        assert independent.verifies(public, "ES256", digest, signed.signature)


def test_an_empty_version_is_the_current_one(keys, raw, name):
    """The JavaScript client sends POST /keys/name//sign."""
    old, current = keys.create_ec_key(name), keys.create_ec_key(name)
    body = {"alg": "ES256", "value": "A" * 43}
    for middle, made in [("", current), (old.properties.version, old)]:
        answer = raw.call("POST", f"/keys/{name}/{middle}/sign", body)
        assert answer.status == 200, answer
        assert answer.json()["kid"] == made.id
        signature = decode(answer.json()["value"])
        public = independent.public_key_of(made.key)
        assert independent.verifies(public, "ES256", bytes(32), signature)


def test_a_key_in_software_has_no_attestation(keys, name):
    keys.create_rsa_key(name)
    with pytest.raises(HttpResponseError) as refused:
        keys.get_key_attestation(name)
    assert refused.value.status_code == 400


def test_random_bytes_are_for_managed_hsms(keys):
    with pytest.raises(HttpResponseError) as refused:
        keys.get_random_bytes(count=32)
    assert 400 <= refused.value.status_code < 500
