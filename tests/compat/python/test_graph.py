"""Microsoft Graph, as much as Key Vault's tools ask: who is who, and who belongs where."""

import json
import uuid
from urllib.parse import quote

import pytest

from issuer import Issuer
from raw import Raw
from strongroom import Strongroom

AUDIENCE = "api://strongroom-graph"
VAULT_AUDIENCE = "api://strongroom-vaults"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    issuer = Issuer(tmp_path_factory.mktemp("issuer"))
    yield issuer
    issuer.close()


@pytest.fixture(scope="module")
def server(issuer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("strongroom")
    config = folder / "strongroom.toml"
    config.write_text(
        f'[[trusted_issuer]]\nissuer = "{issuer.url}"\naudience = "{VAULT_AUDIENCE}"\n'
        f'graph_audience = "{AUDIENCE}"\n'
        f'ca_file = "{issuer.ca_file}"\n'
    )
    server = Strongroom(folder, "--config", config)
    try:
        server.start()
        yield server
        server.stop()
    finally:
        server.kill()


def graph_url(server):
    base, port = server.ready["base"], server.ready["port"]
    return f"https://graph.{base}" + ("" if port == 443 else f":{port}")


class Graph:
    """Requests as azure-cli sends them, with a token of its own."""

    def __init__(self, server, token):
        self.url = graph_url(server)
        self.raw = Raw(self.url, server.ready["caFile"], token)

    def get(self, path, **query):
        query = "&".join(f"${name}={quote(str(value), safe='')}" for name, value in query.items())
        return self.raw.send("GET", f"/v1.0{path}" + (f"?{query}" if query else ""))

    def found(self, path, **query):
        answer = self.get(path, **query)
        assert answer.status == 200, answer
        return answer.json()["value"]

    def post(self, path, body):
        return self.raw.send("POST", f"/v1.0{path}", body)


@pytest.fixture(scope="module")
def graph(server):
    return Graph(server, server.token(resource=graph_url(server)))


@pytest.fixture(scope="module")
def pipeline(server):
    return server.create_identity("pipeline")


def test_a_service_principal_is_found_as_az_looks_for_it(graph, pipeline):
    wanted = f"servicePrincipalNames/any(c:c eq '{pipeline['appId']}')"
    [principal] = graph.found("/servicePrincipals", filter=wanted)
    assert principal["appId"] == pipeline["appId"]
    assert principal["servicePrincipalNames"] == [pipeline["appId"]]
    assert graph.found("/servicePrincipals", filter="displayName eq 'pipeline'") == [principal]
    shown = graph.get(f"/servicePrincipals/{principal['id']}").json()
    assert shown.pop("@odata.context").startswith(graph.url)
    assert shown == principal
    [application] = graph.found("/applications", filter=f"appId eq '{pipeline['appId']}'")
    assert application["id"] != principal["id"]
    [credential] = application["passwordCredentials"]
    assert credential["secretText"] is None
    assert pipeline["password"] not in json.dumps(application)
    none = "servicePrincipalNames/any(c:c eq 'https://nobody')"
    assert graph.found("/servicePrincipals", filter=none) == []


def test_an_application_asks_who_it_is_and_az_goes_on(graph, server):
    """get_current_identity_object_id of azure-cli: /me fails, then the service principal."""
    answer = graph.get("/me")
    assert answer.status == 400
    assert answer.message == "/me request is only valid with delegated authentication flow."
    assert set(answer.error) == {"code", "message", "innerError"}
    assert set(answer.error["innerError"]) == {"date", "request-id", "client-request-id"}
    owner = server.ready["owner"]
    wanted = f"servicePrincipalNames/any(c:c eq '{owner['clientId']}')"
    assert [p["id"] for p in graph.found("/servicePrincipals", filter=wanted)] == [
        owner["objectId"]
    ]


def test_groups_and_their_members(graph, server, pipeline):
    outer = json.loads(server.cli("group", "create", "--display-name", "Operators"))
    inner = json.loads(server.cli("group", "create", "--display-name", "On call"))
    server.cli("group", "add-member", "--group", "Operators", "--member-id", "On call")
    server.cli("group", "add-member", "--group", "on call", "--member-id", pipeline["appId"])
    [principal] = graph.found("/servicePrincipals", filter=f"appId eq '{pipeline['appId']}'")
    path = f"/servicePrincipals/{principal['id']}"
    assert [g["displayName"] for g in graph.found(f"{path}/memberOf")] == ["On call"]
    both = sorted([outer["id"], inner["id"]])
    assert sorted(g["id"] for g in graph.found(f"{path}/transitiveMemberOf")) == both
    answer = graph.post(f"{path}/getMemberObjects", {"securityEnabledOnly": False})
    assert sorted(answer.json()["value"]) == both
    [group] = graph.found("/groups", filter="displayName eq 'Operators'")
    assert group["id"] == outer["id"] and group["securityEnabled"] is True
    [member] = graph.found(f"/groups/{inner['id']}/members")
    assert (member["@odata.type"], member["id"]) == (
        "#microsoft.graph.servicePrincipal", principal["id"],
    )
    # A role of the group is the member's, until it is taken out: on the next request.
    server.cli(
        "role", "assignment", "create", "--assignee", "Operators",
        "--role", "Key Vault Secrets Officer", "--scope", server.vault_id(),
    )
    raw = server.raw(token=server.token(pipeline))
    raw.set("through-groups")
    server.cli("group", "remove-member", "--group", inner["id"], "--member-id", principal["id"])
    assert raw.call("GET", "/secrets/through-groups").status == 403
    assert graph.found(f"{path}/transitiveMemberOf") == []
    server.cli("group", "delete", "--group", "Operators")
    assert graph.get(f"/groups/{outer['id']}").status == 404


def test_a_person_of_a_trusted_issuer(server, issuer, graph):
    oid = str(uuid.uuid4())
    ada_is = {"oid": oid, "idtyp": "user", "upn": "ada@example.com"}
    for_graph = issuer.token(aud=AUDIENCE, **ada_is)
    for_vaults = issuer.token(aud=VAULT_AUDIENCE, **ada_is)
    ada = Graph(server, for_graph)
    me = ada.get("/me").json()
    assert (me["id"], me["userPrincipalName"]) == (oid, "ada@example.com")
    wanted = "userPrincipalName eq 'ada@example.com'"
    assert graph.found("/users", filter=wanted) == []
    made = json.loads(server.cli(
        "user", "create", "--display-name", "Ada Lovelace", "--object-id", oid,
        "--user-principal-name", "ada@example.com", "--mail", "ada@mail.example",
    ))
    assert made["id"] == oid
    assert ada.get("/me").json()["displayName"] == "Ada Lovelace"
    [user] = graph.found("/users", filter=wanted)
    assert user["id"] == oid
    assert graph.found("/users", filter="mail eq 'ada@mail.example'") == [user]
    ended = server.cli(
        "user", "create", "--display-name", "Eve", "--user-principal-name", "ADA@example.com",
        check=False,
    )
    assert ended.returncode != 0
    server.cli(
        "role", "assignment", "create", "--assignee", "ada@example.com",
        "--role", "Key Vault Secrets Officer", "--scope", server.vault_id(),
    )
    server.raw(token=for_vaults).set("adas")
    assert server.raw(token=for_graph).call("GET", "/secrets").status == 401
    assert Graph(server, for_vaults).get("/me").status == 401
    server.cli("user", "delete", "--id", "ada@example.com")
    assert graph.found("/users", filter=wanted) == []


def test_ids_are_resolved_with_their_types(graph, server):
    owner = server.ready["owner"]["objectId"]
    body = {
        "ids": [owner, str(uuid.uuid4())],
        "types": ["user", "group", "servicePrincipal", "directoryObjectPartnerReference"],
    }
    answer = graph.post("/directoryObjects/getByIds", body)
    [found] = answer.json()["value"]
    assert (found["@odata.type"], found["id"]) == ("#microsoft.graph.servicePrincipal", owner)
    assert graph.get(f"/directoryObjects/{owner}").json()["id"] == owner


def test_pages_follow_one_another(graph, server):
    for number in range(5):
        server.create_identity(f"many-{number}")
    path, query, found = "/servicePrincipals", {"filter": "startswith(displayName,'many-')"}, []
    page = graph.get(path, **query, top=2, select="id,displayName").json()
    while True:
        assert all(set(object) == {"id", "displayName"} for object in page["value"])
        found += [object["displayName"] for object in page["value"]]
        if "@odata.nextLink" not in page:
            break
        assert len(page["value"]) == 2
        assert page["@odata.nextLink"].startswith(graph.url)
        page = graph.raw.send("GET", page["@odata.nextLink"][len(graph.url):]).json()
    assert sorted(found) == [f"many-{number}" for number in range(5)]


@pytest.mark.parametrize("method, path", [
    ("POST", "/applications"),
    ("POST", "/servicePrincipals"),
    ("POST", "/groups"),
    ("PATCH", "/users/x"),
    ("DELETE", "/groups/x"),
    ("POST", "/groups/x/members/$ref"),
])
def test_the_directory_is_not_changed_from_afar(graph, method, path):
    answer = graph.raw.send(method, f"/v1.0{path}", {})
    assert (answer.status, answer.code) == (403, "Authorization_RequestDenied")
    assert "strongroom identity" in answer.message


def test_a_token_is_for_one_service(server, graph, pipeline):
    assert Graph(server, server.token(pipeline, graph_url(server))).get("/groups").status == 200
    azure = server.token(pipeline, "https://graph.microsoft.com")
    assert Graph(server, azure).get("/groups").status == 200
    for other in ["", "x", server.token(pipeline)]:
        answer = Graph(server, other).get("/groups")
        assert (answer.status, answer.code) == (401, "InvalidAuthenticationToken"), other
        assert server.ready["authority"] in answer.headers["WWW-Authenticate"]
    assert server.raw(token=graph.raw.token).call("GET", "/secrets").status == 401


def test_every_answer_leaves_a_record_without_what_was_looked_for(server, graph):
    request = str(uuid.uuid4())
    wanted = quote("displayName eq 'looked-for-5b1c'", safe="")
    answer = graph.raw.send("GET", f"/v1.0/groups?$filter={wanted}", client_request_id=request)
    assert answer.headers["client-request-id"] == request
    lines = server.cli("audit", "tail", "--all", "--format", "json").splitlines()
    [record] = [r for r in map(json.loads, lines) if r["correlationId"] == request]
    assert record["operationName"] == "DirectoryRead"
    assert record["properties"]["requestId"] == answer.headers["request-id"]
    assert record["identity"]["claim"]["appid"] == server.ready["owner"]["clientId"]
    assert "looked-for" not in "".join(lines)
