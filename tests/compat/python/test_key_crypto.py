"""Every algorithm of RSA and EC keys, against the official client and pyca/cryptography."""

import hashlib
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential
from azure.keyvault.keys.crypto import (
    CryptographyClient, EncryptionAlgorithm, KeyWrapAlgorithm, SignatureAlgorithm,
)
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

import independent
from forge import encode
from key_work import ask, done, refused, remote

SIGNATURES = [*independent.RSA_SIGNATURES, *independent.CURVE_OF]
MESSAGE = "To be signed: ß 二".encode()


@dataclass
class Pair:
    """A key of the server; its private half is known here too if it was imported."""

    kid: str
    public: object
    private: object = None


@pytest.fixture(scope="module")
def pairs(keys):
    """Imported keys, by type or curve; and generated ones, by type or curve and `made`."""

    def imported(name, private):
        made = keys.import_key(name, independent.client_jwk_of(private))
        return Pair(made.id, private.public_key(), private)

    def generated(made):
        return Pair(made.id, independent.public_key_of(made.key))

    pairs = {"RSA": imported("imported-rsa", rsa.generate_private_key(65537, 2048))}
    pairs["RSA made"] = generated(keys.create_rsa_key("made-rsa", size=3072))
    for name, curve in independent.CURVES.items():
        pairs[name] = imported(f"imported-{name}", ec.generate_private_key(curve))
        pairs[f"{name} made"] = generated(keys.create_ec_key(f"made-{name}", curve=name))
    return pairs


def pair_for(pairs, algorithm, made=False):
    name = independent.CURVE_OF.get(algorithm, "RSA")
    return pairs[f"{name} made" if made else name]


@pytest.mark.parametrize("made", [False, True], ids=["imported", "made"])
@pytest.mark.parametrize("algorithm", SIGNATURES)
def test_a_signature_verifies_everywhere(raw, keys, pairs, algorithm, made):
    pair = pair_for(pairs, algorithm, made)
    digest = independent.digest_of(algorithm, MESSAGE)
    name, version = pair.kid.split("/")[-2:]
    client = keys.get_cryptography_client(name, key_version=version)
    signed = client.sign(SignatureAlgorithm(algorithm), digest)
    assert (signed.key_id, signed.algorithm) == (pair.kid, algorithm)
    assert independent.verifies(pair.public, algorithm, digest, signed.signature)
    assert client.verify(SignatureAlgorithm(algorithm), digest, signed.signature).is_valid
    assert remote(pair.kid).verify(algorithm, digest, signed.signature).is_valid is True
    assert done(raw, pair.kid, "verify", algorithm, digest=digest, value=signed.signature)


@pytest.mark.parametrize("algorithm", SIGNATURES)
def test_a_signature_from_elsewhere_verifies(raw, pairs, algorithm):
    pair = pair_for(pairs, algorithm)
    digest = independent.digest_of(algorithm, MESSAGE)
    signature = independent.sign(pair.private, algorithm, digest)
    assert done(raw, pair.kid, "verify", algorithm, digest=digest, value=signature) is True


@pytest.mark.parametrize("algorithm", SIGNATURES)
def test_what_was_not_signed_does_not_verify(raw, pairs, algorithm):
    """200 and false, never an error (OPERATIONS.md, 3.2)."""
    pair = pair_for(pairs, algorithm)
    digest = independent.digest_of(algorithm, MESSAGE)
    signature = independent.sign(pair.private, algorithm, digest)
    flipped = bytearray(signature)
    flipped[len(flipped) // 2] ^= 1
    other = independent.digest_of(algorithm, b"another message")
    wrong = [(digest, bytes(flipped)), (other, signature), (digest, signature[:-1]),
             (digest, signature + b"\0"), (digest, bytes(len(signature))),
             (digest, b"\xff" * len(signature)), (digest, b"\0")]
    for case, (claimed, offered) in enumerate(wrong):
        answer = done(raw, pair.kid, "verify", algorithm, digest=claimed, value=offered)
        assert answer is False, case


def test_the_parts_of_a_signature_are_not_der(raw, pairs):
    """ECDSA is r || s, RFC 7518 section 3.4; what OpenSSL writes is another form."""
    pair = pairs["P-256"]
    digest = independent.digest_of("ES256", MESSAGE)
    der = pair.private.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    assert done(raw, pair.kid, "verify", "ES256", digest=digest, value=der) is False
    assert len(done(raw, pair.kid, "sign", "ES256", value=digest)) == 64


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512"])
def test_pkcs1_signatures_are_the_same_to_the_byte(raw, pairs, algorithm):
    pair = pairs["RSA"]
    digest = independent.digest_of(algorithm, MESSAGE)
    expected = independent.sign(pair.private, algorithm, digest)
    assert done(raw, pair.kid, "sign", algorithm, value=digest) == expected


@pytest.mark.parametrize("algorithm", ["PS256", "PS384", "PS512", "ES256", "ES384", "ES512"])
def test_the_others_never_are(raw, pairs, algorithm):
    """Of ES256K nothing is said: RFC 6979 lets a signer draw its numbers from the digest."""
    pair = pair_for(pairs, algorithm)
    digest = independent.digest_of(algorithm, MESSAGE)
    signatures = [done(raw, pair.kid, "sign", algorithm, value=digest) for _ in range(4)]
    assert len(set(signatures)) == 4


def test_rsnull(raw, pairs):
    """PKCS #1 v1.5 padding of what is sent, and no DigestInfo: checked by plain arithmetic."""
    pair = pairs["RSA"]
    numbers = pair.public.public_numbers()
    for value in (b"x", MESSAGE, os.urandom(64)):
        signature = done(raw, pair.kid, "sign", "RSNULL", value=value)
        opened = pow(int.from_bytes(signature), numbers.e, numbers.n).to_bytes(256)
        assert opened == b"\0\1" + b"\xff" * (253 - len(value)) + b"\0" + value
        assert done(raw, pair.kid, "verify", "RSNULL", digest=value, value=signature) is True
        assert done(raw, pair.kid, "verify", "RSNULL", digest=b"y", value=signature) is False


def test_rsnull_of_a_digest_info_is_rs256(raw, pairs):
    """So TLS 1.0 clients build MD5 || SHA-1 and others by themselves."""
    digest = hashlib.sha256(MESSAGE).digest()
    info = bytes.fromhex("3031300d060960864801650304020105000420") + digest  # RFC 8017, 9.2
    kid = pairs["RSA"].kid
    signature = done(raw, kid, "sign", "RSNULL", value=info)
    assert signature == done(raw, kid, "sign", "RS256", value=digest)
    refused(ask(raw, kid, "sign", "RSNULL", value=bytes(256 - 10)))


def test_a_key_of_4096_bits(keys, raw, name):
    made = keys.create_rsa_key(name, size=4096)
    public = independent.public_key_of(made.key)
    for algorithm in ("PS512", "RS256"):
        digest = independent.digest_of(algorithm, MESSAGE)
        signature = keys.get_cryptography_client(name).sign(algorithm, digest).signature
        assert len(signature) == 512
        assert independent.verifies(public, algorithm, digest, signature)
    ciphertext = independent.rsa_encrypt(public, "RSA-OAEP-256", bytes(446))
    assert done(raw, made.id, "decrypt", "RSA-OAEP-256", value=ciphertext) == bytes(446)


OPERATIONS = [("encrypt", "decrypt"), ("wrapkey", "unwrapkey")]


@pytest.mark.parametrize("there, back", OPERATIONS)
@pytest.mark.parametrize("algorithm", independent.RSA_ENCRYPTIONS)
def test_what_the_server_encrypts_opens_elsewhere(raw, pairs, algorithm, there, back):
    pair = pairs["RSA"]
    longest = 256 - {"RSA1_5": 11, "RSA-OAEP": 42, "RSA-OAEP-256": 66}[algorithm]
    for plaintext in (b"k", os.urandom(32), os.urandom(longest)):
        answer = ask(raw, pair.kid, there, algorithm, value=plaintext)
        assert answer.status == 200, answer
        assert not {"iv", "tag", "aad"} & set(answer.json())
        ciphertext = done(raw, pair.kid, there, algorithm, value=plaintext)
        assert len(ciphertext) == 256
        assert independent.rsa_decrypt(pair.private, algorithm, ciphertext) == plaintext
        assert done(raw, pair.kid, back, algorithm, value=ciphertext) == plaintext
    refused(ask(raw, pair.kid, there, algorithm, value=bytes(longest + 1)))


@pytest.mark.parametrize("made", [False, True], ids=["imported", "made"])
@pytest.mark.parametrize("algorithm", independent.RSA_ENCRYPTIONS)
def test_what_was_encrypted_elsewhere_opens_here(keys, pairs, algorithm, made):
    pair = pairs["RSA made" if made else "RSA"]
    client = keys.get_cryptography_client(*pair.kid.split("/")[-2:-1])
    plaintext = os.urandom(32)
    ciphertext = independent.rsa_encrypt(pair.public, algorithm, plaintext)
    decrypted = client.decrypt(algorithm, ciphertext)
    assert (decrypted.plaintext, decrypted.key_id) == (plaintext, pair.kid)
    assert client.unwrap_key(algorithm, ciphertext).key == plaintext


@pytest.mark.parametrize("algorithm", independent.RSA_ENCRYPTIONS)
def test_the_client_as_people_use_it(pairs, algorithm):
    """With the key at hand it encrypts and wraps by itself; without, the server does."""
    pair, key = pairs["RSA"], os.urandom(32)
    encryption, wrap = EncryptionAlgorithm(algorithm), KeyWrapAlgorithm(algorithm)
    usual = CryptographyClient(pair.kid, DefaultAzureCredential())
    for client in (usual, remote(pair.kid)):
        encrypted = client.encrypt(encryption, b"text")
        assert independent.rsa_decrypt(pair.private, algorithm, encrypted.ciphertext) == b"text"
        assert client.decrypt(encryption, encrypted.ciphertext).plaintext == b"text"
        wrapped = client.wrap_key(wrap, key)
        assert independent.rsa_decrypt(pair.private, algorithm, wrapped.encrypted_key) == key
        assert client.unwrap_key(wrap, wrapped.encrypted_key).key == key


def test_the_client_as_a_private_key_of_pyca(keys, pairs):
    """What libraries that know nothing of vaults sign and decrypt with."""
    pair = pairs["RSA"]
    key = keys.get_cryptography_client("imported-rsa").create_rsa_private_key()
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    signature = key.sign(MESSAGE, pss, hashes.SHA256())
    pair.public.verify(signature, MESSAGE, pss, hashes.SHA256())
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    assert key.decrypt(pair.public.encrypt(b"text", oaep), oaep) == b"text"


@pytest.mark.parametrize("algorithm", independent.RSA_ENCRYPTIONS)
def test_what_does_not_open_is_one_refusal(raw, pairs, algorithm):
    """Whatever was wrong with the ciphertext: the answers are the same to the byte."""
    pair = pairs["RSA"]
    right = independent.rsa_encrypt(pair.public, algorithm, b"text")
    flipped = bytearray(right)
    flipped[100] ^= 1
    others = [other for other in independent.RSA_ENCRYPTIONS if other != algorithm]
    raw_pkcs1 = pow(int.from_bytes(b"\0\1" + b"\xff" * 250 + b"\0abc"), 65537,
                    pair.public.public_numbers().n).to_bytes(256)
    wrong = [bytes(flipped), bytes(256), b"\xff" * 256, os.urandom(256)[1:], right[:-1],
             right + b"\0", b"\0" + right, b"", b"x", bytes(100_000), raw_pkcs1]
    wrong += [independent.rsa_encrypt(pair.public, other, b"text") for other in others]
    for operation in ("decrypt", "unwrapkey"):
        bodies = set()
        for ciphertext in wrong:
            answer = ask(raw, pair.kid, operation, algorithm, value=ciphertext)
            refused(answer)
            bodies.add(answer.body)
        assert len(bodies) == 1, bodies


def test_the_client_hears_of_a_bad_ciphertext_once(keys, pairs, server):
    """400, not 5xx: clients send those again and again (CLIENTS.md, section 2)."""
    client = keys.get_cryptography_client("imported-rsa")
    with pytest.raises(HttpResponseError) as bad:
        client.decrypt("RSA-OAEP", bytes(256))
    assert bad.value.status_code == 400
    assert bad.value.error.code == "BadParameter"


def test_many_at_once_do_not_mix(server, pairs):
    """Signatures of several keys at the same time, each under its own."""
    token, kinds = server.token(), ["RSA", "RSA made", "P-256", "P-384", "P-521", "P-256K"]
    algorithms = {"RSA": "PS256", "RSA made": "RS512", "P-256": "ES256", "P-384": "ES384",
                  "P-521": "ES512", "P-256K": "ES256K"}

    def work(number):
        raw, right = server.raw(token=token), 0
        for turn in range(12):
            kind = kinds[(number + turn) % len(kinds)]
            pair, algorithm = pairs[kind], algorithms[kind]
            digest = independent.digest_of(algorithm, f"{number} {turn}".encode())
            signature = done(raw, pair.kid, "sign", algorithm, value=digest)
            right += independent.verifies(pair.public, algorithm, digest, signature)
        return right

    with ThreadPoolExecutor(8) as workers:
        assert list(workers.map(work, range(8))) == [12] * 8


def pem_of(public, path):
    path.write_bytes(public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ))
    return path


def openssl(*arguments):
    ended = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=60)
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.parametrize("algorithm", ["PS256", "PS384", "PS512", "RS256"])
def test_openssl_verifies_rsa(raw, pairs, tmp_path, algorithm):
    pair, used = pairs["RSA made"], independent.hash_of(algorithm).name
    digest = independent.digest_of(algorithm, MESSAGE)
    (tmp_path / "message").write_bytes(MESSAGE)
    (tmp_path / "signature").write_bytes(done(raw, pair.kid, "sign", algorithm, value=digest))
    pem = pem_of(pair.public, tmp_path / "public.pem")
    options = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]
    code, said = openssl("dgst", f"-{used}", "-verify", pem,
                         *(options if algorithm.startswith("PS") else []),
                         "-signature", tmp_path / "signature", tmp_path / "message")
    assert (code, said.strip()) == (0, "Verified OK")


@pytest.mark.parametrize("algorithm", independent.CURVE_OF)
def test_openssl_verifies_ecdsa(raw, pairs, tmp_path, algorithm):
    pair = pair_for(pairs, algorithm, made=True)
    digest = independent.digest_of(algorithm, MESSAGE)
    signature = done(raw, pair.kid, "sign", algorithm, value=digest)
    half = len(signature) // 2
    der = utils.encode_dss_signature(
        int.from_bytes(signature[:half]), int.from_bytes(signature[half:])
    )
    (tmp_path / "message").write_bytes(MESSAGE)
    (tmp_path / "signature").write_bytes(der)
    pem = pem_of(pair.public, tmp_path / "public.pem")
    code, said = openssl("dgst", f"-{independent.hash_of(algorithm).name}", "-verify", pem,
                         "-signature", tmp_path / "signature", tmp_path / "message")
    assert (code, said.strip()) == (0, "Verified OK")


def test_openssl_opens_oaep(raw, pairs, tmp_path):
    pair = pairs["RSA"]
    private = tmp_path / "private.pem"
    private.write_bytes(pair.private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ))
    (tmp_path / "ciphertext").write_bytes(
        done(raw, pair.kid, "encrypt", "RSA-OAEP-256", value=MESSAGE)
    )
    code, said = openssl("pkeyutl", "-decrypt", "-inkey", private, "-in", tmp_path / "ciphertext",
                         "-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256",
                         "-out", tmp_path / "plaintext")
    assert code == 0, said
    assert (tmp_path / "plaintext").read_bytes() == MESSAGE


@pytest.mark.parametrize("algorithm", SIGNATURES)
def test_a_digest_of_another_length_is_refused(raw, pairs, algorithm):
    """The text is the real service's: azure-sdk-for-python#4399, azure-cli#28027."""
    pair = pair_for(pairs, algorithm)
    length = independent.hash_of(algorithm).digest_size
    for wrong in (0, 1, 20, length - 1, length + 1, 5_000):
        message = refused(ask(raw, pair.kid, "sign", algorithm, value=bytes(wrong)))
        if wrong:
            assert message == (f"Invalid length of 'value': {wrong} bytes. {algorithm} requires "
                               f"{length} bytes, encoded with base64url.")
        refused(ask(raw, pair.kid, "verify", algorithm, digest=bytes(wrong), value=bytes(64)))


@pytest.mark.parametrize("kind, algorithms", [
    ("RSA", [*independent.CURVE_OF, "HS256", "HS512", "ML-DSA-65", "A128GCM"]),
    ("P-256", ["ES384", "ES512", "ES256K", "RS256", "PS256", "RSNULL", "HS256"]),
    ("P-384", ["ES256", "ES512"]),
    ("P-521", ["ES384"]),
    ("P-256K", ["ES256"]),
])
def test_an_algorithm_of_other_keys_signs_nothing(raw, pairs, kind, algorithms):
    for algorithm in algorithms:
        length = {"384": 48, "512": 64}.get(algorithm[2:5], 32)
        refused(ask(raw, pairs[kind].kid, "sign", algorithm, value=bytes(length)))
        answer = ask(raw, pairs[kind].kid, "verify", algorithm, digest=bytes(length), value=b"x")
        refused(answer)


@pytest.mark.parametrize("kind, algorithms", [
    ("RSA", ["A128KW", "A256KW", "A256GCM", "A256CBC", "A256CBCPAD", "CKM_AES_KEY_WRAP", "RS256"]),
])
def test_an_algorithm_of_other_keys_encrypts_nothing(raw, pairs, kind, algorithms):
    for algorithm in algorithms:
        for operation in ("encrypt", "decrypt", "wrapkey", "unwrapkey"):
            refused(ask(raw, pairs[kind].kid, operation, algorithm, value=bytes(32), iv=bytes(16)))


def test_a_key_on_a_curve_encrypts_nothing(raw, pairs):
    """Its key_ops can hold no such operation, so that is what the answer says, or the type."""
    for operation in ("encrypt", "decrypt", "wrapkey", "unwrapkey"):
        answer = ask(raw, pairs["P-256"].kid, operation, "RSA-OAEP", value=bytes(256))
        assert answer.status in (400, 403), answer


@pytest.mark.parametrize("algorithm", [
    "none", "", "RS1", "RSA-OAEP-384", "ES256\0", "é", "x" * 999,
])
def test_an_unknown_algorithm_is_refused(raw, pairs, algorithm):
    kid = pairs["RSA"].kid
    refused(ask(raw, kid, "sign", algorithm, value=bytes(32)))
    refused(ask(raw, kid, "verify", algorithm, digest=bytes(32), value=bytes(256)))
    refused(ask(raw, kid, "encrypt", algorithm, value=b"x"))
    refused(ask(raw, kid, "unwrapkey", algorithm, value=bytes(256)))


@pytest.mark.parametrize("body", [
    None, b"", b"{", [], {}, {"alg": "RS256"}, {"value": "AAAA"}, {"alg": 5, "value": "AAAA"},
    {"alg": "RS256", "value": 5}, {"alg": "RS256", "value": None}, {"alg": None, "value": "AAAA"},
    {"alg": "RS256", "value": encode(bytes(32)) + "!"}, {"alg": "RS256", "value": "A"},
    {"alg": "RS256", "value": encode(b"\xff" * 32).replace("_", "/")},
    {"alg": "RS256", "value": "AA\nAA"},
])
def test_a_malformed_body_is_refused(raw, pairs, body):
    for operation in ("sign", "verify", "encrypt", "decrypt", "wrapkey", "unwrapkey"):
        refused(raw.call("POST", f"/keys/imported-rsa//{operation}", body))


def test_an_iv_for_rsa_is_refused(raw, pairs):
    for members in ({"iv": bytes(12)}, {"aad": b"a"}):
        refused(ask(raw, pairs["RSA"].kid, "encrypt", "RSA-OAEP", value=b"x", **members))


@pytest.mark.parametrize("version", ["0" * 32, "x", "0" * 31, "G" * 32, "%00"])
def test_a_version_that_is_not_there(raw, pairs, version):
    body = {"alg": "RS256", "value": encode(bytes(32))}
    answer = raw.call("POST", f"/keys/imported-rsa/{version}/sign", body)
    assert answer.status in (400, 404), answer
    assert answer.code in ("BadParameter", "KeyNotFound")
