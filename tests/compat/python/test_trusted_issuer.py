"""Tokens of another issuer, under the rules of DECISIONS: its own audience, its own principals."""

import json
import uuid

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from arm import management_url
from issuer import Issuer
from raw import Raw
from strongroom import Strongroom

AUDIENCE = "api://strongroom-compat"
AUDIENCES = {
    "vault": AUDIENCE,
    "management": "api://strongroom-compat-management",
    "graph": "api://strongroom-compat-graph",
}
PRINCIPAL = str(uuid.uuid4())
GOVERNOR = str(uuid.uuid4())


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    issuer = Issuer(tmp_path_factory.mktemp("issuer"))
    yield issuer
    issuer.close()


@pytest.fixture(scope="module")
def governor(tmp_path_factory):
    """An issuer that the control plane and Graph trust, too."""
    issuer = Issuer(tmp_path_factory.mktemp("governor"))
    yield issuer
    issuer.close()


@pytest.fixture(scope="module")
def server(issuer, governor, tmp_path_factory):
    folder = tmp_path_factory.mktemp("strongroom")
    config = folder / "strongroom.toml"
    config.write_text(
        f'[[trusted_issuer]]\nissuer = "{issuer.url}"\naudience = "{AUDIENCE}"\n'
        f'ca_file = "{issuer.ca_file}"\nrequired_claims = {{ workload = "compat" }}\n'
        f'[[trusted_issuer]]\nissuer = "{governor.url}"\naudience = "{AUDIENCE}"\n'
        f'management_audience = "{AUDIENCES["management"]}"\n'
        f'graph_audience = "{AUDIENCES["graph"]}"\nca_file = "{governor.ca_file}"\n'
    )
    server = Strongroom(folder, "--config", config)
    try:
        server.start()
        grant(server, PRINCIPAL)
        server.raw().set("shared", "v")
        yield server
        server.stop()
    finally:
        server.kill()


def grant(server, principal):
    server.cli(
        "role", "assignment", "create", "--assignee-object-id", principal,
        "--role", "Key Vault Secrets User", "--scope", server.vault_id(),
    )


def token(issuer, **claims):
    return issuer.token(**{"aud": AUDIENCE, "oid": PRINCIPAL, "workload": "compat", **claims})


def get(server, token):
    return server.raw(token=token).call("GET", "/secrets/shared")


def test_a_principal_with_a_role_reads(server, issuer):
    answer = get(server, token(issuer))
    assert answer.status == 200, answer
    assert answer.json()["value"] == "v"
    assert "/keys" in issuer.asked


def test_a_principal_without_a_role_is_known_but_refused(server, issuer):
    answer = get(server, token(issuer, oid=str(uuid.uuid4())))
    assert (answer.status, answer.inner_code) == (403, "ForbiddenByRbac")
    assert f"iss={issuer.url}" in answer.message


def test_without_an_object_id_the_subject_is_the_principal(server, issuer):
    """UUIDv5 of issuer and subject: always the same one, and its own."""
    bearer = token(issuer, oid=None, sub="pipeline/42")
    refused = get(server, bearer)
    assert refused.status == 403
    principal = refused.message.split("oid=")[1].split(";")[0]
    assert uuid.UUID(principal).version == 5
    grant(server, principal)
    assert get(server, bearer).status == 200
    assert get(server, token(issuer, oid=None, sub="pipeline/43")).status == 403


@pytest.mark.parametrize("claims", [
    {"aud": "https://vault.azure.net"},
    {"aud": "https://vault.azure.net/"},
    {"aud": "api://strongroom-other"},
    {"aud": None},
    {"iss": "https://localhost:1"},
    {"exp": 1_700_000_000},
    {"nbf": 4_102_444_800},
    {"workload": "other"},
    {"workload": None},
    {"exp": None},
])
def test_what_the_rules_do_not_allow(server, issuer, claims):
    answer = get(server, token(issuer, **claims))
    assert (answer.status, answer.code) == (401, "Unauthorized"), answer
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_the_audience_of_this_installation_is_no_strangers(server, issuer):
    assert get(server, token(issuer, aud=server.resource())).status == 401


def test_a_key_that_the_issuer_does_not_publish(server, issuer):
    issuer.keys["hidden"] = rsa.generate_private_key(65537, 2048)
    bearer = token(issuer, key="hidden")
    del issuer.keys["hidden"]
    assert get(server, bearer).status == 401


def statuses(server, bearer):
    """What each of the three services says to a token, and the code of its refusal."""
    vault = get(server, bearer)
    subscription = f"/subscriptions/{server.ready['subscriptionId']}?api-version=2022-12-01"
    management = Raw(management_url(server), server.ready["caFile"], bearer)
    management = management.send("GET", subscription)
    graph = Raw(server.ready["graph"], server.ready["caFile"], bearer)
    graph = graph.send("GET", "/v1.0/users")
    return {"vault": vault, "management": management, "graph": graph}


def test_the_control_plane_takes_no_token_of_an_issuer_of_vaults(server, issuer):
    """However it is made out: the principal even owns the subscription."""
    scope = f"/subscriptions/{server.ready['subscriptionId']}"
    server.cli("role", "assignment", "create", "--assignee-object-id", GOVERNOR,
               "--role", "Owner", "--scope", scope)
    grant(server, GOVERNOR)
    for audience in [*AUDIENCES.values(), management_url(server), server.ready["graph"]]:
        found = statuses(server, token(issuer, aud=audience, oid=GOVERNOR))
        assert (found["vault"].status == 200) == (audience == AUDIENCE), audience
        assert found["management"].status == found["graph"].status == 401, audience
        assert found["management"].code == "InvalidAuthenticationTokenTenant"


def test_a_token_opens_the_service_that_it_is_for(server, governor):
    for meant, audience in AUDIENCES.items():
        bearer = governor.token(aud=audience, oid=GOVERNOR)
        found = statuses(server, bearer)
        opened = {service for service, answer in found.items() if answer.status == 200}
        assert opened == {meant}
        refused = {answer.status for service, answer in found.items() if service != meant}
        assert refused == {401}


def test_a_stranger_cannot_take_our_own_issuers_name(server, issuer):
    ours = f"{server.ready['authority']}/{server.ready['tenantId']}/v2.0"
    owner = server.ready["owner"]["objectId"]
    forged = token(issuer, iss=ours, aud=server.resource(), oid=owner,
                   tid=server.ready["tenantId"])
    assert get(server, forged).status == 401


def test_a_dead_issuer_does_not_touch_our_own_tokens(server, issuer):
    issuer.close()
    assert server.raw().call("GET", "/secrets/shared").status == 200


def test_its_requests_are_audited_under_its_principal(server, issuer):
    lines = server.cli("audit", "tail", "--all", "--format", "json").splitlines()
    claim = "http://schemas.microsoft.com/identity/claims/objectidentifier"
    found = [record for record in map(json.loads, lines)
             if record["identity"].get("claim", {}).get(claim) == PRINCIPAL]
    assert found and all(record["operationName"] == "SecretGet" for record in found)
    assert {record["properties"]["issuer"] for record in found} == {issuer.url}
    ours = [record for record in map(json.loads, lines) if record["operationName"] == "SecretSet"]
    assert ours and not any("issuer" in record["properties"] for record in ours)
