"""The specification's own examples of keys, sent as they stand: same status, same shape."""

from urllib.parse import parse_qsl, urlsplit

import independent
from forge import decode, encode
from test_examples import FOLDER, Example, snake


def test_every_example_of_keys_is_replayed():
    tested = {test.removeprefix("test_") for test in globals() if test.startswith("test_")}
    operations = {path.name.split("-")[0] for path in FOLDER.glob("*.json")}
    others = ("Secret", "Certificate")
    operations = {name for name in operations if not any(other in name for other in others)}
    assert {operation for operation in operations if snake(operation) not in tested} == set()
    assert len(operations) == 22


def purge(raw, name):
    """Leaves the name free, whatever was there."""
    raw.call("DELETE", f"/keys/{name}")
    raw.call("DELETE", f"/deletedkeys/{name}")


def create(raw, name, **members):
    purge(raw, name)
    body = {"kty": "RSA", **members}
    answer = raw.call("POST", f"/keys/{name}/create", body, version="7.6-preview.1")
    assert answer.status == 200, answer
    return answer.json()


def create_as_in(raw, example):
    """A key with the tags and operations of the one that the example answers."""
    key = example.answer["key"]
    return create(raw, example.name, key_ops=key["key_ops"], tags=example.answer["tags"])


def test_create_key(raw):
    example = Example("CreateKey")
    answer = example.send(raw, "POST", f"/keys/{example.name}/create", example.body)
    example.check(answer)
    assert answer.json()["tags"] == example.answer["tags"]
    assert answer.json()["key"]["key_ops"] == example.answer["key"]["key_ops"]


def test_import_key(raw):
    example = Example("ImportKey")
    answer = example.send(raw, "PUT", f"/keys/{example.name}", example.body)
    example.check(answer)
    for member in ("n", "e", "kty", "key_ops"):
        assert answer.json()["key"][member] == example.answer["key"][member]


def test_get_key(raw):
    example = Example("GetKey")
    version = create_as_in(raw, example)["key"]["kid"].rsplit("/", 1)[1]
    example.check(example.send(raw, "GET", f"/keys/{example.name}/{version}"))


def test_update_key(raw):
    example = Example("UpdateKey")
    version = create(raw, example.name)["key"]["kid"].rsplit("/", 1)[1]
    answer = example.send(raw, "PATCH", f"/keys/{example.name}/{version}", example.body)
    example.check(answer)
    assert answer.json()["key"]["key_ops"] == example.body["key_ops"]
    for attribute in ("enabled", "nbf", "exp"):
        assert answer.json()["attributes"][attribute] == example.body["attributes"][attribute]


def test_get_keys(server):
    server.create_vault("week")
    week = server.raw("week")
    for number in range(2):
        create(week, f"sdktestkey{number}", kty="EC")
    example = Example("GetKeys")
    answer = example.send(week, "GET", "/keys", maxresults=example.parameters["maxresults"])
    example.check(answer)


def test_get_key_versions(raw):
    example = Example("GetKeyVersions")
    create(raw, example.name)
    answer = raw.call("POST", f"/keys/{example.name}/create", {"kty": "EC"})
    assert answer.status == 200
    size = example.parameters["maxresults"]
    example.check(example.send(raw, "GET", f"/keys/{example.name}/versions", maxresults=size))


def test_delete_key(raw):
    example = Example("DeleteKey")
    create_as_in(raw, example)
    example.check(example.send(raw, "DELETE", f"/keys/{example.name}"))


def test_get_deleted_key(raw):
    example = Example("GetDeletedKey")
    create_as_in(raw, example)
    raw.call("DELETE", f"/keys/{example.name}")
    example.check(example.send(raw, "GET", f"/deletedkeys/{example.name}"))


def test_get_deleted_keys(server):
    """The example follows a skip token; ours stands in for the one it was recorded with."""
    example = Example("GetDeletedKeys")
    server.create_vault("protected")
    raw = server.raw("protected")
    for number in range(3):
        create(raw, f"listdeletedkeytest{number}", kty="EC")
        raw.call("DELETE", f"/keys/listdeletedkeytest{number}")
    size = example.parameters["maxresults"]
    first = example.send(raw, "GET", "/deletedkeys", maxresults=size).json()
    token = dict(parse_qsl(urlsplit(first["nextLink"]).query))["$skiptoken"]
    query = {"maxresults": size, "$skiptoken": token}
    answer = example.send(raw, "GET", "/deletedkeys", **query)
    example.check(answer)
    assert urlsplit(answer.json()["value"][0]["kid"]).path == "/keys/listdeletedkeytest1"


def test_recover_deleted_key(raw):
    example = Example("RecoverDeletedKey")
    create_as_in(raw, example)
    raw.call("DELETE", f"/keys/{example.name}")
    example.check(example.send(raw, "POST", f"/deletedkeys/{example.name}/recover"))


def test_purge_deleted_key(raw):
    example = Example("PurgeDeletedKey")
    create(raw, example.name)
    raw.call("DELETE", f"/keys/{example.name}")
    example.check(example.send(raw, "DELETE", f"/deletedkeys/{example.name}"))


def test_backup_key(raw):
    example = Example("BackupKey")
    create(raw, example.name)
    example.check(example.send(raw, "POST", f"/keys/{example.name}/backup"))


def test_restore_key(raw):
    """The example's blob is sealed by the real service; ours stands in for it."""
    example = Example("RestoreKey")
    foreign = example.send(raw, "POST", "/keys/restore", example.body)
    assert (foreign.status, foreign.code) == (400, "Malformed backup blob")

    name = urlsplit(example.answer["key"]["kid"]).path.split("/")[2]
    attributes = {key: example.answer["attributes"][key] for key in ("enabled", "nbf", "exp")}
    create(raw, name, attributes=attributes)
    blob = raw.call("POST", f"/keys/{name}/backup").json()["value"]
    purge(raw, name)
    answer = example.send(raw, "POST", "/keys/restore", {"value": blob})
    example.check(answer)
    for key, value in attributes.items():
        assert answer.json()["attributes"][key] == value


def test_rotate_key(raw):
    example = Example("RotateKey")
    create_as_in(raw, example)
    answer = example.send(raw, "POST", f"/keys/{example.name}/rotate")
    example.check(answer)
    assert answer.json()["tags"] == example.answer["tags"]


def test_update_key_rotation_policy(raw):
    example = Example("UpdateKeyRotationPolicy")
    create(raw, example.name)
    answer = example.send(raw, "PUT", f"/keys/{example.name}/rotationpolicy", example.body)
    example.check(answer)
    assert answer.json()["lifetimeActions"] == example.answer["lifetimeActions"]
    assert answer.json()["attributes"]["expiryTime"] == "P2Y"


def test_get_key_rotation_policy(raw):
    example = Example("GetKeyRotationPolicy")
    create(raw, example.name)
    policy = {member: example.answer[member] for member in ("lifetimeActions", "attributes")}
    raw.call("PUT", f"/keys/{example.name}/rotationpolicy", policy)
    answer = example.send(raw, "GET", f"/keys/{example.name}/rotationpolicy")
    example.check(answer)
    assert answer.json()["lifetimeActions"] == example.answer["lifetimeActions"]


def work(raw, example, operation, body):
    kid = create(raw, example.name)["key"]["kid"]
    return kid, example.send(raw, "POST", f"{urlsplit(kid).path}/{operation}", body)


def test_sign(raw):
    example = Example("sign")
    kid, answer = work(raw, example, "sign", example.body)
    example.check(answer)
    public = independent.public_key_of(raw.call("GET", urlsplit(kid).path).json()["key"])
    digest, signature = decode(example.body["value"]), decode(answer.json()["value"])
    assert independent.verifies(public, example.body["alg"], digest, signature)


def test_verify(raw):
    """The example has digest and value the wrong way round, and a signature of a key that only
    its makers have: with them put right, and ours in its place, it says the same."""
    example, sign = Example("verify"), Example("sign")
    kid, signed = work(raw, sign, "sign", sign.body)
    body = {**example.body, "digest": example.body["value"], "value": signed.json()["value"]}
    example.check(example.send(raw, "POST", f"{urlsplit(kid).path}/verify", body))
    answer = example.send(raw, "POST", f"{urlsplit(kid).path}/verify", example.body)
    assert (answer.status, answer.code) == (400, "BadParameter")


def test_encrypt(raw):
    example = Example("encrypt")
    example.check(work(raw, example, "encrypt", example.body)[1])


def test_wrap_key(raw):
    example = Example("wrapKey")
    example.check(work(raw, example, "wrapkey", example.body)[1])


def opens(raw, example, operation):
    """The example's ciphertext is for a key that only its makers have; ours stands in for it."""
    kid, foreign = work(raw, example, operation, example.body)
    assert (foreign.status, foreign.code) == (400, "BadParameter")
    public = independent.public_key_of(raw.call("GET", urlsplit(kid).path).json()["key"])
    value = independent.rsa_encrypt(public, example.body["alg"], b"text")
    body = {**example.body, "value": encode(value)}
    answer = example.send(raw, "POST", f"{urlsplit(kid).path}/{operation}", body)
    example.check(answer)
    assert decode(answer.json()["value"]) == b"text"


def test_decrypt(raw):
    opens(raw, Example("decrypt"), "decrypt")


def test_unwrap_key(raw):
    opens(raw, Example("unwrapKey"), "unwrapkey")
