"""Bring your own key: transfer blobs that OpenSSL made outside, imported by the official client,
also as `az keyvault key import --byok-file` sends them, and used in the vault."""

import json
import os
import subprocess

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential
from azure.keyvault.keys import JsonWebKey, KeyClient
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

import independent
from attested import (  # noqa: F401: fixtures among them
    authority, environment, printed, record_of, released, second, server, token, usual,
    with_binary,
)
from environment import policy, secrets_of
from forge import decode, encode
from key_work import done

NOT_OPENED = (
    "The key transfer blob in key_hsm cannot be opened. Its kid must name an enabled RSA key of "
    "this vault whose only key operation is import, and its ciphertext must be wrapped for that "
    "key."
)
GENERATE = {
    "RSA-2048": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "RSA-3072": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
    "RSA-4096": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"],
    "P-256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "P-384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "P-521": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
    "P-256K": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
}
ALGORITHM = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "P-256K": "ES256K"}


@pytest.fixture(scope="module")
def openssl(tmp_path_factory):
    """OpenSSL at work in a directory of its own."""
    folder = tmp_path_factory.mktemp("outside")

    def openssl(*arguments):
        ended = subprocess.run(["openssl", *map(str, arguments)], cwd=folder, check=True,
                               capture_output=True, timeout=60)
        return ended.stdout
    openssl.folder = folder
    return openssl


@pytest.fixture(scope="module")
def exchange(keys):
    """The key exchange key, as `az keyvault key create --kty RSA-HSM --ops import` makes it."""
    return keys.create_rsa_key("exchange", hardware_protected=True, key_operations=["import"])


def pem_of(key):
    """What `az keyvault key download` gives the tool outside."""
    return independent.public_key_of(key.key).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def file_of(exchange, ciphertext, **header):
    """A .byok file."""
    blob = {
        "schema_version": "1.0.0",
        "header": {"kid": exchange.id, "alg": "dir", "enc": "CKM_RSA_AES_KEY_WRAP", **header},
        "ciphertext": encode(ciphertext),
        "generator": "OpenSSL; compat tests",
    }
    return json.dumps(blob).encode()


def wrapped(exchange, target, aes=None):
    """RSA-OAEP(AES key) and AES-KWP(target), by pyca."""
    aes = os.urandom(32) if aes is None else aes
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    carrier = independent.public_key_of(exchange.key).encrypt(aes, oaep)
    return carrier + keywrap.aes_key_wrap_with_padding(aes, target)


def pkcs8_of(private):
    return private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8,
                                 serialization.NoEncryption())


def as_az(blob, kty="RSA", curve=None, key_ops=None):
    """The key that `az keyvault key import --byok-file --kty --curve --ops` hands the client."""
    key = JsonWebKey(key_ops=key_ops)
    key.kty, key.t, key.crv = kty + "-HSM", blob, curve
    return key


def works(keys, raw, made, public):
    """What the vault signs verifies outside, and what is encrypted outside opens in it."""
    algorithm = ALGORITHM.get(made.key.crv, "RS512")
    digest = independent.digest_of(algorithm, made.name.encode())
    signature = keys.get_cryptography_client(made.name).sign(algorithm, digest).signature
    fits = independent.verifies(public, algorithm, digest, signature)
    if isinstance(public, rsa.RSAPublicKey):
        ciphertext = independent.rsa_encrypt(public, "RSA-OAEP-256", b"outside")
        opened = done(raw, made.id, "decrypt", "RSA-OAEP-256", value=ciphertext)
        fits = fits and opened == b"outside"
    return fits and independent.public_key_of(made.key) == public


@pytest.mark.parametrize("size", [2048, 3072, 4096])
@pytest.mark.parametrize("kind", GENERATE)
def test_openssl_wraps(server, keys, raw, openssl, name, kind, size):
    """As in docs/keys.md, for every key and every size of exchange key."""
    kek = keys.create_rsa_key(f"exchange-{size}", size=size, hardware_protected=True,
                              key_operations=["import"])
    (openssl.folder / "kek.pem").write_bytes(pem_of(kek))
    openssl("genpkey", *GENERATE[kind], "-out", "target.pem")
    openssl("pkcs8", "-topk8", "-nocrypt", "-in", "target.pem", "-outform", "DER",
            "-out", "target.der")
    openssl("rand", "-out", "aes.key", 32)
    openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", "kek.pem", "-in", "aes.key",
            "-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha1",
            "-pkeyopt", "rsa_mgf1_md:sha1", "-out", "carrier")
    aes = (openssl.folder / "aes.key").read_bytes().hex()
    openssl("enc", "-id-aes256-wrap-pad", "-iv", "A65959A6", "-K", aes, "-in", "target.der",
            "-out", "wrapped")
    ciphertext = (openssl.folder / "carrier").read_bytes()
    assert len(ciphertext) == size // 8
    blob = file_of(kek, ciphertext + (openssl.folder / "wrapped").read_bytes())

    kty, curve = ("EC", kind) if kind.startswith("P-") else ("RSA", None)
    made = keys.import_key(name, as_az(blob, kty, curve), hardware_protected=True)
    assert made.key_type == f"{kty}-HSM"
    private = (openssl.folder / "target.pem").read_bytes()
    public = serialization.load_pem_private_key(private, None).public_key()
    assert works(keys, raw, made, public)


def test_the_commands_of_the_documentation(server, keys, raw, tmp_path):
    """docs/keys.md, as it is printed there."""
    commands = printed("sh", "strongroom key create exchange ")
    keep = 'cp payroll.pem kept.pem\nstrongroom key import'
    assert commands.count("strongroom key import") == 1
    commands = commands.replace("strongroom key import", keep)
    ran = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=tmp_path,
                         env=with_binary(server), capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    private = serialization.load_pem_private_key((tmp_path / "kept.pem").read_bytes(), None)
    assert works(keys, raw, keys.get_key("payroll"), private.public_key())
    assert not (tmp_path / "wrapping.key").exists()


@pytest.fixture(scope="module")
def rsa_key():
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def ec_key():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def sound(exchange, rsa_key):
    return file_of(exchange, wrapped(exchange, pkcs8_of(rsa_key)))


@pytest.mark.parametrize("protected", [True, False, None])
def test_as_az_sends_it(keys, raw, rsa_key, sound, name, protected):
    """Without `--protection hsm` az says hsm: false, and RSA-HSM all the same."""
    made = keys.import_key(name, as_az(sound, key_ops=["sign", "decrypt"]), tags={"from": "hsm"},
                           hardware_protected=protected, enabled=True)
    assert made.key_type == "RSA-HSM"
    assert sorted(made.key_operations) == ["decrypt", "sign"]
    assert made.properties.tags == {"from": "hsm"}
    assert works(keys, raw, made, rsa_key.public_key())


def test_the_kid_may_name_no_version(keys, raw, exchange, ec_key, name):
    kid = exchange.id.rsplit("/", 1)[0]
    blob = file_of(exchange, wrapped(exchange, pkcs8_of(ec_key)), kid=kid)
    made = keys.import_key(name, as_az(blob, "EC", "P-256"), hardware_protected=True)
    assert works(keys, raw, made, ec_key.public_key())


def test_an_older_version_of_the_exchange_key(keys, raw, rsa_key, name):
    old = keys.create_rsa_key(f"{name}-kek", hardware_protected=True, key_operations=["import"])
    blob = file_of(old, wrapped(old, pkcs8_of(rsa_key)))
    keys.create_rsa_key(f"{name}-kek", hardware_protected=True, key_operations=["import"])
    made = keys.import_key(name, as_az(blob))
    assert works(keys, raw, made, rsa_key.public_key())


@pytest.mark.parametrize("bits", [128, 192, 256])
def test_each_size_of_wrapping_key(keys, raw, exchange, rsa_key, name, bits):
    blob = file_of(exchange, wrapped(exchange, pkcs8_of(rsa_key), os.urandom(bits // 8)))
    assert works(keys, raw, keys.import_key(name, as_az(blob)), rsa_key.public_key())


def test_with_padding_and_without_a_generator(keys, raw, exchange, rsa_key, sound, name):
    """As other tools write it."""
    blob = json.loads(sound)
    blob["ciphertext"] += "=" * (-len(blob["ciphertext"]) % 4)
    del blob["generator"]
    made = keys.import_key(name, as_az(json.dumps(blob, indent=2).encode()))
    assert works(keys, raw, made, rsa_key.public_key())


def test_brought_and_released(server, keys, environment, usual, token, sound, rsa_key, name):
    """The whole way of a key from outside into an attested environment."""
    keys.import_key(name, as_az(sound), hardware_protected=True, exportable=True,
                    release_policy=usual)
    private, _ = released(server, keys, environment, name, token())
    assert independent.numbers_of(private) == independent.numbers_of(rsa_key)


def test_no_answer_and_no_record_holds_it(server, raw, sound, rsa_key, name):
    body = {"key": {"kty": "RSA-HSM", "key_hsm": encode(sound)}, "Hsm": True}
    answer = raw.call("PUT", f"/keys/{name}", body)
    assert answer.status == 200, answer
    assert set(answer.json()["key"]) == {"kid", "kty", "key_ops", "n", "e"}
    refused = raw.call("PUT", f"/keys/{name}-2", {"key": {"kty": "RSA", "key_hsm": encode(sound)}})
    assert refused.status == 400
    record = record_of(server, refused.headers["x-ms-request-id"])
    assert (record["operationName"], record["resultType"]) == ("KeyImport", "Failure")
    kept = server.cli("audit", "tail", "--all", "--format", "json") + server.log.read_text()
    ciphertext = json.loads(sound)["ciphertext"]
    for planted in [*secrets_of(rsa_key), ciphertext[:60], ciphertext[-60:], encode(sound)[-60:]]:
        assert planted not in kept
        assert planted not in answer.body.decode() + refused.body.decode()


def is_refused(keys, name, key, **options):
    """The text of the one refusal that there may be; and nothing was made."""
    with pytest.raises(HttpResponseError) as heard:
        keys.import_key(name, key, **options)
    assert (heard.value.status_code, heard.value.error.code) == (400, "BadParameter")
    assert not heard.value.error.innererror
    with pytest.raises(HttpResponseError) as absent:
        keys.get_key(name)
    assert absent.value.status_code == 404
    return heard.value.error.message


def flipped(blob, at):
    """A bit of the ciphertext turned round."""
    blob = json.loads(blob)
    ciphertext = bytearray(decode(blob["ciphertext"]))
    ciphertext[at] ^= 1
    return json.dumps({**blob, "ciphertext": encode(bytes(ciphertext))}).encode()


def cut(blob, start, end):
    blob = json.loads(blob)
    ciphertext = decode(blob["ciphertext"])[start:end]
    return json.dumps({**blob, "ciphertext": encode(ciphertext)}).encode()


@pytest.mark.parametrize("spoil", [
    *[lambda blob, at=at: flipped(blob, at) for at in (0, 1, 128, 255, 256, 264, 700, -1)],
    lambda blob: cut(blob, 0, 0), lambda blob: cut(blob, 0, 255), lambda blob: cut(blob, 0, 256),
    lambda blob: cut(blob, 0, 264), lambda blob: cut(blob, 0, -8), lambda blob: cut(blob, 0, -1),
    lambda blob: cut(blob, 1, None), lambda blob: cut(blob, 256, None),
], ids=lambda spoil: None)
def test_a_ciphertext_that_was_tampered_with(keys, sound, name, spoil):
    assert is_refused(keys, name, as_az(spoil(sound))) == NOT_OPENED


@pytest.mark.parametrize("aes", [b"", b"a" * 8, b"a" * 15, b"a" * 31, b"a" * 33, b"a" * 64],
                         ids=len)
def test_a_wrapping_key_of_no_size(keys, exchange, rsa_key, name, aes):
    target = wrapped(exchange, pkcs8_of(rsa_key))[256:]
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    carrier = independent.public_key_of(exchange.key).encrypt(aes, oaep)
    assert is_refused(keys, name, as_az(file_of(exchange, carrier + target))) == NOT_OPENED


@pytest.mark.parametrize("used", [hashes.SHA256(), hashes.SHA384()], ids=lambda used: used.name)
def test_another_hash_than_the_specification_says(keys, exchange, rsa_key, name, used):
    aes = os.urandom(32)
    oaep = padding.OAEP(padding.MGF1(used), used, None)
    carrier = independent.public_key_of(exchange.key).encrypt(aes, oaep)
    target = keywrap.aes_key_wrap_with_padding(aes, pkcs8_of(rsa_key))
    assert is_refused(keys, name, as_az(file_of(exchange, carrier + target))) == NOT_OPENED


@pytest.fixture(scope="module")
def other_vault(server):
    server.create_vault("neighbour")
    server.cli("role", "assignment", "create", "--assignee", server.ready["owner"]["clientId"],
               "--role", "Key Vault Administrator", "--scope", server.vault_id("neighbour"))
    with KeyClient(server.vault_url("neighbour"), DefaultAzureCredential()) as client:
        yield client


def made_exchange(keys, name, **options):
    options = {"hardware_protected": True, "key_operations": ["import"], **options}
    return keys.create_rsa_key(name, **options)


@pytest.mark.parametrize("case", [
    "wrapped for another", "of another vault", "not there", "a version not there", "unwrapKey",
    "every operation", "disabled", "deleted", "on a curve", "elsewhere",
])
def test_an_exchange_key_that_does_not_open_it(keys, other_vault, exchange, rsa_key, name, case):
    """One text for all of them, and the key that is imported is never there."""
    kek = made_exchange(keys, f"{name}-kek")
    blob = file_of(kek, wrapped(kek, pkcs8_of(rsa_key)))
    if case == "wrapped for another":
        blob = file_of(kek, wrapped(exchange, pkcs8_of(rsa_key)))
    elif case == "of another vault":
        kek = made_exchange(other_vault, "exchange")
        blob = file_of(kek, wrapped(kek, pkcs8_of(rsa_key)))
        assert other_vault.import_key(name, as_az(blob)).key_type == "RSA-HSM"
    elif case == "not there":
        blob = file_of(kek, wrapped(kek, pkcs8_of(rsa_key)), kid=kek.id.replace("-kek", "-gone"))
    elif case == "a version not there":
        kid = f"{kek.id.rsplit('/', 1)[0]}/{'0' * 32}"
        blob = file_of(kek, wrapped(kek, pkcs8_of(rsa_key)), kid=kid)
    elif case in ("unwrapKey", "every operation"):
        some = ["unwrapKey"] if case == "unwrapKey" else None
        kek = made_exchange(keys, f"{name}-kek", key_operations=some)
        blob = file_of(kek, wrapped(kek, pkcs8_of(rsa_key)))
    elif case == "disabled":
        keys.update_key_properties(kek.name, enabled=False)
    elif case == "deleted":
        keys.begin_delete_key(kek.name).wait()
    elif case == "on a curve":
        curve = keys.create_ec_key(f"{name}-ec")
        blob = file_of(curve, wrapped(kek, pkcs8_of(rsa_key)))
    elif case == "elsewhere":
        kid = kek.id.replace("//dev.", "//elsewhere.")
        blob = file_of(kek, wrapped(kek, pkcs8_of(rsa_key)), kid=kid)
    assert is_refused(keys, name, as_az(blob)) == NOT_OPENED


def test_an_exchange_key_is_good_again_when_it_is_enabled(keys, raw, rsa_key, name):
    kek = made_exchange(keys, f"{name}-kek", enabled=False)
    blob = as_az(file_of(kek, wrapped(kek, pkcs8_of(rsa_key))))
    assert is_refused(keys, name, blob) == NOT_OPENED
    keys.update_key_properties(kek.name, enabled=True)
    assert works(keys, raw, keys.import_key(name, blob), rsa_key.public_key())


@pytest.mark.parametrize("operations", [["import", "unwrapKey"], ["import", "sign"]])
def test_an_exchange_key_for_something_else_besides(keys, name, operations):
    with pytest.raises(HttpResponseError) as heard:
        made_exchange(keys, name, key_operations=operations)
    assert (heard.value.status_code, heard.value.error.code) == (400, "BadParameter")


def test_an_exchange_key_stays_one(keys, exchange, name):
    """Its key_ops are fixed, as the specification says: else what is wrapped for it could be
    unwrapped in the clear; and no key for something else becomes one."""
    usual = keys.create_rsa_key(name, hardware_protected=True, key_operations=["unwrapKey"])
    for key, operations in [(exchange.name, ["unwrapKey"]), (exchange.name, ["import", "sign"]),
                            (exchange.name, []), (usual.name, ["import"])]:
        with pytest.raises(HttpResponseError) as heard:
            keys.update_key_properties(key, key_operations=operations)
        assert (heard.value.status_code, heard.value.error.code) == (400, "BadParameter")
    assert keys.get_key(exchange.name).key_operations == ["import"]
    assert keys.get_key(usual.name).key_operations == ["unwrapKey"]


def test_software_types_are_refused(keys, raw, sound, name):
    """A blob comes from a device and goes to one."""
    for kty in ("RSA", "EC"):
        text = is_refused(keys, name, JsonWebKey(kty=kty, t=sound))
        assert text == (
            f"key_hsm is for keys of the types with -HSM at their end, not for {kty}.")


@pytest.mark.parametrize("case", [
    "EC as RSA", "RSA as EC", "RSA of 1024 bits", "RSA of 8192 bits", "Ed25519", "X25519",
    "PKCS #1", "SEC 1", "a public key", "PEM", "encrypted PKCS #8", "random", "DSA", "trailing",
])
def test_a_target_that_is_no_such_key(keys, exchange, rsa_key, ec_key, openssl, name, case):
    traditional = serialization.PrivateFormat.TraditionalOpenSSL
    der, clear = serialization.Encoding.DER, serialization.NoEncryption()
    generated = {"Ed25519": ["-algorithm", "ED25519"], "X25519": ["-algorithm", "X25519"]}
    if case in generated:
        target = openssl("genpkey", *generated[case], "-outform", "DER")
    elif case == "DSA":
        openssl("dsaparam", "-out", "dsa.pem", 2048)
        target = openssl("genpkey", "-paramfile", "dsa.pem", "-outform", "DER")
    else:
        target = {
            "EC as RSA": lambda: pkcs8_of(ec_key),
            "RSA as EC": lambda: pkcs8_of(rsa_key),
            "RSA of 1024 bits": lambda: pkcs8_of(rsa.generate_private_key(65537, 1024)),
            "RSA of 8192 bits": lambda: b"\x30\x82\x12\x00" + bytes(0x1200),
            "PKCS #1": lambda: rsa_key.private_bytes(der, traditional, clear),
            "SEC 1": lambda: ec_key.private_bytes(der, traditional, clear),
            "a public key": lambda: rsa_key.public_key().public_bytes(
                der, serialization.PublicFormat.SubjectPublicKeyInfo),
            "PEM": lambda: rsa_key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, clear),
            "encrypted PKCS #8": lambda: rsa_key.private_bytes(
                der, serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(b"password")),
            "random": lambda: os.urandom(1200),
            "trailing": lambda: pkcs8_of(rsa_key) + b"\x00",
        }[case]()
    kty = "EC" if case in ("RSA as EC", "SEC 1") else "RSA"
    curve = "P-256" if kty == "EC" else None
    key = as_az(file_of(exchange, wrapped(exchange, target)), kty, curve)
    assert is_refused(keys, name, key) != NOT_OPENED, "it was opened, and is no good"


def test_a_curve_that_is_not_the_keys(keys, exchange, ec_key, name):
    key = as_az(file_of(exchange, wrapped(exchange, pkcs8_of(ec_key))), "EC", "P-384")
    assert is_refused(keys, name, key)


MALFORMED = {
    "no JSON": lambda blob: b"\x00" * 500,
    "nothing": lambda blob: b"{}",
    "a list": lambda blob: json.dumps([blob]).encode(),
    "another schema": lambda blob: json.dumps({**blob, "schema_version": "2.0.0"}).encode(),
    "no schema": lambda blob: json.dumps({**blob, "schema_version": None}).encode(),
    "no header": lambda blob: json.dumps({**blob, "header": None}).encode(),
    "no ciphertext": lambda blob: json.dumps({**blob, "ciphertext": None}).encode(),
    "the other base64": lambda blob: json.dumps({**blob, "ciphertext": "+/" * 400}).encode(),
    "far too long": lambda blob: json.dumps({**blob, "ciphertext": "A" * 40_000}).encode(),
    "a member twice": lambda blob: json.dumps(blob).replace(
        '"ciphertext"', '"ciphertext": "AAAA", "ciphertext"').encode(),
    **{f"{name} {value}": lambda blob, name=name, value=value: json.dumps(
        {**blob, "header": {**blob["header"], name: value}}).encode()
       for name, value in [
           ("alg", "none"), ("alg", "RSA-OAEP"), ("alg", None), ("enc", "RSA_AES_KEY_WRAP_256"),
           ("enc", "CKM_AES_KEY_WRAP"), ("kid", ""), ("kid", "exchange"), ("kid", None),
           ("kid", "http://dev.vault.localhost/keys/exchange"),
           ("kid", "https://dev.vault.localhost/secrets/exchange"),
           ("kid", "https://dev.vault.localhost/keys/exchange/../x/y"),
       ]},
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_blob_that_is_malformed(keys, sound, name, case):
    text = is_refused(keys, name, as_az(MALFORMED[case](json.loads(sound))))
    assert text.startswith("The key transfer blob in key_hsm is malformed: "), text


@pytest.mark.parametrize("members", [
    {"key_hsm": ""}, {"key_hsm": "+/+/"}, {"key_hsm": 5}, {"key_hsm": ["x"]}, {"key_hsm": None},
], ids=str)
def test_a_member_that_is_no_blob(raw, name, members):
    answer = raw.call("PUT", f"/keys/{name}", {"key": {"kty": "RSA-HSM", **members}})
    assert (answer.status, answer.code) == (400, "BadParameter"), answer


def test_who_may(server, raw, sound, name):
    """Importing is a right of its own; the exchange key needs none besides."""
    for role, status in [("Key Vault Crypto Officer", 200), ("Key Vault Crypto User", 403),
                         ("Key Vault Crypto Service Release User", 403)]:
        identity = server.create_identity(f"{name}-{status}", role, server.vault_id())
        theirs = server.raw(token=server.token(identity))
        body = {"key": {"kty": "RSA-HSM", "key_hsm": encode(sound)}}
        answer = theirs.call("PUT", f"/keys/{name}", body)
        assert answer.status == status, (role, answer)
        if status == 403:
            assert answer.inner_code == "ForbiddenByRbac"
            assert "Action: 'Microsoft.KeyVault/vaults/keys/import/action'" in answer.message
