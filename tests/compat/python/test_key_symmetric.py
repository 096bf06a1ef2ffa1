"""Every algorithm of symmetric keys, against the official client and pyca/cryptography.

The real service keeps these keys in a Managed HSM; a switch lets the vaults of this server do so.
The client is kept from working by itself: asked for A256KW or A256CBCPAD, azure-keyvault-keys
4.11.3 does it with a random key of its own, since what the service tells of a key holds none
(`SymmetricKey.from_jwk`), and nobody can ever open the result.
"""

import os
from pathlib import Path

import pytest
from azure.core.exceptions import HttpResponseError
from azure.keyvault.keys import JsonWebKey

import independent
from forge import decode, encode
from key_work import ask, done, refused, remote

OPTIONS = ("--config", str(Path(__file__).with_name("symmetric.toml")))
VERSION = "2025-07-01"
SIZES = (128, 192, 256)
GCM = [f"A{size}GCM" for size in SIZES]
CBC = [f"A{size}CBC" for size in SIZES]
CBC_PAD = [f"A{size}CBCPAD" for size in SIZES]
WRAPS = [*((f"A{size}KW", size) for size in SIZES),
         *(("CKM_AES_KEY_WRAP", size) for size in SIZES)]
MACS = ["HS256", "HS384", "HS512"]
ALL_OPERATIONS = ["encrypt", "decrypt", "wrapKey", "unwrapKey", "sign", "verify"]


@pytest.fixture(scope="module")
def known(keys):
    """Imported keys by their size: identifier and octets."""

    def imported(size):
        octets = os.urandom(size // 8)
        jwk = JsonWebKey(kty="oct", k=octets, key_ops=ALL_OPERATIONS)
        return keys.import_key(f"known-{size}", jwk).id, octets

    return {size: imported(size) for size in SIZES}


def key_for(known, algorithm):
    return known[int(algorithm[1:4])]


@pytest.mark.parametrize("device", [False, True], ids=["oct", "oct-HSM"])
@pytest.mark.parametrize("size", SIZES)
def test_each_size(keys, raw, name, size, device):
    made = keys.create_oct_key(name, size=size, hardware_protected=device)
    assert made.key_type == ("oct-HSM" if device else "oct")
    assert made.key.k is None
    assert made.properties.hsm_platform == "0"
    answer = raw.call("GET", f"/keys/{name}", version=VERSION)
    assert set(answer.json()["key"]) == {"kid", "kty", "key_ops"}
    plaintext = os.urandom(32)
    client = remote(made.id)
    encrypted = client.encrypt(f"A{size}GCM", plaintext)
    opened = client.decrypt(f"A{size}GCM", encrypted.ciphertext, iv=encrypted.iv,
                            authentication_tag=encrypted.tag)
    assert opened.plaintext == plaintext


def test_an_imported_key_is_never_shown(keys, raw, known):
    for kid, octets in known.values():
        answer = raw.call("GET", "/keys/" + kid.split("/")[-2], version=VERSION)
        assert "k" not in answer.json()["key"]
        assert encode(octets).encode() not in answer.body
        assert octets not in keys.backup_key(kid.split("/")[-2])


@pytest.mark.parametrize("aad", [None, b"beside it"])
@pytest.mark.parametrize("algorithm", GCM)
def test_gcm(known, algorithm, aad):
    kid, key = key_for(known, algorithm)
    client = remote(kid)
    for plaintext in (b"x", os.urandom(1_000)):
        made = client.encrypt(algorithm, plaintext, additional_authenticated_data=aad)
        assert (len(made.iv), len(made.tag), made.aad) == (12, 16, aad)
        opened = independent.aes_decrypt(key, algorithm, made.ciphertext, made.iv, made.tag, aad)
        assert opened == plaintext
        ciphertext, iv, tag = independent.aes_encrypt(key, algorithm, plaintext, aad)
        opened = client.decrypt(algorithm, ciphertext, iv=iv, authentication_tag=tag,
                                additional_authenticated_data=aad)
        assert opened.plaintext == plaintext


@pytest.mark.parametrize("algorithm", GCM)
def test_the_server_draws_the_iv_of_gcm(raw, known, algorithm):
    """A client's own is refused: used twice it would give the key away."""
    kid, _ = key_for(known, algorithm)
    ivs = set()
    for _ in range(50):
        answer = ask(raw, kid, "encrypt", algorithm, value=b"the same")
        ivs.add(answer.json()["iv"])
    assert len(ivs) == 50
    for iv in (bytes(12), bytes(16), bytes(8)):
        refused(ask(raw, kid, "encrypt", algorithm, value=b"x", iv=iv))


@pytest.mark.parametrize("algorithm", GCM)
def test_gcm_opens_only_what_is_whole(raw, known, algorithm):
    kid, key = key_for(known, algorithm)
    ciphertext, iv, tag = independent.aes_encrypt(key, algorithm, b"plaintext", b"aad")
    right = {"value": ciphertext, "iv": iv, "tag": tag, "aad": b"aad"}
    assert done(raw, kid, "decrypt", algorithm, **right) == b"plaintext"

    def flipped(octets):
        return bytes([octets[0] ^ 1]) + octets[1:]

    wrong = [{member: flipped(octets)} for member, octets in right.items()]
    wrong += [{"aad": b""}, {"tag": tag[:-1]}, {"tag": tag[:4]}, {"tag": tag + b"\0"},
              {"iv": iv[:-1]}, {"value": ciphertext[:-1]}, {"value": b""}]
    bodies = {ask(raw, kid, "decrypt", algorithm, **{**right, **change}).body for change in wrong}
    assert len(bodies) == 1, bodies
    for change in wrong:
        refused(ask(raw, kid, "decrypt", algorithm, **{**right, **change}))
    for missing in ("iv", "tag"):
        members = {name: value for name, value in right.items() if name != missing}
        refused(ask(raw, kid, "decrypt", algorithm, **members))


@pytest.mark.parametrize("algorithm", [*CBC, *CBC_PAD])
def test_cbc(known, algorithm):
    kid, key = key_for(known, algorithm)
    client = remote(kid)
    lengths = (1, 15, 16, 17, 1_000) if algorithm.endswith("PAD") else (16, 32, 1_008)
    for length in lengths:
        plaintext, iv = os.urandom(length), os.urandom(16)
        made = client.encrypt(algorithm, plaintext, iv=iv)
        assert made.iv == iv
        expected, _, _ = independent.aes_encrypt(key, algorithm, plaintext, iv=iv)
        assert made.ciphertext == expected
        assert client.decrypt(algorithm, expected, iv=iv).plaintext == plaintext


@pytest.mark.parametrize("algorithm", [*CBC, *CBC_PAD])
def test_the_server_draws_the_iv_of_cbc_too(raw, known, algorithm):
    kid, key = key_for(known, algorithm)
    ivs = set()
    for _ in range(10):
        answer = ask(raw, kid, "encrypt", algorithm, value=bytes(16))
        assert answer.status == 200, answer
        iv, ciphertext = decode(answer.json()["iv"]), decode(answer.json()["value"])
        assert independent.aes_decrypt(key, algorithm, ciphertext, iv) == bytes(16)
        ivs.add(iv)
    assert len(ivs) == 10
    for iv in (b"", bytes(12), bytes(15), bytes(17)):
        if iv:
            refused(ask(raw, kid, "encrypt", algorithm, value=bytes(16), iv=iv))
        refused(ask(raw, kid, "decrypt", algorithm, value=bytes(16), iv=iv))
    refused(ask(raw, kid, "decrypt", algorithm, value=bytes(16)))


@pytest.mark.parametrize("algorithm, operation, members", [
    *((algorithm, operation, {"aad": b"a", "iv": bytes(16)})
      for algorithm in ("A256CBC", "A256CBCPAD") for operation in ("encrypt", "decrypt")),
    *((algorithm, operation, members) for algorithm in ("A256KW", "CKM_AES_KEY_WRAP_PAD")
      for operation in ("wrapkey", "unwrapkey")
      for members in ({"iv": bytes(8)}, {"aad": b"a"})),
])
def test_what_the_algorithm_has_no_use_for_is_refused(raw, known, algorithm, operation, members):
    """Ignored it would look as if it had protected something."""
    refused(ask(raw, known[256][0], operation, algorithm, value=bytes(48), **members))


@pytest.mark.parametrize("algorithm", CBC)
def test_without_padding_only_whole_blocks(raw, known, algorithm):
    kid, _ = key_for(known, algorithm)
    for length in (1, 15, 17):
        refused(ask(raw, kid, "encrypt", algorithm, value=bytes(length), iv=bytes(16)))
        refused(ask(raw, kid, "decrypt", algorithm, value=bytes(length), iv=bytes(16)))


@pytest.mark.parametrize("algorithm", CBC_PAD)
def test_bad_padding_is_one_refusal(raw, known, algorithm):
    """No padding oracle: all 256 last octets, and none tells more than another."""
    kid, key = key_for(known, algorithm)
    plain = algorithm.removesuffix("PAD")
    bodies, opened = set(), 0
    for last in range(256):
        block = b"\xaa" * 15 + bytes([last])
        ciphertext, iv, _ = independent.aes_encrypt(key, plain, block, iv=bytes(16))
        answer = ask(raw, kid, "decrypt", algorithm, value=ciphertext, iv=iv)
        if answer.status == 200:
            opened += 1
            assert (last, decode(answer.json()["value"])) == (1, b"\xaa" * 15)
        else:
            refused(answer)
            bodies.add(answer.body)
    assert (opened, len(bodies)) == (1, 1)
    for value in (b"", bytes(8), bytes(24)):
        answer = ask(raw, kid, "decrypt", algorithm, value=value, iv=bytes(16))
        refused(answer)
        assert answer.body in bodies


@pytest.mark.parametrize("algorithm, size", [
    *WRAPS, *(("CKM_AES_KEY_WRAP_PAD", size) for size in SIZES),
])
def test_key_wrap(raw, known, algorithm, size):
    kid, key = known[size]
    client = remote(kid)
    padded = algorithm.endswith("PAD")
    for length in (1, 16, 24, 31, 32, 64, 1_217) if padded else (16, 24, 32, 64):
        wrapped = os.urandom(length)
        expected = independent.aes_wrap(key, algorithm, wrapped)
        made = client.wrap_key(algorithm, wrapped)
        assert (made.encrypted_key, made.key_id) == (expected, kid)
        assert independent.aes_unwrap(key, algorithm, made.encrypted_key) == wrapped
        assert client.unwrap_key(algorithm, expected).key == wrapped

    right = independent.aes_wrap(key, algorithm, bytes(32))
    wrong = [right[:-1] + bytes([right[-1] ^ 1]), right[:-8], right + bytes(8), b"", b"x",
             bytes(len(right)), right[:-1]]
    bodies = set()
    for value in wrong:
        answer = ask(raw, kid, "unwrapkey", algorithm, value=value)
        refused(answer)
        bodies.add(answer.body)
    assert len(bodies) == 1, bodies
    if not padded:
        for length in (0, 8, 17):
            refused(ask(raw, kid, "wrapkey", algorithm, value=bytes(length)))
    for operation in ("encrypt", "decrypt"):
        refused(ask(raw, kid, operation, algorithm, value=right))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("algorithm", MACS)
def test_hmac(raw, known, algorithm, size):
    kid, key = known[size]
    digest = independent.digest_of(algorithm, b"message")
    client = remote(kid)
    made = client.sign(algorithm, digest).signature
    assert made == independent.mac(key, algorithm, digest)
    assert client.verify(algorithm, digest, made).is_valid is True
    for offered in (made[:-1], made + b"\0", bytes(len(made)), b"\0"):
        assert done(raw, kid, "verify", algorithm, digest=digest, value=offered) is False
    other = independent.digest_of(algorithm, b"another")
    assert client.verify(algorithm, other, made).is_valid is False
    for length in (0, 1, len(digest) - 1, len(digest) + 1):
        refused(ask(raw, kid, "sign", algorithm, value=bytes(length)))


def test_an_algorithm_of_another_size_is_refused(raw, known):
    for size, (kid, _) in known.items():
        for other in set(SIZES) - {size}:
            refused(ask(raw, kid, "encrypt", f"A{other}GCM", value=b"x"))
            refused(ask(raw, kid, "encrypt", f"A{other}CBC", value=bytes(16), iv=bytes(16)))
            refused(ask(raw, kid, "wrapkey", f"A{other}KW", value=bytes(32)))
        refused(ask(raw, kid, "sign", "RS256", value=bytes(32)))
        refused(ask(raw, kid, "encrypt", "RSA-OAEP", value=b"x"))


@pytest.mark.parametrize("size", [0, 1, 64, 120, 127, 129, 512, -128])
def test_a_weak_or_odd_size_is_refused(raw, name, size):
    body = {"kty": "oct", "key_size": size}
    refused(raw.call("POST", f"/keys/{name}/create", body, version=VERSION))


@pytest.mark.parametrize("length", [0, 1, 8, 15, 17, 31, 33, 64, 65, 1_000])
def test_importing_a_weak_or_odd_size_is_refused(raw, name, length):
    body = {"key": {"kty": "oct", "k": encode(os.urandom(length))}}
    refused(raw.call("PUT", f"/keys/{name}", body, version=VERSION))


def test_a_backup_restores_the_same_key(keys, known):
    kid, key = known[256]
    jwk = JsonWebKey(kty="oct", k=key, key_ops=ALL_OPERATIONS)
    made = keys.import_key("restored", jwk)
    blob = keys.backup_key("restored")
    keys.begin_delete_key("restored").wait()
    keys.purge_deleted_key("restored")
    keys.restore_key_backup(blob)
    wrapped = independent.aes_wrap(key, "A256KW", bytes(32))
    assert remote(made.id).unwrap_key("A256KW", wrapped).key == bytes(32)


def test_rotation_makes_another_key_of_the_same_size(keys, known, name):
    made = keys.create_oct_key(name, size=192, key_operations=ALL_OPERATIONS)
    rotated = keys.rotate_key(name)
    assert rotated.key_operations == made.key_operations
    wrapped = remote(made.id).wrap_key("A192KW", bytes(32)).encrypted_key
    assert remote(rotated.id).wrap_key("A192KW", bytes(32)).encrypted_key != wrapped
    with pytest.raises(HttpResponseError):
        remote(rotated.id).unwrap_key("A192KW", wrapped)
    assert remote(made.id).unwrap_key("A192KW", wrapped).key == bytes(32)


def test_who_may_only_read_a_symmetric_key_does_nothing_with_it(server, known):
    """keys/read opens the public half of other keys; here there is none."""
    reader = server.create_identity("reader", "Key Vault Reader", server.vault_id())
    raw = server.raw(token=server.token(reader))
    kid, key = known[256]
    wrapped = independent.aes_wrap(key, "A256KW", bytes(32))
    for operation, algorithm, members in [
        ("encrypt", "A256GCM", {"value": b"x"}),
        ("wrapkey", "A256KW", {"value": bytes(32)}),
        ("unwrapkey", "A256KW", {"value": wrapped}),
        ("sign", "HS256", {"value": bytes(32)}),
        ("verify", "HS256", {"digest": bytes(32), "value": bytes(32)}),
    ]:
        refused(ask(raw, kid, operation, algorithm, **members), 403, "Forbidden", "ForbiddenByRbac")
