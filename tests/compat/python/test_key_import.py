"""Keys from outside: a JWK in the clear, and a blob wrapped for a key exchange key (BYOK)."""

import json
import os

import pytest
from azure.core.exceptions import HttpResponseError
from azure.keyvault.keys import JsonWebKey
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

import independent
from forge import encode


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(65537, 2048)


def signs_as(keys, name, public, algorithm):
    """What the imported key signs verifies under the public half that was never imported."""
    digest = independent.digest_of(algorithm, name.encode())
    signature = keys.get_cryptography_client(name).sign(algorithm, digest).signature
    return independent.verifies(public, algorithm, digest, signature)


@pytest.mark.parametrize("size, exponent", [(2048, 65537), (2048, 3), (3072, 65537), (4096, 65537)])
def test_rsa(keys, name, size, exponent):
    private = rsa.generate_private_key(exponent, size)
    jwk = independent.client_jwk_of(private)
    made = keys.import_key(name, jwk, tags={"from": "outside"})
    assert (made.key.kty, made.key.n, made.key.e) == ("RSA", jwk.n, jwk.e)
    assert made.properties.tags == {"from": "outside"}
    assert signs_as(keys, name, private.public_key(), "RS256")
    public = independent.public_key_of(keys.get_key(name).key)
    ciphertext = independent.rsa_encrypt(public, "RSA-OAEP-256", b"in")
    opened = keys.get_cryptography_client(name).decrypt("RSA-OAEP-256", ciphertext)
    assert opened.plaintext == b"in"


@pytest.mark.parametrize("algorithm", independent.CURVE_OF)
def test_ec(keys, name, algorithm):
    private = ec.generate_private_key(independent.CURVES[independent.CURVE_OF[algorithm]])
    jwk = independent.client_jwk_of(private)
    made = keys.import_key(name, jwk)
    assert (made.key.kty, made.key.crv) == ("EC", jwk.crv)
    assert (made.key.x, made.key.y) == (jwk.x, jwk.y)
    assert signs_as(keys, name, private.public_key(), algorithm)


def test_an_import_is_a_new_version(keys, rsa_key, name):
    made = keys.create_rsa_key(name)
    imported = keys.import_key(name, independent.client_jwk_of(rsa_key), enabled=False)
    assert keys.get_key(name).id == imported.id != made.id
    assert keys.get_key(name).properties.enabled is False
    assert keys.get_key(name, made.properties.version).key.n == made.key.n


def test_the_operations_of_the_jwk_are_kept(keys, rsa_key, name):
    jwk = independent.client_jwk_of(rsa_key)
    jwk.key_ops = ["sign"]
    assert keys.import_key(name, jwk).key_operations == ["sign"]


@pytest.mark.parametrize("say", ["Hsm", "kty"])
def test_into_the_device(raw, rsa_key, name, say):
    """`dev` has none, and says so: hsmPlatform 0."""
    jwk = independent.jwk_of(rsa_key)
    body = {"key": jwk, "Hsm": True} if say == "Hsm" else {"key": {**jwk, "kty": "RSA-HSM"}}
    answer = raw.call("PUT", f"/keys/{name}", body, version="7.5")
    assert answer.status == 200, answer
    assert answer.json()["key"]["kty"] == "RSA-HSM"
    assert answer.json()["attributes"]["hsmPlatform"] == "0"


def changed(jwk, **members):
    """None takes a member away."""
    return {k: v for k, v in {**jwk, **members}.items() if v is not None}


def add(value, jwk, member):
    """A number of a JWK, and something more."""
    raw = independent.decode(jwk[member])
    return encode((independent.number(raw) + value).to_bytes(len(raw)))


RSA_FAULTS = {
    "no modulus": lambda jwk: changed(jwk, n=None),
    "no exponent": lambda jwk: changed(jwk, e=None),
    "no private half": lambda jwk: changed(
        jwk, d=None, p=None, q=None, dp=None, dq=None, qi=None
    ),
    "an even modulus": lambda jwk: changed(jwk, n=add(-1, jwk, "n")),
    "another modulus": lambda jwk: changed(jwk, n=add(2, jwk, "n")),
    "e of 1": lambda jwk: changed(jwk, e="AQ"),
    "e of 0": lambda jwk: changed(jwk, e="AA"),
    "an even e": lambda jwk: changed(jwk, e="AQAA"),
    "another e": lambda jwk: changed(jwk, e="Aw"),
    "another d": lambda jwk: changed(jwk, d=add(2, jwk, "d")),
    "d of 0": lambda jwk: changed(jwk, d="AA"),
    "another p": lambda jwk: changed(jwk, p=add(-2, jwk, "p")),
    "p twice": lambda jwk: changed(jwk, q=jwk["p"]),
    "dp and dq the other way round": lambda jwk: changed(jwk, dp=jwk["dq"], dq=jwk["dp"]),
    "another dp": lambda jwk: changed(jwk, dp=add(-2, jwk, "dp")),
    "another dq": lambda jwk: changed(jwk, dq=add(-2, jwk, "dq")),
    "another qi": lambda jwk: changed(jwk, qi=add(-1, jwk, "qi")),
    "half of the primes' members": lambda jwk: changed(jwk, q=None, dq=None),
    "no base64url": lambda jwk: changed(jwk, n=jwk["n"][:-2] + "+/"),
    "padded base64url": lambda jwk: changed(jwk, e="AQAB===="),
    "a number, not text": lambda jwk: changed(jwk, e=65537),
    "another type": lambda jwk: changed(jwk, kty="EC"),
    "an unknown type": lambda jwk: changed(jwk, kty="DSA"),
    "no type": lambda jwk: changed(jwk, kty=None),
    "an operation of no key": lambda jwk: changed(jwk, key_ops=["explode"]),
    "a modulus far too long": lambda jwk: changed(jwk, n="_" * 40_000),
}


@pytest.mark.parametrize("fault", RSA_FAULTS)
def test_a_bad_rsa_key_is_refused(raw, rsa_key, name, fault):
    bad = RSA_FAULTS[fault](independent.jwk_of(rsa_key))
    answer = raw.call("PUT", f"/keys/{name}", {"key": bad})
    assert (answer.status, answer.code) == (400, "BadParameter"), answer
    assert raw.call("GET", f"/keys/{name}").status == 404


@pytest.mark.parametrize("size", [1024, 2047, 2056, 8192])
def test_a_modulus_of_no_allowed_size_is_refused(raw, name, size):
    if size == 8192:  # Making one takes too long: only the length can be wrong with it then.
        jwk = independent.jwk_of(rsa.generate_private_key(65537, 2048))
        jwk["n"] = encode(b"\xc1" * 1024)
    else:
        jwk = independent.jwk_of(rsa.generate_private_key(65537, size))
    answer = raw.call("PUT", f"/keys/{name}", {"key": jwk})
    assert (answer.status, answer.code) == (400, "BadParameter"), answer


ORDER_OF_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

EC_FAULTS = {
    "a point off the curve": lambda jwk: changed(jwk, y=add(1, jwk, "y")),
    "the point of another key": lambda jwk: changed(jwk, **{
        member: independent.jwk_of(ec.generate_private_key(ec.SECP256R1()))[member]
        for member in ("x", "y")
    }),
    "the point at infinity": lambda jwk: changed(jwk, x=encode(bytes(32)), y=encode(bytes(32))),
    "d of 0": lambda jwk: changed(jwk, d=encode(bytes(32))),
    "d of the order": lambda jwk: changed(jwk, d=encode(ORDER_OF_P256.to_bytes(32))),
    "d beyond the order": lambda jwk: changed(jwk, d=encode(b"\xff" * 32)),
    "another d": lambda jwk: changed(jwk, d=add(1, jwk, "d")),
    "no d": lambda jwk: changed(jwk, d=None),
    "no x": lambda jwk: changed(jwk, x=None),
    "no curve": lambda jwk: changed(jwk, crv=None),
    "another curve": lambda jwk: changed(jwk, crv="P-384"),
    "a curve of the same size": lambda jwk: changed(jwk, crv="P-256K"),
    "an unknown curve": lambda jwk: changed(jwk, crv="P-224"),
    "a coordinate too long": lambda jwk: changed(jwk, x=jwk["x"] + "AAAA"),
    "an operation of other keys": lambda jwk: changed(jwk, key_ops=["encrypt"]),
}


@pytest.mark.parametrize("fault", EC_FAULTS)
def test_a_bad_ec_key_is_refused(raw, name, fault):
    bad = EC_FAULTS[fault](independent.jwk_of(ec.generate_private_key(ec.SECP256R1())))
    answer = raw.call("PUT", f"/keys/{name}", {"key": bad})
    assert (answer.status, answer.code) == (400, "BadParameter"), answer
    assert raw.call("GET", f"/keys/{name}").status == 404


def test_a_refusal_of_key_material_does_not_say_what_was_wrong(raw, rsa_key, name):
    jwk = independent.jwk_of(rsa_key)
    faults = ["another d", "another p", "another dp", "another qi", "an even modulus"]
    texts = {raw.call("PUT", f"/keys/{name}", {"key": RSA_FAULTS[fault](jwk)}).body
             for fault in faults}
    assert len(texts) == 1, texts


@pytest.mark.parametrize("body", [
    {}, {"key": None}, {"key": []}, {"key": "x"}, {"key": {}}, [], None, b"", b"{", b'{"key":',
])
def test_a_body_without_a_key_is_refused(raw, name, body):
    answer = raw.call("PUT", f"/keys/{name}", body)
    assert (answer.status, answer.code) == (400, "BadParameter"), answer


def test_a_symmetric_key_is_not_for_vaults(keys, raw, name):
    """OPERATIONS.md, section 0, row 17."""
    jwk = {"kty": "oct", "k": encode(os.urandom(32))}
    answer = raw.call("PUT", f"/keys/{name}", {"key": jwk})
    assert (answer.status, answer.code) == (400, "BadParameter")
    for device in (False, True):
        with pytest.raises(HttpResponseError) as refused:
            keys.create_oct_key(name, size=256, hardware_protected=device)
        assert refused.value.status_code == 400


@pytest.fixture(scope="module")
def exchange(keys):
    """A key exchange key: made for nothing but to unwrap keys that are imported."""
    return keys.create_rsa_key("exchange", hardware_protected=True, key_operations=["import"])


def transfer_blob(exchange, private, **header):
    """What the vendors' BYOK tools write ("Bring your own key specification")."""
    pkcs8 = private.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    aes = os.urandom(32)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    wrapped = independent.public_key_of(exchange.key).encrypt(aes, oaep)
    wrapped += keywrap.aes_key_wrap_with_padding(aes, pkcs8)
    return {
        "schema_version": "1.0.0",
        "header": {"kid": exchange.id, "alg": "dir", "enc": "CKM_RSA_AES_KEY_WRAP", **header},
        "ciphertext": encode(wrapped),
        "generator": "compat tests",
    }


def as_jwk(blob, kty="RSA-HSM", **members):
    return JsonWebKey(kty=kty, t=json.dumps(blob).encode(), **members)


def test_byok(keys, exchange, rsa_key, name):
    made = keys.import_key(name, as_jwk(transfer_blob(exchange, rsa_key)))
    assert made.key_type == "RSA-HSM"
    assert independent.public_key_of(made.key) == rsa_key.public_key()
    assert signs_as(keys, name, rsa_key.public_key(), "PS256")


def test_byok_of_a_key_on_a_curve(keys, exchange, name):
    private = ec.generate_private_key(ec.SECP384R1())
    made = keys.import_key(name, as_jwk(transfer_blob(exchange, private), "EC-HSM", crv="P-384"))
    assert independent.public_key_of(made.key) == private.public_key()
    assert signs_as(keys, name, private.public_key(), "ES384")


def test_an_exchange_key_does_nothing_else(keys, raw, exchange):
    assert keys.get_key("exchange").key_operations == ["import"]
    for operation, algorithm in [("unwrapkey", "RSA-OAEP"), ("decrypt", "RSA-OAEP"),
                                 ("wrapkey", "RSA-OAEP"), ("sign", "RS256")]:
        answer = raw.call("POST", f"/keys/exchange//{operation}",
                          {"alg": algorithm, "value": "A" * 43})
        assert (answer.status, answer.inner_code) == (403, "KeyOperationForbidden"), operation
    with pytest.raises(HttpResponseError) as refused:
        keys.create_rsa_key("exchange-2", key_operations=["import", "unwrapKey"])
    assert refused.value.status_code == 400


def broken(blob, **members):
    return {**blob, **members}


BLOB_FAULTS = {
    "a byte of the wrapped AES key": lambda blob: broken(
        blob, ciphertext="A" + blob["ciphertext"][1:]
    ),
    "a byte of the wrapped private key": lambda blob: broken(
        blob, ciphertext=blob["ciphertext"][:-5] + "AAAAA"
    ),
    "cut short": lambda blob: broken(blob, ciphertext=blob["ciphertext"][:300]),
    "empty": lambda blob: broken(blob, ciphertext=""),
    "another algorithm": lambda blob: broken(
        blob, header={**blob["header"], "enc": "CKM_AES_KEY_WRAP"}
    ),
    "no header": lambda blob: broken(blob, header=None),
    "an unknown exchange key": lambda blob: broken(
        blob, header={**blob["header"], "kid": blob["header"]["kid"].replace("exchange", "absent")}
    ),
    "an exchange key of elsewhere": lambda blob: broken(
        blob, header={**blob["header"], "kid": f"https://elsewhere.example/keys/k/{'0' * 32}"}
    ),
}


@pytest.mark.parametrize("fault", BLOB_FAULTS)
def test_a_bad_blob_is_refused(keys, exchange, rsa_key, name, fault):
    blob = BLOB_FAULTS[fault](transfer_blob(exchange, rsa_key))
    with pytest.raises(HttpResponseError) as refused:
        keys.import_key(name, as_jwk(blob))
    assert refused.value.status_code == 400
    assert refused.value.error.code == "BadParameter"


def test_a_blob_that_is_no_json_is_refused(keys, name):
    for blob in (b"", b"{", b"[]", b"\x00" * 500):
        with pytest.raises(HttpResponseError) as refused:
            keys.import_key(name, JsonWebKey(kty="RSA-HSM", t=blob))
        assert refused.value.status_code == 400


def test_only_an_exchange_key_unwraps(keys, rsa_key, name):
    usual = keys.create_rsa_key(f"{name}-usual")
    with pytest.raises(HttpResponseError) as refused:
        keys.import_key(name, as_jwk(transfer_blob(usual, rsa_key)))
    assert 400 <= refused.value.status_code < 500
