"""The activity log: what the control plane did, in the shape of Azure Monitor."""

import datetime
import json
import time
import uuid

import pytest

from arm import Arm, object_of, until, vault_name

VERSION = "2015-04-01"
ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"


@pytest.fixture(scope="module")
def arm(server):
    return Arm(server)


def begun(minutes=60):
    """As `az monitor activity-log list` writes times: without a zone, without quotes."""
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    return (now - datetime.timedelta(minutes=minutes)).isoformat()


def values(arm, text, select=None, as_=None):
    provider = f"/subscriptions/{arm.subscription}/providers/Microsoft.Insights"
    path = f"{provider}/eventtypes/management/values"
    query = {"$filter": text, **({"$select": select} if select else {})}
    return (as_ or arm).send("GET", path, version=VERSION, **query)


def events(arm, more="", select=None):
    answer = values(arm, f"eventTimestamp ge {begun()} and eventTimestamp le {begun(-1)}{more}",
                    select)
    assert answer.status == 200, answer
    page, found = answer.json(), []
    while True:
        found += page["value"]
        if "nextLink" not in page:
            return found
        answer = arm.follow(page["nextLink"])
        assert answer.status == 200, answer
        page = answer.json()


def eventually(arm, more, count):
    """A change's record is drained to the journal after the answer."""
    deadline = time.monotonic() + 10
    while True:
        found = events(arm, more)
        if len(found) >= count or time.monotonic() > deadline:
            assert len(found) == count, found
            return found
        time.sleep(0.1)


@pytest.fixture(scope="module")
def made(arm):
    """A vault that was made, changed and deleted, and its id."""
    name = vault_name()
    arm.create(name)
    assert arm.vault("PATCH", name, {"tags": {"a": "b"}}).status == 200
    assert arm.vault("DELETE", name).status == 200
    return arm.vault_path(name)


def test_a_vaults_changes_the_newest_first(arm, server, made):
    found = eventually(arm, f" and resourceUri eq '{made}'", 6)
    told = [(e["operationName"]["value"], e["status"]["value"]) for e in found]
    write, delete = "Microsoft.KeyVault/vaults/write", "Microsoft.KeyVault/vaults/delete"
    assert told == [
        (delete, "Succeeded"), (delete, "Started"),
        (write, "Succeeded"), (write, "Started"),
        (write, "Succeeded"), (write, "Started"),
    ]
    end, begin = found[0], found[1]
    assert end["authorization"]["action"] == delete
    assert end["authorization"]["scope"] == made == end["resourceId"]
    assert end["authorization"]["role"] == "Owner"
    assert end["caller"] == server.ready["owner"]["clientId"]
    assert end["claims"]["appid"] == server.ready["owner"]["clientId"]
    assert end["channels"] == "Operation"
    assert end["category"]["value"] == "Administrative"
    assert end["level"] == "Informational"
    assert end["eventName"] == {"value": "EndRequest", "localizedValue": "End request"}
    assert end["subStatus"] == {"value": "OK", "localizedValue": "OK (HTTP Status Code: 200)"}
    assert end["resourceGroupName"] == arm.group
    assert end["resourceProviderName"]["value"] == "Microsoft.KeyVault"
    assert end["resourceType"]["value"] == "Microsoft.KeyVault/vaults"
    assert end["subscriptionId"] == arm.subscription
    assert end["tenantId"] == server.ready["tenantId"]
    assert end["httpRequest"]["method"] == "DELETE"
    assert end["httpRequest"]["clientIpAddress"] in ("127.0.0.1", "::1")
    assert end["operationId"] == begin["operationId"]
    assert end["correlationId"] == begin["correlationId"]
    assert end["eventDataId"] != begin["eventDataId"]
    for event in found:
        uuid.UUID(event["eventDataId"])
        assert event["submissionTimestamp"] >= event["eventTimestamp"]
    times = [event["eventTimestamp"] for event in found]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize("more, is_there", [
    (" and resourceGroupName eq '{group}'", True),
    (" and resourceGroupName eq 'another'", False),
    (" and resourceProvider eq Microsoft.KeyVault", True),
    (" and resourceProvider eq 'Microsoft.Authorization'", False),
    (" and caller eq '{owner}'", True),
    (" and caller eq 'nobody'", False),
    (" and status eq 'Succeeded'", True),
    (" and status eq 'Failed'", False),
    (" and resourceId eq '{id}' and eventChannels eq 'Admin, Operation'", True),
])
def test_filters_narrow_it(arm, server, made, more, is_there):
    eventually(arm, f" and resourceUri eq '{made}'", 6)
    owner = server.ready["owner"]["clientId"]
    found = events(arm, more.format(group=arm.group.upper(), owner=owner, id=made.upper()))
    assert any(event["resourceId"] == made for event in found) == is_there


def test_a_correlation_is_found_and_members_are_selected(arm, made):
    [end, *_] = eventually(arm, f" and resourceUri eq '{made}'", 6)
    found = events(arm, f" and correlationId eq '{end['correlationId']}'",
                   "eventTimestamp , operationName , status")
    assert [set(event) for event in found] == [{"eventTimestamp", "operationName", "status"}] * 2


def test_reads_and_secrets_are_none(arm, server):
    server.raw().set("not-of-the-control-plane")
    assert arm.send("GET", arm.group_path(), version="2024-11-01").status == 200
    verbs = {event["operationName"]["value"].rsplit("/", 1)[1] for event in events(arm)}
    assert verbs and verbs <= {"write", "delete", "action"}


def test_an_attempt_without_the_right_is_a_failure(arm, server):
    stranger = Arm(server, server.create_identity("stranger"))
    name = vault_name()
    refused = stranger.vault("PUT", name, stranger.body())
    assert refused.status == 403
    end, begin = eventually(arm, f" and resourceUri eq '{arm.vault_path(name)}'", 2)
    assert (end["status"]["value"], end["level"]) == ("Failed", "Error")
    assert end["subStatus"]["value"] == end["properties"]["statusCode"] == "Forbidden"
    assert "AuthorizationFailed" in end["properties"]["statusMessage"]
    assert begin["status"]["value"] == "Started"


def test_who_got_which_role_is_told(arm, server):
    """What `az role assignment list-changelogs` reads."""
    name = str(uuid.uuid4())
    path = f"{arm.group_path()}/providers/Microsoft.Authorization/roleAssignments/{name}"
    principal = server.ready["owner"]["objectId"]
    role = "00482a5a-887f-4fb3-b363-3b7fe8e74483"  # Key Vault Administrator
    definitions = "/providers/Microsoft.Authorization/roleDefinitions"
    body = {"properties": {"principalId": principal, "roleDefinitionId": f"{definitions}/{role}"}}
    assert arm.send("PUT", path, body, version="2022-04-01").status == 201
    assert arm.send("DELETE", path, version="2022-04-01").status == 200
    found = eventually(arm, f" and resourceUri eq '{path}'", 4)
    for event, member in [(found[3], "requestbody"), (found[0], "responseBody")]:
        told = json.loads(event["properties"][member])["properties"]
        assert told["principalId"] == principal
        assert told["roleDefinitionId"].endswith(f"/{role}")
        assert told["scope"] == arm.group_path()
    assert [e["httpRequest"]["method"] for e in found] == ["DELETE"] * 2 + ["PUT"] * 2


@pytest.mark.parametrize("way", ["a role assignment", "an identity with a role"])
def test_a_role_given_on_the_host_is_told(arm, server, way):
    def grants():
        found = events(arm, " and resourceProvider eq Microsoft.Authorization")
        return {event["resourceId"]: event for event in found}

    identity = server.create_identity(vault_name("told"))
    before = set(grants())
    role, where = ["--role", "Key Vault Reader"], ["--scope", arm.group_path()]
    if way == "a role assignment":
        assignee = ["--assignee", identity["appId"]]
        server.cli("role", "assignment", "create", *assignee, *role, *where)
    else:
        name = ["--name", vault_name("told")]
        identity = json.loads(server.cli("identity", "create-for-rbac", *name, *role, *where))
    until(lambda: set(grants()) > before)
    (event,) = [event for id_, event in grants().items() if id_ not in before]
    assert event["caller"] == "strongroom (on the host)"
    assert event["operationName"]["value"] == f"{ASSIGNMENTS}/write"
    assert event["resourceId"].startswith(f"{arm.group_path()}/providers/{ASSIGNMENTS}/")
    told = json.loads(event["properties"]["responseBody"])["properties"]
    assert told["principalId"] == object_of(server, identity)
    assert told["roleDefinitionId"].endswith("/21090545-7ca7-4776-b22c-e363652d74d2")
    assert told["scope"] == arm.group_path()


def test_only_who_may_read_it_does(arm, server):
    text = f"eventTimestamp ge {begun()}"
    identity = server.create_identity("reader-of-the-group", "Reader", arm.group_path())
    reader = Arm(server, identity)
    refused = values(arm, text, as_=reader)
    assert (refused.status, refused.code) == (403, "AuthorizationFailed")
    assert "Microsoft.Insights/eventtypes/values/read" in refused.message
    # What lies in the group is the group's readers' to see, and nothing else.
    inside = values(arm, f"{text} and resourceGroupName eq '{arm.group}'", as_=reader)
    assert inside.status == 200
    assert {event["resourceGroupName"] for event in inside.json()["value"]} <= {arm.group}
    assert values(arm, f"{text} and resourceGroupName eq 'another'", as_=reader).status == 403
    both = f"{text} and resourceGroupName eq '{arm.group}' and resourceUri eq '/subscriptions/x'"
    assert values(arm, both, as_=reader).json()["value"] == []


@pytest.mark.parametrize("text", ["", "caller eq 'x'", "eventTimestamp ge yesterday",
                                  "eventTimestamp ge 2026-01-01 or caller eq 'x'"])
def test_what_is_no_filter(arm, text):
    assert (values(arm, text).status, values(arm, text).code) == (400, "BadRequest")


def test_pages(arm):
    names = [vault_name() for _ in range(105)]
    for name in names:
        arm.create(name)
    for name in names:
        eventually(arm, f" and resourceUri eq '{arm.vault_path(name)}'", 2)
    answer = values(arm, f"eventTimestamp ge '{begun()}Z' and resourceProvider eq "
                         "'Microsoft.KeyVault'")
    assert "$skiptoken=" in answer.json()["nextLink"]
    found = [event["eventDataId"] for event in events(arm)]
    assert len(found) == len(set(found)) >= 210
