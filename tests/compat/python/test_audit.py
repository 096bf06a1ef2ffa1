"""Every request leaves one record, no record holds a secret."""

import json
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import independent
from forge import encode, flipped_signature

VALUE = "planted-value-e2a94b"


def records(server):
    """Azure's AuditEvent records, oldest first, as `audit tail` prints them."""
    lines = server.cli("audit", "tail", "--all", "--format", "json").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def found(server, request_id):
    """The one record of a request. A change's record is drained to the journal after the answer
    (until then it lies in the outbox, committed with the change), so it may take a moment."""
    deadline = time.monotonic() + 10
    while True:
        matching = [r for r in records(server) if r["correlationId"] == request_id]
        if matching or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    assert len(matching) == 1, (request_id, matching)
    return matching[0]


SIGNATURES = {200: "OK", 401: "Unauthorized", 403: "Forbidden"}


def leaves(server, answer, operation, status):
    assert answer.status == status
    record = found(server, answer.headers["x-ms-request-id"])
    assert record["category"] == "AuditEvent"
    assert record["operationName"] == operation
    # Who may not come in is turned away before the api-version is read.
    assert record["operationVersion"] == ("" if operation == "Authentication" else "7.4")
    assert record["resultSignature"]
    assert record["resultSignature"] == SIGNATURES.get(status, record["resultSignature"])
    assert record["resultType"] == ("Success" if status < 400 else "Failure")
    assert record["properties"]["httpStatusCode"] == status
    assert record["resourceId"] == server.vault_id().upper()
    assert record["callerIpAddress"] in ("127.0.0.1", "::1")
    assert int(record["durationMs"]) >= 0
    assert VALUE not in json.dumps(record)
    return record


OBJECT_ID = "http://schemas.microsoft.com/identity/claims/objectidentifier"


@pytest.fixture(scope="module")
def written(server):
    raw = server.raw()
    raw.set("watched", VALUE)
    assert raw.call("POST", "/keys/watched/create", {"kty": "RSA"}).status == 200
    return raw


@pytest.mark.parametrize("method, path, body, operation, status", [
    ("PUT", "/secrets/watched", {"value": VALUE}, "SecretSet", 200),
    ("GET", "/secrets/watched", None, "SecretGet", 200),
    ("PATCH", "/secrets/watched/", {"contentType": "a"}, "SecretUpdate", 200),
    ("GET", "/secrets", None, "SecretList", 200),
    ("GET", "/secrets/watched/versions", None, "SecretListVersions", 200),
    ("POST", "/secrets/watched/backup", None, "SecretBackup", 200),
    ("DELETE", "/secrets/watched", None, "SecretDelete", 200),
    ("GET", "/deletedsecrets", None, "SecretListDeleted", 200),
    ("GET", "/deletedsecrets/watched", None, "SecretGetDeleted", 200),
    ("POST", "/deletedsecrets/watched/recover", None, "SecretRecover", 200),
    ("GET", "/secrets/absent", None, "SecretGet", 404),
    ("PUT", "/secrets/watched", {"value": 5}, "SecretSet", 400),
    ("POST", "/keys/watched/create", {"kty": "RSA"}, "KeyCreate", 200),
    ("GET", "/keys/watched", None, "KeyGet", 200),
    ("PATCH", "/keys/watched/", {"tags": {"a": VALUE}}, "KeyUpdate", 200),
    ("GET", "/keys", None, "KeyList", 200),
    ("GET", "/keys/watched/versions", None, "KeyListVersions", 200),
    ("POST", "/keys/watched//encrypt", {"alg": "RSA-OAEP", "value": VALUE}, "KeyEncrypt", 200),
    ("POST", "/keys/watched//decrypt", {"alg": "RSA-OAEP", "value": VALUE}, "KeyDecrypt", 400),
    ("POST", "/keys/watched//wrapkey", {"alg": "RSA-OAEP", "value": VALUE}, "KeyWrap", 200),
    ("POST", "/keys/watched//unwrapkey", {"alg": "RSA-OAEP", "value": VALUE}, "KeyUnwrap", 400),
    ("POST", "/keys/watched//sign", {"alg": "RS256", "value": "A" * 43}, "KeySign", 200),
    ("POST", "/keys/watched//verify", {"alg": "RS256", "digest": "A" * 43, "value": VALUE},
     "KeyVerify", 200),
    ("POST", "/keys/watched/rotate", None, "KeyRotate", 200),
    ("PUT", "/keys/watched/rotationpolicy", {"attributes": {"expiryTime": "P90D"}},
     "KeyRotationPolicySet", 200),
    ("GET", "/keys/watched/rotationpolicy", None, "KeyRotationPolicyGet", 200),
    ("POST", "/keys/watched/backup", None, "KeyBackup", 200),
    ("DELETE", "/keys/watched", None, "KeyDelete", 200),
    ("GET", "/deletedkeys", None, "KeyListDeleted", 200),
    ("GET", "/deletedkeys/watched", None, "KeyGetDeleted", 200),
    ("POST", "/deletedkeys/watched/recover", None, "KeyRecover", 200),
    ("GET", "/keys/absent", None, "KeyGet", 404),
    ("PUT", "/keys/watched", {"key": {"kty": "RSA", "d": VALUE}}, "KeyImport", 400),
])
def test_each_operation(server, written, method, path, body, operation, status):
    answer = written.call(method, path, body)
    record = leaves(server, answer, operation, status)
    claims = record["identity"]["claim"]
    assert claims["appid"] == server.ready["owner"]["clientId"]
    assert claims[OBJECT_ID] == server.ready["owner"]["objectId"]
    assert record["properties"]["requestUri"].startswith(server.vault_url() + path)


def test_a_purge(server, written):
    written.set("purged")
    written.call("DELETE", "/secrets/purged")
    answer = written.call("DELETE", "/deletedsecrets/purged")
    leaves(server, answer, "SecretPurge", 204)


def test_a_restore(server, written):
    written.set("restored", VALUE)
    blob = written.call("POST", "/secrets/restored/backup").json()["value"]
    written.call("DELETE", "/secrets/restored")
    written.call("DELETE", "/deletedsecrets/restored")
    answer = written.call("POST", "/secrets/restore", {"value": blob})
    record = leaves(server, answer, "SecretRestore", 200)
    assert blob[:40] not in json.dumps(record)


def test_import_purge_and_restore_of_a_key(server, written):
    private = independent.jwk_of(ec.generate_private_key(ec.SECP256R1()))
    answer = written.call("PUT", "/keys/imported", {"key": private})
    record = leaves(server, answer, "KeyImport", 200)
    assert private["d"] not in json.dumps(record)
    blob = written.call("POST", "/keys/imported/backup").json()["value"]
    written.call("DELETE", "/keys/imported")
    leaves(server, written.call("DELETE", "/deletedkeys/imported"), "KeyPurge", 204)
    answer = written.call("POST", "/keys/restore", {"value": blob})
    record = leaves(server, answer, "KeyRestore", 200)
    assert blob[:40] not in json.dumps(record)


def test_the_journal_holds_nothing_that_a_key_worked_on(server, written):
    """Neither what was decrypted, nor what was signed, in any form."""
    kid = written.call("POST", "/keys/worker/create", {"kty": "RSA"}).json()["key"]["kid"]
    value = encode(VALUE.encode())
    body = {"alg": "RSA-OAEP", "value": value}
    body["value"] = written.call("POST", "/keys/worker//wrapkey", body).json()["value"]
    answer = written.call("POST", "/keys/worker//unwrapkey", body)
    assert answer.json() == {"kid": kid, "value": value}
    record = json.dumps(found(server, answer.headers["x-ms-request-id"]))
    for planted in (value, VALUE, body["value"][:40]):
        assert planted not in record


def test_a_request_without_a_token(server):
    answer = server.raw(token="").call("GET", "/secrets/watched")
    leaves(server, answer, "Authentication", 401)


def test_a_request_with_a_bad_token(server):
    token = flipped_signature(server.token())
    answer = server.raw(token=token).call("GET", "/secrets/watched")
    record = leaves(server, answer, "Authentication", 401)
    assert token.rsplit(".", 1)[1] not in json.dumps(record)


def test_a_refusal(server):
    identity = server.create_identity("nobody")
    answer = server.raw(token=server.token(identity)).call("GET", "/secrets/watched")
    record = leaves(server, answer, "SecretGet", 403)
    assert record["identity"]["claim"]["appid"] == identity["appId"]


def test_query_strings_enter_by_an_allow_list(server, written):
    answer = written.call("GET", "/secrets", other="planted-query-31")
    assert "planted-query-31" not in json.dumps(found(server, answer.headers["x-ms-request-id"]))


def test_the_chain_verifies_and_a_changed_byte_does_not(server, written):
    server.cli("audit", "verify")
    server.stop()
    server.cli("audit", "verify", "--root-key", server.root_key)
    journal = sorted(path for path in server.data.rglob("*") if path.is_file()
                     and "audit" in str(path.relative_to(server.data)))
    assert journal, "no file of the journal found below the data directory"
    segment = max(journal, key=lambda path: path.read_bytes().count(b"watched"))
    original = segment.read_bytes()
    place = original.index(b"watched")
    segment.write_bytes(original[:place] + b"hidden!" + original[place + 7 :])
    try:
        changed = server.cli("audit", "verify", "--root-key", server.root_key, check=False)
        assert changed.returncode == 1, changed
    finally:
        segment.write_bytes(original)
        server.start()


def test_what_is_asked_at_the_administration_socket_is_recorded_too(server):
    def asked():
        about = [r for r in records(server) if r["properties"]["requestUri"] == "unix:/vaults"]
        operations = [r["operationName"] for r in about]
        return [operations.count(f"Administration{kind}") for kind in ("Read", "Refused")]

    reads, refusals = asked()
    server.cli("vault", "list")
    assert server.cli("vault", "create", "x", check=False).returncode != 0
    assert asked() == [reads + 1, refusals + 1]
