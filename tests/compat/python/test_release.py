"""Secure key release by the official client: keys of every kind reach the environment that an
attestation service vouches for, and nobody else can open what they come in."""

import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone

import pytest
from azure.core.exceptions import HttpResponseError
from azure.keyvault.keys import ApiVersion, KeyExportEncryptionAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import independent
from attested import (  # noqa: F401: fixtures among them
    NOT_MET, authority, environment, is_pair, is_refused, kept, printed, released, second, server,
    token, usual, with_binary,
)
from environment import Environment, payload_of, policy, written
from forge import decode, encode
from key_work import refused

ALGORITHMS = [algorithm.value for algorithm in KeyExportEncryptionAlgorithm]

KINDS = {
    "RSA-2048": lambda keys, name, **options: keys.create_rsa_key(name, size=2048, **options),
    "RSA-3072": lambda keys, name, **options: keys.create_rsa_key(name, size=3072, **options),
    "RSA-4096": lambda keys, name, **options: keys.create_rsa_key(name, size=4096, **options),
    **{curve: lambda keys, name, curve=curve, **options: keys.create_ec_key(
        name, curve=curve, **options) for curve in independent.CURVES},
}


@pytest.mark.parametrize("device", [False, True], ids=["software", "device"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_key(server, keys, raw, environment, usual, token, name, kind, device):
    made = KINDS[kind](keys, name, hardware_protected=device, exportable=True,
                       release_policy=usual)
    assert made.key_type.endswith("-HSM") is device
    assert made.properties.exportable is True
    private, payload = released(server, keys, environment, name, token())
    assert is_pair(keys, raw, made, private)
    assert payload["response"]["key"]["key"]["kty"] == made.key_type


@pytest.mark.parametrize("algorithm", [None, *KeyExportEncryptionAlgorithm])
@pytest.mark.parametrize("make", [KINDS["RSA-2048"], KINDS["P-384"]], ids=["RSA", "EC"])
def test_each_way_of_wrapping(server, keys, raw, environment, usual, token, name, make, algorithm):
    made = make(keys, name, exportable=True, release_policy=usual)
    private, payload = released(server, keys, environment, name, token(), algorithm=algorithm)
    assert payload["request"]["enc"] == (algorithm or "CKM_RSA_AES_KEY_WRAP")
    assert is_pair(keys, raw, made, private)


@pytest.mark.parametrize("bits", [3072, 4096])
def test_environments_with_longer_keys(server, keys, raw, authority, kept, bits):
    environment = Environment(bits)
    token = authority.token(debuggable=False, **environment.claims())
    for algorithm in ALGORITHMS:
        private, _ = released(server, keys, environment, "kept", token, algorithm=algorithm)
        assert is_pair(keys, raw, kept, private)


@pytest.mark.parametrize("private", [
    rsa.generate_private_key(65537, 2048), rsa.generate_private_key(3, 2048),
    ec.generate_private_key(ec.SECP521R1()),
], ids=["RSA", "RSA, e = 3", "EC"])
def test_an_imported_key_comes_back(server, keys, environment, usual, token, name, private):
    keys.import_key(name, independent.client_jwk_of(private), hardware_protected=True,
                    exportable=True, release_policy=usual)
    back, _ = released(server, keys, environment, name, token())
    assert independent.numbers_of(back) == independent.numbers_of(private)


def test_the_answer_repeats_the_request(server, keys, kept, token):
    version = kept.properties.version
    for asked, nonce in [(None, None), (version, None), (None, "n-1"), (version, "näh; \"n\"")]:
        value = keys.release_key("kept", token(), version=asked, nonce=nonce).value
        payload = payload_of(server, value)
        assert set(payload) == {"request", "response"}
        expected = {
            "api-version": ApiVersion.V2025_07_01.value,
            "enc": "CKM_RSA_AES_KEY_WRAP",
            "kid": kept.id if asked else kept.id.rsplit("/", 1)[0],
        }
        assert payload["request"] == expected | ({"nonce": nonce} if nonce else {})


def test_the_answer_holds_the_key_as_get_does(server, keys, raw, kept, token):
    payload = payload_of(server, keys.release_key("kept", token()).value)
    bundle = payload["response"]["key"]
    del bundle["key"]["key_hsm"]
    assert bundle == raw.call("GET", "/keys/kept", version="2025-07-01").json()
    assert bundle["attributes"]["exportable"] is True
    document = json.loads(decode(bundle["release_policy"]["data"]))
    assert document["anyOf"][0]["allOf"] == [{"claim": "debuggable", "equals": "false"}]


def test_as_the_sidecar_asks(server, raw, environment, keys, kept, token):
    """POST /keys/name/release, without a version or a place for it, and nothing but the token."""
    answer = raw.call("POST", "/keys/kept/release", {"target": token()}, version="7.4")
    assert answer.status == 200, answer
    assert set(answer.json()) == {"value"}
    private = environment.opened(payload_of(server, answer.json()["value"]))
    assert is_pair(keys, raw, kept, private)


def test_the_commands_of_the_documentation(server, keys, raw, environment, usual, token,
                                           tmp_path):
    """docs/keys.md, as it is printed there."""
    made = keys.create_rsa_key("sealed", exportable=True, release_policy=usual)
    (tmp_path / "token.jwt").write_text(token() + "\n")
    (tmp_path / "environment.pem").write_bytes(environment.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption()))
    for command in (["bash", "-euc", printed("sh", "strongroom key release ")],
                    [sys.executable, "-c", printed("python", "import base64")]):
        ran = subprocess.run(command, cwd=tmp_path, env=with_binary(server), capture_output=True,
                             text=True, timeout=60)
        assert ran.returncode == 0, ran.stderr
    released = (tmp_path / "sealed.der").read_bytes()
    assert is_pair(keys, raw, made, serialization.load_der_private_key(released, None))


def test_each_version_is_released_by_itself(server, keys, raw, environment, usual, token, name):
    first = keys.create_ec_key(name, exportable=True, release_policy=usual)
    second = keys.rotate_key(name)
    assert second.properties.exportable is True, "a new version is as the one before"
    for made, version in [(first, first.properties.version), (second, None)]:
        private, _ = released(server, keys, environment, name, token(), version=version)
        assert is_pair(keys, raw, made, private)


def test_outside_its_time_a_key_is_still_released(server, keys, raw, environment, usual, token,
                                                  name):
    """OPERATIONS.md, section 0, row 2."""
    day = timedelta(days=1)
    now = datetime.now(timezone.utc)
    for times in ({"expires_on": now - day}, {"not_before": now + day}):
        made = keys.create_ec_key(name, exportable=True, release_policy=usual, **times)
        private, _ = released(server, keys, environment, name, token())
        assert private.public_key() == independent.public_key_of(made.key)


def test_both_authorities_of_a_policy(keys, authority, second, environment, name):
    both = policy(authority.url, second.url + "/", kind="enclave")
    keys.create_ec_key(name, exportable=True, release_policy=both)
    for issuer in (authority, second):
        good = issuer.token(kind="enclave", **environment.claims())
        assert keys.release_key(name, good).value
        is_refused(keys, name, issuer.token(kind="vm", **environment.claims()), NOT_MET)


def test_nested_conditions(keys, authority, environment, name):
    """The grammar: allOf and anyOf below an authority, claims by their dotted path."""
    tee = "x-ms-isolation-tee"
    document = {"version": "1.0.0", "anyOf": [{"authority": authority.url, "allOf": [
        {"claim": f"{tee}.x-ms-attestation-type", "equals": "sevsnpvm"},
        {"anyOf": [{"claim": f"{tee}.level", "equals": 2}, {"claim": "lab", "equals": True}]},
    ]}]}
    keys.create_ec_key(name, exportable=True, release_policy=written(document))

    def token(kind, level, **claims):
        isolation = {"x-ms-attestation-type": kind, "level": level}
        return authority.token(**{tee: isolation}, **claims, **environment.claims())

    assert keys.release_key(name, token("sevsnpvm", 2)).value
    assert keys.release_key(name, token("sevsnpvm", 1, lab=True)).value
    for bad in [token("sevsnpvm", 1), token("sevsnpvm", "2"), token("sevsnpvm", 3, lab=False),
                token("tdxvm", 2, lab=True), token(["sevsnpvm"], 2),
                authority.token(**{f"{tee}.x-ms-attestation-type": "sevsnpvm", f"{tee}.level": 2},
                                **environment.claims())]:
        is_refused(keys, name, bad, NOT_MET)


def test_an_update_of_the_policy_holds_at_once(server, keys, authority, token, name, usual):
    keys.create_ec_key(name, exportable=True, release_policy=usual)
    good = token()
    for _ in range(2):
        assert keys.release_key(name, good).value
        keys.update_key_properties(name, release_policy=policy(authority.url, debuggable="true"))
        is_refused(keys, name, good, NOT_MET)
        keys.update_key_properties(name, release_policy=usual)


IMMUTABLE = "AKV.SKR.1020: Immutable Key Release Policy cannot be modified."


def test_a_tightened_policy_holds_for_older_versions_too(keys, authority, token, usual, name):
    first = keys.create_ec_key(name, exportable=True, release_policy=usual)
    tighter = policy(authority.url, debuggable="false", level=2)
    keys.create_ec_key(name, exportable=True, release_policy=tighter)
    for version in (None, first.properties.version):
        is_refused(keys, name, token(), NOT_MET, version=version)
        assert keys.release_key(name, token(level=2), version=version).value
        is_refused(keys, name, token(level=2, debuggable=True), NOT_MET, version=version)


def bad(call):
    with pytest.raises(HttpResponseError) as heard:
        call()
    assert (heard.value.status_code, heard.value.error.code) == (400, "BadParameter")
    return heard.value.error.message


def test_an_immutable_policy(server, keys, authority, environment, token, name):
    """It binds the next versions, too: else whoever may create could widen it."""
    usual = policy(authority.url, debuggable="false", immutable=True)
    other = policy(authority.url, debuggable="true", immutable=True)
    made = keys.create_ec_key(name, exportable=True, release_policy=usual)
    assert made.properties.release_policy.immutable is True
    private = independent.client_jwk_of(ec.generate_private_key(ec.SECP256R1()))
    for change in [
        lambda: keys.update_key_properties(name, release_policy=other),
        lambda: keys.create_ec_key(name, exportable=True, release_policy=other),
        lambda: keys.import_key(name, private, exportable=True, release_policy=other),
        lambda: keys.update_key_properties(
            name, release_policy=policy(authority.url, debuggable="false", immutable=False)),
    ]:
        assert bad(change) == IMMUTABLE
    assert keys.get_key(name).id == made.id
    assert keys.rotate_key(name).properties.release_policy.immutable is True
    assert keys.release_key(name, token()).value
    is_refused(keys, name, token(debuggable=True), NOT_MET)


def test_an_immutable_policy_survives_a_restore(keys, authority, token, name):
    usual = policy(authority.url, debuggable="false", immutable=True)
    keys.create_ec_key(name, exportable=True, release_policy=usual)
    blob = keys.backup_key(name)
    keys.begin_delete_key(name).wait()
    keys.purge_deleted_key(name)
    restored = keys.restore_key_backup(blob)
    assert restored.properties.release_policy.immutable is True
    other = policy(authority.url, debuggable="true")
    change = lambda: keys.update_key_properties(name, release_policy=other)  # noqa: E731
    assert bad(change) == IMMUTABLE
    assert keys.release_key(name, token()).value


def test_exportable_is_settled_when_a_key_is_made(keys, raw, usual, name):
    assert "AKV.SKR.1004" in bad(lambda: keys.create_ec_key(name, exportable=True))
    assert "AKV.SKR.1005" in bad(lambda: keys.create_ec_key(name, release_policy=usual))
    keys.create_ec_key(name)
    assert "AKV.SKR.1005" in bad(lambda: keys.update_key_properties(name, release_policy=usual))
    for attributes in ({"exportable": True}, {"exportable": True, "enabled": True}):
        data = {"data": encode(usual.encoded_policy)}
        body = {"attributes": attributes, "release_policy": data}
        assert "AKV.SKR.1014" in refused(raw.call("PATCH", f"/keys/{name}/", body))


AUTHORITY = "https://attest.example"
CLAIM = {"claim": "a", "equals": "b"}


def rule(**members):
    return {"version": "1.0.0", "anyOf": [{"authority": AUTHORITY, "allOf": [CLAIM], **members}]}


@pytest.mark.parametrize("document", [
    {}, [], {"version": "1.0.0"}, {"version": "1.0.0", "anyOf": []},
    {"version": "1.0.0", "anyOf": [{"authority": AUTHORITY}]},
    {"version": "1.0.0", "allOf": [CLAIM]}, {**rule(), "version": "2.0"}, {**rule(), "else": []},
    rule(allOf=[]), rule(anyOf=[CLAIM]), rule(authority=None), rule(authority=""),
    rule(authority="http://attest.example"), rule(authority="attest.example"),
    rule(authority="https://"), rule(allOf=[{"claim": "a"}]), rule(allOf=[{"equals": "b"}]),
    rule(allOf=[{"claim": "a", "exists": True}]), rule(allOf=[{**CLAIM, "notEquals": "c"}]),
    rule(allOf=[{"claim": "", "equals": "b"}]), rule(allOf=[{"claim": "a", "equals": None}]),
    rule(allOf=[{"claim": "a", "equals": ["b"]}]), rule(allOf=[{"not": [CLAIM]}]),
    rule(allOf=[CLAIM] * 300), rule(allOf=[{"claim": "a", "equals": "b" * 40_000}]),
], ids=lambda document: json.dumps(document)[:70])
def test_a_policy_that_is_none(keys, name, document):
    """What is not understood must not be passed over: it might have been the condition."""
    make = lambda: keys.create_ec_key(  # noqa: E731
        name, exportable=True, release_policy=written(document))
    assert bad(make)
    with pytest.raises(HttpResponseError) as heard:
        keys.get_key(name)
    assert heard.value.status_code == 404
