"""`strongroom access what-if`: what is predicted from the journal is what then happens."""

import json
import uuid
from pathlib import Path

import pytest

from arm import Arm, until
from forge import header_and_claims

# This machine is a proxy: X-Forwarded-For says from which address a request comes.
OPTIONS = ("--config", str(Path(__file__).with_name("network.toml")))
OFFICE = "192.0.2.7"
ELSEWHERE = "203.0.113.9"
REFUSES = 5

# The operation, as the journal calls it; how it is asked for; the object it names.
OPERATIONS = [
    ("SecretGet", "GET", "/secrets/one", None, "one"),
    ("SecretGet", "GET", "/secrets/two", None, "two"),
    ("SecretList", "GET", "/secrets", None, None),
    ("SecretSet", "PUT", "/secrets/one", {"value": "v"}, "one"),
    ("KeyGet", "GET", "/keys/k", None, "k"),
    ("KeySign", "POST", "/keys/k/sign", {"alg": "RS256", "value": "A" * 43}, "k"),
]


class Scene:
    """A vault of the test's own, and some who ask for everything there."""

    def __init__(self, server, count):
        self.server = server
        self.vault = f"wi{uuid.uuid4().hex[:12]}"
        server.create_vault(self.vault)
        self.scope = server.vault_id(self.vault)
        owner = server.raw(self.vault)
        for name in ("one", "two"):
            owner.set(name)
        made = owner.call("POST", "/keys/k/create", {"kty": "RSA", "key_size": 2048})
        assert made.status == 200, made
        self.people = [server.create_identity(f"{self.vault}-{n}") for n in range(count)]
        self.callers = [
            (person["appId"], server.raw(self.vault, server.token(person)))
            for person in self.people
        ]
        # What this made itself is no part of what is compared.
        self.app_ids = {person["appId"] for person in self.people}

    def assign(self, person, role, scope=None):
        """The id of the assignment."""
        made = self.server.cli(
            *("role", "assignment", "create", "--assignee", person["appId"]),
            *("--role", role, "--scope", scope or self.scope),
        )
        return json.loads(made)["id"]

    def ask(self):
        """Everybody asks for everything from everywhere: the status and the code of each."""
        answers = {}
        for app_id, raw in self.callers:
            for address in (OFFICE, ELSEWHERE):
                for operation, method, path, body, name in OPERATIONS:
                    target = f"{path}?api-version=7.4"
                    answer = raw.send(method, target, body, X_Forwarded_For=address)
                    code = answer.inner_code if answer.status == 403 else None
                    assert answer.status in (200, 403), answer
                    answers[app_id, operation, name, address] = (answer.status, code)
        return answers

    def report(self, *change, status=None):
        ended = self.server.cli("access", "what-if", "-o", "json", *change, check=False)
        assert ended.returncode in (0, REFUSES), ended.stderr
        report = json.loads(ended.stdout)
        assert ended.returncode == (REFUSES if report["wouldBeRefused"] else 0)
        if status is not None:
            assert ended.returncode == status, report
        return report

    def settle(self, answers):
        """Waits until the journal has all of these requests: a closed vault refuses each."""
        allowed = sum(1 for status, _ in answers.values() if status == 200)
        closing = ("--vault", self.vault, "--public-network-access", "Disabled")
        until(lambda: len(self.rows(self.report(*closing), "wouldBeRefused")) == allowed)

    def rows(self, report, which):
        """The code of each request that is predicted to be answered otherwise."""
        return {
            (row["appId"], row["operation"], row["object"], row["address"]): row["code"]
            for row in report[which]
            if row["appId"] in self.app_ids
        }

    def holds(self, change, make):
        """Asks, predicts, makes the change, asks again: exactly what was predicted differs."""
        before = self.ask()
        self.settle(before)
        report = self.report(*change)
        refused, allowed = (
            self.rows(report, which) for which in ("wouldBeRefused", "wouldBeAllowed")
        )
        make()
        after = self.ask()
        lost = {
            key: code
            for key, (status, code) in after.items()
            if status == 403 and before[key][0] == 200
        }
        won = {
            key: before[key][1]
            for key, (status, _) in after.items()
            if status == 200 and before[key][0] == 403
        }
        assert refused == lost
        assert allowed == won
        return report, lost, won


@pytest.fixture
def scene(server):
    return Scene(server, 3)


def update(scene, *said):
    scene.server.cli("vault", "update", scene.vault, *said)


def test_an_assignment_that_goes(scene):
    web, batch, nobody = scene.people
    going = scene.assign(web, "Key Vault Secrets User")
    scene.assign(batch, "Key Vault Secrets User")
    scene.assign(nobody, "Key Vault Reader")
    gone = ("role", "assignment", "delete", "--ids", going)
    report, lost, won = scene.holds(
        ("--remove-assignment", going), lambda: scene.server.cli(*gone)
    )
    # Both secrets and the list of them, from both addresses; nobody else's.
    assert len(lost) == 6 and not won
    assert {app_id for app_id, *_ in lost} == {web["appId"]}
    assert set(lost.values()) == {"ForbiddenByRbac"}
    first = report["wouldBeRefused"][0]
    assert first["count"] == 1 and first["principal"] == f"{scene.vault}-0"
    assert first["scope"].startswith(scene.scope) and first["vault"] == scene.vault


def test_a_firewall_that_closes(scene):
    for person in scene.people[:2]:
        scene.assign(person, "Key Vault Administrator")
    closing = ("--default-action", "Deny")
    _, lost, won = scene.holds(
        ("--vault", scene.vault, *closing, "--allow-ip", "192.0.2.0/24", "2001:db8::/32"),
        lambda: update(scene, *closing, "--network-acls-ips", "192.0.2.0/24", "2001:db8::/32"),
    )
    assert len(lost) == 2 * len(OPERATIONS) and not won
    assert {address for *_, address in lost} == {ELSEWHERE}
    assert set(lost.values()) == {"ForbiddenByFirewall"}
    # And opens again, for the other side too.
    opening = ("--default-action", "Allow")
    _, lost, won = scene.holds(
        ("--vault", scene.vault, *opening), lambda: update(scene, *opening)
    )
    assert len(won) == 2 * len(OPERATIONS) and not lost


def test_a_vault_that_goes_over_to_access_policies(scene):
    by_role, by_policy, by_both = scene.people
    scene.assign(by_role, "Key Vault Secrets User")
    scene.assign(by_both, "Key Vault Administrator")
    for person in (by_policy, by_both):
        scene.server.cli(
            *("vault", "set-policy", scene.vault, "--object-id", object_id(scene, person)),
            *("--secret-permissions", "get", "--key-permissions", "sign"),
        )
    _, lost, won = scene.holds(
        ("--vault", scene.vault, "--rbac", "false"),
        lambda: update(scene, "--enable-rbac-authorization", "false"),
    )
    assert {lost[key] for key in lost if key[0] == by_role["appId"]} == {"AccessDenied"}
    assert {lost[key] for key in lost if key[0] == by_both["appId"]} == {"ForbiddenByPolicy"}
    assert {key[0] for key in won} == {by_policy["appId"]}
    assert len(won) == 2 * 3, "two secrets and a signature, from both addresses"
    # A policy that goes takes with it what it gave.
    going = object_id(scene, by_policy)
    _, lost, won = scene.holds(
        ("--vault", scene.vault, "--remove-policy", going),
        lambda: scene.server.cli("vault", "delete-policy", scene.vault, "--object-id", going),
    )
    assert len(lost) == 2 * 3 and set(lost.values()) == {"AccessDenied"} and not won


def object_id(scene, person):
    """A service principal's object id, as its own token says it."""
    return header_and_claims(scene.server.token(person))[1]["oid"]


def test_a_role_that_is_given_and_several_changes_at_once(scene):
    old, new, _ = scene.people
    going = scene.assign(old, "Key Vault Secrets User")
    at = f"{scene.scope}/secrets/one"
    giving = ("--assign", "Key Vault Secrets User", "--to", new["appId"], "--at", at)

    def make():
        scene.server.cli("role", "assignment", "delete", "--ids", going)
        scene.assign(new, "Key Vault Secrets User", at)

    _, lost, won = scene.holds((*giving, "--remove-assignment", going), make)
    assert len(lost) == 6
    assert {(app_id, name) for app_id, _, name, _ in won} == {(new["appId"], "one")}
    # What refuses nothing ends with 0.
    other = ("--assign", "Key Vault Reader", "--to", scene.people[2]["appId"], "--at", at)
    scene.report(*other, status=0)


def test_a_deny_assignment(scene):
    web, batch, _ = scene.people
    for person in (web, batch):
        scene.assign(person, "Key Vault Administrator")
    read = "Microsoft.KeyVault/vaults/secrets/getSecret/action"
    at = f"{scene.scope}/secrets/one"
    denied = []

    def make():
        made = scene.server.cli(
            *("role", "deny", "create", "--name", scene.vault, "--scope", at),
            *("--principals", web["appId"], "--data-actions", read),
        )
        denied.append(json.loads(made)["id"])

    denying = ("--deny-at", at, "--deny-data-actions", read, "--deny-to", web["appId"])
    _, lost, won = scene.holds(denying, make)
    assert len(lost) == 2 and not won
    assert {key[:3] for key in lost} == {(web["appId"], "SecretGet", "one")}
    _, lost, won = scene.holds(
        ("--remove-deny-assignment", denied[0]),
        lambda: scene.server.cli("role", "deny", "delete", "--ids", denied[0]),
    )
    assert len(won) == 2 and not lost


def test_the_control_plane(scene):
    person = scene.people[0]
    going = scene.assign(person, "Key Vault Contributor")
    arm = Arm(scene.server, person)
    assert arm.vault("GET", scene.vault).status == 200
    assert arm.vault("PATCH", scene.vault, {"tags": {"a": "b"}}).status == 200
    remove = ("--remove-assignment", going)

    def predicted():
        return {
            row["operation"]: row["code"]
            for row in scene.report(*remove)["wouldBeRefused"]
            if row["appId"] == person["appId"]
        }

    expected = {
        "Microsoft.KeyVault/vaults/read": "AuthorizationFailed",
        "Microsoft.KeyVault/vaults/write": "AuthorizationFailed",
    }
    until(lambda: predicted() == expected)
    scene.server.cli("role", "assignment", "delete", "--ids", going)
    for answer in (
        arm.vault("GET", scene.vault),
        arm.vault("PATCH", scene.vault, {"tags": {"a": "c"}}),
    ):
        assert (answer.status, answer.code) == (403, "AuthorizationFailed")


def test_what_cannot_be_judged_is_counted_and_nothing_changes(scene):
    server, person = scene.server, scene.people[0]
    assignment = scene.assign(person, "Key Vault Secrets User")
    assert server.raw(scene.vault, "").call("GET", "/secrets/one").status == 401
    raw = server.raw(scene.vault, server.token(person))
    assert raw.call("GET", "/secrets/one").status == 200
    report = scene.report("--remove-assignment", assignment)
    reasons = {entry["reason"]: entry for entry in report["notJudged"]}
    assert reasons["nobody"]["count"] >= 1 and "signed in" in reasons["nobody"]["text"]
    assert reasons["asksNothing"]["count"] >= 1, "sign-ins"
    assert raw.call("GET", "/secrets/one").status == 200, "nothing has changed"
    told = server.cli("access", "what-if", "--remove-assignment", assignment, check=False)
    assert told.returncode == REFUSES
    assert "Would be refused, and is allowed today: " in told.stdout
    assert f"SecretGet on {scene.scope}/secrets/one by {scene.vault}-0" in told.stdout
    assert "today" in told.stderr
    # Who asked this is in the journal, too.
    assert '"AccessWhatIf"' in server.cli("audit", "tail", "--lines", "50", "--format", "json")


def test_what_is_wrong_is_refused(scene):
    unknown = str(uuid.uuid4())
    for change, status in [
        ((), 2),
        (("--vault", scene.vault), 2),
        (("--rbac", "false"), 2),
        (("--assign", "Key Vault Reader", "--to", "x"), 2),
        (("--remove-assignment", unknown), 3),
        (("--remove-deny-assignment", unknown), 3),
        (("--vault", "nowhere", "--rbac", "false"), 3),
        (("--assign", "No Role", "--to", unknown, "--at", scene.scope), 3),
        (("--vault", scene.vault, "--allow-ip", "1.2.3"), 2),
        (("--vault", scene.vault, "--default-action", "Perhaps"), 2),
        (("--remove-assignment", "no-guid"), 2),
    ]:
        ended = scene.server.cli("access", "what-if", *change, check=False)
        assert ended.returncode == status, (change, ended.stderr)
        assert ended.stderr and not ended.stdout
