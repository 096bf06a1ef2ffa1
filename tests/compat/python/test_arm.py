"""Azure Resource Manager apart from vaults: what az and Terraform ask before and beside them."""

import base64
import json
import uuid

import pytest

from arm import Arm, management_url, vault_name
from arm_resources import CORE, LOCKS, error, finished, lock_path, new_group
from raw import Raw, fetch


@pytest.fixture(scope="module")
def arm(server):
    return Arm(server)


@pytest.fixture
def group(arm):
    return new_group(arm)


def reader(server, role="Reader", scope=None):
    scope = scope or f"/subscriptions/{server.ready['subscriptionId']}"
    return server.create_identity(vault_name("reader"), role, scope)


# Endpoints


@pytest.mark.parametrize("path", ["/metadata/endpoints", "//metadata/endpoints"])
def test_anybody_finds_the_endpoints(server, path):
    url = f"{management_url(server)}{path}?api-version=2022-09-01"
    found = fetch(url, server.ready["caFile"]).json()
    port = management_url(server).removeprefix(f"https://management.{server.ready['base']}")
    base = server.ready["base"] + port
    assert found["authentication"]["loginEndpoint"].rstrip("/") == server.ready["authority"]
    assert found["authentication"]["identityProvider"] == "AAD"
    assert found["suffixes"]["keyVaultDns"] == f"vault.{base}"
    assert found["suffixes"]["mhsmDns"] == f"managedhsm.{base}"
    assert found["resourceManager"] == management_url(server) + "/"
    for member in ["name", "portal", "graph", "graphAudience", "microsoftGraphResourceId"]:
        assert found[member], member


# Signing in


def test_without_a_token_the_challenge_names_the_authority(server, arm):
    raw = Raw(arm.url, server.ready["caFile"])
    answer = raw.send("GET", "/subscriptions?api-version=2022-12-01")
    message = error(answer, 401, "AuthenticationFailed")
    assert message == "Authentication failed. The 'Authorization' header is missing."
    challenge = answer.headers["WWW-Authenticate"]
    authority = f"{server.ready['authority']}/{server.ready['tenantId']}"
    assert challenge.startswith(f'Bearer authorization_uri="{authority}"')


def test_a_token_for_vaults_is_no_token_for_the_control_plane(server, arm):
    raw = Raw(arm.url, server.ready["caFile"], server.token())
    answer = raw.send("GET", "/subscriptions?api-version=2022-12-01")
    assert server.resource() in error(answer, 401, "InvalidAuthenticationTokenAudience")
    vault = Raw(server.vault_url(), server.ready["caFile"], server.token(resource=arm.url))
    assert vault.send("GET", "/secrets?api-version=7.4").status == 401


@pytest.mark.parametrize("name", ["core.windows.net/", "azure.com"])
def test_azures_own_names_of_the_control_plane_are_taken(server, arm, name):
    token = server.token(resource=f"https://management.{name}")
    raw = Raw(arm.url, server.ready["caFile"], token)
    assert raw.send("GET", "/subscriptions?api-version=2022-12-01").status == 200


def test_a_forged_token_is_refused(server, arm):
    head, claims, _ = server.token(resource=arm.url).split(".")
    forged = ".".join([head, claims, base64.urlsafe_b64encode(b"x" * 256).decode().rstrip("=")])
    raw = Raw(arm.url, server.ready["caFile"], forged)
    error(
        raw.send("GET", "/subscriptions?api-version=2022-12-01"), 401, "InvalidAuthenticationToken"
    )


# Subscriptions and tenants


def test_subscriptions_and_tenants(server, arm):
    found = arm.send("GET", "/subscriptions", version=CORE).json()["value"]
    assert [each["subscriptionId"] for each in found] == [arm.subscription]
    one = arm.send("GET", f"/subscriptions/{arm.subscription.upper()}", version=CORE).json()
    assert one == found[0]
    assert (one["state"], one["tenantId"]) == ("Enabled", server.ready["tenantId"])
    assert one["managedByTenants"] == []
    tenants = arm.send("GET", "/tenants", version=CORE).json()["value"]
    assert [each["tenantId"] for each in tenants] == [server.ready["tenantId"]]
    locations = arm.send("GET", f"/subscriptions/{arm.subscription}/locations", version=CORE)
    assert "local" in [each["name"] for each in locations.json()["value"]]


def test_a_subscription_is_seen_by_those_who_have_a_part_in_it(server):
    nobody = Arm(server, server.create_identity(vault_name("nobody")))
    assert nobody.send("GET", "/subscriptions", version=CORE).json()["value"] == []
    answer = nobody.send("GET", f"/subscriptions/{nobody.subscription}", version=CORE)
    message = error(answer, 403, "AuthorizationFailed")
    assert "'Microsoft.Resources/subscriptions/read'" in message
    user = reader(server, "Key Vault Secrets User", server.vault_id())
    found = Arm(server, user).send("GET", "/subscriptions", version=CORE).json()["value"]
    assert [each["subscriptionId"] for each in found] == [nobody.subscription]


def test_unknown_subscriptions(arm):
    other = str(uuid.uuid4())
    message = error(
        arm.send("GET", f"/subscriptions/{other}", version=CORE), 404, "SubscriptionNotFound"
    )
    assert message == f"The subscription '{other}' could not be found."
    error(
        arm.send("GET", "/subscriptions/x/resourcegroups", version=CORE),
        400,
        "InvalidSubscriptionId",
    )


# Versions, headers, bodies


def test_every_request_has_a_version(arm):
    answer = arm.raw.send("GET", "/subscriptions")
    message = error(answer, 400, "MissingApiVersionParameter")
    assert message == (
        "The api-version query parameter (?api-version=) is required for all requests."
    )
    assert arm.raw.send("GET", "/subscriptions?api%2Dversion=2022-12-01").status == 200


def test_versions_are_checked_for_each_type(arm):
    message = error(
        arm.send("GET", "/subscriptions", version="1999-01-01"), 400, "InvalidApiVersionParameter"
    )
    assert message.startswith(
        "The api-version '1999-01-01' is invalid. The supported versions are '"
    )
    message = error(arm.vault("GET", "dev", version="1999-01-01"), 400, "NoRegisteredProviderFound")
    assert message.startswith(
        "No registered resource provider found for location 'local' and API version '1999-01-01' "
        "for type 'vaults'. The supported api-versions are '"
    )
    locks = f"/subscriptions/{arm.subscription}/providers/Microsoft.Authorization/locks"
    message = error(arm.send("GET", locks, version="1999-01-01"), 404, "InvalidResourceType")
    assert message == (
        "The resource type 'locks' could not be found in the namespace 'Microsoft.Authorization' "
        "for api version '1999-01-01'. The supported api-versions are "
        "'2020-05-01,2017-04-01,2016-09-01,2015-06-01,2015-05-01-preview,2015-01-01'."
    )
    unknown = f"{arm.provider()}/nothings"
    message = error(arm.send("GET", unknown), 404, "InvalidResourceType")
    assert message == (
        "The resource type could not be found in the namespace 'Microsoft.KeyVault' for api "
        "version '2026-02-01'."
    )
    other = f"/subscriptions/{arm.subscription}/providers/Microsoft.Nothing/things"
    message = error(arm.send("GET", other), 404, "InvalidResourceNamespace")
    assert message == "The resource namespace 'Microsoft.Nothing' is invalid."


def test_every_answer_has_the_headers(arm):
    correlation = str(uuid.uuid4())
    answer = arm.raw.send(
        "GET", "/subscriptions?api-version=2022-12-01", x_ms_correlation_request_id=correlation
    )
    headers = answer.headers
    assert headers["x-ms-correlation-request-id"] == correlation
    uuid.UUID(headers["x-ms-request-id"])
    assert headers["x-ms-routing-request-id"].endswith(headers["x-ms-request-id"])
    assert headers["x-ms-ratelimit-remaining-tenant-reads"] == "249", "a full bucket less this one"
    assert headers["Cache-Control"] == "no-cache"
    assert headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_bodies_are_json_and_at_most_4_mib(arm, group):
    path = arm.group_path(group)
    for bad in [b"{", b"[]", b"\xff", b'{"location": 1}', b'{"location":"local","nothing":1}']:
        error(arm.send("PUT", path, bad, version=CORE), 400, "InvalidRequestContent")
    large = json.dumps({"location": "westeurope", "tags": {"a": "x" * 4 * 1024 * 1024}}).encode()
    message = error(arm.send("PUT", path, large, version=CORE), 413, "RequestContentTooLarge")
    assert message == "The request content size exceeds the maximum size of 4 MB."
    assert "tags" not in arm.send("GET", path, version=CORE).json()


def test_paths_and_methods_that_are_nothings(arm):
    assert arm.send("GET", "/nothing", version=CORE).status == 404
    error(arm.send("POST", "/subscriptions", {}, version=CORE), 405, "HttpMethodNotAllowed")


# Resource groups


def test_a_group_from_its_creation_to_its_deletion(arm):
    name = vault_name("Group")
    path = arm.group_path(name)
    assert arm.send("HEAD", path, version=CORE).status == 404
    message = error(arm.send("GET", path, version=CORE), 404, "ResourceGroupNotFound")
    assert message == f"Resource group '{name}' could not be found."
    made = arm.send("PUT", path, {"location": "West Europe", "tags": {"a": "1"}}, version=CORE)
    assert made.status == 201
    assert made.json() == {
        "id": path,
        "name": name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": "westeurope",
        "tags": {"a": "1"},
        "properties": {"provisioningState": "Succeeded"},
    }
    odd = f"/SUBSCRIPTIONS/{arm.subscription.upper()}/RESOURCEGROUPS/{name.upper()}"
    assert arm.send("GET", odd, version=CORE).json() == made.json()
    assert arm.send("HEAD", odd, version=CORE).status == 204
    tagged = arm.send("PATCH", path, {"tags": {"b": "2"}}, version=CORE)
    assert (tagged.status, tagged.json()["tags"]) == (200, {"b": "2"})
    again = arm.send("PUT", odd, {**made.json(), "tags": {}}, version=CORE)
    assert again.status == 200
    assert again.json()["name"] == name, "the name stays as it was first spelt"
    assert "tags" not in again.json()
    elsewhere = arm.send("PUT", path, {"location": "eastus"}, version=CORE)
    message = error(elsewhere, 409, "InvalidResourceGroupLocation")
    assert message == (
        "Invalid resource group location 'eastus'. The Resource group already exists in location "
        "'westeurope'."
    )
    finished(arm, arm.send("DELETE", path, version=CORE))
    assert arm.send("HEAD", path, version=CORE).status == 404
    error(arm.send("DELETE", path, version=CORE), 404, "ResourceGroupNotFound")


def test_groups_that_break_the_rules(arm):
    bad = arm.group_path("a%20b")
    message = error(
        arm.send("PUT", bad, {"location": "local"}, version=CORE), 400, "InvalidResourceGroup"
    )
    assert message == (
        "The provided resource group name 'a b' has these invalid characters: ' '. The name can "
        "only be a letter, digit, '-', '.', '(', ')' or '_'."
    )
    fine = arm.group_path(vault_name())
    error(arm.send("PUT", fine, {}, version=CORE), 400, "LocationRequired")
    error(
        arm.send("PUT", fine, {"location": "mars!"}, version=CORE),
        400,
        "LocationNotAvailableForResourceGroup",
    )
    tags = {f"t{n}": "" for n in range(51)}
    assert arm.send("PUT", fine, {"location": "local", "tags": tags}, version=CORE).status == 400
    assert arm.send("HEAD", fine, version=CORE).status == 404


def test_groups_are_listed_by_tag_and_page(arm):
    mark = uuid.uuid4().hex
    names = sorted(vault_name("page") for _ in range(5))
    for name in names:
        body = {"location": "local", "tags": {"Mark": mark}}
        assert arm.send("PUT", arm.group_path(name), body, version=CORE).status == 201
    groups = f"/subscriptions/{arm.subscription}/resourcegroups"
    only = f"tagName eq 'mark' and tagValue eq '{mark}'"
    page = arm.send("GET", groups, version=CORE, **{"$filter": only, "$top": 2})
    found = [each["name"] for each in page.json()["value"]]
    while "nextLink" in page.json():
        assert len(page.json()["value"]) == 2
        page = arm.follow(page.json()["nextLink"])
        found += [each["name"] for each in page.json()["value"]]
    assert found == names
    bad = arm.send("GET", groups, version=CORE, **{"$filter": "name eq 'foo'"})
    message = error(bad, 400, "InvalidFilterInQueryString")
    assert message == "Invalid $filter 'name eq 'foo'' specified in the query string."


def test_a_group_takes_its_vaults_with_it_and_they_can_come_back(arm, group):
    name = vault_name()
    path = arm.vault_path(name, group)
    assert arm.send("PUT", path, arm.body()).status in (200, 201)
    finished(arm, arm.send("DELETE", arm.group_path(group), version=CORE))
    error(arm.send("GET", path), 404, "ResourceGroupNotFound")
    deleted = arm.send("GET", arm.deleted_path(name, "local"))
    assert deleted.status == 200, deleted
    body = {"location": "westeurope"}
    assert arm.send("PUT", arm.group_path(group), body, version=CORE).status == 201
    recovered = arm.send("PUT", path, arm.body(createMode="recover"))
    assert recovered.status in (200, 201), recovered


def test_a_role_in_a_group_does_not_outlive_it(server, arm, group):
    user = reader(server, "Contributor", arm.group_path(group))
    theirs = Arm(server, user)
    assert theirs.send("GET", arm.group_path(group), version=CORE).status == 200
    finished(arm, arm.send("DELETE", arm.group_path(group), version=CORE))
    arm.send("PUT", arm.group_path(group), {"location": "westeurope"}, version=CORE)
    error(theirs.send("GET", arm.group_path(group), version=CORE), 403, "AuthorizationFailed")


# Who may do what


def test_readers_change_nothing(server, arm, group):
    theirs = Arm(server, reader(server))
    path = arm.group_path(group)
    assert theirs.send("GET", path, version=CORE).status == 200
    for method, target, body, version in [
        ("PUT", path, {"location": "westeurope"}, CORE),
        ("PUT", arm.group_path(vault_name()), {"location": "local"}, CORE),
        ("PATCH", path, {"tags": {}}, CORE),
        ("DELETE", path, None, CORE),
        (
            "PUT",
            f"{path}/providers/Microsoft.Resources/tags/default",
            {"properties": {"tags": {}}},
            CORE,
        ),
        ("DELETE", f"{path}/providers/Microsoft.Resources/tags/default", None, CORE),
        ("PUT", f"/subscriptions/{arm.subscription}/tagNames/x", None, CORE),
        ("PUT", lock_path(path, "l"), {"properties": {"level": "ReadOnly"}}, LOCKS),
        ("DELETE", lock_path(path, "l"), None, LOCKS),
        ("POST", f"{arm.provider()}/register", None, CORE),
    ]:
        message = error(
            theirs.send(method, target, body, version=version), 403, "AuthorizationFailed"
        )
        assert "does not have authorization to perform action 'Microsoft." in message
    assert (
        arm.send("GET", path, version=CORE).json()["properties"]["provisioningState"] == "Succeeded"
    )


def test_a_contributor_locks_nothing(server, arm, group):
    theirs = Arm(server, reader(server, "Contributor"))
    path = lock_path(arm.group_path(group), "l")
    answer = theirs.send("PUT", path, {"properties": {"level": "ReadOnly"}}, version=LOCKS)
    assert "'Microsoft.Authorization/locks/write'" in error(answer, 403, "AuthorizationFailed")


def test_lists_show_what_the_caller_may_read(server, arm, group):
    other = vault_name("Other")
    arm.send("PUT", arm.group_path(other), {"location": "local"}, version=CORE)
    name = vault_name()
    arm.send("PUT", arm.vault_path(name, group), arm.body())
    theirs = Arm(server, reader(server, scope=arm.group_path(group)))
    groups = f"/subscriptions/{arm.subscription}/resourcegroups"
    found = theirs.send("GET", groups, version=CORE).json()["value"]
    assert [each["name"] for each in found] == [group]
    resources = f"/subscriptions/{arm.subscription}/resources"
    found = theirs.send("GET", resources, version="2021-04-01").json()["value"]
    assert [each["name"] for each in found] == [name]
    error(theirs.send("GET", arm.group_path(other), version=CORE), 403, "AuthorizationFailed")
    missing = theirs.send("GET", arm.group_path("not-there"), version=CORE)
    error(missing, 403, "AuthorizationFailed")


# Resources and providers


def test_az_finds_a_vaults_group_by_its_name(arm, group):
    name = vault_name()
    arm.send("PUT", arm.vault_path(name, group), {**arm.body(), "tags": {"Team": "a"}})
    resources = f"/subscriptions/{arm.subscription}/resources"

    def find(text, path=resources, **query):
        answer = arm.send("GET", path, version="2015-11-01", **{"$filter": text}, **query)
        assert answer.status == 200, answer
        return [each["id"] for each in answer.json()["value"]]

    mine = arm.vault_path(name, group)
    assert find(f"resourceType eq 'Microsoft.KeyVault/vaults' and name eq '{name.upper()}'") == [
        mine
    ]
    assert find(f"resourceGroup eq '{group.lower()}' and name eq '{name}'") == [mine]
    assert find("tagName eq 'team' and tagValue eq 'a'", f"{arm.group_path(group)}/resources") == [
        mine
    ]
    assert find(f"resourceType eq 'Microsoft.Storage/storageAccounts' and name eq '{name}'") == []
    assert find("name eq 'not there'") == []
    assert mine in find("resourceType eq 'Microsoft.KeyVault/vaults'")
    answer = arm.send("GET", resources, version="2015-11-01", **{"$filter": "plan eq 'x'"})
    error(answer, 400, "InvalidFilterInQueryString")
    expanded = arm.send(
        "GET",
        resources,
        version="2021-04-01",
        **{"$filter": f"name eq '{name}'", "$expand": "createdTime,changedTime,provisioningState"},
    )
    shown = expanded.json()["value"][0]
    assert shown["provisioningState"] == "Succeeded"
    assert shown["createdTime"].endswith("Z")
    assert shown["tags"] == {"Team": "a"}


def test_resources_come_page_by_page(arm, group):
    names = sorted(vault_name() for _ in range(4))
    for name in names:
        assert arm.send("PUT", arm.vault_path(name, group), arm.body()).status in (200, 201)
    page = arm.send(
        "GET", f"{arm.group_path(group)}/resources", version="2021-04-01", **{"$top": 3}
    )
    assert [each["name"] for each in page.json()["value"]] == names[:3]
    page = arm.follow(page.json()["nextLink"])
    assert [each["name"] for each in page.json()["value"]] == names[3:]
    assert "nextLink" not in page.json()


def test_providers_are_registered(arm):
    base = f"/subscriptions/{arm.subscription}/providers"
    found = arm.send("GET", base, version="2022-09-01").json()["value"]
    namespaces = {each["namespace"] for each in found}
    assert namespaces >= {
        "Microsoft.KeyVault",
        "Microsoft.Authorization",
        "Microsoft.Resources",
        "Microsoft.Insights",
    }
    assert {each["registrationState"] for each in found} == {"Registered"}
    shown = arm.send("GET", f"{base}/microsoft.keyvault", version="2022-09-01").json()
    vaults = next(each for each in shown["resourceTypes"] if each["resourceType"] == "vaults")
    assert vaults["apiVersions"][0] >= "2026-02-01"
    assert "local" in vaults["locations"]
    registered = arm.send("POST", f"{base}/Microsoft.KeyVault/register", version="2022-09-01")
    assert registered.json()["registrationState"] == "Registered"
    error(
        arm.send("GET", f"{base}/Microsoft.Nothing", version="2022-09-01"),
        404,
        "InvalidResourceNamespace",
    )


def test_names_of_resources_are_checked(arm):
    path = "/providers/Microsoft.Resources/checkResourceName"
    body = {"name": "fine", "type": "Microsoft.KeyVault/vaults"}
    assert arm.send("POST", path, body, version=CORE).json()["status"] == "Allowed"
    body["name"] = "my-Microsoft-thing"
    assert arm.send("POST", path, body, version=CORE).json()["status"] == "Reserved"


# Audit


def test_writes_reads_and_refusals_are_audited(server, arm):
    name = vault_name("Audited")
    path = arm.group_path(name)
    made = arm.send("PUT", path, {"location": "local"}, version=CORE)
    read = arm.send("GET", path, version=CORE)
    stranger = Arm(server, server.create_identity(vault_name("stranger")))
    refused = stranger.send("DELETE", path, version=CORE)
    ids = {each.headers["x-ms-request-id"]: each for each in [made, read, refused]}
    lines = server.cli("audit", "tail", "--all", "--format", "json").splitlines()
    found = {each["properties"]["requestId"]: each for each in map(json.loads, lines)}
    for request_id, answer in ids.items():
        record = found[request_id]
        assert record["properties"]["httpStatusCode"] == answer.status
        assert record["resourceId"].lower() == path.lower()
        assert record["identity"]["claim"]["appid"]
    prefix = "Microsoft.Resources/subscriptions/resourceGroups/"
    operations = [found[each]["operationName"] for each in ids]
    assert operations == [prefix + "write", prefix + "read", prefix + "delete"]
