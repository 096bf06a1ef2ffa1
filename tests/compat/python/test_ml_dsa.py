"""ML-DSA (FIPS 204), behind the preview api-versions; verified by pyca/cryptography."""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import mldsa

from forge import decode
from key_work import ask, done, refused

PREVIEW = "2026-05-01-preview"
PUBLIC_KEYS = {
    "ML-DSA-44": mldsa.MLDSA44PublicKey,
    "ML-DSA-65": mldsa.MLDSA65PublicKey,
    "ML-DSA-87": mldsa.MLDSA87PublicKey,
}
MESSAGE = b"of any length: " * 100


def create(raw, name, **body):
    return raw.call("POST", f"/keys/{name}/create", {"kty": "AKP", **body}, version=PREVIEW)


@pytest.fixture(scope="module")
def made(server):
    """By algorithm: the identifier and pyca's public key."""
    raw, made = server.raw(), {}
    for algorithm, public_key in PUBLIC_KEYS.items():
        answer = create(raw, algorithm, alg=algorithm)
        assert answer.status == 200, answer
        jwk = answer.json()["key"]
        assert (jwk["kty"], jwk["alg"], jwk["key_ops"]) == ("AKP", algorithm, ["sign", "verify"])
        made[algorithm] = jwk["kid"], public_key.from_public_bytes(decode(jwk["pub"]))
    return made


def verifies(public, signature, message):
    try:
        public.verify(signature, message)
        return True
    except InvalidSignature:
        return False


@pytest.mark.parametrize("algorithm", PUBLIC_KEYS)
def test_a_signature_verifies_everywhere(raw, made, algorithm):
    kid, public = made[algorithm]
    for message in (b"", b"x", MESSAGE):
        signature = done(raw, kid, "sign", algorithm, version=PREVIEW, value=message)
        assert verifies(public, signature, message)
        verified = {"digest": message, "value": signature}
        assert done(raw, kid, "verify", algorithm, version=PREVIEW, **verified) is True
        verified["digest"] = message + b"!"
        assert done(raw, kid, "verify", algorithm, version=PREVIEW, **verified) is False
    flipped = bytes([signature[0] ^ 1]) + signature[1:]
    for wrong in (flipped, signature[:-1], b"x"):
        verified = {"digest": MESSAGE, "value": wrong}
        assert done(raw, kid, "verify", algorithm, version=PREVIEW, **verified) is False


@pytest.mark.parametrize("members", [
    {"context": b"strongroom"}, {"external_mu": bytes(64)}, {"external_mu": bytes(63)},
])
def test_what_is_not_offered_is_refused_and_not_ignored(raw, made, members):
    """A context that was left out would sign something else than what was asked for."""
    kid, _ = made["ML-DSA-65"]
    refused(ask(raw, kid, "sign", "ML-DSA-65", version=PREVIEW, value=b"x", **members))
    refused(ask(raw, kid, "sign", version=PREVIEW, **members))
    refused(ask(raw, kid, "verify", "ML-DSA-65", version=PREVIEW, digest=b"x", value=b"x",
                **members))


def test_bad_input(raw, made, name):
    kid, _ = made["ML-DSA-65"]
    refused(create(raw, name))
    refused(create(raw, name, alg="ML-DSA-99"))
    refused(create(raw, name, alg="ML-DSA-65", key_ops=["encrypt"]))
    for algorithm in ("ML-DSA-44", "ES256", "RS256"):
        refused(ask(raw, kid, "sign", algorithm, version=PREVIEW, value=bytes(32)))


@pytest.mark.parametrize("version", ["7.4", "2025-07-01"])
def test_the_stable_versions_do_not_know_it(raw, name, version):
    body = {"kty": "AKP", "alg": "ML-DSA-65"}
    answer = raw.call("POST", f"/keys/{name}/create", body, version=version)
    assert (answer.status, answer.code) == (400, "BadParameter")
    assert raw.call("GET", f"/keys/{name}", version=PREVIEW).status == 404


def test_backup_and_restore(raw):
    answer = create(raw, "kept", alg="ML-DSA-44")
    jwk = answer.json()["key"]
    public = mldsa.MLDSA44PublicKey.from_public_bytes(decode(jwk["pub"]))
    blob = raw.call("POST", "/keys/kept/backup", version=PREVIEW).json()["value"]
    raw.call("DELETE", "/keys/kept", version=PREVIEW)
    raw.call("DELETE", "/deletedkeys/kept", version=PREVIEW)
    restored = raw.call("POST", "/keys/restore", {"value": blob}, version=PREVIEW)
    assert (restored.status, restored.json()["key"]) == (200, jwk)
    signature = done(raw, jwk["kid"], "sign", "ML-DSA-44", version=PREVIEW, value=MESSAGE)
    assert verifies(public, signature, MESSAGE)


def test_rotation(raw, name):
    jwk = create(raw, name, alg="ML-DSA-44").json()["key"]
    rotated = raw.call("POST", f"/keys/{name}/rotate", version=PREVIEW).json()["key"]
    assert (rotated["kty"], rotated["alg"]) == ("AKP", "ML-DSA-44")
    assert rotated["pub"] != jwk["pub"]
