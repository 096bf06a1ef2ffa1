"""Keys and secrets as resources of the control plane."""

import threading

import pytest

from arm import Arm, refused, vault_name


@pytest.fixture(scope="module")
def arm(server):
    return Arm(server)


@pytest.fixture
def with_roles(server, arm):
    name = vault_name()
    arm.create(name)
    server.raw(name).set("s", "the secret")
    return name


def test_a_key_as_a_resource_has_its_first_version_only(server, arm, with_roles):
    body = {"properties": {"kty": "RSA", "keySize": 2048, "keyOps": ["sign", "verify"]}}
    made = arm.vault("PUT", with_roles, {**body, "tags": {"a": "b"}}, "/keys/k")
    assert made.status == 200
    key = made.json()
    assert key["id"] == arm.vault_path(with_roles) + "/keys/k"
    assert (key["name"], key["type"]) == ("k", "Microsoft.KeyVault/vaults/keys")
    assert (key["location"], key["tags"]) == ("local", {"a": "b"})
    properties = key["properties"]
    assert (properties["kty"], properties["keySize"]) == ("RSA", 2048)
    assert properties["keyOps"] == ["sign", "verify"]
    assert properties["keyUri"] == server.vault_url(with_roles) + "/keys/k"
    assert properties["keyUriWithVersion"].startswith(properties["keyUri"] + "/")
    assert properties["attributes"]["enabled"] is True

    other = {"properties": {"kty": "EC", "curveName": "P-256"}}
    assert arm.vault("PUT", with_roles, other, "/keys/k").json() == key
    assert arm.vault("GET", with_roles, rest="/keys/k").json() == key
    on_data_plane = server.raw(with_roles).call("GET", "/keys/k").json()
    assert on_data_plane["key"]["kid"] == properties["keyUriWithVersion"]

    version = properties["keyUriWithVersion"].rsplit("/", 1)[1]
    (one,) = arm.vault("GET", with_roles, rest="/keys/k/versions").json()["value"]
    assert (one["name"], one["type"]) == (version, "Microsoft.KeyVault/vaults/keys/versions")
    shown = arm.vault("GET", with_roles, rest=f"/keys/k/versions/{version}")
    assert shown.json()["id"] == f"{key['id']}/versions/{version}"
    (listed,) = arm.vault("GET", with_roles, rest="/keys").json()["value"]
    assert listed["id"] == key["id"]
    refused(arm.vault("GET", with_roles, rest="/keys/none"), 404, "ResourceNotFound")


def test_keys_that_are_made_at_once_have_one_version(server, arm, with_roles):
    body = {"properties": {"kty": "EC", "curveName": "P-256"}}

    def put():
        assert Arm(server).vault("PUT", with_roles, body, "/keys/at-once").status == 200

    threads = [threading.Thread(target=put) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    versions = arm.vault("GET", with_roles, rest="/keys/at-once/versions").json()["value"]
    assert len(versions) == 1


@pytest.mark.parametrize(
    "properties",
    [{}, {"kty": "AES"}, {"kty": "RSA", "keySize": 1}, {"kty": "EC", "curveName": "x"}],
)
def test_keys_that_there_are_not(arm, with_roles, properties):
    answer = arm.vault("PUT", with_roles, {"properties": properties}, "/keys/bad")
    assert (answer.status, answer.code) == (400, "BadRequest")


def test_a_secret_as_a_resource(server, arm, with_roles):
    body = {
        "tags": {"a": "b"},
        "properties": {"value": "first", "contentType": "text", "attributes": {"enabled": True}},
    }
    made = arm.vault("PUT", with_roles, body, "/secrets/r")
    assert made.status == 201
    secret = made.json()
    assert secret["id"] == arm.vault_path(with_roles) + "/secrets/r"
    assert (secret["name"], secret["type"]) == ("r", "Microsoft.KeyVault/vaults/secrets")
    assert secret["tags"] == {"a": "b"}
    assert "value" not in secret["properties"]
    assert secret["properties"]["contentType"] == "text"
    assert secret["properties"]["secretUri"] == server.vault_url(with_roles) + "/secrets/r"
    raw = server.raw(with_roles)
    bundle = raw.call("GET", "/secrets/r").json()
    assert bundle["value"] == "first"
    assert bundle["id"] == secret["properties"]["secretUriWithVersion"]

    second = arm.vault("PUT", with_roles, {"properties": {"value": "second"}}, "/secrets/r")
    assert second.status == 200
    assert "contentType" not in second.json()["properties"]
    patch = {"properties": {"value": "third"}, "tags": {"c": "d"}}
    assert arm.vault("PATCH", with_roles, patch, "/secrets/r").json()["tags"] == {"c": "d"}
    patch = {"properties": {"contentType": "x", "attributes": {"exp": 4102444800}}}
    patched = arm.vault("PATCH", with_roles, patch, "/secrets/r")
    assert patched.json()["tags"] == {"c": "d"}
    assert patched.json()["properties"]["attributes"]["exp"] == 4102444800
    assert raw.call("GET", "/secrets/r").json()["value"] == "third"
    names = [s["name"] for s in arm.vault("GET", with_roles, rest="/secrets").json()["value"]]
    assert names == ["r", "s"]
    refused(arm.vault("PATCH", with_roles, patch, "/secrets/none"), 404, "ResourceNotFound")
    missing = arm.vault("PUT", with_roles, {"properties": {}}, "/secrets/r")
    refused(missing, 400, "BadRequest", "The parameter value is not specified.")


def test_a_misplaced_value_is_not_quoted_back(arm, with_roles):
    for body in (b'{"properties": "hush hush"}', b'{"properties": {"value": hush}}'):
        answer = arm.vault("PUT", with_roles, body, "/secrets/quoted")
        assert answer.status == 400
        assert b"hush" not in answer.body


def test_secrets_as_resources_page_by_page(server, arm):
    name = vault_name()
    arm.create(name)
    raw = server.raw(name)
    names = [f"s{n:02}" for n in range(30)]
    for secret in names:
        raw.set(secret)
    answer, seen = arm.vault("GET", name, rest="/secrets"), []
    while True:
        page = answer.json()
        seen += [secret["name"] for secret in page["value"]]
        if "nextLink" not in page:
            break
        answer = arm.follow(page["nextLink"])
    assert seen == names
