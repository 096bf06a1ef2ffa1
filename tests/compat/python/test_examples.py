"""The specification's own examples, sent as they stand: same status, same shape."""

import json
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

FOLDER = Path(__file__).parent.parent / "spec-examples"

# The examples were recorded years apart; these came to every answer later.
LATER = {
    "attributes": {"recoveryLevel", "recoverableDays", "exportable", "hsmPlatform"},
    "x509_props": {"basic_constraints"},
}

# What holds the name of the object, and what the body.
NAMES = ("secret-name", "key-name", "certificate-name", "issuer-name")
BODIES = ("parameters", "keyRotationPolicy", "parameter", "contacts", "certificateOperation",
          "certificatePolicy")


class Example:
    def __init__(self, operation):
        example = json.loads((FOLDER / f"{operation}-example.json").read_text())
        self.parameters = example["parameters"]
        self.version = self.parameters["api-version"]
        self.name = next((self.parameters[n] for n in NAMES if n in self.parameters), None)
        self.body = next((self.parameters[b] for b in BODIES if b in self.parameters), None)
        (self.status, answer), = example["responses"].items()
        self.answer = answer.get("body")

    def send(self, raw, method, path, body=None, **query):
        return raw.call(method, path, body, version=self.version, **query)

    def check(self, answer):
        """Status, members and types are the example's."""
        assert answer.status == int(self.status), answer
        if self.answer is None:
            assert answer.body == b""
        else:
            same_shape(self.answer, answer.json())


def same_shape(example, answer, path="$"):
    assert type(answer) is type(example) or None in (answer, example), (path, answer)
    if isinstance(example, dict):
        later = LATER.get(path.rsplit(".", 1)[-1], set())
        assert set(example) <= set(answer) <= set(example) | later, (path, set(answer))
        for member in example:
            same_shape(example[member], answer[member], f"{path}.{member}")
    if isinstance(example, list):
        assert len(answer) == len(example), path
        for number, (theirs, ours) in enumerate(zip(example, answer)):
            same_shape(theirs, ours, f"{path}[{number}]")


def test_every_example_is_replayed():
    tested = {test.removeprefix("test_") for test in globals() if test.startswith("test_")}
    operations = {path.name.split("-")[0] for path in FOLDER.glob("*Secret*.json")}
    assert {operation for operation in operations if snake(operation) not in tested} == set()
    assert len(operations) == 12


def snake(operation):
    return "".join("_" + c.lower() if c.isupper() else c for c in operation).lstrip("_")


def delete(raw, name):
    assert raw.call("DELETE", f"/secrets/{name}").status == 200


def purge(raw, name):
    """Leaves the name free, whatever was there."""
    raw.call("DELETE", f"/secrets/{name}")
    raw.call("DELETE", f"/deletedsecrets/{name}")


def test_set_secret(raw):
    example = Example("SetSecret")
    answer = example.send(raw, "PUT", f"/secrets/{example.name}", example.body)
    example.check(answer)
    assert answer.json()["value"] == example.answer["value"]


def test_get_secret(raw):
    example = Example("GetSecret")
    version = raw.set(example.name, example.answer["value"])["id"].rsplit("/", 1)[1]
    answer = example.send(raw, "GET", f"/secrets/{example.name}/{version}")
    example.check(answer)
    assert answer.json()["value"] == example.answer["value"]


def test_update_secret(raw):
    example = Example("UpdateSecret")
    version = raw.set(example.name)["id"].rsplit("/", 1)[1]
    answer = example.send(raw, "PATCH", f"/secrets/{example.name}/{version}", example.body)
    example.check(answer)
    for member in ("tags", "contentType"):
        assert answer.json()[member] == example.answer[member]


def test_get_secrets(server, raw):
    """A vault of its own, so that the first page holds the example's secret."""
    server.create_vault("week")
    week = server.raw("week")
    for number in range(2):
        week.set(f"listsecrettest{number}", contentType="plainText")
    example = Example("GetSecrets")
    answer = example.send(week, "GET", "/secrets", maxresults=example.parameters["maxresults"])
    example.check(answer)


def test_get_secret_versions(raw):
    example = Example("GetSecretVersions")
    for value in ("one", "two"):
        raw.set(example.name, value)
    size = example.parameters["maxresults"]
    answer = example.send(raw, "GET", f"/secrets/{example.name}/versions", maxresults=size)
    example.check(answer)


def test_delete_secret(raw):
    example = Example("DeleteSecret")
    purge(raw, example.name)
    raw.set(example.name)
    example.check(example.send(raw, "DELETE", f"/secrets/{example.name}"))


def test_get_deleted_secret(raw):
    example = Example("GetDeletedSecret")
    purge(raw, example.name)
    raw.set(example.name)
    delete(raw, example.name)
    example.check(example.send(raw, "GET", f"/deletedsecrets/{example.name}"))


def test_get_deleted_secrets(server):
    """The example follows a skip token; ours stands in for the one it was recorded with."""
    example = Example("GetDeletedSecrets")
    server.create_vault("protected")
    raw = server.raw("protected")
    for number in range(3):
        raw.set(f"listdeletedsecrettest{number}", contentType="plainText")
        delete(raw, f"listdeletedsecrettest{number}")
    size = example.parameters["maxresults"]
    first = example.send(raw, "GET", "/deletedsecrets", maxresults=size).json()
    token = dict(parse_qsl(urlsplit(first["nextLink"]).query))["$skiptoken"]
    query = {"maxresults": size, "$skiptoken": token}
    example.check(example.send(raw, "GET", "/deletedsecrets", **query))

    query["$skiptoken"] = example.parameters["$skiptoken"]
    answer = example.send(raw, "GET", "/deletedsecrets", **query)
    assert (answer.status, answer.code) == (400, "BadParameter")


def test_recover_deleted_secret(raw):
    example = Example("RecoverDeletedSecret")
    raw.set(example.name)
    delete(raw, example.name)
    example.check(example.send(raw, "POST", f"/deletedsecrets/{example.name}/recover"))


def test_purge_deleted_secret(raw):
    example = Example("PurgeDeletedSecret")
    purge(raw, example.name)
    raw.set(example.name)
    delete(raw, example.name)
    example.check(example.send(raw, "DELETE", f"/deletedsecrets/{example.name}"))


def test_backup_secret(raw):
    example = Example("BackupSecret")
    purge(raw, example.name)
    raw.set(example.name)
    example.check(example.send(raw, "POST", f"/secrets/{example.name}/backup"))


def test_restore_secret(raw):
    """The example's blob is sealed by the real service; ours stands in for it."""
    example = Example("RestoreSecret")
    foreign = example.send(raw, "POST", "/secrets/restore", example.body)
    assert foreign.status == 400, foreign

    name = example.answer["id"].split("/")[4]
    attributes = {key: example.answer["attributes"][key] for key in ("nbf", "exp")}
    raw.set(name, contentType=example.answer["contentType"], attributes=attributes)
    blob = raw.call("POST", f"/secrets/{name}/backup").json()["value"]
    purge(raw, name)
    answer = example.send(raw, "POST", "/secrets/restore", {"value": blob})
    example.check(answer)
    for key in ("nbf", "exp"):
        assert answer.json()["attributes"][key] == example.answer["attributes"][key]


@pytest.mark.parametrize("bad", [
    ({"a": 1}, {"a": "1"}), ({"a": 1}, {}), ({"a": 1}, {"a": 1, "b": 2}), ([1], [1, 2]),
])
def test_the_comparison_can_fail(bad):
    with pytest.raises(AssertionError):
        same_shape(*bad)
