"""What the attributes and the permitted operations of a key allow, and with which refusal."""

from datetime import datetime, timedelta, timezone

import pytest
from azure.core.exceptions import HttpResponseError

import independent
from key_work import ask, done, refused

NOW = datetime.now(timezone.utc)
FUTURE, PAST = NOW + timedelta(days=1), NOW - timedelta(days=1)
BEFORE, AFTER = {"not_before": FUTURE}, {"not_before": PAST - timedelta(days=1), "expires_on": PAST}

# What a key that is outside its time still does: it undoes earlier work (OPERATIONS.md, 0 #2).
STILL = ("decrypt", "unwrapkey", "verify")
OPERATIONS = ("encrypt", "decrypt", "wrapkey", "unwrapkey", "sign", "verify")
NAMES = {"wrapkey": "wrapKey", "unwrapkey": "unwrapKey"}


def asked(raw, kid, public, operation):
    """The operation, with input that is right for a good key."""
    if operation in ("sign", "verify"):
        digest = {"sign": "value", "verify": "digest"}[operation]
        members = {digest: bytes(32)} | ({"value": bytes(256)} if operation == "verify" else {})
        return ask(raw, kid, operation, "RS256", **members)
    value = b"text"
    if operation in ("decrypt", "unwrapkey"):
        value = independent.rsa_encrypt(public, "RSA-OAEP", value)
    return ask(raw, kid, operation, "RSA-OAEP", value=value)


@pytest.fixture(scope="module")
def kinds(keys):
    """Keys by what is the matter with them; all of one name, each a version."""
    attributes = {"good": {}, "disabled": {"enabled": False}, "early": BEFORE, "expired": AFTER,
                  "disabled and expired": {"enabled": False, **AFTER},
                  "in time": {"not_before": PAST, "expires_on": FUTURE}}
    made = {kind: keys.create_rsa_key("kinds", **given) for kind, given in attributes.items()}
    return {kind: (key.id, independent.public_key_of(key.key)) for kind, key in made.items()}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kind", ["good", "in time"])
def test_a_good_key_does_everything(raw, kinds, kind, operation):
    assert asked(raw, *kinds[kind], operation).status == 200


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kind", ["disabled", "disabled and expired"])
def test_a_disabled_key_does_nothing(raw, kinds, kind, operation):
    """azure-sdk-for-python#45342: KeyDisabled."""
    message = refused(asked(raw, *kinds[kind], operation), 403, "Forbidden", "KeyDisabled")
    named = NAMES.get(operation, operation)
    assert message == f"Operation {named} is not allowed on a disabled key."


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("kind, inner", [("early", "KeyNotYetValid"), ("expired", "KeyExpired")])
def test_outside_its_time_a_key_only_undoes(raw, kinds, kind, inner, operation):
    answer = asked(raw, *kinds[kind], operation)
    if operation in STILL:
        assert answer.status == 200, answer
    else:
        refused(answer, 403, "Forbidden", inner)


def test_reading_changing_and_listing_go_on(keys, kinds):
    for kid, _ in kinds.values():
        version = kid.rsplit("/", 1)[1]
        assert keys.get_key("kinds", version).id == kid
        keys.update_key_properties("kinds", version, tags={"seen": "yes"})
    listed = {p.id: p for p in keys.list_properties_of_key_versions("kinds")}
    assert set(listed) == {kid for kid, _ in kinds.values()}
    assert all(p.tags == {"seen": "yes"} for p in listed.values())


def test_the_official_client_hears_it(keys, kinds):
    version = kinds["disabled"][0].rsplit("/", 1)[1]
    client = keys.get_cryptography_client("kinds", key_version=version)
    for call in (lambda: client.sign("RS256", bytes(32)),
                 lambda: client.decrypt("RSA-OAEP", bytes(256))):
        with pytest.raises(HttpResponseError) as heard:
            call()
        assert heard.value.status_code == 403
        assert heard.value.error.code == "Forbidden"
        assert heard.value.error.innererror["code"] == "KeyDisabled"


def test_an_update_takes_effect_at_once(keys, raw, name):
    """On the very next request, whatever is cached of the key."""
    made = keys.create_rsa_key(name)
    public = independent.public_key_of(made.key)
    for _ in range(3):
        assert asked(raw, made.id, public, "sign").status == 200
        keys.update_key_properties(name, enabled=False)
        refused(asked(raw, made.id, public, "sign"), 403, "Forbidden", "KeyDisabled")
        keys.update_key_properties(name, enabled=True)
        keys.update_key_properties(name, expires_on=PAST)
        refused(asked(raw, made.id, public, "sign"), 403, "Forbidden", "KeyExpired")
        keys.update_key_properties(name, expires_on=FUTURE)
        keys.update_key_properties(name, key_operations=["verify"])
        refused(asked(raw, made.id, public, "sign"), 403, "Forbidden", "KeyOperationForbidden")
        keys.update_key_properties(name, key_operations=["sign"])


@pytest.mark.parametrize("permitted", OPERATIONS)
def test_only_what_key_ops_permits(keys, raw, name, permitted):
    """The text and codes are those of the clients' troubleshooting guides."""
    named = NAMES.get(permitted, permitted)
    made = keys.create_rsa_key(name, key_operations=[named])
    public = independent.public_key_of(made.key)
    for operation in OPERATIONS:
        answer = asked(raw, made.id, public, operation)
        if operation == permitted:
            assert answer.status == 200, answer
            continue
        message = refused(answer, 403, "Forbidden", "KeyOperationForbidden")
        asked_for = NAMES.get(operation, operation)
        assert message == f"Operation {asked_for} is not permitted on this key."


def test_a_key_that_may_do_nothing(keys, raw, name):
    """An empty list is not an absent one. The real service was not seen on this: 400 is fair."""
    answer = raw.call("POST", f"/keys/{name}/create", {"kty": "RSA", "key_ops": []})
    if answer.status == 200:
        assert answer.json()["key"]["key_ops"] == []
        refused(ask(raw, answer.json()["key"]["kid"], "sign", "RS256", value=bytes(32)),
                403, "Forbidden", "KeyOperationForbidden")
    else:
        refused(answer)


@pytest.mark.parametrize("kty, operations", [
    ("EC", ["encrypt"]), ("EC", ["wrapKey"]), ("EC", ["sign", "decrypt"]), ("RSA", ["explode"]),
    ("EC", ["import"]), ("RSA", ["import", "sign"]), ("RSA", "sign"), ("RSA", [5]),
])
def test_operations_that_no_such_key_has_are_refused(raw, name, kty, operations):
    answer = raw.call("POST", f"/keys/{name}/create", {"kty": kty, "key_ops": operations})
    refused(answer)
    assert raw.call("GET", f"/keys/{name}").status == 404


def test_updates_are_checked_too(keys, raw, name):
    keys.create_ec_key(name)
    for body in ({"key_ops": ["encrypt"]}, {"key_ops": ["explode"]}, {"key_ops": 5},
                 {"attributes": {"enabled": "yes"}}, {"attributes": {"exp": "soon"}},
                 {"tags": {"a": 5}}, {"tags": {"x" * 257: "v"}}, {"tags": {"a": "v" * 257}},
                 {"tags": {str(n): "v" for n in range(16)}}, []):
        refused(raw.call("PATCH", f"/keys/{name}/", body))
    assert sorted(keys.get_key(name).key_operations) == ["sign", "verify"]


def test_signing_with_the_current_version_after_an_old_one_was_disabled(keys, raw, name):
    first, second = keys.create_ec_key(name), keys.create_ec_key(name)
    keys.update_key_properties(name, first.properties.version, enabled=False)
    refused(ask(raw, first.id, "sign", "ES256", value=bytes(32)), 403, "Forbidden", "KeyDisabled")
    assert done(raw, second.id, "sign", "ES256", value=bytes(32))


BAD_CREATES = [
    {}, {"kty": None}, {"kty": ""}, {"kty": "rsa2"}, {"kty": 5}, [], None, b"", b"{",
    *({"kty": "RSA", "key_size": size} for size in (
        0, 512, 1024, 2047, 2049, 8192, 2**31 - 1, 2**40, -2048, "x", 2048.5
    )),
    *({"kty": "RSA", "public_exponent": exponent} for exponent in (
        0, 1, 2, 65536, -3, 2**64 + 1, "x"
    )),
    {"kty": "EC", "crv": "P-224"}, {"kty": "EC", "crv": ""}, {"kty": "EC", "crv": 5},
    {"kty": "EC", "crv": "P-256", "key_size": 384}, {"kty": "oct", "key_size": 256},
    {"kty": "RSA", "attributes": {"exportable": True}},
    {"kty": "RSA", "attributes": {"exp": -1e300}}, {"kty": "RSA", "tags": []},
]


@pytest.mark.parametrize("body", BAD_CREATES, ids=str)
def test_what_cannot_be_made_is_refused(raw, name, body):
    answer = raw.call("POST", f"/keys/{name}/create", body)
    assert (answer.status, answer.code) == (400, "BadParameter"), answer
    assert raw.call("GET", f"/keys/{name}").status == 404


@pytest.mark.parametrize("bad", ["bad_name", "x" * 128, "a.b", "%C3%A9", "a%20b", "a%00b"])
def test_a_bad_name_is_refused(raw, bad):
    answer = raw.call("POST", f"/keys/{bad}/create", {"kty": "EC"})
    assert (answer.status, answer.code) == (400, "BadParameter"), answer


@pytest.mark.parametrize("method, path", [
    ("PUT", "/keys/x/create"), ("POST", "/keys/x"), ("GET", "/keys/x/v/sign"),
    ("POST", "/keys/x/v/explode"), ("PUT", "/keys/x/v/sign"), ("DELETE", "/keys/x/rotationpolicy"),
    ("GET", "/keys/x/rotate"), ("POST", "/keys/x/y/sign/z"), ("DELETE", "/keys"),
])
def test_what_is_no_operation(raw, method, path):
    """GET /keys/x/rotate reads as a version called `rotate`, which no key has."""
    answer = raw.call(method, path, None)
    assert answer.status in (400, 404, 405), answer
    assert answer.code
