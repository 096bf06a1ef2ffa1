"""`strongroom key`: the verbs of `az keyvault key`, judged by pyca/cryptography."""

import base64
import json
import os
import subprocess

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

import independent
from forge import decode, encode, header_and_claims
from issuer import Issuer
from strongroom import Strongroom

TRADITIONAL = serialization.PrivateFormat.TraditionalOpenSSL
PKCS8 = serialization.PrivateFormat.PKCS8


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """An attestation service."""
    authority = Issuer(tmp_path_factory.mktemp("authority"))
    yield authority
    authority.close()


@pytest.fixture(scope="module")
def server(authority, tmp_path_factory):
    folder = tmp_path_factory.mktemp("strongroom")
    config = folder / "strongroom.toml"
    config.write_text(
        "[keys]\nsymmetric_in_vaults = true\n\n[[attestation_authority]]\n"
        f'url = "{authority.url}"\nca_file = "{authority.ca_file}"\n'
    )
    server = Strongroom(folder, "--config", str(config))
    try:
        server.start()
        with server.environment():
            yield server
        server.stop()
    finally:
        if server.process is not None:
            server.kill()


def run(server, *words, value=b""):
    """One command as its user runs it; the ready file says where and who."""
    command = [server.binary, "key", *words, "--ready-file", server.ready_file]
    value = value if isinstance(value, bytes) else value.encode()
    return subprocess.run(command, input=value, capture_output=True, timeout=60)


def shown(server, *words, value=b""):
    ended = run(server, *words, "--output", "json", value=value)
    assert ended.returncode == 0, ended
    return json.loads(ended.stdout)


def refused(server, status, *words, value=b""):
    """What is said, on one line, when a command ends so."""
    ended = run(server, *words, value=value)
    assert ended.returncode == status, ended
    assert ended.stdout == b""
    text = ended.stderr.decode()
    assert len(text.strip().splitlines()) == 1, text
    return text


def b64(raw):
    return base64.b64encode(raw).decode()


def number(text):
    return int.from_bytes(base64.b64decode(text))


def public_key(shown):
    """The public half as az prints it."""
    key = shown["key"]
    if key["kty"].startswith("RSA"):
        return rsa.RSAPublicNumbers(number(key["e"]), number(key["n"])).public_key()
    point = (number(key["x"]), number(key["y"]))
    return ec.EllipticCurvePublicNumbers(*point, independent.CURVES[key["crv"]]).public_key()


def version_of(shown):
    return shown["key"]["kid"].rsplit("/", 1)[1]


def pem(key, form=PKCS8, password=None):
    protection = serialization.NoEncryption()
    if password:
        protection = serialization.BestAvailableEncryption(password)
    return key.private_bytes(serialization.Encoding.PEM, form, protection)


@pytest.mark.parametrize("algorithm", independent.RSA_SIGNATURES)
def test_rsa_signatures(server, name, algorithm):
    made = shown(server, "create", name, "--size", "3072")
    digest = independent.digest_of(algorithm, b"message")
    signed = shown(server, "sign", name, "-a", algorithm, "--digest", b64(digest))
    assert signed["keyId"] == made["key"]["kid"] and signed["algorithm"] == algorithm
    signature = base64.b64decode(signed["signature"])
    public = public_key(made)
    assert public.key_size == 3072
    assert independent.verifies(public, algorithm, digest, signature)


@pytest.mark.parametrize("algorithm", independent.CURVE_OF)
def test_ec_signatures(server, name, algorithm):
    made = shown(server, "create", "--name", name, "--curve", independent.CURVE_OF[algorithm])
    assert made["key"]["kty"] == "EC" and made["key"]["keyOps"] == ["sign", "verify"]
    digest = independent.digest_of(algorithm, b"message")
    signed = shown(server, "sign", "--id", made["key"]["kid"], "-a", algorithm.lower(),
                   "--digest", b64(digest))
    signature = base64.b64decode(signed["signature"])
    assert independent.verifies(public_key(made), algorithm, digest, signature)
    words = ["verify", name, "-a", algorithm, "--signature", b64(signature), "--digest"]
    assert shown(server, *words, b64(digest))["isValid"] is True
    ended = run(server, *words, b64(digest[::-1]))
    assert ended.returncode == 1, ended
    assert json.loads(ended.stdout)["isValid"] is False


def test_foreign_signatures_are_verified(server, name, tmp_path):
    private = rsa.generate_private_key(65537, 2048)
    file = tmp_path / "key.pem"
    file.write_bytes(pem(private))
    shown(server, "import", name, "--pem-file", file)
    digest = independent.digest_of("PS256", b"message")
    signature = independent.sign(private, "PS256", digest)
    words = ["verify", name, "-a", "PS256", "--digest", b64(digest), "--signature"]
    assert shown(server, *words, b64(signature))["isValid"] is True
    urlsafe = base64.urlsafe_b64encode(signature).decode().rstrip("=")
    assert shown(server, *words[:-1], f"--signature={urlsafe}")["isValid"] is True


@pytest.mark.parametrize("algorithm", independent.RSA_ENCRYPTIONS)
def test_encryption_goes_both_ways(server, name, tmp_path, algorithm):
    private = rsa.generate_private_key(65537, 2048)
    file = tmp_path / "key.pem"
    file.write_bytes(pem(private, TRADITIONAL))
    made = shown(server, "import", name, "--pem-file", file)
    assert public_key(made) == private.public_key()

    encrypted = shown(server, "encrypt", name, "-a", algorithm, "--data-type", "plaintext",
                      value="üben\n")
    assert encrypted["kid"] == made["key"]["kid"] and encrypted["algorithm"] == algorithm
    ciphertext = base64.b64decode(encrypted["result"])
    assert independent.rsa_decrypt(private, algorithm, ciphertext) == "üben".encode()

    ciphertext = independent.rsa_encrypt(private.public_key(), algorithm, b"\xff\x00")
    words = ["decrypt", name, "-a", algorithm]
    assert shown(server, *words, "--value", b64(ciphertext))["result"] == "/wA="
    assert shown(server, *words, value=b64(ciphertext) + "\n")["result"] == "/wA="
    assert "--data-type" in refused(server, 1, *words, "--data-type", "plaintext",
                                    value=b64(ciphertext))
    refused(server, 2, *words, "--value", b64(ciphertext[::-1]))


@pytest.mark.parametrize("algorithm", ["A256GCM", "A256CBC", "A256CBCPAD"])
def test_symmetric_encryption(server, raw, name, algorithm):
    key = os.urandom(32)
    body = {"key": {"kty": "oct", "k": encode(key)}}
    assert raw.call("PUT", f"/keys/{name}", body).status == 200
    aad = b"beside" if algorithm == "A256GCM" else None
    options = ["--aad", aad.hex()] if aad else []
    encrypted = shown(server, "encrypt", name, "-a", algorithm, *options,
                      value=b64(b"sixteen bytes...") + "\n")
    iv, ciphertext = bytes.fromhex(encrypted["iv"]), base64.b64decode(encrypted["result"])
    tag = bytes.fromhex(encrypted["tag"]) if aad else None
    plaintext = independent.aes_decrypt(key, algorithm, ciphertext, iv, tag, aad)
    assert plaintext == b"sixteen bytes..."
    options += ["--tag", encrypted["tag"]] if aad else []
    words = ["decrypt", name, "-a", algorithm, "--value", encrypted["result"], *options]
    ended = run(server, *words, "--iv", encrypted["iv"], "--data-type", "plaintext",
                "--query", "result", "-o", "tsv")
    assert ended.stdout == b"sixteen bytes...\n", ended
    if aad:
        refused(server, 2, *words, "--iv", "00" * 12)


def test_keys_are_wrapped(server, name, tmp_path):
    made = shown(server, "create", name, "--ops", "wrapKey", "unwrapKey")
    assert made["key"]["keyOps"] == ["wrapKey", "unwrapKey"]
    file = tmp_path / "content.key"
    file.write_bytes(os.urandom(32))
    wrapped = shown(server, "wrap", name, "-a", "RSA-OAEP-256", "--file", file)["result"]
    ended = run(server, "unwrap", name, "-a", "RSA-OAEP-256", "--value", wrapped,
                "--query", "result", "-o", "tsv")
    assert base64.b64decode(ended.stdout) == file.read_bytes()
    refused(server, 4, "encrypt", name, "-a", "RSA-OAEP-256", "--file", file)


@pytest.mark.parametrize("curve", independent.CURVES)
@pytest.mark.parametrize("form", [PKCS8, TRADITIONAL], ids=["pkcs8", "sec1"])
def test_ec_keys_are_imported(server, name, tmp_path, curve, form):
    private = ec.generate_private_key(independent.CURVES[curve])
    file = tmp_path / "key.pem"
    file.write_bytes(b"a comment\n" + pem(private, form))
    made = shown(server, "import", name, "--pem-file", file, "--tags", "from=outside")
    assert public_key(made) == private.public_key()
    assert made["tags"] == {"from": "outside"} and made["name"] == name


def test_an_encrypted_pem_comes_by_a_pipe(server, name, tmp_path):
    private = ec.generate_private_key(ec.SECP256R1())
    for form in (PKCS8, TRADITIONAL):
        file = tmp_path / "key.pem"
        file.write_bytes(pem(private, form, b"password"))
        advice = refused(server, 2, "import", name, "--pem-file", file)
        assert "openssl pkey" in advice
    refused(server, 2, "import", name, "--pem-file", file, "--pem-password", "password")
    made = shown(server, "import", name, "--pem-file", "/dev/stdin", value=pem(private))
    assert public_key(made) == private.public_key()


def test_what_is_no_key_is_not_imported(server, name, tmp_path):
    file = tmp_path / "key.pem"
    refused(server, 3, "import", name, "--pem-file", file)
    short = rsa.generate_private_key(65537, 1024)
    public = short.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for text in (b"", public, pem(ed25519.Ed25519PrivateKey.generate()), pem(short),
                 pem(ec.generate_private_key(ec.SECP224R1()))):
        file.write_bytes(text)
        said = refused(server, 2, "import", name, "--pem-file", file)
        assert "BEGIN PRIVATE" not in said or text in (b"", public)
    refused(server, 3, "show", name)


def test_the_public_half_is_downloaded(server, name, tmp_path):
    made = shown(server, "create", name, "--kty", "ec", "--curve", "p-384")
    file = tmp_path / "public.pem"
    assert run(server, "download", name, "--file", file).returncode == 0
    assert serialization.load_pem_public_key(file.read_bytes()) == public_key(made)
    assert "--overwrite" in refused(server, 1, "download", name, "--file", file)
    words = ["download", name, "--file", file, "--encoding", "DER", "--overwrite"]
    assert run(server, *words).returncode == 0
    assert serialization.load_der_public_key(file.read_bytes()) == public_key(made)


def test_attributes_and_versions(server, name):
    first = shown(server, "create", name, "--expires", "2035-01-31", "--tags", "a=1", "b=2")
    assert first["attributes"]["expires"] == "2035-01-31T00:00:00+00:00"
    second = shown(server, "create", name, "--disabled", "--public-exponent", "3")
    assert second["attributes"]["enabled"] is False and number(second["key"]["e"]) == 3
    changed = shown(server, "set-attributes", name, "--version", version_of(first),
                    "--ops", "verify", "--tags", "c=3", "--not-before", "2020-01-01")
    assert changed["key"]["keyOps"] == ["verify"] and changed["tags"] == {"c": "3"}
    assert changed["attributes"]["expires"] == "2035-01-31T00:00:00+00:00"
    assert shown(server, "show", name, "--version", version_of(first)) == changed
    assert version_of(shown(server, "show", name)) == version_of(second)
    listed = shown(server, "list-versions", name)
    assert {item["kid"] for item in listed} == {first["key"]["kid"], second["key"]["kid"]}
    assert name in {item["name"] for item in shown(server, "list")}
    assert len(shown(server, "list", "--maxresults", "1")) == 1
    digest = b64(independent.digest_of("RS256", b""))
    assert "KeyDisabled" in refused(server, 4, "sign", name, "-a", "RS256", "--digest", digest)


def test_delete_recover_purge(server, name):
    made = shown(server, "create", name, "--kty", "EC")
    assert shown(server, "delete", name)["recoveryId"].endswith(f"/deletedkeys/{name}")
    refused(server, 3, "show", name)
    assert name in {item["name"] for item in shown(server, "list-deleted")}
    assert shown(server, "show-deleted", name)["key"]["kid"] == made["key"]["kid"]
    assert shown(server, "recover", name)["key"] == made["key"]
    shown(server, "delete", name)
    assert run(server, "purge", name).returncode == 0
    refused(server, 3, "show-deleted", name)


def test_a_backup_brings_every_version_back(server, keys, name, tmp_path):
    first = shown(server, "create", name, "--kty", "EC")
    second = shown(server, "create", name, "--kty", "EC")
    file = tmp_path / "key.backup"
    assert run(server, "backup", name, "--file", file).returncode == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert "exists" in refused(server, 1, "restore", "--file", file)
    shown(server, "delete", name)
    assert run(server, "purge", name).returncode == 0
    assert shown(server, "restore", "--file", file)["key"] == second["key"]
    assert shown(server, "show", name, "--version", version_of(first))["key"] == first["key"]
    shown(server, "delete", name)
    assert run(server, "purge", name).returncode == 0
    assert keys.restore_key_backup(file.read_bytes()).id == second["key"]["kid"]


def test_rotation(server, name, tmp_path):
    first = shown(server, "create", name, "--kty", "EC")
    assert shown(server, "rotation-policy", "show", name)["expiresIn"] is None
    policy = {
        "lifetime_actions": [
            {"trigger": {"time_after_create": "P60D"}, "action": {"type": "Rotate"}},
            {"trigger": {"time_before_expiry": "P30D"}, "action": {"type": "Notify"}},
        ],
        "attributes": {"expiry_time": "P1Y"},
    }
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(policy))
    set_ = shown(server, "rotation-policy", "update", name, "--value", file)
    assert set_["expiresIn"] == "P1Y"
    actions = {action["action"]: action for action in set_["lifetimeActions"]}
    assert actions["Rotate"]["timeAfterCreate"] == "P60D"
    assert actions["Notify"]["timeBeforeExpiry"] == "P30D"
    # What is printed can be given back.
    again = shown(server, "rotation-policy", "update", name, "--value", json.dumps(set_))
    assert again["lifetimeActions"] == set_["lifetimeActions"]
    rotated = shown(server, "rotate", name)
    assert version_of(rotated) != version_of(first)
    assert rotated["attributes"]["expires"] is not None
    assert "P90D" in refused(server, 2, "rotation-policy", "update", name, "--value", json.dumps(
        {"lifetimeActions": [{"action": "Rotate", "timeAfterCreate": "90 days"}]}))
    refused(server, 2, "rotation-policy", "update", name, "--value", '{"lifetime": 1}')


def test_release_policies(server, name, tmp_path):
    template = subprocess.run([server.binary, "key", "get-policy-template"], capture_output=True)
    policy = json.loads(template.stdout)
    assert policy["anyOf"][0]["allOf"] == [
        {"claim": "<claim name>", "equals": "<value to match>"}]
    policy["anyOf"][0] = {"authority": "https://attestation.example/",
                          "allOf": [{"claim": "x-ms-sgx-is-debuggable", "equals": "false"}]}
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(policy))
    made = shown(server, "create", name, "--exportable", "--policy", file, "-p", "hsm")
    assert made["attributes"]["exportable"] is True and made["key"]["kty"] == "RSA-HSM"
    assert json.loads(made["releasePolicy"]["encodedPolicy"]) == policy
    assert made["releasePolicy"]["immutable"] is False
    policy["anyOf"][0]["authority"] = "https://other.example/"
    changed = shown(server, "set-attributes", name, "--policy", json.dumps(policy), "--immutable")
    assert changed["releasePolicy"]["immutable"] is True
    assert "other.example" in changed["releasePolicy"]["encodedPolicy"]
    refused(server, 2, "create", name, "--policy", '{"anyOf"')
    refused(server, 3, "create", name, "--policy", tmp_path / "nowhere.json")


def unwrapped(private, key_hsm, hash_):
    """CKM_RSA_AES_KEY_WRAP: an AES key under RSA-OAEP, then the key in PKCS#8 under that."""
    ciphertext = decode(json.loads(decode(key_hsm))["ciphertext"])
    length = private.key_size // 8
    oaep = padding.OAEP(padding.MGF1(hash_), hash_, None)
    wrapping = private.decrypt(ciphertext[:length], oaep)
    inner = independent.aes_unwrap(wrapping, "CKM_AES_KEY_WRAP_PAD", ciphertext[length:])
    return serialization.load_der_private_key(inner, None)


@pytest.mark.parametrize("algorithm, hash_", [
    ("CKM_RSA_AES_KEY_WRAP", hashes.SHA1()), ("RSA_AES_KEY_WRAP_384", hashes.SHA384())])
def test_release(server, authority, name, tmp_path, algorithm, hash_):
    policy = {"version": "1.0.0", "anyOf": [
        {"authority": authority.url, "allOf": [{"claim": "debuggable", "equals": "no"}]}]}
    made = shown(server, "create", name, "--kty", "EC", "--exportable", "--policy",
                 json.dumps(policy))
    environment = rsa.generate_private_key(65537, 2048)
    numbers = environment.public_key().public_numbers()
    jwk = {"kty": "RSA", "kid": "env", "use": "enc", "e": encode(independent.octets(numbers.e)),
           "n": encode(independent.octets(numbers.n))}
    claims = {"x-ms-runtime": {"keys": [jwk]}, "nonce": "fresh"}
    file = tmp_path / "token.jwt"
    file.write_text(authority.token(**claims, debuggable="no") + "\n")
    words = ["release", name, "--nonce", "fresh", "--algorithm", algorithm.lower()]
    released = shown(server, *words, "--file", file)["value"]
    key = header_and_claims(released)[1]["response"]["key"]["key"]
    private = unwrapped(environment, key["key_hsm"], hash_)
    assert private.public_key() == public_key(made)
    assert shown(server, *words, value=file.read_bytes())["value"]
    refused(server, 4, *words, value=authority.token(**claims, debuggable="yes"))
    refused(server, 4, *words, value="a.b.c")


def test_bring_your_own_key(server, name, tmp_path):
    exchange = shown(server, "create", f"{name}-kek", "--ops", "import", "-p", "hsm")
    private = rsa.generate_private_key(65537, 2048)
    inner = private.private_bytes(serialization.Encoding.DER, PKCS8, serialization.NoEncryption())
    wrapping = os.urandom(32)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)
    ciphertext = public_key(exchange).encrypt(wrapping, oaep)
    ciphertext += independent.aes_wrap(wrapping, "CKM_AES_KEY_WRAP_PAD", inner)
    blob = {
        "schema_version": "1.0.0",
        "header": {"kid": exchange["key"]["kid"], "alg": "dir", "enc": "CKM_RSA_AES_KEY_WRAP"},
        "ciphertext": base64.urlsafe_b64encode(ciphertext).decode().rstrip("="),
        "generator": "test",
    }
    file = tmp_path / "key.byok"
    file.write_text(json.dumps(blob))
    made = shown(server, "import", name, "--byok-file", file)
    assert made["key"]["kty"] == "RSA-HSM" and public_key(made) == private.public_key()
    assert "--protection" in refused(server, 2, "import", name, "--byok-file", file, "-p",
                                     "software")


def test_tables_and_queries(server, name):
    made = shown(server, "create", name, "--kty", "EC")
    ended = run(server, "show", name, "-o", "tsv")
    assert ended.stdout.decode().split("\t")[:3] == [name, made["key"]["kid"], "EC"]
    table = run(server, "list", "-o", "table").stdout.decode().splitlines()
    assert table[0].split() == ["Name", "Kid", "Enabled", "Expires"]
    assert run(server, "show", name, "--query", "key.kid", "-o", "tsv").stdout.decode() == (
        made["key"]["kid"] + "\n")


def test_the_exit_status_says_why(server, name):
    digest = b64(independent.digest_of("ES256", b""))
    assert "KeyNotFound" in refused(server, 3, "sign", name, "-a", "ES256", "--digest", digest)
    shown(server, "create", name, "--kty", "EC")
    assert "sha384" in refused(server, 2, "sign", name, "-a", "ES384", "--digest", digest)
    assert "base64" in refused(server, 2, "sign", name, "-a", "ES256", "--digest", "!")
    refused(server, 2, "sign", name, "-a", "RS256", "--digest", digest)
    refused(server, 2, "create", "bad_name")
    refused(server, 2, "create", name, "--size", "1000")
    assert "secrets" not in refused(server, 2, "show", "--id", "https://a.vault.azure.net/keys/a")
    assert run(server, "create", name, "--kty", "DSA").returncode == 2
    assert run(server, "show", name, "--nonsense").returncode == 2
