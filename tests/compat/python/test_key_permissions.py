"""Who may do what with keys: each built-in role, operation by operation."""

import json
import uuid

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.keyvault.keys import KeyClient
from cryptography.hazmat.primitives.asymmetric import ec

import independent
from key_work import ask

JWK = independent.jwk_of(ec.generate_private_key(ec.SECP256R1()))
POLICY = {"attributes": {"expiryTime": "P90D"}}

# What is asked, by the name of the permission. `{name}` is a key that is there, `{gone}` one that
# is deleted. What changes things comes last: the purge takes `{gone}` away.
REQUESTS = {
    "get": ("GET", "/keys/{name}", None),
    "list": ("GET", "/keys", None),
    "list versions": ("GET", "/keys/{name}/versions", None),
    "list deleted": ("GET", "/deletedkeys", None),
    "get deleted": ("GET", "/deletedkeys/{gone}", None),
    "get policy": ("GET", "/keys/{name}/rotationpolicy", None),
    "backup": ("POST", "/keys/{name}/backup", None),
    "update": ("PATCH", "/keys/{name}/", {"tags": {"a": "b"}}),
    "set policy": ("PUT", "/keys/{name}/rotationpolicy", POLICY),
    "create": ("POST", "/keys/{name}/create", {"kty": "EC"}),
    "import": ("PUT", "/keys/{name}", {"key": JWK}),
    "rotate": ("POST", "/keys/{name}/rotate", None),
    "delete": ("DELETE", "/keys/{name}", None),
    "recover": ("POST", "/deletedkeys/{gone}/recover", None),
    "purge": ("DELETE", "/deletedkeys/{other}", None),
    "restore": ("POST", "/keys/restore", {"value": "AAAA"}),
}
READS = {"get", "list", "list versions", "list deleted", "get deleted"}
WORK = {"encrypt", "decrypt", "wrapkey", "unwrapkey", "sign", "verify"}
PUBLIC_WORK = {"encrypt", "wrapkey", "verify"}

# roles/vault-builtin-roles.json: the data actions of each role. keys/read opens what can be done
# with the public half, which it shows anyway (OPERATIONS.md, 3.2, the texts of the actions).
ROLES = {
    "Key Vault Crypto Officer": set(REQUESTS) | WORK,
    "Key Vault Administrator": set(REQUESTS) | WORK,
    "Key Vault Crypto User": READS | {"update", "backup"} | WORK,
    "Key Vault Crypto Service Encryption User": READS | {"wrapkey", "unwrapkey"} | PUBLIC_WORK,
    "Key Vault Reader": READS | {"get policy"} | PUBLIC_WORK,
    "Key Vault Certificate User": READS | PUBLIC_WORK,
    "Key Vault Crypto Service Release User": set(),
    "Key Vault Secrets Officer": set(),
    "Key Vault Secrets User": set(),
    "Owner": set(),
    "Contributor": set(),
    None: set(),
}
ACTIONS = {
    "get": "keys/read", "create": "keys/create/action", "import": "keys/import/action",
    "delete": "keys/delete", "rotate": "keys/rotate/action", "purge": "keys/purge/action",
    "recover": "keys/recover/action", "backup": "keys/backup/action",
    "restore": "keys/restore/action", "update": "keys/update/action",
    "get policy": "keyrotationpolicies/read", "set policy": "keyrotationpolicies/write",
    "sign": "keys/sign/action", "decrypt": "keys/decrypt/action",
    "unwrapkey": "keys/unwrap/action",
}


def identity_of(server, role, scope=None):
    scope = (scope or server.vault_id()) if role else None
    return server.create_identity(f"id-{uuid.uuid4().hex[:8]}", role, scope)


def raw_of(server, identity, vault="dev"):
    return server.raw(vault, token=server.token(identity))


@pytest.fixture(scope="module")
def rsa_key(keys):
    key = keys.create_rsa_key("worker")
    public = independent.public_key_of(key.key)
    return key.id, independent.rsa_encrypt(public, "RSA-OAEP", b"text")


def work(raw, rsa_key, operation):
    kid, ciphertext = rsa_key
    if operation == "sign":
        return ask(raw, kid, operation, "RS256", value=bytes(32))
    if operation == "verify":
        return ask(raw, kid, operation, "RS256", digest=bytes(32), value=bytes(256))
    value = ciphertext if operation in ("decrypt", "unwrapkey") else b"text"
    return ask(raw, kid, operation, "RSA-OAEP", value=value)


def is_refused(answer):
    if answer.status != 403:
        return False
    assert (answer.code, answer.inner_code) == ("Forbidden", "ForbiddenByRbac"), answer
    return True


@pytest.mark.parametrize("role", ROLES, ids=str)
def test_what_a_role_may_manage(server, keys, role):
    raw = raw_of(server, identity_of(server, role))
    names = {part: f"{part}-{uuid.uuid4().hex[:8]}" for part in ("name", "gone", "other")}
    for name in names.values():
        keys.create_ec_key(name)
    for part in ("gone", "other"):
        keys.begin_delete_key(names[part]).wait()
    for asked, (method, path, body) in REQUESTS.items():
        answer = raw.call(method, path.format(**names), body)
        allowed = asked in ROLES[role]
        assert is_refused(answer) is not allowed, (role, asked, answer)
        if allowed and asked == "restore":
            assert answer.status == 400, "the blob is nonsense, and that is what is wrong with it"
        elif allowed:
            assert answer.status in (200, 204), (role, asked, answer)


@pytest.mark.parametrize("role", ROLES, ids=str)
def test_what_a_role_may_do_with_a_key(server, rsa_key, role):
    raw = raw_of(server, identity_of(server, role))
    for operation in sorted(WORK):
        answer = work(raw, rsa_key, operation)
        allowed = operation in ROLES[role]
        assert is_refused(answer) is not allowed, (role, operation, answer)
        assert answer.status == (200 if allowed else 403), (role, operation, answer)


@pytest.mark.parametrize("asked", ACTIONS)
def test_the_refusal_names_the_action(server, rsa_key, asked):
    raw = raw_of(server, identity_of(server, None))
    if asked in REQUESTS:
        method, path, body = REQUESTS[asked]
        answer = raw.call(method, path.format(name="worker", gone="worker", other="worker"), body)
    else:
        answer = work(raw, rsa_key, asked)
    assert is_refused(answer)
    assert f"\r\nAction: 'Microsoft.KeyVault/vaults/{ACTIONS[asked]}'\r\n" in answer.message
    subject = "" if asked == "restore" else "/keys/worker"
    assert f"microsoft.keyvault/vaults/dev{subject}'\r\n" in answer.message


def test_a_refusal_does_not_tell_whether_the_key_exists(server, keys):
    there, absent = f"there-{uuid.uuid4().hex}", f"absen-{uuid.uuid4().hex}"
    keys.create_ec_key(there)
    raw = raw_of(server, identity_of(server, None))
    for method, path in [("GET", "{}/"), ("DELETE", "{}"), ("POST", "{}//sign"),
                         ("POST", "{}/rotate"), ("GET", "{}/rotationpolicy")]:
        answers = [raw.call(method, "/keys/" + path.format(name), {"alg": "ES256"})
                   for name in (there, absent)]
        assert [answer.status for answer in answers] == [403, 403]
        bodies = [answers[0].body.replace(there.encode(), absent.encode()), answers[1].body]
        assert bodies[0] == bodies[1]


def test_the_refusal_comes_before_the_body_is_looked_at(server, rsa_key):
    raw = raw_of(server, identity_of(server, None))
    for body in (b"{", {"alg": "none"}, {}):
        assert is_refused(raw.call("POST", "/keys/worker//sign", body))
        assert is_refused(raw.call("POST", "/keys/worker/create", body))


def test_a_role_on_one_key_opens_that_one(server, keys):
    names = [f"scoped-{uuid.uuid4().hex[:8]}" for _ in range(2)]
    kids = [keys.create_ec_key(name).id for name in names]
    scope = f"{server.vault_id()}/keys/{names[0]}"
    raw = raw_of(server, identity_of(server, "Key Vault Crypto User", scope))
    assert ask(raw, kids[0], "sign", "ES256", value=bytes(32)).status == 200
    assert is_refused(ask(raw, kids[1], "sign", "ES256", value=bytes(32)))
    assert is_refused(raw.call("GET", "/keys"))


def test_a_role_on_a_key_opens_no_secret_of_the_same_name(server, client, keys, name):
    client.set_secret(name, "v")
    keys.create_ec_key(name)
    scope = f"{server.vault_id()}/keys/{name}"
    raw = raw_of(server, identity_of(server, "Key Vault Administrator", scope))
    assert raw.call("GET", f"/keys/{name}").status == 200
    assert is_refused(raw.call("GET", f"/secrets/{name}"))


def test_the_service_encryption_user_as_a_storage_account_uses_it(server, keys, name):
    """Get the key, wrap the account's key with it, unwrap it again; and nothing else."""
    keys.create_rsa_key(name)
    identity = identity_of(server, "Key Vault Crypto Service Encryption User")
    credential = ClientSecretCredential(
        "adfs", identity["appId"], identity["password"], authority=server.ready["authority"]
    )
    with KeyClient(server.vault_url(), credential) as service:
        client = service.get_cryptography_client(name)
        wrapped = client.wrap_key("RSA-OAEP-256", bytes(32)).encrypted_key
        assert client.unwrap_key("RSA-OAEP-256", wrapped).key == bytes(32)
        for call in (lambda: client.sign("RS256", bytes(32)),
                     lambda: client.decrypt("RSA-OAEP-256", wrapped),
                     lambda: service.create_rsa_key(name)):
            with pytest.raises(HttpResponseError) as refused:
                call()
            assert refused.value.status_code == 403
            assert refused.value.error.innererror["code"] == "ForbiddenByRbac"


def test_a_grant_holds_from_the_next_request_on(server, keys, name):
    kid = keys.create_ec_key(name).id
    identity = identity_of(server, None)
    raw = raw_of(server, identity)
    grant = ["--assignee", identity["appId"], "--role", "Key Vault Crypto User"]
    grant += ["--scope", server.vault_id()]
    assert is_refused(ask(raw, kid, "sign", "ES256", value=bytes(32)))
    server.cli("role", "assignment", "create", *grant)
    assert ask(raw, kid, "sign", "ES256", value=bytes(32)).status == 200
    server.cli("role", "assignment", "delete", *grant)
    assert is_refused(ask(raw, kid, "sign", "ES256", value=bytes(32)))


def test_a_vaults_keys_are_its_own(server, keys, rsa_key):
    """A backup of one vault's key restores in another of the same subscription, with the right."""
    server.create_vault("week")
    blob = json.dumps({"value": None})
    raw = raw_of(server, identity_of(server, "Key Vault Crypto Officer"), "week")
    assert is_refused(raw.call("GET", "/keys/worker"))
    assert is_refused(raw.call("POST", "/keys/restore", blob.encode()))
